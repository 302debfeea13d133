// SPDX-License-Identifier: BSL-1.0
#include <gio/gio.h>
#include <glib.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <signal.h>
#include <sys/wait.h>

#include "peer.hpp"

namespace {

// `output`: where to put it; null for the caller's own.
std::size_t spawn(const char* program, char** output) {
    const char* argv[] = {program, nullptr};
    int status = -1;
    if (g_spawn_sync(nullptr, const_cast<char**>(argv), nullptr, G_SPAWN_DEFAULT, nullptr,
                     nullptr, output, nullptr, &status, nullptr) == 0 ||
        status != 0) {
        std::abort();
    }
    return 0;
}

void call(const char* program) {
    spawn(program, nullptr);
}

// What glib hands out: bytes that end with a NUL, and whoever owns them frees them.
class Output {
public:
    Output(char* bytes, std::size_t size) : bytes_{bytes}, size_{size} {}
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;
    ~Output() { g_free(bytes_); }
    [[nodiscard]] std::size_t size() const { return size_; }

private:
    char* bytes_;
    std::size_t size_;
};

Output check_output(const char* program) {
    char* output = nullptr;
    spawn(program, &output);
    return {output, std::string_view{output}.size()};
}

Output communicate(const char* program, std::string_view input) {
    constexpr auto flags = static_cast<GSubprocessFlags>(G_SUBPROCESS_FLAGS_STDIN_PIPE |
                                                         G_SUBPROCESS_FLAGS_STDOUT_PIPE);
    GSubprocess* child = g_subprocess_new(flags, nullptr, program, nullptr);
    GBytes* in = g_bytes_new_static(input.data(), input.size());
    GBytes* out = nullptr;
    if (g_subprocess_communicate(child, in, nullptr, &out, nullptr, nullptr) == 0) {
        std::abort();
    }
    g_object_unref(child);
    g_bytes_unref(in);
    gsize size = 0;
    auto* bytes = static_cast<char*>(g_bytes_unref_to_data(out, &size));
    return {bytes, size};
}

void start_and_kill(int count, const char* program) {
    const char* argv[] = {program, nullptr};
    std::vector<GPid> children;
    for (int i = 0; i < count; ++i) {
        GPid pid = -1;
        if (g_spawn_async(nullptr, const_cast<char**>(argv), nullptr,
                          G_SPAWN_DO_NOT_REAP_CHILD, nullptr, nullptr, &pid,
                          nullptr) == 0) {
            std::abort();
        }
        children.push_back(pid);
    }
    for (const GPid pid : children) ::kill(pid, SIGKILL);
    for (const GPid pid : children) ::waitpid(pid, nullptr, 0);
}

using namespace bench;

const Registered glib{{.name = "glib",
                       .call = call_each<call>,
                       .check_output = check_output_each<check_output>,
                       .communicate = communicate_each<communicate>,
                       .start_and_kill = start_and_kill}};

}  // namespace
