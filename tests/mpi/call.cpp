// SPDX-License-Identifier: BSL-1.0
#include "pyproc/mpi/call.hpp"

#include <stdexcept>

#include "support/catch.hpp"

using pyproc::mpi::detail::make_call;
namespace mp = pyproc::multiprocessing::detail;

namespace {

int half(int n) {
    if (n % 2 != 0) throw std::domain_error{"odd"};
    return n / 2;
}

bool call_half(int n, mp::Bytes& result) {
    const mp::PackedCall<int (*)(int), int> call{&half, n};
    mp::Bytes bytes(call.size());
    call.write(bytes);
    const auto code = mp::to_code_offset(reinterpret_cast<std::uintptr_t>(&call.run));
    return make_call(code, bytes, result);
}

}  // namespace

TEST_CASE("make_call: what the call returns is the result") {
    mp::Bytes result(5);

    CHECK(call_half(8, result));
    CHECK(pyproc::multiprocessing::decode<int>(result) == 4);
}

TEST_CASE("make_call: what the call throws is the result, and it is said so") {
    mp::Bytes result;

    CHECK_FALSE(call_half(7, result));
    CHECK_THROWS_AS(std::rethrow_exception(mp::decode_exception(result)),
                    std::domain_error);
}

TEST_CASE("make_call: no call returns nothing") {
    mp::Bytes result(5);

    CHECK(make_call(0, {}, result));
    CHECK(result.empty());
}
