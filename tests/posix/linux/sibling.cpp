// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/linux/sibling.hpp"

#include <cerrno>
#include <csignal>

#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/catch.hpp"
#include "support/forked.hpp"
#include "support/seccomp.hpp"

namespace platform = pyproc::posix::platform;

namespace {

/// How a brother ends that a child of this process forks, and that runs `body`.
template <class Body>
int brothers_wait_status(Body body) {
    const int code = test::forked([&body] {
        const auto brother = platform::fork_sibling();
        if (!brother) return 99;
        if (*brother == 0) {
            body();
            ::_exit(0);
        }
        return 0;
    });
    int status = -1;
    return code == 0 && ::wait(&status) > 0 ? status : -code;
}

}  // namespace

TEST_CASE("fork_sibling: the brother is a child of the caller's parent") {
    const pid_t parent = ::getpid();

    const int status =
        brothers_wait_status([parent] { ::_exit(::getppid() == parent ? 3 : 4); });

    CHECK(WEXITSTATUS(status) == 3);
}

TEST_CASE("fork_sibling: the brother can raise signals, so it knows its own number") {
    const int status = brothers_wait_status([] { ::raise(SIGKILL); });

    CHECK(WTERMSIG(status) == SIGKILL);
}

TEST_CASE("fork_sibling: of a brother that dies with a robust mutex, the next is told") {
    void* const shared = ::mmap(nullptr, sizeof(pthread_mutex_t), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    auto& mutex = *static_cast<pthread_mutex_t*>(shared);
    pthread_mutexattr_t attributes;
    ::pthread_mutexattr_init(&attributes);
    ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    ::pthread_mutex_init(&mutex, &attributes);

    const int status = brothers_wait_status([&mutex] {
        ::pthread_mutex_lock(&mutex);
        ::raise(SIGKILL);
    });

    CHECK(WTERMSIG(status) == SIGKILL);
    CHECK(::pthread_mutex_trylock(&mutex) == EOWNERDEAD);
    ::pthread_mutex_consistent(&mutex);
    ::pthread_mutex_unlock(&mutex);
    ::munmap(shared, sizeof(pthread_mutex_t));
}

TEST_CASE("fork_sibling: where the kernel does not tell what it needs, it is ENOSYS") {
    const int code = test::forked([] {
        constexpr unsigned get_tid_address = 40;
        test::refuse({{SYS_prctl}, EINVAL, {{.index = 0, .value = get_tid_address}}});
        return platform::fork_sibling().code();
    });

    CHECK(code == ENOSYS);
}
