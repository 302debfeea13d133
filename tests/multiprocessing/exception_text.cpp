// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/exception_text.hpp"

#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace pyproc::multiprocessing::detail;

namespace {

struct Silent : std::exception {
    [[nodiscard]] const char* what() const noexcept override { return ""; }
};

struct Mute : std::exception {
    [[nodiscard]] const char* what() const noexcept override { return nullptr; }
};

struct Outer {
    struct Inner {};
};

template <class T>
struct Holder {};

/// What is in flight after `throw_with_nested(outer)` in a handler of `inner`.
template <class Outside>
std::exception_ptr nested(const std::exception_ptr& inner, Outside outer) {
    try {
        try {
            std::rethrow_exception(inner);
        } catch (...) {
            std::throw_with_nested(outer);
        }
    } catch (...) {
        return std::current_exception();
    }
}

const auto seven = std::make_exception_ptr(7);

}  // namespace

TEST_CASE("exception_text: the type as C++ writes it, then what it says") {
    const auto failure = std::make_exception_ptr(std::out_of_range{"no such index"});

    CHECK(exception_text(failure) == "std::out_of_range: no such index");
}

TEST_CASE("exception_text: the type alone when it says nothing") {
    const auto failure = std::make_exception_ptr(Silent{});

    CHECK(exception_text(failure) == "(anonymous namespace)::Silent");
}

TEST_CASE("exception_text: the type alone when it is no std::exception") {
    CHECK(exception_text(std::make_exception_ptr(7)) == "int");
    CHECK(exception_text(std::make_exception_ptr(Outer::Inner{})) ==
          "(anonymous namespace)::Outer::Inner");
}

TEST_CASE("exception_text: the type alone when what() is null") {
    CHECK(exception_text(std::make_exception_ptr(Mute{})) ==
          "(anonymous namespace)::Mute");
}

TEST_CASE("exception_text: a text that was thrown is shown") {
    const char* const none = nullptr;

    CHECK(exception_text(std::make_exception_ptr(std::string{"no"})) ==
          "std::string: no");
    CHECK(exception_text(std::make_exception_ptr("not so")) == "const char*: not so");
    CHECK(exception_text(std::make_exception_ptr(std::string{})) == "std::string");
    CHECK(exception_text(std::make_exception_ptr(none)) == "const char*");
}

TEST_CASE("exception_text: the type of a nested exception is that of what was thrown") {
    const auto failure = nested(seven, std::runtime_error{"cannot load"});

    CHECK(exception_text(failure) == "std::runtime_error: cannot load");
    CHECK(exception_text(nested(seven, Outer::Inner{})) ==
          "(anonymous namespace)::Outer::Inner");
    CHECK(exception_text(nested(seven, Holder<Silent>{})) ==
          "(anonymous namespace)::Holder<(anonymous namespace)::Silent>");
    CHECK(exception_text(nested(seven, std::string{"no"})) == "std::string: no");
}

TEST_CASE("exception_report: what was being handled comes first, as in Python") {
    const auto inner =
        nested(std::make_exception_ptr(std::out_of_range{"3"}), std::string{"no item"});
    const auto failure = nested(inner, std::runtime_error{"cannot load"});
    const std::string between =
        "\n\nDuring handling of the above exception, another exception occurred:\n\n";

    CHECK(exception_report(failure) == "std::out_of_range: 3" + between +
                                           "std::string: no item" + between +
                                           "std::runtime_error: cannot load");
}

TEST_CASE("exception_report: an exception that could be nested, and is not, is alone") {
    struct Lonely : std::runtime_error, std::nested_exception {
        Lonely() : std::runtime_error{"alone"} {}
    };

    CHECK_THAT(exception_report(std::make_exception_ptr(Lonely{})),
               test::EndsWith("Lonely: alone") && !test::Contains("\n"));
}

TEST_CASE("short_type_name: leaves out what the type is in, but not what is in it") {
    CHECK(short_type_name(typeid(int)) == "int");
    CHECK(short_type_name(typeid(std::runtime_error)) == "runtime_error");
    CHECK(short_type_name(typeid(Outer::Inner)) == "Inner");
    CHECK_THAT(short_type_name(typeid(Holder<std::runtime_error>)),
               test::Equals("Holder<std::runtime_error>"));
}
