# SPDX-License-Identifier: BSL-1.0
import os

print('Table 1. Basic functions')
print('|Function|Return|')
print('|--------|------|')
print('|os.getpid|pid of the process|')
print('|os.getcwd|current working directory|')
print('|os.getuid|id of the user|')
print('|os.getgid|id of the group|')
print(f'[INFO] os.getpid: {os.getpid()}')
print(f'[INFO] os.getcwd: {os.getcwd()}')
print(f'[INFO] os.getuid: {os.getuid()}')
print(f'[INFO] os.getgid: {os.getgid()}')
