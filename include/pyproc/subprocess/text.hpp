// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "pyproc/errors.hpp"
#include "pyproc/posix/iconv.hpp"
#include "pyproc/subprocess/encoding.hpp"
#include "pyproc/unicode.hpp"

namespace pyproc::subprocess {

/// Turns `\r\n` and `\r` into `\n`, piece by piece.
///
/// Source: Python's universal newlines, https://docs.python.org/3/glossary.html
class NewlineTranslator {
public:
    /// Translates `text` in place from `start` on; what is before that is done already. A
    /// pair that is split between two pieces counts as one newline.
    void translate(std::string& text, std::size_t start = 0) noexcept {
        if (!after_return_) start = text.find('\r', start);
        if (start >= text.size()) return;
        std::size_t to = start;
        for (std::size_t from = start; from < text.size(); ++from) {
            const char c = text[from];
            const bool ends_pair = after_return_ && c == '\n';
            after_return_ = c == '\r';
            if (!ends_pair) text[to++] = after_return_ ? '\n' : c;
        }
        text.resize(to);
    }

private:
    bool after_return_ = false;  ///< whether the last character seen was a `\r`
};

namespace detail {

/// How far a codec came: so many bytes were good, and the next `bad` are not, for a
/// reason. None bad: what is left is the start of a sequence, and what follows is needed.
struct Decoded {
    std::size_t taken;
    std::size_t bad = 0;
    const char* reason = "";
};

/// What is wrong with the bytes that `text` starts with and that are not UTF-8: so many
/// that the next could be the start of a character again.
///
/// Source: The Unicode Standard 14.0, section 3.9, "maximal subpart"; CPython's reasons.
[[nodiscard]] inline Decoded utf8_fault(std::string_view text, bool is_last) noexcept {
    const auto byte = [&](std::size_t at) -> unsigned {
        return static_cast<unsigned char>(text[at]);
    };
    const unsigned lead = byte(0);
    if (lead < 0xc2 || lead > 0xf4) return {0, 1, "invalid start byte"};
    const std::size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    // What the lead allows the second byte to be; any further one is 0x80 to 0xbf.
    unsigned low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    unsigned high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    for (std::size_t at = 1; at < length && at < text.size(); ++at) {
        if (byte(at) < low || byte(at) > high) {
            return {0, at, "invalid continuation byte"};
        }
        low = 0x80;
        high = 0xbf;
    }
    if (!is_last) return {0};
    return {0, text.size(), "unexpected end of data"};
}

/// The number of bytes that the first character of `text` takes: 1 for a byte that is not
/// of UTF-8, which counts as a character.
[[nodiscard]] inline std::size_t character_size(std::string_view text) noexcept {
    const std::size_t length = decode_utf8(text).length;
    return length == 0 ? 1 : length;
}

/// Whether `text` is the start of a character, whose rest is still to come.
[[nodiscard]] inline bool is_cut_short(std::string_view text) noexcept {
    return !text.empty() && decode_utf8(text).length == 0 &&
           utf8_fault(text, false).bad == 0;
}

[[nodiscard]] inline std::size_t count_characters(std::string_view text) noexcept {
    std::size_t count = 0;
    for (; !text.empty(); ++count) text.remove_prefix(character_size(text));
    return count;
}

[[nodiscard]] inline Decoded decode_utf8_run(std::string_view bytes, std::string& out,
                                             bool is_last) {
    const std::size_t good = utf8_prefix(bytes);
    out.append(bytes.substr(0, good));
    if (good == bytes.size()) return {good};
    Decoded fault = utf8_fault(bytes.substr(good), is_last);
    fault.taken = good;
    return fault;
}

[[nodiscard]] inline Decoded decode_single_bytes(std::string_view bytes, std::string& out,
                                                 bool is_ascii) {
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        const auto byte = static_cast<unsigned char>(bytes[at]);
        if (is_ascii && byte >= 0x80) return {at, 1, "ordinal not in range(128)"};
        append_utf8(out, byte);
    }
    return {bytes.size()};
}

/// The number that `size` bytes from `at` on make.
[[nodiscard]] inline char32_t unit_at(std::string_view bytes, std::size_t at,
                                      std::size_t size, bool is_big) noexcept {
    char32_t unit = 0;
    for (std::size_t i = 0; i < size; ++i) {
        const std::size_t from = is_big ? at + i : at + size - 1 - i;
        unit = (unit << 8U) | static_cast<unsigned char>(bytes[from]);
    }
    return unit;
}

[[nodiscard]] constexpr bool is_surrogate(char32_t unit) noexcept {
    return unit >= 0xd800 && unit <= 0xdfff;
}

/// Whether this machine puts the high byte first. (Not `std::endian`: <bit> would cost
/// the compiler as much as a third of this file.)
[[nodiscard]] inline bool is_big_endian() noexcept {
    const unsigned one = 1;
    return *reinterpret_cast<const unsigned char*>(&one) == 0;
}

[[nodiscard]] inline Decoded decode_utf16(std::string_view bytes, std::string& out,
                                          bool is_last, bool is_big) {
    std::size_t at = 0;
    for (; bytes.size() - at >= 2; at += 2) {
        char32_t unit = unit_at(bytes, at, 2, is_big);
        if (is_surrogate(unit)) {
            if (unit >= 0xdc00) return {at, 2, "illegal encoding"};
            if (bytes.size() - at < 4) {
                if (!is_last) return {at};
                return {at, bytes.size() - at, "unexpected end of data"};
            }
            const char32_t second = unit_at(bytes, at + 2, 2, is_big);
            if (second < 0xdc00 || second > 0xdfff) {
                return {at, 2, "illegal UTF-16 surrogate"};
            }
            unit = 0x10000 + ((unit - 0xd800) << 10U) + (second - 0xdc00);
            at += 2;
        }
        append_utf8(out, unit);
    }
    if (at == bytes.size() || !is_last) return {at};
    return {at, 1, "truncated data"};
}

[[nodiscard]] inline Decoded decode_utf32(std::string_view bytes, std::string& out,
                                          bool is_last, bool is_big) {
    std::size_t at = 0;
    for (; bytes.size() - at >= 4; at += 4) {
        const char32_t unit = unit_at(bytes, at, 4, is_big);
        if (is_surrogate(unit)) {
            return {at, 4, "code point in surrogate code point range(0xd800, 0xe000)"};
        }
        if (unit > 0x10ffff) return {at, 4, "code point not in range(0x110000)"};
        append_utf8(out, unit);
    }
    if (at == bytes.size() || !is_last) return {at};
    return {at, bytes.size() - at, "truncated data"};
}

/// Puts `to` for each `from` in `text` after `start`.
inline void replace_all(std::string& text, std::size_t start, std::string_view from,
                        char to) {
    while ((start = text.find(from, start)) != std::string::npos) {
        text.replace(start++, from.size(), 1, to);
    }
}

}  // namespace detail

/// Turns what a child writes into text, piece by piece: bytes of its encoding into UTF-8,
/// and every kind of newline into `\n`. Where the bytes are cut makes no difference.
///
/// Python: `codecs.getincrementaldecoder`, and the same bytes, replacements and messages;
///         but "utf-16" and "utf-32" without a byte order mark are read in the byte order
///         of this machine even from a stream, as `bytes.decode` does.
class TextDecoder {
public:
    /// One that leaves bytes as they are.
    TextDecoder() noexcept = default;

    /// One that does nothing but translate newlines, if that.
    explicit TextDecoder(bool is_text) noexcept : is_text_{is_text} {}

    /// @throws OSError  if `iconv` has no memory left.
    explicit TextDecoder(const TextMode& mode)
        : is_text_{mode.is_text},
          codec_{mode.encoding.codec},
          errors_{mode.errors},
          name_{mode.encoding.name} {
        if (codec_ != Codec::iconv) return;
        iconv_ = posix::Iconv::open("UTF-8", mode.encoding.charset.c_str())
                     .or_throw("iconv_open", mode.encoding.charset);
    }

    [[nodiscard]] bool is_text() const noexcept { return is_text_; }

    /// Turns the bytes in `text` from `start` on into text, in place. Those of a
    /// character that is not complete yet are kept for the next call, unless this is the
    /// last.
    ///
    /// @throws UnicodeDecodeError  under "strict"; `text` then ends at `start`, and the
    ///                             bytes are in the exception alone.
    void decode(std::string& text, std::size_t start, bool is_last) {
        if (codec_ != Codec::none) convert(text, start, is_last);
        if (is_text_) newlines_.translate(text, start);
    }

    /// Gives up the bytes of a character that is not complete yet.
    [[nodiscard]] std::string take_pending() noexcept {
        std::string taken;
        taken.swap(pending_);
        return taken;
    }

private:
    void convert(std::string& text, std::size_t start, bool is_last) {
        const bool is_plain = codec_ == Codec::utf_8 && pending_.empty();
        // The usual case: nothing to change, so nothing is copied.
        if (is_plain &&
            utf8_prefix(std::string_view{text}.substr(start)) == text.size() - start) {
            return;
        }
        std::string bytes = take_pending();
        bytes.append(text, start);
        text.resize(start);
        std::size_t at = skip_mark(bytes, is_last);
        // Python does not count this mark among the bytes of the text.
        if (codec_ == Codec::utf_8_sig) bytes.erase(0, std::exchange(at, 0));
        while (has_begun_) {
            const std::size_t known = text.size();
            const detail::Decoded run =
                decode_run(std::string_view{bytes}.substr(at), text, is_last);
            tidy(text, known);
            at += run.taken;
            if (run.bad == 0) break;
            if (errors_ == ErrorHandler::strict) {
                text.resize(start);
                if (iconv_) iconv_.reset();
                throw UnicodeDecodeError{name(), std::move(bytes), at, at + run.bad,
                                         run.reason};
            }
            if (errors_ == ErrorHandler::replace) text += "\xef\xbf\xbd";
            at += run.bad;
        }
        pending_.assign(bytes, at);
    }

    [[nodiscard]] detail::Decoded decode_run(std::string_view bytes, std::string& out,
                                             bool is_last) {
        switch (codec_) {
            case Codec::none: break;
            case Codec::ascii: return detail::decode_single_bytes(bytes, out, true);
            case Codec::latin_1: return detail::decode_single_bytes(bytes, out, false);
            case Codec::utf_8:
            case Codec::utf_8_sig: return detail::decode_utf8_run(bytes, out, is_last);
            case Codec::utf_16:
            case Codec::utf_16_be:
            case Codec::utf_16_le:
                return detail::decode_utf16(bytes, out, is_last, is_big_);
            case Codec::utf_32:
            case Codec::utf_32_be:
            case Codec::utf_32_le:
                return detail::decode_utf32(bytes, out, is_last, is_big_);
            case Codec::iconv: return decode_by_iconv(bytes, out, is_last);
        }
        return {bytes.size()};
    }

    [[nodiscard]] detail::Decoded decode_by_iconv(std::string_view bytes,
                                                  std::string& out, bool is_last) {
        const posix::Converted done = iconv_.convert(bytes, out);
        const bool is_charmap = std::string_view{name_} == "charmap";
        if (done.code == EILSEQ) {
            // A letter that waits for the accent after it goes before what stands for the
            // fault. (Elsewhere this would forget the character set.)
            if (!std::string_view{name_}.starts_with("iso2022")) iconv_.finish(out);
            return {done.taken, 1,
                    is_charmap ? "character maps to <undefined>"
                               : "illegal multibyte sequence"};
        }
        const std::size_t left = bytes.size() - done.taken;
        if (is_last && left != 0) {
            return {done.taken, left, "incomplete multibyte sequence"};
        }
        if (is_last) iconv_.finish(out);
        return {done.taken};
    }

    /// Python reads the bytes 0x5c and 0x7e of Shift JIS as ASCII, as all who write paths
    /// and scripts in it mean them; glibc as the yen sign and the overline of JIS X 0201.
    void tidy(std::string& text, std::size_t start) const {
        if (std::string_view{name_} != "shift_jis") return;
        detail::replace_all(text, start, "\u00a5", '\\');
        detail::replace_all(text, start, "\u203e", '~');
    }

    /// Finds the byte order, at the start of the first text. @return the length of the
    /// mark. As long as its bytes are too few to tell, nothing has begun.
    [[nodiscard]] std::size_t skip_mark(std::string_view bytes, bool is_last) noexcept {
        if (has_begun_) return 0;
        const bool is_16 = codec_ == Codec::utf_16;
        const bool is_32 = codec_ == Codec::utf_32;
        is_big_ = codec_ == Codec::utf_16_be || codec_ == Codec::utf_32_be ||
                  ((is_16 || is_32) && detail::is_big_endian());
        const std::size_t length = is_16 ? 2 : is_32 ? 4 : 3;
        has_begun_ = true;
        if (!is_16 && !is_32 && codec_ != Codec::utf_8_sig) return 0;
        if (codec_ == Codec::utf_8_sig) {
            constexpr std::string_view mark = "\xef\xbb\xbf";
            if (bytes.starts_with(mark)) return length;
            has_begun_ = is_last || !mark.starts_with(bytes);
            return 0;
        }
        if (bytes.size() < length) {
            has_begun_ = is_last;
            return 0;
        }
        const char32_t little = detail::unit_at(bytes, 0, length, false);
        const char32_t big = detail::unit_at(bytes, 0, length, true);
        if (little != 0xfeff && big != 0xfeff) return 0;
        is_big_ = big == 0xfeff;
        return length;
    }

    [[nodiscard]] std::string name() const {
        // Python names the order that it has found.
        if (codec_ != Codec::utf_16 && codec_ != Codec::utf_32) return name_;
        return std::string{name_} + (is_big_ ? "-be" : "-le");
    }

    bool is_text_ = false;
    bool has_begun_ = false;
    bool is_big_ = false;  ///< the byte order, once it has begun
    Codec codec_ = Codec::none;
    ErrorHandler errors_ = ErrorHandler::strict;
    const char* name_ = "";
    posix::Iconv iconv_;
    NewlineTranslator newlines_;
    std::string pending_;
};

}  // namespace pyproc::subprocess
