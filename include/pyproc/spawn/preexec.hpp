// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>

namespace pyproc::spawn {

/// A function without arguments that is to be called in a child, or none.
///
/// It is made from anything that can be called and copied, a lambda with captures too.
/// (`std::function` would do; `<functional>` takes the compiler as long as this library.)
class Preexec {
public:
    Preexec() noexcept = default;

    template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, Preexec> &&
             std::copy_constructible<std::decay_t<F>> &&
             requires(std::decay_t<F> & f) { f(); }) Preexec(F&& function)
        : function_{new std::decay_t<F>(std::forward<F>(function))},
          actions_{&actions_of<std::decay_t<F>>} {}

    Preexec(const Preexec& other)
        : function_{other ? other.actions_->copy(other.function_) : nullptr},
          actions_{other.actions_} {}
    Preexec(Preexec&& other) noexcept
        : function_{std::exchange(other.function_, nullptr)}, actions_{other.actions_} {}
    Preexec& operator=(Preexec other) noexcept {
        std::swap(function_, other.function_);
        std::swap(actions_, other.actions_);
        return *this;
    }
    ~Preexec() {
        if (function_ != nullptr) actions_->destroy(function_);
    }

    [[nodiscard]] explicit operator bool() const noexcept { return function_ != nullptr; }

    /// Calls the function behind a `Preexec`. @return false if an exception left it.
    [[nodiscard]] static bool call(const void* preexec) noexcept {
        const auto& self = *static_cast<const Preexec*>(preexec);
        try {
            self.actions_->call(self.function_);
            return true;
        } catch (...) {
            return false;
        }
    }

private:
    struct Actions {
        void (*call)(void* function);
        void* (*copy)(const void* function);
        void (*destroy)(void* function) noexcept;
    };

    template <class F>
    static constexpr Actions actions_of{
        .call = [](void* function) { (*static_cast<F*>(function))(); },
        .copy = [](const void* function) -> void* {
            return new F(*static_cast<const F*>(function));
        },
        .destroy = [](void* function) noexcept { delete static_cast<F*>(function); }};

    void* function_ = nullptr;  ///< owned
    const Actions* actions_ = nullptr;
};

}  // namespace pyproc::spawn
