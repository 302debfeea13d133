// SPDX-License-Identifier: BSL-1.0
// Children that end by signals, signals that are sent to them, and what they inherit.

#include <csignal>
#include <string>
#include <vector>

#include "parity/subprocess/row.hpp"
#include "parity/subprocess/stage.hpp"

namespace parity {

/// A row for each signal that ends a process: the return code, and the words.
static Table rows_of_deaths() {
    Table rows;
    for (const int number :
         {SIGHUP,  SIGINT,  SIGQUIT,   SIGILL,  SIGTRAP, SIGABRT, SIGBUS,  SIGFPE,
          SIGKILL, SIGUSR1, SIGSEGV,   SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGSTKFLT,
          SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO,   SIGPWR,  SIGSYS,  32,
          33,      34,      35,        40,      63,      64}) {
        const std::string n = std::to_string(number);
        rows.emplace_back("death by signal " + n,
                          "run([child('kill_itself'), '" + n + "'], check=True)", [n] {
                              return run({child("kill_itself"), n}, {.check = true});
                          });
    }
    return rows;
}

static Table rows_of_sent_signals() {
    return {
        {"terminate: ends the child by SIGTERM",
         R"(
            p = Popen([child('write_and_wait')], stdin=PIPE)
            p.terminate()
            return p.wait())",
         [] {
             Popen p{{child("write_and_wait")}, {.std_in = PIPE}};
             p.terminate();
             return p.wait();
         }},
        {"kill: ends the child by SIGKILL",
         R"(
            p = Popen([child('write_and_wait')], stdin=PIPE)
            p.kill()
            return p.wait())",
         [] {
             Popen p{{child("write_and_wait")}, {.std_in = PIPE}};
             p.kill();
             return p.wait();
         }},
        {"send_signal: any signal",
         R"(
            p = Popen([child('write_and_wait')], stdin=PIPE)
            p.send_signal(signal.SIGUSR1)
            return p.wait())",
         [] {
             Popen p{{child("write_and_wait")}, {.std_in = PIPE}};
             p.send_signal(SIGUSR1);
             return p.wait();
         }},
        {"terminate: a child may ignore it, and kill all the same ends it",
         R"(
            p = Popen([child('ignore_signal'), '15'], stdin=PIPE, stdout=PIPE)
            line = p.stdout.readline()
            p.terminate()
            first = outcome(lambda: p.wait(timeout=0.05))
            p.kill()
            return line, first, p.wait())",
         [] {
             Popen p{{child("ignore_signal"), "15"}, {.std_in = PIPE, .std_out = PIPE}};
             const auto line = p.std_out.readline();
             p.terminate();
             const auto first = outcome([&] { return p.wait(50ms); });
             p.kill();
             return std::tuple{line, first, p.wait()};
         }},
        {"send_signal: after the end, nothing",
         R"(
            p = Popen([child('exit_with'), '3'])
            p.wait()
            return p.terminate(), p.kill(), p.send_signal(1), p.returncode)",
         [] {
             Popen p{{child("exit_with"), "3"}};
             p.wait();
             const auto a = outcome([&] { p.terminate(); });
             const auto b = outcome([&] { p.kill(); });
             const auto c = outcome([&] { p.send_signal(1); });
             return std::tuple{a, b, c, p.returncode()};
         }},
        {"send_signal: to a child that has ended and was not waited for",
         R"(
            p = Popen([child('exit_with'), '3'])
            wait_for_end(p)
            return p.terminate(), p.wait())",
         [] {
             Popen p{{child("exit_with"), "3"}};
             wait_for_end(p);
             const auto sent = outcome([&] { p.terminate(); });
             return std::tuple{sent, p.wait()};
         }},
        {"send_signal: to a child that somebody else has reaped",
         R"(
            p = Popen([child('exit_with'), '3'])
            os.waitpid(p.pid, 0)
            return p.kill(), p.wait())",
         [] {
             Popen p{{child("exit_with"), "3"}};
             ::waitpid(p.pid(), nullptr, 0);
             const auto sent = outcome([&] { p.kill(); });
             return std::tuple{sent, p.wait()};
         }},
        {"send_signal: 0 asks only",
         R"(
            p = Popen([child('write_and_wait')], stdin=PIPE)
            return p.send_signal(0), p.poll())",
         [] {
             Popen p{{child("write_and_wait")}, {.std_in = PIPE}};
             const auto sent = outcome([&] { p.send_signal(0); });
             return std::tuple{sent, p.poll()};
         }},
        {"send_signal: numbers that are no signals",
         R"(
            p = Popen([child('write_and_wait')], stdin=PIPE)
            return [outcome(lambda: p.send_signal(n)) for n in (-1, 65, 99, 100000)])",
         [] {
             Popen p{{child("write_and_wait")}, {.std_in = PIPE}};
             std::vector<Verbatim> outcomes;
             for (const int n : {-1, 65, 99, 100'000})
                 outcomes.push_back(outcome([&] { p.send_signal(n); }));
             return outcomes;
         }},
        {"send_signal: after the end, a number that is no signal is nothing too",
         R"(
            p = Popen([child('exit_with'), '3'])
            p.wait()
            return p.send_signal(99))",
         [] {
             Popen p{{child("exit_with"), "3"}};
             p.wait();
             p.send_signal(99);
         }},
        {"send_signal: stop and go on",
         R"(
            p = Popen([child('write_and_wait')], stdin=PIPE)
            p.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, p.pid, os.WSTOPPED)
            stopped = p.poll(), outcome(lambda: p.wait(timeout=0.02))
            p.send_signal(signal.SIGCONT)
            p.stdin.close()
            return stopped, p.wait())",
         [] {
             Popen p{{child("write_and_wait")}, {.std_in = PIPE}};
             p.send_signal(SIGSTOP);
             siginfo_t info{};
             ::waitid(P_PID, static_cast<id_t>(p.pid()), &info, WSTOPPED);
             const auto polled = p.poll();
             const auto waited = outcome([&] { return p.wait(20ms); });
             p.send_signal(SIGCONT);
             p.std_in.close();
             return std::tuple{std::tuple{polled, waited}, p.wait()};
         }},
        {"terminate: what was written before is not lost",
         R"(
            r, w = os.pipe()
            p = Popen([child('write_and_wait'), 'so far'], stdin=r, stdout=PIPE)
            wait_for_output(p.stdout)
            p.terminate()
            return p.communicate(), p.returncode)",
         [] {
             const auto pipe = make_pipe();
             Popen p{{child("write_and_wait"), "so far"},
                     {.std_in = pipe.read_end.get(), .std_out = PIPE}};
             wait_for_output(p.std_out);
             p.terminate();
             const auto output = p.communicate();
             return std::tuple{output, p.returncode()};
         }},
    };
}

static void block(std::initializer_list<int> signals) {
    sigset_t mask;
    ::sigemptyset(&mask);
    for (const int signal : signals) ::sigaddset(&mask, signal);
    ::pthread_sigmask(SIG_BLOCK, &mask, nullptr);
}

static Table rows_of_inherited_signals() {
    return {
        {"restore_signals: SIGPIPE and SIGXFSZ are not ignored",
         "run([child('print_signals')], stdout=PIPE)",
         [] { return run({child("print_signals")}, {.std_out = PIPE}); }},
        {"restore_signals: without it they are",
         "run([child('print_signals')], restore_signals=False, stdout=PIPE)",
         [] {
             return run({child("print_signals")},
                        {.restore_signals = false, .std_out = PIPE});
         }},
        {"restore_signals: a child that writes to nobody is killed",
         R"(
            r, w = os.pipe()
            os.close(r)
            return run([child('flood'), '1', '1'], stdout=w).returncode)",
         [] {
             auto pipe = make_pipe();
             pipe.read_end.reset();
             return run({child("flood"), "1", "1"}, {.std_out = pipe.write_end.get()})
                 .returncode;
         }},
        {"restore_signals: without it, it is told of the error",
         R"(
            r, w = os.pipe()
            os.close(r)
            return run([child('flood'), '1', '1'], stdout=w,
                       restore_signals=False).returncode)",
         [] {
             auto pipe = make_pipe();
             pipe.read_end.reset();
             return run({child("flood"), "1", "1"},
                        {.restore_signals = false, .std_out = pipe.write_end.get()})
                 .returncode;
         }},
        {"signals: others that are ignored stay so",
         R"(
            signal.signal(signal.SIGUSR1, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            return check_output([child('print_signals')]))",
         [] {
             std::signal(SIGUSR1, SIG_IGN);
             std::signal(SIGHUP, SIG_IGN);
             return check_output({child("print_signals")});
         }},
        {"signals: those that are blocked stay so",
         R"(
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2, signal.SIGTERM, 40])
            return check_output([child('print_signals')]))",
         [] {
             block({SIGUSR2, SIGTERM, 40});
             return check_output({child("print_signals")});
         }},
        {"signals: handlers are not inherited",
         R"(
            signal.signal(signal.SIGUSR1, lambda *args: None)
            return run([child('kill_itself'), '10']).returncode)",
         [] {
             std::signal(SIGUSR1, [](int) {});
             return run({child("kill_itself"), "10"}).returncode;
         }},
        {"signals: the caller's mask is as before",
         R"(
            before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
            run([child('noop')])
            outcome(lambda: run(['/no/such/program']))
            return sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, []))))",
         [] {
             block({SIGUSR2});
             run({child("noop")});
             outcome([] { return run({"/no/such/program"}); });
             sigset_t mask;
             ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
             std::vector<int> blocked;
             for (int n = 1; n < NSIG; ++n) {
                 if (::sigismember(&mask, n) == 1) blocked.push_back(n);
             }
             return blocked;
         }},
    };
}

static Table rows_of_ignored_children() {
    return {
        {"SIGCHLD ignored: run does not know the exit code",
         R"(
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            return run([child('exit_with'), '7'], check=True))",
         [] {
             std::signal(SIGCHLD, SIG_IGN);
             return run({child("exit_with"), "7"}, {.check = true});
         }},
        {"SIGCHLD ignored: output is collected all the same",
         R"(
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            return run('echo x; exit 7', shell=True, stdout=PIPE))",
         [] {
             std::signal(SIGCHLD, SIG_IGN);
             return run("echo x; exit 7", {.shell = true, .std_out = PIPE});
         }},
        {"SIGCHLD ignored: a signal is not known either",
         R"(
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            p = Popen([child('write_and_wait')], stdin=PIPE)
            before = p.poll()
            p.kill()
            return before, p.wait(), p.returncode)",
         [] {
             std::signal(SIGCHLD, SIG_IGN);
             Popen p{{child("write_and_wait")}, {.std_in = PIPE}};
             const auto before = p.poll();
             p.kill();
             const int code = p.wait();
             return std::tuple{before, code, p.returncode()};
         }},
        {"SIGCHLD ignored: wait with a timeout",
         R"(
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            p = Popen([child('write_and_wait')], stdin=PIPE)
            first = outcome(lambda: p.wait(timeout=0.02))
            p.stdin.close()
            return first, p.wait(timeout=50))",
         [] {
             std::signal(SIGCHLD, SIG_IGN);
             Popen p{{child("write_and_wait")}, {.std_in = PIPE}};
             const auto first = outcome([&] { return p.wait(20ms); });
             p.std_in.close();
             return std::tuple{first, p.wait(50s)};
         }},
        {"SIGCHLD ignored: a missing program is still an error",
         R"(
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            return run(['/no/such/program']))",
         [] {
             std::signal(SIGCHLD, SIG_IGN);
             return run({"/no/such/program"});
         }},
        {"SIGCHLD ignored: the child ignores it too",
         R"(
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            return check_output([child('print_signals')]))",
         [] {
             std::signal(SIGCHLD, SIG_IGN);
             return check_output({child("print_signals")});
         }},
    };
}

Table rows_of_signals() {
    Table all;
    for (const auto rows : {rows_of_deaths, rows_of_sent_signals,
                            rows_of_inherited_signals, rows_of_ignored_children}) {
        for (const Row& row : rows()) all.push_back(row);
    }
    return all;
}

}  // namespace parity
