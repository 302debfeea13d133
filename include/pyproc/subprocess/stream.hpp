// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "pyproc/errors.hpp"
#include "pyproc/posix/fd.hpp"
#include "pyproc/posix/io.hpp"
#include "pyproc/subprocess/encoder.hpp"
#include "pyproc/subprocess/text.hpp"

namespace pyproc::subprocess {

namespace detail {

inline void require_open(const posix::UniqueFd& fd) {
    if (!fd)
        throw ValueError{"I/O operation on a closed stream, or one that is not a pipe"};
}

}  // namespace detail

/// The caller's end of a child's standard input.
///
/// What is written is held back until there is a good deal of it, or `flush` or `close`.
/// A child that no longer reads is a `BrokenPipeError`, never a SIGPIPE.
///
/// With an encoding, what is written is UTF-8 and arrives in that encoding; where a
/// character is cut makes no difference. What can't be encoded is a `UnicodeEncodeError`
/// under "strict", and then nothing of that piece is written.
///
/// Threads: one at a time.
/// Python:  `Popen.stdin`.
class WriteStream {
public:
    WriteStream() noexcept = default;
    explicit WriteStream(posix::UniqueFd fd) noexcept : fd_{std::move(fd)} {}
    WriteStream(posix::UniqueFd fd, TextEncoder encoder) noexcept
        : fd_{std::move(fd)}, encoder_{std::move(encoder)} {}
    WriteStream(WriteStream&& other) noexcept
        : fd_{std::move(other.fd_)},
          encoder_{std::move(other.encoder_)},
          held_{other.take_held()} {}
    WriteStream& operator=(WriteStream&& other) noexcept {
        close_silently();
        fd_ = std::move(other.fd_);
        encoder_ = std::move(other.encoder_);
        held_ = other.take_held();
        return *this;
    }
    /// Closes as `close` does, but for its exception: call that to know.
    ~WriteStream() { close_silently(); }

    /// @throws ValueError       if it is closed.
    /// @throws BrokenPipeError  if what was held back had to be written and nobody reads.
    void write(std::string_view text) {
        detail::require_open(fd_);
        std::string encoded;
        const std::string_view bytes = encoder_.encode(text, encoded, false);
        constexpr std::size_t enough = 8192;
        if (held_.size() + bytes.size() < enough) {
            held_.append(bytes);
            return;
        }
        flush();
        posix::write_all(fd_.get(), bytes).or_throw("write");
    }

    /// Writes what was held back. @throws as `write` does.
    void flush() {
        detail::require_open(fd_);
        if (held_.empty()) return;
        const auto written = posix::write_all(fd_.get(), held_);
        held_.clear();
        written.or_throw("write");
    }

    /// Flushes and closes; the child reads the end of the file. Closing twice is allowed.
    /// @throws BrokenPipeError  if something was held back and nobody reads: even then it
    ///                          is closed.
    void close() {
        if (!fd_) return;
        const posix::UniqueFd closing = std::move(fd_);
        const std::string held = take_held();
        if (!held.empty()) posix::write_all(closing.get(), held).or_throw("write");
        std::string encoded;
        const std::string_view end = encoder_.encode({}, encoded, true);
        if (!end.empty()) posix::write_all(closing.get(), end).or_throw("write");
    }

    /// Whether it can't be used any more, or never could.
    [[nodiscard]] bool closed() const noexcept { return !fd_; }

    /// The descriptor. @throws ValueError  if it is closed.
    [[nodiscard]] int fileno() const {
        detail::require_open(fd_);
        return fd_.get();
    }

    /// Gives up all that is to be written when `last` is the last text, encoded:
    /// `communicate` writes it. In `storage`, or in `last` if that is all as it is.
    [[nodiscard]] std::string_view take_all(std::string_view last, std::string& storage) {
        std::string encoded;
        const std::string_view bytes = encoder_.encode(last, encoded, true);
        storage = take_held();
        if (storage.empty() && bytes.data() == last.data()) return last;
        return storage.append(bytes);
    }

    /// Gives up what was held back.
    [[nodiscard]] std::string take_held() noexcept {
        std::string taken = std::move(held_);
        held_.clear();
        return taken;
    }

private:
    void close_silently() noexcept {
        try {
            close();
        } catch (const std::exception&) {
            // Nobody is left to be told.
        }
    }

    posix::UniqueFd fd_;
    TextEncoder encoder_;
    std::string held_;
};

/// The caller's end of a child's standard output or standard error.
///
/// Of a text, whole characters are read. With an encoding they are UTF-8 here, whatever
/// the child writes; what can't be decoded is a `UnicodeDecodeError` under "strict",
/// which has the piece of some kilobytes around it; after that, reading goes on behind
/// the piece.
///
/// Threads: one at a time.
/// Python:  `Popen.stdout`, `Popen.stderr`.
class ReadStream {
public:
    ReadStream() noexcept = default;

    /// @param text  Whether `\r\n` and `\r` are read as `\n`.
    ReadStream(posix::UniqueFd fd, bool text) noexcept
        : ReadStream{std::move(fd), TextDecoder{text}} {}
    ReadStream(posix::UniqueFd fd, TextDecoder decoder) noexcept
        : fd_{std::move(fd)}, decoder_{std::move(decoder)} {}
    ReadStream(ReadStream&& other) noexcept { *this = std::move(other); }
    ReadStream& operator=(ReadStream&& other) noexcept {
        fd_ = std::move(other.fd_);
        decoder_ = std::move(other.decoder_);
        buffer_ = std::move(other.buffer_);
        start_ = other.start_;
        other.start_ = 0;
        other.buffer_.clear();
        return *this;
    }

    /// All that is left, up to the end of the file.
    /// @throws ValueError  if the stream is closed.
    [[nodiscard]] std::string read() {
        detail::require_open(fd_);
        while (fill()) {
        }
        return take(size());
    }

    /// The next `count` bytes, or characters of a text; fewer only at the end of the
    /// file.
    [[nodiscard]] std::string read(std::size_t count) {
        detail::require_open(fd_);
        if (decoder_.is_text()) return read_characters(count);
        while (size() < count && fill()) {
        }
        return take(count < size() ? count : size());
    }

    /// The next line with its `\n`; without it if the file ends so; empty at its end.
    [[nodiscard]] std::string readline() {
        detail::require_open(fd_);
        for (std::size_t searched = 0;;) {
            const std::size_t end = buffer_.find('\n', start_ + searched);
            if (end != std::string::npos) return take(end + 1 - start_);
            searched = size();
            if (!fill()) return take(size());
        }
    }

    /// What has been read from the pipe and not been asked for yet.
    [[nodiscard]] std::string take_buffered() { return take(size()); }

    /// The decoder, with which `communicate` goes on.
    [[nodiscard]] TextDecoder& decoder() noexcept { return decoder_; }

    void close() noexcept {
        fd_.reset();
        buffer_.clear();
        start_ = 0;
    }

    /// Whether it can't be used any more, or never could.
    [[nodiscard]] bool closed() const noexcept { return !fd_; }

    /// The descriptor. @throws ValueError  if the stream is closed.
    [[nodiscard]] int fileno() const {
        detail::require_open(fd_);
        return fd_.get();
    }

    /// Walks over lines as `readline` returns them. Single pass.
    class Lines {
    public:
        using value_type = std::string;
        using difference_type = std::ptrdiff_t;
        using iterator_category = std::input_iterator_tag;
        using pointer = const std::string*;
        using reference = const std::string&;

        Lines() noexcept = default;
        explicit Lines(ReadStream& stream) : stream_{&stream} { ++*this; }

        [[nodiscard]] const std::string& operator*() const noexcept { return line_; }
        [[nodiscard]] const std::string* operator->() const noexcept { return &line_; }
        Lines& operator++() {
            line_ = stream_->readline();
            if (line_.empty()) stream_ = nullptr;
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(const Lines& a, const Lines& b) noexcept {
            return a.stream_ == b.stream_;
        }

    private:
        ReadStream* stream_ = nullptr;
        std::string line_;
    };

    [[nodiscard]] Lines begin() { return Lines{*this}; }
    [[nodiscard]] Lines end() const noexcept { return {}; }

private:
    [[nodiscard]] std::size_t size() const noexcept { return buffer_.size() - start_; }

    [[nodiscard]] std::string take(std::size_t count) {
        std::string taken;
        if (start_ == 0 && count == buffer_.size()) {
            taken.swap(buffer_);
            return taken;
        }
        taken = buffer_.substr(start_, count);
        start_ += count;
        if (start_ == buffer_.size()) {
            buffer_.clear();
            start_ = 0;
        }
        return taken;
    }

    [[nodiscard]] std::string read_characters(std::size_t count) {
        // `fill` may move the unread part, so its end is kept as a distance.
        std::size_t length = 0;
        bool is_all = false;
        while (count != 0) {
            const std::string_view rest =
                std::string_view{buffer_}.substr(start_ + length);
            const bool is_short = rest.empty() || detail::is_cut_short(rest);
            if (is_short && !is_all) {
                is_all = !fill();
                continue;
            }
            if (rest.empty()) break;
            length += detail::character_size(rest);
            --count;
        }
        return take(length);
    }

    /// Reads one more piece. @return false at the end of the file, with nothing added.
    bool fill() {
        char piece[16 * 1024];
        const std::size_t got =
            posix::read_some(fd_.get(), piece, sizeof piece).or_throw("read");
        // What was taken is dropped only now that it is the smaller part, so that reading
        // a long output line by line stays linear.
        if (start_ > buffer_.size() / 2) {
            buffer_.erase(0, start_);
            start_ = 0;
        }
        const std::size_t known = buffer_.size();
        buffer_.append(piece, got);
        decoder_.decode(buffer_, known, got == 0);
        return got != 0 || buffer_.size() != known;
    }

    posix::UniqueFd fd_;
    TextDecoder decoder_;
    std::string buffer_;
    std::size_t start_ = 0;  ///< where in `buffer_` the unread part begins
};

}  // namespace pyproc::subprocess
