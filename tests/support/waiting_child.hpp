// SPDX-License-Identifier: BSL-1.0
// A child of an execution context, as it is without a `Process` around it.
#pragma once

#include <csignal>
#include <memory>
#include <utility>

#include <sys/types.h>

#include "pyproc/asyncio/wait.hpp"
#include "pyproc/posix/pipe.hpp"
#include "pyproc/spawn/options.hpp"
#include "pyproc/subprocess/start_child.hpp"

namespace test {

/// A child that lives until it is killed, or this process has ended.
inline std::shared_ptr<pyproc::asyncio::Child> waiting_child(
    boost::asio::io_context& context, int input) {
    pyproc::spawn::Options options;
    options.std_in = input;
    auto child = std::make_shared<pyproc::asyncio::Child>(context.get_executor());
    child->take_over(std::move(
        pyproc::subprocess::start_child({CHILDREN "/child.write_and_wait"}, options)
            .child));
    return child;
}

/// A pipe whose open end keeps children alive that read from the other.
struct Lifeline {
    pyproc::posix::Pipe pipe = pyproc::posix::make_pipe().or_throw("pipe");
    [[nodiscard]] int input() const { return pipe.read_end.get(); }
};

template <class Handler>
void wait_for(const std::shared_ptr<pyproc::asyncio::Child>& child,
              pyproc::asyncio::OnCancel on_cancel, Handler handler) {
    boost::asio::any_io_executor executor = child->get_executor();
    boost::asio::async_compose<Handler, void(boost::system::error_code, int)>(
        pyproc::asyncio::WaitOp{child, on_cancel}, handler, executor);
}

inline bool is_there(pid_t pid) {
    return ::kill(pid, 0) == 0;
}

}  // namespace test
