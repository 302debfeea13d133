// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "pyproc/concat.hpp"
#include "pyproc/errors.hpp"
#include "pyproc/posix/iconv.hpp"
#include "pyproc/posix/maybe.hpp"

namespace pyproc::subprocess {

/// Who converts between an encoding and UTF-8: this library, for the encodings that
/// Python has rules of its own for, or `iconv`.
enum class Codec {
    none,  ///< nobody: bytes stay as they are
    ascii,
    latin_1,
    utf_8,
    utf_8_sig,  ///< with a byte order mark, which is left out when reading
    utf_16,  ///< with a byte order mark; without one, in the byte order of this machine
    utf_16_be,
    utf_16_le,
    utf_32,
    utf_32_be,
    utf_32_le,
    iconv
};

/// An encoding, found by its name.
struct Encoding {
    Codec codec = Codec::none;

    /// What Python's messages call it: all tables of single bytes are "charmap" there.
    const char* name = "";

    /// The name that `iconv_open` knows it by, if that is who converts.
    std::string charset = {};
};

/// What becomes of bytes, or of characters, that can't be converted.
enum class ErrorHandler {
    strict,  ///< an exception
    ignore,  ///< nothing: they are left out
    replace  ///< U+FFFD where reading, `?` where writing
};

namespace detail {

struct KnownEncoding {
    const char* name;
    Codec codec;
    const char* charset;
    const char* aliases;  ///< each between blanks, without case and punctuation
};

/// The encodings that are not tables of single bytes; of those, the ones with a name in
/// Python that means nothing to glibc.
///
/// Source: https://docs.python.org/3/library/codecs.html#standard-encodings
inline constexpr KnownEncoding known_encodings[] = {
    // clang-format off
    {"utf-8", Codec::utf_8, "", " utf8 u8 utf cp65001 utf8ucs2 utf8ucs4 "},
    {"utf-8", Codec::utf_8_sig, "", " utf8sig "},
    {"ascii", Codec::ascii, "", " ascii usascii us 646 ansix341968 ansix341986 cp367 "
        "csascii ibm367 iso646us iso646irv1991 isoir6 "},
    {"latin-1", Codec::latin_1, "", " latin1 latin l1 8859 iso8859 iso88591 iso885911987 "
        "cp819 ibm819 isoir100 csisolatin1 "},
    {"utf-16", Codec::utf_16, "", " utf16 u16 "},
    {"utf-16-be", Codec::utf_16_be, "", " utf16be unicodebigunmarked "},
    {"utf-16-le", Codec::utf_16_le, "", " utf16le unicodelittleunmarked "},
    {"utf-32", Codec::utf_32, "", " utf32 u32 "},
    {"utf-32-be", Codec::utf_32_be, "", " utf32be "},
    {"utf-32-le", Codec::utf_32_le, "", " utf32le "},
    {"utf7", Codec::iconv, "UTF-7", " utf7 u7 unicode11utf7 "},
    {"big5", Codec::iconv, "BIG5", " big5 big5tw csbig5 xmactradchinese "},
    {"big5hkscs", Codec::iconv, "BIG5-HKSCS", " big5hkscs hkscs "},
    {"cp932", Codec::iconv, "CP932", " cp932 932 ms932 mskanji "},
    {"cp949", Codec::iconv, "CP949", " cp949 949 ms949 uhc "},
    {"cp950", Codec::iconv, "CP950", " cp950 950 ms950 "},
    {"euc_jis_2004", Codec::iconv, "EUC-JISX0213", " eucjis2004 jisx0213 "},
    {"euc_jisx0213", Codec::iconv, "EUC-JISX0213", " eucjisx0213 "},
    {"euc_jp", Codec::iconv, "EUC-JP", " eucjp ujis "},
    {"euc_kr", Codec::iconv, "EUC-KR", " euckr korean ksc5601 ksc56011987 ksx1001 "
        "xmackorean "},
    {"gb18030", Codec::iconv, "GB18030", " gb18030 gb180302000 "},
    {"gb2312", Codec::iconv, "GB2312", " gb2312 chinese csiso58gb231280 euccn eucgb2312cn "
        "gb23121980 gb231280 isoir58 xmacsimpchinese "},
    {"gbk", Codec::iconv, "GBK", " gbk 936 cp936 ms936 "},
    {"iso2022_jp", Codec::iconv, "ISO-2022-JP", " iso2022jp csiso2022jp "},
    {"iso2022_jp_2", Codec::iconv, "ISO-2022-JP-2", " iso2022jp2 "},
    {"iso2022_jp_3", Codec::iconv, "ISO-2022-JP-3", " iso2022jp3 "},
    {"iso2022_kr", Codec::iconv, "ISO-2022-KR", " iso2022kr csiso2022kr "},
    {"johab", Codec::iconv, "JOHAB", " johab cp1361 ms1361 "},
    {"shift_jis", Codec::iconv, "SHIFT_JIS", " shiftjis csshiftjis sjis xmacjapanese "},
    {"shift_jis_2004", Codec::iconv, "SHIFT_JISX0213", " shiftjis2004 sjis2004 "},
    {"shift_jisx0213", Codec::iconv, "SHIFT_JISX0213", " shiftjisx0213 sjisx0213 "},
    {"charmap", Codec::iconv, "CP858", " csibm858 "},
    {"charmap", Codec::iconv, "CP861", " cpis csibm861 "},
    {"charmap", Codec::iconv, "CP869", " csibm869 "},
    {"charmap", Codec::iconv, "CP1125", " ibm1125 cp866u "},
    {"charmap", Codec::iconv, "HP-ROMAN8", " cp1051 ibm1051 "},
    {"charmap", Codec::iconv, "ISO-8859-11", " thai "},
    {"charmap", Codec::iconv, "ISO-8859-15", " l9 "},
    {"charmap", Codec::iconv, "MACINTOSH", " macroman "},
    {"charmap", Codec::iconv, "PT154", " ptcp154 csptcp154 cp154 cyrillicasian "},
    {"charmap", Codec::iconv, "RK1048", " kz1048 "},
    {"charmap", Codec::iconv, "TIS-620", " tis6200 tis62025290 tis62025291 "},
    // clang-format on
};

/// Lower case, and `separator` for each run of anything but letters and digits, unless it
/// is 0. Python tells names apart no further than that; to `iconv_open`, which would take
/// "//" for more than a name, nothing else is passed on.
[[nodiscard]] inline std::string simplified(std::string_view name, char separator) {
    std::string text;
    bool is_apart = false;
    for (const char c : name) {
        const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        const bool is_plain =
            (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
        if (is_plain && is_apart && separator != 0 && !text.empty()) text += separator;
        is_apart = !is_plain;
        if (is_plain) text += lower;
    }
    return text;
}

/// The name under which `iconv_open` knows a table of single bytes; empty for none.
[[nodiscard]] inline std::string find_charset(std::string_view name) {
    std::string dashed = simplified(name, '-');
    const std::string plain = simplified(name, 0);
    if (plain.empty()) return {};
    // Python writes "iso_8859_2_1987" too.
    if (dashed.starts_with("iso-8859-") && dashed.size() > 13 &&
        dashed[dashed.size() - 5] == '-') {
        dashed.resize(dashed.size() - 5);
    }
    const bool is_number = plain.find_first_not_of("0123456789") == std::string::npos;
    const std::string candidates[] = {is_number ? concat({"cp", plain}) : dashed,
                                      simplified(name, '_'), plain};
    for (const std::string& charset : candidates) {
        const auto opened = posix::Iconv::open("UTF-8", charset.c_str());
        if (opened) return charset;
        if (opened.code() != EINVAL) throw_os_error(opened.code(), "iconv_open", charset);
    }
    return {};
}

}  // namespace detail

/// Finds an encoding by any of the names that Python has for it: "utf-8", "latin1",
/// "cp1252", "Shift_JIS". Case and punctuation make no difference.
///
/// @throws ValueError  `unknown encoding: NAME`, where neither this library nor `iconv`
///                     knows it.
[[nodiscard]] inline Encoding find_encoding(std::string_view name) {
    const std::string key = concat({" ", detail::simplified(name, 0), " "});
    for (const detail::KnownEncoding& known : detail::known_encodings) {
        if (std::string_view{known.aliases}.find(key) == std::string_view::npos) continue;
        const bool is_there =
            known.codec != Codec::iconv || posix::Iconv::open("UTF-8", known.charset);
        if (is_there) return {known.codec, known.name, known.charset};
    }
    std::string charset = detail::find_charset(name);
    if (charset.empty()) throw ValueError{concat({"unknown encoding: ", name})};
    return {Codec::iconv, "charmap", std::move(charset)};
}

/// @throws ValueError  `unknown error handler name 'NAME'`, for all but "strict",
///                     "ignore" and "replace".
[[nodiscard]] inline ErrorHandler find_error_handler(std::string_view name) {
    if (name == "strict") return ErrorHandler::strict;
    if (name == "ignore") return ErrorHandler::ignore;
    if (name == "replace") return ErrorHandler::replace;
    throw ValueError{concat({"unknown error handler name '", name, "'"})};
}

/// What a stream carries: bytes, or text, and then in which encoding.
struct TextMode {
    bool is_text = false;  ///< whether newlines are translated
    Encoding encoding = {};
    ErrorHandler errors = ErrorHandler::strict;
};

/// What the options of these names mean together. Each of them turns text mode on;
/// without the first two, text is bytes whose newlines are translated.
///
/// @throws ValueError  for an unknown encoding or error handler.
[[nodiscard]] inline TextMode text_mode(const posix::Maybe<std::string>& encoding,
                                        const posix::Maybe<std::string>& errors,
                                        bool text) {
    TextMode mode;
    mode.is_text = text || encoding || errors;
    if (errors) mode.errors = find_error_handler(*errors);
    if (encoding || errors) mode.encoding = find_encoding(encoding ? *encoding : "utf-8");
    return mode;
}

}  // namespace pyproc::subprocess
