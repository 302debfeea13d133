// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <exception>
#include <span>

#include "pyproc/multiprocessing/code_address.hpp"
#include "pyproc/multiprocessing/exception_codec.hpp"
#include "pyproc/multiprocessing/task.hpp"

namespace pyproc::mpi::detail {

/// Makes a call that has been sent, and says in `result` what comes of it: what it
/// returns, or what it throws, both as bytes.
///
/// As with mpi4py, `SystemExit` is thrown to the caller like any other: a rank can't end
/// by itself.
///
/// @param code  Of a `TaskCode`; 0 for a call that does nothing.
/// @return Whether it has returned.
[[nodiscard]] inline bool make_call(multiprocessing::detail::CodeOffset code,
                                    std::span<const std::byte> call,
                                    multiprocessing::detail::Bytes& result) {
    using multiprocessing::detail::TaskCode;
    result.clear();
    try {
        const auto address = multiprocessing::detail::to_code_address(code);
        if (address != 0) reinterpret_cast<TaskCode>(address)(call, result);
        return true;
    } catch (...) {
        const auto failure = std::current_exception();
        if (!failure) throw;  // the thread is being unwound, by pthread_exit
        result = multiprocessing::detail::encode_exception(failure);
        return false;
    }
}

/// What a call has thrown that has not returned; or why that can't be read.
[[nodiscard]] inline std::exception_ptr exception_of(std::span<const std::byte> result) {
    try {
        return multiprocessing::detail::decode_exception(result);
    } catch (...) {
        return std::current_exception();
    }
}

}  // namespace pyproc::mpi::detail
