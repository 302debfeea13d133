// SPDX-License-Identifier: BSL-1.0
// What a call costs that another rank of MPI makes, on one machine: with MpiPoolExecutor,
// beside mpi4py.futures, and beside a pool of forked processes. Two ranks: one does the
// work.

#include <pyproc/futures.hpp>
#include <pyproc/mpi.hpp>
#include <pyproc/os.hpp>
#include <pyproc/subprocess.hpp>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include "floors.hpp"
#include "measure.hpp"

namespace {

using namespace std::chrono_literals;
using namespace pyproc;

int twice(int n) {
    return 2 * n;
}

/// Does so many calls: one after another, or all at once in chunks of one.
template <class Executor>
void do_calls(Executor& executor, const std::string& how, int times) {
    if (how == "submit") {
        for (int i = 0; i < times; ++i) {
            bench::require(executor.submit(twice, i).result() == 2 * i);
        }
        return;
    }
    const std::vector<int> items(static_cast<std::size_t>(times), 1);
    int sum = 0;
    for (int each : executor.map({.chunksize = 1}, twice, items)) sum += each;
    bench::require(sum == 2 * times);
}

/// What rank 0 does when mpirun has started it: what it is told to.
int take_commands(const mpi::Session& session, const std::string& directory) {
    std::ifstream commands{directory + "/commands"};
    std::ofstream answers{directory + "/answers"};
    mpi::MpiPoolExecutor executor(session);
    std::string how;
    int times = 0;
    while (commands >> how >> times) {
        do_calls(executor, how, times);
        answers << "done" << std::endl;
    }
    return 0;
}

/// A program that runs on two ranks and waits for commands; not by its standard input,
/// which mpirun passes on with some delay.
class Ranks {
public:
    explicit Ranks(std::vector<std::string> program) {
        bench::require(::mkdtemp(directory_.data()) != nullptr);
        for (const std::string& each : {commands_path(), answers_path()}) {
            bench::require(::mkfifo(each.c_str(), 0600) == 0);
        }
        program.insert(program.begin(), {MPIEXEC, "-n", "2"});
        program.push_back(directory_);
        auto environment = os::environ();
        environment["OMPI_ALLOW_RUN_AS_ROOT"] = "1";
        environment["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1";
        environment["OMPI_MCA_rmaps_base_oversubscribe"] = "1";
        process_.emplace(program, subprocess::Options{.env = environment});
        commands_.open(commands_path());
        answers_.open(answers_path());
    }
    Ranks(const Ranks&) = delete;
    Ranks& operator=(const Ranks&) = delete;
    ~Ranks() {
        commands_.close();
        static_cast<void>(process_->wait());
        for (const std::string& each : {commands_path(), answers_path()}) {
            ::unlink(each.c_str());
        }
        ::rmdir(directory_.c_str());
    }

    void tell(const std::string& how, int times) {
        commands_ << how << ' ' << times << std::endl;
        std::string answer;
        bench::require(static_cast<bool>(std::getline(answers_, answer)));
    }

private:
    [[nodiscard]] std::string commands_path() const { return directory_ + "/commands"; }
    [[nodiscard]] std::string answers_path() const { return directory_ + "/answers"; }

    std::string directory_ = "/tmp/pyproc-bench-XXXXXX";
    std::optional<subprocess::Popen> process_;
    std::ofstream commands_;
    std::ifstream answers_;
};

void compare(const std::string& how, int batch, double goal, Ranks* mpi4py, Ranks& ours) {
    futures::ProcessPoolExecutor forked(1);
    std::vector<bench::Contestant> contestants;
    if (mpi4py != nullptr) {
        contestants.push_back(
            {"mpi4py.futures", [=](int times) { mpi4py->tell(how, times * batch); }});
    }
    contestants.push_back({"pyproc MpiPoolExecutor",
                           [&](int times) { ours.tell(how, times * batch); },
                           mpi4py != nullptr ? goal : 0});
    contestants.push_back({"pyproc ProcessPoolExecutor",
                           [&](int times) { do_calls(forked, how, times * batch); }});
    bench::compare_rates(std::to_string(batch) + " calls by " + how + ", by 1 worker",
                         contestants, {15, 200ms});
}

}  // namespace

int main(int argc, char** argv) {
    if (argc > 1) {
        mpi::Session session(argc, argv);
        return session.is_worker() ? session.serve() : take_commands(session, argv[1]);
    }
    Ranks ours{{argv[0]}};
#ifdef MPI4PY
    Ranks theirs{{MPI4PY, "-m", "mpi4py.futures", MPI4PY_PEER}};
    Ranks* const mpi4py = &theirs;
#else
    Ranks* const mpi4py = nullptr;
#endif
    compare("map", 100, 10, mpi4py, ours);   // in chunks of one
    compare("submit", 10, 0, mpi4py, ours);  // one after another
}
