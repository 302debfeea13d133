// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <forward_list>
#include <iterator>
#include <list>
#include <map>
#include <set>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "pyproc/multiprocessing/archive.hpp"
#include "pyproc/multiprocessing/codec.hpp"
#include "pyproc/multiprocessing/travels.hpp"

// A container is its length and then its elements. The length is believed only as far as
// there are bytes for so many elements, and memory is asked for as they come.

namespace pyproc::multiprocessing::detail {

/// What all containers' codecs have in common.
template <class... Ts>
struct ContainerCodec {
    using Parts = Types<Ts...>;
    static constexpr std::size_t least = sizeof(std::size_t);
    static constexpr bool is_fixed = false;
    static constexpr bool is_plain = false;
    static constexpr bool is_checked = true;
};

inline void write_length(Writer& to, std::size_t length) {
    write_value(to, length);
}

/// @throws DecodeError  What is left can't hold so many elements.
template <std::size_t least>
[[nodiscard]] std::size_t read_length(Reader& from) {
    static_assert(least > 0);
    const auto length = read_value<std::size_t>(from);
    if (length > from.left() / least) {
        throw DecodeError{"a length of " + std::to_string(length) + ", and " +
                          std::to_string(from.left()) + " bytes left"};
    }
    return length;
}

/// How many elements to make room for before they have been read: of hostile bytes, never
/// much more than they would fill themselves.
template <class T>
[[nodiscard]] std::size_t room_for(std::size_t length, const Reader& from) {
    return std::min(length, from.left() / sizeof(T) + 1);
}

template <class T, class Range>
void write_elements(Writer& to, const Range& range, std::size_t length) {
    write_length(to, length);
    if constexpr (Codec<T>::is_fixed) {
        if (std::byte* const place = to.claim(length * Codec<T>::least)) {
            FixedWriter fixed{place};
            for (const T& element : range) write_value(fixed, element);
        }
    } else {
        const auto level = to.enter(sizeof(T));
        for (const T& element : range) write_value(to, element);
    }
}

/// Calls `add` with each element.
template <class T, class Add>
void read_elements(Reader& from, std::size_t length, Add add) {
    if constexpr (Codec<T>::is_fixed) {
        FixedReader fixed{from.take(length * Codec<T>::least)};
        for (std::size_t i = 0; i < length; ++i) add(read_value<T>(fixed));
    } else {
        const auto level = from.enter(sizeof(T));
        for (std::size_t i = 0; i < length; ++i) add(read_value<T>(from));
    }
}

/// Strings and vectors of plain elements: one memcpy.
template <class Container>
void write_run(Writer& to, const Container& container) {
    write_length(to, container.size());
    to.write(container.data(), container.size() * sizeof(*container.data()));
}

template <class Container>
[[nodiscard]] Container read_run(Reader& from) {
    using T = typename Container::value_type;
    const std::size_t length = read_length<sizeof(T)>(from);
    const std::byte* const bytes = from.take(length * sizeof(T));
    if constexpr (Codec<T>::is_checked) {
        for (std::size_t i = 0; i < length; ++i) check_plain<T>(bytes + i * sizeof(T));
    }
    if (length == 0) return Container();
    if (reinterpret_cast<std::uintptr_t>(bytes) % alignof(T) == 0) {
        // Where the bytes are aligned they are such elements, made by the memcpy that
        // wrote them; copied from there, none is set to zero first.
        const T* const first = reinterpret_cast<const T*>(bytes);
        return Container(first, first + length);
    }
    if constexpr (std::is_trivially_default_constructible_v<T>) {
        Container container(length, T());
        std::memcpy(static_cast<void*>(container.data()), bytes, length * sizeof(T));
        return container;
    } else {
        Container container;
        container.reserve(length);
        for (std::size_t i = 0; i < length; ++i) {
            container.push_back(load<T>(bytes + i * sizeof(T)));
        }
        return container;
    }
}

template <class C, class Traits, class Allocator>
struct Codec<std::basic_string<C, Traits, Allocator>> : ContainerCodec<C> {
    using String = std::basic_string<C, Traits, Allocator>;

    static void write(Writer& to, const String& text) { write_run(to, text); }
    static String read(Reader& from) { return read_run<String>(from); }
};

template <class T, class Allocator>
struct Codec<std::vector<T, Allocator>> : ContainerCodec<T> {
    using Vector = std::vector<T, Allocator>;

    static void write(Writer& to, const Vector& vector) {
        if constexpr (Codec<T>::is_plain) {
            write_run(to, vector);
        } else {
            write_elements<T>(to, vector, vector.size());
        }
    }

    static Vector read(Reader& from) {
        if constexpr (Codec<T>::is_plain) {
            return read_run<Vector>(from);
        } else {
            const std::size_t length = read_length<Codec<T>::least>(from);
            Vector vector;
            vector.reserve(room_for<T>(length, from));
            read_elements<T>(from, length, [&vector](T&& element) {
                vector.push_back(std::move(element));
            });
            return vector;
        }
    }
};

/// Eight to the byte.
template <class Allocator>
struct Codec<std::vector<bool, Allocator>> : ContainerCodec<bool> {
    using Vector = std::vector<bool, Allocator>;

    static void write(Writer& to, const Vector& vector) {
        write_length(to, vector.size());
        std::byte* const place = to.claim(vector.size() / 8 + (vector.size() % 8 != 0));
        if (place == nullptr) return;
        std::size_t i = 0;
        for (const bool bit : vector) {
            if (i % 8 == 0) place[i / 8] = std::byte{0};
            if (bit) place[i / 8] |= std::byte{1} << (i % 8);
            ++i;
        }
    }

    static Vector read(Reader& from) {
        const auto length = read_value<std::size_t>(from);
        const std::byte* const bytes = from.take(length / 8 + (length % 8 != 0));
        Vector vector(length);
        for (std::size_t i = 0; i < length; ++i) {
            vector[i] = ((bytes[i / 8] >> (i % 8)) & std::byte{1}) != std::byte{0};
        }
        if (length % 8 != 0 && (bytes[length / 8] >> (length % 8)) != std::byte{0}) {
            throw DecodeError{"bits beyond the end of a std::vector<bool>"};
        }
        return vector;
    }
};

/// Sequences that grow at their end.
template <class Sequence>
struct SequenceCodec : ContainerCodec<typename Sequence::value_type> {
    using T = typename Sequence::value_type;

    static void write(Writer& to, const Sequence& sequence) {
        write_elements<T>(to, sequence, sequence.size());
    }

    static Sequence read(Reader& from) {
        Sequence sequence;
        read_elements<T>(
            from, read_length<Codec<T>::least>(from),
            [&sequence](T&& element) { sequence.push_back(std::move(element)); });
        return sequence;
    }
};

template <class T, class Allocator>
struct Codec<std::deque<T, Allocator>> : SequenceCodec<std::deque<T, Allocator>> {};
template <class T, class Allocator>
struct Codec<std::list<T, Allocator>> : SequenceCodec<std::list<T, Allocator>> {};

template <class T, class Allocator>
struct Codec<std::forward_list<T, Allocator>> : ContainerCodec<T> {
    using List = std::forward_list<T, Allocator>;

    static void write(Writer& to, const List& list) {
        const auto length = std::distance(list.begin(), list.end());
        write_elements<T>(to, list, static_cast<std::size_t>(length));
    }

    static List read(Reader& from) {
        List list;
        auto last = list.before_begin();
        read_elements<T>(from, read_length<Codec<T>::least>(from),
                         [&list, &last](T&& element) {
                             last = list.insert_after(last, std::move(element));
                         });
        return list;
    }
};

/// @throws DecodeError  An element was read twice into a container that has each once.
template <class Container>
void require_length(const Container& container, std::size_t length) {
    if (container.size() != length) throw DecodeError{"an element that is there twice"};
}

/// Sets, in their order, so that reading adds each at the end.
template <class Set, class... Policies>
struct SetCodec : ContainerCodec<typename Set::key_type, MustBeStateless<Policies>...> {
    using T = typename Set::key_type;

    static void write(Writer& to, const Set& set) {
        write_elements<T>(to, set, set.size());
    }

    static Set read(Reader& from) {
        const std::size_t length = read_length<Codec<T>::least>(from);
        Set set;
        read_elements<T>(from, length, [&set](T&& element) {
            set.emplace_hint(set.end(), std::move(element));
        });
        require_length(set, length);
        return set;
    }
};

/// Maps, as keys and values in turn.
template <class Map, class... Policies>
struct MapCodec : ContainerCodec<typename Map::key_type, typename Map::mapped_type,
                                 MustBeStateless<Policies>...> {
    using Key = typename Map::key_type;
    using Mapped = typename Map::mapped_type;

    static void write(Writer& to, const Map& map) {
        write_length(to, map.size());
        const auto level = to.enter(sizeof(Key) + sizeof(Mapped));
        for (const auto& [key, mapped] : map) {
            write_value(to, key);
            write_value(to, mapped);
        }
    }

    static Map read(Reader& from) {
        const std::size_t length =
            read_length<Codec<Key>::least + Codec<Mapped>::least>(from);
        const auto level = from.enter(sizeof(Key) + sizeof(Mapped));
        Map map;
        for (std::size_t i = 0; i < length; ++i) {
            Key key = read_value<Key>(from);
            map.emplace_hint(map.end(), std::move(key), read_value<Mapped>(from));
        }
        require_length(map, length);
        return map;
    }
};

template <class T, class C, class A>
struct Codec<std::set<T, C, A>> : SetCodec<std::set<T, C, A>, C> {};
template <class T, class C, class A>
struct Codec<std::multiset<T, C, A>> : SetCodec<std::multiset<T, C, A>, C> {};
template <class T, class H, class E, class A>
struct Codec<std::unordered_set<T, H, E, A>>
    : SetCodec<std::unordered_set<T, H, E, A>, H, E> {};
template <class T, class H, class E, class A>
struct Codec<std::unordered_multiset<T, H, E, A>>
    : SetCodec<std::unordered_multiset<T, H, E, A>, H, E> {};
template <class K, class T, class C, class A>
struct Codec<std::map<K, T, C, A>> : MapCodec<std::map<K, T, C, A>, C> {};
template <class K, class T, class C, class A>
struct Codec<std::multimap<K, T, C, A>> : MapCodec<std::multimap<K, T, C, A>, C> {};
template <class K, class T, class H, class E, class A>
struct Codec<std::unordered_map<K, T, H, E, A>>
    : MapCodec<std::unordered_map<K, T, H, E, A>, H, E> {};
template <class K, class T, class H, class E, class A>
struct Codec<std::unordered_multimap<K, T, H, E, A>>
    : MapCodec<std::unordered_multimap<K, T, H, E, A>, H, E> {};

/// A comparison or a hash that has no state need not be sent.
template <Stateless T>
struct Codec<MustBeStateless<T>> {
    using Parts = Types<>;
};

}  // namespace pyproc::multiprocessing::detail
