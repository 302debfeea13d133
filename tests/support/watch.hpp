// SPDX-License-Identifier: BSL-1.0
#pragma once

namespace test {

/// How often a test of this program has left something behind: a child, an open
/// descriptor, a blocked signal. Such a test would fail another one, later and far from
/// the cause, so each is named on stderr when it ends, and fails the program.
int number_of_faults();

}  // namespace test
