# SPDX-License-Identifier: BSL-1.0
# The part of mpi4py.futures in benchmarks/mpi_map.cpp: reads commands, and says when done.
import sys

from mpi4py.futures import MPIPoolExecutor


def twice(n):
    return 2 * n


if __name__ == "__main__":
    directory = sys.argv[1]
    with open(directory + "/commands") as commands, open(
        directory + "/answers", "w"
    ) as answers, MPIPoolExecutor() as executor:
        for line in commands:
            how, times = line.split()
            times = int(times)
            if how == "submit":
                for i in range(times):
                    assert executor.submit(twice, i).result() == 2 * i
            else:
                assert sum(executor.map(twice, [1] * times, chunksize=1)) == 2 * times
            print("done", file=answers, flush=True)
