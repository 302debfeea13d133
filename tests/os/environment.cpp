// SPDX-License-Identifier: BSL-1.0
#include "pyproc/os/environment.hpp"

#include <cerrno>
#include <map>
#include <optional>
#include <string>

#include "pyproc/errors.hpp"
#include "support/catch.hpp"

using namespace pyproc;
using namespace std::string_literals;

namespace {

/// Gives a variable back the value it had before.
class Restored {
public:
    explicit Restored(std::string name) : name_{std::move(name)} {}
    ~Restored() {
        if (before_) {
            os::setenv(name_, *before_);
        } else {
            os::unsetenv(name_);
        }
    }
    Restored(const Restored&) = delete;
    Restored& operator=(const Restored&) = delete;

private:
    std::string name_;
    std::optional<std::string> before_ = os::getenv(name_);
};

const std::string variable = "PYPROC_TEST_VARIABLE";

}  // namespace

TEST_CASE("setenv: a variable that was set is found by getenv and environ") {
    const Restored restored{variable};

    os::setenv(variable, "first=1");

    CHECK(os::getenv(variable) == "first=1");
    CHECK(os::environ().at(variable) == "first=1");
}

TEST_CASE("setenv: a new value replaces the old one") {
    const Restored restored{variable};

    os::setenv(variable, "first");
    os::setenv(variable, "second");

    CHECK(os::getenv(variable) == "second");
}

TEST_CASE("getenv: an empty value is a value") {
    const Restored restored{variable};

    os::setenv(variable, "");

    CHECK(os::getenv(variable) == "");
    CHECK(os::getenv(variable, "fallback") == "");
}

TEST_CASE("getenv: without the variable there is no value, or the fallback") {
    const Restored restored{variable};

    os::unsetenv(variable);

    CHECK(os::getenv(variable) == std::nullopt);
    CHECK(os::getenv(variable, "fallback") == "fallback");
}

TEST_CASE("getenv: a name that no variable can have is simply not found") {
    const Restored restored{variable};
    os::setenv(variable, "a=b");

    CHECK(os::getenv("") == std::nullopt);
    CHECK(os::getenv(variable + "=a") == std::nullopt);
    CHECK(os::getenv(variable + "\0"s) == std::nullopt);
    CHECK(os::getenv("A\0B"s, "fallback") == "fallback");
}

TEST_CASE("unsetenv: the variable is gone from getenv and environ") {
    const Restored restored{variable};
    os::setenv(variable, "value");

    os::unsetenv(variable);

    CHECK(os::getenv(variable) == std::nullopt);
    CHECK(os::environ().count(variable) == 0);
}

TEST_CASE("unsetenv: removing what is not there is no error") {
    const Restored restored{variable};

    os::unsetenv(variable);

    CHECK_NOTHROW(os::unsetenv(variable));
}

TEST_CASE("environ: the map is a copy") {
    const Restored restored{variable};
    os::unsetenv(variable);

    std::map<std::string, std::string> copy = os::environ();
    copy[variable] = "only in the copy";

    CHECK(os::getenv(variable) == std::nullopt);
}

TEST_CASE("setenv: a name with an equals sign is a ValueError") {
    CHECK_THROWS_AS(os::setenv("A=B", "x"), ValueError);
    CHECK_THROWS_AS(os::setenv("=B", "x"), ValueError);
    CHECK_THROWS_WITH(os::setenv("A=B", "x"),
                      test::Contains("illegal environment variable name 'A=B'"));
}

TEST_CASE("setenv, unsetenv: a NUL in name or value is a ValueError") {
    CHECK_THROWS_AS(os::setenv("A\0B"s, "x"), ValueError);
    CHECK_THROWS_AS(os::setenv("A", "x\0y"s), ValueError);
    CHECK_THROWS_AS(os::unsetenv("A\0B"s), ValueError);
    CHECK_THROWS_WITH(os::setenv("A", "x\0y"s), test::Contains("embedded null byte"));
}

TEST_CASE("setenv, unsetenv: the empty name is an OSError with EINVAL") {
    for (const bool is_set : {true, false}) {
        try {
            is_set ? os::setenv("", "x") : os::unsetenv("");
            FAIL("no exception");
        } catch (const OSError& error) {
            CHECK(error.code().value() == EINVAL);
        }
    }
}

TEST_CASE("unsetenv: a name with an equals sign is an OSError with EINVAL") {
    try {
        os::unsetenv("A=B");
        FAIL("no exception");
    } catch (const OSError& error) {
        CHECK(error.code().value() == EINVAL);
    }
}
