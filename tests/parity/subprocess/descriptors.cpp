// SPDX-License-Identifier: BSL-1.0
// Which descriptors a child has: the standard ones in any order or none, those that are
// passed on, and how large its pipes are.

#include <array>
#include <climits>
#include <string>
#include <vector>

#include "parity/subprocess/row.hpp"
#include "parity/subprocess/stage.hpp"

namespace parity {

// Left out, since the contract differs: a descriptor in pass_fds that is not open is
// EBADF here, whatever its number; one of the standard three is not in Python, if by then
// one of its own pipes has that number.

/// Makes the standard descriptors three files that begin with 0, 1 and 2.
static void name_the_standard_files() {
    for (int fd = 0; fd < 3; ++fd) {
        const std::string name = std::to_string(fd);
        make_file(name, name);
        const int file = ::open(name.c_str(), O_RDWR);
        require(::dup2(file, fd) == fd && ::close(file) == 0, "dup2");
    }
}

/// What a child finds behind its standard descriptors.
static std::string files_of_child(Options options) {
    const auto pipe = make_pipe();
    options.pass_fds = {pipe.write_end.get()};
    run({child("print_files"), std::to_string(pipe.write_end.get())}, options);
    char names[3];
    require(::read(pipe.read_end.get(), names, 3) == 3, "read");
    return {names, 3};
}

static Table rows_of_moves() {
    return {
        {"standard descriptors: each may be any of the caller's",
         R"(
            for fd in range(3):
                make_file(str(fd), str(fd))
                file = os.open(str(fd), os.O_RDWR)
                os.dup2(file, fd)
                os.close(file)
            found = []
            for i in range(64):
                r, w = os.pipe()
                fds = [None if fd == 3 else fd for fd in (i // 16, i // 4 % 4, i % 4)]
                run([child('print_files'), str(w)], pass_fds=[w],
                    stdin=fds[0], stdout=fds[1], stderr=fds[2])
                found.append(os.read(r, 3))
                close_all(r, w)
            return found)",
         [] {
             name_the_standard_files();
             const auto redirect = [](int fd) {
                 return fd == 3 ? Redirect{INHERIT} : Redirect{fd};
             };
             std::vector<std::string> found;
             for (int i = 0; i < 64; ++i) {
                 found.push_back(files_of_child({.std_err = redirect(i % 4),
                                                 .std_in = redirect(i / 16),
                                                 .std_out = redirect(i / 4 % 4)}));
             }
             return found;
         }},
        {"closed streams: standard input, and a pipe in its place",
         R"(
            close_all(0)
            return run([child('copy_input'), 'both'], input=b'x', capture_output=True))",
         [] {
             close_all({0});
             return run({child("copy_input"), "both"},
                        {.capture_output = true, .input = "x"});
         }},
        {"closed streams: standard output, and pipes",
         R"(
            close_all(1)
            return run([child('copy_input'), 'both'], input=b'x', capture_output=True))",
         [] {
             close_all({1});
             return run({child("copy_input"), "both"},
                        {.capture_output = true, .input = "x"});
         }},
        {"closed streams: standard error, and pipes",
         R"(
            close_all(2)
            return run([child('copy_input'), 'both'], input=b'x', capture_output=True))",
         [] {
             close_all({2});
             return run({child("copy_input"), "both"},
                        {.capture_output = true, .input = "x"});
         }},
        {"closed streams: all, and pipes",
         R"(
            close_all(0, 1, 2)
            return run([child('copy_input'), 'both'], input=b'x', capture_output=True))",
         [] {
             close_all({0, 1, 2});
             return run({child("copy_input"), "both"},
                        {.capture_output = true, .input = "x"});
         }},
        {"closed streams: the child's are closed too",
         R"(
            close_all(0, 2)
            return run([child('print_descriptors')], stdout=PIPE))",
         [] {
             close_all({0, 2});
             return run({child("print_descriptors")}, {.std_out = PIPE});
         }},
        {"closed streams: DEVNULL in place of all",
         R"(
            close_all(0, 1, 2)
            return run([child('copy_input')], stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL))",
         [] {
             close_all({0, 1, 2});
             return run({child("copy_input")},
                        {.std_err = DEVNULL, .std_in = DEVNULL, .std_out = DEVNULL});
         }},
        {"closed streams: one pipe for two",
         R"(
            close_all(1, 2)
            return run([child('write_both'), 'o', 'e'], stdout=PIPE, stderr=STDOUT))",
         [] {
             close_all({1, 2});
             return run({child("write_both"), "o", "e"},
                        {.std_err = STDOUT, .std_out = PIPE});
         }},
        {"closed streams: STDOUT where there is none",
         R"(
            close_all(1)
            return run([child('noop')], stderr=STDOUT))",
         [] {
             close_all({1});
             return run({child("noop")}, {.std_err = STDOUT});
         }},
        {"closed streams: named as a descriptor",
         R"(
            close_all(1)
            return run([child('noop')], stderr=1))",
         [] {
             close_all({1});
             return run({child("noop")}, {.std_err = 1});
         }},
        {"closed streams: a missing program",
         R"(
            close_all(0, 1, 2)
            return run(['/no/such/program'], capture_output=True))",
         [] {
             close_all({0, 1, 2});
             return run({"/no/such/program"}, {.capture_output = true});
         }},
    };
}

static Table rows_of_passed_descriptors() {
    return {
        {"close_fds: the standard descriptors alone are open",
         R"(
            os.dup2(1, 20)
            return run([child('print_descriptors')], stdout=PIPE))",
         [] {
             const posix::UniqueFd twenty{::dup2(1, 20)};
             return run({child("print_descriptors")}, {.std_out = PIPE});
         }},
        {"close_fds: without it, what is inheritable is inherited",
         R"(
            os.dup2(1, 20)
            os.dup2(1, 21, inheritable=False)
            return run([child('print_descriptors')], close_fds=False, stdout=PIPE))",
         [] {
             const posix::UniqueFd twenty{::dup2(1, 20)};
             const posix::UniqueFd next{::dup3(1, 21, O_CLOEXEC)};
             return run({child("print_descriptors")},
                        {.close_fds = false, .std_out = PIPE});
         }},
        {"close_fds: without it, a missing program",
         "run(['/no/such/program'], close_fds=False)",
         [] { return run({"/no/such/program"}, {.close_fds = false}); }},
        {"close_fds: without it, a program that PATH has not",
         "run(['no-such-program'], close_fds=False)",
         [] { return run({"no-such-program"}, {.close_fds = false}); }},
        {"close_fds: without it, a missing directory",
         "run([child('noop')], close_fds=False, cwd='missing')",
         [] { return run({child("noop")}, {.close_fds = false, .cwd = "missing"}); }},
        {"close_fds: without it, a signal and the streams",
         "run('echo o; echo e >&2; kill -9 $$', shell=True, close_fds=False, "
         "stdout=PIPE, stderr=STDOUT)",
         [] {
             return run(
                 "echo o; echo e >&2; kill -9 $$",
                 {.close_fds = false, .shell = true, .std_err = STDOUT, .std_out = PIPE});
         }},
        {"pass_fds: those are open, and no other",
         R"(
            os.dup2(1, 20, inheritable=False)
            os.dup2(1, 30)
            os.dup2(1, 25, inheritable=False)
            return run([child('print_descriptors')], pass_fds=[25, 20], stdout=PIPE))",
         [] {
             const posix::UniqueFd a{::dup3(1, 20, O_CLOEXEC)};
             const posix::UniqueFd b{::dup2(1, 30)};
             const posix::UniqueFd c{::dup3(1, 25, O_CLOEXEC)};
             return run({child("print_descriptors")},
                        {.pass_fds = {25, 20}, .std_out = PIPE});
         }},
        {"pass_fds: it overrides close_fds",
         R"(
            os.dup2(1, 20)
            os.dup2(1, 21)
            return run([child('print_descriptors')], pass_fds=[20], close_fds=False,
                       stdout=PIPE))",
         [] {
             const posix::UniqueFd a{::dup2(1, 20)};
             const posix::UniqueFd b{::dup2(1, 21)};
             return run({child("print_descriptors")},
                        {.close_fds = false, .pass_fds = {20}, .std_out = PIPE});
         }},
        {"pass_fds: one twice",
         R"(
            os.dup2(1, 20)
            return run([child('print_descriptors')], pass_fds=[20, 20], stdout=PIPE))",
         [] {
             const posix::UniqueFd twenty{::dup2(1, 20)};
             return run({child("print_descriptors")},
                        {.pass_fds = {20, 20}, .std_out = PIPE});
         }},
        {"pass_fds: what is written to one arrives",
         R"(
            r, w = os.pipe()
            done = run([child('flood'), '3', str(w)], pass_fds=[w])
            return done.returncode, os.read(r, 10))",
         [] {
             const auto pipe = make_pipe();
             const int w = pipe.write_end.get();
             const Args args{child("flood"), "3", std::to_string(w)};
             const int code = run(args, {.pass_fds = {w}}).returncode;
             char text[10];
             const auto got = ::read(pipe.read_end.get(), text, sizeof text);
             return std::tuple{code, std::string(text, static_cast<std::size_t>(got))};
         }},
        {"pass_fds: a redirection of the same number wins",
         "run([child('write_both'), 'o', 'e'], pass_fds=[1, 2], stdout=PIPE)",
         [] {
             return run({child("write_both"), "o", "e"},
                        {.pass_fds = {1, 2}, .std_out = PIPE});
         }},
        {"pass_fds: a source of a redirection stays, too",
         R"(
            os.dup2(1, 20, inheritable=False)
            return run([child('flood'), '3', '20'], pass_fds=[20], stdout=20))",
         [] {
             const posix::UniqueFd twenty{::dup3(1, 20, O_CLOEXEC)};
             return run({child("flood"), "3", "20"}, {.pass_fds = {20}, .std_out = 20});
         }},
        {"pass_fds: one that is not open", "run([child('noop')], pass_fds=[99])",
         [] { return run({child("noop")}, {.pass_fds = {99}}); }},
        {"pass_fds: a negative one", "run([child('noop')], pass_fds=[-1])",
         [] { return run({child("noop")}, {.pass_fds = {-1}}); }},
    };
}

/// The sizes of the three pipes of a child.
static std::array<int, 3> sizes_of_pipes(int pipesize) {
    Popen p{{child("write_and_wait")},
            {.pipesize = pipesize, .std_err = PIPE, .std_in = PIPE, .std_out = PIPE}};
    return {::fcntl(p.std_in.fileno(), F_GETPIPE_SZ),
            ::fcntl(p.std_out.fileno(), F_GETPIPE_SZ),
            ::fcntl(p.std_err.fileno(), F_GETPIPE_SZ)};
}

static Table rows_of_pipe_sizes() {
    Table rows;
#if defined(PYPROC_PORTABLE) && PYPROC_PORTABLE
    // Built for POSIX alone we have no say in it, and Python has.
    return rows;
#endif
    for (const int size : {-1, 0, 1, 4096, 5000, 131072, 1048576, INT_MAX}) {
        rows.emplace_back("pipesize: " + std::to_string(size), R"(
            p = Popen([child('write_and_wait')], stdin=PIPE, stdout=PIPE, stderr=PIPE,
                      pipesize=)" + std::to_string(size) + R"()
            return [fcntl.fcntl(stream, fcntl.F_GETPIPE_SZ)
                    for stream in (p.stdin, p.stdout, p.stderr)])",
                          [size] { return sizes_of_pipes(size); });
    }
    return rows;
}

Table rows_of_descriptors() {
    Table all;
    for (const auto rows :
         {rows_of_moves, rows_of_passed_descriptors, rows_of_pipe_sizes}) {
        for (const Row& row : rows()) all.push_back(row);
    }
    return all;
}

}  // namespace parity
