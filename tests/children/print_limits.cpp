// SPDX-License-Identifier: BSL-1.0
// Prints "soft hard" and a newline for each of the resources whose numbers are its
// arguments; -1 stands for no limit.

#include <cstdio>
#include <cstdlib>

#include <sys/resource.h>

int main(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        rlimit limit{};
        const auto resource = static_cast<decltype(RLIMIT_CORE)>(std::atoi(argv[i]));
        if (::getrlimit(resource, &limit) != 0) return 1;
        std::printf("%lld %lld\n", static_cast<long long>(limit.rlim_cur),
                    static_cast<long long>(limit.rlim_max));
    }
}
