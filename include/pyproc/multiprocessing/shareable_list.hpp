// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "pyproc/errors.hpp"
#include "pyproc/multiprocessing/shareable_item.hpp"
#include "pyproc/multiprocessing/shared_memory.hpp"

namespace pyproc::multiprocessing::shared_memory {

/// A list of a fixed length in named shared memory, which Python reads and writes, too.
///
///     ShareableList list{{42, 2.5, true, "text", Bytes{"raw"}, std::monostate{}}};
///     ShareableList same = ShareableList::attach(list.shm().name());
///     same.set(0, 43);
///     list.get<int>(0);  // 43
///
/// A position counts from the beginning, or if negative from the end. An item may become
/// one of another type; a `str` or `bytes` that is assigned must have room in what its
/// predecessor was given when the list was made: its length, rounded up to the next
/// multiple of 8, and 8 for one whose length is such a multiple.
///
/// **What Python can see.** All of it, but for the zeros that a `str` or `bytes` ends
/// with: its reader drops those. Here they are kept, in any item that was written here;
/// what Python has written has lost them by then. An item that ends with zeros may have
/// 999,999 bytes, others 9,999,999.
///
/// A multi-byte `str` that Python has cut off, since it counts its characters when it
/// makes a list, is a `UnicodeDecodeError` here as there.
///
/// No access is guarded: while one process assigns an item no other may use the same one.
/// A list that another program has damaged gives a `ValueError`, and nothing is read or
/// written beyond it.
///
/// Threads: as for SharedMemory; and items that are assigned as above.
/// Python:  `multiprocessing.shared_memory.ShareableList`, in the format of 3.8 to 3.13.
class ShareableList {
public:
    /// Makes a list with these items.
    ///
    /// @param name   @see SharedMemoryOptions
    /// @param track  @see SharedMemoryOptions
    /// @throws ValueError  An item is too long.
    /// @throws UnicodeDecodeError  A `str` is not UTF-8; store it as `Bytes`.
    /// @throws what `SharedMemory` does.
    explicit ShareableList(const std::vector<Item>& items,
                           std::optional<std::string> name = std::nullopt,
                           bool track = true)
        : offsets_{offsets_for(items)},
          shm_{std::move(name), true, offset_of_formats() + items.size() * 9, track} {
        const auto length = static_cast<std::int64_t>(items.size());
        store(0, length);
        for (std::size_t i = 0; i < offsets_.size(); ++i) {
            store((1 + i) * 8, static_cast<std::int64_t>(offsets_[i]));
        }
        for (std::size_t i = 0; i < items.size(); ++i) write(i, items[i]);
    }

    /// The list in the segment of this name.
    ///
    /// @throws ValueError  What is there is not a list.
    /// @throws what `SharedMemory` does.
    [[nodiscard]] static ShareableList attach(std::string name) {
        return ShareableList{Attached{}, SharedMemory{std::move(name)}};
    }

    /// The memory it is in: for its name, `close` and `unlink`.
    [[nodiscard]] SharedMemory& shm() noexcept { return shm_; }
    [[nodiscard]] const SharedMemory& shm() const noexcept { return shm_; }

    /// 0 for a list that was moved from. Python: `len`.
    [[nodiscard]] std::size_t size() const noexcept {
        return offsets_.empty() ? 0 : offsets_.size() - 1;
    }

    /// The item at a position.
    ///
    /// @throws std::out_of_range   There is none. Python: IndexError.
    /// @throws UnicodeDecodeError  It is a `str` that is not UTF-8.
    /// @throws ValueError          It is damaged, or the list is closed.
    [[nodiscard]] Item operator[](std::ptrdiff_t position) const {
        const std::size_t i = index_of(position, "index out of range");
        return detail::unpack(format_at(i), room_of(i));
    }

    /// The item at a position, as a `T`: a type of `Item`, or for an `int` any integer.
    ///
    /// @throws std::bad_variant_access  It has another type.
    /// @throws std::out_of_range        There is none, or it is beyond what `T` holds.
    template <class T>
    [[nodiscard]] T get(std::ptrdiff_t position) const {
        if constexpr (std::integral<T> && !std::same_as<T, bool>) {
            const auto value = std::get<std::int64_t>((*this)[position]);
            if (!std::in_range<T>(value)) {
                throw std::out_of_range{"item is beyond the range of the type"};
            }
            return static_cast<T>(value);
        } else {
            return std::get<T>((*this)[position]);
        }
    }

    /// Assigns an item.
    ///
    /// @throws std::out_of_range   There is no such position. Python: IndexError.
    /// @throws ValueError          It is longer than the room there is, or the list is
    ///                             closed. The old one is still there.
    /// @throws UnicodeDecodeError  It is a `str` that is not UTF-8.
    void set(std::ptrdiff_t position, const Item& item) {
        write(index_of(position, "assignment index out of range"), item);
    }

    /// All items.
    [[nodiscard]] std::vector<Item> items() const {
        std::vector<Item> all;
        all.reserve(size());
        for (std::size_t i = 0; i < size(); ++i) {
            all.push_back(detail::unpack(format_at(i), room_of(i)));
        }
        return all;
    }

    /// How often an item occurs; numbers are compared as Python does.
    [[nodiscard]] std::size_t count(const Item& item) const {
        std::size_t found = 0;
        for (const Item& other : items()) found += are_equal(item, other) ? 1U : 0U;
        return found;
    }

    /// The first position of an item.
    ///
    /// @throws ValueError  It is not in the list.
    [[nodiscard]] std::size_t index(const Item& item) const {
        for (std::size_t i = 0; i < size(); ++i) {
            if (are_equal(item, detail::unpack(format_at(i), room_of(i)))) return i;
        }
        throw ValueError{"item is not in this list"};
    }

    /// How the items are packed, in the language of Python's module `struct`.
    [[nodiscard]] std::string format() const {
        std::string all;
        for (std::size_t i = 0; i < size(); ++i) all += format_at(i).view();
        return all;
    }

private:
    // The segment holds: the number of items, as 8 bytes; the offsets of the items, and
    // of their end, from the first; the items; their formats, 8 bytes each; a code of one
    // byte for each.

    /// Else a braced list of one text could be a list or a SharedMemory.
    struct Attached {};

    ShareableList(Attached, SharedMemory shm) : shm_{std::move(shm)} {
        const auto invalid = [] { return ValueError{"this is not a ShareableList"}; };
        const std::size_t whole = shm_.size();
        if (whole < 16) throw invalid();
        // At least 25 bytes an item: an offset, its value, a format and a code.
        const auto length = static_cast<std::uint64_t>(load<std::int64_t>(0));
        if (length > (whole - 16) / 25) throw invalid();
        offsets_.clear();
        for (std::size_t i = 0; i <= length; ++i) {
            const auto offset =
                static_cast<std::uint64_t>(load<std::int64_t>((1 + i) * 8));
            const bool is_in_order =
                i == 0 ? offset == 0 : offset <= whole && offset >= offsets_.back() + 8;
            if (!is_in_order) throw invalid();
            offsets_.push_back(static_cast<std::size_t>(offset));
        }
        if (offset_of_formats() + length * 9 > whole) throw invalid();
    }

    [[nodiscard]] static std::vector<std::size_t> offsets_for(
        const std::vector<Item>& items) {
        std::vector<std::size_t> offsets{0};
        for (const Item& item : items) {
            require_storable(item, detail::room_for(item));
            offsets.push_back(offsets.back() + detail::room_for(item));
        }
        return offsets;
    }

    static void require_storable(const Item& item, std::size_t room) {
        if (const auto* const text = std::get_if<std::string>(&item)) {
            detail::require_utf8(*text);
        }
        static_cast<void>(detail::format_of(item, room));
    }

    [[nodiscard]] std::size_t offset_of_items() const noexcept {
        return (offsets_.size() + 1) * 8;
    }
    [[nodiscard]] std::size_t offset_of_formats() const noexcept {
        return offset_of_items() + offsets_.back();
    }
    [[nodiscard]] std::size_t offset_of_codes() const noexcept {
        return offset_of_formats() + size() * 8;
    }

    [[nodiscard]] std::size_t index_of(std::ptrdiff_t position, const char* fault) const {
        const auto length = static_cast<std::ptrdiff_t>(size());
        if (position < 0) position += length;
        if (position < 0 || position >= length) throw std::out_of_range{fault};
        return static_cast<std::size_t>(position);
    }

    [[nodiscard]] std::span<std::byte> room_of(std::size_t i) const {
        return shm_.buf().subspan(offset_of_items() + offsets_[i],
                                  offsets_[i + 1] - offsets_[i]);
    }

    [[nodiscard]] detail::ItemFormat format_at(std::size_t i) const {
        const auto bytes = shm_.buf();
        detail::ItemFormat format;
        std::memcpy(format.text, &bytes[offset_of_formats() + i * 8], sizeof format.text);
        std::memcpy(&format.code, &bytes[offset_of_codes() + i], 1);
        return format;
    }

    void write(std::size_t i, const Item& item) {
        const auto room = room_of(i);
        const std::string* const bytes = detail::bytes_of(item);
        if (bytes != nullptr && bytes->size() > room.size()) {
            throw ValueError{"bytes/str item exceeds available storage"};
        }
        require_storable(item, room.size());
        const detail::ItemFormat format = detail::format_of(item, room.size());
        const auto all = shm_.buf();
        std::memcpy(&all[offset_of_formats() + i * 8], format.text, sizeof format.text);
        std::memcpy(&all[offset_of_codes() + i], &format.code, 1);
        detail::pack(item, room);
    }

    template <class T>
    [[nodiscard]] T load(std::size_t offset) const {
        T value{};
        std::memcpy(&value, &shm_.buf()[offset], sizeof value);
        return value;
    }

    template <class T>
    void store(std::size_t offset, const T& value) {
        std::memcpy(&shm_.buf()[offset], &value, sizeof value);
    }

    std::vector<std::size_t> offsets_{0};
    SharedMemory shm_;
};

}  // namespace pyproc::multiprocessing::shared_memory
