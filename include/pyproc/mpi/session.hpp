// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mpi.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include "pyproc/mpi/back_off.hpp"
#include "pyproc/mpi/messenger.hpp"
#include "pyproc/mpi/program.hpp"
#include "pyproc/mpi/worker.hpp"
#include "pyproc/mpi/world.hpp"
#include "pyproc/multiprocessing/exception_text.hpp"

namespace pyproc::mpi {

/// The part that this process has in a program that `mpirun` has started several times:
/// rank 0 runs the program, the others make calls for it.
///
///     int main(int argc, char** argv) {
///         mpi::Session session(argc, argv);
///         if (session.is_worker()) return session.serve();
///         mpi::MpiPoolExecutor executor(session);
///         ...
///     }
///
/// It starts MPI if the program has not, and then ends it, too. However rank 0 leaves the
/// block that it is in, by an exception or `exit`, the executor's calls are still made,
/// and then the other ranks go on after `serve`. If a process ends in any other way, MPI
/// ends them all; so does a task that ends its process, and a worker that does not serve.
///
/// A program or a task that calls MPI itself must start it before the session is made, by
/// MPI_Init_thread with MPI_THREAD_MULTIPLE; the session keeps to a communicator of its
/// own. Without that MPI is asked for MPI_THREAD_SERIALIZED.
///
/// Threads: it is made, asked to serve, and destroyed by the one that has, or would have,
///          started MPI.
/// Python:  `python -m mpi4py.futures`, and `mpi4py.futures.MPICommExecutor`.
class Session {
public:
    /// @throws std::runtime_error  The ranks do not run the same program, so calls of one
    ///                             would mean something else to another; each rank throws
    ///                             this. Or MPI does not allow for threads.
    /// @throws std::logic_error    There is a session, or there was, and MPI with it.
    Session(int& argc, char**& argv) : Session{&argc, &argv} {}
    Session() : Session{nullptr, nullptr} {}
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    ~Session() { end(); }

    /// The number of this process among those of the program.
    [[nodiscard]] int rank() const noexcept { return world_->rank; }

    /// How many processes the program has.
    [[nodiscard]] int size() const noexcept { return world_->size; }

    /// Whether this process is to make calls for rank 0.
    [[nodiscard]] bool is_worker() const noexcept { return world_->rank != 0; }

    /// Makes the calls that rank 0 asks for, until its session ends.
    ///
    /// @return EXIT_SUCCESS, for `main` to return.
    /// @throws std::logic_error  This is rank 0, or its session has ended.
    int serve() {
        if (!is_worker() || has_served_) {
            throw std::logic_error{"only a rank other than 0 can serve, and only once"};
        }
        try {
            detail::Worker{world_->comm}.serve();
        } catch (...) {
            abort_all(multiprocessing::detail::exception_text(std::current_exception()));
        }
        has_served_ = true;
        return EXIT_SUCCESS;
    }

    /// For executors.
    [[nodiscard]] const std::shared_ptr<detail::World>& world() const noexcept {
        return world_;
    }

private:
    Session(int* argc, char*** argv) {
        if (current_ != nullptr) throw std::logic_error{"there is a session of MPI"};
        start_mpi(argc, argv);
        MPI_Comm comm = MPI_COMM_NULL;
        MPI_Comm_dup(MPI_COMM_WORLD, &comm);
        // Whatever the program has for others: here nobody looks at the codes.
        MPI_Comm_set_errhandler(comm, MPI_ERRORS_ARE_FATAL);
        world_ = std::make_shared<detail::World>(comm);
        if (const int other = first_other_program(); other != 0) {
            finish_mpi();
            throw std::runtime_error{"rank " + std::to_string(other) +
                                     " does not run the same program as rank 0: start "
                                     "all ranks with one file, "
                                     "the same build on every machine"};
        }
        current_ = this;
        static const bool is_registered = std::atexit(end_at_exit) == 0;
        static_cast<void>(is_registered);
    }

    void start_mpi(int* argc, char*** argv) {
        int is_there = 0;
        MPI_Finalized(&is_there);
        if (is_there != 0) throw std::logic_error{"MPI has been finalized"};
        MPI_Initialized(&is_there);
        int level = MPI_THREAD_SINGLE;
        if (is_there != 0) {
            MPI_Query_thread(&level);
        } else {
            MPI_Init_thread(argc, argv, MPI_THREAD_SERIALIZED, &level);
            owns_mpi_ = true;
        }
        if (level >= MPI_THREAD_SERIALIZED) return;
        if (owns_mpi_) MPI_Finalize();
        throw std::runtime_error{
            "MPI does not allow for threads: it was not built to, or the program has not "
            "asked MPI_Init_thread for MPI_THREAD_SERIALIZED or more"};
    }

    /// The first rank that runs another program than rank 0; 0 if there is none. All
    /// ranks get to know it.
    [[nodiscard]] int first_other_program() const {
        const auto mine = detail::Program::of_this_process().identity();
        std::vector<detail::ProgramIdentity> all(static_cast<std::size_t>(size()));
        MPI_Allgather(&mine, sizeof mine, MPI_BYTE, all.data(), sizeof mine, MPI_BYTE,
                      world_->comm);
        for (std::size_t i = 1; i < all.size(); ++i) {
            if (all[i] != all[0]) return static_cast<int>(i);
        }
        return 0;
    }

    void end() noexcept {
        // A process that was forked from this one has no part in MPI.
        if (current_ != this || ::getpid() != process_) return;
        current_ = nullptr;
        if (!is_worker()) {
            if (const auto executor = world_->executor.lock()) executor->finish();
            dismiss_workers();
        } else if (!has_served_) {
            abort_all(
                "the process ends before rank 0 has let it go: a task has ended it, or "
                "its main() has not called Session::serve()");
        }
        finish_mpi();
    }

    void dismiss_workers() noexcept {
        detail::Messenger& messenger = world_->messenger;
        for (int rank = 1; rank < size(); ++rank) {
            detail::Bytes frame = messenger.fresh_frame();
            detail::append_record(frame, {.kind = detail::RecordHead::Kind::leave}, {});
            messenger.send(rank, std::move(frame));
        }
        detail::BackOff back_off;
        while (messenger.is_sending()) back_off.wait();
    }

    void finish_mpi() noexcept {
        MPI_Comm comm = world_->comm;
        MPI_Comm_free(&comm);
        if (owns_mpi_) MPI_Finalize();
    }

    [[noreturn]] void abort_all(const std::string& reason) const noexcept {
        std::fprintf(stderr, "pyproc::mpi, rank %d: %s\n", rank(), reason.c_str());
        std::fflush(nullptr);
        MPI_Abort(world_->comm, EXIT_FAILURE);
        std::abort();
    }

    static void end_at_exit() noexcept {
        if (Session* const session = current_) session->end();
    }

    static inline constinit std::atomic<Session*> current_ = nullptr;

    const pid_t process_ = ::getpid();
    bool owns_mpi_ = false;
    bool has_served_ = false;
    std::shared_ptr<detail::World> world_;
};

}  // namespace pyproc::mpi
