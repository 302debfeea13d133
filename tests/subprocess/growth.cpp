// SPDX-License-Identifier: BSL-1.0
#include "pyproc/subprocess/growth.hpp"

#include <fstream>
#include <string>

#include <sys/resource.h>
#include <unistd.h>

#include "support/catch.hpp"
#include "support/forked.hpp"

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

#if defined(__linux__) && !defined(SANITIZED)
TEST_CASE("make_room: as long as what is asked for can be had, it is") {
    const int answer = test::forked([] {
        std::string text;
        for (std::size_t size = 0; size < (std::size_t{32} << 20U); size += 4096) {
            make_room(text, 4096);
            text.append(4096, 'x');
        }
        text.resize(text.capacity());
        rlimit limit{};
        ::getrlimit(RLIMIT_AS, &limit);
        std::size_t pages = 0;
        std::ifstream{"/proc/self/statm"} >> pages;
        // Enough for the text once more and somewhat longer, and not for twice as much.
        limit.rlim_cur = pages * static_cast<std::size_t>(::getpagesize()) + text.size() +
                         (std::size_t{8} << 20U);
        if (::setrlimit(RLIMIT_AS, &limit) != 0) return 1;
        const std::size_t size = text.size();
        make_room(text, 4096);
        return text.size() == size && room_in(text) >= 4096 ? 0 : 2;
    });

    CHECK(answer == 0);
}
#endif
