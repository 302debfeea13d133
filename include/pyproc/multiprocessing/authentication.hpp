// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "pyproc/errors.hpp"
#include "pyproc/multiprocessing/framing.hpp"

/// How each end of a new connection shows that it knows the key, without telling it.
///
/// The messages are Python's. Since version 3.12 a challenge and its answer name their
/// digest, sha256 unless told otherwise. Before it they name none, and it is md5: an
/// older Python's challenge is answered so, and its answer to ours is accepted.
///
/// Source: HMAC is RFC 2104; the cryptography is OpenSSL's.
namespace pyproc::multiprocessing {

/// The other end does not know the key, or does not follow the protocol.
///
/// Python: `multiprocessing.AuthenticationError`.
class AuthenticationError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

namespace detail {

inline constexpr std::string_view challenge_mark = "#CHALLENGE#";
inline constexpr std::string_view welcome_mark = "#WELCOME#";
inline constexpr std::string_view failure_mark = "#FAILURE#";

/// Python's limit on each message of the protocol.
inline constexpr std::size_t longest_answer = 256;

/// The lengths of a challenge and an answer that name no digest.
inline constexpr std::size_t old_challenge = 20;
inline constexpr std::size_t old_answer = 16;

/// The digest of that name; none if Python would not take it either.
[[nodiscard]] inline const EVP_MD* digest_named(std::string_view name) {
    if (name == "md5") return ::EVP_md5();
    if (name == "sha256") return ::EVP_sha256();
    if (name == "sha384") return ::EVP_sha384();
    if (name == "sha3_256") return ::EVP_sha3_256();
    if (name == "sha3_384") return ::EVP_sha3_384();
    return nullptr;
}

/// A message as the digest that it names, in braces, and the rest.
struct Marked {
    std::string_view digest;  ///< empty: none is named
    std::string_view rest;
};

/// @throws AuthenticationError  It names none, and is not as long as one of an older
///                              Python.
[[nodiscard]] inline Marked parted(std::string_view message) {
    if (message.size() == old_challenge || message.size() == old_answer) {
        return {{}, message};
    }
    const std::size_t end = message.find('}');
    if (message.starts_with('{') && end != message.npos) {
        const std::string_view digest = message.substr(1, end - 1);
        if (digest_named(digest) != nullptr) return {digest, message.substr(end + 1)};
    }
    throw AuthenticationError{"no digest, or an unknown one, is named"};
}

/// @throws AuthenticationError  OpenSSL does not do it: so with md5, where it is
///                              configured for FIPS.
[[nodiscard]] inline std::string hmac(std::string_view key, std::string_view message,
                                      std::string_view digest) {
    if (key.size() > INT_MAX) throw ValueError{"authkey is too long"};
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned size = 0;
    // Not null even if empty: that would mean the key of the call before.
    const char* const key_bytes = key.empty() ? "" : key.data();
    const unsigned char* const done =
        ::HMAC(digest_named(digest), key_bytes, static_cast<int>(key.size()),
               reinterpret_cast<const unsigned char*>(message.data()), message.size(),
               bytes.data(), &size);
    if (done == nullptr) throw AuthenticationError{"OpenSSL refuses the digest"};
    return {reinterpret_cast<const char*>(bytes.data()), size};
}

/// Whether they are equal, found out in a time that tells nothing of where they differ.
[[nodiscard]] inline bool are_equal(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && ::CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

/// The answer to a challenge, which is given without its mark.
///
/// @throws AuthenticationError  It is no challenge.
[[nodiscard]] inline std::string answer_to(std::string_view challenge,
                                           std::string_view key) {
    if (challenge.size() < old_challenge) {
        throw AuthenticationError{"challenge too short"};
    }
    const std::string_view digest = parted(challenge).digest;
    if (digest.empty()) return hmac(key, challenge, "md5");
    std::string answer = "{";
    answer.append(digest).append("}");
    return answer + hmac(key, challenge, digest);
}

/// Whether it is the answer to that challenge.
///
/// @throws AuthenticationError  It is no answer.
[[nodiscard]] inline bool is_answer(std::string_view answer, std::string_view challenge,
                                    std::string_view key) {
    const auto [digest, mac] = parted(answer);
    return are_equal(mac, hmac(key, challenge, digest.empty() ? "md5" : digest));
}

/// Calls what sends or receives, and tells the faults of the other end from our own: who
/// accepts others must be able to go on after those.
template <class Call>
auto with_peer(Call call) {
    try {
        return call();
    } catch (const OSError& error) {
        const int code = error.code().value();
        if (code == EPIPE || code == ECONNRESET) {
            throw EOFError{"the other end went away before it showed its key"};
        }
        if (code == EBADMSG || code == EMSGSIZE) {
            throw AuthenticationError{"what came is no message of the protocol"};
        }
        throw;
    }
}

/// @throws EOFError  The other end is gone.
inline void tell(const Channel& to, std::string_view message) {
    with_peer([&] { send_message(to, std::as_bytes(std::span{message})); });
}

/// @throws EOFError             The other end is gone.
/// @throws AuthenticationError  What comes is no message, or is too long.
[[nodiscard]] inline std::string hear(const Channel& from) {
    return with_peer([&] {
        Incoming incoming{from};
        incoming.begin();
        if (incoming.length() > longest_answer) Incoming::throw_bad_length();
        return incoming.read();
    });
}

/// A challenge that has never been, without its mark.
[[nodiscard]] inline std::string new_challenge() {
    std::array<unsigned char, 40> bytes{};
    if (::RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
        throw AuthenticationError{"OpenSSL has no random bytes"};
    }
    return "{sha256}" +
           std::string{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Asks the other end to show that it knows the key.
///
/// @throws AuthenticationError  It does not.
inline void deliver_challenge(const Channel& channel, std::string_view key) {
    const std::string challenge = new_challenge();
    tell(channel, std::string{challenge_mark} + challenge);
    const std::string answer = hear(channel);
    bool is_right = false;
    std::string why = "digest received was wrong";
    try {
        is_right = is_answer(answer, challenge, key);
    } catch (const AuthenticationError& error) {
        why = error.what();
    }
    tell(channel, is_right ? welcome_mark : failure_mark);
    if (!is_right) throw AuthenticationError{why};
}

/// Shows the other end that the key is known here.
///
/// @throws AuthenticationError  It is not convinced, or has sent no challenge.
inline void answer_challenge(const Channel& channel, std::string_view key) {
    const std::string message = hear(channel);
    if (!message.starts_with(challenge_mark)) {
        throw AuthenticationError{"what came is no challenge"};
    }
    tell(channel,
         answer_to(std::string_view{message}.substr(challenge_mark.size()), key));
    if (hear(channel) != welcome_mark) {
        throw AuthenticationError{"digest sent was rejected"};
    }
}

}  // namespace detail

}  // namespace pyproc::multiprocessing
