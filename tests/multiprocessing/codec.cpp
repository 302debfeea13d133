// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/codec.hpp"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "multiprocessing/round_trip.hpp"
#include "support/catch.hpp"

using namespace pyproc::multiprocessing;
using test::bytes_of;

namespace {

enum class Colour : std::uint8_t { red, green };
enum class Truth : bool { no, yes };

struct Empty {
    bool operator==(const Empty&) const = default;
};
struct EmptyWithBase : Empty {};
struct Tight {
    std::uint32_t first;
    std::uint16_t second;
    Colour colour;
    bool truth;
    bool operator==(const Tight&) const = default;
};
struct Padded {
    char first;
    double second;
    bool third;
    bool operator==(const Padded&) const = default;
};
struct Block {
    std::uint64_t words[8];
};
struct Mixed {
    char tag[4];
    std::string texts[2];
    std::vector<int> numbers;
    Padded padded[2][2];
};
struct Bits {
    unsigned first : 3;
    unsigned second : 5;
    bool third : 1;
};
struct Constant {
    const int number;
    const std::string text;
};
struct ConstantRow {
    const std::string text;
    const char tag[3];
    const std::string texts[2];
    std::unique_ptr<const int> number;
};
struct Tagged : Empty {
    int number;
    std::string text;
};
struct MoveOnly {
    std::unique_ptr<int> number;
};
struct Forty {
    int a0, a1, a2, a3, a4, a5, a6, a7, a8, a9;
    int b0, b1, b2, b3, b4, b5, b6, b7, b8, b9;
    int c0, c1, c2, c3, c4, c5, c6, c7, c8, c9;
    std::string d0, d1, d2, d3, d4, d5, d6, d7, d8, d9;
};
struct Tree {
    int number;
    std::vector<Tree> children;
};
/// So large that the stack holds far fewer than 500 of them.
struct Page {
    std::array<char, 65536> text = {};
    std::unique_ptr<Page> next;
};
struct Link {
    std::unique_ptr<Link> next;
};

/// With no constructor that needs nothing.
class Account {
public:
    Account(std::string owner, int balance)
        : owner_{std::move(owner)}, balance_{balance} {}
    [[nodiscard]] const std::string& owner() const { return owner_; }
    [[nodiscard]] int balance() const { return balance_; }

private:
    std::string owner_;
    int balance_;
};
struct Accounts {
    Account first;
    int number;
    Account second;
};

/// In cereal's style, with all that can be private.
class Hidden {
public:
    explicit Hidden(int number) : number_{number}, text_(3, 'x') {}
    [[nodiscard]] int number() const { return number_; }
    [[nodiscard]] const std::string& text() const { return text_; }

private:
    friend struct pyproc::multiprocessing::Access;
    Hidden() = default;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(number_, text_);
    }

    int number_ = 0;
    std::string text_;
};

/// An aggregate that would travel by itself, were it not told how.
struct Beside {
    int sent;
    int* kept = nullptr;
};
template <class Archive>
void serialize(Archive& archive, Beside& beside) {
    archive& beside.sent;
}

class Liar {
public:
    int number = 0;
    Liar() = default;
    explicit Liar(int n) : number{n} {}
};

}  // namespace

template <>
struct pyproc::multiprocessing::Serializer<Account> {
    static void write(Writer& writer, const Account& account) {
        writer(account.owner(), account.balance());
    }
    static Account read(Reader& reader) {
        auto owner = reader.read<std::string>();
        return Account{std::move(owner), reader.read<int>()};
    }
};

/// Writes one byte more each time.
template <>
struct pyproc::multiprocessing::Serializer<Liar> {
    static void write(Writer& writer, const Liar&) {
        static int times = 0;
        for (int i = 0; i <= times; ++i) writer('x');
        ++times;
    }
    static Liar read(Reader&) { return Liar{}; }
};

TEST_CASE("Codec: numbers are their bytes") {
    CHECK(encode(std::uint8_t{255}) == bytes_of({255}));
    CHECK(test::round_trip(std::numeric_limits<std::int64_t>::min()) ==
          std::numeric_limits<std::int64_t>::min());
    CHECK(test::round_trip(U'\x1F600') == U'\x1F600');
    CHECK(test::round_trip(std::byte{7}) == std::byte{7});
    CHECK(test::round_trip(-0.5F) == -0.5F);
    CHECK(std::isnan(test::round_trip(std::nan(""))));
    CHECK(test::round_trip(1.25L) == 1.25L);
}

TEST_CASE("Codec: an enumeration is taken as it is") {
    CHECK(test::round_trip(Colour::green) == Colour::green);
    CHECK(decode<Colour>(bytes_of({77})) == Colour{77});
}

TEST_CASE("Codec: a truth is 0 or 1") {
    CHECK(test::round_trip(true));
    CHECK_FALSE(test::round_trip(false));
    CHECK(test::round_trip(Truth::yes) == Truth::yes);
    CHECK_THROWS_AS(decode<bool>(bytes_of({2})), DecodeError);
    CHECK_THROWS_AS(decode<Truth>(bytes_of({255})), DecodeError);
}

TEST_CASE("Codec: an aggregate without padding is its own bytes") {
    const Tight tight{0x04030201, 0x0605, Colour::green, true};

    CHECK(fixed_size<Tight> == sizeof(Tight));
    STATIC_REQUIRE(detail::Codec<Tight>::is_plain);
    STATIC_REQUIRE(detail::Codec<Block>::is_plain);
    CHECK(std::memcmp(encode(tight).data(), &tight, sizeof tight) == 0);
    CHECK(test::round_trip(tight) == tight);
}

TEST_CASE("Codec: padding is not sent") {
    const Padded padded{'a', 0.5, true};

    STATIC_REQUIRE(fixed_size<Padded> == 1 + 8 + 1);
    STATIC_REQUIRE_FALSE(detail::Codec<Padded>::is_plain);
    CHECK(test::round_trip(padded) == padded);
}

TEST_CASE("Codec: the bits beside bit-fields are not sent either") {
    struct Wide {
        std::uint32_t first : 20;
        std::uint32_t second : 20;
    };
    struct Real {
        float first;
        std::uint32_t second;
    };
    STATIC_REQUIRE(sizeof(Wide) == 8);
    Wide value;
    std::memset(static_cast<void*>(&value), 0xff, sizeof value);
    value.first = 1;
    value.second = 2;

    CHECK(encode(value) == encode(Wide{1, 2}));
    CHECK(test::round_trip(value).second == 2);
    STATIC_REQUIRE_FALSE(detail::Codec<Wide>::is_plain);
    STATIC_REQUIRE(detail::Codec<Real>::is_plain);
}

TEST_CASE("Codec: a truth inside an aggregate is 0 or 1 as well") {
    auto tight = encode(Tight{1, 2, Colour::red, false});
    auto padded = encode(Padded{'a', 0.5, true});
    auto row = encode(std::vector<Tight>(3));

    tight.back() = padded.back() = row.back() = std::byte{2};

    CHECK_THROWS_AS(decode<Tight>(tight), DecodeError);
    CHECK_THROWS_AS(decode<Padded>(padded), DecodeError);
    CHECK_THROWS_AS(decode<std::vector<Tight>>(row), DecodeError);
}

TEST_CASE("Codec: what has nothing in it is a byte") {
    CHECK(encode(Empty{}) == bytes_of({0}));
    CHECK(encode(EmptyWithBase{}) == bytes_of({0}));
    CHECK(test::round_trip(Empty{}) == Empty{});
    CHECK_THROWS_AS(decode<Empty>(bytes_of({1})), DecodeError);
    CHECK_THROWS_AS(decode<Empty>({}), DecodeError);
}

TEST_CASE("Codec: C arrays travel in aggregates") {
    const Mixed mixed{"abc", {"one", "two"}, {1, 2, 3}, {{{'a', 1, true}}, {}}};

    const Mixed read = test::round_trip(mixed);

    CHECK(std::string(read.tag) == "abc");
    CHECK(read.texts[0] == "one");
    CHECK(read.texts[1] == "two");
    CHECK(read.numbers == mixed.numbers);
    CHECK(read.padded[0][0] == mixed.padded[0][0]);
    CHECK(read.padded[1][1] == mixed.padded[1][1]);
}

TEST_CASE("Codec: bit-fields travel") {
    const Bits read = test::round_trip(Bits{5, 17, true});

    CHECK(read.first == 5);
    CHECK(read.second == 17);
    CHECK(read.third);
}

TEST_CASE("Codec: members may be const, or such that they can only be moved") {
    const Constant constant = test::round_trip(Constant{1, "one"});
    const MoveOnly move_only = test::round_trip(MoveOnly{std::make_unique<int>(2)});

    CHECK(constant.number == 1);
    CHECK(constant.text == "one");
    CHECK(*move_only.number == 2);
}

TEST_CASE("Codec: members may be const beside C arrays, and so may the arrays") {
    const ConstantRow row{"one", "ab", {"two", "three"}, std::make_unique<const int>(4)};

    const ConstantRow read = test::round_trip(row);

    CHECK(read.text == "one");
    CHECK(read.tag[1] == 'b');
    CHECK(read.texts[1] == "three");
    CHECK(*read.number == 4);
}

TEST_CASE("Codec: a base class without members does not stand in the way") {
    const Tagged read = test::round_trip(Tagged{{}, 1, "one"});

    CHECK(read.number == 1);
    CHECK(read.text == "one");
}

TEST_CASE("Codec: forty members travel") {
    Forty forty{};
    forty.a0 = 1;
    forty.c9 = 2;
    forty.d9 = "three";

    const Forty read = test::round_trip(forty);

    CHECK(read.a0 == 1);
    CHECK(read.c9 == 2);
    CHECK(read.d9 == "three");
}

TEST_CASE("Codec: a type may hold itself") {
    const Tree tree{1, {{2, {}}, {3, {{4, {}}}}}};

    const Tree read = test::round_trip(tree);

    REQUIRE(read.children.size() == 2);
    CHECK(read.children[1].children.at(0).number == 4);
}

TEST_CASE("Codec: a chain that is too long is an error to write and to read") {
    Link chain;
    for (int i = 0; i < 500; ++i) {
        Link longer{std::make_unique<Link>(std::move(chain))};
        chain = std::move(longer);
    }
    // A byte of 1 for each link, then one of 0.
    std::vector<std::byte> hostile(1'000'000, std::byte{1});
    hostile.back() = std::byte{0};

    CHECK_NOTHROW(test::round_trip(chain));
    const Link too_long{std::make_unique<Link>(std::move(chain))};

    CHECK_THROWS_WITH(encode(too_long), test::Contains("500 levels"));
    CHECK_THROWS_AS(encode(too_long), pyproc::ValueError);
    CHECK_THROWS_AS(decode<Link>(hostile), DecodeError);
}

TEST_CASE("Codec: a chain of what is large is an error before the stack is full") {
    constexpr std::size_t page = sizeof(Page::text);
    Page chain;
    for (int i = 0; i < 30; ++i) {
        auto next = std::make_unique<Page>(std::move(chain));
        chain = Page{.next = std::move(next)};
    }
    const auto bytes = encode(chain);
    std::vector<std::byte> hostile(400 * (page + 1));
    for (std::size_t i = 1; i <= 400; ++i) hostile[i * (page + 1) - 1] = std::byte{1};
    hostile.back() = std::byte{0};

    CHECK(decode<Page>(bytes).next->next != nullptr);
    CHECK_THROWS_AS(decode<Page>(hostile), DecodeError);
    for (int i = 0; i < 10; ++i) {
        auto next = std::make_unique<Page>(std::move(chain));
        chain = Page{.next = std::move(next)};
    }
    CHECK_THROWS_WITH(encode(chain), test::Contains("nested"));
    CHECK_THROWS_AS(encode(chain), pyproc::ValueError);
}

TEST_CASE("Serializer: a class is written and read as it says") {
    const Account read = test::round_trip(Account{"Ada", 12});

    CHECK(read.owner() == "Ada");
    CHECK(read.balance() == 12);
}

TEST_CASE("Serializer: members of aggregates and of containers may need it") {
    const Accounts read = test::round_trip(Accounts{{"Ada", 1}, 2, {"Bob", 3}});
    const auto row = test::round_trip(std::vector<Account>(3, Account{"Eve", 4}));

    CHECK(read.first.owner() == "Ada");
    CHECK(read.number == 2);
    CHECK(read.second.balance() == 3);
    CHECK(row.at(2).owner() == "Eve");
}

TEST_CASE("Serializer: one that writes more than it has counted is an error") {
    CHECK_THROWS_AS(encode(Liar{1}), pyproc::ValueError);
}

TEST_CASE("Serializer: rows of what writes nothing are bounded by their bytes") {
    auto bytes = encode(std::vector<Beside>(2));
    bytes[7] = std::byte{1};  // a length of 2 to the 56th and 2

    CHECK_THROWS_AS(decode<std::vector<Beside>>(bytes), DecodeError);
}

TEST_CASE("serialize: a private member of the class does") {
    const Hidden read = test::round_trip(Hidden{5});

    CHECK(read.number() == 5);
    CHECK(read.text() == "xxx");
}

TEST_CASE("serialize: a function beside the class does, and goes before the members") {
    int number = 0;

    const Beside read = test::round_trip(Beside{6, &number});

    CHECK(read.sent == 6);
    CHECK(read.kept == nullptr);
}

TEST_CASE("Codec: damaged encodings of aggregates and classes are errors or values") {
    const Mixed mixed{"abc", {"one", "two"}, {1, 2, 3}, {{{'a', 1, true}}, {}}};
    const Tree tree{1, {{2, {}}, {3, {{4, {}}}}}};
    const std::vector<Account> accounts(2, Account{"Ada", 1});

    test::check_every_length(mixed);
    test::check_every_length(tree);
    test::check_every_length(accounts);
    test::check_every_length(Hidden{5});
    test::check_every_length(Tight{});
    test::check_every_length(Padded{});
    test::flip_every_bit(mixed);
    test::flip_every_bit(tree);
    test::flip_every_bit(accounts);
    test::flip_every_bit(Hidden{5});
    test::flip_every_bit(Tight{});
    test::flip_every_bit(Padded{});
}

TEST_CASE("Codec: bytes of chance are errors or values") {
    CHECK(test::decode_anything<Mixed>(5000) >= 0);
    CHECK(test::decode_anything<Tree>(5000) > 0);
    CHECK(test::decode_anything<Link>(5000) > 0);
    CHECK(test::decode_anything<Account>(5000) > 0);
    CHECK(test::decode_anything<std::vector<Tight>>(5000) > 0);
    CHECK(test::decode_anything<std::vector<Padded>>(5000) > 0);
}
