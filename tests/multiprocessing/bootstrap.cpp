// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/bootstrap.hpp"

#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

#include <sys/resource.h>
#include <unistd.h>

#include "multiprocessing/support.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"

using namespace pyproc::multiprocessing::detail;
using pyproc::multiprocessing::SystemExit;

namespace {

struct Report {
    int code;
    std::string text;
};

template <class Exception>
Report report_of(Exception exception) {
    test::Redirected err{STDERR_FILENO};
    const int code = report(std::make_exception_ptr(exception), "Process-1");
    return {code, err.text()};
}

/// What becomes of a child whose target is `run`.
template <class Run>
int code_of(Run run) {
    const pyproc::posix::ExitHandler handler{leave_child_at_exit, &Registry::here()};
    return test::forked([&run]() -> int {
        const auto self =
            std::make_shared<ProcessState>(Identity{1}, ::getppid(), "x", false);
        Registry::enter_child(Registry::for_child(self, Parent{}, -1));
        drop_inherited_output();
        live_as_child(self, run);
    });
}

}  // namespace

TEST_CASE("report: names the process, then the exception, and is a failure") {
    const auto [code, text] = report_of(std::runtime_error{"it's broken"});

    CHECK(code == 1);
    CHECK(text == "Process Process-1:\nstd::runtime_error: it's broken\n");
}

TEST_CASE("report: an exception that is no std::exception is named by its type") {
    const auto [code, text] = report_of(3.5);

    CHECK(code == 1);
    CHECK(text == "Process Process-1:\ndouble\n");
}

TEST_CASE("report: SystemExit with a number is its exit code, and silent") {
    const auto [code, text] = report_of(SystemExit{3});

    CHECK(code == 3);
    CHECK(text.empty());
}

TEST_CASE("report: SystemExit with a text says that alone") {
    const auto [code, text] = report_of(SystemExit{"enough"});

    CHECK(code == 1);
    CHECK(text == "enough\n");
}

TEST_CASE("report: an exception whose what() is null is named by its type") {
    struct Mute : std::exception {
        [[nodiscard]] const char* what() const noexcept override { return nullptr; }
    };

    const auto [code, text] = report_of(Mute{});

    CHECK(code == 1);
    CHECK_THAT(text, test::EndsWith("::Mute\n"));
}

#ifndef SANITIZED  // whose allocators end the program when there is no memory
TEST_CASE("report: without the memory to report an exception, says that") {
    static const std::string endless(64U << 20U, 'x');
    struct Loud : std::exception {
        [[nodiscard]] const char* what() const noexcept override {
            return endless.c_str();
        }
    };
    test::Redirected err{STDERR_FILENO};

    const int code = code_of([] {
        const rlimit none{.rlim_cur = 0, .rlim_max = 0};
        ::setrlimit(RLIMIT_AS, &none);
        throw Loud{};
    });

    CHECK(code == 1);
    CHECK(err.text() == "Process x:\nno memory to tell what it has thrown\n");
}
#endif

TEST_CASE("leave_child_at_exit: does nothing in a process that is no child of Process") {
    CHECK(test::forked([] {
              leave_child_at_exit(nullptr);
              leave_child_at_exit(&Registry::here());
              return 3;
          }) == 3);
}

TEST_CASE("leave_child_at_exit: in a child, exit goes no further") {
    test::Redirected out{STDOUT_FILENO};

    const int code = code_of([] {
        Registry* const here = &Registry::here();
        std::atexit([] { ::_exit(3); });
        std::atexit([] { leave_child_at_exit(nullptr); });
        leave_child_at_exit(here);
        std::cout << "written";
        std::exit(EXIT_FAILURE);
    });

    CHECK(code == EXIT_FAILURE);
    CHECK(out.text() == "written");
}

TEST_CASE("live_as_child: the child is the process it was made for") {
    CHECK(code_of([] {
              throw SystemExit{*Registry::here().current()->name() == "x" ? 3 : 4};
          }) == 3);
}

TEST_CASE("live_as_child: a target that returns is a success") {
    CHECK(code_of([] {}) == 0);
}

TEST_CASE("live_as_child: output is written at the end, however the target ends") {
    std::cout.flush();
    test::Redirected out{STDOUT_FILENO};

    const int returned = code_of([] { std::cout << "returned, "; });
    const int threw = code_of([] {
        std::cout << "threw, ";
        throw SystemExit{2};
    });
    const int left = code_of([] {
        std::cout << "left";
        std::exit(0);
    });

    CHECK(returned == 0);
    CHECK(threw == 2);
    CHECK(out.text() == "returned, threw, left");
    static_cast<void>(left);  // 1 where the C library does not tell a handler the status
}

TEST_CASE("live_as_child: no exit handler of the parent runs, even by std::exit") {
    constexpr int handler_ran = 77;
    const auto with_handler = [](bool by_exit) {
        return test::forked([by_exit]() -> int {
            std::atexit([] { ::_exit(handler_ran); });
            return code_of([by_exit] {
                if (by_exit) std::exit(0);
            });
        });
    };

    CHECK(with_handler(false) == 0);
    CHECK(with_handler(true) != handler_ran);
}
