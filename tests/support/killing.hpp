// SPDX-License-Identifier: BSL-1.0
// Processes that are killed at some instant, and others that must not suffer from it.
#pragma once

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace test {

/// How often a test of kills is repeated: `usual`, or as the environment says.
inline int rounds(int usual) {
    const char* const wanted = std::getenv("SOAK_ROUNDS");
    return wanted != nullptr ? std::atoi(wanted) : usual;
}

/// What a round may take: after that it hangs.
inline constexpr std::chrono::seconds longest_round{5};

/// What it may take from a kill until all tasks of a pool are answered.
#ifdef SANITIZED
inline constexpr std::chrono::seconds longest_settling = longest_round;
#else
inline constexpr std::chrono::seconds longest_settling{2};
#endif

/// Waits for what another process does, so for no longer than a round may take. That the
/// machine stood still meanwhile, or has let nobody but this process run, is no hang.
///
/// @return Whether it has come about.
template <class Condition>
[[nodiscard]] bool comes_about(Condition condition,
                               std::chrono::seconds limit = longest_round) {
    constexpr std::chrono::microseconds nap{200};
    constexpr int least_naps = 5'000;
    const auto end = std::chrono::steady_clock::now() + limit;
    for (int naps = 0; !condition(); ++naps) {
        if (naps >= least_naps && std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(nap);
    }
    return true;
}

/// A forked child that runs `body` and ends with what it returns; killed and reaped, if
/// nothing else has been done about it, when this object goes.
class Child {
public:
    template <class Body>
    explicit Child(Body body) : pid_{::fork()} {
        if (pid_ < 0) std::abort();
        if (pid_ != 0) return;
        int code = 70;
        try {
            code = static_cast<int>(body());
        } catch (...) {
        }
        ::_exit(code);
    }
    Child(Child&& other) noexcept : pid_{std::exchange(other.pid_, -1)} {}
    Child& operator=(Child&& other) noexcept {
        std::swap(pid_, other.pid_);
        return *this;
    }
    ~Child() { kill(); }

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }

    /// Kills it, and returns once it is gone.
    void kill() noexcept {
        if (pid_ < 0) return;
        ::kill(pid_, SIGKILL);
        while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
        pid_ = -1;
    }

    /// @return What its body returned; -n for signal n; -1000 if it hangs.
    [[nodiscard]] int result() {
        int status = 0;
        if (!comes_about([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; })) {
            kill();
            return -1000;
        }
        pid_ = -1;
        return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
    }

private:
    pid_t pid_;
};

/// A random while: mostly one of microseconds, so that a kill after it comes at every
/// point of what is going on.
inline void let_a_random_while_pass(std::minstd_rand& random) {
    const auto length = static_cast<long>(random() % 1'500'000);
    const timespec nap{.tv_sec = 0, .tv_nsec = length};
    ::nanosleep(&nap, nullptr);
}

}  // namespace test
