// SPDX-License-Identifier: BSL-1.0
// The C++ twin of pool.py: the same scenarios under the same names.

#include <pyproc/futures.hpp>
#include <pyproc/multiprocessing.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <initializer_list>
#include <iostream>
#include <map>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

using namespace pyproc::multiprocessing;
using namespace pyproc::futures;
using namespace std::chrono_literals;

namespace {

std::vector<int> iota(int first, int end) {
    std::vector<int> numbers;
    for (int n = first; n < end; ++n) numbers.push_back(n);
    return numbers;
}

std::string text_of(const std::string& text) {
    return text;
}
std::string text_of(const char* text) {
    return text;
}
std::string text_of(bool value) {
    return value ? "True" : "False";
}
std::string text_of(int number) {
    return std::to_string(number);
}
std::string text_of(std::size_t number) {
    return std::to_string(number);
}
template <class T>
std::string text_of(const std::vector<T>& values) {
    std::string text = "[";
    for (const T& value : values) {
        if (text.size() > 1) text += ", ";
        text += text_of(value);
    }
    return text + ']';
}

template <class T>
void say(const T& value) {
    std::cout << text_of(value) << '\n';
}

/// A tuple. In braces, so that its parts are evaluated in their order.
struct Part {
    std::string text;
    template <class T>
    Part(const T& value) : text{text_of(value)} {}
};
void say_all(std::initializer_list<Part> parts) {
    std::string text;
    for (const Part& part : parts) text += (text.empty() ? "" : ", ") + part.text;
    std::cout << '(' << text << ")\n";
}

template <class Use>
void error_of(Use use) {
    try {
        use();
        say("no error");
    } catch (const pyproc::TimeoutError& error) {
        // Python's says nothing of a single result, and how many of several.
        const std::string text = error.what();
        const auto at = text.find(" futures unfinished");
        say(at == std::string::npos
                ? "TimeoutError"
                : "TimeoutError " + text.substr(0, at) + " futures unfinished");
    } catch (const CancelledError&) {
        say("CancelledError");
    } catch (const BrokenProcessPool&) {
        say("BrokenProcessPool");
    } catch (const std::exception& error) {
        say(error.what());
    }
}

std::string message_of(const std::exception_ptr& failure) {
    if (!failure) return "None";
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& error) {
        return error.what();
    }
}

int square(int n) {
    return n * n;
}
int check(int n) {
    if (n == 3) throw pyproc::ValueError{"three"};
    return n;
}
int add(int a, int b) {
    return a + b;
}
int nap(int n) {
    std::this_thread::sleep_for(500ms);
    return n;
}
int die(int n) {
    ::_exit(n);
}

template <class Results>
std::vector<int> list(Results results) {
    std::vector<int> all;
    for (const int each : results) all.push_back(each);
    return all;
}
std::vector<int> sorted(std::vector<int> values) {
    std::ranges::sort(values);
    return values;
}

void maps() {
    Pool pool(2);
    say(pool.map(square, iota(0, 10)));
    say(pool.map({.chunksize = 3}, square, iota(0, 10)));
    say(pool.map(square, std::vector<int>{}));
    say(pool.starmap(add, std::vector{std::pair{1, 2}, std::pair{3, 4}}));
    say(list(pool.imap(square, iota(0, 5))));
    say(list(pool.imap({.chunksize = 2}, square, iota(0, 5))));
    say(sorted(list(pool.imap_unordered(square, iota(0, 5)))));
    error_of([&] { pool.map(check, iota(0, 6)); });
}

void imap_errors() {
    Pool pool(2);
    auto results = pool.imap(check, iota(0, 6));
    for (int i = 0; i < 6; ++i) {
        error_of([&] { say(*results.next()); });
    }
    const auto end = results.next();
    say(end ? text_of(*end) : "end");
}

void callbacks() {
    Pool pool(1);
    std::vector<std::string> order;
    const auto append = [&](int n) { order.push_back(text_of(n)); };
    const auto result = pool.apply_async(square, 3).callback(append);
    say(result.get());
    say(order);
    const auto failed = pool.apply_async(check, 3).callback(append).error_callback(
        [&](const auto& failure) { order.push_back('\'' + message_of(failure) + '\''); });
    failed.wait();
    say(order);
    say(result.successful());
    say(failed.successful());
    error_of([&] { failed.get(); });
    std::vector<int> last;
    const auto mapped = pool.map_async(square, iota(0, 3));
    mapped.callback([&](const auto& values) { last = values; });
    say(mapped.get());
    say(last);
}

void not_ready() {
    Pool pool(1);
    const auto result = pool.apply_async(nap, 1);
    say(result.ready());
    error_of([&] { result.get(10ms); });
    result.wait(10ms);
    say(result.ready());
    say(result.get());
    say(result.ready());
}

void closing() {
    Pool pool(2);
    const auto result = pool.map_async(square, iota(0, 5));
    error_of([&] { pool.join(); });
    pool.close();
    error_of([&] { pool.apply(square, 1); });
    error_of([&] { pool.map(square, std::vector{1}); });
    error_of([&] { static_cast<void>(pool.imap(square, std::vector{1})); });
    pool.join();
    say(result.get());
    error_of([] { Pool none(0); });
}

void states() {
    ProcessPoolExecutor executor(1);
    const auto running = executor.submit(nap, 1);
    std::vector<Future<int>> queued;
    for (int n = 0; n < 5; ++n) queued.push_back(executor.submit(square, n));
    const auto last = queued.back();
    while (!running.running()) std::this_thread::sleep_for(1ms);
    say_all({running.done(), running.cancelled(), running.cancel()});
    say_all({last.running(), last.done(), last.cancel(), last.cancel()});
    say_all({last.done(), last.cancelled()});
    error_of([&] { last.result(); });
    error_of([&] { static_cast<void>(last.exception()); });
    error_of([&] { running.result(10ms); });
    say(running.result());
    say(message_of(running.exception()));
    say_all({running.running(), running.done(), running.cancel()});
    const auto failed = executor.submit(check, 3);
    error_of([&] { failed.result(); });
    say(message_of(failed.exception()));
}

void done_callbacks() {
    std::vector<std::string> order;
    Future<int> future;
    {
        ProcessPoolExecutor executor(1);
        future = executor.submit(square, 3);
        future.add_done_callback(
            [&](const auto& done) { order.push_back(text_of(done.result())); });
        future.add_done_callback(
            [&](const auto& done) { order.push_back(text_of(done == future)); });
    }
    say(order);
    future.add_done_callback([&](const auto&) { order.push_back("'late'"); });
    say(order);
}

void waiting() {
    ProcessPoolExecutor executor(1);
    const auto say_counts = [](const auto& found) {
        say_all({found.done.size(), found.not_done.size()});
    };
    const auto quick = executor.submit(square, 2);
    quick.result();
    auto slow = executor.submit(nap, 1);
    say_counts(wait(std::vector{quick, slow}, 0s));
    say_counts(wait(std::vector{quick, slow}, 5s, FIRST_COMPLETED));
    say_counts(wait(std::vector{quick, slow}));
    const auto failed = executor.submit(check, 3);
    slow = executor.submit(nap, 1);
    say_counts(wait(std::vector{slow, failed}, 5s, FIRST_EXCEPTION));
    say(wait(std::vector<Future<int>>{}).done.size());
    std::vector futures{quick};
    for (int n = 0; n < 3; ++n) futures.push_back(executor.submit(nap, n));
    error_of([&] {
        for (const auto& each : as_completed(futures, 10ms)) static_cast<void>(each);
    });
    futures.push_back(quick);
    std::vector<int> results;
    for (const auto& each : as_completed(futures)) results.push_back(each.result());
    say(sorted(results));
}

void broken() {
    {
        ProcessPoolExecutor executor(1);
        error_of([&] { executor.submit(die, 3).result(); });
        error_of([&] { executor.submit(square, 1); });
    }
    ProcessPoolExecutor executor(1);
    say(list(executor.map(add, std::vector{1, 2, 3}, std::vector{10, 20})));
    executor.shutdown();
    error_of([&] { executor.submit(square, 1); });
    error_of([&] { static_cast<void>(executor.map(square, std::vector{1})); });
}

}  // namespace

int main(int argc, char** argv) {
    const std::map<std::string, void (*)()> scenarios{{"maps", maps},
                                                      {"imap_errors", imap_errors},
                                                      {"callbacks", callbacks},
                                                      {"not_ready", not_ready},
                                                      {"closing", closing},
                                                      {"states", states},
                                                      {"done_callbacks", done_callbacks},
                                                      {"waiting", waiting},
                                                      {"broken", broken}};
    const auto found = argc == 2 ? scenarios.find(argv[1]) : scenarios.end();
    if (found == scenarios.end()) return EXIT_FAILURE;
    found->second();
}
