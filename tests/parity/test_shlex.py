# SPDX-License-Identifier: BSL-1.0
"""Our shlex beside Python's, on random strings of the characters that mean something."""

import os
import random
import shlex
import subprocess
import unittest

PROGRAM = os.path.join(os.environ["PARITY"], "parity.shlex")


def coded(text):
    return "x" + text.encode().hex()


def split_by_python(text, comments, posix):
    try:
        return "".join(coded(word) + " " for word in shlex.split(text, comments, posix))
    except ValueError as error:
        return f"ValueError {error}"


class Shlex(unittest.TestCase):
    def test_every_string_is_taken_apart_as_python_does(self):
        randomness = random.Random(20)
        alphabet = "ab\\\\''\"\"  #\n\t\r$*é-"
        texts = [
            "".join(randomness.choices(alphabet, k=randomness.randrange(0, 14)))
            for _ in range(50_000)
        ]
        questions, answers = [], []
        for text in texts:
            for comments in (False, True):
                for posix in (False, True):
                    questions.append(f"split {comments:d}{posix:d} {coded(text)}")
                    answers.append(split_by_python(text, comments, posix))
            questions.append(f"quote {coded(text)}")
            answers.append(coded(shlex.quote(text)))

        done = subprocess.run(
            [PROGRAM], input="\n".join(questions), capture_output=True, text=True, check=True
        )

        ours = done.stdout.split("\n")[:-1]
        self.assertEqual(len(ours), len(answers))
        for question, answer, our in zip(questions, answers, ours):
            self.assertEqual(our, answer, question)


if __name__ == "__main__":
    unittest.main()
