// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <type_traits>

namespace pyproc::posix {

/// Owns a row of plain values: `std::vector` for what needs no care in copying, at a
/// tenth of what that costs the compiler for each type.
template <class T>
class PlainList {
    static_assert(std::is_trivially_copyable_v<T>);

public:
    PlainList() noexcept = default;
    PlainList(const PlainList&) = delete;
    PlainList& operator=(const PlainList&) = delete;
    ~PlainList() { delete[] values_; }

    /// Makes room for so many values more than there are.
    void make_room(std::size_t more) {
        if (capacity_ - size_ >= more) return;
        const std::size_t capacity = size_ * 2 + more;
        T* const values = new T[capacity];
        for (std::size_t i = 0; i < size_; ++i) values[i] = values_[i];
        delete[] values_;
        values_ = values;
        capacity_ = capacity;
    }

    /// Adds a value at the end. Only if there is room.
    void push_back(T value) noexcept { values_[size_++] = value; }

    /// Takes the last value away.
    T pop_back() noexcept { return values_[--size_]; }

    [[nodiscard]] T* data() noexcept { return values_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] T* begin() noexcept { return values_; }
    [[nodiscard]] T* end() noexcept { return values_ + size_; }
    [[nodiscard]] T& operator[](std::size_t i) noexcept { return values_[i]; }

private:
    T* values_ = nullptr;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

}  // namespace pyproc::posix
