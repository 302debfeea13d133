# SPDX-License-Identifier: BSL-1.0
"""Whole programs that use asyncio's children: each scenario of asyncio_twin.py and asyncio.cpp
must print the same."""

import os
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
CPP = os.path.join(os.environ['PARITY'], 'parity.asyncio')
PYTHON = [sys.executable, '-I', os.path.join(HERE, 'asyncio_twin.py')]
SCENARIOS = ('wait', 'communicate', 'returncode', 'missing_program', 'shell', 'refused',
             'signals', 'cancelled_wait', 'lines', 'broken_pipe', 'at_once')


def run(command):
    return subprocess.run(command, text=True, timeout=100, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)


@unittest.skipUnless(os.path.exists(CPP), 'no Boost.Process')
class Asyncio(unittest.TestCase):
    maxDiff = None

    def test_each_scenario_prints_the_same(self):
        for scenario in SCENARIOS:
            with self.subTest(scenario):
                python, cpp = run([*PYTHON, scenario]), run([CPP, scenario])
                self.assertEqual(cpp.stdout, python.stdout)
                self.assertEqual(cpp.stderr, python.stderr)
                self.assertEqual((cpp.returncode, python.returncode), (0, 0))
                self.assertNotEqual(cpp.stdout, '')


if __name__ == '__main__':
    unittest.main()
