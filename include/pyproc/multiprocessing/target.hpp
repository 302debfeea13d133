// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "pyproc/multiprocessing/code_address.hpp"
#include "pyproc/multiprocessing/exception_text.hpp"
#include "pyproc/multiprocessing/serialize.hpp"

namespace pyproc::multiprocessing::detail {

/// What a constructor that takes any callable leaves to the other constructors.
template <class T, class... Others>
concept NoneOf = (!std::derived_from<std::remove_cvref_t<T>, Others> && ...);

template <class T, class Base>
concept ProperlyDerivedFrom = std::derived_from<std::remove_cvref_t<T>, Base> &&
    !std::same_as<std::remove_cvref_t<T>, Base>;

/// A call on its way to a process that is not forked for it.
struct Parcel {
    /// Makes the call of which these are the parts. As an address it means the same in
    /// every process that was forked of this program.
    using Task = void (*)(std::span<const std::byte> arguments);

    Task task = nullptr;
    std::vector<std::byte> arguments;
};

/// What is sent for a part of a call: the part itself.
template <class Part>
struct Sent {
    static constexpr bool is_possible = Travels<Part>;
    using Type = Part;
    static const Part& pack(const Part& part) noexcept { return part; }
    static Part&& unpack(Part& sent) noexcept { return std::move(sent); }
};

/// A function or a member: where in the program it is, which is the same there.
template <CodePointer Part>
struct Sent<Part> {
    static constexpr bool is_possible = true;
    using Type = CodeBytes<Part>;
    static Type pack(Part part) noexcept { return encode_code(part); }
    static Part unpack(const Type& bytes) noexcept { return decode_code<Part>(bytes); }
};

/// A text of C, as string literals are: its characters.
template <>
struct Sent<const char*> {
    static constexpr bool is_possible = true;
    using Type = std::optional<std::string>;
    static Type pack(const char* text) {
        return text != nullptr ? Type{text} : std::nullopt;
    }
    static const char* unpack(const Type& text) noexcept {
        return text ? text->c_str() : nullptr;
    }
};

/// Calls a callable that has been sent, on the arguments that have been sent with it.
template <class... Parts>
void call_sent(std::span<const std::byte> bytes) {
    Reader reader{bytes};
    // In braces, so that they are read in their order.
    std::tuple<typename Sent<Parts>::Type...> sent{
        reader.template read<typename Sent<Parts>::Type>()...};
    if (reader.left() != 0) throw DecodeError{"bytes left over"};
    std::apply(
        [](auto&... each) {
            static_cast<void>(std::invoke(Sent<Parts>::unpack(each)...));
        },
        sent);
}

/// @param place  0 for the callable, else the number of the argument.
[[noreturn]] inline void refuse_to_send(std::size_t place, const std::type_info& type) {
    std::string text{"cannot start a process by the fork server: "};
    if (place == 0) {
        text +=
            "its target can't be sent there (" + type_name(type) +
            "); use a function or a callable without state, and pass what it needs as "
            "arguments; or the start method \"fork\"";
    } else {
        text += "argument " + std::to_string(place) +
                " of its target can't be sent there (" + type_name(type) +
                "); use a type that travels, see serialize.hpp; or the start method "
                "\"fork\"";
    }
    throw std::logic_error{text};
}

/// A callable and its arguments, waiting to be called.
class Target {
public:
    Target() = default;
    Target(const Target&) = delete;
    Target& operator=(const Target&) = delete;
    virtual ~Target() = default;

    /// May be called once: the callable and the arguments are moved into the call.
    virtual void call() = 0;

    /// The same call for another process.
    ///
    /// @throws std::logic_error  There is something in it that can't be sent.
    [[nodiscard]] virtual Parcel pack() const = 0;
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

    [[nodiscard]] Parcel pack() const override {
        if constexpr ((Sent<Parts>::is_possible && ...)) {
            Parcel parcel{call_sent<Parts...>, {}};
            const auto append = [&parcel](const auto& sent) {
                const std::size_t before = parcel.arguments.size();
                parcel.arguments.resize(before + encoded_size(sent));
                encode_into(std::span{parcel.arguments}.subspan(before), sent);
            };
            std::apply(
                [&](const Parts&... parts) { (append(Sent<Parts>::pack(parts)), ...); },
                parts_);
            return parcel;
        } else {
            std::size_t place = 0;
            const auto check = [&place](bool is_possible, const std::type_info& type) {
                if (!is_possible) refuse_to_send(place, type);
                ++place;
            };
            (check(Sent<Parts>::is_possible, typeid(Parts)), ...);
            return {};
        }
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
