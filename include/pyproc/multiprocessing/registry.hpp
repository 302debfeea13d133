// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <cstdlib>
#include <list>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include "pyproc/multiprocessing/parent_link.hpp"
#include "pyproc/multiprocessing/process_state.hpp"
#include "pyproc/multiprocessing/server_link.hpp"

namespace pyproc::multiprocessing::detail {

using SharedState = std::shared_ptr<ProcessState>;

/// How a process ends, and so where its children are looked after then.
enum class Ending { by_exit, by_hook };

/// What has children of its own to end before a process waits for its other children.
class Finisher {
public:
    Finisher() = default;
    Finisher(const Finisher&) = delete;
    Finisher& operator=(const Finisher&) = delete;
    virtual ~Finisher() = default;
    virtual void finish() noexcept = 0;
};

/// What this process knows of itself and of the children that it has started.
///
/// Never destroyed: objects with static storage may use it while the program ends.
///
/// Threads: any member may be called by any thread at any time.
class Registry {
public:
    /// @param before    What was here before this process was forked, if anything.
    /// @param lifeline  The descriptor that tells our parent we live, or -1.
    Registry(SharedState current, Parent parent, Ending ending, Registry* before,
             int lifeline)
        : current_{std::move(current)},
          parent_{std::move(parent)},
          ending_{ending},
          before_{before},
          lifeline_{lifeline} {}

    /// The registry of the calling process.
    ///
    /// Found by pid, so that a child that something else has forked gets one of its own
    /// and neither waits for nor terminates its parent's children.
    [[nodiscard]] static Registry& here() {
        Registry* known = latest_;
        if (known != nullptr && known->process_ == ::getpid()) return *known;
        auto fresh = known != nullptr ? known->for_foreign_fork() : for_main_program();
        if (latest_.compare_exchange_strong(known, fresh.get())) return *fresh.release();
        return *known;  // another thread was faster
    }

    /// Makes a registry for a child that is about to be forked, so that the child need
    /// not ask for memory.
    [[nodiscard]] static std::unique_ptr<Registry> for_child(SharedState self,
                                                             Parent parent,
                                                             int lifeline) {
        return std::make_unique<Registry>(std::move(self), std::move(parent),
                                          Ending::by_hook, latest_, lifeline);
    }

    /// Gives the calling process, a child that has been forked, the registry made for it.
    static void enter_child(std::unique_ptr<Registry> theirs) noexcept {
        const Registry* const before = latest_;
        // Else our parent's parent would not learn of our parent's end before ours.
        if (before != nullptr && before->lifeline_ >= 0) ::close(before->lifeline_);
        theirs->current_->unclaim_start();
        theirs->process_ = ::getpid();
        latest_ = theirs.release();
    }

    /// For the fork server, which has closed all descriptors that it got from its parent.
    static void forget_lifeline() noexcept {
        if (Registry* const known = latest_) known->lifeline_ = -1;
    }

    [[nodiscard]] const SharedState& current() const noexcept { return current_; }

    /// The process that started this one.
    [[nodiscard]] ParentLink& parent() noexcept { return parent_; }

    /// The same, as the children will see it that this process forks.
    [[nodiscard]] Parent as_parent() const { return {current_, process_, true}; }

    /// Whether this process is a child that `Process::start` has forked, or was forked by
    /// one.
    [[nodiscard]] bool is_of_child() const noexcept { return ending_ == Ending::by_hook; }

    /// The identity of the next child that is made here.
    [[nodiscard]] Identity next_identity() {
        Identity identity = current_->identity();
        identity.push_back(++last_number_);
        return identity;
    }

    /// Held from making a lifeline until its write end is closed here, so that no brother
    /// is forked meanwhile and inherits it.
    [[nodiscard]] std::mutex& starting() noexcept { return starting_; }

    /// Held around each fork, and whenever the C library's list of exit handlers is
    /// changed here: a child that is forked while another thread changes it would wait
    /// for ever for the lock of that list when it starts a child of its own.
    [[nodiscard]] std::mutex& forking() noexcept { return forking_; }

    /// Adds the one child of `entry`. Allocates nothing: the child is running already.
    void add(std::list<SharedState>& entry) noexcept {
        const std::lock_guard lock{mutex_};
        children_.splice(children_.end(), entry);
    }

    void forget(const SharedState& child) noexcept {
        const std::lock_guard lock{mutex_};
        children_.remove(child);
    }

    /// The children that have not ended; reaps and forgets those that have.
    [[nodiscard]] std::vector<SharedState> active_children() {
        std::vector<SharedState> active;
        for (SharedState& child : known_children()) {
            if (child->child()->poll()) {
                forget(child);
            } else {
                active.push_back(std::move(child));
            }
        }
        return active;
    }

    /// Has `finish_children` first finish this, if it is still there.
    void add(std::weak_ptr<Finisher> finisher) {
        const std::lock_guard lock{mutex_};
        finishers_.remove_if([](const auto& each) { return each.expired(); });
        finishers_.push_back(std::move(finisher));
    }

    /// Terminates the daemons among the children, waits for all of them, and then ends
    /// the fork server.
    void finish_children() {
        for (const auto& finisher : known_finishers()) {
            if (const auto there = finisher.lock()) there->finish();
        }
        for (const SharedState& child : active_children()) {
            if (child->is_daemon())
                static_cast<void>(child->child()->send_signal(SIGTERM));
        }
        for (const SharedState& child : active_children()) {
            child->child()->wait();
            forget(child);
        }
        if (ServerLink* const server = ServerLink::find()) server->stop();
    }

    /// Has the end of the program call `finish_children`, unless this process ends in
    /// another way.
    ///
    /// Asked at each start, since a destructor of an object with static storage may start
    /// a child after the handler has run.
    void finish_children_at_exit() {
        if (ending_ == Ending::by_hook || is_exit_awaited_.exchange(true)) return;
        const std::lock_guard lock{forking_};
        const int failed = std::atexit([]() noexcept {
            Registry& registry = here();
            registry.is_exit_awaited_ = false;
            registry.finish_children();
        });
        if (failed != 0) throw std::bad_alloc{};
    }

private:
    [[nodiscard]] static std::unique_ptr<Registry> for_main_program() {
        return std::make_unique<Registry>(
            std::make_shared<ProcessState>(Identity{}, pid_t{0}, "MainProcess", false),
            Parent{}, Ending::by_exit, nullptr, -1);
    }

    [[nodiscard]] std::unique_ptr<Registry> for_foreign_fork() {
        auto fresh = std::make_unique<Registry>(current_, parent_.for_foreign_fork(),
                                                ending_, this, lifeline_);
        fresh->last_number_ = last_number_.load();
        return fresh;
    }

    [[nodiscard]] std::vector<SharedState> known_children() {
        const std::lock_guard lock{mutex_};
        return {children_.begin(), children_.end()};
    }

    [[nodiscard]] std::list<std::weak_ptr<Finisher>> known_finishers() {
        const std::lock_guard lock{mutex_};
        return std::exchange(finishers_, {});
    }

    static inline constinit std::atomic<Registry*> latest_ = nullptr;

    pid_t process_ = ::getpid();  ///< const once this is in use
    const SharedState current_;
    ParentLink parent_;
    const Ending ending_;
    [[maybe_unused]] Registry* const before_;  ///< kept reachable, for detectors of leaks
    int lifeline_;
    std::atomic<unsigned> last_number_ = 0;
    std::atomic<bool> is_exit_awaited_ = false;
    std::mutex starting_;
    std::mutex forking_;
    std::mutex mutex_;  ///< guards the two below
    std::list<SharedState> children_;
    std::list<std::weak_ptr<Finisher>> finishers_;
};

}  // namespace pyproc::multiprocessing::detail
