// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "pyproc/multiprocessing/exception_codec.hpp"
#include "pyproc/multiprocessing/serialize.hpp"
#include "pyproc/multiprocessing/system_exit.hpp"
#include "pyproc/multiprocessing/target.hpp"

namespace pyproc::multiprocessing::detail {

using Bytes = std::vector<std::byte>;

/// What a worker calls to do a task: reads the call from bytes, makes it, and appends
/// what it returns. It throws what the call throws.
///
/// As an address it means the same in every process that was forked of this program.
using TaskCode = void (*)(std::span<const std::byte> call, Bytes& result);

/// What comes back for a call that returns nothing.
template <class R>
using ResultOf =
    std::conditional_t<std::is_void_v<R>, std::monostate, std::remove_cvref_t<R>>;

template <class F>
consteval void require_callable_travels() {
    static_assert(Sent<F>::is_possible,
                  "a task's callable can't be sent to a worker: use a function, a lambda "
                  "without captures, or a struct whose members travel; what a lambda has "
                  "captured can't be seen, so pass it as an argument instead");
}

template <class R>
consteval void require_result_travels() {
    static_assert(Travels<R>,
                  "what a task returns can't be sent back from a worker: it has or is a "
                  "pointer, reference or view, or is a class that can't be looked into; "
                  "see serialize.hpp");
}

template <class Arg>
consteval void require_argument_travels() {
    static_assert(Sent<Arg>::is_possible,
                  "an argument of a task can't be sent to a worker: it has or is a "
                  "pointer, reference or view, or is a class that can't be looked into; "
                  "see serialize.hpp");
}

template <class T>
void append(Bytes& bytes, const T& value) {
    const std::size_t before = bytes.size();
    bytes.resize(before + encoded_size(value));
    encode_into(std::span{bytes}.subspan(before), value);
}

template <class Part>
[[nodiscard]] auto read_part(Reader& reader) {
    return reader.template read<typename Sent<Part>::Type>();
}

/// Makes a call and appends its result.
template <class Call>
void append_result_of(Bytes& result, Call call) {
    using R = std::invoke_result_t<Call>;
    if constexpr (std::is_void_v<R>) {
        call();
        append(result, std::monostate{});
    } else {
        append<ResultOf<R>>(result, call());
    }
}

/// As what an argument is copied: an array as what it decays to.
template <class Arg>
using ArgOf = std::decay_t<const Arg&>;

/// A call of a callable on arguments, to be made by a worker.
template <class F, class... Args>
class PackedCall {
public:
    static_assert(std::is_invocable_v<F&, Args...>,
                  "the task can't be called with these arguments; it gets copies of "
                  "them, as rvalues");
    using Result = ResultOf<std::invoke_result_t<F&, Args...>>;
    using Returned = std::conditional_t<std::is_void_v<std::invoke_result_t<F&, Args...>>,
                                        void, Result>;

    /// Refers to what it is given.
    template <class... Given>
    explicit PackedCall(const F& callable, const Given&... args) noexcept
        : parts_{callable, args...} {
        require_callable_travels<F>();
        (require_argument_travels<Args>(), ...);
        require_result_travels<Result>();
    }

    [[nodiscard]] std::size_t size() const {
        Writer counter;
        write(counter);
        return counter.size();
    }

    void write(std::span<std::byte> to) const {
        Writer writer{to};
        write(writer);
    }

    static void run(std::span<const std::byte> call, Bytes& result) {
        Reader reader{call};
        // In braces, so that they are read in their order.
        std::tuple<typename Sent<F>::Type, typename Sent<Args>::Type...> sent{
            read_part<F>(reader), read_part<Args>(reader)...};
        append_result_of(result, [&sent]() -> decltype(auto) {
            return std::apply(
                [](auto& callable, auto&... args) -> decltype(auto) {
                    auto&& target = Sent<F>::unpack(callable);
                    return std::invoke(target, Sent<Args>::unpack(args)...);
                },
                sent);
        });
    }

private:
    void write(Writer& writer) const {
        std::apply(
            [&writer](const F& callable, const Args&... args) {
                writer(Sent<F>::pack(callable));
                (writer(Sent<Args>::pack(args)), ...);
            },
            parts_);
    }

    // Pointers, to which arrays have decayed, are kept themselves.
    template <class Arg>
    using Kept = std::conditional_t<std::is_pointer_v<Arg>, Arg, const Arg&>;

    std::tuple<Kept<F>, Kept<Args>...> parts_;
};

/// How a callable is called on one item: as it is, or with what is in a tuple.
struct OnItem {
    template <class F, class Item>
    static decltype(auto) call(F& callable, Item&& item) {
        return std::invoke(callable, std::forward<Item>(item));
    }
};
struct OnTuple {
    template <class F, class Item>
    static decltype(auto) call(F& callable, Item&& item) {
        return std::apply(callable, std::forward<Item>(item));
    }
};

/// Before the results of a chunk: how many of its calls have thrown, and where among the
/// bytes it is said what. Those have no result.
struct ChunkHead {
    std::uint64_t failure_count;
    std::uint64_t failures_at;
};

/// A call that has thrown.
struct ChunkFailure {
    std::uint64_t place;  ///< of its item in the chunk
    Bytes exception;
};

/// Calls of one callable on items that follow each other, to be made by one worker.
///
/// @tparam How  `OnItem` or `OnTuple`.
template <class How, class F, class Item>
class PackedChunk {
public:
    using Result = ResultOf<decltype(How::call(
        std::declval<F&>(),
        Sent<Item>::unpack(std::declval<typename Sent<Item>::Type&>())))>;

    /// Appends a chunk: `count` items from `at` on, which is moved past them.
    template <class Iterator>
    static void append_to(Bytes& bytes, const F& callable, Iterator& at,
                          std::size_t count) {
        require_callable_travels<F>();
        require_argument_travels<Item>();
        require_result_travels<Result>();
        append(bytes, Sent<F>::pack(callable));
        append(bytes, std::uint64_t{count});
        if constexpr (fixed_size<typename Sent<Item>::Type> != 0) {
            constexpr std::size_t size = fixed_size<typename Sent<Item>::Type>;
            std::size_t end = bytes.size();
            bytes.resize(end + count * size);
            for (std::size_t i = 0; i < count; ++i, ++at, end += size) {
                const Item& item = *at;
                encode_into(std::span{bytes}.subspan(end, size), Sent<Item>::pack(item));
            }
        } else {
            for (std::size_t i = 0; i < count; ++i, ++at) {
                const Item& item = *at;
                append(bytes, Sent<Item>::pack(item));
            }
        }
    }

    static void run(std::span<const std::byte> call, Bytes& result) {
        Reader reader{call};
        auto sent = read_part<F>(reader);
        auto&& callable = Sent<F>::unpack(sent);
        const auto count = reader.read<std::uint64_t>();
        result.resize(sizeof(ChunkHead));
        if constexpr (fixed_size<Result> != 0) {
            // No more than there are items, whatever the count says.
            result.reserve(sizeof(ChunkHead) +
                           std::min<std::size_t>(count, reader.left()) *
                               fixed_size<Result>);
        }
        std::vector<ChunkFailure> failures;
        for (std::uint64_t i = 0; i < count; ++i) {
            const std::size_t before = result.size();
            auto item = read_part<Item>(reader);
            try {
                append_result_of(result, [&]() -> decltype(auto) {
                    return How::call(callable, Sent<Item>::unpack(item));
                });
            } catch (const SystemExit&) {
                throw;
            } catch (...) {
                const auto failure = std::current_exception();
                if (!failure) throw;  // the thread is being unwound, by pthread_exit
                result.resize(before);
                failures.push_back({i, encode_exception(failure)});
            }
        }
        const ChunkHead head{failures.size(), result.size()};
        std::memcpy(result.data(), &head, sizeof head);
        for (const ChunkFailure& failure : failures) append(result, failure);
    }
};

/// Reads the results of a chunk, in the order of its items.
///
/// @param count       How many items it had.
/// @param on_value    Called with the place of an item and its result.
/// @param on_failure  Called with the place of an item and what its call has thrown.
/// @throws DecodeError  The bytes are no such results.
template <class R, class OnValue, class OnFailure>
void unpack_chunk(std::span<const std::byte> bytes, std::size_t count, OnValue on_value,
                  OnFailure on_failure) {
    ChunkHead head{};
    if (bytes.size() < sizeof head) throw_cut_off(sizeof head, bytes.size());
    std::memcpy(&head, bytes.data(), sizeof head);
    if (head.failures_at < sizeof head || head.failures_at > bytes.size()) {
        throw DecodeError{"a chunk's failures are outside of it"};
    }
    Reader values{bytes.subspan(sizeof head, head.failures_at - sizeof head)};
    Reader failures{bytes.subspan(head.failures_at)};
    std::uint64_t failures_left = head.failure_count;
    ChunkFailure failure{};
    const auto next_failure = [&] {
        failure = failures_left-- > 0 ? failures.read<ChunkFailure>()
                                      : ChunkFailure{~std::uint64_t{0}, {}};
    };
    next_failure();
    for (std::size_t i = 0; i < count; ++i) {
        if (i == failure.place) {
            on_failure(i, decode_exception(failure.exception));
            next_failure();
        } else {
            on_value(i, values.read<R>());
        }
    }
}

}  // namespace pyproc::multiprocessing::detail
