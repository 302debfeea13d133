// SPDX-License-Identifier: BSL-1.0
// Tasks that the tests of pools and executors have done.
#pragma once

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include <dirent.h>
#include <signal.h>
#include <unistd.h>

#include "multiprocessing/support.hpp"
#include "support/killing.hpp"

namespace test {

inline constexpr std::chrono::seconds long_enough{20};

inline std::vector<int> numbers(int count) {
    std::vector<int> all(static_cast<std::size_t>(count));
    std::iota(all.begin(), all.end(), 0);
    return all;
}

inline std::vector<int> squares(int count) {
    auto all = numbers(count);
    for (int& each : all) each *= each;
    return all;
}

inline int square(int n) {
    return n * n;
}

inline pid_t pid_of_worker(int) {
    return ::getpid();
}

/// Ends its worker.
inline int die(int signal) {
    ::kill(::getpid(), signal);
    for (;;) ::pause();
}

/// Says that it has begun, and goes on until its worker is killed.
inline int never_end(const Channel& begun) {
    begun.tell();
    for (;;) ::pause();
}

/// Whether no process has this number any more, not even as a zombie.
inline bool is_gone(pid_t pid) {
    return ::kill(pid, 0) != 0;
}

/// How many threads this process has.
inline int thread_count() {
    DIR* const directory = ::opendir("/proc/self/task");
    if (directory == nullptr) return 1;
    int count = 0;
    while (const dirent* entry = ::readdir(directory)) {
        if (entry->d_name[0] != '.') ++count;
    }
    ::closedir(directory);
    return count;
}

/// A channel that tasks find by address: they are forked of this process.
inline const Channel* channel = nullptr;

/// Makes a channel that tasks find as `test::channel` while it lives.
class OpenChannel {
public:
    OpenChannel() { channel = &channel_; }
    OpenChannel(const OpenChannel&) = delete;
    OpenChannel& operator=(const OpenChannel&) = delete;
    ~OpenChannel() { channel = nullptr; }
    const Channel* operator->() const { return &channel_; }

private:
    Channel channel_;
};

/// Tells `channel`, and goes on until its worker is killed.
inline int begin_and_never_end() {
    return never_end(*channel);
}

/// What `call` throws, in words; "nothing" if it does not.
template <class Call>
std::string thrown_by(Call call) {
    try {
        call();
    } catch (const std::exception& error) {
        return error.what();
    } catch (...) {
        return "no std::exception";
    }
    return "nothing";
}

}  // namespace test
