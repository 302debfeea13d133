// SPDX-License-Identifier: BSL-1.0
// Does with shared memory what test_shared_memory.py tells it to, one command a line, and
// answers each by a line.

#include <pyproc/multiprocessing.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include <pyproc/errors.hpp>

using namespace pyproc;
using namespace pyproc::multiprocessing::shared_memory;

namespace {

std::string to_hex(const std::string& bytes) {
    std::string text;
    for (const char byte : bytes) {
        char two[3];
        std::snprintf(two, sizeof two, "%02x",
                      static_cast<unsigned>(static_cast<unsigned char>(byte)));
        text += two;
    }
    return text;
}

std::string from_hex(const std::string& text) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
        bytes += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
    }
    return bytes;
}

std::string to_text(const Item& item) {
    return std::visit(
        [](const auto& value) -> std::string {
            using Value = std::remove_cvref_t<decltype(value)>;
            if constexpr (std::is_same_v<Value, std::monostate>) {
                return "n";
            } else if constexpr (std::is_same_v<Value, bool>) {
                return value ? "b1" : "b0";
            } else if constexpr (std::is_same_v<Value, std::int64_t>) {
                return 'i' + std::to_string(value);
            } else if constexpr (std::is_same_v<Value, double>) {
                char text[64];
                std::snprintf(text, sizeof text, "f%a", value);
                return text;
            } else if constexpr (std::is_same_v<Value, std::string>) {
                return 's' + to_hex(value);
            } else {
                return 'y' + to_hex(value.value);
            }
        },
        item);
}

Item to_item(const std::string& text) {
    const std::string rest = text.substr(1);
    switch (text[0]) {
        case 'b': return rest == "1";
        case 'i': return static_cast<std::int64_t>(std::stoll(rest));
        case 'f': return std::strtod(rest.c_str(), nullptr);
        case 's': return from_hex(rest);
        case 'y': return Bytes{from_hex(rest)};
        default: return std::monostate{};
    }
}

std::map<std::string, SharedMemory> segments;
std::optional<ShareableList> list;

std::string make_list(std::istream& words) {
    std::vector<Item> items;
    for (std::string word; words >> word;) items.push_back(to_item(word));
    list.emplace(items);
    return list->shm().name();
}

std::string all_items() {
    std::string text;
    for (const Item& item : list->items()) text += ' ' + to_text(item);
    return text.empty() ? text : text.substr(1);
}

std::string obey_list(const std::string& command, std::istream& words) {
    std::ptrdiff_t position = 0;
    std::string item;
    if (command == "make_list") return make_list(words);
    if (command == "attach_list") {
        words >> item;
        list.emplace(ShareableList::attach(item));
        return std::to_string(list->size());
    }
    if (command == "items") return all_items();
    if (command == "format") return list->format();
    if (command == "unlink_list") {
        list->shm().unlink();
        return "";
    }
    if (command == "index" || command == "count") {
        words >> item;
        return std::to_string(command == "index" ? list->index(to_item(item))
                                                 : list->count(to_item(item)));
    }
    words >> position >> item;
    if (command == "get") return to_text((*list)[position]);
    if (command != "set") throw std::runtime_error{"unknown command"};
    list->set(position, to_item(item));
    return "";
}

std::string obey(const std::string& line) {
    std::istringstream words{line};
    std::string command;
    std::string name;
    std::size_t number = 0;
    words >> command;
    if (command == "make" || command == "attach") {
        words >> name >> number;
        SharedMemory made({.create = command == "make",
                           .name = name == "-" ? std::nullopt : std::optional{name},
                           .size = number});
        const std::string answer = made.name() + ' ' + std::to_string(made.size());
        segments.insert_or_assign(made.name(), std::move(made));
        return answer;
    }
    if (command == "read" || command == "write") {
        std::string bytes;
        words >> name >> bytes;
        const auto memory = segments.at(name).buf();
        bytes = from_hex(bytes);
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            memory[i] = static_cast<std::byte>(bytes[i]);
        }
        return to_hex({reinterpret_cast<const char*>(memory.data()), memory.size()});
    }
    if (command == "unlink") {
        words >> name;
        segments.at(name).unlink();
        return "";
    }
    return obey_list(command, words);
}

/// Its class, as Python names it, and the text.
std::string describe_failure() {
    try {
        throw;
    } catch (const FileExistsError&) {
        return "FileExistsError";
    } catch (const FileNotFoundError&) {
        return "FileNotFoundError";
    } catch (const OSError& error) {
        return "OSError " + std::to_string(error.code().value());
    } catch (const UnicodeDecodeError&) {
        return "UnicodeDecodeError";
    } catch (const ValueError& error) {
        return std::string{"ValueError "} + error.what();
    } catch (const std::out_of_range& error) {
        return std::string{"IndexError "} + error.what();
    } catch (const std::exception& error) {
        return error.what();
    }
}

}  // namespace

int main() {
    for (std::string line; std::getline(std::cin, line);) {
        try {
            std::cout << "= " + obey(line) << std::endl;
        } catch (...) {
            std::cout << "! " + describe_failure() << std::endl;
        }
    }
}
