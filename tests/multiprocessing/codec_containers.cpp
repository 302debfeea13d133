// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/codec_containers.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <forward_list>
#include <functional>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "multiprocessing/round_trip.hpp"
#include "support/catch.hpp"

using namespace pyproc::multiprocessing;

namespace {

struct Empty {
    bool operator==(const Empty&) const = default;
};
struct Padded {
    char first;
    double second;
    bool operator==(const Padded&) const = default;
};
/// Plain, but not made without an argument.
struct Number {
    const std::uint32_t number;
    bool operator==(const Number&) const = default;
};
class NeedsArgument {
public:
    explicit NeedsArgument(int n) : number{n} {}
    bool operator==(const NeedsArgument&) const = default;
    int number;
};

template <class T>
void check_all(const T& value) {
    CHECK(test::round_trip(value) == value);
    CHECK(test::round_trip(T()) == T());
    test::check_every_length(value);
    test::flip_every_bit(value);
}

/// A length and nothing that it could be the length of.
std::vector<std::byte> length_alone(std::size_t length) {
    return encode(length);
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

TEST_CASE("Codec: strings of all widths arrive, with NULs and whatever they hold") {
    using namespace std::string_literals;

    check_all("a\0b\xff"s);
    check_all(L"wide"s);
    check_all(u8"\u00e9"s);
    check_all(u"\u00e9"s);
    check_all(U"\U0001F600"s);
    CHECK(encode("abc"s).size() == sizeof(std::size_t) + 3);
}

TEST_CASE("Codec: vectors of plain elements arrive in one piece") {
    check_all(std::vector<int>{1, 2, 3});
    check_all(std::vector<double>{0.5, -0.0, 1e300});
    check_all(std::vector<std::array<short, 3>>{{1, 2, 3}, {4, 5, 6}});
    check_all(std::vector<std::byte>(9, std::byte{7}));

    std::vector<int> million(1'000'000);
    for (std::size_t i = 0; i < million.size(); ++i) million[i] = static_cast<int>(i);
    const auto bytes = encode(million);

    CHECK(bytes.size() == sizeof(std::size_t) + sizeof(int) * million.size());
    CHECK(std::memcmp(bytes.data() + sizeof(std::size_t), million.data(),
                      sizeof(int) * million.size()) == 0);
    CHECK(test::decode_at<std::vector<int>>(0, bytes) == million);
    CHECK(test::decode_at<std::vector<int>>(3, bytes) == million);
}

TEST_CASE("Codec: vectors arrive, whatever is in them") {
    check_all(std::vector<std::string>{"one", "", "three"});
    check_all(std::vector<std::vector<int>>{{1}, {}, {2, 3}});
    check_all(std::vector<Padded>{{'a', 0.5}, {'b', 1.5}});
    check_all(std::vector<Empty>(3));
    check_all(std::vector<NeedsArgument>{NeedsArgument{1}, NeedsArgument{2}});
    check_all(std::vector<long double>{1.5L, -2.5L});
    check_all(std::vector<Number>{{1}, {2}});

    std::vector<std::unique_ptr<int>> owners;
    owners.push_back(std::make_unique<int>(1));
    owners.push_back(nullptr);
    const auto read = test::round_trip(owners);

    REQUIRE(read.size() == 2);
    CHECK(*read[0] == 1);
    CHECK(read[1] == nullptr);
}

TEST_CASE("Codec: std::vector<bool> takes a bit for each, and no bits after the last") {
    std::vector<bool> bits(11);
    bits[0] = bits[7] = bits[8] = bits[10] = true;

    check_all(bits);
    check_all(std::vector<bool>(16, true));
    auto bytes = encode(bits);
    CHECK(bytes.size() == sizeof(std::size_t) + 2);

    bytes.back() |= std::byte{0x08};

    CHECK_THROWS_AS(decode<std::vector<bool>>(bytes), DecodeError);
}

TEST_CASE("Codec: sequences arrive in their order") {
    check_all(std::deque<int>{1, 2, 3});
    check_all(std::deque<std::string>{"one", "two"});
    check_all(std::list<Padded>{{'a', 0.5}, {'b', 1.5}});
    check_all(std::list<std::string>{"one", "two"});
    check_all(std::forward_list<int>{1, 2, 3});
    check_all(std::forward_list<std::string>{"one", "two"});
    check_all(std::deque<bool>{true, false});
}

TEST_CASE("Codec: sets and maps arrive") {
    check_all(std::set<int>{3, 1, 2});
    check_all(std::set<std::string, std::greater<>>{"a", "b"});
    check_all(std::multiset<int>{1, 1, 2});
    check_all(std::map<std::string, std::vector<int>>{{"a", {1}}, {"b", {}}});
    check_all(std::multimap<int, std::string>{{1, "a"}, {1, "b"}});
    check_all(std::unordered_set<std::string>{"a", "b", "c"});
    check_all(std::unordered_multiset<int>{1, 1, 2});
    check_all(std::unordered_map<int, std::string>{{1, "a"}, {2, "b"}});
    check_all(std::unordered_multimap<int, int>{{1, 2}, {1, 3}});
}

TEST_CASE("Codec: a set or map with an element twice is an error") {
    const auto twice = encode(std::vector<int>{5, 5});
    const auto key_twice = encode(std::vector<int>{1, 2, 1, 3});
    auto map_bytes = key_twice;
    map_bytes[0] = std::byte{2};

    CHECK_THROWS_AS(decode<std::set<int>>(twice), DecodeError);
    CHECK_THROWS_AS(decode<std::unordered_set<int>>(twice), DecodeError);
    CHECK_THROWS_AS((decode<std::map<int, int>>(map_bytes)), DecodeError);
    CHECK(decode<std::multiset<int>>(twice).size() == 2);
    CHECK((decode<std::multimap<int, int>>(map_bytes).size() == 2));
}

TEMPLATE_TEST_CASE("Codec: a length beyond the bytes is refused before it is believed",
                   "", std::string, std::u32string, std::vector<int>, std::vector<bool>,
                   std::vector<std::string>, std::vector<Empty>,
                   std::vector<NeedsArgument>, std::deque<Empty>, std::list<int>,
                   std::forward_list<Empty>, std::set<int>,
                   (std::unordered_map<int, int>)) {
    for (const int bit : {0, 1, 20, 31, 32, 40, 59, 60, 61, 62, 63}) {
        const auto length = std::size_t{1} << bit;
        CHECK_THROWS_AS(decode<TestType>(length_alone(length)), DecodeError);
    }
    const auto longest = std::numeric_limits<std::size_t>::max();
    CHECK_THROWS_AS(decode<TestType>(length_alone(longest)), DecodeError);
}

TEST_CASE("Codec: bytes of chance are errors or containers") {
    CHECK(test::decode_anything<std::string>(5000) > 0);
    CHECK(test::decode_anything<std::vector<bool>>(5000) > 0);
    CHECK(test::decode_anything<std::vector<std::string>>(5000) > 0);
    CHECK(test::decode_anything<std::vector<std::vector<std::vector<char>>>>(5000) > 0);
    CHECK(test::decode_anything<std::forward_list<short>>(5000) > 0);
    CHECK(test::decode_anything<std::list<std::list<bool>>>(5000) > 0);
    CHECK(test::decode_anything<std::set<std::string>>(5000) > 0);
    CHECK(test::decode_anything<std::multimap<char, std::string>>(5000) > 0);
    CHECK(test::decode_anything<std::unordered_map<char, std::vector<bool>>>(5000) > 0);
}
