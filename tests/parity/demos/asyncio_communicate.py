# SPDX-License-Identifier: BSL-1.0
# After https://docs.python.org/3/library/asyncio-subprocess.html

import asyncio


async def run(cmd):
    proc = await asyncio.create_subprocess_shell(
        cmd, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)

    stdout, stderr = await proc.communicate()

    print(f'[{cmd!r} exited with {proc.returncode}]')
    if stdout:
        print(f'[stdout]\n{stdout.decode()}')
    if stderr:
        print(f'[stderr]\n{stderr.decode()}')


async def get_date():
    proc = await asyncio.create_subprocess_exec('date', stdout=asyncio.subprocess.PIPE)

    # Read one line of output.
    data = await proc.stdout.readline()
    line = data.decode('ascii').rstrip()

    # Wait for the subprocess exit.
    await proc.wait()
    return line


if __name__ == "__main__":
    asyncio.run(run('ls /zzz'))

    date = asyncio.run(get_date())
    print(f"Current date: {date}")
