// SPDX-License-Identifier: BSL-1.0
// What locking and unlocking costs, beside a raw robust mutex of the C library: alone,
// and with several processes that all want it.

#include <pyproc/multiprocessing.hpp>

#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "floors.hpp"
#include "measure.hpp"

namespace {

using namespace std::chrono_literals;
using namespace pyproc::multiprocessing;

pthread_mutex_t* make_raw_mutex() {
    void* const memory = ::mmap(nullptr, sizeof(pthread_mutex_t), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bench::require(memory != MAP_FAILED);
    pthread_mutexattr_t attributes;
    ::pthread_mutexattr_init(&attributes);
    ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    auto* const mutex = static_cast<pthread_mutex_t*>(memory);
    ::pthread_mutex_init(mutex, &attributes);
    return mutex;
}

/// Does the work so many times in all, in so many processes at once.
std::function<void(int)> in_processes(int processes,
                                      const std::function<void(int)>& work) {
    return [processes, work](int times) {
        std::vector<pid_t> children;
        for (int i = 0; i < processes; ++i) {
            const int share = times / processes + (i < times % processes ? 1 : 0);
            const pid_t child = ::fork();
            if (child == 0) {
                work(share);
                ::_exit(0);
            }
            children.push_back(child);
        }
        for (const pid_t child : children) bench::wait_for_success(child);
    };
}

void compare(int processes) {
    pthread_mutex_t* const raw = make_raw_mutex();
    Lock lock;
    RLock rlock;
    const auto work = [&](auto once) {
        const auto each = bench::each_time([once] {
            for (int i = 0; i < 1000; ++i) once();
        });
        return processes == 1 ? each : in_processes(processes, each);
    };
    const std::vector<bench::Contestant> contestants{
        {"raw robust pthread mutex (the floor)", work([=] {
             bench::require(::pthread_mutex_lock(raw) == 0);
             bench::require(::pthread_mutex_unlock(raw) == 0);
         })},
        {"pyproc Lock, by std::scoped_lock",
         work([&lock] { const std::scoped_lock guard{lock}; }), 1.2},
        {"pyproc RLock", work([&rlock] { const std::scoped_lock guard{rlock}; })}};
    bench::compare("1,000 x lock + unlock, " + std::to_string(processes) + " process" +
                       (processes == 1 ? "" : "es"),
                   contestants, {.rounds = 41, .turn = processes == 1 ? 5ms : 100ms});
}

}  // namespace

int main() {
    for (const int processes : {1, 4}) compare(processes);
}
