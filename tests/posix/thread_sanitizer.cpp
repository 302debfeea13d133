// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/thread_sanitizer.hpp"

#include <pthread.h>

#include "support/catch.hpp"

TEST_CASE("tell_sanitizer_of_lock: without ThreadSanitizer, it is nothing") {
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

#if !defined(SANITIZER_TSAN_INTERFACE_H)
    pyproc::posix::tell_sanitizer_of_lock(&mutex);
#endif

    CHECK(::pthread_mutex_trylock(&mutex) == 0);
    CHECK(::pthread_mutex_unlock(&mutex) == 0);
}
