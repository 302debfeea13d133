// SPDX-License-Identifier: BSL-1.0
// What a child's standard descriptors are, for every way to ask for them, from callers
// with every set of their own closed. An oracle of a few lines says what they should be.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pyproc/posix/pipe.hpp"
#include "pyproc/subprocess.hpp"
#include "support/caller.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"

using namespace pyproc;
using namespace pyproc::subprocess;

namespace {

constexpr const char* print_standard = CHILDREN "/child.print_standard";
constexpr int high = 50;     // a file of the caller's
constexpr int answers = 51;  // where the child tells what it sees

/// A way to ask for a stream, and how a failure names it.
struct Way {
    std::string name;
    Redirect redirect;
};

std::vector<Way> ways(bool for_errors) {
    std::vector<Way> all{{"INHERIT", INHERIT},
                         {"PIPE", PIPE},
                         {"DEVNULL", DEVNULL},
                         {"0", 0},
                         {"1", 1},
                         {"2", 2},
                         {"50", high}};
    if (for_errors) all.push_back({"STDOUT", STDOUT});
    return all;
}

std::string identity(const struct stat& file, int access) {
    return std::to_string(file.st_dev) + ':' + std::to_string(file.st_ino) + ':' +
           std::to_string(access);
}

/// What this process has under `fd`, in print_standard's words.
std::string identity(int fd) {
    struct stat file {};
    if (::fstat(fd, &file) != 0) return "closed";
    return identity(file, ::fcntl(fd, F_GETFL) & O_ACCMODE);
}

std::string identity_of_null() {
    struct stat file {};
    ::stat("/dev/null", &file);
    return identity(file, O_RDWR);
}

/// The other end of a pipe of ours: the same file, open for the other thing.
std::string identity_of_other_end(int ours, int access) {
    struct stat file {};
    ::fstat(ours, &file);
    return identity(file, access);
}

/// Gives this process four different files, and takes away those of 0, 1 and 2 whose bits
/// are set.
void set_up(int closed) {
    for (const int to : {0, 1, 2, high}) {
        std::FILE* const file = std::tmpfile();
        if (file == nullptr) std::abort();
        ::dup2(::fileno(file), to);
        std::fclose(file);
    }
    for (int fd = 0; fd < 3; ++fd) {
        if ((closed >> fd & 1) != 0) ::close(fd);
    }
}

constexpr const char* bad_descriptor = "EBADF";

/// The oracle: what a stream should be that was asked for in this way.
std::string expected(int number, const Redirect& redirect) {
    if (redirect.is(INHERIT)) return identity(number);
    if (redirect.is(DEVNULL)) return identity_of_null();
    const std::string named = identity(redirect.fd());
    return named == "closed" ? bad_descriptor : named;
}

std::string expected(const Options& options, const Popen* child) {
    const auto of_pipe = [&](auto Popen::*stream, int access) -> std::string {
        if (child == nullptr) return "pipe";
        return identity_of_other_end((child->*stream).fileno(), access);
    };
    const std::string in = options.std_in.is(PIPE) ? of_pipe(&Popen::std_in, O_RDONLY)
                                                   : expected(0, options.std_in);
    const std::string out = options.std_out.is(PIPE) ? of_pipe(&Popen::std_out, O_WRONLY)
                                                     : expected(1, options.std_out);
    std::string err;
    if (options.std_err.is(STDOUT)) {
        err = out == "closed" ? bad_descriptor : out;
    } else {
        err = options.std_err.is(PIPE) ? of_pipe(&Popen::std_err, O_WRONLY)
                                       : expected(2, options.std_err);
    }
    for (const std::string& each : {in, out, err}) {
        if (each == bad_descriptor) return bad_descriptor;
    }
    return in + ' ' + out + ' ' + err + ' ';
}

/// What was to be seen and what was; equal if all is well.
struct Seen {
    std::string expected;
    std::string actual;
};

Seen start(const Options& options, int answers_end) {
    try {
        Popen child{{print_standard, std::to_string(answers)}, options};
        Seen seen{expected(options, &child), {}};
        child.wait();
        char bytes[256];
        const ssize_t got = ::read(answers_end, bytes, sizeof bytes);
        if (got > 0) seen.actual.assign(bytes, static_cast<std::size_t>(got));
        return seen;
    } catch (const OSError& error) {
        const bool is_bad = error.code().value() == EBADF;
        return {expected(options, nullptr), is_bad ? bad_descriptor : error.what()};
    }
}

/// The first combination that goes wrong for a caller with these closed; empty if none
/// does.
std::string first_fault(int closed, bool close_fds) {
    set_up(closed);
    auto pipe = posix::make_pipe().or_throw("pipe");
    ::dup2(pipe.write_end.get(), answers);  // and so not close-on-exec
    // So that a child that says nothing does not keep us waiting.
    ::fcntl(pipe.read_end.get(), F_SETFL, O_NONBLOCK);
    const test::Caller before;
    const std::string ours = identity(0) + identity(1) + identity(2);
    for (const Way& in : ways(false)) {
        for (const Way& out : ways(false)) {
            for (const Way& err : ways(true)) {
                Options options{.close_fds = close_fds,
                                .std_err = err.redirect,
                                .std_in = in.redirect,
                                .std_out = out.redirect};
                if (close_fds) options.pass_fds = {answers};
                const Seen seen = start(options, pipe.read_end.get());
                std::string fault;
                if (seen.actual != seen.expected)
                    fault = "; " + seen.expected + " became " + seen.actual;
                if (identity(0) + identity(1) + identity(2) != ours)
                    fault += "; the caller's own have changed";
                fault += before.changes();
                if (!fault.empty()) {
                    return "std_in = " + in.name + ", std_out = " + out.name +
                           ", std_err = " + err.name + fault;
                }
            }
        }
    }
    return {};
}

void check_all(bool by_clone, bool close_fds) {
    for (int closed = 0; closed < 8; ++closed) {
        INFO("closed (bits): " << closed);
        const std::string fault = test::told_by_forked([&] {
            spawn::clone_engine_works = by_clone;
            return first_fault(closed, close_fds);
        });
        CHECK(fault == "");
    }
}

}  // namespace

TEST_CASE(
    "standard descriptors: whichever the caller has closed or hands on, each is right") {
    check_all(true, true);
}

TEST_CASE("standard descriptors: likewise by the portable engine") {
    check_all(false, true);
}

TEST_CASE("standard descriptors: likewise where the others stay open") {
    check_all(true, false);
}

TEST_CASE("standard descriptors: one file may be all three") {
    const std::string told = test::told_by_forked([] {
        set_up(0);
        auto pipe = posix::make_pipe().or_throw("pipe");
        ::dup2(pipe.write_end.get(), answers);
        return start({.pass_fds = {answers, high},
                      .std_err = STDOUT,
                      .std_in = high,
                      .std_out = high},
                     pipe.read_end.get())
                           .actual ==
                       identity(high) + ' ' + identity(high) + ' ' + identity(high) + ' '
                   ? ""
                   : "they differ";
    });

    CHECK(told == "");
}

TEST_CASE("standard descriptors: one pipe takes output and errors, up to its one end") {
    Popen child({CHILDREN "/child.copy_input", "twice"},
                {.std_err = STDOUT, .std_in = PIPE, .std_out = PIPE});

    const Output output = child.communicate("x");

    CHECK(output.std_out == "xx");
    CHECK(output.std_err.empty());
    CHECK(child.std_err.closed());
}

TEST_CASE("standard descriptors: a redirection wins over one that is passed on") {
    CHECK(run({CHILDREN "/child.copy_input", "twice"},
              {.input = "x", .pass_fds = {0, 1, 2}, .std_err = STDOUT, .std_out = PIPE})
              .std_out == "xx");
}

TEST_CASE("standard descriptors: a stream's source is passed on too if it is named") {
    auto pipe = posix::make_pipe().or_throw("pipe");
    const int source = pipe.write_end.get();

    const auto done = run({CHILDREN "/child.print_descriptors"},
                          {.pass_fds = {source}, .std_err = source, .std_out = PIPE});

    CHECK(done.std_out == "0 1 2 " + std::to_string(source) + ' ');
}
