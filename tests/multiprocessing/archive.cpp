// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/archive.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "multiprocessing/round_trip.hpp"
#include "pyproc/multiprocessing/serialize.hpp"
#include "support/catch.hpp"

using namespace pyproc::multiprocessing;

TEST_CASE("Writer: without a span it counts") {
    Writer writer;

    writer.write("abc", 3);
    writer(std::uint32_t{1}, std::string("four"));

    CHECK(writer.size() == 3 + 4 + 8 + 4);
}

TEST_CASE(
    "Writer: what does not fit is an error, and nothing is written beyond the end") {
    std::vector<std::byte> place(4);
    Writer writer{place};
    writer.write("abc", 3);

    CHECK_THROWS_AS(writer.write("de", 2), pyproc::ValueError);
    CHECK_THROWS_AS(writer(std::uint16_t{1}), pyproc::ValueError);
    CHECK_NOTHROW(writer.write("d", 1));

    CHECK(place == test::bytes_of({'a', 'b', 'c', 'd'}));
}

TEST_CASE("Writer, Reader: values come out in the order in which they went in") {
    std::vector<std::byte> place(4 + 8 + 3 + 1);
    Writer writer{place};
    writer(std::int32_t{-1}, std::string("abc")) & true;
    Reader reader{place};
    std::string text;
    bool truth = false;

    const auto number = reader.read<std::int32_t>();
    reader(text) & truth;

    CHECK(number == -1);
    CHECK(text == "abc");
    CHECK(truth);
    CHECK(reader.left() == 0);
}

TEST_CASE("Reader: what is not there is an error that says how much is") {
    const auto bytes = test::bytes_of({1, 2, 3});
    Reader reader{bytes};
    char two[2];
    reader.read(two, 2);

    CHECK_THROWS_WITH(reader.read(two, 2), "cut off: 2 bytes expected, and 1 left");
    CHECK_THROWS_AS(reader.take(2), DecodeError);
    CHECK_THROWS_AS(reader.read<short>(), DecodeError);

    CHECK(reader.left() == 1);
}

TEST_CASE("Reader: nothing can be read from nothing") {
    Reader reader{{}};

    CHECK_NOTHROW(reader.read(nullptr, 0));
    CHECK_THROWS_AS(reader.read<char>(), DecodeError);
}

TEST_CASE("Writer, Reader: C arrays are written and read element by element") {
    const std::string names[2] = {"a", "bc"};
    Writer counter;
    counter(names);
    std::vector<std::byte> place(counter.size());
    Writer writer{place};
    std::string read[2];

    writer(names);
    Reader{place}(read);

    CHECK(read[0] == "a");
    CHECK(read[1] == "bc");
}

TEST_CASE("Level: there are five hundred, and those left can be entered again") {
    detail::Depth depth{.levels = detail::deepest_nesting - 1};

    {
        const detail::Level<DecodeError> last{depth, 1};
        CHECK_THROWS_AS((detail::Level<DecodeError>{depth, 1}), DecodeError);
    }

    CHECK_NOTHROW(detail::Level<DecodeError>{depth, 1});
    CHECK(depth.levels == detail::deepest_nesting - 1);
    CHECK(depth.bytes == 0);
}

TEST_CASE("Level: one may be of any size, and then there is none in it") {
    detail::Depth depth;

    const detail::Level<DecodeError> large{depth, detail::most_nested_bytes + 1};

    CHECK_THROWS_AS((detail::Level<DecodeError>{depth, 1}), DecodeError);
}
