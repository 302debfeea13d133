// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/members.hpp"

#include <any>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "support/catch.hpp"

using namespace pyproc::multiprocessing::detail;

namespace {

struct Tag {};
struct OtherTag {};
struct Empty {};
struct EmptyWithBase : Tag {};
struct Nested {
    char name[16];
    int number;
};
struct Tagged : Tag, OtherTag {
    int number;
    std::string text;
};
struct Rich {
    std::string text;
    std::vector<int> numbers;
    std::optional<int> maybe;
    std::map<int, int> map;
    std::variant<int, std::string> either;
};
struct Arrays {
    int matrix[2][3];
    Nested nested[2];
    const int constant = 3;
};
struct Tree {
    int number;
    std::vector<Tree> children;
    std::unique_ptr<Tree> left;
    std::optional<std::unique_ptr<Tree>> right;
};
struct Bits {
    unsigned first : 3;
    unsigned second : 5;
    bool third : 1;
};
struct Mebibyte {
    char bytes[1 << 20];
};

class NeedsArgument {
public:
    explicit NeedsArgument(int number) : number_{number} {}
    NeedsArgument(NeedsArgument&&) = default;
    [[nodiscard]] int number() const { return number_; }

private:
    int number_;
};
struct HoldsNeedsArgument {
    NeedsArgument first;
    int second;
    std::string third;
};

struct Anything {
    std::any first;
    int second;
};
struct TaggedAnything : Tag {
    std::any first;
    std::function<void()> second;
};

struct Base {
    int number;
};
struct Derived : Base {
    int other;
};
struct OnlyDerived : Base {};

int global = 0;
struct Reference {
    int& reference;
};
struct ConstReference {
    int number;
    const int& reference;
};
struct DefaultReference {
    int number;
    int& reference = global;
};
struct DefaultConstReference {
    int number;
    const int& reference = global;
};

class ExplicitDefault {
public:
    explicit ExplicitDefault() {}
};
struct HoldsExplicitDefault {
    int number;
    ExplicitDefault object{};
};

template <class T>
constexpr std::size_t members = anatomy_of<T>.members;
template <class T>
constexpr Obstacle obstacle = anatomy_of<T>.obstacle;

}  // namespace

TEST_CASE("anatomy: members are counted, whatever their types") {
    STATIC_REQUIRE(members<Nested> == 2);
    STATIC_REQUIRE(members<Rich> == 5);
    STATIC_REQUIRE(members<Arrays> == 3);
    STATIC_REQUIRE(members<Tree> == 4);
    STATIC_REQUIRE(members<Bits> == 3);
    STATIC_REQUIRE(members<Mebibyte> == 1);
    STATIC_REQUIRE(obstacle<Arrays> == Obstacle::none);
}

TEST_CASE("anatomy: members that need an argument are counted") {
    STATIC_REQUIRE(members<HoldsNeedsArgument> == 3);
    STATIC_REQUIRE(obstacle<HoldsNeedsArgument> == Obstacle::none);
}

TEST_CASE("anatomy: base classes without members are told from members") {
    STATIC_REQUIRE(members<Tagged> == 2);
    STATIC_REQUIRE(anatomy_of<Tagged>.bases == 2);
    STATIC_REQUIRE(members<EmptyWithBase> == 0);
    STATIC_REQUIRE(members<Empty> == 0);
    STATIC_REQUIRE(obstacle<Empty> == Obstacle::none);
}

TEST_CASE("anatomy: a member that takes anything is not taken for a base class") {
    STATIC_REQUIRE(anatomy_of<Anything>.bases == 0);
    STATIC_REQUIRE(members<Anything> == 2);
    STATIC_REQUIRE(anatomy_of<TaggedAnything>.bases == 1);
    STATIC_REQUIRE(members<TaggedAnything> == 2);
}

TEST_CASE("anatomy: base classes with members are an obstacle") {
    STATIC_REQUIRE(obstacle<Derived> == Obstacle::base_with_members);
    STATIC_REQUIRE(obstacle<OnlyDerived> == Obstacle::base_with_members);
}

TEST_CASE("anatomy: unions are an obstacle, those without a name too") {
    struct Named {
        int number;
        union {
            int whole;
            double real;
        } either;
    };
    struct Nameless {
        char text[8];
        union {
            int whole;
            double real;
        };
        int number;
    };

    STATIC_REQUIRE(obstacle<Named> == Obstacle::has_union);
    STATIC_REQUIRE(obstacle<Nameless> == Obstacle::has_union);
}

TEST_CASE("anatomy: a member that braces can't initialise is not overlooked") {
    STATIC_REQUIRE(obstacle<HoldsExplicitDefault> == Obstacle::unknown);
}

TEST_CASE("has_reference: references are found, those with a default too") {
    STATIC_REQUIRE(has_reference<Reference>());
    STATIC_REQUIRE(has_reference<ConstReference>());
    STATIC_REQUIRE(has_reference<DefaultReference>());
    STATIC_REQUIRE(has_reference<DefaultConstReference>());
}

TEST_CASE("has_reference: nothing else is taken for a reference") {
    STATIC_REQUIRE_FALSE(has_reference<Arrays>());
    STATIC_REQUIRE_FALSE(has_reference<Rich>());
    STATIC_REQUIRE_FALSE(has_reference<Tree>());
    STATIC_REQUIRE_FALSE(has_reference<HoldsNeedsArgument>());
}

TEST_CASE("MemberTypes: the types are as declared, without const") {
    STATIC_REQUIRE(std::is_same_v<MemberTypes<Nested>, Types<char[16], int>>);
    STATIC_REQUIRE(std::is_same_v<MemberTypes<Arrays>, Types<int[2][3], Nested[2], int>>);
    STATIC_REQUIRE(std::is_same_v<MemberTypes<Bits>, Types<unsigned, unsigned, bool>>);
    STATIC_REQUIRE(std::is_same_v<MemberTypes<Empty>, Types<>>);
}

TEST_CASE("visit_members: a class without members is visited with nothing") {
    Empty empty;

    const auto count =
        visit_members(empty, [](auto&... each) { return sizeof...(each); });

    CHECK(count == 0);
}
