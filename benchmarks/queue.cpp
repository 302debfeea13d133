// SPDX-License-Identifier: BSL-1.0
// What passing a message to another process costs: through a Queue, beside
// boost::interprocess::message_queue, which a killed process can leave locked for ever, a
// raw pipe, and Python's Queue. For large messages also beside what no queue can do
// without: one copy into memory that is shared and one out of it.

#include <pyproc/multiprocessing.hpp>
#include <pyproc/subprocess.hpp>

#include <array>
#include <atomic>
#include <boost/interprocess/ipc/message_queue.hpp>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "floors.hpp"
#include "measure.hpp"

namespace {

using namespace std::chrono_literals;
using namespace pyproc;
namespace interprocess = boost::interprocess;

/// How many messages are timed as one: making the processes must not be what is measured.
constexpr int small_batch = 50'000;
constexpr int large_batch = 200;

/// Passes so many batches to this process, from so many others at once.
std::function<void(int)> from_processes(int batch, int producers,
                                        std::function<void(int)> send,
                                        std::function<void(int)> receive) {
    return [=](int batches) {
        const int times = batches * batch;
        std::vector<pid_t> children;
        for (int p = 0; p < producers; ++p) {
            const int share = times / producers + (p < times % producers ? 1 : 0);
            const pid_t child = ::fork();
            if (child == 0) {
                send(share);
                ::_exit(0);
            }
            children.push_back(child);
        }
        receive(times);
        for (const pid_t child : children) bench::wait_for_success(child);
    };
}

/// A message queue that has its name no longer than it takes to open it.
class MessageQueue {
public:
    MessageQueue(std::size_t count, std::size_t size) {
        const std::string name = "pyproc-bench-" + std::to_string(::getpid());
        interprocess::message_queue::remove(name.c_str());
        queue_ = std::make_shared<interprocess::message_queue>(interprocess::create_only,
                                                               name.c_str(), count, size);
        interprocess::message_queue::remove(name.c_str());
    }

    void send(const std::vector<char>& message) {
        queue_->send(message.data(), message.size(), 0);
    }
    void receive(std::vector<char>& message) {
        interprocess::message_queue::size_type size = 0;
        unsigned priority = 0;
        queue_->receive(message.data(), message.size(), size, priority);
    }

private:
    std::shared_ptr<interprocess::message_queue> queue_;
};

/// Python's Queue, in a python3 that is told how many messages to pass.
class PythonQueue {
public:
    PythonQueue(int producers, std::size_t size)
        : python_{
              {"python3", "-c", script, std::to_string(producers), std::to_string(size)},
              {.std_in = subprocess::PIPE, .std_out = subprocess::PIPE}} {}
    ~PythonQueue() { python_.std_in.close(); }

    void pass(int times) {
        python_.std_in.write(std::to_string(times) + "\n");
        python_.std_in.flush();
        bench::require(python_.std_out.readline() == "done\n");
    }

private:
    static constexpr const char* script = R"(
import multiprocessing, sys
producers, size = map(int, sys.argv[1:])
queue = multiprocessing.Queue()
def send(count):
    message = b'x' * size
    for _ in range(count):
        queue.put(message)
for line in sys.stdin:
    times = int(line)
    shares = [times // producers + (p < times % producers) for p in range(producers)]
    children = [multiprocessing.Process(target=send, args=(share,)) for share in shares]
    for child in children:
        child.start()
    for _ in range(times):
        queue.get()
    for child in children:
        child.join()
    print('done', flush=True)
)";

    subprocess::Popen python_;
};

template <class T>
std::function<void(int)> through_queue(multiprocessing::Queue<T> queue, int batch,
                                       int producers, T message) {
    return from_processes(
        batch, producers,
        [=](int times) mutable {
            for (int i = 0; i < times; ++i) queue.put(message);
        },
        [=](int times) mutable {
            for (int i = 0; i < times; ++i) static_cast<void>(queue.get());
        });
}

std::function<void(int)> through_message_queue(MessageQueue queue, int batch,
                                               int producers, std::size_t size) {
    const std::vector<char> message(size, 'x');
    return from_processes(
        batch, producers,
        [=](int times) mutable {
            for (int i = 0; i < times; ++i) queue.send(message);
        },
        [=](int times) mutable {
            std::vector<char> received(size);
            for (int i = 0; i < times; ++i) queue.receive(received);
        });
}

std::function<void(int)> through_pipe(int (&ends)[2], int batch, int producers,
                                      std::size_t size) {
    const int read_end = ends[0];
    const int write_end = ends[1];
    const std::vector<char> message(size, 'x');
    return from_processes(
        batch, producers,
        [=](int times) {
            for (int i = 0; i < times; ++i) {
                bench::require(::write(write_end, message.data(), message.size()) ==
                               static_cast<ssize_t>(size));
            }
        },
        [=](int times) {
            std::vector<char> received(size);
            for (int i = 0; i < times; ++i) {
                std::size_t got = 0;
                while (got < size) {
                    const ssize_t part =
                        ::read(read_end, received.data() + got, size - got);
                    bench::require(part > 0);
                    got += static_cast<std::size_t>(part);
                }
            }
        });
}

/// The two copies of each message, by two processes that spin and never sleep. Good for
/// one batch after the other, from one process to one.
class RawCopies {
public:
    explicit RawCopies(std::size_t size)
        : size_{size},
          memory_{std::make_shared<posix::Mapping>(
              posix::map_shared(sizeof(Shared) + slots * size).or_throw("mmap"))},
          shared_{::new (memory_->data()) Shared} {}

    void send(const char* message) {
        const auto put = shared_->put.load(std::memory_order_relaxed);
        while (put - shared_->got.load(std::memory_order_acquire) == slots) {
            posix::relax();
        }
        std::memcpy(slot(put), message, size_);
        shared_->put.store(put + 1, std::memory_order_release);
    }
    void receive(char* message) {
        const auto got = shared_->got.load(std::memory_order_relaxed);
        while (shared_->put.load(std::memory_order_acquire) == got) posix::relax();
        std::memcpy(message, slot(got), size_);
        shared_->got.store(got + 1, std::memory_order_release);
    }

private:
    static constexpr std::size_t slots = 4;

    struct Shared {
        alignas(128) std::atomic<std::size_t> put = 0;
        alignas(128) std::atomic<std::size_t> got = 0;
    };

    char* slot(std::size_t number) {
        return reinterpret_cast<char*>(shared_ + 1) + number % slots * size_;
    }

    std::size_t size_;
    std::shared_ptr<posix::Mapping> memory_;
    Shared* shared_;
};

std::function<void(int)> through_raw_copies(RawCopies copies, int batch,
                                            std::size_t size) {
    return from_processes(
        batch, 1,
        [=](int times) mutable {
            const std::string message(size, 'x');
            for (int i = 0; i < times; ++i) copies.send(message.data());
        },
        [=](int times) mutable {
            std::string received(size, '\0');
            for (int i = 0; i < times; ++i) copies.receive(received.data());
        });
}

using Small = std::array<char, 64>;

void compare_small(int producers, double goal) {
    int ends[2];
    bench::require(::pipe(ends) == 0);
    PythonQueue python{producers, sizeof(Small)};
    const std::string title =
        "batches of 50,000 messages of 64 bytes, " + std::to_string(producers) + " -> 1";
    bench::compare_rates(
        title,
        {{"boost::interprocess::message_queue",
          through_message_queue(MessageQueue{1000, sizeof(Small)}, small_batch, producers,
                                sizeof(Small))},
         {"pyproc Queue",
          through_queue(multiprocessing::Queue<Small>{}, small_batch, producers, Small{}),
          goal},
         {"raw pipe", through_pipe(ends, small_batch, producers, sizeof(Small)), 0, 3},
         {"Python Queue", [&](int times) { python.pass(times * small_batch); }, 0, 5}},
        {21, 60ms});
    ::close(ends[0]);
    ::close(ends[1]);
}

void compare_large() {
    constexpr std::size_t mib = 1 << 20;
    constexpr std::size_t count = 16;
    int ends[2];
    bench::require(::pipe(ends) == 0);
    PythonQueue python{1, mib};
    bench::compare_rates(
        "batches of 200 messages of 1 MiB, 1 -> 1",
        {{"boost::interprocess::message_queue of 16",
          through_message_queue(MessageQueue{count, mib}, large_batch, 1, mib)},
         {"pyproc Queue",
          through_queue(multiprocessing::Queue<std::string>{}, large_batch, 1,
                        std::string(mib, 'x')),
          1.3},
         {"pyproc Queue of 16", through_queue(multiprocessing::Queue<std::string>{count},
                                              large_batch, 1, std::string(mib, 'x'))},
         {"two raw copies, both ends spinning",
          through_raw_copies(RawCopies{mib}, large_batch, mib)},
         {"raw pipe", through_pipe(ends, large_batch, 1, mib), 0, 3},
         {"Python Queue", [&](int times) { python.pass(times * large_batch); }, 0, 5}},
        {21, 60ms});
    ::close(ends[0]);
    ::close(ends[1]);
}

}  // namespace

int main() {
    compare_small(1, 1.0);
    compare_small(4, 1.0);
    compare_large();
}
