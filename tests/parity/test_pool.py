# SPDX-License-Identifier: BSL-1.0
"""Pools, executors and futures: each scenario of pool.py and pool.cpp must give the same
output."""

import os
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
CPP = [os.path.join(os.environ['PARITY'], 'parity.pool')]
# -I: else the environment could ask for unbuffered output, PYTHONUNBUFFERED.
PYTHON = [sys.executable, '-I', os.path.join(HERE, 'pool.py')]


def run(program, scenario):
    return subprocess.run([*program, scenario], text=True, timeout=50,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


class Pool(unittest.TestCase):
    maxDiff = None

    def compare(self, scenario):
        python, cpp = (run(program, scenario) for program in (PYTHON, CPP))
        self.assertEqual(python.stderr, '')
        self.assertEqual((cpp.stdout, cpp.stderr, cpp.returncode), (python.stdout, '', 0))
        return cpp.stdout

    def test_maps(self):
        self.assertIn('[0, 1, 4, 9, 16]\n', self.compare('maps'))

    def test_imap_errors(self):
        self.assertIn('three\n', self.compare('imap_errors'))

    def test_callbacks(self):
        self.compare('callbacks')

    def test_not_ready(self):
        self.assertIn('TimeoutError\n', self.compare('not_ready'))

    def test_closing(self):
        self.assertIn('Pool is still running\n', self.compare('closing'))

    def test_states(self):
        self.assertIn('CancelledError\n', self.compare('states'))

    def test_done_callbacks(self):
        self.compare('done_callbacks')

    def test_waiting(self):
        self.assertIn('futures unfinished\n', self.compare('waiting'))

    def test_broken(self):
        self.assertIn('BrokenProcessPool\n', self.compare('broken'))


if __name__ == '__main__':
    unittest.main()
