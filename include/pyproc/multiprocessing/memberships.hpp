// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memory>
#include <utility>

#include <sys/types.h>
#include <unistd.h>

namespace pyproc::multiprocessing::detail {

/// What the calling thread has joined, each in shared memory with others, and leaves when
/// it ends. Who is killed does not leave: that is how the others can tell.
///
/// A forked child is no member of anything.
class Memberships {
public:
    using Leave = void (*)(void* group, unsigned place) noexcept;

    static constexpr unsigned none = ~0U;

    /// Where in a group the calling thread has its place, or `none`.
    [[nodiscard]] static unsigned place_in(const void* group) noexcept {
        forget_parents();
        for (const Entry* entry = first_; entry != nullptr; entry = entry->next) {
            if (entry->group.get() == group) return entry->place;
        }
        return none;
    }

    /// Notes that the calling thread is about to be a member. Also leaves those groups
    /// that nothing in this process but this list knows any more.
    ///
    /// @throws std::bad_alloc  Nothing is noted.
    static void add(std::shared_ptr<void> group, unsigned place, Leave leave) {
        static thread_local const Guard leaves_at_end;
        static_cast<void>(leaves_at_end);
        forget_parents();
        for (Entry** link = &first_; *link != nullptr;) {
            if ((*link)->group.use_count() == 1) {
                remove(link);
            } else {
                link = &(*link)->next;
            }
        }
        first_ = new Entry{std::move(group), place, leave, first_};
        process_ = ::getpid();
    }

    /// Leaves everything. For the end of a thread, or of a process that ends otherwise.
    static void leave_all() noexcept {
        forget_parents();
        while (first_ != nullptr) remove(&first_);
    }

private:
    struct Entry {
        std::shared_ptr<void> group;
        unsigned place;
        Leave leave;
        Entry* next;
    };

    struct Guard {
        Guard() = default;
        Guard(const Guard&) = delete;
        Guard& operator=(const Guard&) = delete;
        ~Guard() { leave_all(); }
    };

    static void remove(Entry** link) noexcept {
        const std::unique_ptr<Entry> entry{std::exchange(*link, (*link)->next)};
        entry->leave(entry->group.get(), entry->place);
    }

    static void forget_parents() noexcept {
        if (first_ == nullptr || process_ == ::getpid()) return;
        while (first_ != nullptr) {
            delete std::exchange(first_, first_->next);
        }
    }

    // With nothing to destroy, so that they can be asked even while the thread ends.
    static inline thread_local constinit Entry* first_ = nullptr;
    static inline thread_local constinit pid_t process_ = 0;
};

}  // namespace pyproc::multiprocessing::detail
