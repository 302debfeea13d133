// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/travels.hpp"

#include <atomic>
#include <chrono>
#include <complex>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "pyproc/multiprocessing/serialize.hpp"
#include "support/catch.hpp"

using namespace pyproc::multiprocessing;

namespace {

struct Point {
    int x, y;
};
struct Task {
    std::string name;
    std::vector<std::optional<Point>> points;
    char tag[8];
};
struct Tree {
    std::vector<Tree> children;
    std::map<std::string, Tree> named;
    std::unique_ptr<Tree> other;
};
struct BadTree {
    std::vector<BadTree> children;
    const char* name;
};
struct HoldsPointer {
    int number;
    char* text;
};
struct HoldsArrayOfPointers {
    const char* names[4];
};
struct HoldsReference {
    const std::string& text;
};
struct Polymorphic {
    virtual ~Polymorphic() = default;
};
union Either {
    int number;
    char* text;
};
class Private {
public:
    Private() = default;

private:
    [[maybe_unused]] int number_ = 0;
};
struct HoldsPrivate {
    Private member;
};
struct ByName {
    bool operator()(const std::string& a, const std::string& b) const { return a < b; }
};
using Comparison = bool (*)(int, int);

class Inside {
public:
    template <class Archive>
    void serialize(Archive&) {}
};
class Specialised {
public:
    explicit Specialised(int*) {}
};

}  // namespace

template <>
struct pyproc::multiprocessing::Serializer<Specialised> {
    static void write(Writer&, const Specialised&) {}
    static Specialised read(Reader&) { return Specialised{nullptr}; }
};

TEST_CASE("Travels: values do") {
    STATIC_REQUIRE(Travels<int>);
    STATIC_REQUIRE(Travels<long double>);
    STATIC_REQUIRE(Travels<std::byte>);
    STATIC_REQUIRE(Travels<std::string>);
    STATIC_REQUIRE(Travels<std::filesystem::path>);
    STATIC_REQUIRE(Travels<std::chrono::system_clock::time_point>);
    STATIC_REQUIRE(Travels<std::tuple<int, std::pair<std::string, std::monostate>>>);
    STATIC_REQUIRE(Travels<std::variant<std::monostate, std::complex<double>>>);
    STATIC_REQUIRE(Travels<std::unique_ptr<std::string>>);
}

TEST_CASE("Travels: aggregates of what travels do, those that hold themselves too") {
    STATIC_REQUIRE(Travels<Point>);
    STATIC_REQUIRE(Travels<Task>);
    STATIC_REQUIRE(Travels<Tree>);
}

TEST_CASE("Travels: classes do when they are told how") {
    STATIC_REQUIRE(Travels<Inside>);
    STATIC_REQUIRE(Travels<Specialised>);
    STATIC_REQUIRE(Travels<std::vector<std::map<int, Specialised>>>);
}

TEST_CASE("Travels: a function object without state does, one with a capture does not") {
    int number = 1;
    const auto without = [] {};
    const auto with_copy = [number] { return number + 1; };
    const auto with_reference = [&number] { return ++number; };

    STATIC_REQUIRE(Travels<std::remove_const_t<decltype(without)>>);
    STATIC_REQUIRE(Travels<std::less<int>>);
    STATIC_REQUIRE_FALSE(Travels<std::remove_const_t<decltype(with_copy)>>);
    STATIC_REQUIRE_FALSE(Travels<std::remove_const_t<decltype(with_reference)>>);
}

TEST_CASE("Travels: pointers, references and views do not") {
    STATIC_REQUIRE_FALSE(Travels<int*>);
    STATIC_REQUIRE_FALSE(Travels<const char*>);
    STATIC_REQUIRE_FALSE(Travels<std::nullptr_t>);
    STATIC_REQUIRE_FALSE(Travels<void (*)()>);
    STATIC_REQUIRE_FALSE(Travels<int Point::*>);
    STATIC_REQUIRE_FALSE(Travels<int&>);
    STATIC_REQUIRE_FALSE(Travels<std::reference_wrapper<int>>);
    STATIC_REQUIRE_FALSE(Travels<std::string_view>);
    STATIC_REQUIRE_FALSE(Travels<std::span<int>>);
    STATIC_REQUIRE_FALSE(Travels<std::shared_ptr<int>>);
    STATIC_REQUIRE_FALSE(Travels<std::function<void()>>);
    STATIC_REQUIRE_FALSE(Travels<std::vector<int>::iterator>);
    STATIC_REQUIRE_FALSE(Travels<void>);
}

TEST_CASE("Travels: what has such a one in it does not, however deep") {
    STATIC_REQUIRE_FALSE(Travels<HoldsPointer>);
    STATIC_REQUIRE_FALSE(Travels<HoldsArrayOfPointers>);
    STATIC_REQUIRE_FALSE(Travels<HoldsReference>);
    STATIC_REQUIRE_FALSE(Travels<BadTree>);
    STATIC_REQUIRE_FALSE(Travels<std::pair<int, int&>>);
    STATIC_REQUIRE_FALSE(Travels<std::tuple<std::string_view>>);
    STATIC_REQUIRE_FALSE(Travels<std::optional<HoldsPointer>>);
    STATIC_REQUIRE_FALSE(
        Travels<std::map<int, std::vector<std::variant<int, std::array<char*, 2>>>>>);
}

TEST_CASE("Travels: what can't be looked into or made anew does not") {
    STATIC_REQUIRE_FALSE(Travels<Private>);
    STATIC_REQUIRE_FALSE(Travels<HoldsPrivate>);
    STATIC_REQUIRE_FALSE(Travels<Either>);
    STATIC_REQUIRE_FALSE(Travels<std::mutex>);
    STATIC_REQUIRE_FALSE(Travels<std::atomic<int>>);
    STATIC_REQUIRE_FALSE(Travels<std::unique_ptr<Polymorphic>>);
    STATIC_REQUIRE_FALSE(Travels<std::unique_ptr<int[]>>);
    STATIC_REQUIRE_FALSE(Travels<int[3]>);
}

TEST_CASE("Travels: a container does whose order has no state that would be lost") {
    STATIC_REQUIRE(Travels<std::map<std::string, int, ByName>>);
    STATIC_REQUIRE_FALSE(Travels<std::set<int, Comparison>>);
}

TEST_CASE("Culprit: the part that can't travel is named") {
    STATIC_REQUIRE(std::is_same_v<detail::Culprit<Task>, detail::Nobody>);
    STATIC_REQUIRE(std::is_same_v<detail::Culprit<HoldsPointer>, char*>);
    STATIC_REQUIRE(std::is_same_v<detail::Culprit<BadTree>, const char*>);
    STATIC_REQUIRE(std::is_same_v<detail::Culprit<std::vector<HoldsPrivate>>, Private>);
    STATIC_REQUIRE(
        std::is_same_v<detail::Culprit<std::optional<HoldsReference>>, HoldsReference>);
}

TEST_CASE("require_travels: what travels passes") {
    require_travels<Task>();
    require_travels<Specialised>();
    SUCCEED();
}
