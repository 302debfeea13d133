// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

namespace pyproc::posix {

/// Tells the process that made it from those that were forked from that one, whatever
/// their numbers: in another pid namespace, or when it has ended, one of them may have
/// the same.
///
/// Threads: any number at once.
/// Source:  MADV_WIPEONFORK in madvise(2), Linux 4.14.
class ForkMark {
public:
    ForkMark() noexcept {
#ifdef MADV_WIPEONFORK
        void* const page = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED) return;
        if (::madvise(page, size, MADV_WIPEONFORK) != 0) {
            ::munmap(page, size);
            return;
        }
        mark_ = static_cast<char*>(page);
        *mark_ = 1;
#endif
    }
    ForkMark(const ForkMark&) = delete;
    ForkMark& operator=(const ForkMark&) = delete;
    ~ForkMark() {
        if (mark_ != nullptr) ::munmap(mark_, size);
    }

    /// Whether the caller is certainly a process forked later. Where the system can't
    /// mark memory so, it never is.
    [[nodiscard]] bool is_forked() const noexcept {
        return mark_ != nullptr && *mark_ == 0;
    }

    /// Whether `is_forked` can tell: not where the system can't mark memory.
    [[nodiscard]] bool is_sure() const noexcept {
        return mark_ != nullptr;
    }

    /// Whether the caller is another process than the one that made this: by the mark,
    /// which costs no system call, or else by its number.
    [[nodiscard]] bool is_elsewhere() const noexcept {
        return is_sure() ? is_forked() : ::getpid() != process_;
    }

private:
    static constexpr std::size_t size = 1;  // which the kernel rounds up to a page

    const pid_t process_ = ::getpid();
    char* mark_ = nullptr;
};

}  // namespace pyproc::posix
