// SPDX-License-Identifier: BSL-1.0
// Leaves a session of MPI in the way that is named.

#include <pyproc/mpi.hpp>
#include <pyproc/multiprocessing/system_exit.hpp>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>

#include <unistd.h>

namespace mpi = pyproc::mpi;

int answer() {
    return 42;
}

void end_by_exit() {
    std::exit(3);
}

void end_at_once() {
    ::_exit(3);
}

int answer_after(int milliseconds) {
    ::usleep(1000 * static_cast<unsigned>(milliseconds));
    return 43;
}

void say_where(int rank) {
    std::cerr << "rank " << rank << " came back\n";
}

void run(const mpi::Session& session, const std::string& how) {
    mpi::MpiPoolExecutor executor(session);
    auto future = executor.submit(answer);
    if (how == "exception") throw std::runtime_error{"left by an exception"};
    if (how == "exit") std::exit(5);
    if (how == "exit_in_callback") {
        // Late enough that it is the executor's thread that calls back.
        executor.submit(answer_after, 50).add_done_callback([](auto) { std::exit(5); });
        executor.submit(answer_after, 250).add_done_callback([](auto late) {
            std::cout << "late answer " << late.result() << std::endl;
        });
        for (;;) ::pause();
    }
    if (how == "abrupt") ::_exit(6);
    if (how == "task_exits") executor.submit(end_by_exit).result();
    if (how == "task_ends") executor.submit(end_at_once).result();
    std::cout << "answer " << future.result() << '\n';
}

int main(int argc, char** argv) {
    const std::string how = argc > 1 ? argv[1] : "";
    if (how == "uncaught") {
        mpi::Session session(argc, argv);
        if (session.is_worker()) return session.serve();
        run(session, "exception");
    }
    try {
        mpi::Session session(argc, argv);
        if (session.is_worker()) {
            if (how == "no_serve") mpi::MpiPoolExecutor{session};
            const int code = session.serve();
            say_where(session.rank());
            return code;
        }
        if (how == "no_executor") return EXIT_SUCCESS;
        run(session, how);
        run(session, how);
    } catch (const std::exception& error) {
        std::cerr << "caught: " << error.what() << '\n';
        return 4;
    }
}
