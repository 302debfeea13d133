// SPDX-License-Identifier: BSL-1.0
// The areas of the Mandelbrot set's rows, each computed by whatever rank of MPI is free:
// rank 0 runs the program, the others make its calls.
//
//     $ mpirun -n 3 ./mpi_map
//     the set covers about 1.53 of the plane; 2 ranks have counted its rows

#include <pyproc/mpi.hpp>

#include <complex>
#include <cstdlib>
#include <exception>
#include <iomanip>
#include <iostream>
#include <numeric>
#include <vector>

constexpr int rows = 400;
constexpr double step = 2.5 / rows;

/// How much of a row of the plane is in the set.
double area_of_row(int row) {
    int inside = 0;
    for (int column = 0; column < rows; ++column) {
        const std::complex<double> c{-2 + step * column, -1.25 + step * row};
        std::complex<double> z = 0;
        int steps = 0;
        while (std::norm(z) < 4 && ++steps < 200) z = z * z + c;
        if (steps == 200) ++inside;
    }
    return inside * step * step;
}

int main(int argc, char** argv) try {
    pyproc::mpi::Session session(argc, argv);
    if (session.is_worker()) return session.serve();

    pyproc::mpi::MpiPoolExecutor executor(session);
    std::vector<int> numbers(rows);
    std::iota(numbers.begin(), numbers.end(), 0);
    double area = 0;
    for (double each : executor.map(area_of_row, numbers)) area += each;

    std::cout << "the set covers about " << std::setprecision(3) << area
              << " of the plane; " << executor.num_workers()
              << " ranks have counted its rows\n";
} catch (const std::exception& error) {
    std::cerr << "mpi_map: " << error.what() << '\n';
    return EXIT_FAILURE;
}
