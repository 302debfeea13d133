#!/usr/bin/python3
# SPDX-License-Identifier: BSL-1.0
"""Our subprocess against Python's: the same scenarios, with the same outcomes.

    PARITY=<directory of the program parity.subprocess> CHILDREN=<directory of the children>
        [ROWS=<part of names>] python3 tests/parity/test_subprocess.py

The scenarios stand in tests/parity/subprocess/*.cpp, in Python beside C++. Each test below has
that program play them all, plays them in Python in the same circumstances, and compares.
"""

import ast
import codecs
import concurrent.futures
import fcntl
import grp
import os
import pathlib
import pwd
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import traceback
import unittest
import warnings
from subprocess import *

CHILDREN = os.environ.get("CHILDREN", ".")
PARITY = pathlib.Path(os.environ.get("PARITY", "."))
ROWS = os.environ.get("ROWS", "")
NOBODY = 65534
ENOUGH = 150


# What the rows use.

class Verbatim(str):
    """What is written already, and stands in an answer as it is."""


def collected(stream):
    """A stream that was not collected is None in Python, and empty in C++."""
    return b"" if stream is None else stream


# Found now, while all of Python's own files may be read.
for encoding in "ascii", "cp1252", "latin-1", "utf-8", "utf-16":
    codecs.lookup(encoding)


class Popen(subprocess.Popen):
    def communicate(self, *args, **kwargs):
        return tuple(collected(stream) for stream in super().communicate(*args, **kwargs))


def child(name):
    return f"{CHILDREN}/child.{name}"


def read_file(path):
    return pathlib.Path(path).read_bytes()


def make_file(path, text="", mode=0o644):
    pathlib.Path(path).write_text(text)
    os.chmod(path, mode)


def make_directory(path, mode=0o755):
    os.mkdir(path)
    os.chmod(path, mode)


def make_link(target, path):
    os.symlink(target, path)


def close_all(*fds):
    for fd in fds:
        os.close(fd)


def wait_for_end(p):
    os.waitid(os.P_PID, p.pid, os.WEXITED | os.WNOWAIT)


def wait_for_output(stream):
    select.select([stream], [], [])


def outcome(call):
    try:
        return Verbatim(shown(call()))
    except Exception as error:
        return Verbatim(shown_error(error))


# How answers are written: as row.hpp and subprocess.cpp do.

def shown(value):
    if isinstance(value, Verbatim):
        return str(value)
    if isinstance(value, str):
        value = os.fsencode(value)
    if isinstance(value, (bytes, int, type(None))):
        return repr(value)
    if isinstance(value, CompletedProcess):
        return "CompletedProcess" + shown((Verbatim(repr(value.args)), value.returncode,
                                           collected(value.stdout), collected(value.stderr)))
    return "(" + ", ".join(map(shown, value)) + ")"


def shown_error(error):
    if isinstance(error, CalledProcessError):
        return "CalledProcessError" + shown((
            error.returncode, Verbatim(repr(error.cmd)),
            collected(error.output), collected(error.stderr))) + f": {error}"
    if isinstance(error, TimeoutExpired):
        return "TimeoutExpired" + shown((
            Verbatim(repr(error.cmd)), Verbatim(f"{error.timeout:g}"),
            collected(error.output), collected(error.stderr))) + f": {error}"
    if isinstance(error, subprocess.SubprocessError):
        return f"SubprocessError: {error}"
    if isinstance(error, OSError):
        # Ours has no class for a file that is a directory, only its errno.
        name = "OSError" if isinstance(error, IsADirectoryError) else type(error).__name__
        return f"{name} {error.errno} {os.fsdecode(error.filename or '')}"
    if isinstance(error, UnicodeError):
        return f"{type(error).__name__}: {error}"
    # A name that no user has is Python's KeyError, an id out of range its OverflowError.
    if isinstance(error, (ValueError, KeyError, OverflowError)):
        return "ValueError"
    return "not comparable: " + "".join(traceback.format_exception(error))


def answer(question):
    if not question.startswith("\n"):
        question = "return " + question
    source = textwrap.indent(textwrap.dedent(question), "    ")
    scope = globals()
    exec(f"def scenario():\n{source}", scope)
    return outcome(scope["scenario"])


# How a row is played: as `play` in subprocess.cpp does.

def set_the_stage(place):
    os.mkdir(place)
    make_file(f"{place}.in", "the caller's input\n")
    for fd, name in enumerate(["in", "out", "err"]):
        file = os.open(f"{place}.{name}", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(file, fd)
        os.close(file)
    os.chdir(place)
    os.umask(0o022)
    signal.alarm(60)


def written(name):
    text = read_file(name)
    return f"; {text!r}" if text else ""


def play(question, place):
    read_end, write_end = os.pipe()
    player = os.fork()
    if player == 0:
        try:
            set_the_stage(place)
            text = answer(question)
        except BaseException:
            text = traceback.format_exc()
        with open(write_end, "wb") as pipe:
            pipe.write(os.fsencode(text))
        os._exit(0)
    os.close(write_end)
    with open(read_end, "rb") as pipe:
        text = os.fsdecode(pipe.read())
    status = os.waitpid(player, 0)[1]
    if status:
        text += f"; wait status {status}"
    return text + written(f"{place}.out") + written(f"{place}.err")


def become_nobody():
    """Not left to subprocess: nobody may be barred from the folder that python3 lies in."""
    os.setgroups([7, 100])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def play_all():
    warnings.simplefilter("ignore")
    for number, question in enumerate(sys.stdin):
        print(repr(play(ast.literal_eval(question), str(number))), flush=True)


@unittest.skipIf(sys.version_info < (3, 11), "Popen's process_group is new in Python 3.11")
class Subprocess(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        # Copies, since not everybody may enter the folders these lie in.
        cls.place = tempfile.mkdtemp(prefix="pyproc.")
        os.chmod(cls.place, 0o755)
        shutil.copytree(CHILDREN, f"{cls.place}/children")
        for program in PARITY.glob("parity.subprocess*"):
            shutil.copy(program, cls.place)
        shutil.copy(__file__, cls.place)
        # Many a child is killed by a signal that dumps core.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        # All at once: most of the time, scenarios wait for a timeout to pass.
        cls.pool = concurrent.futures.ThreadPoolExecutor()
        cases = [("parity.subprocess", "me"), ("parity.subprocess.portable", "me")]
        if os.geteuid() == 0:
            cases.append(("parity.subprocess", "nobody"))
        cls.plays = {case: cls.pool.submit(cls.play_both, *case) for case in cases}

    @classmethod
    def tearDownClass(cls):
        cls.pool.shutdown()
        for root, directories, _ in os.walk(cls.place):
            for directory in (f"{root}/{name}" for name in directories):
                if not os.path.islink(directory):  # scenarios bar some
                    os.chmod(directory, 0o755)
        shutil.rmtree(cls.place)

    @classmethod
    def start(cls, place, command, **streams):
        """Starts one of the two in a new directory."""
        make_directory(place, 0o777)
        # A locale that Python leaves alone: under "C" it would change its environment.
        env = {"CHILDREN": f"{cls.place}/children", "HOME": "/home/me", "LC_ALL": "C.UTF-8",
               "PATH": "/usr/bin:/bin"}
        return Popen(command, cwd=place, env=env, text=True,
                     errors="surrogateescape", **streams)

    @classmethod
    def play_both(cls, program, who):
        """The rows of our program, each with its answer, and Python's answers to them."""
        place = f"{cls.place}/{program}.{who}"
        os.mkdir(place)
        ours = [f"{cls.place}/{program}", ROWS]
        theirs = [sys.executable, "-I", "-S", f"{cls.place}/test_subprocess.py"]
        if who == "nobody":
            ours = theirs + ["--run-as-nobody"] + ours
        rows = []
        with tempfile.TemporaryFile("w+", errors="surrogateescape") as answers, \
                cls.start(f"{place}/ours", ours, stdout=PIPE) as ours, \
                cls.start(f"{place}/theirs", theirs + [f"--play-as-{who}"], stdin=PIPE,
                          stdout=answers) as theirs:
            for line in ours.stdout:
                rows.append([ast.literal_eval(field) for field in line.split("\t")])
                theirs.stdin.write(f"{rows[-1][1]!r}\n")
                theirs.stdin.flush()
            theirs.stdin.close()
            codes = ours.wait(), theirs.wait()
            answers.seek(0)
            answers = [ast.literal_eval(line).replace(f"{place}/theirs/", f"{place}/ours/")
                       for line in answers]
        return codes, rows, answers

    def compare(self, program, who="me"):
        codes, rows, answers = self.plays[program, who].result()
        self.assertEqual(codes, (0, 0))
        if not ROWS:
            self.assertGreaterEqual(len(rows), ENOUGH)
        self.assertEqual(len(rows), len(answers))
        self.assertEqual(len(rows), len({name for name, python, answer in rows}))
        different = [f"{name}\n    ours:   {our}\n    theirs: {their}"
                     for (name, python, our), their in zip(rows, answers)
                     if our != their or "not comparable" in our]
        if different:
            self.fail(f"{len(different)} of {len(rows)} differ:\n" + "\n".join(different))

    def test_all_outcomes_are_equal(self):
        self.compare("parity.subprocess")

    def test_all_outcomes_are_equal_without_any_call_that_only_linux_has(self):
        self.compare("parity.subprocess.portable")

    @unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")
    def test_all_outcomes_are_equal_for_a_user_without_privileges(self):
        self.compare("parity.subprocess", who="nobody")


if __name__ == "__main__":
    what = sys.argv[1:2]
    if what in (["--play-as-nobody"], ["--run-as-nobody"]):
        become_nobody()
    if what == ["--run-as-nobody"]:
        os.execv(sys.argv[2], sys.argv[2:])
    if what in (["--play-as-me"], ["--play-as-nobody"]):
        play_all()
    else:
        unittest.main()
