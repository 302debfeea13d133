// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/variables.hpp"

#include <cerrno>
#include <optional>
#include <string>

#include "support/catch.hpp"
#include "support/replaced_environment.hpp"

using namespace pyproc;
using namespace std::string_literals;

namespace {

/// An environment that no shell makes: a name twice, none at all, and no `=`.
struct OddEnvironment {
    std::string twice = "A=first", again = "A=second", equals = "B=x=y", nameless = "=n",
                bare = "BARE";
    char* block[6] = {twice.data(),    again.data(), equals.data(),
                      nameless.data(), bare.data(),  nullptr};
};

}  // namespace

TEST_CASE("name_in: a name ends at the first equals sign; without one there is none") {
    CHECK(posix::name_in("A=x=y") == "A");
    CHECK(posix::name_in("A=") == "A");
    CHECK(posix::name_in("=A") == "");
    CHECK(posix::name_in("A") == std::nullopt);
}

TEST_CASE("variable: of two with one name the first is found") {
    OddEnvironment odd;
    const test::ReplacedEnvironment replaced{odd.block};

    CHECK(posix::variable("A") == "first");
}

TEST_CASE("variable: a value may have equals signs, a name may not") {
    OddEnvironment odd;
    const test::ReplacedEnvironment replaced{odd.block};

    CHECK(posix::variable("B") == "x=y");
    CHECK(posix::variable("B=x") == std::nullopt);
}

TEST_CASE("variable: one without a name is found by the empty name") {
    OddEnvironment odd;
    const test::ReplacedEnvironment replaced{odd.block};

    CHECK(posix::variable("") == "n");
}

TEST_CASE("variable: a string without an equals sign is no variable") {
    OddEnvironment odd;
    const test::ReplacedEnvironment replaced{odd.block};

    CHECK(posix::variable("BARE") == std::nullopt);
}

TEST_CASE("variable: a name with a NUL is not cut at it") {
    OddEnvironment odd;
    const test::ReplacedEnvironment replaced{odd.block};

    CHECK(posix::variable("A\0"s) == std::nullopt);
}

TEST_CASE("set_variable, unset_variable: what was set is found until it is removed") {
    const std::string name = "PYPROC_TEST_VARIABLE";

    CHECK(posix::set_variable(name, "first"));
    CHECK(posix::set_variable(name, "second"));
    CHECK(posix::variable(name) == "second");

    CHECK(posix::unset_variable(name));
    CHECK(posix::unset_variable(name));
    CHECK(posix::variable(name) == std::nullopt);
}

TEST_CASE("set_variable, unset_variable: a name that can't be is EINVAL") {
    CHECK(posix::set_variable("", "x").code() == EINVAL);
    CHECK(posix::set_variable("A=B", "x").code() == EINVAL);
    CHECK(posix::unset_variable("").code() == EINVAL);
    CHECK(posix::unset_variable("A=B").code() == EINVAL);
}
