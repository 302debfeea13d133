// SPDX-License-Identifier: BSL-1.0
// Counts the words of files, each piece of a file by whichever process is free, and adds
// the counts up: map, then reduce. On a terminal, a bar shows how far it is.
//
//     $ ./word_count /usr/share/common-licenses/GPL-*
//     [INFO] 5 files, 99 kB, 2104 different words of 16341
//     [INFO]   1062 the
//     [INFO]    592 of
//     ...

#include <pyproc/futures.hpp>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <unistd.h>

namespace fs = std::filesystem;
using namespace pyproc::futures;

using Counts = std::unordered_map<std::string, std::uint64_t>;

/// A part of a file. A word belongs to the piece that its first letter is in.
struct Piece {
    fs::path file;
    std::uint64_t begin;
    std::uint64_t end;
};

bool is_of_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0;
}

Counts count_words(const Piece& piece) {
    std::ifstream in{piece.file, std::ios::binary};
    if (!in) throw std::runtime_error{"can't read " + piece.file.string()};
    std::uint64_t at = piece.begin;
    char c = 0;
    if (at > 0) {
        // A word that has begun before is the other piece's.
        in.seekg(static_cast<std::streamoff>(at - 1));
        while (in.get(c) && is_of_word(c)) ++at;
    }
    Counts counts;
    std::string word;
    while (in.get(c)) {
        if (is_of_word(c)) {
            if (word.empty() && at >= piece.end) break;
            word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        } else if (!word.empty()) {
            ++counts[std::exchange(word, {})];
        }
        ++at;
    }
    if (!word.empty()) ++counts[word];
    return counts;
}

void show_bar(std::size_t done, std::size_t total) {
    constexpr std::size_t width = 40;
    const std::size_t full = done * width / total;
    std::cerr << "\r[" << std::string(full, '#') << std::string(width - full, ' ') << "] "
              << done << '/' << total << (done == total ? "\n" : "") << std::flush;
}

int main(int argc, char** argv) try {
    constexpr std::uint64_t piece_size = 1 << 20;
    const std::vector<fs::path> files(argv + 1, argv + argc);
    if (files.empty()) throw std::invalid_argument{"which files?"};

    // A file that can't be read is no reason to break the pool: its pieces throw.
    ProcessPoolExecutor executor;
    std::vector<Future<Counts>> pieces;
    std::uint64_t bytes = 0;
    for (const fs::path& file : files) {
        const std::uint64_t size = fs::file_size(file);
        bytes += size;
        for (std::uint64_t begin = 0; begin < size; begin += piece_size) {
            pieces.push_back(executor.submit(
                count_words, Piece{file, begin, std::min(begin + piece_size, size)}));
        }
    }

    AsCompletedOptions options;
    if (::isatty(STDERR_FILENO) != 0) options.on_progress = show_bar;
    Counts all;
    for (const Future<Counts>& piece : as_completed(options, pieces)) {
        for (const auto& [word, count] : piece.result()) all[word] += count;
    }

    std::uint64_t words = 0;
    std::vector<std::pair<std::uint64_t, std::string>> sorted;
    for (const auto& [word, count] : all) {
        words += count;
        sorted.emplace_back(count, word);
    }
    std::ranges::sort(sorted, [](const auto& left, const auto& right) {
        return left.first != right.first ? left.first > right.first
                                         : left.second < right.second;
    });
    std::cout << "[INFO] " << files.size() << " files, " << bytes / 1000 << " kB, "
              << sorted.size() << " different words of " << words << '\n';
    for (std::size_t i = 0; i < std::min<std::size_t>(sorted.size(), 10); ++i) {
        std::string count = std::to_string(sorted[i].first);
        count.insert(0, 6 - std::min<std::size_t>(count.size(), 6), ' ');
        std::cout << "[INFO] " << count << ' ' << sorted[i].second << '\n';
    }
} catch (const std::exception& error) {
    std::cerr << "word_count: " << error.what() << '\n';
    return EXIT_FAILURE;
}
