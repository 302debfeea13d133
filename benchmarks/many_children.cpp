// SPDX-License-Identifier: BSL-1.0
// What it costs to have 1,000 children at once: to start them all, then to kill them all,
// then to reap them all.

#include <pyproc/subprocess.hpp>

#include <chrono>
#include <vector>

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "floors.hpp"
#include "measure.hpp"
#include "parent.hpp"
#include "peers/peer.hpp"

namespace {

using namespace std::chrono_literals;
using bench::Descriptors;

constexpr const char* program = CHILDREN "/child.sleep";
constexpr int count = 1000;

void raw_clone3(Descriptors descriptors) {
    std::vector<bench::Cloned> children;
    children.reserve(count);
    for (int i = 0; i < count; ++i) {
        children.push_back(bench::clone3_and_execute(program, descriptors));
    }
    for (const bench::Cloned& child : children) {
        ::syscall(SYS_pidfd_send_signal, child.pidfd, SIGKILL, nullptr, 0);
    }
    for (const bench::Cloned& child : children) {
        bench::require(bench::wait_and_close(child).si_status == SIGKILL);
    }
}

void raw_vfork() {
    std::vector<pid_t> children;
    children.reserve(count);
    for (int i = 0; i < count; ++i) {
        children.push_back(bench::vfork_and_execute(program));
    }
    for (const pid_t child : children) ::kill(child, SIGKILL);
    for (const pid_t child : children) {
        bench::require(::waitpid(child, nullptr, 0) == child);
    }
}

void our_popen() {
    using pyproc::subprocess::Popen;
    std::vector<Popen> children;
    children.reserve(count);
    for (int i = 0; i < count; ++i) children.emplace_back(program);
    for (Popen& child : children) child.kill();
    for (Popen& child : children) bench::require(child.wait() == -SIGKILL);
}

}  // namespace

int main() {
    bench::require(bench::allow_descriptors(count + 1000));  // a pidfd for each
    std::vector<bench::Contestant> contestants{
        {"raw clone3, descriptors closed (the floor)",
         bench::each_time([] { raw_clone3(Descriptors::closed); })},
        {"pyproc::subprocess::Popen", bench::each_time(our_popen), 1.05},
        {"raw clone3, descriptors copied",
         bench::each_time([] { raw_clone3(Descriptors::copied); })},
        {"raw vfork, no pidfd", bench::each_time(raw_vfork)}};
    for (const bench::Peer& peer : bench::peers()) {
        if (peer.start_and_kill == nullptr) continue;
        contestants.push_back({.name = peer.name,
                               .work =
                                   [=](int times) {
                                       for (int i = 0; i < times; ++i)
                                           peer.start_and_kill(count, program);
                                   },
                               .every = 7});
    }
    bench::compare("1,000 children at once: start, kill, reap", contestants,
                   {.rounds = 15, .turn = 1ms});
}
