// SPDX-License-Identifier: BSL-1.0
#include "pyproc/mpi/ranks.hpp"

#include <exception>
#include <memory>
#include <set>
#include <span>
#include <stdexcept>
#include <vector>

#include "support/catch.hpp"
#include "support/mpi.hpp"

using namespace pyproc::mpi::detail;
namespace mp = pyproc::multiprocessing::detail;

namespace {

/// Remembers its answers.
class Answers final : public mp::Job {
public:
    Answers() : Job{nullptr} {}
    bool deliver(std::size_t index, std::span<const std::byte> result) override {
        values.emplace(index, pyproc::multiprocessing::decode<int>(result));
        return false;
    }
    bool fail(std::size_t index, const std::exception_ptr&) noexcept override {
        failures.insert(index);
        return false;
    }
    void finish() noexcept override {}

    std::set<std::pair<std::size_t, int>> values;
    std::set<std::size_t> failures;
};

int twice_if_even(int n) {
    if (n % 2 != 0) throw std::domain_error{"odd"};
    return 2 * n;
}

void fail_to_start() {
    throw std::runtime_error{"no start"};
}

template <class F, class... Args>
StartCall packed(F f, const Args&... args) {
    const mp::PackedCall<F, Args...> call{f, args...};
    StartCall made{mp::to_code_offset(reinterpret_cast<std::uintptr_t>(&call.run)),
                   Bytes(call.size())};
    call.write(std::span{made.bytes});
    return made;
}

/// How many ranks could not start.
int await_all(Ranks& ranks, TaskList& tasks) {
    int failed = 0;
    const auto on_failed_start = [&](int, const std::exception_ptr&) { ++failed; };
    while (ranks.in_flight() > 0) ranks.progress(tasks, on_failed_start);
    return failed;
}

}  // namespace

TEST_CASE("each task of a list is answered, by its result or by what it throws") {
    Ranks ranks{*test::session().world()};
    TaskList tasks;
    const auto answers = std::make_shared<Answers>();
    ranks.start({});
    for (int i = 0; i < 1000; ++i) {
        auto [code, bytes] = packed(&twice_if_even, i);
        static_cast<void>(
            tasks.add(answers, static_cast<std::size_t>(i), code, std::move(bytes)));
    }

    CHECK(await_all(ranks, tasks) == 0);

    CHECK(tasks.pending() == 0);
    CHECK(answers->values.size() == 500);
    CHECK(answers->values.contains({998, 1996}));
    CHECK(answers->failures.size() == 500);
    CHECK(ranks.has_idle());
}

TEST_CASE("a rank that can't start says so, and gives its tasks back") {
    Ranks ranks{*test::session().world()};
    TaskList tasks;

    ranks.start(packed(&fail_to_start));

    CHECK(await_all(ranks, tasks) == test::session().size() - 1);
}

TEST_CASE("an answer to a task that was given up is passed over") {
    Ranks ranks{*test::session().world()};
    TaskList tasks;
    const auto answers = std::make_shared<Answers>();
    ranks.start({});
    CHECK(await_all(ranks, tasks) == 0);
    auto [code, bytes] = packed(&twice_if_even, 2);
    const auto ticket = tasks.add(answers, 0, code, std::move(bytes));
    ranks.send(tasks);
    CHECK(ranks.in_flight() == 1);

    static_cast<void>(tasks.release(ticket.slot));

    CHECK(await_all(ranks, tasks) == 0);
    CHECK(answers->values.empty());
}
