# SPDX-License-Identifier: BSL-1.0
# The Python twin of process.cpp: the same scenarios under the same names.

import atexit
import multiprocessing
import os
import sys
import time
from multiprocessing import Process, active_children, current_process


def say(text):
    print(text)


def say_now(text):
    print(text, flush=True)


def exitcode_of(target, *args, **options):
    process = Process(target=target, args=args, **options)
    process.start()
    process.join()
    return process.exitcode


def sleep_for_ever(ready):
    ready.send_bytes(b'!')
    while True:
        time.sleep(1000)


def started_sleeper(**options):
    ours, theirs = multiprocessing.Pipe()
    process = Process(target=sleep_for_ever, args=(theirs,), **options)
    process.start()
    ours.recv_bytes()
    return process


def error_of(use):
    try:
        use()
    except (AssertionError, ValueError) as error:
        say(str(error))
    else:
        say('no error')


def leave(*args):
    raise SystemExit(*args)


def fail(*args):
    raise ValueError(*args)


def fail_again():
    try:
        fail('bad value')
    except ValueError:
        fail('worse')


def exit_codes():
    say(exitcode_of(say, 'returns'))
    for args in ((), (0,), (3,), (256 + 3,), (-1,), ('a message',), ('',)):
        say(exitcode_of(leave, *args))
    say(exitcode_of(os._exit, 7))


def exceptions():
    say(exitcode_of(fail, 'bad value'))
    say(exitcode_of(fail, 'bad value', name='worker'))
    say(exitcode_of(fail))
    say(exitcode_of(fail_again))


def say_name(depth):
    say_now(f'{current_process().name} {current_process().daemon}')
    for _ in range(depth):
        exitcode_of(say_name, depth - 1)


def names():
    say_name(0)
    exitcode_of(say_name, 0)
    exitcode_of(say_name, 2)
    exitcode_of(say_name, 1, name='given')
    exitcode_of(say_name, 0, daemon=True)
    Process()
    say(Process().name)


def say_parent(depth):
    parent = multiprocessing.parent_process()
    if parent is None:
        say_now('no parent')
    else:
        say_now(f'{parent.name} {parent.pid == os.getpid()} {parent.is_alive()} '
                f'{parent.exitcode}')
        parent.join(0)
    if depth:
        exitcode_of(say_parent, depth - 1)
        exitcode_of(say_parent, 0, name='given')


def parents():
    current_process().name = 'renamed'
    say_parent(2)


def error_of_setting(method, force=False):
    try:
        multiprocessing.set_start_method(method, force)
    except (RuntimeError, ValueError) as error:
        say(str(error))
    else:
        say(multiprocessing.get_start_method())


def start_methods():
    error_of_setting('nothing')
    error_of_setting('forkserver')
    error_of_setting('fork')
    error_of_setting('nothing')
    error_of_setting('fork', True)


def starting_sets_the_method():
    exitcode_of(say, 'child')
    error_of_setting('forkserver')
    say(multiprocessing.get_start_method())


def at_fork():
    for name in ('1', '2'):
        os.register_at_fork(
            before=lambda name=name: say_now('before ' + name),
            after_in_parent=lambda name=name: heard.append('parent ' + name),
            after_in_child=lambda name=name: heard.append('child ' + name))
    exitcode_of(say_heard)
    say_heard()


def say_heard():
    say_now(', '.join(heard))


heard = []


def daemon_is_terminated_at_exit():
    started_sleeper(daemon=True)
    say('main ends')


def say_late(text):
    time.sleep(0.2)
    say(text)


def others_are_joined_at_exit():
    Process(target=say_late, args=('child ends',)).start()
    say_now('main ends')


def others_are_joined_by_exit():
    Process(target=say_late, args=('child ends',)).start()
    say_now('main ends')
    sys.exit(4)


def parent_of_two():
    started_sleeper(daemon=True)
    Process(target=say_late, args=('grandchild ends',)).start()
    say_now('child ends')


def childrens_children_are_joined():
    say(exitcode_of(parent_of_two))


def write_error_late():
    time.sleep(0.2)
    sys.stderr.write('grandchild\n')


def failing_parent():
    Process(target=write_error_late).start()
    fail('reported after the children have ended')


def failure_is_reported_last():
    say(exitcode_of(failing_parent))


def start_child():
    error_of(lambda: exitcode_of(say, 'not reached'))


def start_foreign(process):
    error_of(process.start)
    error_of(process.join)


def misuse():
    process = Process(target=say, args=('runs once',))
    error_of(process.join)
    exitcode_of(start_foreign, process)
    process.start()
    error_of(process.start)
    process.join()
    error_of(process.start)
    error_of(lambda: setattr(process, 'daemon', True))
    process.close()
    error_of(process.start)
    error_of(process.join)
    error_of(process.is_alive)
    process.close()
    error_of(current_process().join)
    error_of(lambda: Process().sentinel)
    exitcode_of(start_child, daemon=True)
    sleeper = started_sleeper()
    error_of(sleeper.close)
    sleeper.kill()
    sleeper.join()
    error_of(sleeper.close)


def look(process):
    say(f'{process.pid is None} {process.is_alive()} {process.exitcode} '
        f'{len(active_children())}')


def states():
    look(Process())
    first = started_sleeper()
    second = started_sleeper()
    look(first)
    first.terminate()
    first.join()
    look(first)
    second.kill()
    second.join()
    look(second)
    second.kill()
    look(current_process())


def output_is_not_doubled():
    print('parent, ', end='')
    for _ in range(3):
        exitcode_of(say, 'child')
        print('again, ', end='')
    print('end')


def input_is_the_parents():
    exitcode_of(lambda: say(repr(sys.stdin.readline())))
    say(repr(sys.stdin.readline()))
    exitcode_of(lambda: say(repr(sys.stdin.readline())))
    say(repr(sys.stdin.readline()))


def exit_handlers_run_once():
    atexit.register(say_now, 'handler')
    say(exitcode_of(say, 'returns'))
    say(exitcode_of(leave, 2))
    say(exitcode_of(sys.exit, 1))
    say('main ends')


if __name__ == '__main__':
    if len(sys.argv) > 2:
        multiprocessing.set_start_method(sys.argv[2])
    globals()[sys.argv[1]]()
