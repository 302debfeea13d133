// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// What the process that starts the children has, beside little.
struct Burden {
    std::size_t memory = 0;          ///< bytes, each page of them in use
    int descriptors = 0;             ///< how many are open
    bool are_close_on_exec = false;  ///< whether those are not for children
};

/// Another library's way to do the same work. Each function does it so many times; one
/// that the library has no way of its own for is null.
struct Peer {
    std::string name;

    /// Runs a program that succeeds, with no other standard streams.
    void (*call)(int times, const char* program) = nullptr;

    /// Collects the output of a program, which is so many bytes.
    void (*check_output)(int times, const char* program, std::size_t size) = nullptr;

    /// Gives a program input, and collects as much output.
    void (*communicate)(int times, const char* program, std::string_view input) = nullptr;

    /// Has so many children at once, then kills and reaps them.
    void (*start_and_kill)(int children, const char* program) = nullptr;

    /// Starts so many children that succeed, and waits for all of them in one event loop.
    void (*start_and_await)(int children, const char* program) = nullptr;

    /// Calls a function that does nothing in a process of its own and waits for that: a
    /// fork, or one of its fork server's.
    void (*start_process)(int times, bool by_server) = nullptr;

    /// Set for a peer in a process of its own: does `call` there on so many threads at
    /// once.
    void (*call_on_threads)(int threads, int times, const char* program) = nullptr;

    /// Set for a peer in a process of its own: lays the burden on that.
    void (*take_on)(const Burden& burden) = nullptr;
};

/// Those that were found when this was built, in order of name.
const std::vector<Peer>& peers();

/// Adds one to them. Each peer is a source file that has one object of this type, so that
/// one whose library is missing is just not linked.
class Registered {
public:
    explicit Registered(Peer peer);
};

template <auto once>
void call_each(int times, const char* program) {
    for (int i = 0; i < times; ++i) once(program);
}

template <auto once>
void check_output_each(int times, const char* program, std::size_t size) {
    for (int i = 0; i < times; ++i) {
        if (once(program).size() != size) std::abort();
    }
}

template <auto once>
void communicate_each(int times, const char* program, std::string_view input) {
    for (int i = 0; i < times; ++i) {
        if (once(program, input).size() != input.size()) std::abort();
    }
}

}  // namespace bench
