// SPDX-License-Identifier: BSL-1.0
#include "pyproc/asyncio/stream.hpp"

#include <chrono>
#include <csignal>
#include <string>
#include <utility>

#include "pyproc/posix/pipe.hpp"
#include "support/asio.hpp"

using namespace pyproc;
using namespace pyproc::asyncio;
using namespace std::chrono_literals;

namespace {

const std::string more_than_a_pipe_holds(1 << 20, 'x');

/// Both ends of a pipe, as streams.
struct Ends {
    ReadStream read;
    WriteStream write;
};

Ends make_ends(asio::io_context& context) {
    auto pipe = posix::make_pipe().or_throw("pipe");
    return {ReadStream{context, pipe.read_end.release()},
            WriteStream{context, pipe.write_end.release()}};
}

}  // namespace

TEST_CASE("WriteStream: what async_write gives it arrives, more than a pipe holds too") {
    asio::io_context context;
    auto [read, write] = make_ends(context);
    std::string got;
    std::size_t written = 0;

    asio::async_write(write, asio::buffer(more_than_a_pipe_holds),
                      [&, &out = write](error_code, std::size_t size) {
                          written = size;
                          out.close();
                      });
    asio::async_read(read, asio::dynamic_buffer(got), [](error_code, std::size_t) {});
    context.run();

    CHECK(written == more_than_a_pipe_holds.size());
    CHECK(got == more_than_a_pipe_holds);
}

TEST_CASE("WriteStream: many buffers go in one call, and none in none") {
    asio::io_context context;
    auto [read, write] = make_ends(context);
    const std::array<asio::const_buffer, 3> buffers{
        asio::buffer("ab", 2), asio::buffer(""), asio::buffer("cd", 2)};
    std::size_t written = 99;

    write.async_write_some(buffers,
                           [&](error_code, std::size_t size) { written = size; });
    CHECK(written == 99);  // never from within the call
    context.run();
    CHECK(written == 5);  // with the NUL of the literal ""
    context.restart();
    write.async_write_some(asio::const_buffer{},
                           [&](error_code, std::size_t size) { written = size; });
    context.run();

    CHECK(written == 0);
}

TEST_CASE("WriteStream: a reader that is gone is an error and no SIGPIPE") {
    REQUIRE(std::signal(SIGPIPE, SIG_DFL) == SIG_DFL);
    asio::io_context context;
    auto [read, write] = make_ends(context);
    error_code first;
    error_code later;
    error_code direct;

    asio::async_write(write, asio::buffer(more_than_a_pipe_holds),
                      [&](error_code code, std::size_t) { first = code; });
    context.poll();
    read.close();
    context.run();
    context.restart();
    write.async_write_some(asio::buffer("x", 1),
                           [&](error_code code, std::size_t) { later = code; });
    context.run();
    write.write_some(asio::buffer("x", 1), direct);

    CHECK(first == asio::error::broken_pipe);
    CHECK(later == asio::error::broken_pipe);
    CHECK(direct == asio::error::broken_pipe);
    CHECK_THROWS_AS(write.write_some(asio::buffer("x", 1)), boost::system::system_error);
}

TEST_CASE(
    "WriteStream: a write that waits can be cancelled, for itself or by the stream") {
    asio::io_context context;
    auto [read, write] = make_ends(context);
    asio::cancellation_signal cancel;
    error_code code;
    const auto fill = [&, &out = write](auto token) {
        asio::async_write(out, asio::buffer(more_than_a_pipe_holds), std::move(token));
        context.restart();
        context.poll();
    };
    const auto keep = [&](error_code why, std::size_t) { code = why; };

    fill(asio::bind_cancellation_slot(cancel.slot(), keep));
    cancel.emit(asio::cancellation_type::terminal);
    context.run();
    CHECK(std::exchange(code, {}) == asio::error::operation_aborted);

    fill(keep);
    write.cancel();
    context.run();
    CHECK(code == asio::error::operation_aborted);
}

TEST_CASE("WriteStream: a write without Asio's loop sleeps until there is room") {
    asio::io_context context;
    auto [read, write] = make_ends(context);
    const std::string text(1000, 'x');

    const std::size_t written = asio::write(write, asio::buffer(text));
    std::string got(1000, '\0');
    asio::read(read, asio::buffer(got));

    CHECK(written == 1000);
    CHECK(got == text);
}
