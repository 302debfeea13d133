// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/authentication.hpp"

#include <chrono>
#include <string>
#include <thread>

#include "pyproc/posix/socket.hpp"
#include "support/catch.hpp"

using namespace pyproc;
using namespace pyproc::multiprocessing;
using namespace pyproc::multiprocessing::detail;
using namespace std::chrono_literals;

namespace {

std::string hex(const std::string& bytes) {
    std::string text;
    for (const char byte : bytes) {
        const auto value = static_cast<unsigned char>(byte);
        text += "0123456789abcdef"[value / 16];
        text += "0123456789abcdef"[value % 16];
    }
    return text;
}

struct Ends {
    posix::SocketPair sockets = posix::make_stream_sockets().or_throw("socketpair");
    Channel a{.fd = sockets.first.get(), .medium = Medium::socket};
    Channel b{.fd = sockets.second.get(), .medium = Medium::socket};
};

constexpr const char* text = "what do ya want for nothing?";

}  // namespace

TEST_CASE("hmac: it is that of RFC 2202 and RFC 4231") {
    CHECK(hex(hmac("Jefe", text, "md5")) == "750c783e6ab0b503eaa86e310a5db738");
    CHECK(hex(hmac("Jefe", text, "sha256")) ==
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    CHECK(hmac("Jefe", text, "sha384").size() == 48);
    CHECK(hmac("Jefe", text, "sha3_256").size() == 32);
    CHECK(hmac("Jefe", text, "sha3_384").size() == 48);
}

TEST_CASE("hmac: an empty key is a key, and not that of the call before") {
    const std::string first = hmac("", text, "sha256");
    static_cast<void>(hmac("key", text, "sha256"));

    CHECK(hmac("", text, "sha256") == first);
    CHECK(hmac("key", text, "sha256") != first);
}

TEST_CASE("answer_to: a challenge is answered with the digest that it names") {
    const std::string challenge = new_challenge();

    const std::string answer = answer_to(challenge, "key");

    CHECK_THAT(answer, test::StartsWith("{sha256}"));
    CHECK(is_answer(answer, challenge, "key"));
    CHECK_FALSE(is_answer(answer, challenge, "other"));
    CHECK_FALSE(is_answer(answer, new_challenge(), "key"));
}

TEST_CASE("answer_to: an older Python's challenge is answered by md5 and no name") {
    const std::string challenge(20, 'c');

    CHECK(answer_to(challenge, "key") == hmac("key", challenge, "md5"));
}

TEST_CASE("is_answer: an older Python's answer to a challenge of ours is accepted") {
    const std::string challenge = new_challenge();

    CHECK(is_answer(hmac("key", challenge, "md5"), challenge, "key"));
    CHECK_FALSE(is_answer(hmac("other", challenge, "md5"), challenge, "key"));
}

TEST_CASE("is_answer: an answer is right as a whole or not at all") {
    const std::string challenge = new_challenge();
    const std::string answer = answer_to(challenge, "key");

    CHECK_FALSE(is_answer(answer + "x", challenge, "key"));
    CHECK_FALSE(is_answer(answer.substr(0, answer.size() - 1), challenge, "key"));
    CHECK_FALSE(is_answer("{sha256}", challenge, "key"));
    for (const char* bad : {"", "{", "{}", "{sha1}xxxxxxxxxxxxxxxxxxxx", "sha256"}) {
        CHECK_THROWS_AS(is_answer(bad, challenge, "key"), AuthenticationError);
    }
}

TEST_CASE("answer_to: what is too short, or names an unknown digest, is no challenge") {
    CHECK_THROWS_AS(answer_to("short", "key"), AuthenticationError);
    CHECK_THROWS_AS(answer_to(std::string(40, 'c'), "key"), AuthenticationError);
    CHECK_THROWS_AS(answer_to("{crc32}" + std::string(40, 'c'), "key"),
                    AuthenticationError);
}

TEST_CASE("new_challenge: no two are the same") {
    CHECK(new_challenge() != new_challenge());
    CHECK(new_challenge().size() == 48);
}

TEST_CASE("deliver_challenge, answer_challenge: both ends agree with the same key") {
    const Ends ends;
    std::thread answering{[&] { answer_challenge(ends.b, "key"); }};

    CHECK_NOTHROW(deliver_challenge(ends.a, "key"));

    answering.join();
}

TEST_CASE("deliver_challenge, answer_challenge: with other keys both ends are told") {
    const Ends ends;
    bool is_told = false;
    std::thread answering{[&] {
        try {
            answer_challenge(ends.b, "other");
        } catch (const AuthenticationError&) {
            is_told = true;
        }
    }};

    CHECK_THROWS_WITH(deliver_challenge(ends.a, "key"), "digest received was wrong");

    answering.join();
    CHECK(is_told);
}

TEST_CASE("deliver_challenge: an answer that is none, or is too long, is refused") {
    {
        const Ends ends;
        tell(ends.b, "no answer");
        CHECK_THROWS_AS(deliver_challenge(ends.a, "key"), AuthenticationError);
    }
    const Ends ends;
    tell(ends.b, std::string(257, 'x'));
    CHECK_THROWS_AS(deliver_challenge(ends.a, "key"), AuthenticationError);
}

TEST_CASE("answer_challenge: what is no challenge is refused") {
    const Ends ends;
    tell(ends.b, std::string(60, 'x'));

    CHECK_THROWS_AS(answer_challenge(ends.a, "key"), AuthenticationError);
}

TEST_CASE("deliver_challenge: who is silent, or gone, does not hold it up") {
    Ends ends;
    ends.a.deadline = posix::Deadline::after(10ms);
    CHECK_THROWS_AS(deliver_challenge(ends.a, "key"), TimeoutError);

    ends.a.deadline = {};
    ends.sockets.second.reset();
    CHECK_THROWS_AS(deliver_challenge(ends.a, "key"), EOFError);
}
