// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pyproc {

/// One step through UTF-8 text.
struct DecodedCodePoint {
    char32_t code_point;  ///< The character; without meaning if `length` is 0.
    std::size_t length;   ///< Bytes it takes, 1 to 4; 0 if they are not UTF-8.
};

/// Decodes the character that `text` starts with.
///
/// Strict, as Python is: overlong forms, surrogates (U+D800 to U+DFFF) and all beyond
/// U+10FFFF are not UTF-8, nor is a character cut short by the end of `text`. Empty text
/// gives length 0.
///
/// Source: The Unicode Standard 14.0, table 3-7, "Well-Formed UTF-8 Byte Sequences".
[[nodiscard]] constexpr DecodedCodePoint decode_utf8(std::string_view text) noexcept {
    constexpr DecodedCodePoint invalid{0, 0};
    if (text.empty()) return invalid;
    const auto byte = [&](std::size_t at) -> unsigned {
        return static_cast<unsigned char>(text[at]);
    };

    const unsigned lead = byte(0);
    if (lead < 0x80) return {lead, 1};
    // 0x80 to 0xc1: a continuation, or the lead of a form longer than it need be.
    if (lead < 0xc2 || lead > 0xf4) return invalid;
    const std::size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (text.size() < length) return invalid;

    char32_t code_point = lead & (0x7fU >> length);
    for (std::size_t at = 1; at < length; ++at) {
        if ((byte(at) & 0xc0U) != 0x80) return invalid;
        code_point = (code_point << 6U) | (byte(at) & 0x3fU);
    }
    const bool is_overlong =
        (length == 3 && code_point < 0x800) || (length == 4 && code_point < 0x10000);
    const bool is_surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
    if (is_overlong || is_surrogate || code_point > 0x10ffff) return invalid;
    return {code_point, length};
}

/// How much of `text` is UTF-8, from its start up to the first byte that is not.
[[nodiscard]] inline std::size_t utf8_prefix(std::string_view text) noexcept {
    std::size_t at = 0;
    while (at < text.size()) {
        // Most of most texts is ASCII: eight characters in one step.
        while (text.size() - at >= 8) {
            unsigned long long eight = 0;
            std::char_traits<char>::copy(reinterpret_cast<char*>(&eight),
                                         text.data() + at, 8);
            if ((eight & 0x8080808080808080U) != 0) break;
            at += 8;
        }
        const std::size_t length = decode_utf8(text.substr(at)).length;
        if (length == 0) break;
        at += length;
    }
    return at;
}

/// Appends a character as UTF-8. It must be one: no surrogate, none beyond U+10FFFF.
inline void append_utf8(std::string& text, char32_t code_point) {
    const auto tail = [&](unsigned shift) {
        text += static_cast<char>(0x80U | ((code_point >> shift) & 0x3fU));
    };
    if (code_point < 0x80) {
        text += static_cast<char>(code_point);
        return;
    }
    if (code_point < 0x800) {
        text += static_cast<char>(0xc0U | (code_point >> 6U));
    } else if (code_point < 0x10000) {
        text += static_cast<char>(0xe0U | (code_point >> 12U));
        tail(6);
    } else {
        text += static_cast<char>(0xf0U | (code_point >> 18U));
        tail(12);
        tail(6);
    }
    tail(0);
}

namespace detail {

/// The code points at which printability changes; U+0000 is not printable. Ascending.
///
/// Of Unicode 14.0.0, the version of Python 3.11. Derived by scripts/unicode_table from
/// `str.isprintable`: not printable are the general categories "Other" (Cc, Cf, Cs, Co,
/// Cn) and "Separator" (Zl, Zp, Zs) but for the space.
// clang-format off
inline constexpr char32_t printable_boundaries[] =
    U"\x20\x7f\xa1\xad\xae\x378\x37a\x380\x384\x38b\x38c\x38d\x38e\x3a2\x3a3\x530\x531"
    U"\x557\x559\x58b\x58d\x590\x591\x5c8\x5d0\x5eb\x5ef\x5f5\x606\x61c\x61d\x6dd\x6de"
    U"\x70e\x710\x74b\x74d\x7b2\x7c0\x7fb\x7fd\x82e\x830\x83f\x840\x85c\x85e\x85f\x860"
    U"\x86b\x870\x88f\x898\x8e2\x8e3\x984\x985\x98d\x98f\x991\x993\x9a9\x9aa\x9b1\x9b2"
    U"\x9b3\x9b6\x9ba\x9bc\x9c5\x9c7\x9c9\x9cb\x9cf\x9d7\x9d8\x9dc\x9de\x9df\x9e4\x9e6"
    U"\x9ff\xa01\xa04\xa05\xa0b\xa0f\xa11\xa13\xa29\xa2a\xa31\xa32\xa34\xa35\xa37\xa38"
    U"\xa3a\xa3c\xa3d\xa3e\xa43\xa47\xa49\xa4b\xa4e\xa51\xa52\xa59\xa5d\xa5e\xa5f\xa66"
    U"\xa77\xa81\xa84\xa85\xa8e\xa8f\xa92\xa93\xaa9\xaaa\xab1\xab2\xab4\xab5\xaba\xabc"
    U"\xac6\xac7\xaca\xacb\xace\xad0\xad1\xae0\xae4\xae6\xaf2\xaf9\xb00\xb01\xb04\xb05"
    U"\xb0d\xb0f\xb11\xb13\xb29\xb2a\xb31\xb32\xb34\xb35\xb3a\xb3c\xb45\xb47\xb49\xb4b"
    U"\xb4e\xb55\xb58\xb5c\xb5e\xb5f\xb64\xb66\xb78\xb82\xb84\xb85\xb8b\xb8e\xb91\xb92"
    U"\xb96\xb99\xb9b\xb9c\xb9d\xb9e\xba0\xba3\xba5\xba8\xbab\xbae\xbba\xbbe\xbc3\xbc6"
    U"\xbc9\xbca\xbce\xbd0\xbd1\xbd7\xbd8\xbe6\xbfb\xc00\xc0d\xc0e\xc11\xc12\xc29\xc2a"
    U"\xc3a\xc3c\xc45\xc46\xc49\xc4a\xc4e\xc55\xc57\xc58\xc5b\xc5d\xc5e\xc60\xc64\xc66"
    U"\xc70\xc77\xc8d\xc8e\xc91\xc92\xca9\xcaa\xcb4\xcb5\xcba\xcbc\xcc5\xcc6\xcc9\xcca"
    U"\xcce\xcd5\xcd7\xcdd\xcdf\xce0\xce4\xce6\xcf0\xcf1\xcf3\xd00\xd0d\xd0e\xd11\xd12"
    U"\xd45\xd46\xd49\xd4a\xd50\xd54\xd64\xd66\xd80\xd81\xd84\xd85\xd97\xd9a\xdb2\xdb3"
    U"\xdbc\xdbd\xdbe\xdc0\xdc7\xdca\xdcb\xdcf\xdd5\xdd6\xdd7\xdd8\xde0\xde6\xdf0\xdf2"
    U"\xdf5\xe01\xe3b\xe3f\xe5c\xe81\xe83\xe84\xe85\xe86\xe8b\xe8c\xea4\xea5\xea6\xea7"
    U"\xebe\xec0\xec5\xec6\xec7\xec8\xece\xed0\xeda\xedc\xee0\xf00\xf48\xf49\xf6d\xf71"
    U"\xf98\xf99\xfbd\xfbe\xfcd\xfce\xfdb\x1000\x10c6\x10c7\x10c8\x10cd\x10ce\x10d0\x1249"
    U"\x124a\x124e\x1250\x1257\x1258\x1259\x125a\x125e\x1260\x1289\x128a\x128e\x1290"
    U"\x12b1\x12b2\x12b6\x12b8\x12bf\x12c0\x12c1\x12c2\x12c6\x12c8\x12d7\x12d8\x1311"
    U"\x1312\x1316\x1318\x135b\x135d\x137d\x1380\x139a\x13a0\x13f6\x13f8\x13fe\x1400"
    U"\x1680\x1681\x169d\x16a0\x16f9\x1700\x1716\x171f\x1737\x1740\x1754\x1760\x176d"
    U"\x176e\x1771\x1772\x1774\x1780\x17de\x17e0\x17ea\x17f0\x17fa\x1800\x180e\x180f"
    U"\x181a\x1820\x1879\x1880\x18ab\x18b0\x18f6\x1900\x191f\x1920\x192c\x1930\x193c"
    U"\x1940\x1941\x1944\x196e\x1970\x1975\x1980\x19ac\x19b0\x19ca\x19d0\x19db\x19de"
    U"\x1a1c\x1a1e\x1a5f\x1a60\x1a7d\x1a7f\x1a8a\x1a90\x1a9a\x1aa0\x1aae\x1ab0\x1acf"
    U"\x1b00\x1b4d\x1b50\x1b7f\x1b80\x1bf4\x1bfc\x1c38\x1c3b\x1c4a\x1c4d\x1c89\x1c90"
    U"\x1cbb\x1cbd\x1cc8\x1cd0\x1cfb\x1d00\x1f16\x1f18\x1f1e\x1f20\x1f46\x1f48\x1f4e"
    U"\x1f50\x1f58\x1f59\x1f5a\x1f5b\x1f5c\x1f5d\x1f5e\x1f5f\x1f7e\x1f80\x1fb5\x1fb6"
    U"\x1fc5\x1fc6\x1fd4\x1fd6\x1fdc\x1fdd\x1ff0\x1ff2\x1ff5\x1ff6\x1fff\x2010\x2028"
    U"\x2030\x205f\x2070\x2072\x2074\x208f\x2090\x209d\x20a0\x20c1\x20d0\x20f1\x2100"
    U"\x218c\x2190\x2427\x2440\x244b\x2460\x2b74\x2b76\x2b96\x2b97\x2cf4\x2cf9\x2d26"
    U"\x2d27\x2d28\x2d2d\x2d2e\x2d30\x2d68\x2d6f\x2d71\x2d7f\x2d97\x2da0\x2da7\x2da8"
    U"\x2daf\x2db0\x2db7\x2db8\x2dbf\x2dc0\x2dc7\x2dc8\x2dcf\x2dd0\x2dd7\x2dd8\x2ddf"
    U"\x2de0\x2e5e\x2e80\x2e9a\x2e9b\x2ef4\x2f00\x2fd6\x2ff0\x2ffc\x3001\x3040\x3041"
    U"\x3097\x3099\x3100\x3105\x3130\x3131\x318f\x3190\x31e4\x31f0\x321f\x3220\xa48d"
    U"\xa490\xa4c7\xa4d0\xa62c\xa640\xa6f8\xa700\xa7cb\xa7d0\xa7d2\xa7d3\xa7d4\xa7d5"
    U"\xa7da\xa7f2\xa82d\xa830\xa83a\xa840\xa878\xa880\xa8c6\xa8ce\xa8da\xa8e0\xa954"
    U"\xa95f\xa97d\xa980\xa9ce\xa9cf\xa9da\xa9de\xa9ff\xaa00\xaa37\xaa40\xaa4e\xaa50"
    U"\xaa5a\xaa5c\xaac3\xaadb\xaaf7\xab01\xab07\xab09\xab0f\xab11\xab17\xab20\xab27"
    U"\xab28\xab2f\xab30\xab6c\xab70\xabee\xabf0\xabfa\xac00\xd7a4\xd7b0\xd7c7\xd7cb"
    U"\xd7fc\xf900\xfa6e\xfa70\xfada\xfb00\xfb07\xfb13\xfb18\xfb1d\xfb37\xfb38\xfb3d"
    U"\xfb3e\xfb3f\xfb40\xfb42\xfb43\xfb45\xfb46\xfbc3\xfbd3\xfd90\xfd92\xfdc8\xfdcf"
    U"\xfdd0\xfdf0\xfe1a\xfe20\xfe53\xfe54\xfe67\xfe68\xfe6c\xfe70\xfe75\xfe76\xfefd"
    U"\xff01\xffbf\xffc2\xffc8\xffca\xffd0\xffd2\xffd8\xffda\xffdd\xffe0\xffe7\xffe8"
    U"\xffef\xfffc\xfffe\x10000\x1000c\x1000d\x10027\x10028\x1003b\x1003c\x1003e\x1003f"
    U"\x1004e\x10050\x1005e\x10080\x100fb\x10100\x10103\x10107\x10134\x10137\x1018f"
    U"\x10190\x1019d\x101a0\x101a1\x101d0\x101fe\x10280\x1029d\x102a0\x102d1\x102e0"
    U"\x102fc\x10300\x10324\x1032d\x1034b\x10350\x1037b\x10380\x1039e\x1039f\x103c4"
    U"\x103c8\x103d6\x10400\x1049e\x104a0\x104aa\x104b0\x104d4\x104d8\x104fc\x10500"
    U"\x10528\x10530\x10564\x1056f\x1057b\x1057c\x1058b\x1058c\x10593\x10594\x10596"
    U"\x10597\x105a2\x105a3\x105b2\x105b3\x105ba\x105bb\x105bd\x10600\x10737\x10740"
    U"\x10756\x10760\x10768\x10780\x10786\x10787\x107b1\x107b2\x107bb\x10800\x10806"
    U"\x10808\x10809\x1080a\x10836\x10837\x10839\x1083c\x1083d\x1083f\x10856\x10857"
    U"\x1089f\x108a7\x108b0\x108e0\x108f3\x108f4\x108f6\x108fb\x1091c\x1091f\x1093a"
    U"\x1093f\x10940\x10980\x109b8\x109bc\x109d0\x109d2\x10a04\x10a05\x10a07\x10a0c"
    U"\x10a14\x10a15\x10a18\x10a19\x10a36\x10a38\x10a3b\x10a3f\x10a49\x10a50\x10a59"
    U"\x10a60\x10aa0\x10ac0\x10ae7\x10aeb\x10af7\x10b00\x10b36\x10b39\x10b56\x10b58"
    U"\x10b73\x10b78\x10b92\x10b99\x10b9d\x10ba9\x10bb0\x10c00\x10c49\x10c80\x10cb3"
    U"\x10cc0\x10cf3\x10cfa\x10d28\x10d30\x10d3a\x10e60\x10e7f\x10e80\x10eaa\x10eab"
    U"\x10eae\x10eb0\x10eb2\x10f00\x10f28\x10f30\x10f5a\x10f70\x10f8a\x10fb0\x10fcc"
    U"\x10fe0\x10ff7\x11000\x1104e\x11052\x11076\x1107f\x110bd\x110be\x110c3\x110d0"
    U"\x110e9\x110f0\x110fa\x11100\x11135\x11136\x11148\x11150\x11177\x11180\x111e0"
    U"\x111e1\x111f5\x11200\x11212\x11213\x1123f\x11280\x11287\x11288\x11289\x1128a"
    U"\x1128e\x1128f\x1129e\x1129f\x112aa\x112b0\x112eb\x112f0\x112fa\x11300\x11304"
    U"\x11305\x1130d\x1130f\x11311\x11313\x11329\x1132a\x11331\x11332\x11334\x11335"
    U"\x1133a\x1133b\x11345\x11347\x11349\x1134b\x1134e\x11350\x11351\x11357\x11358"
    U"\x1135d\x11364\x11366\x1136d\x11370\x11375\x11400\x1145c\x1145d\x11462\x11480"
    U"\x114c8\x114d0\x114da\x11580\x115b6\x115b8\x115de\x11600\x11645\x11650\x1165a"
    U"\x11660\x1166d\x11680\x116ba\x116c0\x116ca\x11700\x1171b\x1171d\x1172c\x11730"
    U"\x11747\x11800\x1183c\x118a0\x118f3\x118ff\x11907\x11909\x1190a\x1190c\x11914"
    U"\x11915\x11917\x11918\x11936\x11937\x11939\x1193b\x11947\x11950\x1195a\x119a0"
    U"\x119a8\x119aa\x119d8\x119da\x119e5\x11a00\x11a48\x11a50\x11aa3\x11ab0\x11af9"
    U"\x11c00\x11c09\x11c0a\x11c37\x11c38\x11c46\x11c50\x11c6d\x11c70\x11c90\x11c92"
    U"\x11ca8\x11ca9\x11cb7\x11d00\x11d07\x11d08\x11d0a\x11d0b\x11d37\x11d3a\x11d3b"
    U"\x11d3c\x11d3e\x11d3f\x11d48\x11d50\x11d5a\x11d60\x11d66\x11d67\x11d69\x11d6a"
    U"\x11d8f\x11d90\x11d92\x11d93\x11d99\x11da0\x11daa\x11ee0\x11ef9\x11fb0\x11fb1"
    U"\x11fc0\x11ff2\x11fff\x1239a\x12400\x1246f\x12470\x12475\x12480\x12544\x12f90"
    U"\x12ff3\x13000\x1342f\x14400\x14647\x16800\x16a39\x16a40\x16a5f\x16a60\x16a6a"
    U"\x16a6e\x16abf\x16ac0\x16aca\x16ad0\x16aee\x16af0\x16af6\x16b00\x16b46\x16b50"
    U"\x16b5a\x16b5b\x16b62\x16b63\x16b78\x16b7d\x16b90\x16e40\x16e9b\x16f00\x16f4b"
    U"\x16f4f\x16f88\x16f8f\x16fa0\x16fe0\x16fe5\x16ff0\x16ff2\x17000\x187f8\x18800"
    U"\x18cd6\x18d00\x18d09\x1aff0\x1aff4\x1aff5\x1affc\x1affd\x1afff\x1b000\x1b123"
    U"\x1b150\x1b153\x1b164\x1b168\x1b170\x1b2fc\x1bc00\x1bc6b\x1bc70\x1bc7d\x1bc80"
    U"\x1bc89\x1bc90\x1bc9a\x1bc9c\x1bca0\x1cf00\x1cf2e\x1cf30\x1cf47\x1cf50\x1cfc4"
    U"\x1d000\x1d0f6\x1d100\x1d127\x1d129\x1d173\x1d17b\x1d1eb\x1d200\x1d246\x1d2e0"
    U"\x1d2f4\x1d300\x1d357\x1d360\x1d379\x1d400\x1d455\x1d456\x1d49d\x1d49e\x1d4a0"
    U"\x1d4a2\x1d4a3\x1d4a5\x1d4a7\x1d4a9\x1d4ad\x1d4ae\x1d4ba\x1d4bb\x1d4bc\x1d4bd"
    U"\x1d4c4\x1d4c5\x1d506\x1d507\x1d50b\x1d50d\x1d515\x1d516\x1d51d\x1d51e\x1d53a"
    U"\x1d53b\x1d53f\x1d540\x1d545\x1d546\x1d547\x1d54a\x1d551\x1d552\x1d6a6\x1d6a8"
    U"\x1d7cc\x1d7ce\x1da8c\x1da9b\x1daa0\x1daa1\x1dab0\x1df00\x1df1f\x1e000\x1e007"
    U"\x1e008\x1e019\x1e01b\x1e022\x1e023\x1e025\x1e026\x1e02b\x1e100\x1e12d\x1e130"
    U"\x1e13e\x1e140\x1e14a\x1e14e\x1e150\x1e290\x1e2af\x1e2c0\x1e2fa\x1e2ff\x1e300"
    U"\x1e7e0\x1e7e7\x1e7e8\x1e7ec\x1e7ed\x1e7ef\x1e7f0\x1e7ff\x1e800\x1e8c5\x1e8c7"
    U"\x1e8d7\x1e900\x1e94c\x1e950\x1e95a\x1e95e\x1e960\x1ec71\x1ecb5\x1ed01\x1ed3e"
    U"\x1ee00\x1ee04\x1ee05\x1ee20\x1ee21\x1ee23\x1ee24\x1ee25\x1ee27\x1ee28\x1ee29"
    U"\x1ee33\x1ee34\x1ee38\x1ee39\x1ee3a\x1ee3b\x1ee3c\x1ee42\x1ee43\x1ee47\x1ee48"
    U"\x1ee49\x1ee4a\x1ee4b\x1ee4c\x1ee4d\x1ee50\x1ee51\x1ee53\x1ee54\x1ee55\x1ee57"
    U"\x1ee58\x1ee59\x1ee5a\x1ee5b\x1ee5c\x1ee5d\x1ee5e\x1ee5f\x1ee60\x1ee61\x1ee63"
    U"\x1ee64\x1ee65\x1ee67\x1ee6b\x1ee6c\x1ee73\x1ee74\x1ee78\x1ee79\x1ee7d\x1ee7e"
    U"\x1ee7f\x1ee80\x1ee8a\x1ee8b\x1ee9c\x1eea1\x1eea4\x1eea5\x1eeaa\x1eeab\x1eebc"
    U"\x1eef0\x1eef2\x1f000\x1f02c\x1f030\x1f094\x1f0a0\x1f0af\x1f0b1\x1f0c0\x1f0c1"
    U"\x1f0d0\x1f0d1\x1f0f6\x1f100\x1f1ae\x1f1e6\x1f203\x1f210\x1f23c\x1f240\x1f249"
    U"\x1f250\x1f252\x1f260\x1f266\x1f300\x1f6d8\x1f6dd\x1f6ed\x1f6f0\x1f6fd\x1f700"
    U"\x1f774\x1f780\x1f7d9\x1f7e0\x1f7ec\x1f7f0\x1f7f1\x1f800\x1f80c\x1f810\x1f848"
    U"\x1f850\x1f85a\x1f860\x1f888\x1f890\x1f8ae\x1f8b0\x1f8b2\x1f900\x1fa54\x1fa60"
    U"\x1fa6e\x1fa70\x1fa75\x1fa78\x1fa7d\x1fa80\x1fa87\x1fa90\x1faad\x1fab0\x1fabb"
    U"\x1fac0\x1fac6\x1fad0\x1fada\x1fae0\x1fae8\x1faf0\x1faf7\x1fb00\x1fb93\x1fb94"
    U"\x1fbcb\x1fbf0\x1fbfa\x20000\x2a6e0\x2a700\x2b739\x2b740\x2b81e\x2b820\x2cea2"
    U"\x2ceb0\x2ebe1\x2f800\x2fa1e\x30000\x3134b\xe0100\xe01f0";
// clang-format on

}  // namespace detail

/// Whether Python's `repr` shows a character as itself, and not as an escape.
///
/// Anything beyond U+10FFFF is not printable.
///
/// Python: `str.isprintable` of a one-character string, as Python 3.11 answers it.
///         Another version of Unicode differs only in characters that 14.0.0 leaves
///         unassigned.
[[nodiscard]] constexpr bool is_printable(char32_t code_point) noexcept {
    std::size_t first = 0;
    std::size_t last = sizeof detail::printable_boundaries / sizeof(char32_t) - 1;
    while (first != last) {
        const std::size_t middle = first + (last - first) / 2;
        if (detail::printable_boundaries[middle] <= code_point) {
            first = middle + 1;
        } else {
            last = middle;
        }
    }
    // So many boundaries lie at or below it; each turned the answer over.
    return first % 2 == 1;
}

}  // namespace pyproc
