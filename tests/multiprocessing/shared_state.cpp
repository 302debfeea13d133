// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/shared_state.hpp"

#include <atomic>
#include <memory>

#include "support/catch.hpp"
#include "support/forked.hpp"

using namespace pyproc::multiprocessing::detail;

namespace {

struct Counter {
    explicit Counter(int start) noexcept : value{start} {}
    std::atomic<int> value;
};

}  // namespace

TEST_CASE("make_shared_state: what a child changes its parent sees") {
    const std::shared_ptr<Counter> counter = make_shared_state<Counter>(5);

    CHECK(test::forked([&] { return ++counter->value == 6 ? 0 : 1; }) == 0);

    CHECK(counter->value == 6);
}

TEST_CASE("make_shared_state: it outlives the process that drops it, for the others") {
    std::shared_ptr<Counter> counter = make_shared_state<Counter>(5);

    CHECK(test::forked([&] {
              counter.reset();
              return 0;
          }) == 0);

    CHECK(counter->value == 5);
}

TEST_CASE("make_shared_state_with: behind the object is as much more as is asked for") {
    const auto counter = make_shared_state_with<Counter>(100'000, 5);
    auto* const behind = reinterpret_cast<char*>(counter.get() + 1);

    behind[99'999] = 1;

    CHECK(behind[0] == 0);
    CHECK(behind[99'999] == 1);
}
