# SPDX-License-Identifier: BSL-1.0
"""The programs of examples/ beside their Python twins, on a terminal and into a pipe."""

import concurrent.futures
import os
import pty
import re
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = os.environ['EXAMPLES']
DEMOS = ['os_functions', 'creation', 'multiprocessing', 'terminate', 'isolation']
# Where there is Boost.Process.
HAS_ASYNCIO = os.path.exists(os.path.join(EXAMPLES, 'asyncio_communicate'))
if HAS_ASYNCIO:
    DEMOS.append('asyncio_communicate')

# -I: else `import multiprocessing` would find the demo of that name, and the environment
# could ask for unbuffered output.
PROGRAMS = {
    'python': lambda demo: [sys.executable, '-I', os.path.join(HERE, 'demos', demo + '.py')],
    'c++': lambda demo: [os.path.join(EXAMPLES, demo)],
}
# Dates as the document shows them: "Sat Oct 11 00:35:11 MSK 2025".
ENVIRONMENT = {**os.environ, 'LC_ALL': 'C', 'TZ': 'MSK-3'}
DATE = re.compile(r'[A-Z][a-z]{2} [A-Z][a-z]{2} [ 123]\d \d\d:\d\d:\d\d MSK \d{4}')
HONK = re.compile(r'\[INFO\] Number (\d+) of 1000000\. Honk!')


class Run:
    """What a program did: its output, its exit status, and whether it left a process."""

    def __init__(self, command, *, on_terminal):
        read_end, write_end = pty.openpty() if on_terminal else os.pipe()
        # A session of its own, so that what it leaves can be found.
        program = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=write_end,
                                   stderr=subprocess.PIPE, env=ENVIRONMENT,
                                   start_new_session=True)
        os.close(write_end)
        self.output = self._read_all(read_end).decode().replace('\r\n', '\n')
        self.errors = program.communicate(timeout=60)[1].decode()
        self.status = program.returncode
        try:
            os.killpg(program.pid, 0)
            self.left_processes = True
        except ProcessLookupError:
            self.left_processes = False

    @staticmethod
    def _read_all(fd):
        parts = []
        with open(fd, 'rb', buffering=0) as stream:
            while True:
                try:
                    part = stream.read(4096)
                except OSError:  # EIO: the last process has closed the terminal
                    break
                if not part:
                    break
                parts.append(part)
        return b''.join(parts)

    def lines(self):
        """The output with what differs from run to run made equal."""
        text = re.sub(r'(Process |os\.getpid: )\d+', r'\1PID', self.output)
        return DATE.sub('DATE', text).splitlines()


class Demos(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        # All at once: one of them takes five seconds, and most of it asleep.
        with concurrent.futures.ThreadPoolExecutor(max_workers=32) as pool:
            futures = {
                (demo, language, on_terminal):
                    pool.submit(Run, command(demo), on_terminal=on_terminal)
                for demo in sorted(DEMOS, key=lambda demo: demo != 'terminate')
                for language, command in PROGRAMS.items()
                for on_terminal in (True, False)
            }
            cls.runs = {key: future.result() for key, future in futures.items()}

    def pair(self, demo, on_terminal):
        return [self.runs[demo, language, on_terminal] for language in ('python', 'c++')]

    def each_medium(self, demo):
        for on_terminal in (True, False):
            with self.subTest(demo=demo, medium='terminal' if on_terminal else 'pipe'):
                yield on_terminal, *self.pair(demo, on_terminal)

    def test_each_demo_succeeds_says_nothing_on_stderr_and_leaves_no_process(self):
        for (demo, language, on_terminal), run in self.runs.items():
            with self.subTest(demo=demo, language=language, on_terminal=on_terminal):
                self.assertEqual(run.errors, '')
                self.assertEqual(run.status, 0)
                self.assertFalse(run.left_processes)

    def test_os_functions_prints_the_same_lines(self):
        for _, python, cpp in self.each_medium('os_functions'):
            self.assertEqual(cpp.lines(), python.lines())
            self.assertEqual(cpp.lines()[0], 'Table 1. Basic functions')

    def test_creation_prints_the_same_lines(self):
        for on_terminal, python, cpp in self.each_medium('creation'):
            self.assertEqual(cpp.lines(), python.lines())
            # date's own line comes first into a pipe: the others are in a buffer then.
            self.assertEqual(cpp.lines().index('DATE'), 3 if on_terminal else 0)

    def test_multiprocessing_prints_the_same_lines_the_brothers_in_any_order(self):
        for _, python, cpp in self.each_medium('multiprocessing'):
            self.assertEqual(cpp.lines()[0], python.lines()[0])
            self.assertEqual(sorted(cpp.lines()), sorted(python.lines()))
            self.assertEqual(len(cpp.lines()), 5)

    def test_terminate_prints_the_same_lines(self):
        for on_terminal, python, cpp in self.each_medium('terminate'):
            if on_terminal:
                self.check_honks(python.lines())
                self.check_honks(cpp.lines())
            else:
                # What loopy had in its buffer died with it.
                self.assertEqual(cpp.lines(), python.lines())
                self.assertEqual(cpp.lines(), ['[INFO] Process PID says: main'])

    def check_honks(self, lines):
        self.assertEqual(lines[:2], ['[INFO] Process PID says: main',
                                     '[INFO] Process PID says: loopy'])
        honks = [int(HONK.fullmatch(line)[1]) for line in lines[2:]]
        self.assertEqual(honks, list(range(1, len(honks) + 1)))
        # Five in the document; but the killer and the counter go by separate clocks, and
        # on a loaded machine one may fall behind the other by a second.
        self.assertIn(len(honks), (4, 5, 6))

    def test_isolation_prints_the_same_lines(self):
        for _, python, cpp in self.each_medium('isolation'):
            self.assertEqual(cpp.lines(), python.lines())
            self.assertEqual(len(cpp.lines()), 5)

    @unittest.skipUnless(HAS_ASYNCIO, 'no Boost.Process')
    def test_asyncio_communicate_prints_the_same_lines(self):
        for _, python, cpp in self.each_medium('asyncio_communicate'):
            self.assertEqual(cpp.lines(), python.lines())
            self.assertEqual(cpp.lines()[-1], 'Current date: DATE')


if __name__ == '__main__':
    unittest.main()
