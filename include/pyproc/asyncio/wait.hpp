// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <exception>
#include <memory>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "pyproc/asyncio/child.hpp"
#include "pyproc/posix/maybe.hpp"
#include "pyproc/posix/process_handle.hpp"

namespace pyproc::asyncio {

/// What the cancellation of an operation does to its child.
enum class OnCancel {
    end_child,    ///< terminal: SIGKILL; partial: SIGTERM; total: SIGINT
    leave_child,  ///< nothing: only the operation ends
};

/// Waits until a child has ended, and reaps it; an implementation for
/// `boost::asio::async_compose` with the signature `void(error_code, int)`.
///
/// A cancelled operation that is to end its child is complete when the child has ended;
/// one that is destroyed once it has begun kills it.
class WaitOp {
public:
    WaitOp(std::shared_ptr<Child> child, OnCancel on_cancel) noexcept
        : child_{std::move(child)}, on_cancel_{on_cancel} {}
    WaitOp(WaitOp&&) noexcept = default;
    WaitOp& operator=(WaitOp&&) = delete;
    ~WaitOp() {
        // One that a lazy token has kept and nobody has begun means nothing to the child.
        const bool has_begun = child_ != nullptr && !is_first_;
        if (has_begun && on_cancel_ == OnCancel::end_child) child_->kill();
    }

    template <class Self>
    void operator()(Self& self, error_code code = {}) {
        const bool is_first = std::exchange(is_first_, false);
        if (is_first) {
            follow_cancellation(self);
            if (child_->is_given_up() || child_->poll()) {
                asio::any_io_executor executor = child_->get_executor();
                asio::post(executor, std::move(self));
                return;
            }
        }
        if (child_->is_given_up()) return complete(self, asio::error::bad_descriptor, 0);
        const bool is_cancelled =
            self.get_cancellation_state().cancelled() != asio::cancellation_type::none;
        if (const auto end = is_first ? posix::Maybe<posix::Ended>{} : child_->poll()) {
            const bool is_ended_by_it = is_cancelled && on_cancel_ == OnCancel::end_child;
            const bool is_aborted = is_ended_by_it || child_->is_abandoned();
            return complete(
                self,
                is_aborted ? error_code{asio::error::operation_aborted} : error_code{},
                end->status.returncode());
        }
        if (is_cancelled && on_cancel_ == OnCancel::leave_child) {
            return complete(self, asio::error::operation_aborted, 0);
        }
        // It polled as ended and can't be reaped: its tracer, a debugger, comes first.
        // Asking again at once would use up a processor.
        const bool is_woken = code == asio::error::operation_aborted;
        is_napping_ = !is_first && !is_woken && !is_napping_;
        const std::shared_ptr<Child> child = child_;
        child->async_look(nap_, is_napping_, std::move(self));
    }

private:
    template <class Self>
    void follow_cancellation(Self& self) {
        const bool is_end = on_cancel_ == OnCancel::end_child;
        // In the second, since the first comes before the operation counts as cancelled.
        // What is passed on reaches the timer alone.
        self.reset_cancellation_state(
            [](asio::cancellation_type type) { return type; },
            [child = std::weak_ptr<Child>{child_}, is_end](asio::cancellation_type type) {
                const auto alive = child.lock();
                // What is waited for stays the same if the child is to end.
                if (alive != nullptr && is_end) alive->cancel(type);
                if (alive != nullptr && !is_end) alive->wake();
                return is_end ? asio::cancellation_type::none : type;
            });
    }

    template <class Self>
    void complete(Self& self, error_code code, int returncode) {
        child_.reset();
        nap_.reset();
        self.complete(code, returncode);
    }

    std::shared_ptr<Child> child_;
    std::unique_ptr<asio::steady_timer> nap_;
    OnCancel on_cancel_;
    bool is_first_ = true;
    bool is_napping_ = false;
};

/// Ends a child that nobody wants any more, without blocking: its context reaps it.
inline void abandon(const std::shared_ptr<Child>& child) noexcept {
    try {
        if (child->pid() == 0 || child->is_given_up() || !child->is_ours()) return;
        if (child->poll()) return;
        // Else the last share of it does what can be done.
        if (!child->abandon() || child->is_left_alone()) return;
        auto keep = [child](error_code, int) {};
        asio::any_io_executor executor = child->get_executor();
        asio::async_compose<decltype(keep), void(error_code, int)>(
            WaitOp{child, OnCancel::leave_child}, keep, executor);
    } catch (const std::exception&) {
        // Likewise.
    }
}

}  // namespace pyproc::asyncio
