// SPDX-License-Identifier: BSL-1.0
// Numbers from one on, without end unless one is given: a range that can be gone through
// once. `std::views::iota` would be the same, but clang 14 can't read it in libstdc++.
#pragma once

#include <cstddef>
#include <iterator>
#include <limits>

namespace test {

class Counting {
public:
    class iterator {
    public:
        using iterator_concept = std::input_iterator_tag;
        using value_type = int;
        using difference_type = std::ptrdiff_t;

        iterator() = default;
        iterator(int number, int end, int* taken)
            : number_{number}, end_{end}, taken_{taken} {}

        int operator*() const {
            if (taken_ != nullptr) ++*taken_;
            return number_;
        }
        iterator& operator++() {
            ++number_;
            return *this;
        }
        void operator++(int) { ++number_; }
        friend bool operator==(const iterator& at, std::default_sentinel_t) {
            return at.number_ == at.end_;
        }

    private:
        int number_ = 0;
        int end_ = 0;
        int* taken_ = nullptr;
    };

    /// @param taken  Where it is counted how many have been taken; may be null.
    explicit Counting(int first, int end = std::numeric_limits<int>::max(),
                      int* taken = nullptr)
        : first_{first}, end_{end}, taken_{taken} {}

    [[nodiscard]] iterator begin() const { return {first_, end_, taken_}; }
    [[nodiscard]] std::default_sentinel_t end() const { return {}; }

private:
    int first_;
    int end_;
    int* taken_;
};

}  // namespace test
