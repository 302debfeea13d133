# SPDX-License-Identifier: BSL-1.0
import multiprocessing
import os

number = 0

def look(who):
    colour = os.environ.get('COLOUR', 'none')
    print(f'[INFO] {who}: number {number}, directory {os.getcwd()}, COLOUR {colour}')

def change(who):
    global number
    number = 1
    os.chdir('/')
    os.environ['COLOUR'] = 'red'
    look(who)

if __name__ == "__main__":
    print('Process is isolated out of other processes, '
          "process can't see what other processes are doing!")
    os.environ.pop('COLOUR', None)
    look('main')
    first = multiprocessing.Process(target=change, args=('first',))
    first.start()
    first.join()
    second = multiprocessing.Process(target=look, args=('second',))
    second.start()
    second.join()
    look('main')
