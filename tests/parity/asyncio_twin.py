# SPDX-License-Identifier: BSL-1.0
# The Python twin of asyncio.cpp: the same scenarios under the same names.

import asyncio
import os
import signal
import sys
from asyncio import create_subprocess_exec, create_subprocess_shell
from asyncio.subprocess import DEVNULL, PIPE, STDOUT

CHILDREN = os.environ['CHILDREN']


def child(name):
    return f'{CHILDREN}/child.{name}'


async def wait():
    p = await create_subprocess_exec(child('exit_with'), '7')
    print(await p.wait(), p.returncode)
    print(await p.wait(), p.returncode)
    p = await create_subprocess_exec(child('kill_itself'), '15')
    print(await p.wait(), p.returncode)


async def communicate():
    p = await create_subprocess_exec(child('copy_input'), 'both', stdin=PIPE, stdout=PIPE,
                                     stderr=PIPE)
    out, err = await p.communicate(b'x' * 3_000_000)
    print(len(out), len(err), p.returncode)
    p = await create_subprocess_exec(child('write_both'), 'out', 'err', stdout=PIPE,
                                     stderr=STDOUT)
    out, err = await p.communicate()
    print(out.decode(), (err or b'').decode(), p.returncode)
    p = await create_subprocess_exec(child('noop'), stdin=PIPE, stdout=PIPE)
    out, err = await p.communicate(b'x' * 3_000_000)
    print(len(out), p.returncode)


async def returncode():
    p = await create_subprocess_exec(child('write_and_wait'), stdin=PIPE)
    print(p.returncode)
    p.stdin.close()
    await p.wait()
    print(p.returncode)


async def missing_program():
    try:
        await create_subprocess_exec('no-such-program')
    except FileNotFoundError as error:
        print(error.errno, error.filename)
    try:
        await create_subprocess_exec(child('noop'), cwd='/no/such/directory')
    except FileNotFoundError as error:
        print(error.errno, error.filename)
    p = await create_subprocess_exec(child('noop'))
    print(await p.wait())


async def shell():
    p = await create_subprocess_shell('echo $((6 * 7)); echo oops >&2; exit 3', stdout=PIPE,
                                      stderr=PIPE)
    out, err = await p.communicate()
    print(out.decode(), err.decode(), p.returncode)
    p = await create_subprocess_shell('no-such-program-at-all', stderr=DEVNULL)
    print(await p.wait())


async def refused():
    for wrong in (lambda: create_subprocess_shell(['echo', 'x']),
                  lambda: create_subprocess_exec(child('noop'), shell=True)):
        try:
            await wrong()
        except ValueError:
            print('ValueError')


async def signals():
    for send in (lambda p: p.terminate(), lambda p: p.kill(),
                 lambda p: p.send_signal(signal.SIGINT)):
        p = await create_subprocess_exec(child('write_and_wait'), stdin=PIPE)
        send(p)
        print(await p.wait())


async def cancelled_wait():
    p = await create_subprocess_exec(child('write_and_wait'), stdin=PIPE)
    try:
        await asyncio.wait_for(p.wait(), 0.01)
    except asyncio.TimeoutError:
        print('timeout', p.returncode)
    p.kill()
    print(await p.wait())


async def lines():
    p = await create_subprocess_exec(child('copy_input'), stdin=PIPE, stdout=PIPE)
    p.stdin.write(b'one\ntwo\nthree')
    await p.stdin.drain()
    p.stdin.close()
    while line := await p.stdout.readline():
        print(repr(line.decode()))
    print(await p.wait())


async def broken_pipe():
    p = await create_subprocess_exec(child('noop'), stdin=PIPE)
    await p.wait()
    try:
        for _ in range(10):
            p.stdin.write(b'x' * 100_000)
            await p.stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        print('broken pipe')


async def at_once():
    async def one(number):
        p = await create_subprocess_exec(child('exit_with'), str(number))
        return await p.wait()
    print(sum(await asyncio.gather(*(one(i) for i in range(50)))))


if __name__ == '__main__':
    asyncio.run(globals()[sys.argv[1]]())
