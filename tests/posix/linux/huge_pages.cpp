// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/linux/huge_pages.hpp"

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

#include "support/catch.hpp"

using pyproc::posix::platform::advise_huge_pages;

namespace {

constexpr std::size_t mib = 1 << 20;

/// The kernel's flags for the mapping that holds `address`: "hg" for huge pages advised.
std::string flags_of(const void* address) {
    std::ifstream maps{"/proc/self/smaps"};
    const auto wanted = reinterpret_cast<unsigned long>(address);
    bool is_within = false;
    for (std::string line; std::getline(maps, line);) {
        unsigned long begin = 0;
        unsigned long end = 0;
        if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2) {
            is_within = begin <= wanted && wanted < end;
        }
        if (is_within && line.starts_with("VmFlags:")) return line + ' ';
    }
    return {};
}

}  // namespace

TEST_CASE(
    "advise_huge_pages: whole huge pages within the block are advised, and no other") {
    auto* const memory = static_cast<char*>(::mmap(
        nullptr, 16 * mib, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    REQUIRE(memory != MAP_FAILED);

    advise_huge_pages(memory + 100, 16 * mib - 200);

    const std::string inner = flags_of(memory + 8 * mib);
    CHECK_THAT(flags_of(memory), !test::Contains(" hg "));
    const bool has_any = ::access("/sys/kernel/mm/transparent_hugepage", F_OK) == 0;
    CHECK((inner.find(" hg ") != std::string::npos) == has_any);
    ::munmap(memory, 16 * mib);
}

TEST_CASE("advise_huge_pages: a small block is left alone, and errno as it is") {
    char block[4096];
    errno = 77;

    advise_huge_pages(block, sizeof block);
    advise_huge_pages(nullptr, 0);

    CHECK(errno == 77);
}
