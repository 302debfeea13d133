// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/linux/detached.hpp"

#include <cstring>

#include <sys/mman.h>

#include "support/detached_process.hpp"

TEST_CASE("start_detached: no SIGCHLD is raised") {
    static volatile sig_atomic_t number_raised;
    number_raised = 0;
    const auto before = std::signal(SIGCHLD, [](int) { number_raised = 1; });

    CHECK(test::told_by_detached([] { return 'x'; }) == 'x');

    CHECK(number_raised == 0);
    std::signal(SIGCHLD, before);
}

TEST_CASE("release_inherited_memory: shared memory and the heap are given up") {
    if (platform::is_sanitized) return;
    constexpr std::size_t size = 4 << 20;
    static volatile char* shared;
    static volatile char* heap;
    const auto map = [](int how) {
        void* const memory =
            ::mmap(nullptr, size, PROT_READ | PROT_WRITE, how | MAP_ANONYMOUS, -1, 0);
        REQUIRE(memory != MAP_FAILED);
        return static_cast<char*>(memory);
    };
    shared = map(MAP_SHARED);
    heap = map(MAP_PRIVATE);
    heap[size / 2] = 'h';

    const char answer = test::told_by_detached([] {
        platform::release_inherited_memory();
        unsigned char is_resident = 0;
        const long found = platform::system_call(SYS_mincore, platform::address(shared),
                                                 4096, platform::address(&is_resident));
        if (found != -ENOMEM) return 's';
        return heap[size / 2] == '\0' ? 'x' : 'h';
    });

    CHECK(answer == 'x');
    CHECK(heap[size / 2] == 'h');
    ::munmap(const_cast<char*>(shared), size);
    ::munmap(const_cast<char*>(heap), size);
}
