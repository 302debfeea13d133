// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

namespace pyproc::multiprocessing::detail {

/// What a constructor that takes any callable leaves to the other constructors.
template <class T, class... Others>
concept NoneOf = (!std::derived_from<std::remove_cvref_t<T>, Others> && ...);

template <class T, class Base>
concept ProperlyDerivedFrom = std::derived_from<std::remove_cvref_t<T>, Base> &&
    !std::same_as<std::remove_cvref_t<T>, Base>;

/// A callable and its arguments, waiting to be called.
class Target {
public:
    Target() = default;
    Target(const Target&) = delete;
    Target& operator=(const Target&) = delete;
    virtual ~Target() = default;

    /// May be called once: the callable and the arguments are moved into the call.
    virtual void call() = 0;
};

template <class... Parts>
class BoundTarget final : public Target {
public:
    template <class... Given>
    explicit BoundTarget(std::in_place_t, Given&&... parts)
        : parts_{std::forward<Given>(parts)...} {}

    void call() override {
        std::apply(
            [](Parts&... parts) { static_cast<void>(std::invoke(std::move(parts)...)); },
            parts_);
    }

private:
    std::tuple<Parts...> parts_;
};

/// Copies or moves in a callable and its arguments, as std::thread does: what is to be a
/// reference is passed by `std::ref`, and the object of a member function comes first.
template <class Callable, class... Args>
[[nodiscard]] std::unique_ptr<Target> make_target(Callable&& callable, Args&&... args) {
    static_assert(std::is_invocable_v<std::decay_t<Callable>, std::decay_t<Args>...>,
                  "Process: the target can't be called with these arguments; it gets "
                  "copies of them, as rvalues");
    return std::make_unique<BoundTarget<std::decay_t<Callable>, std::decay_t<Args>...>>(
        std::in_place, std::forward<Callable>(callable), std::forward<Args>(args)...);
}

}  // namespace pyproc::multiprocessing::detail
