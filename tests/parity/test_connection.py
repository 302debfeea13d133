# SPDX-License-Identifier: BSL-1.0
# Python's multiprocessing.connection at one end, ours at the other.

import hmac
import multiprocessing.connection as connection
import multiprocessing.reduction as reduction
import os
import socket
import subprocess
import tempfile
import unittest

PROGRAM = os.path.join(os.environ['PARITY'], 'parity.connection')
SIZES = (0, 1, 5, 124, 125, 4092, 4093, 16384, 16385, 100_000, 3_000_001)


def message_of(size):
    return bytes(i * 7 % 251 for i in range(size % 1000)) * (size // 1000 + 1)


class Peer:
    """Our program, at the other end of a descriptor or address."""

    def __init__(self, command, *arguments, pass_fds=()):
        self.process = subprocess.Popen(
            [PROGRAM, command, *map(str, arguments)], stdout=subprocess.PIPE, text=True,
            pass_fds=pass_fds)

    def line(self):
        return self.process.stdout.readline().rstrip('\n')

    def rest(self):
        with self.process:
            return self.process.communicate(timeout=60)[0].splitlines()


def connected(command, *arguments):
    ours, theirs = connection.Pipe()
    peer = Peer(command, theirs.fileno(), *arguments, pass_fds=(theirs.fileno(),))
    theirs.close()
    return ours, peer


def has_listener():
    peer = Peer('listen', '/no/such/directory/socket')
    peer.rest()
    return peer.process.returncode == 1


class Echoes:
    def check_echo(self, ours, peer):
        for size in SIZES:
            with self.subTest(size=size):
                ours.send_bytes(message_of(size))
                self.assertEqual(ours.recv_bytes(), message_of(size))
        ours.close()
        self.assertEqual(peer.rest(), ['end'])
        self.assertEqual(peer.process.returncode, 0)


class Connections(Echoes, unittest.TestCase):
    def test_messages_of_any_length_go_both_ways(self):
        self.check_echo(*connected('echo'))

    def test_a_pipe_of_python_is_received_from(self):
        receiver, sender = connection.Pipe(duplex=False)
        peer = Peer('receive_one_way', receiver.fileno(), pass_fds=(receiver.fileno(),))
        receiver.close()
        for size in SIZES:
            sender.send_bytes(b'x' * size)
        sender.close()
        self.assertEqual(peer.rest(), [str(size) for size in SIZES] + ['end'])

    def test_packets_of_python_are_received(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        peer = Peer('receive_one_way', theirs.fileno(), pass_fds=(theirs.fileno(),))
        theirs.close()
        sender = connection.Connection(ours.detach())
        sizes = [size for size in SIZES if size <= 100_000]
        for size in sizes:
            sender.send_bytes(b'x' * size)
        sender.close()
        self.assertEqual(peer.rest(), [str(size) for size in sizes] + ['end'])

    def test_a_message_above_the_limit_is_the_same_error(self):
        ours, peer = connected('limit')
        ours.send_bytes(b'12345')
        ours.send_bytes(b'12345')
        self.assertTrue(peer.rest()[0].startswith('bad message length'))
        other, mine = connection.Pipe()
        other.send_bytes(b'12345')
        with self.assertRaisesRegex(OSError, 'bad message length'):
            mine.recv_bytes(4)

    def test_a_descriptor_of_python_arrives(self):
        ours, peer = connected('write_through_handle')
        read_end, write_end = os.pipe()
        reduction.send_handle(ours, write_end, peer.process.pid)
        os.close(write_end)
        self.assertEqual(os.read(read_end, 100), b'through')
        os.close(read_end)
        self.assertEqual(peer.rest(), [])

    def test_a_descriptor_arrives_at_python(self):
        ours, peer = connected('send_handle')
        handle = reduction.recv_handle(ours)
        self.assertEqual(os.read(handle, 100), b'through')
        os.close(handle)
        self.assertEqual(peer.rest(), [])

    def test_a_peer_that_is_killed_is_the_end(self):
        ours, peer = connected('echo')
        ours.send_bytes(b'x')
        self.assertEqual(ours.recv_bytes(), b'x')
        peer.process.kill()
        with self.assertRaises(EOFError):
            ours.recv_bytes()
        peer.rest()


class Newer:
    """The challenge as Python has made it since 3.12, whichever Python this is."""

    @staticmethod
    def deliver(peer, key, digest):
        challenge = b'{%s}%s' % (digest.encode(), os.urandom(40))
        peer.send_bytes(b'#CHALLENGE#' + challenge)
        answer = peer.recv_bytes(256)
        expected = b'{%s}%s' % (digest.encode(), hmac.new(key, challenge, digest).digest())
        peer.send_bytes(b'#WELCOME#' if answer == expected else b'#FAILURE#')
        return answer == expected

    @staticmethod
    def answer(peer, key):
        challenge = peer.recv_bytes(256)
        assert challenge.startswith(b'#CHALLENGE#{sha256}'), challenge
        challenge = challenge[len(b'#CHALLENGE#'):]
        peer.send_bytes(b'{sha256}' + hmac.new(key, challenge, 'sha256').digest())
        return peer.recv_bytes(256) == b'#WELCOME#'


@unittest.skipUnless(has_listener(), 'built without OpenSSL')
class Listeners(Echoes, unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, 'socket')

    def listening(self, where, key):
        peer = Peer('listen', where, *key)
        told = peer.line()
        return peer, told if '/' in told else ('127.0.0.1', int(told))

    def test_python_connects(self):
        for where in (self.path, 0):
            for key in ((), ('secret',)):
                with self.subTest(where=where, key=key):
                    peer, address = self.listening(where, key)
                    ours = connection.Client(
                        address, authkey=key[0].encode() if key else None)
                    self.check_echo(ours, peer)

    def test_python_listens(self):
        for address in (self.path, ('127.0.0.1', 0)):
            for key in ((), ('secret',)):
                with self.subTest(address=address, key=key):
                    authkey = key[0].encode() if key else None
                    with connection.Listener(address, authkey=authkey) as listener:
                        where = listener.address
                        peer = Peer('connect', where if address == self.path else where[1],
                                    *key)
                        self.check_echo(listener.accept(), peer)

    def test_a_wrong_key_is_refused_by_either(self):
        peer, address = self.listening(self.path, ('secret',))
        with self.assertRaises(connection.AuthenticationError):
            connection.Client(address, authkey=b'guessed')
        self.assertEqual(peer.rest(), ['digest received was wrong'])
        with connection.Listener(self.path, authkey=b'secret') as listener:
            peer = Peer('connect', self.path, 'guessed')
            with self.assertRaises(connection.AuthenticationError):
                listener.accept()
            self.assertEqual(peer.rest(), ['digest sent was rejected'])

    def test_a_newer_python_connects(self):
        peer, address = self.listening(self.path, ('secret',))
        ours = connection.Client(address)
        self.assertTrue(Newer.answer(ours, b'secret'))
        self.assertTrue(Newer.deliver(ours, b'secret', 'sha256'))
        self.check_echo(ours, peer)

    def test_a_newer_python_listens_with_any_of_its_digests(self):
        for digest in ('md5', 'sha256', 'sha384', 'sha3_256', 'sha3_384'):
            with self.subTest(digest=digest):
                with connection.Listener(self.path) as listener:
                    peer = Peer('connect', self.path, 'secret')
                    ours = listener.accept()
                    self.assertTrue(Newer.deliver(ours, b'secret', digest))
                    self.assertTrue(Newer.answer(ours, b'secret'))
                    self.check_echo(ours, peer)


if __name__ == '__main__':
    unittest.main()
