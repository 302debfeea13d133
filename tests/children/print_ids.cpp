// SPDX-License-Identifier: BSL-1.0
// Prints "uid U U gid G G groups ...": the real and effective ids, and the other groups.

#include <cstdio>

#include <unistd.h>

int main() {
    gid_t groups[4096];
    const int count = ::getgroups(4096, groups);
    std::printf("uid %u %u gid %u %u groups", ::getuid(), ::geteuid(), ::getgid(),
                ::getegid());
    for (int i = 0; i < count; ++i) std::printf(" %u", groups[i]);
}
