# SPDX-License-Identifier: BSL-1.0
"""Locks, semaphores, events, conditions and barriers between processes: each scenario of
synchronize.py and synchronize.cpp must give the same output."""

import os
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
CPP = [os.path.join(os.environ['PARITY'], 'parity.synchronize')]
# -I: else the environment could ask for unbuffered output, PYTHONUNBUFFERED.
PYTHON = [sys.executable, '-I', os.path.join(HERE, 'synchronize.py')]


def run(program, scenario):
    return subprocess.run([*program, scenario], text=True, timeout=50,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


class Synchronize(unittest.TestCase):
    maxDiff = None

    def compare(self, scenario):
        python, cpp = (run(program, scenario) for program in (PYTHON, CPP))
        self.assertEqual(python.stderr, '')
        self.assertEqual((cpp.stdout, cpp.stderr, cpp.returncode), (python.stdout, '', 0))
        return cpp.stdout

    def test_locks(self):
        self.assertIn('semaphore or lock released too many times\n', self.compare('locks'))

    def test_recursive_locks(self):
        self.assertIn('attempt to release recursive lock not owned by thread\n',
                      self.compare('recursive_locks'))

    def test_semaphores(self):
        self.compare('semaphores')

    def test_bounded_semaphores(self):
        self.compare('bounded_semaphores')

    def test_events(self):
        self.compare('events')

    def test_conditions(self):
        self.assertIn('lock is not owned\n', self.compare('conditions'))

    def test_barriers(self):
        self.assertIn('all are here\n', self.compare('barriers'))


if __name__ == '__main__':
    unittest.main()
