// SPDX-License-Identifier: BSL-1.0
// Ends at once, with its standard input unread.

int main() {}
