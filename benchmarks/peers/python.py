# SPDX-License-Identifier: BSL-1.0
# Does with subprocess what each line of its standard input says, as often as it says, and
# answers with a line each: so that Python's start is not measured.

import asyncio
import json
import mmap
import multiprocessing
import os
import resource
import subprocess
import sys
import threading


def call(times, program):
    for _ in range(times):
        assert subprocess.call([program]) == 0


def check_output(times, program, size):
    for _ in range(times):
        assert len(subprocess.check_output([program])) == size


def communicate(times, program, size):
    global given
    if len(given) != size:
        given = b"x" * size
    for _ in range(times):
        output = subprocess.run([program], input=given, stdout=subprocess.PIPE).stdout
        assert len(output) == size


def start_and_kill(count, program):
    children = [subprocess.Popen([program]) for _ in range(count)]
    for child in children:
        child.kill()
    for child in children:
        child.wait()


def start_and_await(count, program):
    async def one():
        child = await asyncio.create_subprocess_exec(program)
        assert await child.wait() == 0

    async def all_of_them():
        await asyncio.gather(*(one() for _ in range(count)))

    allow_descriptors()
    asyncio.run(all_of_them())


def start_process(times, method):
    context = multiprocessing.get_context(method)
    for _ in range(times):
        process = context.Process(target=do_nothing)
        process.start()
        process.join()
        assert process.exitcode == 0


def do_nothing():
    pass


def call_on_threads(threads, times, program):
    running = [threading.Thread(target=call, args=(times, program)) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def take_on(memory, descriptors, are_close_on_exec):
    if memory:
        pages = mmap.mmap(-1, memory, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        pages.madvise(mmap.MADV_NOHUGEPAGE)
        for page in range(0, memory, mmap.PAGESIZE):
            pages[page] = 1
        kept.append(pages)
    if descriptors:
        allow_descriptors()
        for _ in range(descriptors):
            os.set_inheritable(os.open("/dev/null", os.O_RDONLY), not are_close_on_exec)


def allow_descriptors():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


given = b""
kept = []


def main():
    for line in sys.stdin:
        function, *arguments = json.loads(line)
        globals()[function](*arguments)
        print("done", flush=True)


if __name__ == "__main__":
    main()
