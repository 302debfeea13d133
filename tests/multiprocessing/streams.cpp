// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/streams.hpp"

#include <cstdio>
#include <cwchar>
#include <ios>
#include <iostream>
#include <string>
#include <thread>

#include <unistd.h>

#include "multiprocessing/support.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"

using namespace pyproc::multiprocessing::detail;

TEST_CASE("flush_streams: writes out the streams of C and of C++") {
    flush_streams();  // what the framework has in store is not ours
    test::Redirected out{STDOUT_FILENO};
    std::printf("C, ");
    std::cout << "C++ ";
    std::clog.flush();

    flush_streams();

    CHECK(out.text() == "C, C++ ");
}

TEST_CASE("flush_streams: a stream that can't be flushed throws nothing") {
    const int code = test::forked([] {
        ::close(STDOUT_FILENO);
        std::cout.exceptions(std::ios::badbit | std::ios::failbit);
        std::printf("text for nobody");
        flush_streams();
        return 3;
    });

    CHECK(code == 3);
}

TEST_CASE("flush_streams: leaves the other streams of C alone") {
    auto pipe = pyproc::posix::make_pipe().or_throw("pipe");
    std::FILE* const file = ::fdopen(pipe.write_end.release(), "w");
    std::fputs("kept back", file);

    flush_streams();

    CHECK_FALSE(test::is_ready(pipe.read_end.get()));
    std::fclose(file);
}

TEST_CASE("flush_streams: does not wait for the lock of a stream that is read") {
    const int code = test::forked([] {
        ::alarm(30);
        const test::Channel locked;
        std::thread{[&locked] {
            ::flockfile(stdin);  // as a thread does that waits for input
            locked.tell();
            for (;;) ::pause();
        }}.detach();
        locked.await();
        flush_streams();
        return 3;
    });

    CHECK(code == 3);
}

TEST_CASE("drop_inherited_output: a copy of the parent's buffer is never written") {
    flush_streams();
    test::Redirected out{STDOUT_FILENO};

    const int code = test::forked([] {
        std::printf("the parent's, ");
        drop_inherited_output();
        std::printf("the child's");
        flush_streams();
        return 0;
    });

    CHECK(code == 0);
    CHECK(out.text() == "the child's");
}

TEST_CASE("detach_input: what comes next is the end of the input") {
    const int code = test::forked([] {
        const test::Channel terminal;
        char byte = 0;
        terminal.tell("text for the parent");
        detach_input();
        const bool is_std_at_end = std::getchar() == EOF && std::cin.get() == EOF;
        return is_std_at_end && ::read(STDIN_FILENO, &byte, 1) == 0 ? 0 : 1;
    });

    CHECK(code == 0);
}

TEST_CASE("detach_input: what the parent has read ahead stays the parent's alone") {
    const int code = test::forked([] {
        std::FILE* file = std::tmpfile();
        std::fputs("one\ntwo\n", file);
        std::rewind(file);
        ::dup2(::fileno(file), STDIN_FILENO);
        const bool is_ahead = std::getchar() == 'o';

        const int child = test::forked([] {
            detach_input();
            return std::getchar() == EOF ? 0 : 1;
        });

        // Had the child moved the shared file, "one" would come a second time.
        char line[8] = {};
        if (!is_ahead || child != 0) return 1;
        if (std::fgets(line, sizeof line, stdin) == nullptr) return 2;
        if (std::fgets(line, sizeof line, stdin) == nullptr) return 3;
        return std::fgets(line, sizeof line, stdin) == nullptr ? 0 : 4;
    });

    CHECK(code == 0);
}

TEST_CASE("detach_input: what the streams of C++ have read ahead is gone, in any state") {
    const auto code = [](bool is_failed) {
        return test::forked([is_failed] {
            std::ios::sync_with_stdio(false);
            const test::Channel terminal;
            ::dup2(terminal.read_end(), STDIN_FILENO);
            terminal.tell("text");
            const bool is_ahead = std::cin.get() == 't';
            terminal.tell("wide text");
            const bool is_wide_ahead = std::wcin.get() == L'w';
            if (is_failed) {
                std::cin.setstate(std::ios::failbit);
                std::wcin.setstate(std::ios::failbit);
            }

            detach_input();

            std::cin.clear();
            std::wcin.clear();
            if (!is_ahead || !is_wide_ahead) return 1;
            if (std::cin.get() != EOF) return 2;
            return std::wcin.get() == WEOF ? 0 : 3;
        });
    };

    CHECK(code(false) == 0);
    CHECK(code(true) == 0);
}

TEST_CASE("detach_input: a program may have left a stream of input without a buffer") {
    const int code = test::forked([] {
        std::cin.rdbuf(nullptr);
        detach_input();
        return std::wcin.get() == WEOF ? 0 : 1;
    });

    CHECK(code == 0);
}

TEST_CASE("detach_input: a standard input that is closed stays closed") {
    const int code = test::forked([] {
        ::close(STDIN_FILENO);
        detach_input();
        return ::fcntl(STDIN_FILENO, F_GETFD) < 0 ? 0 : 1;
    });

    CHECK(code == 0);
}
