// SPDX-License-Identifier: BSL-1.0
#include "pyproc/mpi/worker.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/mpi.hpp"

using namespace pyproc::mpi::detail;
namespace mp = pyproc::multiprocessing::detail;
using Kind = RecordHead::Kind;

// Rank 0's part is played by the tests.

namespace {

int twice(int n) {
    if (n < 0) throw std::out_of_range{"too small"};
    return 2 * n;
}

std::string repeat(std::size_t times) {
    return std::string(times, 'x');
}

struct Answer {
    RecordHead head;
    Bytes body;
};

class Rank0 {
public:
    Rank0() {
        send(Kind::start, 0, 0, {});
        await(Kind::start);
    }

    template <class F, class... Args>
    void add(std::uint32_t slot, F f, const Args&... args) {
        const mp::PackedCall<F, mp::ArgOf<Args>...> call{f, args...};
        Bytes bytes(call.size());
        call.write(std::span{bytes});
        append_record(frame_, {.kind = kind, .slot = slot, .code = code_of(call)}, bytes);
    }
    void send() { messenger_.send(1, std::exchange(frame_, {})); }

    /// The next answer of this kind; others are kept.
    Answer await(Kind wanted) {
        for (;;) {
            for (auto each = answers_.begin(); each != answers_.end(); ++each) {
                if (each->head.kind != wanted) continue;
                Answer found = *each;
                answers_.erase(each);
                return found;
            }
            messenger_.receive([this](int, const RecordHead* head, const Bytes& bytes) {
                RecordReader reader{head, bytes};
                while (reader.next()) {
                    answers_.push_back({reader.head(), Bytes(reader.body().begin(),
                                                             reader.body().end())});
                }
            });
        }
    }

    Kind kind = Kind::call;

private:
    template <class Call>
    static mp::CodeOffset code_of(const Call&) {
        return mp::to_code_offset(reinterpret_cast<std::uintptr_t>(&Call::run));
    }

    void send(Kind of, std::uint32_t slot, mp::CodeOffset code, const Bytes& body) {
        append_record(frame_, {.kind = of, .slot = slot, .code = code}, body);
        send();
    }

    Messenger& messenger_ = test::session().world()->messenger;
    Bytes frame_;
    std::vector<Answer> answers_;
};

}  // namespace

TEST_CASE("each call of a frame is answered, and the time is accounted for") {
    Rank0 rank0;
    for (std::uint32_t i = 0; i < 5; ++i) rank0.add(i, twice, static_cast<int>(i));
    rank0.send();

    for (std::uint32_t i = 0; i < 5; ++i) {
        const auto [head, body] = rank0.await(Kind::value);
        CHECK(head.slot == i);
        CHECK(pyproc::multiprocessing::decode<int>(body) == 2 * static_cast<int>(i));
    }
    const auto spent = rank0.await(Kind::spent).head;
    CHECK(spent.slot >= 1);
    CHECK(spent.code >= 0);
}

TEST_CASE("what a call throws is the answer to it") {
    Rank0 rank0;
    rank0.add(1, twice, -1);
    rank0.send();

    const auto failure = mp::decode_exception(rank0.await(Kind::exception).body);

    CHECK_THROWS_AS(std::rethrow_exception(failure), std::out_of_range);
}

TEST_CASE("a large result comes apart") {
    Rank0 rank0;
    rank0.add(1, repeat, std::size_t{1'000'000});
    rank0.send();

    CHECK(pyproc::multiprocessing::decode<std::string>(rank0.await(Kind::value).body)
              .size() == 1'000'000);
}

TEST_CASE("what lies behind a long call comes back, and what it follows is answered") {
    Rank0 rank0;
    const test::Gate gate;
    rank0.add(1, twice, 1);
    rank0.add(2, test::Gate::pass, gate.path());
    rank0.add(3, twice, 3);
    rank0.add(4, twice, 4);
    rank0.send();

    CHECK(rank0.await(Kind::value).head.slot == 1);
    CHECK(rank0.await(Kind::give_back).head.slot == 3);
    CHECK(rank0.await(Kind::give_back).head.slot == 4);

    gate.open();
    CHECK(rank0.await(Kind::value).head.slot == 2);
}

TEST_CASE("what is sent to a rank that makes a long call comes back, too") {
    Rank0 rank0;
    const test::Gate gate;
    rank0.add(1, test::Gate::pass, gate.path());
    rank0.send();
    rank0.add(2, twice, 2);
    rank0.send();

    CHECK(rank0.await(Kind::give_back).head.slot == 2);

    gate.open();
    CHECK(rank0.await(Kind::value).head.slot == 1);
}

TEST_CASE("when the call at the start throws, the others come back, until the next") {
    Rank0 rank0;
    rank0.kind = Kind::start;
    rank0.add(0, twice, -1);
    rank0.kind = Kind::call;
    rank0.add(1, twice, 1);
    rank0.send();

    rank0.await(Kind::no_start);
    CHECK(rank0.await(Kind::give_back).head.slot == 1);

    Rank0 next;
    next.add(2, twice, 2);
    next.send();
    CHECK(next.await(Kind::value).head.slot == 2);
}

TEST_CASE("a child that a task forks and does not end is ended") {
    Rank0 rank0;
    rank0.add(
        1, +[] { return static_cast<int>(::fork()); });
    rank0.send();

    CHECK(pyproc::multiprocessing::decode<int>(rank0.await(Kind::value).body) > 0);
}
