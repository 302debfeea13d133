# SPDX-License-Identifier: BSL-1.0
"""Named shared memory and lists in it, made by either language and used by the other."""

import os
import random
import subprocess
import sys
import time
import unittest
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import ShareableList, SharedMemory

CPP = os.path.join(os.environ['PARITY'], 'parity.shared_memory')


def to_text(item):
    if item is None:
        return 'n'
    kind = type(item)
    if kind is bool:
        return f'b{int(item)}'
    if kind is int:
        return f'i{item}'
    if kind is float:
        return 'f' + item.hex()
    return 's' + item.encode().hex() if kind is str else 'y' + item.hex()


def to_item(text):
    rest = text[1:]
    return {'n': lambda: None, 'b': lambda: rest == '1', 'i': lambda: int(rest),
            'f': lambda: float.fromhex(rest), 's': lambda: bytes.fromhex(rest).decode(),
            'y': lambda: bytes.fromhex(rest)}[text[0]]()


def disown(shm):
    """Python before 3.13 makes its own what it attaches to, and would unlink it."""
    if sys.version_info < (3, 13):
        resource_tracker.unregister(shm._name, 'shared_memory')
    return shm


def attach(name):
    if sys.version_info >= (3, 13):
        return SharedMemory(name, track=False)
    return disown(SharedMemory(name))


def attach_list(name):
    items = ShareableList(name=name)
    if sys.version_info >= (3, 13):
        resource_tracker.unregister(items.shm._name, 'shared_memory')
    else:
        disown(items.shm)
    return items


def without_zeros(item):
    return item.rstrip('\0' if isinstance(item, str) else b'\0') \
        if isinstance(item, (str, bytes)) else item


class Failed(Exception):
    pass


class Cpp:
    """The C++ program, which has a family and a tracker of its own."""

    def __init__(self):
        self.process = subprocess.Popen([CPP], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def __call__(self, *words):
        self.process.stdin.write(' '.join(map(str, words)) + '\n')
        self.process.stdin.flush()
        kind, answer = self.process.stdout.readline().rstrip('\n').split(' ', 1)
        if kind == '!':
            raise Failed(answer)
        return answer

    def items(self):
        return [to_item(word) for word in self('items').split()]

    def end(self, kill=False):
        if kill:
            self.process.kill()
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def vanishes(name):
    deadline = time.monotonic() + 30
    while os.path.exists('/dev/shm/' + name):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


def random_item(rng):
    length = rng.choice([0, 1, 7, 8, 9, 15, 16, rng.randrange(100)])
    zeros = '\0' * rng.choice([0, 0, 0, 1, 8])
    return rng.choice([
        lambda: None,
        lambda: rng.random() < 0.5,
        lambda: rng.randrange(-2 ** 63, 2 ** 63),
        lambda: rng.choice([0.0, -1.5, 1e308, rng.random()]),
        lambda: ''.join(rng.choices('ab\0', k=length)) + zeros,
        lambda: ''.join(rng.choices('aé€🐍', k=length)) + zeros,
        lambda: bytes(rng.choices(range(256), k=length)) + zeros.encode(),
    ])()


class SharedMemoryBothWays(unittest.TestCase):
    def setUp(self):
        self.cpp = Cpp()

    def tearDown(self):
        self.cpp.end()

    def test_python_reads_and_writes_what_cpp_has_made(self):
        name, size = self.cpp('make', '-', 5001).split()
        shm = attach(name)
        self.assertEqual((shm.size, size), (5001, '5001'))
        shm.buf[:3] = b'abc'
        self.assertTrue(self.cpp('read', name).startswith('61626300'))
        self.cpp('write', name, '7a')
        self.assertEqual(bytes(shm.buf[:3]), b'zbc')
        shm.close()
        self.cpp('unlink', name)
        self.assertRaises(FileNotFoundError, SharedMemory, name)

    def test_cpp_reads_and_writes_what_python_has_made(self):
        shm = SharedMemory(create=True, size=10)
        shm.buf[:] = bytes(range(10))
        self.assertEqual(self.cpp('attach', shm.name), f'{shm.name} 10')
        self.assertEqual(self.cpp('read', shm.name), bytes(range(10)).hex())
        self.cpp('write', shm.name, 'ff')
        self.assertEqual(shm.buf[0], 255)
        shm.close()
        shm.unlink()

    def test_misuse_gives_the_same_errors(self):
        shm = SharedMemory(create=True, size=1)
        self.addCleanup(shm.unlink)
        self.addCleanup(shm.close)
        for command, name, size in [('make', shm.name, 5), ('attach', 'pyproc_none', 0),
                                    ('make', '-', 0), ('attach', '-', 0),
                                    ('make', 'a/b', 1), ('make', '/', 1),
                                    ('make', '.', 1), ('make', 'x' * 256, 1)]:
            with self.subTest(command=command, name=name):
                with self.assertRaises(Failed) as cpp:
                    self.cpp(command, name, size)
                with self.assertRaises(Exception) as python:
                    SharedMemory(None if name == '-' else name, command == 'make', size)
                error = python.exception
                text = type(error).__name__
                if text == 'OSError':
                    text += f' {error.errno}'
                if text == 'ValueError':
                    text += f' {error}'
                self.assertEqual(str(cpp.exception), text)

    def test_a_segment_without_size_is_refused_by_both_and_left(self):
        path = f'/dev/shm/pyproc_empty_{os.getpid()}'
        with open(path, 'w'):
            pass
        self.addCleanup(os.unlink, path)
        name = os.path.basename(path)
        with self.assertRaisesRegex(Failed, 'ValueError cannot mmap an empty file'):
            self.cpp('attach', name)
        self.assertRaisesRegex(ValueError, 'cannot mmap an empty file', SharedMemory, name)

    def test_the_end_of_cpp_unlinks_what_it_has_made_and_not_what_python_has(self):
        shm = SharedMemory(create=True, size=10)
        for kill in False, True:
            with self.subTest(kill=kill):
                cpp = Cpp()
                name = cpp('make', '-', 10).split()[0]
                cpp('attach', shm.name)
                cpp.end(kill)
                self.assertTrue(vanishes(name))
                self.assertTrue(os.path.exists('/dev/shm/' + shm.name))
        shm.close()
        shm.unlink()


class ListsBothWays(unittest.TestCase):
    def setUp(self):
        self.cpp = Cpp()

    def tearDown(self):
        self.cpp.end()

    def make_by_cpp(self, items):
        name = self.cpp('make_list', *map(to_text, items))
        return attach_list(name)

    def test_python_reads_any_list_of_cpp(self):
        rng = random.Random(1)
        for _ in range(200):
            items = [random_item(rng) for _ in range(rng.randrange(12))]
            theirs = self.make_by_cpp(items)
            self.assertEqual(list(theirs), [without_zeros(item) for item in items])
            self.assertEqual(self.cpp.items(), items)
            theirs.shm.close()
            self.cpp('unlink_list')

    def test_cpp_reads_any_list_of_python(self):
        rng = random.Random(2)
        for _ in range(200):
            # Python cuts off the multi-byte text of a list that it makes.
            items = [item for item in (random_item(rng) for _ in range(rng.randrange(12)))
                     if not isinstance(item, str) or item.isascii()]
            ours = ShareableList(items)
            self.cpp('attach_list', ours.shm.name)
            self.assertEqual(self.cpp.items(), list(ours))
            ours.shm.close()
            ours.shm.unlink()

    def test_both_lay_a_list_out_alike(self):
        items = [1, 2.5, True, False, None, 'text', '', '12345678', b'raw', b'\xff' * 20]
        ours, theirs = ShareableList(items), self.make_by_cpp(items)
        self.assertEqual(self.cpp('format'), ours.format)
        self.assertEqual(theirs.shm.size, ours.shm.size)
        self.assertEqual(bytes(theirs.shm.buf), bytes(ours.shm.buf))
        for made in ours, theirs:
            made.shm.close()
        ours.shm.unlink()
        self.cpp('unlink_list')

    def test_assignments_by_both_in_turn(self):
        rng = random.Random(3)
        for made_by_cpp in True, False:
            start = ['x' * 40, b'y' * 17, 1, None, 'abc', 2.5, True, b'']
            if made_by_cpp:
                python = self.make_by_cpp(start)
            else:
                python = ShareableList(start)
                self.cpp('attach_list', python.shm.name)
            model = list(start)
            for _ in range(1500):
                i = rng.randrange(-len(model), len(model))
                item = random_item(rng)
                try:
                    if rng.random() < 0.5:
                        self.cpp('set', i, to_text(item))
                        model[i] = item
                    else:
                        python[i] = item
                        model[i] = without_zeros(item)
                except (Failed, ValueError) as error:
                    self.assertIn('bytes/str item exceeds available storage', str(error))
                self.assertEqual(self.cpp.items(), model)
                self.assertEqual(list(python), [without_zeros(item) for item in model])
            python.shm.close()
            self.cpp('unlink_list') if made_by_cpp else python.shm.unlink()

    def test_index_count_and_errors_are_pythons(self):
        items = [1, 1.0, True, 'x', b'x', None, 0, 2 ** 53 + 1]
        python = self.make_by_cpp(items)
        for item in [*items, False, float(2 ** 53), 'none', 3]:
            with self.subTest(item=item):
                self.assertEqual(self.cpp('count', to_text(item)), str(python.count(item)))
                if python.count(item):
                    self.assertEqual(self.cpp('index', to_text(item)),
                                     str(python.index(item)))
                else:
                    self.assertRaisesRegex(Failed, 'ValueError', self.cpp, 'index',
                                           to_text(item))
        for position in 8, -9:
            with self.assertRaisesRegex(Failed, '^IndexError index out of range$'):
                self.cpp('get', position, 'n')
            with self.assertRaisesRegex(Failed, '^IndexError assignment index out of'):
                self.cpp('set', position, 'n')
        python.shm.close()
        self.cpp('unlink_list')

    def test_text_that_python_has_cut_off_is_the_same_error_here(self):
        python = ShareableList(['€' * 8])
        self.cpp('attach_list', python.shm.name)
        try:
            expected = list(python)
        except UnicodeDecodeError:
            self.assertRaisesRegex(Failed, 'UnicodeDecodeError', self.cpp, 'items')
        else:  # a version that counts bytes
            self.assertEqual(self.cpp.items(), expected)
        python.shm.close()
        python.shm.unlink()


if __name__ == '__main__':
    unittest.main()
