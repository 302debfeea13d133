// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/fd.hpp"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/resource.h>

#include "support/catch.hpp"
#include "support/forked.hpp"

using namespace pyproc::posix;

namespace {

bool is_open(int fd) {
    return ::fcntl(fd, F_GETFD) >= 0;
}

UniqueFd open_null() {
    return UniqueFd{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
}

}  // namespace

TEST_CASE("UniqueFd: the destructor closes the descriptor") {
    int number = -1;
    {
        const UniqueFd fd = open_null();
        number = fd.get();
        REQUIRE(is_open(number));
    }

    CHECK_FALSE(is_open(number));
}

TEST_CASE("UniqueFd: moving hands the descriptor over and leaves nothing behind") {
    UniqueFd from = open_null();
    const int number = from.get();

    const UniqueFd to = std::move(from);

    CHECK(to.get() == number);
    CHECK_FALSE(from);  // NOLINT(bugprone-use-after-move): what is left is the question
}

TEST_CASE("UniqueFd: assigning closes what was held before") {
    UniqueFd fd = open_null();
    const int first = fd.get();

    fd = open_null();

    CHECK(fd);
    CHECK_FALSE(is_open(first));
}

TEST_CASE("UniqueFd: releasing gives the descriptor up without closing it") {
    UniqueFd fd = open_null();

    const int number = fd.release();

    CHECK_FALSE(fd);
    CHECK(is_open(number));
    ::close(number);
}

TEST_CASE("UniqueFd: closing keeps errno") {
    UniqueFd not_open{1'000'000};
    errno = ENOENT;

    not_open.reset();

    CHECK(errno == ENOENT);
}

TEST_CASE("duplicate_above_standard: the duplicate is close-on-exec and above 2") {
    const auto duplicate = duplicate_above_standard(0);

    REQUIRE(duplicate);
    CHECK(duplicate->get() > 2);
    CHECK(::fcntl(duplicate->get(), F_GETFD) == FD_CLOEXEC);
    CHECK(duplicate_above_standard(999'999).code() == EBADF);
}

TEST_CASE("duplicate_above_standard: a limit that allows no number above 2 is EMFILE") {
    const int answer = test::forked([] {
        const rlimit standard_only{3, 3};
        ::setrlimit(RLIMIT_NOFILE, &standard_only);
        return duplicate_above_standard(0).code() == EMFILE ? 0 : 1;
    });

    CHECK(answer == 0);
}

TEST_CASE("lift_above_standard: a number above 2 stays as it is") {
    UniqueFd fd = open_null();
    const int number = fd.get();
    REQUIRE(number > 2);

    auto lifted = lift_above_standard(std::move(fd));

    CHECK(lifted->get() == number);
}

TEST_CASE(
    "lift_above_standard: a standard number is given up for a close-on-exec one above") {
    const int answer = test::forked([] {
        ::close(0);
        UniqueFd fd = open_null();
        if (fd.get() != 0) return 1;
        auto lifted = lift_above_standard(std::move(fd));
        if (!lifted || lifted->get() <= 2) return 2;
        if (::fcntl(lifted->get(), F_GETFD) != FD_CLOEXEC) return 3;
        return is_open(0) ? 4 : 0;
    });

    CHECK(answer == 0);
}

TEST_CASE("lift_if_possible: without a descriptor left, the number stays as it is") {
    const int answer = test::forked([] {
        ::close(0);
        UniqueFd low = open_null();
        const rlimit none_left{1, 1};
        ::setrlimit(RLIMIT_NOFILE, &none_left);
        return lift_if_possible(std::move(low)).get();
    });

    CHECK(answer == 0);
}

TEST_CASE("lift_if_possible: a low number is given up for one above the standard ones") {
    const int answer = test::forked([] {
        ::close(0);
        return lift_if_possible(open_null()).get() > 2 && !is_open(0) ? 0 : 1;
    });

    CHECK(answer == 0);
    CHECK_FALSE(lift_if_possible(UniqueFd{}));
}
