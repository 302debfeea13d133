// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/portable/packets.hpp"

#include <cerrno>

#include "support/catch.hpp"

namespace platform = pyproc::posix::platform;

TEST_CASE("packets: what POSIX does not have is answered as an old kernel would") {
    int ends[2];

    CHECK(platform::packet_sockets(ends) == ENOSYS);
    CHECK_FALSE(platform::keeps_packets(0));
    CHECK(platform::write_unsignalled(1, nullptr, 0) == -ENOSYS);
}
