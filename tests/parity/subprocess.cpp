// SPDX-License-Identifier: BSL-1.0
// Plays the scenarios of tests/parity/subprocess/*.cpp and prints, a line each and with
// tabs between: the name, the scenario in Python, and what the same in C++ gave.
// tests/parity/test_subprocess.py plays them in Python. An argument picks the scenarios
// that have it in their names.
//
// Each is played in a process and a directory of its own, with a file as its standard
// input, and others as its standard output and standard error, which are part of its
// answer if it writes to them. After it no child and no new descriptor may be there.

#include "pyproc/subprocess.hpp"

#include <csignal>
#include <iostream>
#include <set>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "parity/subprocess/row.hpp"
#include "parity/subprocess/stage.hpp"
#include "pyproc/posix/io.hpp"
#include "pyproc/repr.hpp"
#include "support/descriptors.hpp"

namespace parity {
namespace {

std::string name_of(const OSError& error) {
    if (dynamic_cast<const FileNotFoundError*>(&error)) return "FileNotFoundError";
    if (dynamic_cast<const PermissionError*>(&error)) return "PermissionError";
    if (dynamic_cast<const NotADirectoryError*>(&error)) return "NotADirectoryError";
    if (dynamic_cast<const ProcessLookupError*>(&error)) return "ProcessLookupError";
    if (dynamic_cast<const ChildProcessError*>(&error)) return "ChildProcessError";
    if (dynamic_cast<const BrokenPipeError*>(&error)) return "BrokenPipeError";
    if (dynamic_cast<const BlockingIOError*>(&error)) return "BlockingIOError";
    if (dynamic_cast<const InterruptedError*>(&error)) return "InterruptedError";
    return "OSError";
}

std::string repr_of(TimeoutExpired::seconds timeout) {
    char text[64];
    std::snprintf(text, sizeof text, "%g", timeout.count());
    return text;
}

}  // namespace

Verbatim shown_error() {
    try {
        throw;
    } catch (const CalledProcessError& error) {
        return {"CalledProcessError" +
                shown(std::tuple{error.returncode(), error.cmd(), error.output(),
                                 error.std_err()}) +
                ": " + error.what()};
    } catch (const TimeoutExpired& error) {
        return {"TimeoutExpired" +
                shown(std::tuple{error.cmd(), Verbatim{repr_of(error.timeout())},
                                 error.output(), error.std_err()}) +
                ": " + error.what()};
    } catch (const SubprocessError& error) {
        return {"SubprocessError: "s + error.what()};
    } catch (const OSError& error) {
        return {name_of(error) + " " + std::to_string(error.code().value()) + " " +
                error.filename()};
    } catch (const UnicodeDecodeError& error) {
        return {"UnicodeDecodeError: "s + error.what()};
    } catch (const UnicodeEncodeError& error) {
        return {"UnicodeEncodeError: "s + error.what()};
    } catch (const ValueError&) {
        return {"ValueError"};
    } catch (const std::exception& error) {
        return {"not comparable: "s + error.what()};
    }
}

namespace {

void set_the_stage(const std::string& place) {
    make_directory(place.c_str());
    make_file(place + ".in", "the caller's input\n");
    for (int fd = 0; fd < 3; ++fd) {
        const std::string path = place + (fd == 0 ? ".in" : fd == 1 ? ".out" : ".err");
        const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND, 0644);
        require(::dup2(file, fd) == fd && ::close(file) == 0, "dup2");
    }
    require(::chdir(place.c_str()) == 0, "chdir");
    ::umask(022);
    ::alarm(60);
}

std::string left_behind(const std::set<int>& known_descriptors) {
    std::string text;
    if (::waitpid(-1, nullptr, WNOHANG) >= 0) text += "; left a child";
    for (const int fd : test::open_descriptors()) {
        if (!known_descriptors.contains(fd))
            text += "; left descriptor " + std::to_string(fd);
    }
    return text;
}

std::string written(const std::string& name) {
    const std::string text = read_file(name);
    return text.empty() ? text : "; " + repr_bytes(text);
}

/// Plays a row in a process of its own.
std::string play(const Row& row, const std::string& place) {
    auto answer = make_pipe();
    const pid_t player = ::fork();
    if (player == 0) {
        set_the_stage(place);
        const auto known = test::open_descriptors();
        std::string text = row.answer();
        text += left_behind(known);
        ::_exit(posix::write_all(answer.write_end.get(), text) ? 0 : 1);
    }
    answer.write_end.reset();
    std::string text;
    char piece[4096];
    for (;;) {
        const auto got = posix::read_some(answer.read_end.get(), piece, sizeof piece);
        if (!got || *got == 0) break;
        text.append(piece, *got);
    }
    int status = 0;
    ::waitpid(player, &status, 0);
    if (status != 0) text += "; wait status " + std::to_string(status);
    return text + written(place + ".out") + written(place + ".err");
}

}  // namespace
}  // namespace parity

int main(int argc, char** argv) {
    using namespace parity;
    // As Python does when it starts.
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);
    int number = 0;
    for (const auto rows :
         {rows_of_functions, rows_of_commands, rows_of_lookup, rows_of_start_errors,
          rows_of_redirections, rows_of_descriptors, rows_of_text, rows_of_popen,
          rows_of_streams, rows_of_communicate, rows_of_timeouts, rows_of_signals,
          rows_of_identity}) {
        for (const Row& row : rows()) {
            if (argc > 1 && row.name.find(argv[1]) == std::string::npos) continue;
            // First, so that no player inherits half a line.
            const std::string answer = play(row, std::to_string(number++));
            std::cout << repr(row.name) << '\t' << repr(row.python) << '\t'
                      << repr(answer) << std::endl;
        }
    }
}
