// SPDX-License-Identifier: BSL-1.0
#include "pyproc/subprocess/stream.hpp"

#include <string>
#include <utility>
#include <vector>

#include "pyproc/posix/pipe.hpp"
#include "support/catch.hpp"

using namespace pyproc;
using namespace pyproc::subprocess;

namespace {

/// A stream on which `bytes` arrive and then the end.
ReadStream reading(std::string_view bytes, bool text = false) {
    posix::Pipe pipe = posix::make_pipe().or_throw("pipe");
    posix::write_all(pipe.write_end.get(), bytes).or_throw("write");
    return ReadStream{std::move(pipe.read_end), text};
}

/// Both ends of a pipe, as streams.
struct Both {
    WriteStream write;
    ReadStream read;
};

Both both() {
    posix::Pipe pipe = posix::make_pipe().or_throw("pipe");
    return {WriteStream{std::move(pipe.write_end)},
            ReadStream{std::move(pipe.read_end), false}};
}

}  // namespace

TEST_CASE("ReadStream: read gives all up to the end, and then nothing") {
    ReadStream stream = reading("a\nb");

    CHECK(stream.read() == "a\nb");
    CHECK(stream.read().empty());
}

TEST_CASE("ReadStream: read of a count gives that many, fewer only at the end") {
    ReadStream stream = reading("abcde");

    CHECK(stream.read(2) == "ab");
    CHECK(stream.read(0).empty());
    CHECK(stream.read(10) == "cde");
    CHECK(stream.read(1).empty());
}

TEST_CASE("ReadStream: readline gives lines with their ends, the last perhaps without") {
    ReadStream stream = reading("a\n\nb");

    CHECK(stream.readline() == "a\n");
    CHECK(stream.readline() == "\n");
    CHECK(stream.readline() == "b");
    CHECK(stream.readline().empty());
}

TEST_CASE("ReadStream: a loop over it walks over the lines") {
    ReadStream stream = reading("a\nb\nc");
    std::vector<std::string> lines;

    for (const std::string& line : stream) lines.push_back(line);

    CHECK(lines == std::vector<std::string>{"a\n", "b\n", "c"});
}

TEST_CASE("ReadStream: a loop over a stream with nothing on it does not turn") {
    ReadStream stream = reading("");

    CHECK(stream.begin() == stream.end());
}

TEST_CASE("ReadStream: text has its newlines translated, bytes do not") {
    CHECK(reading("a\r\nb\rc", true).read() == "a\nb\nc");
    CHECK(reading("a\r\nb\rc").read() == "a\r\nb\rc");
}

TEST_CASE("ReadStream: a line longer than any piece comes whole") {
    const std::string line(50'000, 'x');

    CHECK(reading(line + "\nrest").readline() == line + "\n");
}

TEST_CASE("ReadStream: the ways to read can be mixed") {
    ReadStream stream = reading("one\ntwo\nthree");

    CHECK(stream.read(2) == "on");
    CHECK(stream.readline() == "e\n");
    CHECK(stream.take_buffered() == "two\nthree");
    CHECK(stream.read().empty());
}

TEST_CASE("streams: one that is closed, or was never open, is a ValueError to use") {
    ReadStream read = reading("x");
    read.close();
    WriteStream write;

    CHECK(read.closed());
    CHECK(write.closed());
    CHECK_THROWS_AS(read.read(), ValueError);
    CHECK_THROWS_AS(read.readline(), ValueError);
    CHECK_THROWS_AS(read.fileno(), ValueError);
    CHECK_THROWS_AS(write.write("x"), ValueError);
    CHECK_THROWS_AS(write.flush(), ValueError);
    CHECK_THROWS_AS(write.fileno(), ValueError);
    CHECK_NOTHROW(write.close());
}

TEST_CASE("WriteStream: a little is held back until flush") {
    Both ends = both();

    ends.write.write("he");
    ends.write.write("llo");
    ends.write.flush();

    CHECK(ends.read.read(5) == "hello");
}

TEST_CASE("WriteStream: close writes what was held back, and the reader sees the end") {
    Both ends = both();

    ends.write.write("hello");
    ends.write.close();

    CHECK(ends.read.read() == "hello");
}

TEST_CASE("WriteStream: much is written at once, in order after what was held back") {
    Both ends = both();
    const std::string much(20'000, 'x');

    ends.write.write("head");
    ends.write.write(much);

    CHECK(ends.read.read(much.size() + 4) == "head" + much);
}

TEST_CASE(
    "WriteStream: a reader that is gone is a BrokenPipeError, and closing still closes") {
    Both ends = both();
    ends.read.close();

    ends.write.write("x");
    CHECK_THROWS_AS(ends.write.flush(), BrokenPipeError);
    ends.write.write("x");
    CHECK_THROWS_AS(ends.write.close(), BrokenPipeError);
    CHECK(ends.write.closed());
}

TEST_CASE("WriteStream: one that goes out of scope writes what it held back") {
    Both ends = both();

    {
        WriteStream moved_out = std::move(ends.write);
        moved_out.write("hello");
    }

    CHECK(ends.read.read() == "hello");
    CHECK(ends.write.closed());  // NOLINT(bugprone-use-after-move)
}

TEST_CASE("ReadStream: one that was moved from has nothing left, and can be asked") {
    ReadStream from = reading("a\nb\n");
    REQUIRE(from.readline() == "a\n");

    ReadStream to = std::move(from);

    CHECK(from.take_buffered().empty());  // NOLINT(bugprone-use-after-move)
    CHECK(to.readline() == "b\n");
}
