// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/plain_list.hpp"

#include "support/catch.hpp"

using namespace pyproc::posix;

TEST_CASE("PlainList: it is empty until a value is added") {
    PlainList<int> list;

    CHECK(list.size() == 0);
    CHECK(list.begin() == list.end());
}

TEST_CASE("PlainList: values stand one behind the other, in the order they came in") {
    PlainList<int> list;
    list.make_room(2);

    list.push_back(7);
    list.push_back(8);

    REQUIRE(list.size() == 2);
    CHECK(list.data()[0] == 7);
    CHECK(list[1] == 8);
    CHECK(list.end() == list.begin() + 2);
}

TEST_CASE("PlainList: more room can be made at any time, and keeps what is there") {
    PlainList<int> list;

    for (int i = 0; i < 1000; ++i) {
        list.make_room(1);
        list.push_back(i);
    }

    REQUIRE(list.size() == 1000);
    CHECK(list[0] == 0);
    CHECK(list[500] == 500);
    CHECK(list[999] == 999);
}

TEST_CASE("PlainList: room that is there already moves nothing") {
    PlainList<int> list;
    list.make_room(2);
    list.push_back(7);
    const int* const first = list.data();

    list.make_room(1);

    CHECK(list.data() == first);
}

TEST_CASE("PlainList: the last value can be taken away") {
    PlainList<int> list;
    list.make_room(2);
    list.push_back(7);
    list.push_back(8);

    CHECK(list.pop_back() == 8);

    CHECK(list.size() == 1);
}
