# SPDX-License-Identifier: BSL-1.0
"""Whole programs that use Process: each scenario of process.py and process.cpp must give the
same output, error output and exit status."""

import os
import re
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
CPP = [os.path.join(os.environ['PARITY'], 'parity.process')]
# -I: else the environment could ask for unbuffered output, PYTHONUNBUFFERED.
PYTHON = [sys.executable, '-I', os.path.join(HERE, 'process.py')]
INPUT = 'one\ntwo\n'


def run(program, *arguments):
    return subprocess.run([*program, *arguments], input=INPUT, text=True, timeout=50,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def without_traceback(text):
    """What C++ has, too: the name of the process, and of the exception with its text."""
    text = re.sub(r'^(Traceback .*|  .*)\n', '', text, flags=re.MULTILINE)
    return text.replace('pyproc::', '')


class Process(unittest.TestCase):
    maxDiff = None

    def compare(self, *arguments):
        python, cpp = (run(program, *arguments) for program in (PYTHON, CPP))
        self.assertEqual(cpp.stdout, python.stdout)
        self.assertEqual(without_traceback(cpp.stderr), without_traceback(python.stderr))
        self.assertEqual(cpp.returncode, python.returncode)
        return cpp

    def test_exit_codes(self):
        self.assertEqual(self.compare('exit_codes').stderr, 'a message\n\n')

    def test_exceptions_are_reported_with_the_name_of_the_process(self):
        self.assertIn('Process worker:\n', self.compare('exceptions').stderr)

    def test_names_tell_the_place_in_the_family(self):
        self.assertIn('Process-2:1:1 False\n', self.compare('names').stdout)

    def test_names_and_parents_are_the_same_by_each_start_method(self):
        for method in ('fork', 'forkserver'):
            with self.subTest(method):
                self.assertIn('Process-2:1:1 False\n', self.compare('names', method).stdout)
                cpp = self.compare('parents', method)
                self.assertIn('renamed False True None\n', cpp.stdout)

    def test_ends_and_reports_are_the_same_by_the_fork_server(self):
        self.compare('exceptions', 'forkserver')
        self.compare('others_are_joined_by_exit', 'forkserver')

    def test_start_methods_are_set_once(self):
        self.compare('start_methods')
        self.compare('starting_sets_the_method')

    def test_functions_around_a_fork(self):
        cpp = self.compare('at_fork')
        self.assertIn('before 2\nbefore 1\nchild 1, child 2\n', cpp.stdout)

    def test_a_daemon_is_terminated_at_exit(self):
        self.compare('daemon_is_terminated_at_exit')

    def test_other_children_are_joined_at_exit(self):
        cpp = self.compare('others_are_joined_at_exit')
        self.assertEqual(cpp.stdout, 'main ends\nchild ends\n')

    def test_other_children_are_joined_by_exit(self):
        cpp = self.compare('others_are_joined_by_exit')
        self.assertEqual((cpp.stdout, cpp.returncode), ('main ends\nchild ends\n', 4))

    def test_the_childrens_children_are_joined_by_the_children(self):
        self.compare('childrens_children_are_joined')

    def test_a_failure_is_reported_once_the_children_have_ended(self):
        cpp = run(CPP, 'failure_is_reported_last')
        self.assertEqual(cpp.stderr.splitlines()[:2], ['grandchild', 'Process Process-1:'])
        if sys.version_info < (3, 13):  # which reports first, and joins then
            self.compare('failure_is_reported_last')

    def test_misuse_is_told_in_the_same_words(self):
        self.compare('misuse')

    def test_states_over_time(self):
        self.compare('states')

    def test_output_is_neither_lost_nor_doubled(self):
        self.compare('output_is_not_doubled')

    def test_input_is_the_parents(self):
        self.compare('input_is_the_parents')

    def test_exit_handlers_run_in_the_parent_alone(self):
        self.assertEqual(self.compare('exit_handlers_run_once').stdout.count('handler'), 1)

    def test_destructors_of_static_objects_may_use_processes(self):
        cpp = run(CPP, 'destructors_may_use_processes')
        self.assertEqual(cpp.stdout, 'main ends\nchild ends\n0 left\nstarted by a destructor\n'
                                     '0\njoined all the same\n')
        self.assertEqual((cpp.stderr, cpp.returncode), ('', 0))

    def test_destructors_of_the_parent_run_in_the_parent_alone(self):
        cpp = run(CPP, 'destructors_run_once')
        self.assertEqual(cpp.stdout, 'returns\n0\n1\ndestructor of the child\n1\n'
                                     "destructor of the parent's stack\n"
                                     'destructor of the parent\n')
        self.assertEqual((cpp.stderr, cpp.returncode), ('', 0))

    def test_a_thread_that_ends_ends_the_process(self):
        cpp = run(CPP, 'threads_that_end_end_the_process')
        self.assertEqual((cpp.stdout, cpp.stderr), ('exits its thread\n0\n', ''))


if __name__ == '__main__':
    unittest.main()
