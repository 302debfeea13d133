// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/task.hpp"

#include <exception>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using namespace pyproc::multiprocessing;
using namespace pyproc::multiprocessing::detail;

namespace {

template <class R, class F, class... Args>
R made(const F& f, const Args&... args) {
    using Call = PackedCall<F, ArgOf<Args>...>;
    const Call call{f, args...};
    Bytes bytes(call.size());
    call.write(bytes);
    Bytes result;
    Call::run(bytes, result);
    return decode<R>(result);
}

struct Adder {
    int base;
    int operator()(int n) const { return base + n; }
};

/// The result of each item, or what it has thrown.
template <class R, class F, class Item>
std::vector<std::string> made_of_each(const F& f, const std::vector<Item>& items) {
    using Chunk = PackedChunk<OnItem, F, Item>;
    Bytes bytes;
    auto at = items.begin();
    Chunk::append_to(bytes, f, at, items.size());
    CHECK(at == items.end());
    Bytes result;
    Chunk::run(bytes, result);
    std::vector<std::string> all;
    unpack_chunk<R>(
        result, items.size(),
        [&](std::size_t place, R&& value) {
            CHECK(place == all.size());
            if constexpr (std::is_same_v<R, std::string>) {
                all.push_back(value);
            } else {
                all.push_back(std::to_string(value));
            }
        },
        [&](std::size_t, const std::exception_ptr& failure) {
            try {
                std::rethrow_exception(failure);
            } catch (const std::exception& error) {
                all.push_back(std::string{"!"} + error.what());
            }
        });
    return all;
}

int thrice(int n) {
    if (n < 0) throw std::out_of_range{"negative"};
    return 3 * n;
}

std::string quoted(const std::string& text) {
    if (text.empty()) throw std::runtime_error{"empty"};
    return '"' + text + '"';
}

}  // namespace

TEST_CASE("PackedCall: a call of any callable is made of bytes alone") {
    CHECK(made<int>(&thrice, 5) == 15);
    CHECK(made<int>([](int a, int b) { return a - b; }, 5, 2) == 3);
    CHECK(made<int>(Adder{10}, 5) == 15);
    CHECK(made<int>(&Adder::base, Adder{4}) == 4);
    CHECK(made<std::string>([](const char* text) { return std::string{text}; }, "abc") ==
          "abc");
    CHECK(*made<std::unique_ptr<int>>([](int n) { return std::make_unique<int>(n); },
                                      3) == 3);
}

TEST_CASE("PackedCall: what the call throws is thrown") {
    CHECK_THROWS_AS(made<int>(&thrice, -1), std::out_of_range);
}

TEST_CASE("PackedCall: what it refers to a temporary for is copied when it is written") {
    const std::string text(100'000, 'x');

    CHECK(made<std::size_t>([](std::string got) { return got.size(); }, text) == 100'000);
}

TEST_CASE("PackedChunk: each item has its result or what its call has thrown") {
    using Texts = std::vector<std::string>;
    CHECK(made_of_each<int>(&thrice, std::vector{1, -1, 2, -2}) ==
          Texts{"3", "!negative", "6", "!negative"});
    CHECK(made_of_each<std::string>(&quoted, Texts{"", "a", "", "b"}) ==
          Texts{"!empty", "\"a\"", "!empty", "\"b\""});
    CHECK(made_of_each<int>(&thrice, std::vector{-1}) == Texts{"!negative"});
    CHECK(made_of_each<int>(&thrice, std::vector<int>{}).empty());
}

TEST_CASE("PackedChunk: SystemExit of an item ends it all") {
    CHECK_THROWS_AS(made_of_each<int>(
                        [](int n) {
                            if (n == 1) throw SystemExit{2};
                            return n;
                        },
                        std::vector{0, 1}),
                    SystemExit);
}

TEST_CASE("unpack_chunk: bytes that are no results are an error") {
    const auto unpack = [](const Bytes& bytes) {
        unpack_chunk<int>(
            bytes, 2, [](std::size_t, int) {}, [](std::size_t, const auto&) {});
    };
    Bytes bytes(sizeof(ChunkHead));
    CHECK_THROWS_AS(unpack(Bytes(3)), DecodeError);
    CHECK_THROWS_AS(unpack(bytes), DecodeError);
    const ChunkHead beyond{0, 1000};
    std::memcpy(bytes.data(), &beyond, sizeof beyond);
    CHECK_THROWS_AS(unpack(bytes), DecodeError);
    const ChunkHead cut_off{0, sizeof(ChunkHead)};
    std::memcpy(bytes.data(), &cut_off, sizeof cut_off);
    CHECK_THROWS_AS(unpack(bytes), DecodeError);
}
