#!/usr/bin/python3
# SPDX-License-Identifier: BSL-1.0
"""Our repr of text and bytes against Python's, for every code point and for random strings.

    PARITY=<directory of the program parity.repr> python3 tests/parity/test_repr.py
"""

import os
import pathlib
import random
import subprocess
import sys
import unicodedata
import unittest

PROGRAM = pathlib.Path(os.environ.get("PARITY", ".")) / "parity.repr"

OURS = "14.0.0"  # the version of Unicode in include/pyproc/unicode.hpp

# How many printable characters a version has that ours leaves unassigned, from the counts in
# https://www.unicode.org/versions/: 15.0 added 4,489, of which 7 are format controls, and
# 15.1 added 627.
PRINTABLE_SINCE_OURS = {OURS: 0, "15.0.0": 4482, "15.1.0": 5109}

CODE_POINTS = [point for point in range(sys.maxunicode + 1) if not 0xD800 <= point <= 0xDFFF]


def our_reprs(strings):
    """Pairs: our repr of each string of bytes, as text and as bytes."""
    lines = b"\n".join(string.hex().encode() for string in strings) + b"\n"
    out = subprocess.run([PROGRAM], input=lines, stdout=subprocess.PIPE, check=True).stdout
    answers = out.split(b"\n")[:-1]
    assert len(answers) == 2 * len(strings)
    return list(zip(answers[::2], answers[1::2]))


def their_reprs(string):
    as_text = repr(string.decode("utf-8", "surrogateescape"))
    return as_text.encode("utf-8"), repr(string).encode()


def code_points_to_skip():
    """Those that the two versions of Unicode may differ in: one of them has no character there.

    Unassigned in Python's version, if it is the older one; in a newer one, printable there
    and escaped by us. How many these may be is a test of its own.
    """
    if unicodedata.unidata_version == OURS:
        return set()
    reprs = our_reprs([chr(point).encode() for point in CODE_POINTS])
    escaped = {point for point, (text, _) in zip(CODE_POINTS, reprs) if text[1:2] == b"\\"}
    escaped -= {ord("\\")}
    newer = {point for point in escaped if chr(point).isprintable()}
    older = {
        point for point in CODE_POINTS
        if point not in escaped and unicodedata.category(chr(point)) == "Cn"
    }
    return newer | older


class Repr(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.skipped = code_points_to_skip()

    def compare(self, strings):
        for string, ours in zip(strings, our_reprs(strings)):
            if ours != their_reprs(string):
                self.assertEqual(ours, their_reprs(string), f"for {string.hex()}")

    def test_no_more_is_skipped_than_newer_versions_of_unicode_have_added(self):
        version = unicodedata.unidata_version
        if version not in PRINTABLE_SINCE_OURS:
            self.skipTest(f"how much Unicode {version} has added is not written here")
        self.assertEqual(len(self.skipped), PRINTABLE_SINCE_OURS[version])

    def test_every_code_point_alone(self):
        self.compare([chr(p).encode() for p in CODE_POINTS if p not in self.skipped])

    def test_every_code_point_beside_a_single_quote(self):
        self.compare([f"{chr(p)}'".encode() for p in CODE_POINTS if p not in self.skipped])

    def test_every_pair_of_bytes(self):
        self.compare([bytes((first, second)) for first in range(256) for second in range(256)
                      if self.is_comparable(bytes((first, second)))])

    def test_every_lead_byte_with_every_second_byte_and_edges_after(self):
        edges = (0x00, 0x7F, 0x80, 0xBF, 0xC0, 0xFF)
        strings = [bytes((lead, second, third, fourth))
                   for lead in range(0xC0, 0x100) for second in range(256)
                   for third in edges for fourth in edges]
        self.compare([string for string in strings if self.is_comparable(string)])

    def test_random_strings(self):
        source = random.Random(2)  # the same strings in every run
        strings = [self.random_string(source) for _ in range(30_000)]
        self.compare([string for string in strings if self.is_comparable(string)])

    def is_comparable(self, string):
        if not self.skipped:
            return True
        text = string.decode("utf-8", "surrogateescape")
        return not any(ord(character) in self.skipped for character in text)

    @staticmethod
    def random_string(source):
        """Pieces of text, of what is escaped, and of what is not UTF-8."""
        def piece():
            return source.choice((
                lambda: bytes((source.randrange(0x20, 0x7F),)),
                lambda: bytes((source.randrange(0x20),)),
                lambda: source.choice((b"'", b'"', b"\\", b"\n", b"\r", b"\t", b"\x7f", b"\0")),
                lambda: chr(source.randrange(0x80, 0x800)).encode(),
                lambda: chr(source.choice(CODE_POINTS)).encode(),
                lambda: chr(source.randrange(0x10000, 0x20000)).encode(),
                lambda: chr(source.randrange(0x800, 0x110000)).encode("utf-8", "surrogatepass"),
                lambda: chr(source.choice(CODE_POINTS)).encode()[:-1],
                lambda: source.randbytes(source.randrange(1, 5)),
            ))()
        return b"".join(piece() for _ in range(source.randrange(12)))


if __name__ == "__main__":
    unittest.main()
