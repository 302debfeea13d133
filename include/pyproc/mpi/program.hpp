// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include <link.h>

#include "pyproc/errors.hpp"

namespace pyproc::mpi::detail {

/// Tells programs apart.
using ProgramIdentity = std::uint64_t;

/// The file that this process runs, as it lies in memory; shared libraries are no part of
/// it, and may lie elsewhere in each process.
///
/// Source: dl_iterate_phdr(3), which the systems with ELF have.
class Program {
public:
    [[nodiscard]] static const Program& of_this_process() {
        static const Program program;
        return program;
    }

    /// Whether there is code of the program's own at this address.
    [[nodiscard]] bool has_code_at(std::uintptr_t address) const noexcept {
        for (const Segment& each : segments_) {
            if (each.is_code && address - each.begin < each.size) return true;
        }
        return false;
    }

    /// Is the same for two processes only if all their code and constants are: those are
    /// read as they are in memory, among them the linker's build id. So it neither needs
    /// the file, which may have been replaced since, nor takes the linker to give one.
    [[nodiscard]] ProgramIdentity identity() const noexcept {
        constexpr std::uint64_t factor = 0x9E37'79B9'7F4A'7C15;  // 2^64 / golden ratio
        std::uint64_t sum = 0;
        const auto mix = [&sum](std::uint64_t word) {
            sum = (sum ^ word) * factor;
            sum ^= sum >> 29U;
        };
        for (const Segment& each : segments_) {
            mix(each.size);
            const auto* const bytes = reinterpret_cast<const std::byte*>(each.begin);
            std::uint64_t word = 0;
            for (std::size_t at = 0; at + sizeof word <= each.size; at += sizeof word) {
                std::memcpy(&word, bytes + at, sizeof word);
                mix(word);
            }
        }
        return sum;
    }

private:
    struct Segment {
        std::uintptr_t begin;
        std::size_t size;
        bool is_code;
    };

    Program() {
        // The program itself is the first that is told of.
        const auto take = [](dl_phdr_info* info, std::size_t, void* to) {
            static_cast<Program*>(to)->take(*info);
            return 1;
        };
        ::dl_iterate_phdr(take, this);
    }

    void take(const dl_phdr_info& info) {
        for (int i = 0; i < info.dlpi_phnum; ++i) {
            const auto& header = info.dlpi_phdr[i];
            // What may be written to is not as it was in the file.
            if (header.p_type != PT_LOAD || (header.p_flags & PF_W) != 0 ||
                (header.p_flags & PF_R) == 0) {
                continue;
            }
            segments_.push_back(
                {static_cast<std::uintptr_t>(info.dlpi_addr + header.p_vaddr),
                 static_cast<std::size_t>(header.p_memsz), (header.p_flags & PF_X) != 0});
        }
    }

    std::vector<Segment> segments_;
};

/// @throws ValueError  This is no code of the program itself, so another rank can't be
///                     told where it is. 0, which is none, passes.
inline void require_in_program(std::uintptr_t address) {
    if (address == 0 || Program::of_this_process().has_code_at(address)) return;
    throw ValueError{
        "MpiPoolExecutor: a function in a shared library can't be sent to another rank, "
        "where the library may lie elsewhere; send one of the program's own that calls "
        "it"};
}

}  // namespace pyproc::mpi::detail
