// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace pyproc::multiprocessing::detail {

/// A place in the program, as a number that means the same in every process that runs the
/// same program, wherever that was loaded: how far it is from something that the program
/// has for certain. 0 stands for no place.
///
/// In processes that were forked from each other, any place at all is meant alike, those
/// in shared libraries too. Else only those in the program itself are.
using CodeOffset = std::int64_t;

// An object, not a function: a linker may merge functions of the same code. Aligned, so
// that what is even of an address is so of the offset.
alignas(16) inline constinit const char code_anchor = 0;

[[nodiscard]] inline CodeOffset to_code_offset(std::uintptr_t address) noexcept {
    if (address == 0) return 0;
    return static_cast<CodeOffset>(address -
                                   reinterpret_cast<std::uintptr_t>(&code_anchor));
}

[[nodiscard]] inline std::uintptr_t to_code_address(CodeOffset offset) noexcept {
    if (offset == 0) return 0;
    return static_cast<std::uintptr_t>(offset) +
           reinterpret_cast<std::uintptr_t>(&code_anchor);
}

/// A pointer to a function, or to a member of a class.
template <class Part>
concept CodePointer = std::is_member_pointer_v<Part> ||
    (std::is_pointer_v<Part>&& std::is_function_v<std::remove_pointer_t<Part>>);

template <CodePointer Part>
using CodeBytes = std::array<std::byte, sizeof(Part)>;

/// Whether bytes that are a pointer to a member function, or were made of one, stand for
/// a virtual function: then they say where it is in a table, the same in any process.
///
/// Which of its two words tells so differs between processors: those whose functions may
/// begin at odd addresses take the second. So it is asked of a pointer that is known to
/// be one.
///
/// Source: Itanium C++ ABI, section 2.3, and that of Arm.
[[nodiscard]] inline bool stands_for_virtual(const std::byte* bytes) noexcept {
    struct Known {
        virtual ~Known() = default;
        virtual void function() {}
    };
    const auto known = &Known::function;
    static_assert(sizeof known == 2 * sizeof(std::uintptr_t));
    std::uintptr_t words[2];
    std::memcpy(words, &known, sizeof words);
    const std::size_t telling = (words[1] & 1U) != 0 ? 1 : 0;
    std::memcpy(words, bytes, sizeof words);
    return (words[telling] & 1U) != 0;
}

/// The first word of bytes that are a pointer, or were made of one, if it says where code
/// is; else 0.
template <CodePointer Part>
[[nodiscard]] std::uintptr_t code_word(const CodeBytes<Part>& bytes) noexcept {
    if constexpr (std::is_member_object_pointer_v<Part>) return 0;
    if constexpr (std::is_member_function_pointer_v<Part>) {
        if (stands_for_virtual(bytes.data())) return 0;
    }
    std::uintptr_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof word);
    return word;
}

/// Where the code is that a pointer leads to by itself; 0 if it leads to none.
template <CodePointer Part>
[[nodiscard]] std::uintptr_t address_of_code(Part part) noexcept {
    CodeBytes<Part> bytes;
    std::memcpy(bytes.data(), &part, sizeof part);
    return code_word<Part>(bytes);
}

/// A pointer as bytes that mean the same in every process that runs the same program.
template <CodePointer Part>
[[nodiscard]] CodeBytes<Part> encode_code(Part part) noexcept {
    CodeBytes<Part> bytes;
    std::memcpy(bytes.data(), &part, sizeof part);
    if (const std::uintptr_t address = code_word<Part>(bytes)) {
        const CodeOffset offset = to_code_offset(address);
        std::memcpy(bytes.data(), &offset, sizeof address);
    }
    return bytes;
}

/// The pointer that `encode_code` was given.
template <CodePointer Part>
[[nodiscard]] Part decode_code(CodeBytes<Part> bytes) noexcept {
    if (const std::uintptr_t offset = code_word<Part>(bytes)) {
        const std::uintptr_t address = to_code_address(static_cast<CodeOffset>(offset));
        std::memcpy(bytes.data(), &address, sizeof address);
    }
    Part part{};
    std::memcpy(&part, bytes.data(), sizeof part);
    return part;
}

}  // namespace pyproc::multiprocessing::detail
