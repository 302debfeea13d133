// SPDX-License-Identifier: BSL-1.0
// Prints "pid P pgid G sid S umask M cwd D", the umask in octal.

#include <cstdio>

#include <sys/stat.h>
#include <unistd.h>

int main() {
    char directory[4096];
    if (::getcwd(directory, sizeof directory) == nullptr) return 1;
    const mode_t mask = ::umask(0);
    std::printf("pid %d pgid %d sid %d umask %o cwd %s\n", ::getpid(), ::getpgid(0),
                ::getsid(0), static_cast<unsigned>(mask), directory);
}
