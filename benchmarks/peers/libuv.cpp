// SPDX-License-Identifier: BSL-1.0
#include <uv.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "peer.hpp"

namespace {

uv_loop_t* loop() {
    thread_local uv_loop_t* const one = [] {
        auto* made = new uv_loop_t;
        if (uv_loop_init(made) != 0) std::abort();
        return made;
    }();
    return one;
}

template <class Handle>
uv_handle_t* handle(Handle* of) {
    return reinterpret_cast<uv_handle_t*>(of);
}
uv_stream_t* stream(uv_pipe_t* of) {
    return reinterpret_cast<uv_stream_t*>(of);
}

void close_handle(uv_process_t* process, std::int64_t status, int) {
    if (status != 0) std::abort();
    uv_close(handle(process), nullptr);
}

uv_process_options_t options_for(const char* const* argv, uv_exit_cb on_exit) {
    uv_process_options_t options{};
    options.file = argv[0];
    options.args = const_cast<char**>(argv);
    options.exit_cb = on_exit;
    return options;
}

void call(const char* program) {
    const char* const argv[] = {program, nullptr};
    uv_stdio_container_t streams[3]{};
    for (int i = 0; i < 3; ++i) {
        streams[i].flags = UV_INHERIT_FD;
        streams[i].data.fd = i;
    }
    auto options = options_for(argv, close_handle);
    options.stdio = streams;
    options.stdio_count = 3;
    uv_process_t child{};
    if (uv_spawn(loop(), &child, &options) != 0) std::abort();
    uv_run(loop(), UV_RUN_DEFAULT);
}

// A buffer that is used for each read, and where its bytes are collected.
struct Reading {
    std::string output;
    std::vector<char> buffer = std::vector<char>(64 * 1024);
};

void offer_buffer(uv_handle_t* pipe, std::size_t, uv_buf_t* buffer) {
    auto& reading = *static_cast<Reading*>(pipe->data);
    *buffer =
        uv_buf_init(reading.buffer.data(), static_cast<unsigned>(reading.buffer.size()));
}

void collect(uv_stream_t* pipe, ssize_t got, const uv_buf_t* buffer) {
    if (got < 0) {
        uv_close(handle(pipe), nullptr);
    } else {
        auto& reading = *static_cast<Reading*>(pipe->data);
        reading.output.append(buffer->base, static_cast<std::size_t>(got));
    }
}

std::string communicate(const char* program, std::string_view input) {
    const char* const argv[] = {program, nullptr};
    uv_pipe_t in{};
    uv_pipe_t out{};
    uv_pipe_init(loop(), &in, 0);
    uv_pipe_init(loop(), &out, 0);
    uv_stdio_container_t streams[3]{};
    streams[0].flags = static_cast<uv_stdio_flags>(UV_CREATE_PIPE | UV_READABLE_PIPE);
    streams[0].data.stream = stream(&in);
    streams[1].flags = static_cast<uv_stdio_flags>(UV_CREATE_PIPE | UV_WRITABLE_PIPE);
    streams[1].data.stream = stream(&out);
    streams[2].flags = UV_INHERIT_FD;
    streams[2].data.fd = 2;
    if (input.empty()) streams[0].flags = UV_IGNORE;

    auto options = options_for(argv, close_handle);
    options.stdio = streams;
    options.stdio_count = 3;
    uv_process_t child{};
    if (uv_spawn(loop(), &child, &options) != 0) std::abort();
    Reading reading;
    out.data = &reading;
    uv_read_start(stream(&out), offer_buffer, collect);
    uv_write_t request{};
    if (input.empty()) {
        uv_close(handle(&in), nullptr);
    } else {
        const uv_buf_t all = uv_buf_init(const_cast<char*>(input.data()),
                                         static_cast<unsigned>(input.size()));
        uv_write(&request, stream(&in), &all, 1,
                 [](uv_write_t* done, int) { uv_close(handle(done->handle), nullptr); });
    }
    uv_run(loop(), UV_RUN_DEFAULT);
    return std::move(reading.output);
}

std::string check_output(const char* program) {
    return communicate(program, {});
}

void start_and_kill(int count, const char* program) {
    const char* const argv[] = {program, nullptr};
    const auto options = options_for(argv, [](uv_process_t* process, std::int64_t, int) {
        uv_close(handle(process), nullptr);
    });
    std::vector<uv_process_t> children(static_cast<std::size_t>(count));
    for (uv_process_t& child : children) {
        if (uv_spawn(loop(), &child, &options) != 0) std::abort();
    }
    for (uv_process_t& child : children) uv_process_kill(&child, SIGKILL);
    uv_run(loop(), UV_RUN_DEFAULT);
}

using namespace bench;

const Registered libuv{{.name = "libuv",
                        .call = call_each<call>,
                        .check_output = check_output_each<check_output>,
                        .communicate = communicate_each<communicate>,
                        .start_and_kill = start_and_kill}};

}  // namespace
