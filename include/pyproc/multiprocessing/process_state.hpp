// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <cerrno>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>
#include <unistd.h>

#include "pyproc/errors.hpp"
#include "pyproc/multiprocessing/child_handle.hpp"
#include "pyproc/posix/fd.hpp"
#include "pyproc/posix/pipe.hpp"
#include "pyproc/posix/platform.hpp"
#include "pyproc/posix/result.hpp"

namespace pyproc::multiprocessing::detail {

/// The place of a process among its relatives: {1, 2} is the second child of the first
/// child of the main program.
using Identity = std::vector<unsigned>;

/// "1:2", as it stands in the name of a process.
[[nodiscard]] inline std::string to_text(const Identity& identity) {
    std::string text;
    for (const unsigned number : identity) {
        if (!text.empty()) text += ':';
        text += std::to_string(number);
    }
    return text;
}

/// Whether this kernel has pidfds, so that no pipe is needed to learn of a child's end.
[[nodiscard]] inline bool has_pidfds() {
    // Constant-initialised, so it has no guard, which a fork while another thread holds
    // it would leave locked in the child.
    static constinit std::atomic<int> known = -1;
    if (known < 0) {
        const auto self = posix::platform::pidfd_open(::getpid());
        // EPERM: what some sandboxes say for ENOSYS.
        known = self || (self.code() != ENOSYS && self.code() != EPERM) ? 1 : 0;
    }
    return known == 1;
}

/// What is known of one process: shared by all `Process` objects that stand for it, and
/// kept by its parent's registry while it runs, whatever becomes of them.
///
/// A forked child has a copy, as it was at some moment of some other thread of the
/// parent. So what a child may ask takes no lock: a thread that the child does not have
/// may hold it. The rest is for the creator alone, which is checked first.
///
/// Threads: any member may be called by any thread at any time.
class ProcessState {
public:
    /// @param creator  The process that may start it and wait for it; 0 for none.
    /// @param name     Empty to be named after its class, by `name_unless_named`.
    ProcessState(Identity identity, pid_t creator, std::string name, bool is_daemon)
        : identity_{std::move(identity)}, creator_{creator}, is_daemon_{is_daemon} {
        if (!name.empty()) set_name(std::move(name));
    }
    ProcessState(const ProcessState&) = delete;
    ProcessState& operator=(const ProcessState&) = delete;
    ~ProcessState() {
        for (const Name* name = name_; name != nullptr;) {
            const std::unique_ptr<const Name> owned{name};
            name = owned->before;
        }
    }

    [[nodiscard]] const Identity& identity() const noexcept { return identity_; }

    [[nodiscard]] bool is_creator_here() const noexcept { return creator_ == ::getpid(); }

    /// `nullptr` if it has not been named yet.
    [[nodiscard]] const std::string* name() const noexcept {
        const Name* const name = name_;
        return name != nullptr ? &name->text : nullptr;
    }

    void set_name(std::string text) {
        auto name = std::make_unique<Name>(std::move(text), name_);
        while (!name_.compare_exchange_weak(name->before, name.get())) continue;
        static_cast<void>(name.release());
    }

    void name_unless_named(std::string text) {
        auto name = std::make_unique<Name>(std::move(text), nullptr);
        if (name_.compare_exchange_strong(name->before, name.get()))
            static_cast<void>(name.release());
    }

    [[nodiscard]] bool is_daemon() const noexcept { return is_daemon_; }

    void set_daemon(bool is_daemon) {
        if (stage_ != Stage::initial)
            throw std::logic_error{"process has already started"};
        is_daemon_ = is_daemon;
    }

    /// Takes the right to start it, which only one thread gets.
    void claim_start() {
        auto expected = Stage::initial;
        if (!stage_.compare_exchange_strong(expected, Stage::starting)) {
            throw std::logic_error{"cannot start a process twice"};
        }
    }

    /// Gives that right back: the process could not be started, or this is the process
    /// itself, which was never started by itself.
    void unclaim_start() noexcept { stage_ = Stage::initial; }

    /// @param pidfd     Empty where there are none.
    /// @param lifeline  The read end of a pipe that only the child can write to; empty
    ///                  where there are pidfds.
    void set_started(pid_t pid, posix::UniqueFd pidfd,
                     posix::UniqueFd lifeline) noexcept {
        child_.emplace(pid, std::move(pidfd));
        sentinel_ = std::move(lifeline);
        stage_ = Stage::started;
    }

    void set_started(ChildHandle::OfServer child) noexcept {
        child_.emplace(std::move(child));
        stage_ = Stage::started;
    }

    /// The process itself; `nullptr` until it has been started. Only for its creator.
    [[nodiscard]] ChildHandle* child() noexcept {
        return stage_ == Stage::started ? &*child_ : nullptr;
    }

    /// Its pid, for any process that asks; 0 until it has been started.
    [[nodiscard]] pid_t pid() const noexcept {
        return stage_ == Stage::started ? child_->pid() : 0;
    }

    /// A descriptor that polls readable once the process has ended. It stays open until
    /// `close`. Only for the creator of a process that has been started.
    [[nodiscard]] int sentinel() {
        const std::lock_guard lock{mutex_};
        require_open();  // which another thread may have closed since it was asked last
        if (!sentinel_) sentinel_ = open_sentinel().or_throw("sentinel");
        return sentinel_.get();
    }

    void require_open() const {
        if (is_closed_) throw ValueError{"process object is closed"};
    }

    /// Gives up what it holds. A process that has been started must have ended.
    void close() noexcept {
        is_closed_ = true;
        if (!is_creator_here()) return;
        const std::lock_guard lock{mutex_};
        sentinel_.reset();
    }

private:
    enum class Stage { initial, starting, started };

    /// Old names are kept, since a reader without a lock may be copying one.
    struct Name {
        Name(std::string its_text, const Name* the_one_before)
            : text{std::move(its_text)}, before{the_one_before} {}

        const std::string text;
        const Name* before;
    };

    [[nodiscard]] posix::Result<posix::UniqueFd> open_sentinel() {
        auto pidfd = child_->duplicate_pidfd();
        if (!pidfd && pidfd.code() == ENOSYS && !child_->poll()) {
            // There was no descriptor to be had when it was started. The number has been
            // its own all the time if it has still not been reaped after the call.
            pidfd = posix::platform::pidfd_open(child_->pid());
            if (child_->poll()) pidfd = posix::Error{ESRCH};
        }
        if (pidfd || !child_->ended()) return pidfd;
        return posix::make_ended();  // it has been reaped, and its pidfd is gone
    }

    const Identity identity_;
    const pid_t creator_;
    std::atomic<bool> is_daemon_;
    std::atomic<bool> is_closed_ = false;
    std::atomic<Stage> stage_ = Stage::initial;
    std::atomic<const Name*> name_ = nullptr;
    std::optional<ChildHandle> child_;  ///< set once, before `stage_` says so

    std::mutex mutex_;  ///< guards the one below
    posix::UniqueFd sentinel_;
};

}  // namespace pyproc::multiprocessing::detail
