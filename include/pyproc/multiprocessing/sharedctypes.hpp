// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cerrno>
#include <concepts>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <limits>
#include <memory>
#include <new>
#include <ranges>
#include <span>
#include <stdexcept>
#include <string_view>
#include <type_traits>
#include <utility>

#include "pyproc/errors.hpp"
#include "pyproc/multiprocessing/lock.hpp"
#include "pyproc/multiprocessing/members.hpp"
#include "pyproc/posix/mapping.hpp"

namespace pyproc::multiprocessing {

namespace detail {

/// Types that can be copied byte by byte, and are worth nothing in another process: what
/// they point to is not there, or is another's by the next write.
template <class T>
inline constexpr bool is_address = std::is_pointer_v<T> || std::is_member_pointer_v<T> ||
                                   std::is_null_pointer_v<T> || std::is_reference_v<T>;
template <class Char, class Traits>
inline constexpr bool is_address<std::basic_string_view<Char, Traits>> = true;
template <class T, std::size_t Extent>
inline constexpr bool is_address<std::span<T, Extent>> = true;
template <class T>
inline constexpr bool is_address<std::reference_wrapper<T>> = true;

/// What an array is a row of, be it a C array or not; else the type itself.
template <class T>
struct ElementOf {
    using type = std::remove_cv_t<T>;
};
template <class T>
requires std::is_array_v<T>
struct ElementOf<T> : ElementOf<std::remove_all_extents_t<T>> {
};
template <class T, std::size_t n>
struct ElementOf<std::array<T, n>> : ElementOf<T> {};

/// Whether structured bindings show what the class says, and not what it has.
template <class T>
concept TupleLike = requires {
    std::tuple_size<T>::value;
};

template <class T>
consteval bool has_address();

template <class... Ms>
consteval bool have_address(Types<Ms...>) {
    return (has_address<Ms>() || ...);
}

/// Whether T is such a type or has one in it, as far as can be seen: into aggregates
/// whose members can be counted.
template <class T>
consteval bool has_address() {
    using Bare = typename ElementOf<T>::type;
    if constexpr (is_address<Bare>) {
        return true;
    } else if constexpr (!TupleLike<Bare> && std::is_class_v<Bare> &&
                         std::is_aggregate_v<Bare> &&
                         std::is_default_constructible_v<Bare>) {
        if constexpr (anatomy_of<Bare>.obstacle == Obstacle::none) {
            return have_address(MemberTypes<Bare>{});
        } else {
            return anatomy_of<Bare>.obstacle == Obstacle::reference;
        }
    } else {
        return false;
    }
}

/// Refuses, in words, what can't be in memory that processes share.
template <class T>
struct RequireShareable {
    using Element = std::remove_cv_t<std::remove_all_extents_t<T>>;
    static_assert(!is_address<Element>,
                  "pyproc: a pointer, reference or view can't be shared with another "
                  "process: what it points to is in the memory of this one; share the "
                  "data itself, or a position in an Array");
    static_assert(is_address<Element> || !std::is_trivially_copyable_v<Element> ||
                      !has_address<Element>(),
                  "pyproc: a struct with a pointer, reference or view in it can't be "
                  "shared with another process: what it points to is in the memory of "
                  "this one; share the data itself, or a position in an Array");
    static_assert(is_address<Element> || std::is_trivially_copyable_v<Element>,
                  "pyproc: only a trivially copyable type can be shared with another "
                  "process: a string or container has its contents in the memory of this "
                  "one; use an Array, a struct of arrays, or a Queue");
    static constexpr bool value = true;
};

/// Zeroed memory for `count` objects, shared with the processes that are forked from now
/// on, and gone when the last of them has dropped it or ended.
template <class T>
[[nodiscard]] std::shared_ptr<T> map_objects(std::size_t count) {
    static_assert(alignof(T) <= 4096,
                  "pyproc: no type needs more than a page's alignment");
    if (count > std::numeric_limits<std::ptrdiff_t>::max() / sizeof(T)) {
        throw ValueError{"array is larger than memory can be"};
    }
    const std::size_t size = count == 0 ? 1 : count * sizeof(T);
    auto memory = std::make_shared<posix::Mapping>(
        posix::map_shared(size, posix::Promise::memory).or_throw("mmap"));
    auto* const first = static_cast<T*>(memory->data());
    return {std::move(memory), first};
}

}  // namespace detail

/// An object that this process shares with those that it forks from now on.
///
///     RawValue<int> counter(7);
///     Process p([=] { ++counter.value(); });
///
/// What one of them writes, the others see. Copies stand for the same object, so it may
/// be an argument of a `Process` or be captured by copy. The memory has no name, and
/// nothing is left of it when the last of them has dropped it or ended, however it ended.
///
/// Nothing guards it: where more than one writes use `Value`, or an atomic: `RawValue<
/// std::atomic<int>>` is one that processes can share.
///
/// @tparam T  Any trivially copyable type but pointers and views, and structs that have
///            such. What a class with private members, a base class with members, or a
///            union has of those, the compiler can't see, and they must not be used
///            elsewhere.
///
/// Threads: copies may be used by any number at once, as far as `T` may.
/// Python:  `multiprocessing.RawValue`, `multiprocessing.sharedctypes.RawValue`.
template <class T>
class RawValue {
    static_assert(detail::RequireShareable<T>::value);

public:
    using value_type = T;

    // Moving is copying: what was moved from would be an object without memory.
    RawValue(const RawValue&) noexcept = default;
    RawValue& operator=(const RawValue&) noexcept = default;
    ~RawValue() = default;

    /// An object made from these arguments; from none, zero.
    ///
    /// @throws OSError  ENOMEM.
    template <class... Args>
    requires std::constructible_from<T, Args...>
    explicit RawValue(Args&&... args) : object_{detail::map_objects<T>(1)} {
        new (object_.get()) T(std::forward<Args>(args)...);
    }

    /// The object. The reference is good as long as this or a copy is.
    [[nodiscard]] T& value() const noexcept { return *object_; }

private:
    std::shared_ptr<T> object_;
};

template <class T>
RawValue(T) -> RawValue<T>;

/// A contiguous range of a fixed length that this process shares with those that it forks
/// from now on. Else as `RawValue`.
///
///     RawArray<double> samples(1000);           // zeros
///     RawArray<int> primes({2, 3, 5});
///     RawArray<char> text(std::string("hello"));
///
/// Like a std::span it gives access to its elements even if it is const itself: they are
/// not its own alone.
///
/// Python: `multiprocessing.RawArray`, `multiprocessing.sharedctypes.RawArray`.
template <class T>
class RawArray {
    static_assert(detail::RequireShareable<T>::value);

public:
    using value_type = T;
    using iterator = T*;

    // Moving is copying: what was moved from would be an object without memory.
    RawArray(const RawArray&) noexcept = default;
    RawArray& operator=(const RawArray&) noexcept = default;
    ~RawArray() = default;

    /// Zeros, or for a class its default values.
    ///
    /// Memory is taken as it is written to.
    ///
    /// @throws OSError     ENOMEM: also for more than there is memory and swap, unless
    ///                     the system is set up to promise anything.
    /// @throws ValueError  There is no memory of that size, or it was negative.
    explicit RawArray(std::size_t size)
        : elements_{detail::map_objects<T>(size)}, size_{size} {
        // Zeros are there already, and to write them would take the memory.
        if constexpr (!std::is_trivially_default_constructible_v<T>) {
            for (T& element : *this) new (&element) T();
        }
    }

    RawArray(std::initializer_list<T> values)
        : RawArray{std::span<const T>{values.begin(), values.size()}, FromRange{}} {}

    /// Copies of the elements of any range whose size is known.
    template <std::ranges::sized_range Range>
    requires(
        !std::same_as<std::remove_cvref_t<Range>, RawArray> &&
        !std::derived_from<std::remove_cvref_t<Range>, RawArray> &&
        std::constructible_from<
            T, std::ranges::range_reference_t<Range>>) explicit RawArray(Range&& values)
        : RawArray{std::forward<Range>(values), FromRange{}} {}

    [[nodiscard]] T* data() const noexcept { return elements_.get(); }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] T* begin() const noexcept { return data(); }
    [[nodiscard]] T* end() const noexcept { return data() + size_; }

    /// An element, which must be there.
    [[nodiscard]] T& operator[](std::size_t index) const noexcept {
        return data()[index];
    }

    /// An element.
    ///
    /// @throws std::out_of_range  There is no such. Python: IndexError.
    [[nodiscard]] T& at(std::size_t index) const {
        if (index >= size_) throw std::out_of_range{"invalid index"};
        return data()[index];
    }

private:
    struct FromRange {};

    template <class Range>
    RawArray(Range&& values, FromRange)
        : elements_{detail::map_objects<T>(std::ranges::size(values))},
          size_{std::ranges::size(values)} {
        T* to = data();
        // A range that says it is longer than it is would leave zeros, a shorter one
        // would write beyond the end.
        for (auto&& value : values) {
            if (to == end()) break;
            new (to++) T(std::forward<decltype(value)>(value));
        }
    }

    std::shared_ptr<T> elements_;
    std::size_t size_;
};

/// A `RawValue` with a lock to guard it.
///
///     Value<int> counter(0);
///     Process p([=] {
///         const std::scoped_lock guard{counter.get_lock()};
///         ++counter.value();
///     });
///
/// `value()` itself takes no lock, since it gives out a reference: where Python's
/// `v.value = 1` is guarded and `v.value += 1` is not, here it is for the caller to lock
/// around whatever shall happen as one.
///
/// @tparam LockType  Made without arguments; what it guards by is in shared memory.
///
/// Python: `multiprocessing.Value`.
template <class T, class LockType = RLock>
class Value : public RawValue<T> {
public:
    // Moving is copying: what was moved from would be an object without memory.
    Value(const Value&) noexcept = default;
    Value& operator=(const Value&) noexcept = default;
    ~Value() = default;

    /// @throws OSError  ENOMEM.
    template <class... Args>
    requires std::constructible_from<T, Args...>
    explicit Value(Args&&... args)
        : RawValue<T>(std::forward<Args>(args)...), lock_{std::make_shared<LockType>()} {}

    /// The lock that comes with it, the same for all copies in all processes.
    [[nodiscard]] LockType& get_lock() const noexcept { return *lock_; }

private:
    std::shared_ptr<LockType> lock_;
};

template <class T>
Value(T) -> Value<T>;

/// A `RawArray` with a lock to guard it. Else as `Value`: no access takes the lock
/// by itself.
///
/// Python: `multiprocessing.Array`.
template <class T, class LockType = RLock>
class Array : public RawArray<T> {
public:
    // Moving is copying: what was moved from would be an object without memory.
    Array(const Array&) noexcept = default;
    Array& operator=(const Array&) noexcept = default;
    ~Array() = default;

    explicit Array(std::size_t size)
        : RawArray<T>(size), lock_{std::make_shared<LockType>()} {}

    Array(std::initializer_list<T> values)
        : RawArray<T>(values), lock_{std::make_shared<LockType>()} {}

    template <std::ranges::sized_range Range>
    requires(!std::derived_from<std::remove_cvref_t<Range>, RawArray<T>> &&
             std::constructible_from<RawArray<T>, Range>) explicit Array(Range&& values)
        : RawArray<T>(std::forward<Range>(values)), lock_{std::make_shared<LockType>()} {}

    /// The lock that comes with it, the same for all copies in all processes.
    [[nodiscard]] LockType& get_lock() const noexcept { return *lock_; }

private:
    std::shared_ptr<LockType> lock_;
};

}  // namespace pyproc::multiprocessing
