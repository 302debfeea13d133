// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/target.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "support/catch.hpp"

using pyproc::multiprocessing::detail::make_target;
using pyproc::multiprocessing::detail::Parcel;

namespace {

struct Counter {
    int count = 0;
    void add(int n) { count += n; }
};

std::string told;

void tell(const std::string& text, int n) {
    told = text + std::to_string(n);
}

void tell_c(const char* text) {
    told = text != nullptr ? text : "null";
}

struct Teller {
    std::string greeting;
    void operator()(const std::string& name) const { told = greeting + name; }
    void tell_all(std::unique_ptr<int> n) const { told = greeting + std::to_string(*n); }
};

void run(const Parcel& parcel) {
    parcel.task(parcel.arguments);
}

}  // namespace

TEST_CASE("make_target: nothing is called before it is asked to") {
    int calls = 0;

    const auto target = make_target([&calls] { ++calls; });
    const int before = calls;
    target->call();

    CHECK(before == 0);
    CHECK(calls == 1);
}

TEST_CASE("make_target: arguments are copied, so later changes do not matter") {
    std::string argument = "then";
    std::string seen;
    const auto target =
        make_target([&seen](const std::string& s) { seen = s; }, argument);

    argument = "now";
    target->call();

    CHECK(seen == "then");
}

TEST_CASE("make_target: std::ref passes a reference") {
    int n = 1;

    make_target([](int& of_ours) { of_ours = 2; }, std::ref(n))->call();

    CHECK(n == 2);
}

TEST_CASE("make_target: callables and arguments may be such that can only be moved") {
    int seen = 0;
    auto callable = [&seen, one = std::make_unique<int>(1)](std::unique_ptr<int> two) {
        seen = *one + *two;
    };

    make_target(std::move(callable), std::make_unique<int>(2))->call();

    CHECK(seen == 3);
}

TEST_CASE("make_target: a member function is called on the object that follows it") {
    Counter counter;

    make_target(&Counter::add, &counter, 5)->call();

    CHECK(counter.count == 5);
}

TEST_CASE("make_target: what the callable returns is of no interest") {
    CHECK_NOTHROW(make_target([]() -> int { return 1; })->call());
}

TEST_CASE("make_target: arrays and functions decay to pointers") {
    std::string seen;

    make_target([&seen](const char* text) { seen = text; }, "literal")->call();

    CHECK(seen == "literal");
}

TEST_CASE("pack: functions and callables without state are sent with their arguments") {
    run(make_target(tell, "text", 1)->pack());
    const std::string by_function = told;
    run(make_target([](std::string text) { told = std::move(text); }, "lambda")->pack());
    const std::string by_lambda = told;
    run(make_target([] { told = "nothing"; })->pack());

    CHECK(by_function == "text1");
    CHECK(by_lambda == "lambda");
    CHECK(told == "nothing");
}

TEST_CASE(
    "pack: callables that travel are sent, and member functions with their object") {
    run(make_target(Teller{"hello "}, std::string{"you"})->pack());
    const std::string by_object = told;
    run(make_target(&Teller::tell_all, Teller{"all "}, std::make_unique<int>(3))->pack());

    CHECK(by_object == "hello you");
    CHECK(told == "all 3");
}

TEST_CASE("pack: a text of C is sent as its characters, and may be none") {
    std::string text = "then";
    const auto target = make_target(tell_c, static_cast<const char*>(text.c_str()));

    const Parcel parcel = target->pack();
    text = "now!";
    run(parcel);
    const std::string seen = told;
    run(make_target(tell_c, static_cast<const char*>(nullptr))->pack());

    CHECK(seen == "then");
    CHECK(told == "null");
}

TEST_CASE("pack: what can't be sent is named, by its place and its type") {
    int n = 0;

    CHECK_THROWS_WITH(make_target([&n] { ++n; })->pack(),
                      test::Contains("its target can't be sent there"));
    CHECK_THROWS_WITH(
        make_target([](int, int*) {}, 1, &n)->pack(),
        test::Contains("argument 2 of its target can't be sent there (int*)"));
    CHECK_THROWS_WITH(make_target([](int&) {}, std::ref(n))->pack(),
                      test::Contains("argument 1"));
    Counter counter;
    CHECK_THROWS_AS(make_target(&Counter::add, &counter, 5)->pack(), std::logic_error);
}

TEST_CASE("pack: bytes that are no such call are refused, and nothing is called") {
    Parcel parcel = make_target(tell, "text", 1)->pack();
    told = "untouched";

    parcel.arguments.push_back(std::byte{});
    CHECK_THROWS_AS(run(parcel), pyproc::multiprocessing::DecodeError);
    parcel.arguments.resize(3);
    CHECK_THROWS_AS(run(parcel), pyproc::multiprocessing::DecodeError);

    CHECK(told == "untouched");
}
