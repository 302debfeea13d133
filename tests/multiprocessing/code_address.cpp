// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/code_address.hpp"

#include <cstring>
#include <functional>

#include "support/catch.hpp"

namespace {

namespace mp = pyproc::multiprocessing::detail;

int twice(int n) {
    return 2 * n;
}

struct Base {
    int plain(int n) const { return n + offset; }
    virtual int first(int n) const { return n; }
    virtual int second(int n) const { return n + 1; }
    virtual ~Base() = default;
    int offset = 5;
};

struct Other {
    int from_other(int n) const { return n + other; }
    virtual ~Other() = default;
    int other = 7;
};

struct Derived : Base, Other {
    int second(int n) const override { return n + 100; }
};

template <class Part>
bool is_kept(Part part) {
    return mp::decode_code<Part>(mp::encode_code(part)) == part;
}

template <class Part>
bool is_sent_as_it_is(Part part) {
    const auto bytes = mp::encode_code(part);
    return std::memcmp(bytes.data(), &part, sizeof part) == 0;
}

}  // namespace

TEST_CASE("a function comes back from its offset, and the offset is no address") {
    CHECK(is_kept(&twice));
    CHECK_FALSE(is_sent_as_it_is(&twice));
    CHECK(mp::decode_code<int (*)(int)>(mp::encode_code(&twice))(21) == 42);
}

TEST_CASE("a null pointer stays one") {
    CHECK(is_kept<int (*)(int)>(nullptr));
    CHECK(is_kept<int (Base::*)(int) const>(nullptr));
    CHECK(is_kept<int Base::*>(nullptr));
    CHECK(mp::to_code_offset(0) == 0);
    CHECK(mp::to_code_address(0) == 0);
}

TEST_CASE("a member function comes back, and calls with the right object") {
    const Derived object;

    CHECK(is_kept(&Base::plain));
    CHECK_FALSE(is_sent_as_it_is(&Base::plain));
    auto moved = static_cast<int (Derived::*)(int) const>(&Other::from_other);
    const auto back = mp::decode_code<decltype(moved)>(mp::encode_code(moved));
    CHECK(std::invoke(back, object, 1) == 8);
}

TEST_CASE("a virtual function is sent as it is, and is called as what it overrides") {
    const Derived object;

    for (const auto part : {&Base::first, &Base::second}) {
        CHECK(is_kept(part));
        CHECK(is_sent_as_it_is(part));
        CHECK(mp::address_of_code(part) == 0);
    }
    const auto back =
        mp::decode_code<decltype(&Base::second)>(mp::encode_code(&Base::second));
    CHECK(std::invoke(back, object, 1) == 101);
}

TEST_CASE("a member that is an object is sent as it is") {
    CHECK(is_kept(&Base::offset));
    CHECK(is_sent_as_it_is(&Base::offset));
    CHECK(mp::address_of_code(&Base::offset) == 0);
}

TEST_CASE("address_of_code: where a function is") {
    CHECK(mp::address_of_code(&twice) == reinterpret_cast<std::uintptr_t>(&twice));
    CHECK(mp::address_of_code(&Base::plain) != 0);
}
