#!/usr/bin/python3
# SPDX-License-Identifier: BSL-1.0
"""Our os and signals against Python's: the same questions, under the same circumstances.

    PARITY=<directory of the program parity.os> python3 tests/parity/test_os.py

The questions stand in os.cpp, as Python expressions beside our calls. Each test below starts
that program and a python3 in the same circumstances and compares all their answers.
"""

import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

PROGRAM = pathlib.Path(os.environ.get("PARITY", ".")) / "parity.os"
NOBODY = 65534
AS_NOBODY = {"user": NOBODY, "group": NOBODY, "extra_groups": [7, 100, 20000]}

# A locale that Python leaves alone: under "C" it would change its own environment, PEP 538.
PLAIN = {"HOME": "/home/me", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}


def name_of_signal(number):
    try:
        return signal.Signals(number).name
    except ValueError:
        return ""


def describe_signal(number):
    try:
        return repr(signal.Signals(number))
    except ValueError:
        return f"unknown signal {number}"


def child_that_exits(code):
    child = os.fork()
    if child == 0:
        os._exit(code)
    return child


def child_that_is_killed(number):
    child = os.fork()
    while child == 0:
        signal.pause()
    os.kill(child, number)
    return child


def answer(question):
    try:
        return repr(eval(question))
    except OSError as error:
        return f"{type(error).__name__} {error.errno} {error.filename or ''}"
    except ValueError:
        return "ValueError"


def become_nobody():
    """Not left to subprocess: nobody may be barred from the folder that python3 lies in."""
    os.setgroups(AS_NOBODY["extra_groups"])
    os.setgid(AS_NOBODY["group"])
    os.setuid(AS_NOBODY["user"])


def answer_all():
    for question in sys.stdin.read().splitlines():
        text = f"{question}\t{answer(question)}\n"
        sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
        sys.stdout.flush()


@unittest.skipIf(sys.version_info < (3, 11), "signal.SIGSTKFLT is new in Python 3.11")
class Os(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        # Copies, since not everybody may enter the folders these lie in.
        cls.place = tempfile.mkdtemp(prefix="pyproc.")
        os.chmod(cls.place, 0o755)
        shutil.copy(PROGRAM, cls.place)
        shutil.copy(__file__, cls.place)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.place)

    def compare(self, who="--answer", env=None, cwd="/", **circumstances):
        circumstances |= {"env": PLAIN if env is None else env, "cwd": cwd}
        ours = subprocess.run([f"{self.place}/parity.os"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, check=True,
                              **(AS_NOBODY if who == "--answer-as-nobody" else {}),
                              **circumstances).stdout
        questions = b"".join(line.split(b"\t")[0] + b"\n" for line in ours.splitlines())
        theirs = subprocess.run(
            [sys.executable, "-I", "-S", f"{self.place}/test_os.py", who],
            input=questions, stdout=subprocess.PIPE, check=True, **circumstances).stdout
        self.assertGreater(len(ours.splitlines()), 200)
        self.assertEqual(len(ours.splitlines()), len(theirs.splitlines()))
        self.assertEqual([], [f"ours: {our.decode(errors='backslashreplace')}; "
                              f"theirs: {their.decode(errors='backslashreplace')}"
                              for our, their in zip(ours.splitlines(), theirs.splitlines())
                              if our != their])

    def test_in_plain_circumstances(self):
        self.compare()

    def test_with_an_odd_environment(self):
        self.compare(env={**{os.fsencode(name): os.fsencode(PLAIN[name]) for name in PLAIN},
                          b"EMPTY": b"", b"EQUALS": b"a=b", b"line\nend": b"'\"\n\t\\",
                          b"caf\xc3\xa9": b"\xe2\x82\xac", b"bad\xff": b"\xc3", b"sp ace": b" "})

    def test_with_little_environment(self):
        self.compare(env={"LC_ALL": "C.UTF-8"})

    def test_in_a_directory_with_a_name_that_is_not_text(self):
        cwd = os.fsencode(self.place) + b"/caf\xc3\xa9 \xff"
        os.mkdir(cwd)
        self.compare(cwd=cwd)

    def test_in_a_directory_that_was_deleted(self):
        cwd = os.path.join(self.place, "gone")

        def delete():
            os.makedirs(cwd, exist_ok=True)
            os.chdir(cwd)
            os.rmdir(cwd)

        self.compare(preexec_fn=delete)

    def test_with_another_umask_and_niceness(self):
        self.compare(umask=0o137, preexec_fn=lambda: os.nice(5))

    def test_in_a_session_of_its_own(self):
        self.compare(start_new_session=True)

    def test_on_one_cpu(self):
        cpu = max(os.sched_getaffinity(0))
        self.compare(preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))

    @unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")
    def test_as_another_user_with_other_groups(self):
        self.compare(who="--answer-as-nobody")


if __name__ == "__main__":
    if sys.argv[1:] == ["--answer-as-nobody"]:
        become_nobody()
    if sys.argv[1:] in (["--answer"], ["--answer-as-nobody"]):
        answer_all()
    else:
        unittest.main()
