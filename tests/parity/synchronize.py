# SPDX-License-Identifier: BSL-1.0
# The Python twin of synchronize.cpp: the same scenarios under the same names.

import multiprocessing
import sys
from multiprocessing import (Barrier, BoundedSemaphore, Condition, Event, Lock, Process, RLock,
                             Semaphore)
from threading import BrokenBarrierError


def say(what):
    print(what)


def error_of(use):
    try:
        use()
    except BrokenBarrierError:
        say('BrokenBarrierError')
    except (AssertionError, ValueError) as error:
        say(error)
    else:
        say('no error')


def in_child(target):
    process = Process(target=target)
    process.start()
    process.join()


def locks():
    lock = Lock()
    say(lock.acquire())
    in_child(lambda: say(lock.acquire(timeout=0.01)))
    say(lock.acquire(timeout=0.01))
    lock.release()

    def use():
        say(lock.acquire(timeout=0.01))
        lock.release()

    in_child(use)
    error_of(lock.release)


def recursive_locks():
    lock = RLock()
    error_of(lock.release)
    say(lock.acquire())
    say(lock.acquire())

    def use():
        say(lock.acquire(timeout=0.01))
        error_of(lock.release)

    in_child(use)
    lock.release()
    in_child(lambda: say(lock.acquire(timeout=0.01)))
    lock.release()
    error_of(lock.release)


def semaphores():
    semaphore = Semaphore(2)
    say(semaphore.get_value())
    say(semaphore.acquire())
    in_child(lambda: say(semaphore.acquire()))
    say(semaphore.acquire(timeout=0))
    say(semaphore.acquire(timeout=0.01))
    semaphore.release()
    semaphore.release()
    semaphore.release()
    say(semaphore.get_value())
    error_of(Semaphore(2147483647).release)


def bounded_semaphores():
    semaphore = BoundedSemaphore(1)
    error_of(semaphore.release)
    say(semaphore.acquire())
    in_child(semaphore.release)
    say(semaphore.get_value())
    error_of(semaphore.release)


def events():
    event = Event()
    say(event.is_set())
    say(event.wait(0.01))
    in_child(event.set)
    say(event.is_set())
    say(event.wait())
    event.clear()
    say(event.wait(0))


def conditions():
    condition = Condition()
    error_of(lambda: condition.wait(0.01))
    error_of(condition.notify)
    error_of(condition.notify_all)
    condition.acquire()
    condition.notify()
    say(condition.wait(0.01))
    say(condition.wait_for(lambda: False, 0.01))
    say(condition.wait_for(lambda: True, 0))

    def notify():
        with condition:
            condition.notify()

    process = Process(target=notify)
    process.start()
    say(condition.wait())
    condition.release()
    process.join()
    error_of(condition.release)


def barriers():
    barrier = Barrier(2, lambda: print('all are here', flush=True))
    say(barrier.parties)
    say(barrier.n_waiting)
    say(barrier.broken)
    error_of(lambda: barrier.wait(0.01))
    say(barrier.broken)
    error_of(barrier.wait)
    barrier.reset()
    say(barrier.broken)
    sys.stdout.flush()
    has_passed = Event()

    def meet():
        barrier.wait()
        has_passed.set()

    process = Process(target=meet)
    process.start()
    say(barrier.wait() in (0, 1))
    process.join()
    say(has_passed.is_set())
    barrier.abort()
    say(barrier.broken)
    in_child(lambda: error_of(barrier.wait))

    def fail():
        raise ValueError('the action fails')

    failing = Barrier(1, fail)
    error_of(failing.wait)
    say(failing.broken)


if __name__ == '__main__':
    multiprocessing.set_start_method('fork')
    globals()[sys.argv[1]]()
