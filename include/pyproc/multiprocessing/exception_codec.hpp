// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <typeinfo>
#include <vector>

#include "pyproc/errors.hpp"
#include "pyproc/multiprocessing/exception_text.hpp"
#include "pyproc/multiprocessing/members.hpp"
#include "pyproc/multiprocessing/pool_errors.hpp"
#include "pyproc/multiprocessing/serialize.hpp"

namespace pyproc::multiprocessing::detail {

/// An exception on its way to another process.
struct SentException {
    enum class Kind : std::uint8_t { other, with_text, of_system, of_library, no_memory };

    Kind kind = Kind::other;
    std::uint32_t place = 0;  ///< in the list of those of its kind
    std::int32_t code = 0;
    bool is_generic = false;  ///< whether the code is one of std::generic_category
    std::string type_name = {};
    std::string text = {};
    std::string filename = {};
};

/// Those that are made of a text alone.
using ExceptionsWithText =
    Types<std::runtime_error, std::logic_error, std::invalid_argument, std::out_of_range,
          std::domain_error, std::length_error, std::range_error, std::overflow_error,
          std::underflow_error, ValueError, EOFError, DecodeError>;

/// Those that are made of an errno, a call and a filename.
using ExceptionsOfSystem =
    Types<OSError, FileNotFoundError, FileExistsError, PermissionError,
          NotADirectoryError, ProcessLookupError, ChildProcessError, BrokenPipeError,
          BlockingIOError, InterruptedError, TimeoutError>;

inline constexpr std::uint32_t not_listed = ~std::uint32_t{0};

template <class... Exceptions>
[[nodiscard]] std::uint32_t place_in(Types<Exceptions...>,
                                     const std::type_info& type) noexcept {
    std::uint32_t place = 0;
    const bool is_found = ((typeid(Exceptions) == type || (++place, false)) || ...);
    return is_found ? place : not_listed;
}

/// Makes the exception at a place of a list; null if there is no such place.
template <class... Exceptions, class... Args>
[[nodiscard]] std::exception_ptr make_listed(Types<Exceptions...>, std::uint32_t place,
                                             const Args&... args) {
    std::exception_ptr made;
    std::uint32_t at = 0;
    const auto make = [&]<class Exception>(std::type_identity<Exception>) {
        if (at++ == place) made = std::make_exception_ptr(Exception{args...});
    };
    (make(std::type_identity<Exceptions>{}), ...);
    return made;
}

/// What stands before the reason in the text of a `std::system_error`.
[[nodiscard]] inline std::string without_reason(const std::system_error& error) {
    std::string text = error.what();
    const std::string reason = error.code().message();
    if (!text.ends_with(reason)) return text;
    text.resize(text.size() - reason.size());
    if (text.ends_with(": ")) text.resize(text.size() - 2);
    return text;
}

[[nodiscard]] inline SentException describe_system_error(const std::system_error& error) {
    using Kind = SentException::Kind;
    const std::type_info& type = typeid(error);
    const bool is_generic = error.code().category() == std::generic_category();
    SentException sent{.code = error.code().value(),
                       .is_generic = is_generic,
                       .type_name = type_name(type)};
    sent.place = place_in(ExceptionsOfSystem{}, type);
    const auto* const of_library = dynamic_cast<const OSError*>(&error);
    if (of_library != nullptr && sent.place != not_listed) {
        sent.kind = Kind::of_library;
        sent.filename = of_library->filename();
        sent.text = without_reason(error);
        const std::string file = " '" + sent.filename + "'";
        if (!sent.filename.empty() && sent.text.ends_with(file)) {
            sent.text.resize(sent.text.size() - file.size());
        }
    } else if (type == typeid(std::system_error) &&
               (is_generic || error.code().category() == std::system_category())) {
        sent.kind = Kind::of_system;
        sent.text = without_reason(error);
    } else {
        sent.text = error.what();
    }
    return sent;
}

[[nodiscard]] inline SentException describe_exception(
    const std::exception_ptr& exception) {
    using Kind = SentException::Kind;
    try {
        std::rethrow_exception(exception);
    } catch (const RemoteError& error) {
        // Of a pool of the task's own: as it was thrown there.
        return {.type_name = error.type_name(), .text = error.message()};
    } catch (const std::system_error& error) {
        return describe_system_error(error);
    } catch (const std::bad_alloc& error) {
        if (typeid(error) == typeid(std::bad_alloc)) return {.kind = Kind::no_memory};
        return {.type_name = thrown_type_name(), .text = error.what()};
    } catch (const std::exception& error) {
        const auto place = place_in(ExceptionsWithText{}, typeid(error));
        return {.kind = place == not_listed ? Kind::other : Kind::with_text,
                .place = place,
                .type_name = thrown_type_name(),
                .text = error.what()};
    } catch (const std::string& text) {
        return {.type_name = "std::string", .text = text};
    } catch (const char* text) {
        return {.type_name = "const char*", .text = text != nullptr ? text : ""};
    } catch (...) {
        return {.type_name = thrown_type_name()};
    }
}

/// An exception as bytes.
[[nodiscard]] inline std::vector<std::byte> encode_exception(
    const std::exception_ptr& exception) {
    return encode(describe_exception(exception));
}

/// The exception that `encode_exception` was given: as itself if it was of one of C++'s
/// or this library's types for errors, else a `RemoteError` that says which it was.
///
/// @throws DecodeError  The bytes are no exception.
[[nodiscard]] inline std::exception_ptr decode_exception(
    std::span<const std::byte> bytes) {
    using Kind = SentException::Kind;
    const auto sent = decode<SentException>(bytes);
    std::exception_ptr made;
    switch (sent.kind) {
        case Kind::with_text:
            made = make_listed(ExceptionsWithText{}, sent.place, sent.text);
            break;
        case Kind::of_library:
            made =
                make_listed(ExceptionsOfSystem{}, sent.place, sent.code,
                            std::string_view{sent.text}, std::string_view{sent.filename});
            break;
        case Kind::of_system: {
            const auto& category =
                sent.is_generic ? std::generic_category() : std::system_category();
            return std::make_exception_ptr(
                std::system_error{sent.code, category, sent.text});
        }
        case Kind::no_memory: return std::make_exception_ptr(std::bad_alloc{});
        case Kind::other: break;
    }
    if (made) return made;
    return std::make_exception_ptr(RemoteError{sent.type_name, sent.text});
}

}  // namespace pyproc::multiprocessing::detail
