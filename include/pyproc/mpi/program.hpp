// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include <link.h>

#include "pyproc/errors.hpp"

namespace pyproc::mpi::detail {

/// Tells programs apart.
using ProgramIdentity = std::uint64_t;

/// The file that this process runs, as it lies in memory; shared libraries are no part of
/// it, and may lie elsewhere in each process.
///
/// Source: dl_iterate_phdr(3), which the systems with ELF have; elf(5), NT_GNU_BUILD_ID.
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

    /// Is the same for two processes only if they run the same build: by the linker's
    /// build id, if it has given one; else all code and constants are read, as they are
    /// in memory, where a debugger's breakpoints make them differ. The file, which may
    /// have been replaced since, is not needed.
    [[nodiscard]] ProgramIdentity identity() const noexcept {
        constexpr std::uint64_t factor = 0x9E37'79B9'7F4A'7C15;  // 2^64 / golden ratio
        std::uint64_t sum = 0;
        const auto mix = [&sum](std::uint64_t word) {
            sum = (sum ^ word) * factor;
            sum ^= sum >> 29U;
        };
        const auto mix_all = [&mix](std::span<const std::byte> bytes) {
            while (!bytes.empty()) {
                const auto next = bytes.first(std::min(sizeof sum, bytes.size()));
                mix(word_of(next));
                bytes = bytes.subspan(next.size());
            }
        };
        mix_all(build_id_);
        for (const Segment& each : segments_) {
            mix(each.size);
            if (!build_id_.empty()) continue;
            mix_all({reinterpret_cast<const std::byte*>(each.begin), each.size});
        }
        return sum;
    }

private:
    struct Segment {
        std::uintptr_t begin;
        std::size_t size;
        bool is_code;
    };

    /// Up to eight bytes as a number. Not watched by AddressSanitizer: what it has put
    /// between the program's constants is read, too.
    [[nodiscard]] __attribute__((no_sanitize("address"))) static std::uint64_t word_of(
        std::span<const std::byte> bytes) noexcept {
        std::uint64_t word = 0;
        for (const std::byte each : bytes) {
            word = word << 8U | std::to_integer<std::uint64_t>(each);
        }
        return word;
    }

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
            if (header.p_type == PT_NOTE) take_notes(info.dlpi_addr, header);
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

    /// Looks for the build id among the notes of a segment.
    void take_notes(std::uintptr_t base, const ElfW(Phdr) & header) {
        const auto* const begin =
            reinterpret_cast<const std::byte*>(base + header.p_vaddr);
        const std::size_t size = header.p_memsz;
        const std::size_t alignment = header.p_align == 8 ? 8 : 4;
        const auto aligned = [=](std::size_t at) {
            return (at + alignment - 1) / alignment * alignment;
        };
        ElfW(Nhdr) note;
        for (std::size_t at = 0; size - at >= sizeof note;) {
            std::memcpy(&note, begin + at, sizeof note);
            const std::size_t name = at + sizeof note;
            const std::size_t text = aligned(name + note.n_namesz);
            at = aligned(text + note.n_descsz);
            if (at > size) return;
            if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof "GNU" &&
                std::memcmp(begin + name, "GNU", sizeof "GNU") == 0) {
                build_id_ = {begin + text, note.n_descsz};
            }
        }
    }

    std::vector<Segment> segments_;
    std::span<const std::byte> build_id_;
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
