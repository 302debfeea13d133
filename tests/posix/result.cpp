// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/result.hpp"

#include <cerrno>
#include <utility>

#include "pyproc/posix/fd.hpp"
#include "support/catch.hpp"

using namespace pyproc;
using namespace pyproc::posix;

TEST_CASE("Result: one that holds a value is true and gives it") {
    const Result<int> result{42};

    CHECK(result);
    CHECK(result.code() == 0);
    CHECK(*result == 42);
    CHECK(Result<int>{42}.or_throw("call") == 42);
}

TEST_CASE(
    "Result: one that holds an error is false and throws what the errno stands for") {
    const Result<int> result{Error{ENOENT}};

    CHECK_FALSE(result);
    CHECK(result.code() == ENOENT);
    CHECK(result.error().code == ENOENT);
    CHECK_THROWS_AS(Result<int>{Error{ENOENT}}.or_throw("open", "/nowhere"),
                    FileNotFoundError);
}

TEST_CASE("Result: a value that can only be moved can be taken out") {
    Result<UniqueFd> result{UniqueFd{}};

    const UniqueFd fd = std::move(result).or_throw("open");

    CHECK_FALSE(fd);
}

TEST_CASE("Result<void>: success is true, and an error throws") {
    CHECK(Result<void>{});
    CHECK_NOTHROW(Result<void>{}.or_throw("call"));
    CHECK_FALSE(Result<void>{Error{EPERM}});
    CHECK_THROWS_AS(Result<void>{Error{EPERM}}.or_throw("call"), PermissionError);
}
