// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace pyproc::mpi::detail {

/// How many tasks each rank has, and how many more it should have.
///
/// A rank is sent as many tasks at once as it does in about a millisecond: so short ones
/// are not waited for one by one, and of long ones each rank has just the one that it
/// does, while the others can still be cancelled, or taken by another rank.
class RankLoads {
public:
    explicit RankLoads(std::size_t ranks) : ranks_(ranks), idle_{ranks} {}

    /// How many tasks there are with the ranks.
    [[nodiscard]] std::size_t in_flight() const noexcept { return in_flight_; }

    /// Whether some rank has nothing to do.
    [[nodiscard]] bool has_idle() const noexcept { return idle_ > 0; }

    struct Share {
        std::size_t rank;
        std::size_t count;  ///< 0: nobody should get any now
    };

    /// Who should get how many of the tasks that wait.
    [[nodiscard]] Share share(std::size_t waiting) const noexcept {
        std::size_t least = ranks_.size();
        for (std::size_t i = 0; i < ranks_.size(); ++i) {
            if (ranks_[i].is_held_up && ranks_[i].tasks > 0) continue;
            if (least == ranks_.size() || ranks_[i].tasks < ranks_[least].tasks)
                least = i;
            if (ranks_[i].tasks == 0) break;
        }
        if (least == ranks_.size()) return {0, 0};
        const std::size_t has = ranks_[least].tasks;
        const std::size_t most = depth();
        if (has != 0 && has > most / 2) return {least, 0};
        // The last ones are shared out finely, so that all ranks end together.
        const std::size_t fair = std::max<std::size_t>(waiting / (2 * ranks_.size()), 1);
        return {least, std::min(most - has, fair)};
    }

    /// A rank has been sent what it is to do before any task: until it has answered to
    /// that it gets none.
    void start(std::size_t rank) noexcept {
        add(rank, 1);
        ranks_[rank].is_held_up = true;
    }

    /// A rank has been sent tasks.
    void add(std::size_t rank, std::size_t count) noexcept {
        Rank& one = ranks_[rank];
        if (one.tasks == 0 && count > 0) --idle_;
        one.tasks += count;
        in_flight_ += count;
    }

    /// A rank has done a task.
    void answer(std::size_t rank) noexcept {
        ranks_[rank].is_held_up = false;
        take_off(rank);
    }

    /// A rank has given a task back, since it is held up by a long one.
    void give_back(std::size_t rank) noexcept {
        ranks_[rank].is_held_up = true;
        take_off(rank);
    }

    /// So many tasks have taken a rank so long.
    void measure(std::uint32_t tasks, std::int64_t nanoseconds) noexcept {
        if (tasks == 0) return;
        const double each = static_cast<double>(nanoseconds) / tasks;
        constexpr double weight = 0.25;
        average_ = average_ == 0 ? each : average_ + (each - average_) * weight;
    }

    /// How many tasks a rank should have at most.
    [[nodiscard]] std::size_t depth() const noexcept {
        constexpr double at_once = 1e6;
        constexpr double most = 512;
        // Nothing is known before the first is done.
        if (average_ <= 0) return 1;
        return static_cast<std::size_t>(std::clamp(at_once / average_, 1.0, most));
    }

private:
    struct Rank {
        std::size_t tasks = 0;
        bool is_held_up = false;
    };

    void take_off(std::size_t rank) noexcept {
        --in_flight_;
        if (--ranks_[rank].tasks == 0) ++idle_;
    }

    std::vector<Rank> ranks_;
    std::size_t idle_;
    std::size_t in_flight_ = 0;
    double average_ = 0;
};

}  // namespace pyproc::mpi::detail
