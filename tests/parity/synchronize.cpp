// SPDX-License-Identifier: BSL-1.0
// The C++ twin of synchronize.py: the same scenarios under the same names.

#include <pyproc/multiprocessing.hpp>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>

using namespace pyproc::multiprocessing;
using namespace std::chrono_literals;

namespace {

void say(const std::string& text) {
    std::cout << text << '\n';
}

void say(const char* text) {
    say(std::string{text});
}

void say(int number) {
    say(std::to_string(number));
}

void say(bool value) {
    say(std::string{value ? "True" : "False"});
}

template <class Use>
void error_of(Use use) {
    try {
        use();
        say("no error");
    } catch (const BrokenBarrierError&) {
        say("BrokenBarrierError");  // Python's says nothing more
    } catch (const std::logic_error& error) {
        say(error.what());
    }
}

template <class Target>
void in_child(Target target) {
    Process process(target);
    process.start();
    process.join();
}

void locks() {
    Lock lock;
    say(lock.acquire());
    in_child([&] { say(lock.acquire(10ms)); });
    say(lock.acquire(10ms));
    lock.release();
    in_child([&] {
        say(lock.acquire(10ms));
        lock.release();
    });
    error_of([&] { lock.release(); });
}

void recursive_locks() {
    RLock lock;
    error_of([&] { lock.release(); });
    say(lock.acquire());
    say(lock.acquire());
    in_child([&] {
        say(lock.acquire(10ms));
        error_of([&] { lock.release(); });
    });
    lock.release();
    in_child([&] { say(lock.acquire(10ms)); });
    lock.release();
    error_of([&] { lock.release(); });
}

void semaphores() {
    Semaphore semaphore{2};
    say(semaphore.get_value());
    say(semaphore.acquire());
    in_child([&] { say(semaphore.acquire()); });
    say(semaphore.acquire(0s));
    say(semaphore.acquire(10ms));
    semaphore.release();
    semaphore.release();
    semaphore.release();
    say(semaphore.get_value());
    Semaphore full{2147483647};
    error_of([&] { full.release(); });
}

void bounded_semaphores() {
    BoundedSemaphore semaphore{1};
    error_of([&] { semaphore.release(); });
    say(semaphore.acquire());
    in_child([&] { semaphore.release(); });
    say(semaphore.get_value());
    error_of([&] { semaphore.release(); });
}

void events() {
    Event event;
    say(event.is_set());
    say(event.wait(10ms));
    in_child([&] { event.set(); });
    say(event.is_set());
    say(event.wait());
    event.clear();
    say(event.wait(0s));
}

void conditions() {
    Condition condition;
    error_of([&] { condition.wait(10ms); });
    error_of([&] { condition.notify(); });
    error_of([&] { condition.notify_all(); });
    condition.acquire();
    condition.notify();
    say(condition.wait(10ms));
    say(condition.wait_for([] { return false; }, 10ms));
    say(condition.wait_for([] { return true; }, 0s));
    Process process([&] {
        condition.acquire();
        condition.notify();
        condition.release();
    });
    process.start();
    say(condition.wait());
    condition.release();
    process.join();
    error_of([&] { condition.release(); });
}

void barriers() {
    Barrier barrier{2, [] { std::cout << "all are here\n" << std::flush; }};
    say(barrier.parties());
    say(barrier.n_waiting());
    say(barrier.broken());
    error_of([&] { barrier.wait(10ms); });
    say(barrier.broken());
    error_of([&] { barrier.wait(); });
    barrier.reset();
    say(barrier.broken());
    std::cout.flush();
    Event has_passed;
    Process process([&] {
        barrier.wait();
        has_passed.set();
    });
    process.start();
    const int index = barrier.wait();
    say(index == 0 || index == 1);
    process.join();
    say(has_passed.is_set());
    barrier.abort();
    say(barrier.broken());
    in_child([&] { error_of([&] { barrier.wait(); }); });
    Barrier failing{1, [] { throw std::domain_error{"the action fails"}; }};
    error_of([&] { failing.wait(); });
    say(failing.broken());
}

const std::map<std::string, void (*)()> scenarios{
    {"locks", locks},           {"recursive_locks", recursive_locks},
    {"semaphores", semaphores}, {"bounded_semaphores", bounded_semaphores},
    {"events", events},         {"conditions", conditions},
    {"barriers", barriers},
};

}  // namespace

int main(int argc, char** argv) try {
    if (argc != 2 || !scenarios.contains(argv[1])) {
        std::cerr << "usage: parity.synchronize SCENARIO\n";
        return 2;
    }
    scenarios.at(argv[1])();
} catch (const std::exception& error) {
    std::cerr << "parity.synchronize: " << error.what() << '\n';
    return EXIT_FAILURE;
}
