// SPDX-License-Identifier: BSL-1.0
#include "pyproc/subprocess/growth.hpp"

#include <string>

#include "support/catch.hpp"

using pyproc::subprocess::make_room;

namespace {

std::size_t room_in(const std::string& text) {
    return text.capacity() - text.size();
}

}  // namespace

TEST_CASE("make_room: there is at least the room asked for, and the text is the same") {
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{15}, std::size_t{5'000'000}}) {
        std::string text(size, 'x');

        make_room(text, 4096);

        CHECK(room_in(text) >= 4096);
        CHECK(text == std::string(size, 'x'));
    }
}

TEST_CASE("make_room: where there is room enough nothing changes") {
    std::string text;
    text.reserve(8192);
    const char* const before = text.data();

    make_room(text, 8192);

    CHECK(text.data() == before);
}

TEST_CASE("make_room: a text is moved a number of times that grows with its logarithm") {
    std::string text;
    int moves = 0;

    for (std::size_t size = 0; size < (std::size_t{64} << 20U); size += 4096) {
        const char* const before = text.data();
        make_room(text, 4096);
        if (text.data() != before) ++moves;
        text.append(4096, 'x');
    }

    CHECK(moves < 16);
}

TEST_CASE("make_room: a text whose length is a power of two leaves room to see its end") {
    std::string text;
    for (std::size_t size = 0; size < (std::size_t{16} << 20U); size += 4096) {
        make_room(text, 4096);
        text.append(4096, 'x');
    }
    const char* const before = text.data();

    make_room(text, 4096);

    CHECK(text.data() == before);
}
