// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/pool_threads.hpp"

#include <atomic>
#include <memory>
#include <stdexcept>

#include "support/catch.hpp"

using pyproc::multiprocessing::detail::PoolThreads;

namespace {

struct Owner {
    std::shared_ptr<PoolThreads> threads;
    std::atomic<int>* calls;
    std::atomic<bool>* was_here;

    void serve() {
        *was_here = threads->is_here();
        threads->join();  // does not wait for itself
        if (++*calls < 3) throw std::bad_alloc{};
    }
};

}  // namespace

TEST_CASE("PoolThreads: once they are joined, they have let go of their owner") {
    for (int round = 0; round < 100; ++round) {
        std::atomic<int> calls = 0;
        std::atomic<bool> was_here = false;
        const auto threads = std::make_shared<PoolThreads>();
        const auto owner = std::make_shared<Owner>(Owner{threads, &calls, &was_here});

        PoolThreads::start<&Owner::serve>(threads, owner);
        threads->join();

        REQUIRE(owner.use_count() == 1);
        REQUIRE(calls >= 3);
        REQUIRE(was_here);
        REQUIRE_FALSE(threads->is_here());
    }
}
