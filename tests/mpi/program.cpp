// SPDX-License-Identifier: BSL-1.0
#include "pyproc/mpi/program.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support/catch.hpp"

using pyproc::mpi::detail::Program;

namespace {

void own_function() {}

[[maybe_unused]] void never_called() {
    std::abort();
}

template <class Function>
std::uintptr_t address(Function* function) {
    return reinterpret_cast<std::uintptr_t>(function);
}

const int constant = 1;
int variable = 1;

}  // namespace

TEST_CASE("a function of the program's own is code in it") {
    CHECK(Program::of_this_process().has_code_at(address(&own_function)));
    pyproc::mpi::detail::require_in_program(address(&own_function));
}

TEST_CASE("constants, variables and what is on the heap are no code") {
    const Program& program = Program::of_this_process();
    void* const memory = std::malloc(1);

    CHECK_FALSE(program.has_code_at(reinterpret_cast<std::uintptr_t>(&constant)));
    CHECK_FALSE(program.has_code_at(reinterpret_cast<std::uintptr_t>(&variable)));
    CHECK_FALSE(program.has_code_at(reinterpret_cast<std::uintptr_t>(memory)));
    std::free(memory);
}

TEST_CASE("a function of a shared library is refused, and no function is not") {
    // One that sanitizers do not replace by one in the program.
    void* const function = ::dlsym(RTLD_DEFAULT, "gnu_get_libc_version");

    REQUIRE(function != nullptr);
    CHECK_THROWS_AS(pyproc::mpi::detail::require_in_program(
                        reinterpret_cast<std::uintptr_t>(function)),
                    pyproc::ValueError);
    pyproc::mpi::detail::require_in_program(0);
}

TEST_CASE("the identity stays the same as variables change") {
    const auto before = Program::of_this_process().identity();

    ++variable;

    CHECK(Program::of_this_process().identity() == before);
    CHECK(before != 0);
}

#ifndef WITHOUT_BUILD_ID
TEST_CASE(
    "the identity is the linker's, so a breakpoint in the code does not change it") {
    const auto before = Program::of_this_process().identity();
    auto* const code = reinterpret_cast<unsigned char*>(&never_called);
    const auto size = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    const auto at = reinterpret_cast<std::uintptr_t>(code);
    auto* const page = reinterpret_cast<void*>(at / size * size);
    // Refused where code must never be written to.
    if (::mprotect(page, size, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) return;

    *code ^= 0xFFU;

    CHECK(Program::of_this_process().identity() == before);
    *code ^= 0xFFU;
    CHECK(::mprotect(page, size, PROT_READ | PROT_EXEC) == 0);
}
#endif
