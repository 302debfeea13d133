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
#include "pyproc/subprocess/text.hpp"
#include "pyproc/unicode.hpp"

namespace pyproc::subprocess {

/// Turns text, which is UTF-8, into the bytes of a child's encoding, piece by piece.
/// Where the text is cut makes no difference.
///
/// Python: `codecs.getincrementalencoder`, with the same bytes, replacements and
/// messages.
class TextEncoder {
public:
    /// One that leaves bytes as they are.
    TextEncoder() noexcept = default;

    /// @throws OSError  if `iconv` has no memory left.
    explicit TextEncoder(const TextMode& mode)
        : codec_{mode.encoding.codec}, errors_{mode.errors}, name_{mode.encoding.name} {
        if (codec_ != Codec::iconv) return;
        const std::string& charset = mode.encoding.charset;
        iconv_ =
            posix::Iconv::open(charset.c_str(), "UTF-8").or_throw("iconv_open", charset);
        // A character that no encoding of one country has. What takes it without an error
        // either has it or puts something in its place.
        std::string ignored;
        substitutes_ = iconv_.convert("\U0010fffd", ignored).substituted != 0;
        iconv_.reset();
    }

    /// Encodes the next piece. Part of a character at its end is kept for the next call,
    /// unless this is the last.
    ///
    /// @param storage  Is given the bytes, unless they are those of `text`.
    /// @return The bytes, in `text` or in `storage`.
    /// @throws UnicodeEncodeError  under "strict"; then it is as if `text` had not been.
    [[nodiscard]] std::string_view encode(std::string_view text, std::string& storage,
                                          bool is_last) {
        if (codec_ == Codec::none) return text;
        const bool is_plain = codec_ == Codec::utf_8 && pending_.empty();
        if (is_plain && utf8_prefix(text) == text.size()) return text;
        pending_.append(text);
        std::string whole;
        whole.swap(pending_);
        storage.clear();
        convert(whole, storage, is_last);
        return storage;
    }

private:
    void convert(std::string_view text, std::string& out, bool is_last) {
        const bool had_begun = has_begun_;
        if (!text.empty()) begin(out);
        std::size_t at = 0;
        std::size_t valid = 0;  // where UTF-8 ends; not looked for again at each fault
        for (;;) {
            if (at >= valid) valid = at + utf8_prefix(text.substr(at));
            at += encode_run(text.substr(at, valid - at), out);
            if (at == text.size()) break;
            if (!is_last && detail::is_cut_short(text.substr(at))) {
                pending_ = text.substr(at);
                break;
            }
            if (errors_ == ErrorHandler::strict) {
                has_begun_ = had_begun;
                if (iconv_) iconv_.reset();
                throw_error(text, at);
            }
            if (errors_ == ErrorHandler::replace) encode_run("?", out);
            at += detail::character_size(text.substr(at));
        }
        if (is_last && iconv_ && has_begun_) iconv_.finish(out);
    }

    /// Puts the byte order mark.
    void begin(std::string& out) {
        if (std::exchange(has_begun_, true)) return;
        const bool has_mark = codec_ == Codec::utf_8_sig || codec_ == Codec::utf_16 ||
                              codec_ == Codec::utf_32;
        if (has_mark) encode_run("\ufeff", out);
    }

    /// Encodes what it can of `text`, which is UTF-8. @return the number of bytes of it;
    /// the next is of a character that the encoding lacks.
    std::size_t encode_run(std::string_view text, std::string& out) {
        switch (codec_) {
            case Codec::none:
            case Codec::utf_8:
            case Codec::utf_8_sig: out.append(text); return text.size();
            case Codec::iconv: return encode_by_iconv(text, out);
            default: break;
        }
        std::size_t at = 0;
        while (at < text.size()) {
            const auto [code_point, length] = decode_utf8(text.substr(at));
            if (!append(out, code_point)) break;
            at += length;
        }
        return at;
    }

    std::size_t encode_by_iconv(std::string_view text, std::string& out) {
        // A little at first: before it looks at the first character, glibc decodes what
        // it is given, up to 8 KiB, which would be done again at each fault.
        std::size_t size = substitutes_ ? 1 : 32;
        std::size_t at = 0;
        while (at < text.size()) {
            std::size_t end = text.size() - at > size ? at + size : text.size();
            while (end < text.size() && (text[end] & '\xc0') == '\x80') ++end;
            const posix::Converted done = iconv_.convert(text.substr(at, end - at), out);
            // Its substitute is one byte. What may come before it, a return to the first
            // character set, has to stay.
            if (done.substituted != 0 && !out.empty()) out.pop_back();
            if (done.substituted != 0) break;
            at += done.taken;
            if (done.code != 0) break;
            if (!substitutes_) size *= 2;
        }
        return at;
    }

    /// @return false for a character that the encoding lacks.
    [[nodiscard]] bool append(std::string& out, char32_t code_point) const {
        const bool is_big_here = detail::is_big_endian();
        switch (codec_) {
            case Codec::ascii:
                if (code_point >= 0x80) return false;
                out += static_cast<char>(code_point);
                return true;
            case Codec::latin_1:
                if (code_point >= 0x100) return false;
                out += static_cast<char>(code_point);
                return true;
            case Codec::utf_16: append_utf16(out, code_point, is_big_here); return true;
            case Codec::utf_16_be: append_utf16(out, code_point, true); return true;
            case Codec::utf_16_le: append_utf16(out, code_point, false); return true;
            case Codec::utf_32: append_unit(out, code_point, 4, is_big_here); return true;
            case Codec::utf_32_be: append_unit(out, code_point, 4, true); return true;
            case Codec::utf_32_le: append_unit(out, code_point, 4, false); return true;
            default: return false;
        }
    }

    static void append_utf16(std::string& out, char32_t code_point, bool is_big) {
        if (code_point >= 0x10000) {
            append_unit(out, 0xd7c0 + (code_point >> 10U), 2, is_big);
            code_point = 0xdc00 + (code_point & 0x3ffU);
        }
        append_unit(out, code_point, 2, is_big);
    }

    static void append_unit(std::string& out, char32_t unit, unsigned size, bool is_big) {
        for (unsigned i = 0; i < size; ++i) {
            const unsigned shift = 8 * (is_big ? size - 1 - i : i);
            out += static_cast<char>((unit >> shift) & 0xffU);
        }
    }

    /// Names the characters that can't be encoded as Python does: all that stand
    /// together, but only the first where a character's bytes depend on those before it.
    [[noreturn]] void throw_error(std::string_view text, std::size_t at) {
        const bool is_charmap = std::string_view{name_} == "charmap";
        const bool is_run = is_charmap || codec_ == Codec::ascii ||
                            codec_ == Codec::latin_1 || codec_ == Codec::utf_8 ||
                            codec_ == Codec::utf_8_sig;
        std::size_t end = at;
        std::string ignored;
        do {
            end += detail::character_size(text.substr(end));
        } while (is_run && end < text.size() && !can_encode(text.substr(end), ignored));
        const auto [code_point, length] = decode_utf8(text.substr(at));
        const char32_t character =
            length == 0 ? 0xdc00U + static_cast<unsigned char>(text[at]) : code_point;
        const std::size_t start = detail::count_characters(text.substr(0, at));
        const std::size_t count = detail::count_characters(text.substr(at, end - at));
        throw UnicodeEncodeError{name_, std::string{text}, character,
                                 start, start + count,     reason()};
    }

    [[nodiscard]] bool can_encode(std::string_view text, std::string& ignored) {
        const std::size_t length = decode_utf8(text).length;
        return length != 0 && encode_run(text.substr(0, length), ignored) == length;
    }

    [[nodiscard]] const char* reason() const noexcept {
        switch (codec_) {
            case Codec::ascii: return "ordinal not in range(128)";
            case Codec::latin_1: return "ordinal not in range(256)";
            case Codec::iconv:
                return std::string_view{name_} == "charmap"
                           ? "character maps to <undefined>"
                           : "illegal multibyte sequence";
            default: return "surrogates not allowed";
        }
    }

    bool has_begun_ = false;
    bool substitutes_ = false;  ///< whether `iconv` replaces what it can't convert
    Codec codec_ = Codec::none;
    ErrorHandler errors_ = ErrorHandler::strict;
    const char* name_ = "";
    posix::Iconv iconv_;
    std::string pending_;
};

}  // namespace pyproc::subprocess
