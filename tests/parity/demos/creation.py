# SPDX-License-Identifier: BSL-1.0
import subprocess

if __name__ == "__main__":
    ret = subprocess.getoutput('date')
    print(f'[INFO] ret: {ret}')
    ret = subprocess.check_output('date')
    print(f'[INFO] ret: {ret}')
    ret = subprocess.getstatusoutput('date')
    print(f'[INFO] ret: {ret}')
    ret = subprocess.call('date')
    print(f'[INFO] ret: {ret}')
