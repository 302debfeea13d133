// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/c_library.hpp"

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>

#include <unistd.h>

#include "pyproc/posix/pipe.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"

using namespace pyproc::posix;

namespace {

constexpr int wrong = 99;
constexpr int status_of_exit = 5;
#if defined(PYPROC_PORTABLE) && PYPROC_PORTABLE
constexpr int status_told = EXIT_FAILURE;
#else
constexpr int status_told = status_of_exit;
#endif

void leave(int status) {
    ::_exit(status + 10);
}

int from_later_handler = 0;

void leave_as_later_handler_says(int) {
    ::_exit(from_later_handler);
}

}  // namespace

TEST_CASE("call_first_at_exit: a hook that ends the process keeps earlier handlers out") {
    const int code = test::forked([] {
        std::atexit([] { ::_exit(wrong); });
        if (!call_first_at_exit<leave>()) return wrong;
        std::exit(status_of_exit);
    });

    CHECK(code == status_told + 10);
}

TEST_CASE("call_first_at_exit: handlers registered after it run before it") {
    const int code = test::forked([] {
        if (!call_first_at_exit<leave_as_later_handler_says>()) return wrong;
        std::atexit([] { from_later_handler = 7; });
        std::exit(status_of_exit);
    });

    CHECK(code == 7);
}

TEST_CASE("call_first_at_exit: an exit handler may register the hook, which is next") {
    const int code = test::forked([]() -> int {
        std::atexit([] { ::_exit(wrong); });
        std::atexit([] {
            if (!call_first_at_exit<leave>()) ::_exit(wrong);
        });
        std::exit(status_of_exit);
    });

    CHECK(code == status_told + 10);
}

TEST_CASE("ExitHandler: runs in a child that is forked while it lives, ahead of others") {
    static const int argument = 8;
    static const pid_t parent = ::getpid();
    std::atexit([] {
        if (::getpid() != parent) ::_exit(wrong);
    });
    const ExitHandler handler{[](void* given) {
                                  if (::getpid() != parent)
                                      ::_exit(*static_cast<int*>(given));
                              },
                              const_cast<int*>(&argument)};

    const int code = test::forked([]() -> int { std::exit(wrong); });

    CHECK(handler);
    CHECK(code == argument);
}

TEST_CASE("ExitHandler: is gone after its life, whatever was registered meanwhile") {
    const int code = test::forked([]() -> int {
        static bool may_run = true;
        {
            const ExitHandler handler{[](void*) {
                                          if (!may_run) ::_exit(wrong);
                                      },
                                      nullptr};
            std::atexit([] { ::_exit(status_of_exit); });
        }
        may_run = false;
        std::exit(wrong);
    });

    CHECK(code == status_of_exit);
}

TEST_CASE("discard_buffer: what is in an output buffer is never written") {
    auto pipe = make_pipe().or_throw("pipe");
    std::FILE* stream = ::fdopen(pipe.write_end.release(), "w");

    std::fputs("lost", stream);
    discard_buffer(stream);
    std::fputs("kept", stream);
    std::fclose(stream);

    char text[16] = {};
    CHECK(::read(pipe.read_end.get(), text, sizeof text) == 4);
    CHECK(std::string{text} == "kept");
}

TEST_CASE("discard_buffer: dropping what was read ahead does not move the file") {
    std::FILE* stream = std::tmpfile();
    std::fputs("one\ntwo\n", stream);
    std::rewind(stream);
    const int first = std::fgetc(stream);
    const off_t read_ahead_to = ::lseek(::fileno(stream), 0, SEEK_CUR);

    discard_buffer(stream);

    CHECK(first == 'o');
    CHECK(::lseek(::fileno(stream), 0, SEEK_CUR) == read_ahead_to);
    CHECK(std::fgetc(stream) == EOF);
    std::fclose(stream);
}

TEST_CASE("holds_output: from a write to the flush") {
    Pipe pipe = make_pipe().or_throw("pipe");
    std::FILE* const file = ::fdopen(pipe.write_end.release(), "w");

    const bool before = holds_output(file);
    std::fputs("text", file);
    const bool between = holds_output(file);
    std::fflush(file);

    CHECK(between);
#if __has_include(<stdio_ext.h>)
    CHECK_FALSE(before);
    CHECK_FALSE(holds_output(file));
#else
    static_cast<void>(before);
#endif
    std::fclose(file);
}

TEST_CASE("may_hold_input: of a stream that has been read from") {
    std::FILE* const file = std::tmpfile();
    std::fputs("text", file);
    std::rewind(file);

    CHECK(std::fgetc(file) == 't');

    CHECK(may_hold_input(file));
    std::fclose(file);
}

TEST_CASE("writes_to_c_stream: not a buffer that keeps what is written to it") {
    const std::stringbuf kept;

    CHECK_FALSE(writes_to_c_stream(kept));
#if __has_include(<ext/stdio_sync_filebuf.h>)
    CHECK(test::forked([] { return writes_to_c_stream(*std::cout.rdbuf()) ? 0 : 1; }) ==
          0);
    CHECK(test::forked([] {
              std::ios::sync_with_stdio(false);
              return writes_to_c_stream(*std::cout.rdbuf()) ? 1 : 0;
          }) == 0);
#endif
}
