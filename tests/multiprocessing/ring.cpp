// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/ring.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/catch.hpp"
#include "support/killing.hpp"
#include "support/stepping.hpp"

using namespace pyproc;
using pyproc::multiprocessing::detail::Ring;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t mib = 1 << 20;

/// A ring in memory of its own.
struct OwnRing {
    explicit OwnRing(std::size_t max_count = 0, std::size_t size = 256 * mib,
                     std::uint16_t first_area = 0)
        : memory{posix::map_shared(size).or_throw("mmap")},
          ring{Ring::make_in(memory, max_count, first_area)} {}

    posix::Mapping memory;
    Ring& ring;
};

bool put(Ring& ring, const std::string& text, posix::Deadline deadline = {}) {
    return ring.put(
        text.size(),
        [&](std::span<std::byte> to) {
            if (!text.empty()) std::memcpy(to.data(), text.data(), text.size());
        },
        deadline);
}

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// The first message; "(none)" if there is none by the deadline.
std::string get(Ring& ring, posix::Deadline deadline = {}) {
    std::string text = "(none)";
    static_cast<void>(ring.get(
        [&](std::span<const std::byte> bytes) { text = text_of(bytes); }, deadline));
    return text;
}

posix::Deadline at_once() {
    return posix::Deadline::after(0s);
}

/// Puts one that is not filled, so that its memory need not be there.
bool put_blank(Ring& ring, std::size_t size) {
    return ring.put(
        size, [](auto) {}, at_once());
}

/// The size of the first message; -1 if there is none.
long get_size(Ring& ring) {
    long size = -1;
    static_cast<void>(ring.get(
        [&](std::span<const std::byte> bytes) { size = static_cast<long>(bytes.size()); },
        at_once()));
    return size;
}

/// Of the instructions at which one is killed: all of them take minutes on a busy
/// machine.
constexpr long stride = 7;

/// Bytes of the memory that pages stand behind.
std::size_t resident(const posix::Mapping& memory) {
    std::vector<unsigned char> pages(memory.size() / 4096);
    ::mincore(memory.data(), memory.size(), pages.data());
    std::size_t count = 0;
    for (const unsigned char page : pages) count += page & 1U;
    return count * 4096;
}

}  // namespace

TEST_CASE("Ring: messages come out as they went in, those without a byte too") {
    OwnRing own;
    Ring& ring = own.ring;

    REQUIRE(put(ring, "first"));
    REQUIRE(put(ring, ""));
    REQUIRE(put(ring, std::string(3 * mib, 'x')));

    CHECK(ring.size() == 3);
    CHECK(get(ring) == "first");
    CHECK(get(ring).empty());
    CHECK(get(ring) == std::string(3 * mib, 'x'));
    CHECK(ring.is_empty());
    CHECK(ring.put_count() == 3);
    CHECK(ring.got_count() == 3);
}

TEST_CASE("Ring: with nothing in it, get ends at its deadline and takes nothing") {
    OwnRing own;

    CHECK(get(own.ring, at_once()) == "(none)");
    CHECK(get(own.ring, posix::Deadline::after(5ms)) == "(none)");

    REQUIRE(put(own.ring, "x"));
    CHECK(get(own.ring, at_once()) == "x");
}

TEST_CASE("Ring: try_get takes the first message if there is one, and waits for none") {
    OwnRing own;
    std::string got = "(none)";
    const auto read = [&](std::span<const std::byte> bytes) { got = text_of(bytes); };

    CHECK_FALSE(own.ring.try_get(read));
    CHECK(put(own.ring, "one"));
    CHECK(put(own.ring, "two"));
    CHECK(own.ring.try_get(read));
    CHECK(got == "one");
    CHECK(get(own.ring) == "two");
    CHECK_FALSE(own.ring.try_get(read));
    CHECK(got == "one");
}

TEST_CASE("Ring: one that is full takes no more until one is taken out") {
    OwnRing own{2};
    Ring& ring = own.ring;

    CHECK(put(ring, "a", at_once()));
    CHECK(put(ring, "b", at_once()));
    CHECK_FALSE(put(ring, "c", at_once()));
    CHECK_FALSE(put(ring, "c", posix::Deadline::after(5ms)));
    CHECK(get(ring) == "a");
    CHECK(put(ring, "c", at_once()));

    CHECK(ring.size() == 2);
    CHECK(get(ring) == "b");
    CHECK(get(ring) == "c");
}

TEST_CASE(
    "Ring: a message that can't be written is not there, one that can't be read stays") {
    OwnRing own;
    Ring& ring = own.ring;
    const auto refuse = [](auto) { throw std::runtime_error{"no"}; };

    CHECK_THROWS_AS(ring.put(8, refuse, {}), std::runtime_error);
    CHECK(ring.is_empty());
    REQUIRE(put(ring, "kept"));
    CHECK_THROWS_AS(ring.get(refuse, {}), std::runtime_error);

    CHECK(ring.size() == 1);
    CHECK(get(ring) == "kept");
}

TEST_CASE(
    "Ring: whatever the sizes and however many wait, the order and the bytes are right") {
    for (const std::size_t memory : {1 * mib, 4 * mib, 256 * mib}) {
        OwnRing own{0, memory, 65'533};
        std::mt19937 random{static_cast<unsigned>(memory)};
        std::deque<std::string> model;
        std::size_t held = 0;
        const std::size_t largest = memory / 8;
        for (int step = 0; step < 20'000; ++step) {
            // Backlogs swing, so that areas are left, jumped over and come back to.
            const bool is_filling = (step / 700) % 2 == 0;
            const bool puts = random() % 10 < (is_filling ? 7U : 3U);
            if (puts) {
                const std::size_t scale = random() % 50 == 0 ? largest : 300;
                std::string text(random() % scale, static_cast<char>('a' + step % 26));
                if (held + text.size() > memory / 3) continue;
                if (!put(own.ring, text, at_once())) continue;
                held += text.size();
                model.push_back(std::move(text));
            } else if (!model.empty()) {
                if (get(own.ring, at_once()) != model.front()) {
                    FAIL("step " << step << ", memory " << memory);
                }
                held -= model.front().size();
                model.pop_front();
            }
            if (own.ring.size() != model.size()) FAIL("wrong size at step " << step);
        }
        for (; !model.empty(); model.pop_front()) {
            if (get(own.ring, at_once()) != model.front()) FAIL("left over");
        }
        CHECK(own.ring.is_empty());
    }
}

TEST_CASE(
    "Ring: a message that is not read yet is never overwritten, as areas start over "
    "too") {
    for (const unsigned first : {0U, 65'534U, 65'535U}) {
        OwnRing own{0, 4 * mib, static_cast<std::uint16_t>(first)};
        const auto message = [](int number) {
            return std::to_string(number) + std::string(1000, 'x');
        };
        int put_next = 0;
        int get_next = 0;
        // Enough to leave the first area, then to be blocked at the start of the memory
        // by what is unread of it, and to go beyond.
        for (; put_next < 400; ++put_next) REQUIRE(put(own.ring, message(put_next)));
        for (; get_next < 300; ++get_next) REQUIRE(get(own.ring) == message(get_next));
        for (; put_next < 1200; ++put_next) REQUIRE(put(own.ring, message(put_next)));

        int wrong = 0;
        for (; get_next < put_next; ++get_next) {
            if (get(own.ring, at_once()) != message(get_next)) ++wrong;
        }

        CHECK(wrong == 0);
    }
}

TEST_CASE("Ring: to use it while it writes a message is an error, and it goes on") {
    OwnRing own;
    Ring& ring = own.ring;
    const auto use = [&](auto) { put(ring, "inner"); };

    CHECK_THROWS_AS(ring.put(8, use, {}), std::logic_error);
    CHECK(ring.is_empty());
    REQUIRE(put(ring, "outer"));

    CHECK(get(ring) == "outer");
}

TEST_CASE("Ring: one that has no memory left waits for room, and then goes on") {
    OwnRing own{0, mib};
    int count = 0;
    while (put(own.ring, std::string(10'000, 'x'), at_once())) ++count;
    CHECK(count > 80);

    std::thread consumer{[&] {
        for (int i = 0; i < count; ++i) get(own.ring);
    }};
    CHECK(put(own.ring, "last"));
    consumer.join();

    CHECK(get(own.ring) == "last");
}

TEST_CASE(
    "Ring: the largest message fits into an empty one, wherever the last one ended") {
    for (const std::size_t size : {1 * mib, 96 * mib}) {
        for (const std::size_t before : {size / 3, size * 3 / 4}) {
            OwnRing own{0, size, 65'534};
            const std::size_t largest = own.ring.largest_message();
            for (int round = 0; round < 2; ++round) {
                REQUIRE(put_blank(own.ring, before));
                REQUIRE(get_size(own.ring) == static_cast<long>(before));

                REQUIRE(put_blank(own.ring, largest));
                CHECK_FALSE(put(own.ring, "", at_once()));
                CHECK(get_size(own.ring) == static_cast<long>(largest));
            }
        }
    }
}

TEST_CASE("Ring: a message that has to wait for all the memory gets it, and is got") {
    // Beyond what is kept, too, where pages are given back some at a time.
    for (const std::size_t size : {1 * mib, 96 * mib}) {
        OwnRing own{0, size};
        const std::size_t part = size / 5;
        const std::size_t largest = own.ring.largest_message();
        int parts = 0;
        while (put_blank(own.ring, part)) ++parts;

        bool is_put = false;
        std::thread producer{[&] { is_put = own.ring.put(largest, [](auto) {}, {}); }};
        std::size_t size_got = 0;
        const auto read = [&](auto bytes) { size_got = bytes.size(); };
        for (int i = 0; i <= parts; ++i) {
            REQUIRE(own.ring.get(read, {}));
            CHECK(size_got == (i < parts ? part : largest));
        }
        producer.join();

        CHECK(is_put);
        CHECK(own.ring.is_empty());
    }
}

TEST_CASE(
    "Ring: whoever gets is killed between any two steps, all memory is free again") {
    OwnRing own{0, mib};
    const std::size_t largest = own.ring.largest_message();
    int wrong = 0;

    test::kill_at_each_step(
        [&] {
            put_blank(own.ring, 300'000);
            put_blank(own.ring, 300'000);
            get_size(own.ring);
            test::count_from_here();
            get_size(own.ring);
        },
        [&] {
            while (!own.ring.is_empty()) get_size(own.ring);
            if (!put_blank(own.ring, largest)) ++wrong;
            if (get_size(own.ring) != static_cast<long>(largest)) ++wrong;
        },
        stride);

    CHECK(wrong == 0);
}

TEST_CASE(
    "Ring: whoever puts is killed between any two steps, what is read is one message "
    "or "
    "none") {
    OwnRing own{0, mib};
    int wrong = 0;

    // Each time it has to start over at the beginning of the memory.
    test::kill_at_each_step(
        [&] {
            put_blank(own.ring, 700'000);
            get_size(own.ring);
            test::count_from_here();
            put(own.ring, "abc");
        },
        [&] {
            const long left = get_size(own.ring);
            if (left != -1 && left != 3 && left != 700'000) ++wrong;
            if (!own.ring.is_empty()) ++wrong;
            if (!put(own.ring, "next", at_once())) ++wrong;
            if (get(own.ring, at_once()) != "next") ++wrong;
        },
        stride);

    CHECK(wrong == 0);
}

TEST_CASE("Ring: to put at once fails for want of room alone, not for others at work") {
    OwnRing own;
    std::atomic<bool> is_at_work{false};
    std::atomic<bool> is_tried{false};
    std::thread other{[&] {
        const auto write = [&](auto) {
            is_at_work = true;
            while (!is_tried) std::this_thread::yield();
            std::this_thread::sleep_for(5ms);  // for the other to find the lock taken
        };
        CHECK(own.ring.put(0, write, {}));
    }};
    while (!is_at_work) std::this_thread::yield();

    is_tried = true;
    CHECK(put(own.ring, "x", at_once()));

    other.join();
    CHECK(own.ring.size() == 2);
}

TEST_CASE("Ring: to get at once fails if it is empty, not for others at work") {
    OwnRing own;
    put(own.ring, "first");
    put(own.ring, "second");
    std::atomic<bool> is_at_work{false};
    std::atomic<bool> is_tried{false};
    std::thread other{[&] {
        const auto read = [&](auto) {
            is_at_work = true;
            while (!is_tried) std::this_thread::yield();
            std::this_thread::sleep_for(5ms);  // for the other to find the lock taken
        };
        CHECK(own.ring.get(read, {}));
    }};
    while (!is_at_work) std::this_thread::yield();

    is_tried = true;
    CHECK(get(own.ring, at_once()) == "second");

    other.join();
}

TEST_CASE("Ring: while others wait for room, or for a message, nobody else gets any") {
    OwnRing full{1};
    OwnRing without_memory{0, mib};
    OwnRing empty;
    put(full.ring, "x");
    put(without_memory.ring, std::string(without_memory.ring.largest_message(), 'x'));
    std::vector<std::thread> waiting;
    waiting.emplace_back([&] { put(full.ring, "y"); });
    waiting.emplace_back([&] { put(without_memory.ring, "y"); });
    waiting.emplace_back([&] { get(empty.ring); });

    for (int i = 0; i < 1000; ++i) {
        if (put(full.ring, "z", at_once())) FAIL("put where it is full");
        if (put(without_memory.ring, "z", at_once())) FAIL("put where no memory is");
        if (get(empty.ring, at_once()) != "(none)") FAIL("got from nothing");
    }

    get(full.ring);
    get(without_memory.ring);
    put(empty.ring, "x");
    for (std::thread& each : waiting) each.join();
    CHECK(get(full.ring) == "y");
    CHECK(get(without_memory.ring) == "y");
    CHECK(empty.ring.is_empty());
}

TEST_CASE("Ring: one that has waited for room and was killed keeps nobody from it") {
    OwnRing own{0, mib};
    const std::string largest(own.ring.largest_message(), 'x');
    for (int i = 0; i < 20; ++i) {
        put(own.ring, largest);
        test::Child waiting{[&] { return put(own.ring, "y") ? 0 : 1; }};
        while (put(own.ring, "z", posix::Deadline::after(1ms))) get(own.ring);
        waiting.kill();

        CHECK(get(own.ring, at_once()) == largest);
        while (get(own.ring, at_once()) != "(none)") {
        }
        CHECK(put(own.ring, "next", at_once()));
        CHECK(get(own.ring, at_once()) == "next");
    }
}

TEST_CASE("Ring: what was read is given back, to one who never waits for more too") {
    if (!posix::platform::gives_back_pages) return;
    OwnRing own{0, 1024 * mib};
    // The sizes are no whole pages, and each is in an area of its own, or two are.
    for (const std::size_t count : {1U, 2U}) {
        const std::string message(80 * mib + 12'345, 'x');
        for (std::size_t i = 0; i < count; ++i) put(own.ring, message, at_once());
        put(own.ring, "small", at_once());
        for (std::size_t i = 0; i <= count; ++i) get_size(own.ring);
        CHECK(resident(own.memory) <= 69 * mib);

        CHECK(get(own.ring, at_once()) == "(none)");
        CHECK(resident(own.memory) <= 64 * mib + 3 * 4096);
    }
}

TEST_CASE("Ring: memory grows with what is in it, and is given back") {
    OwnRing own{0, 512 * mib};
    const std::string message(mib, 'x');

    for (int i = 0; i < 200; ++i) REQUIRE(put(own.ring, message));
    const std::size_t full = resident(own.memory);
    for (int i = 0; i < 200; ++i) get(own.ring);
    const std::size_t emptied = resident(own.memory);
    CHECK(get(own.ring, posix::Deadline::after(1500ms)) == "(none)");
    const std::size_t idle = resident(own.memory);

    CHECK(full >= 200 * mib);
    if (!posix::platform::gives_back_pages) return;
    CHECK(emptied <= 80 * mib);
    CHECK(idle <= 4 * mib);
}

TEST_CASE("Ring: one that is trimmed keeps what is in it, or little memory") {
    OwnRing own;
    for (int i = 0; i < 30; ++i) put(own.ring, std::string(mib, 'x'));
    for (int i = 0; i < 29; ++i) get(own.ring);

    own.ring.trim();
    CHECK(get(own.ring) == std::string(mib, 'x'));
    own.ring.trim();
    own.ring.trim();
    const std::size_t trimmed = resident(own.memory);

    put(own.ring, "next");
    CHECK(get(own.ring) == "next");
    if (posix::platform::gives_back_pages) CHECK(trimmed <= 4 * mib);
}

TEST_CASE("Ring: a queue that is emptied as it is filled stays small") {
    OwnRing own;
    const std::string message(1000, 'x');

    for (int i = 0; i < 100'000; ++i) {
        put(own.ring, message);
        get(own.ring);
    }

    CHECK(resident(own.memory) < mib);
}

TEST_CASE("Ring: producers and consumers of several processes get every message once") {
    constexpr int producers = 4;
    constexpr int consumers = 3;
    constexpr int each = 5000;
    for (const std::size_t max_count : {0U, 1U, 10U}) {
        OwnRing own{max_count};
        OwnRing results;
        std::vector<pid_t> children;
        for (int p = 0; p < producers; ++p) {
            children.push_back(::fork());
            if (children.back() != 0) continue;
            for (int i = 0; i < each; ++i) {
                put(own.ring, std::to_string(p) + ' ' + std::to_string(i));
            }
            ::_exit(0);
        }
        for (int c = 0; c < consumers; ++c) {
            children.push_back(::fork());
            if (children.back() != 0) continue;
            for (std::string text = get(own.ring); !text.empty(); text = get(own.ring)) {
                put(results.ring, text);
            }
            ::_exit(0);
        }

        std::vector<std::vector<int>> seen(producers);
        for (int i = 0; i < producers * each; ++i) {
            const std::string text = get(results.ring);
            const std::size_t space = text.find(' ');
            seen[std::stoul(text)].push_back(std::stoi(text.substr(space)));
        }
        for (int c = 0; c < consumers; ++c) put(own.ring, "");
        for (const pid_t child : children) ::waitpid(child, nullptr, 0);

        for (std::vector<int>& numbers : seen) {
            std::sort(numbers.begin(), numbers.end());
            std::vector<int> expected(each);
            for (int i = 0; i < each; ++i) expected[static_cast<std::size_t>(i)] = i;
            CHECK(numbers == expected);
        }
        CHECK(results.ring.is_empty());
    }
}

namespace {

/// A message that shows damage: a number, its producer, and bytes that follow from both.
std::string message_of(int producer, int number) {
    std::string text = std::to_string(producer) + ' ' + std::to_string(number) + ' ';
    // Unsigned: a producer that nobody kills for a while puts very many.
    const std::size_t length = (static_cast<unsigned>(producer) * 7919U +
                                static_cast<unsigned>(number) * 104'729U) %
                               3000U;
    return text.append(length, static_cast<char>('a' + number % 26));
}

/// What all processes of a round see.
struct Board {
    static constexpr int most = 4;
    std::atomic<int> put_returned[most];  ///< how many of its messages a producer has put
    std::atomic<bool> is_over;
};

struct Killing {
    static constexpr int producers = 3;
    static constexpr int consumers = 2;

    explicit Killing(std::size_t max_count, std::size_t size) : own{max_count, size} {}

    OwnRing own;
    OwnRing results;
    posix::Mapping page = posix::map_shared(4096).or_throw("mmap");
    Board& board = *::new (page.data()) Board{};

    pid_t start_producer(int number) {
        const pid_t child = ::fork();
        if (child != 0) return child;
        for (int i = 0;; ++i) {
            put(own.ring, message_of(number, i));
            board.put_returned[number] = i + 1;
        }
    }
    pid_t start_consumer() {
        const pid_t child = ::fork();
        if (child != 0) return child;
        for (;;) put(results.ring, get(own.ring));
    }

    /// Kills all after a while, and says what is wrong with what is left; empty if
    /// nothing.
    std::string round(std::mt19937& random) {
        for (auto& count : board.put_returned) count = 0;
        std::vector<pid_t> children;
        for (int p = 0; p < producers; ++p) children.push_back(start_producer(p));
        for (int c = 0; c < consumers; ++c) children.push_back(start_consumer());
        std::shuffle(children.begin(), children.end(), random);
        std::vector<std::vector<int>> seen(producers);
        // What comes is read meanwhile, so that the moment of a kill is not always one in
        // which everybody waits.
        const auto until =
            posix::Deadline::after(std::chrono::microseconds{random() % 3000});
        for (const pid_t child : children) {
            const int some = static_cast<int>(random() % 200);
            for (int i = 0; i < some && !until.has_passed(); ++i) {
                if (!note(get(results.ring, at_once()), seen)) return "damaged message";
            }
            ::kill(child, SIGKILL);
        }
        for (const pid_t child : children) ::waitpid(child, nullptr, 0);

        const auto limit = posix::Deadline::after(5s);
        for (Ring* const ring : {&results.ring, &own.ring}) {
            while (!ring->is_empty()) {
                if (!note(get(*ring, limit), seen)) return "damaged message";
                if (limit.has_passed()) return "a queue that hangs";
            }
        }
        return verdict(seen);
    }

    static bool note(const std::string& text, std::vector<std::vector<int>>& seen) {
        if (text == "(none)") return true;
        int producer = -1;
        int number = -1;
        if (std::sscanf(text.c_str(), "%d %d ", &producer, &number) != 2) return false;
        if (producer < 0 || producer >= producers) return false;
        if (text != message_of(producer, number)) return false;
        seen[static_cast<std::size_t>(producer)].push_back(number);
        return true;
    }

    /// Each killed consumer may have lost or doubled what he had in hand, not more. And
    /// of a producer there may be one more message than has been acknowledged.
    std::string verdict(std::vector<std::vector<int>>& seen) {
        int lost = 0;
        int doubled = 0;
        for (std::size_t p = 0; p < seen.size(); ++p) {
            std::vector<int>& numbers = seen[p];
            std::sort(numbers.begin(), numbers.end());
            const auto end = std::unique(numbers.begin(), numbers.end());
            doubled += static_cast<int>(numbers.end() - end);
            numbers.erase(end, numbers.end());
            const int acknowledged = board.put_returned[p];
            if (!numbers.empty() && numbers.back() > acknowledged)
                return "invented message";
            const auto count = std::count_if(numbers.begin(), numbers.end(),
                                             [&](int n) { return n < acknowledged; });
            lost += acknowledged - static_cast<int>(count);
        }
        if (lost > consumers) return std::to_string(lost) + " lost";
        if (doubled > consumers) return std::to_string(doubled) + " doubled";
        return {};
    }
};

}  // namespace

TEST_CASE(
    "Ring: whoever is killed at whatever moment, nothing hangs and nothing is damaged") {
    std::mt19937 random{20'260'101};
    for (const std::size_t max_count : {0U, 3U}) {
        Killing killing{max_count, 64 * mib};
        for (int i = 0; i < test::rounds(500) / 2; ++i) {
            const std::string fault = killing.round(random);
            if (!fault.empty())
                FAIL("round " << i << ", max " << max_count << ": " << fault);
        }
        CHECK(killing.own.ring.is_empty());
    }
}
