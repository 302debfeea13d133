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

struct Outer {
    struct Inner {};
};

template <class T>
struct Holder {};

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

TEST_CASE("short_type_name: leaves out what the type is in, but not what is in it") {
    CHECK(short_type_name(typeid(int)) == "int");
    CHECK(short_type_name(typeid(std::runtime_error)) == "runtime_error");
    CHECK(short_type_name(typeid(Outer::Inner)) == "Inner");
    CHECK_THAT(short_type_name(typeid(Holder<std::runtime_error>)),
               test::Equals("Holder<std::runtime_error>"));
}
