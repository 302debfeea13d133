// SPDX-License-Identifier: BSL-1.0
// Does nothing, so that starting it is all that there is to measure.

int main() {}
