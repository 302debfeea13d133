// SPDX-License-Identifier: BSL-1.0
// What sending and receiving a message costs, against raw write(2) and read(2).

#include <pyproc/multiprocessing.hpp>
#include <pyproc/subprocess.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include "floors.hpp"
#include "measure.hpp"

namespace {

using namespace std::chrono_literals;
using namespace pyproc::multiprocessing;
namespace posix = pyproc::posix;
namespace subprocess = pyproc::subprocess;

// Reads a line `times`, does it so often, and answers with a line.
const char* const python_within_one = R"(
import sys
from multiprocessing import Pipe
receiver, sender = Pipe(duplex=sys.argv[1] == 'duplex')
message = b'x' * 64
for line in sys.stdin:
    for _ in range(int(line)):
        sender.send_bytes(message)
        receiver.recv_bytes()
    print('done', flush=True)
)";

const char* const python_to_another = R"(
import sys
from multiprocessing import Pipe, Process
receiver, sender = Pipe(duplex=sys.argv[1] == 'duplex')
answers, answer = Pipe(duplex=False)
def receive():
    sender.close()
    while True:
        for _ in range(int(receiver.recv_bytes())):
            receiver.recv_bytes()
        answer.send_bytes(b'')
Process(target=receive, daemon=True).start()
message = b'x' * int(sys.argv[2])
for line in sys.stdin:
    sender.send_bytes(line.encode())
    for _ in range(int(line)):
        sender.send_bytes(message)
    answers.recv_bytes()
    print('done', flush=True)
)";

constexpr std::size_t small = 64;

/// How many messages are one piece of work: enough that telling another process of it
/// weighs little.
constexpr int messages_of(std::size_t size) {
    return size == small ? 1000 : 20;
}

/// Makes a piece of work of what sends and receives one small message.
template <class Function>
std::function<void(int)> each_message(Function once) {
    return bench::each_time([once] {
        for (int i = 0; i < messages_of(small); ++i) once();
    });
}

/// A Python that stays, so that its start is not measured.
std::function<void(int)> python(const char* program, std::size_t size,
                                std::vector<std::string> arguments) {
    std::vector<std::string> command{"python3", "-c", program};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const auto child = std::make_shared<subprocess::Popen>(
        command,
        subprocess::Options{.std_in = subprocess::PIPE, .std_out = subprocess::PIPE});
    return [child, size](int times) {
        child->std_in.write(std::to_string(times * messages_of(size)) + "\n");
        child->std_in.flush();
        bench::require(child->std_out.readline() == "done\n");
    };
}

/// One raw write and one raw read.
std::function<void(int)> raw(bool duplex) {
    const auto ends = std::make_shared<std::pair<Connection, Connection>>(
        Pipe({.duplex = duplex, .stream = true}));
    return each_message([ends] {
        char bytes[small] = {};
        bench::require(::write(ends->second.fileno(), bytes, small) == small);
        bench::require(::read(ends->first.fileno(), bytes, small) == small);
    });
}

std::function<void(int)> into_buffer(PipeOptions options) {
    const auto ends = std::make_shared<std::pair<Connection, Connection>>(Pipe(options));
    return each_message([ends] {
        std::byte bytes[small] = {};
        ends->second.send_bytes(std::span<const std::byte>{bytes});
        bench::require(ends->first.recv_bytes_into(bytes) == small);
    });
}

std::function<void(int)> as_string(PipeOptions options) {
    const auto ends = std::make_shared<std::pair<Connection, Connection>>(Pipe(options));
    const std::string message(small, 'x');
    return each_message([ends, message] {
        ends->second.send_bytes(message);
        bench::require(ends->first.recv_bytes().size() == small);
    });
}

std::function<void(int)> as_value(PipeOptions options) {
    using Value = std::array<char, small>;
    const auto ends = std::make_shared<std::pair<Connection, Connection>>(Pipe(options));
    return each_message([ends] {
        ends->second.send(Value{'x'});
        bench::require(ends->first.recv<Value>()[0] == 'x');
    });
}

void within_one_process(bool duplex) {
    const PipeOptions packets{.duplex = duplex};
    const PipeOptions stream{.duplex = duplex, .stream = true};
    const std::string ends = duplex ? "duplex" : "one way";
    bench::compare_rates(
        "a thousand times 64 bytes within a process, " + ends,
        {{"raw write + read (the floor)", raw(duplex)},
         {"send + recv of a std::array", as_value(packets), 0.9},
         {"send_bytes + recv_bytes_into", into_buffer(packets), 0.9},
         {"send_bytes + recv_bytes", as_string(packets), 0.9},
         {"the same, .stream: send_bytes + recv_bytes", as_string(stream)},
         {.name = "Python: send_bytes + recv_bytes",
          .work = python(python_within_one, small, {duplex ? "duplex" : "simplex"}),
          .every = 3}},
        {.rounds = 61, .turn = 6ms});
}

/// A process that receives so many messages as the first one says, and then answers.
class Receiver {
public:
    using Receive = std::function<void(int fd, Connection&, int times)>;

    Receiver(PipeOptions options, Receive receive) {
        auto [receiver, sender] = Pipe(options);
        auto [answers, answer] = Pipe({.duplex = false});
        sender_ = std::move(sender);
        answers_ = std::move(answers);
        process_ = Process({.daemon = true}, [&, receiving = &receiver, told = &answer] {
            sender_.close();
            for (;;) {
                const int times = std::stoi(receiving->recv_bytes());
                receive(receiving->fileno(), *receiving, times);
                told->send_bytes(std::string_view{});
            }
        });
        process_.start();
    }
    Receiver(const Receiver&) = delete;
    Receiver& operator=(const Receiver&) = delete;
    ~Receiver() {
        process_.kill();
        process_.join();
    }

    template <class Send>
    void run(int times, Send send) {
        sender_.send_bytes(std::to_string(times));
        for (int i = 0; i < times; ++i) send(sender_);
        bench::require(answers_.recv_bytes().empty());
    }

private:
    Connection sender_;
    Connection answers_;
    Process process_;
};

/// Reads `size` bytes.
void read_all(int fd, char* to, std::size_t size) {
    for (std::size_t done = 0; done < size;) {
        const ssize_t got = ::read(fd, to + done, size - done);
        if (got <= 0) std::_Exit(1);
        done += static_cast<std::size_t>(got);
    }
}

void to_another_process(bool duplex, std::size_t size) {
    const auto raw_receiver =
        std::make_shared<Receiver>(PipeOptions{.duplex = duplex, .stream = true},
                                   [size](int fd, Connection&, int times) {
                                       std::string bytes(size, '\0');
                                       for (int i = 0; i < times; ++i)
                                           read_all(fd, bytes.data(), size);
                                   });
    const auto receive = [size](int, Connection& receiver, int times) {
        for (int i = 0; i < times; ++i) {
            if (receiver.recv_bytes().size() != size) std::_Exit(1);
        }
    };
    const auto packets =
        std::make_shared<Receiver>(PipeOptions{.duplex = duplex}, receive);
    const auto stream = std::make_shared<Receiver>(
        PipeOptions{.duplex = duplex, .stream = true}, receive);
    const auto message = std::make_shared<std::string>(size, 'x');

    const auto sends = [message](const std::shared_ptr<Receiver>& receiver) {
        return [receiver, message](int times) {
            receiver->run(times * messages_of(message->size()),
                          [&](Connection& sender) { sender.send_bytes(*message); });
        };
    };
    bench::compare_rates(
        std::to_string(messages_of(size)) + " times " + std::to_string(size) +
            " bytes to another process, " + (duplex ? "duplex" : "one way"),
        {{"raw write + read (the floor)",
          [raw_receiver, message](int times) {
              raw_receiver->run(
                  times * messages_of(message->size()), [&](Connection& sender) {
                      posix::write_all(sender.fileno(), *message).or_throw("write");
                  });
          }},
         {"send_bytes + recv_bytes", sends(packets), size == small ? 0.9 : 0},
         {"the same, .stream", sends(stream)},
         {.name = "Python: send_bytes + recv_bytes",
          .work = python(python_to_another, size,
                         {duplex ? "duplex" : "simplex", std::to_string(size)}),
          .every = 3}},
        {.rounds = 31, .turn = 20ms});
}

}  // namespace

int main() {
    for (const bool duplex : {true, false}) within_one_process(duplex);
    for (const bool duplex : {true, false}) {
        for (const std::size_t size : {small, std::size_t{1} << 20}) {
            to_another_process(duplex, size);
        }
    }
}
