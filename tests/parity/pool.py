# SPDX-License-Identifier: BSL-1.0
# The Python twin of pool.cpp: the same scenarios under the same names.

import concurrent.futures
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import Pool


def say(what):
    print(what)


def error_of(use):
    try:
        use()
    except multiprocessing.TimeoutError:
        say('TimeoutError')
    except concurrent.futures.TimeoutError as error:
        say(' '.join(['TimeoutError', *error.args]))
    except concurrent.futures.CancelledError:
        say('CancelledError')
    except concurrent.futures.process.BrokenProcessPool:
        say('BrokenProcessPool')
    except (ValueError, RuntimeError) as error:
        say(error)
    else:
        say('no error')


def square(n):
    return n * n


def check(n):
    if n == 3:
        raise ValueError('three')
    return n


def add(a, b):
    return a + b


def nap(n):
    time.sleep(0.5)
    return n


def die(n):
    os._exit(n)


def maps():
    with Pool(2) as pool:
        say(pool.map(square, range(10)))
        say(pool.map(square, range(10), 3))
        say(pool.map(square, []))
        say(pool.starmap(add, [(1, 2), (3, 4)]))
        say(list(pool.imap(square, range(5))))
        say(list(pool.imap(square, range(5), 2)))
        say(sorted(pool.imap_unordered(square, range(5))))
        error_of(lambda: pool.map(check, range(6)))


def imap_errors():
    with Pool(2) as pool:
        results = pool.imap(check, range(6))
        for _ in range(6):
            error_of(lambda: say(next(results)))
        say(next(results, 'end'))


def callbacks():
    with Pool(1) as pool:
        order = []
        result = pool.apply_async(square, (3,), callback=order.append)
        say(result.get())
        say(order)
        failed = pool.apply_async(check, (3,), callback=order.append,
                                  error_callback=lambda error: order.append(str(error)))
        failed.wait()
        say(order)
        say(result.successful())
        say(failed.successful())
        error_of(failed.get)
        mapped = pool.map_async(square, range(3), callback=order.append)
        say(mapped.get())
        say(order[-1])


def not_ready():
    with Pool(1) as pool:
        result = pool.apply_async(nap, (1,))
        say(result.ready())
        error_of(lambda: result.get(0.01))
        result.wait(0.01)
        say(result.ready())
        say(result.get())
        say(result.ready())


def closing():
    pool = Pool(2)
    result = pool.map_async(square, range(5))
    error_of(pool.join)
    pool.close()
    error_of(lambda: pool.apply(square, (1,)))
    error_of(lambda: pool.map(square, [1]))
    error_of(lambda: pool.imap(square, [1]))
    pool.join()
    say(result.get())
    error_of(lambda: Pool(0))


def states():
    with ProcessPoolExecutor(1) as executor:
        running = executor.submit(nap, 1)
        queued = [executor.submit(square, n) for n in range(5)]
        last = queued[-1]
        while not running.running():
            time.sleep(0.001)
        say((running.done(), running.cancelled(), running.cancel()))
        say((last.running(), last.done(), last.cancel(), last.cancel()))
        say((last.done(), last.cancelled()))
        error_of(last.result)
        error_of(last.exception)
        error_of(lambda: running.result(0.01))
        say(running.result())
        say(running.exception())
        say((running.running(), running.done(), running.cancel()))
        failed = executor.submit(check, 3)
        error_of(failed.result)
        say(failed.exception())


def done_callbacks():
    with ProcessPoolExecutor(1) as executor:
        future = executor.submit(square, 3)
        order = []
        future.add_done_callback(lambda f: order.append(f.result()))
        future.add_done_callback(lambda f: order.append(f is future))
    say(order)
    future.add_done_callback(lambda f: order.append('late'))
    say(order)


def waiting():
    with ProcessPoolExecutor(1) as executor:
        quick = executor.submit(square, 2)
        quick.result()
        slow = executor.submit(nap, 1)
        done, not_done = concurrent.futures.wait([quick, slow], 0)
        say((len(done), len(not_done)))
        done, not_done = concurrent.futures.wait([quick, slow], 5, 'FIRST_COMPLETED')
        say((len(done), len(not_done)))
        done, not_done = concurrent.futures.wait([quick, slow])
        say((len(done), len(not_done)))
        failed = executor.submit(check, 3)
        slow = executor.submit(nap, 1)
        done, not_done = concurrent.futures.wait([slow, failed], 5, 'FIRST_EXCEPTION')
        say((len(done), len(not_done)))
        say(len(concurrent.futures.wait([]).done))
        slow = [executor.submit(nap, n) for n in range(3)]

        def go_through():
            for _ in concurrent.futures.as_completed([quick, *slow], 0.01):
                pass
        error_of(go_through)
        say(sorted(f.result() for f in concurrent.futures.as_completed([quick, quick, *slow])))


def broken():
    with ProcessPoolExecutor(1) as executor:
        error_of(executor.submit(die, 3).result)
        error_of(lambda: executor.submit(square, 1))
    with ProcessPoolExecutor(1) as executor:
        say(list(executor.map(add, [1, 2, 3], [10, 20])))
    error_of(lambda: executor.submit(square, 1))
    error_of(lambda: executor.map(square, [1]))


if __name__ == '__main__':
    multiprocessing.set_start_method('fork')
    globals()[sys.argv[1]]()
