// SPDX-License-Identifier: BSL-1.0
// Catch2, version 2 (Debian 12) or 3 (Ubuntu 24.04), in one spelling: tests include this
// and take what is not a macro from namespace test.
#pragma once

#include <string>

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#define CATCH_CONFIG_EXTERNAL_INTERFACES  // declares Listener's base
#include <catch2/catch.hpp>
#endif

namespace test {

using Catch::Matchers::EndsWith;
using Catch::Matchers::Equals;
using Catch::Matchers::Message;  // for CHECK_THROWS_MATCHES
using Catch::Matchers::Predicate;
using Catch::Matchers::StartsWith;

/// Whether a text matches a regular expression as a whole.
inline auto Matches(const std::string& regex) {
    return Catch::Matchers::Matches(regex);
}

#if __has_include(<catch2/catch_all.hpp>)
/// Whether a text has `part` in it. Version 3 calls this so because its Contains looks
/// into ranges.
inline auto Contains(const std::string& part) {
    return Catch::Matchers::ContainsSubstring(part);
}
using Catch::Approx;
using Listener = Catch::EventListenerBase;
inline const std::string& name_of(const Catch::TestCaseStats& stats) {
    return stats.testInfo->name;
}
#else
inline auto Contains(const std::string& part) {
    return Catch::Matchers::Contains(part);
}
using Catch::Detail::Approx;
using Listener = Catch::TestEventListenerBase;
inline const std::string& name_of(const Catch::TestCaseStats& stats) {
    return stats.testInfo.name;
}
#endif

}  // namespace test
