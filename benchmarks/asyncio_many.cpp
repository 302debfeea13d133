// SPDX-License-Identifier: BSL-1.0
// What it costs to start 1,000 children, to wait for all of them in one event loop on one
// thread, and to reap each as it ends.

#include <pyproc/asyncio.hpp>

#include <boost/asio/detached.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "floors.hpp"
#include "measure.hpp"
#include "parent.hpp"
#include "peers/peer.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace asyncio = pyproc::asyncio;
namespace process_v2 = boost::process::v2;

constexpr const char* program = CHILDREN "/child.noop";
constexpr int count = 1000;

/// The floor: vfork, and epoll on a pidfd for each.
void raw_vfork_and_epoll() {
    const int loop = ::epoll_create1(EPOLL_CLOEXEC);
    bench::require(loop >= 0);
    for (int i = 0; i < count; ++i) {
        const pid_t pid = bench::vfork_and_execute(program);
        const auto pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
        bench::require(pidfd >= 0);
        epoll_event event{};
        // Once: a later child that has not closed its copies yet keeps the pidfd in the
        // loop when it is closed here.
        event.events = EPOLLIN | EPOLLONESHOT;
        event.data.fd = pidfd;
        bench::require(::epoll_ctl(loop, EPOLL_CTL_ADD, pidfd, &event) == 0);
    }
    for (int left = count; left > 0;) {
        epoll_event events[128];
        const int ready = ::epoll_wait(loop, events, 128, -1);
        bench::require(ready > 0);
        for (int i = 0; i < ready; ++i) {
            bench::require(bench::wait_and_close({0, events[i].data.fd}).si_status == 0);
        }
        left -= ready;
    }
    ::close(loop);
}

asio::awaitable<void> start_and_wait(int& left) {
    asyncio::Process child = co_await asyncio::create_subprocess_exec(program);
    const int code = co_await child.wait();
    bench::require(code == 0);
    --left;
}

void our_coroutines() {
    asio::io_context context{1};
    int left = count;
    for (int i = 0; i < count; ++i) {
        asio::co_spawn(context, start_and_wait(left), asio::detached);
    }
    context.run();
    bench::require(left == 0);
}

void our_callbacks() {
    asio::io_context context{1};
    int left = count;
    std::vector<asyncio::Process> children;
    children.reserve(count);
    for (int i = 0; i < count; ++i) {
        asyncio::create_subprocess_exec(
            context, program, {}, [&](asyncio::error_code, asyncio::Process child) {
                children.push_back(std::move(child));
                children.back().wait([&left](asyncio::error_code, int code) {
                    bench::require(code == 0);
                    --left;
                });
            });
    }
    context.run();
    bench::require(left == 0);
}

void our_launcher() {
    asio::io_context context{1};
    const std::vector<std::string> no_arguments;
    int left = count;
    std::vector<process_v2::basic_process<asio::io_context::executor_type>> children;
    children.reserve(count);
    for (int i = 0; i < count; ++i) {
        children.push_back(asyncio::launcher{}(context, program, no_arguments));
        children.back().async_wait([&left](asyncio::error_code, int code) {
            bench::require(code == 0);
            --left;
        });
    }
    context.run();
    bench::require(left == 0);
}

}  // namespace

int main() {
    bench::require(bench::allow_descriptors(3 * count));
    std::vector<bench::Contestant> contestants{
        {"raw vfork, epoll on pidfds (the floor)", bench::each_time(raw_vfork_and_epoll)},
        {"pyproc::asyncio, coroutines", bench::each_time(our_coroutines), 1.15},
        {"pyproc::asyncio, callbacks", bench::each_time(our_callbacks), 1.15},
        {"Boost.Process v2, pyproc's launcher", bench::each_time(our_launcher)}};
    for (const bench::Peer& peer : bench::peers()) {
        if (peer.start_and_await == nullptr) continue;
        contestants.push_back({.name = peer.name,
                               .work =
                                   [=](int times) {
                                       for (int i = 0; i < times; ++i)
                                           peer.start_and_await(count, program);
                                   },
                               .every = 3});
    }
    bench::compare("1,000 children awaited in one loop on one thread", contestants,
                   {.rounds = 15, .turn = 1ms});
}
