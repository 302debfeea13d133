// SPDX-License-Identifier: BSL-1.0
#include "pyproc/mpi/messenger.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/mpi.hpp"
#include "support/scarce_memory.hpp"

using namespace pyproc::mpi::detail;

// A rank may send to itself, which is all that is needed to see what arrives.

namespace {

struct Received {
    RecordHead head;
    Bytes body;
    bool is_lost;
};

Bytes some_bytes(std::size_t size) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = std::byte(i * 7 + i / 256);
    return bytes;
}

/// Waits until so many records have come, and all that was sent is gone.
std::vector<Received> receive(Messenger& messenger, std::size_t count) {
    std::vector<Received> all;
    while (all.size() < count || messenger.is_sending()) {
        messenger.receive([&](int rank, const RecordHead* head, Bytes bytes) {
            CHECK(rank == 0);
            RecordReader reader{head, bytes};
            while (reader.next()) {
                all.push_back({reader.head(),
                               Bytes(reader.body().begin(), reader.body().end()),
                               reader.is_lost()});
            }
            messenger.recycle(std::move(bytes));
        });
    }
    return all;
}

}  // namespace

TEST_CASE("records of one frame arrive in their order, with their bytes") {
    Messenger messenger{MPI_COMM_SELF};
    Bytes frame = messenger.fresh_frame();
    for (std::uint32_t i = 0; i < 10; ++i) {
        append_record(frame, {.slot = i, .generation = 2 * i, .code = -5},
                      some_bytes(i * 10));
    }
    messenger.send(0, std::move(frame));

    const auto all = receive(messenger, 10);

    REQUIRE(all.size() == 10);
    for (std::uint32_t i = 0; i < 10; ++i) {
        CHECK(all[i].head.slot == i);
        CHECK(all[i].head.generation == 2 * i);
        CHECK(all[i].head.code == -5);
        CHECK(all[i].body == some_bytes(i * 10));
    }
}

TEST_CASE("a large record arrives in as many pieces as it takes") {
    for (const std::size_t size : {4096U, 100'000U, 1'000'000U, 999U * 1000U}) {
        Messenger messenger{MPI_COMM_SELF, 1000};
        messenger.send_apart(0, {.kind = RecordHead::Kind::value, .slot = 3},
                             std::make_shared<const Bytes>(some_bytes(size)));

        const auto all = receive(messenger, 1);

        REQUIRE(all.size() == 1);
        CHECK(all[0].head.slot == 3);
        CHECK(all[0].head.size == size);
        CHECK(all[0].body == some_bytes(size));
    }
}

TEST_CASE("large records that are on their way at once are not mixed up") {
    Messenger messenger{MPI_COMM_SELF, 1000};
    for (std::uint32_t i = 0; i < 20; ++i) {
        messenger.send_apart(0, {.slot = i},
                             std::make_shared<const Bytes>(some_bytes(10'000 + i)));
    }

    const auto all = receive(messenger, 20);

    REQUIRE(all.size() == 20);
    for (const Received& each : all) {
        CHECK(each.body == some_bytes(10'000 + each.head.slot));
    }
}

#ifndef SANITIZED

TEST_CASE("what there is no memory for comes without its bytes, and all else whole") {
    Messenger messenger{MPI_COMM_SELF, 1000};
    for (const std::uint32_t size : {10'000U, 50'500U, 400U, 11'000U, 51'000U, 12'000U}) {
        messenger.send_apart(0, {.slot = size},
                             std::make_shared<const Bytes>(some_bytes(size)));
    }

    test::most_memory = 20'000;
    const auto all = receive(messenger, 6);
    test::most_memory = SIZE_MAX;

    REQUIRE(all.size() == 6);
    for (const Received& each : all) {
        const bool is_too_large = each.head.slot > 20'000;
        CHECK(each.is_lost == is_too_large);
        CHECK(each.body == (is_too_large ? Bytes{} : some_bytes(each.head.slot)));
    }
}
#endif

TEST_CASE("many frames that nobody receives for long all arrive, in their order") {
    Messenger messenger{MPI_COMM_SELF};
    constexpr std::uint32_t count = 2000;
    for (std::uint32_t i = 0; i < count; ++i) {
        Bytes frame = messenger.fresh_frame();
        append_record(frame, {.slot = i}, some_bytes(3000));
        messenger.send(0, std::move(frame));
    }

    const auto all = receive(messenger, count);

    REQUIRE(all.size() == count);
    for (std::uint32_t i = 0; i < count; ++i) CHECK(all[i].head.slot == i);
}

TEST_CASE("fits: the largest record of a frame fills it") {
    const std::size_t most = Messenger::largest_frame - sizeof(RecordHead);

    CHECK(Messenger::fits(most));
    CHECK_FALSE(Messenger::fits(most + 1));
}

TEST_CASE("receive: nothing is there when nothing was sent") {
    Messenger messenger{MPI_COMM_SELF};

    CHECK_FALSE(messenger.receive([](int, const RecordHead*, const Bytes&) { FAIL(); }));
    CHECK_FALSE(messenger.is_sending());
}
