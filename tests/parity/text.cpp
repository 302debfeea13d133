// SPDX-License-Identifier: BSL-1.0
// Reads one question a line ("decode ENCODING ERRORS BYTES", "encode ENCODING ERRORS
// TEXT", bytes and text in hexadecimal) and prints each answer in hexadecimal, or the
// class and the message of the error. Asks itself again with the bytes cut in two at
// every place, and into single bytes: an answer that then is another one is printed in
// place of the first.

#include <pyproc/subprocess/encoder.hpp>
#include <pyproc/subprocess/text.hpp>

#include <functional>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

using namespace pyproc;
using namespace pyproc::subprocess;

#include "parity/hex.hpp"

namespace {

using parity::from_hex;
using parity::to_hex;

using Pieces = std::vector<std::string_view>;

/// What came of it, and of an error what does not depend on where the bytes were cut.
struct Answer {
    std::string text;
    std::string of_any_cut;
};

Answer decoded(const TextMode& mode, const Pieces& pieces) {
    TextDecoder decoder{mode};
    std::string text;
    std::size_t given = 0;
    try {
        for (const std::string_view piece : pieces) {
            given += piece.size();
            const std::size_t known = text.size();
            text += piece;
            decoder.decode(text, known, pieces.size() == 1);
        }
        decoder.decode(text, text.size(), true);
    } catch (const UnicodeDecodeError& error) {
        const std::size_t place = given - error.object().size() + error.start();
        return {std::string{"UnicodeDecodeError "} + error.what(),
                std::to_string(place) + error.reason()};
    }
    return {to_hex(text), to_hex(text)};
}

Answer encoded(const TextMode& mode, const Pieces& pieces) {
    TextEncoder encoder{mode};
    std::string bytes;
    std::string storage;
    try {
        for (const std::string_view piece : pieces) {
            bytes += encoder.encode(piece, storage, pieces.size() == 1);
        }
        bytes += encoder.encode({}, storage, true);
    } catch (const UnicodeEncodeError& error) {
        return {std::string{"UnicodeEncodeError "} + error.what(), error.reason()};
    }
    return {to_hex(bytes), to_hex(bytes)};
}

std::string answer(const std::function<Answer(const Pieces&)>& ask,
                   std::string_view bytes) {
    const Answer whole = ask({bytes});
    Pieces single;
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        single.push_back(bytes.substr(cut, 1));
        const Answer in_two = ask({bytes.substr(0, cut), bytes.substr(cut)});
        if (in_two.of_any_cut != whole.of_any_cut) {
            return "cut at " + std::to_string(cut) + ": " + in_two.of_any_cut +
                   ", whole: " + whole.of_any_cut;
        }
    }
    const Answer in_bytes = ask(single);
    if (in_bytes.of_any_cut != whole.of_any_cut) {
        return "byte by byte: " + in_bytes.of_any_cut + ", whole: " + whole.of_any_cut;
    }
    return whole.text;
}

}  // namespace

int main() {
    std::ios::sync_with_stdio(false);
    std::string question;
    std::string encoding;
    std::string errors;
    std::string bytes;
    while (std::cin >> question >> encoding >> errors >> bytes) {
        try {
            const TextMode mode = text_mode(encoding, errors, true);
            const auto ask = [&](const Pieces& pieces) {
                return question == "decode" ? decoded(mode, pieces)
                                            : encoded(mode, pieces);
            };
            std::cout << answer(ask, from_hex(bytes)) << '\n';
        } catch (const ValueError& error) {
            std::cout << "ValueError " << error.what() << '\n';
        }
    }
}
