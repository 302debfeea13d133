// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "floors.hpp"
#include "peers/peer.hpp"

namespace bench {

/// Lays memory and descriptors on this process, for good.
inline void take_on(const Burden& burden) {
    if (burden.memory > 0) {
        constexpr std::size_t page = 4096;
        void* const pages = ::mmap(nullptr, burden.memory, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        require(pages != MAP_FAILED);
        // Small pages: those that a fork has to copy the table of.
        ::madvise(pages, burden.memory, MADV_NOHUGEPAGE);
        for (std::size_t at = 0; at < burden.memory; at += page) {
            static_cast<volatile char*>(pages)[at] = 1;
        }
    }
    for (int i = 0; i < burden.descriptors; ++i) {
        const int flags = burden.are_close_on_exec ? O_CLOEXEC : 0;
        require(::open("/dev/null", O_RDONLY | flags) >= 0);
    }
}

/// Lets this process have that many descriptors. @return whether it may.
inline bool allow_descriptors(rlim_t wanted) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= wanted) return true;
    limit.rlim_cur = wanted;
    if (limit.rlim_max < wanted) limit.rlim_max = wanted;
    return ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

/// Whether a process could have that many descriptors. Changes nothing: some libraries
/// close as many as are allowed.
inline bool could_have_descriptors(rlim_t wanted) {
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    const bool could = allow_descriptors(wanted);
    ::setrlimit(RLIMIT_NOFILE, &before);
    return could;
}

/// A process that bears a burden and does on command what is measured, so that a parent
/// with the burden and one without can take turns in one run.
class Parent {
public:
    using Works = std::vector<std::function<void(int)>>;

    /// Forks it off this process, which should be as small as it is in the beginning.
    ///
    /// @param works  What it can be told to do.
    Parent(const Burden& burden, const Works& works) {
        const PipeEnds to = make_pipe();
        const PipeEnds from = make_pipe();
        pid_ = ::fork();
        require(pid_ >= 0);
        if (pid_ == 0) {
            ::close(to.write);
            ::close(from.read);
            serve(burden, works, to.read, from.write);
        }
        ::close(to.read);
        ::close(from.write);
        to_ = to.write;
        from_ = from.read;
        wait_for_answer();  // it bears its burden
    }
    Parent(Parent&& other) noexcept
        : pid_{std::exchange(other.pid_, -1)}, to_{other.to_}, from_{other.from_} {}
    Parent& operator=(Parent&&) = delete;
    ~Parent() {
        if (pid_ < 0) return;
        const Command end{};
        require(::write(to_, &end, sizeof end) == sizeof end);
        ::close(to_);
        ::close(from_);
        ::waitpid(pid_, nullptr, 0);
    }

    /// Has it do one of its works so many times.
    void work(std::size_t which, int times) const {
        const Command command{which, times};
        require(::write(to_, &command, sizeof command) == sizeof command);
        wait_for_answer();
    }

private:
    struct Command {
        std::size_t which = 0;
        int times = 0;  ///< 0: end
    };

    [[noreturn]] static void serve(const Burden& burden, const Works& works, int from,
                                   int to) {
        if (burden.descriptors > 0) {
            require(allow_descriptors(static_cast<rlim_t>(burden.descriptors) + 100));
        }
        bench::take_on(burden);
        for (const Peer& peer : peers()) {
            if (peer.take_on != nullptr) peer.take_on(burden);
        }
        for (Command command{.times = 1}; command.times > 0;) {
            require(::write(to, "", 1) == 1);
            require(::read(from, &command, sizeof command) == sizeof command);
            if (command.times > 0) works[command.which](command.times);
        }
        ::_exit(0);
    }

    void wait_for_answer() const {
        char answer = 0;
        require(::read(from_, &answer, 1) == 1);
    }

    pid_t pid_ = -1;
    int to_ = -1;
    int from_ = -1;
};

}  // namespace bench
