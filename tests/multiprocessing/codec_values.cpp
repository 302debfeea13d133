// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/codec_values.hpp"

#include <array>
#include <bitset>
#include <chrono>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "multiprocessing/round_trip.hpp"
#include "support/catch.hpp"

using namespace pyproc::multiprocessing;
using namespace std::chrono_literals;
using test::bytes_of;

namespace {

using Either = std::variant<std::monostate, int, std::string, std::vector<bool>>;
using Maybe = std::optional<std::pair<std::string, bool>>;
using Everything = std::tuple<Either, Maybe, std::bitset<11>, std::complex<float>,
                              std::filesystem::path, std::array<std::string, 2>>;

struct ThrowsWhenCopied {
    ThrowsWhenCopied() = default;
    ThrowsWhenCopied(const ThrowsWhenCopied&) { throw std::runtime_error{"copied"}; }
    ThrowsWhenCopied& operator=(const ThrowsWhenCopied&) = default;
    template <class Archive>
    void serialize(Archive&) {}
};

struct NeedsArgument {
    explicit NeedsArgument(int n) : number{n} {}
    int number;
};

template <class T>
void check_all(const T& value) {
    CHECK((test::round_trip(value) == value));
    test::check_every_length(value);
    test::flip_every_bit(value);
}

}  // namespace

template <>
struct pyproc::multiprocessing::Serializer<NeedsArgument> {
    static void write(Writer& writer, const NeedsArgument& object) {
        writer(object.number);
    }
    static NeedsArgument read(Reader& reader) {
        return NeedsArgument{reader.read<int>()};
    }
};

TEST_CASE("Codec: std::array is its elements") {
    check_all(std::array<int, 3>{1, 2, 3});
    check_all(std::array<std::string, 2>{"one", "two"});
    check_all(std::array<bool, 2>{true, false});
    check_all(std::array<int, 0>{});

    STATIC_REQUIRE(fixed_size<std::array<short, 5>> == 10);
    STATIC_REQUIRE(fixed_size<std::array<int, 0>> == 1);
    CHECK_THROWS_AS((decode<std::array<bool, 2>>(bytes_of({1, 2}))), DecodeError);
}

TEST_CASE("Codec: std::array of what needs an argument arrives") {
    const std::array<NeedsArgument, 2> array{{NeedsArgument{1}, NeedsArgument{2}}};

    const auto read = test::round_trip(array);

    CHECK(read[0].number == 1);
    CHECK(read[1].number == 2);
}

TEST_CASE("Codec: pairs and tuples are their members") {
    check_all(std::pair{1, std::string("one")});
    check_all(std::tuple{'a', 2.5, std::string("x"), std::vector<int>{1}});
    check_all(std::tuple<>{});

    STATIC_REQUIRE(fixed_size<std::pair<char, double>> == 9);
    STATIC_REQUIRE(fixed_size<std::tuple<char, short, bool>> == 4);
    CHECK(encode(std::pair{'a', 'b'}) == bytes_of({'a', 'b'}));
    CHECK(encode(std::tuple{'a', 'b'}) == bytes_of({'a', 'b'}));
}

TEST_CASE("Codec: an optional is there or not") {
    check_all(Maybe{});
    check_all(Maybe{std::in_place, "text", true});
    check_all(std::optional<std::optional<int>>{std::in_place, std::nullopt});

    CHECK(encode(std::optional<char>{}) == bytes_of({0}));
    CHECK(encode(std::optional{'a'}) == bytes_of({1, 'a'}));
    CHECK_THROWS_AS(decode<std::optional<char>>(bytes_of({2, 'a'})), DecodeError);
}

TEST_CASE("Codec: a unique_ptr is what it owns, or nothing") {
    const auto read = test::round_trip(std::make_unique<std::string>("owned"));
    const auto none = test::round_trip(std::unique_ptr<std::string>{});

    REQUIRE(read != nullptr);
    CHECK(*read == "owned");
    CHECK(none == nullptr);
    test::flip_every_bit(std::make_unique<std::string>("owned"));
}

TEST_CASE("Codec: a variant is the alternative that it holds") {
    check_all(Either{});
    check_all(Either{7});
    check_all(Either{"text"});
    check_all(Either{std::vector<bool>{true, false, true}});
    check_all(std::variant<int, int>{std::in_place_index<1>, 5});

    CHECK_THROWS_WITH(decode<Either>(bytes_of({4, 0})), test::Contains("alternative 4"));
}

TEST_CASE("Codec: a variant without a value can't be written") {
    const ThrowsWhenCopied thrower;
    std::variant<int, ThrowsWhenCopied> variant;
    CHECK_THROWS_AS(variant.emplace<1>(thrower), std::runtime_error);

    CHECK_THROWS_AS(encode(variant), pyproc::ValueError);
}

TEST_CASE("Codec: times arrive to the tick") {
    check_all(1500ms);
    check_all(std::chrono::duration<double, std::ratio<60>>{0.25});
    check_all(std::chrono::system_clock::now());
    check_all(std::chrono::steady_clock::now());
    check_all(std::vector{1ns, 2ns});

    STATIC_REQUIRE(fixed_size<std::chrono::nanoseconds> == 8);
    STATIC_REQUIRE(detail::Codec<std::chrono::steady_clock::time_point>::is_plain);
}

TEST_CASE("Codec: dates arrive, and what is none does not do harm") {
    using namespace std::chrono;

    check_all(year_month_day{year{2024}, month{2}, day{29}});
    check_all(std::tuple{day{1}, month{2}, year{3}, weekday{4U}});
    check_all(month_day{month{2}, day{29}});
    CHECK_FALSE(decode<month>(bytes_of({200})).ok());
}

TEST_CASE("Codec: complex numbers arrive") {
    check_all(std::complex<double>{1.5, -2.5});
    check_all(std::complex<float>{1, 2});
    check_all(std::complex<long double>{1.5L, -2.5L});
}

TEST_CASE("Codec: a bitset takes a bit for each, and no bits after the last") {
    check_all(std::bitset<0>{});
    check_all(std::bitset<8>{0xA5});
    check_all(std::bitset<11>{0x4A5});
    check_all(std::bitset<200>{}.set(0).set(63).set(64).set(199));

    STATIC_REQUIRE(fixed_size<std::bitset<11>> == 2);
    CHECK(encode(std::bitset<11>{0x4A5}) == bytes_of({0xA5, 0x04}));
    CHECK_THROWS_AS(decode<std::bitset<11>>(bytes_of({0, 0x08})), DecodeError);
}

TEST_CASE("Codec: paths arrive byte for byte") {
    check_all(std::filesystem::path{"/srv/data/caf\xe9"});
    check_all(std::filesystem::path{});
}

TEST_CASE("Codec: bytes of chance are errors or values of the standard library") {
    CHECK(test::decode_anything<Everything>(5000) >= 0);
    CHECK(test::decode_anything<Either>(5000) > 0);
    CHECK(test::decode_anything<Maybe>(5000) > 0);
    CHECK(test::decode_anything<std::pair<bool, std::string>>(5000) > 0);
    CHECK(test::decode_anything<std::unique_ptr<std::unique_ptr<int>>>(5000) > 0);
    CHECK(test::decode_anything<std::vector<std::bitset<3>>>(5000) > 0);
    CHECK(test::decode_anything<std::vector<Either>>(5000) > 0);
    CHECK(test::decode_anything<std::vector<std::tuple<bool, std::byte>>>(5000) > 0);
}

TEST_CASE("Codec: everything at once arrives, and does no harm when damaged") {
    check_all(Everything{Either{"text"}, Maybe{std::in_place, "maybe", true},
                         std::bitset<11>{5}, std::complex<float>{1, 2}, "/a/path",
                         std::array<std::string, 2>{"one", "two"}});
}
