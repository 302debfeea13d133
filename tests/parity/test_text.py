# SPDX-License-Identifier: BSL-1.0
"""Our decoding and encoding beside Python's: random bytes and hand-picked text, in many
encodings, under each of the error handlers. The program asks itself again with the bytes
cut at every place."""

import os
import random
import subprocess
import unittest

PROGRAM = os.path.join(os.environ["PARITY"], "parity.text")
HANDLERS = ("strict", "replace", "ignore")

# Decoded and encoded by the library itself: equal on all bytes, to the word.
OWN = """
    utf-8 utf8 utf_8 U8 UTF-8 utf-8-sig utf_8_sig ascii us-ascii 646 latin-1 latin1 iso8859-1
    L1 utf-16 UTF16 utf-16-le utf_16_be utf-32 utf-32-le utf_32_be
""".split()

# Tables of single bytes, in which glibc and Python agree. Not in the list, for they do not:
# cp1140 (encodes U+203E too), cp1255 and cp1258 (combine a letter and its accent into one
# character), mac_roman and mac_cyrillic (older by the euro sign), tis_620 (leaves 0x80 to
# 0x9f out), and what glibc does not have: cp720, cp1006 and most of mac_*.
TABLES = """
    cp037 cp1125 cp1250 cp1251 cp1252 windows-1252 1252 cp1253 cp1254 cp1256 cp1257 cp437
    cp500 cp737 cp775 cp850 cp852 cp855 cp857 cp858 cp860 cp861 cp862 cp863 cp864 cp865 cp866
    cp869 cp874 hp_roman8 iso8859_2 iso-8859-2 latin2 iso_8859_2_1987 iso8859_3 iso8859_4
    iso8859_5 cyrillic iso8859_6 iso8859_7 greek iso8859_8 iso8859_9 iso8859_10 iso8859_11
    iso8859_13 iso8859_14 iso8859-15 latin9 L9 iso8859_16 koi8_r KOI8-R koi8_t koi8_u kz1048
    ptcp154
""".split()

# Encodings of several bytes a character, with text in each that has the same bytes in glibc
# and in Python. Bytes that are no text are not compared: the two go on behind different
# ones, and glibc has characters in some places where Python has none.
SEVERAL_BYTES = {
    "big5": "a \r\n中文語日本",
    "big5hkscs": "a \r\n中文語日本嘅",
    "cp932": "a\\~ \r\n日本語ソ表ｱｶﾞ",
    "cp949": "a\\~ \r\n한국어中文똠",
    "cp950": "a \r\n中文語日本",
    "euc_jp": "a\\~ \r\n日本語ソ表ｱｶﾞ",
    "ujis": "a\\~ \r\n日本語ソ表ｱｶﾞ",
    "euc_kr": "a\\~ \r\n한국어中文",
    "gb18030": "a\\~ \r\n中文语日本é€😀한",
    "gb2312": "a\\~ \r\n中文语日本",
    "gbk": "a\\~ \r\n中文語日本",
    "iso2022_jp": "a\\~ \r\n日本語ソ表",
    "iso2022_jp_2": "a\\~ \r\n日本語ソ表",
    "johab": "a \r\n한국어中文",
    "shift_jis": "a\\~ \r\n日本語ソ表ｱｶﾞ",
    "Shift-JIS": "a\\~ \r\n日本語ソ表ｱｶﾞ",
    "sjis": "a\\~ \r\n日本語ソ表ｱｶﾞ",
    "euc_jisx0213": "a \r\n日本語ソ表ｱ",
}

PIECES = [
    b"a", b"?", b"\\", b"~", b"\0", b"\r", b"\n", b"\r\n", "é".encode(), "€".encode(),
    "日本".encode(), "😀".encode(), "ｱ".encode(), "Ж".encode(), "한".encode(),
    b"\xff", b"\x80", b"\xc3", b"\xc0\xaf", b"\xe2\x82", b"\xe0\x80", b"\xed\xa0\x80",
    b"\xf0\x90", b"\xf0\x80\x80", b"\xf4\x90", b"\xef\xbb", b"\xef\xbb\xbf", b"\xff\xfe",
    b"\xfe\xff", b"\xff\xfe\0\0", b"\0\0\xfe\xff", b"\0\xd8", b"\0\xdc", b"\x11\0",
]  # fmt: skip


def coded(data):
    return "x" + data.hex()


def decoded_by_python(data, encoding, errors):
    try:
        text = data.decode(encoding, errors)
    except UnicodeDecodeError as error:
        return f"UnicodeDecodeError {error}"
    return coded(text.replace("\r\n", "\n").replace("\r", "\n").encode())


def encoded_by_python(text, encoding, errors):
    try:
        # The mark before a text is written with its first character.
        return coded(text.encode(encoding, errors) if text else b"")
    except UnicodeEncodeError as error:
        return f"UnicodeEncodeError {error}"


def bytes_of_all_kinds(randomness):
    if randomness.random() < 0.6:
        return b"".join(randomness.choices(PIECES, k=randomness.randrange(0, 8)))
    return randomness.randbytes(randomness.randrange(0, 10))


class Text(unittest.TestCase):
    def setUp(self):
        self.randomness = random.Random(20)
        self.questions = []
        self.answers = []

    def decode(self, data, encoding, errors):
        self.questions.append(f"decode {encoding} {errors} {coded(data)}")
        self.answers.append(decoded_by_python(data, encoding, errors))

    def encode(self, data, encoding, errors):
        self.questions.append(f"encode {encoding} {errors} {coded(data)}")
        text = data.decode("utf-8", "surrogateescape")
        self.answers.append(encoded_by_python(text, encoding, errors))

    def compare(self):
        done = subprocess.run(
            [PROGRAM],
            input="\n".join(self.questions),
            capture_output=True,
            text=True,
            check=True,
        )
        ours = done.stdout.split("\n")[:-1]
        self.assertEqual(len(ours), len(self.answers))
        for question, answer, our in zip(self.questions, self.answers, ours):
            self.assertEqual(our, answer, question)

    def test_bytes_and_text_of_all_kinds_in_the_encodings_of_our_own(self):
        for encoding in OWN:
            for _ in range(300):
                data = bytes_of_all_kinds(self.randomness)
                for errors in HANDLERS:
                    self.decode(data, encoding, errors)
                    self.encode(data, encoding, errors)
                    text = data.decode("utf-8", "ignore")
                    self.decode(text.encode(encoding, "ignore"), encoding, errors)
        self.compare()

    def test_bytes_and_text_of_all_kinds_in_tables_of_single_bytes(self):
        for encoding in TABLES:
            for errors in HANDLERS:
                self.decode(bytes(range(256)), encoding, errors)
                for byte in range(256):
                    self.decode(bytes([byte]), encoding, errors)
            for _ in range(100):
                data = bytes_of_all_kinds(self.randomness)
                for errors in HANDLERS:
                    self.decode(data, encoding, errors)
                    self.encode(data, encoding, errors)
        self.compare()

    def test_text_in_encodings_of_several_bytes_a_character(self):
        for encoding, alphabet in SEVERAL_BYTES.items():
            for _ in range(200):
                length = self.randomness.randrange(0, 9)
                text = "".join(self.randomness.choices(alphabet, k=length))
                for errors in HANDLERS:
                    self.encode(text.encode(), encoding, errors)
                    self.decode(text.encode(encoding), encoding, errors)
        self.compare()

    def test_what_several_bytes_a_character_can_not_encode(self):
        for encoding in SEVERAL_BYTES:
            for text in ("aЀ\u0900b", "\u0900\u0901", "a\u0900"):
                for errors in HANDLERS:
                    self.encode(text.encode(), encoding, errors)
        self.compare()

    def test_what_cuts_a_character_of_several_bytes_short(self):
        for encoding in SEVERAL_BYTES:
            if encoding.startswith("iso2022"):
                continue  # the sequence at its end returns to ASCII, so nothing is cut
            for text in ("日", "a日"):
                for errors in HANDLERS:
                    self.decode(text.encode(encoding)[:-1], encoding, errors)
        self.compare()

    def test_unknown_encodings(self):
        for name in ("nonesuch", "utf-99", "//TRANSLIT", "utf-8//IGNORE?"):
            self.questions.append(f"decode {name} strict x")
            self.answers.append(f"ValueError unknown encoding: {name}")
        for name in ("x", "Strict", "surrogateescape"):
            self.questions.append(f"decode utf-8 {name} x")
            self.answers.append(f"ValueError unknown error handler name '{name}'")
        self.compare()


if __name__ == "__main__":
    unittest.main()
