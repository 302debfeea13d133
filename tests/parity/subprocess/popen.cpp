// SPDX-License-Identifier: BSL-1.0
// Popen, and how its end is learnt.

#include <string>
#include <vector>

#include "parity/subprocess/row.hpp"
#include "parity/subprocess/stage.hpp"

namespace parity {

/// A child that lives until its standard input ends.
static Popen waiting_child() {
    return Popen{{child("write_and_wait")}, {.std_in = PIPE}};
}

Table rows_of_popen() {
    return {
        {"Popen: args are what was given",
         "[Verbatim(repr(Popen(args).args)) for args in ([child('noop'), 'a'], "
         "child('noop'))]",
         [] {
             return std::tuple{Popen({child("noop"), "a"}).args(),
                               Popen(child("noop")).args()};
         }},
        {"Popen: pid is the child's",
         R"(
            p = Popen(['sh', '-c', 'echo $$'], stdout=PIPE)
            return p.communicate()[0] == b'%d\n' % p.pid)",
         [] {
             Popen p{{"sh", "-c", "echo $$"}, {.std_out = PIPE}};
             return p.communicate().std_out == std::to_string(p.pid()) + "\n";
         }},
        {"poll, returncode: none while the child lives",
         R"(
            p = Popen([child('write_and_wait')], stdin=PIPE)
            return p.returncode, p.poll(), p.returncode)",
         [] {
             Popen p = waiting_child();
             const auto first = p.returncode();
             const auto polled = p.poll();
             return std::tuple{first, polled, p.returncode()};
         }},
        {"returncode: none until somebody looks",
         R"(
            p = Popen([child('exit_with'), '7'])
            wait_for_end(p)
            return p.returncode, p.poll(), p.returncode, p.poll(), p.wait())",
         [] {
             Popen p{{child("exit_with"), "7"}};
             wait_for_end(p);
             const auto first = p.returncode();
             const auto polled = p.poll();
             const auto known = p.returncode();
             const auto again = p.poll();
             return std::tuple{first, polled, known, again, p.wait()};
         }},
        {"wait: the exit code, again and again",
         R"(
            p = Popen([child('exit_with'), '7'])
            return p.wait(), p.wait(), p.wait(timeout=0), p.poll(), p.returncode)",
         [] {
             Popen p{{child("exit_with"), "7"}};
             const int first = p.wait();
             const int second = p.wait();
             const int third = p.wait(0s);
             const auto polled = p.poll();
             return std::tuple{first, second, third, polled, p.returncode()};
         }},
        {"wait: a timeout that passes, and then none",
         R"(
            p = Popen([child('write_and_wait')], stdin=PIPE)
            first = outcome(lambda: p.wait(timeout=0.05))
            before = p.returncode
            p.stdin.close()
            return first, before, p.wait(), p.returncode)",
         [] {
             Popen p = waiting_child();
             const auto first = outcome([&] { return p.wait(50ms); });
             const auto before = p.returncode();
             p.std_in.close();
             const int code = p.wait();
             return std::tuple{first, before, code, p.returncode()};
         }},
        {"wait: a timeout of zero",
         R"(
            p = Popen([child('write_and_wait')], stdin=PIPE)
            return p.wait(timeout=0))",
         [] {
             Popen p = waiting_child();
             return p.wait(0s);
         }},
        {"wait: a timeout that does not pass",
         "Popen([child('exit_with'), '7']).wait(timeout=50)",
         [] {
             return Popen({child("exit_with"), "7"}).wait(50s);
         }},
        {"wait: timeouts are shown as Python's numbers",
         R"(
            p = Popen(['x'], executable=child('write_and_wait'), stdin=PIPE)
            return [outcome(lambda: p.wait(timeout=t)) for t in (0, 0.001, 0.0125, 0.05)])",
         [] {
             Popen p{{"x"}, {.executable = child("write_and_wait"), .std_in = PIPE}};
             std::vector<Verbatim> outcomes;
             for (const std::chrono::microseconds limit : {0us, 1000us, 12500us, 50000us})
                 outcomes.push_back(outcome([&] { return p.wait(limit); }));
             return outcomes;
         }},
        {"wait: a timeout in the message of a command of one string",
         R"(
            p = Popen('read line', shell=True, stdin=PIPE)
            return p.wait(timeout=0.02))",
         [] {
             Popen p{"read line", {.shell = true, .std_in = PIPE}};
             return p.wait(20ms);
         }},
        {"wait: a child that somebody else has reaped",
         R"(
            p = Popen([child('exit_with'), '7'])
            os.waitpid(p.pid, 0)
            return p.returncode, p.wait(), p.returncode, p.poll())",
         [] {
             Popen p{{child("exit_with"), "7"}};
             ::waitpid(p.pid(), nullptr, 0);
             const auto first = p.returncode();
             const int code = p.wait();
             const auto known = p.returncode();
             return std::tuple{first, code, known, p.poll()};
         }},
        {"poll: a child that somebody else has reaped",
         R"(
            p = Popen([child('exit_with'), '7'])
            os.waitpid(p.pid, 0)
            return p.poll(), p.returncode)",
         [] {
             Popen p{{child("exit_with"), "7"}};
             ::waitpid(p.pid(), nullptr, 0);
             const auto polled = p.poll();
             return std::tuple{polled, p.returncode()};
         }},
        {"wait: with a timeout, a child that somebody else has reaped",
         R"(
            p = Popen([child('exit_with'), '7'])
            os.waitpid(p.pid, 0)
            return p.wait(timeout=50))",
         [] {
             Popen p{{child("exit_with"), "7"}};
             ::waitpid(p.pid(), nullptr, 0);
             return p.wait(50s);
         }},
        {"communicate: a child that somebody else has reaped",
         R"(
            p = Popen(['sh', '-c', 'echo x; exit 7'], stdout=PIPE)
            os.waitpid(p.pid, 0)
            return p.communicate(), p.returncode)",
         [] {
             Popen p{{"sh", "-c", "echo x; exit 7"}, {.std_out = PIPE}};
             ::waitpid(p.pid(), nullptr, 0);
             const auto output = p.communicate();
             return std::tuple{output, p.returncode()};
         }},
        {"with: leaving closes the pipes and waits",
         R"(
            with Popen([child('copy_input')], stdin=PIPE, stdout=open('file', 'wb')) as p:
                p.stdin.write(b'text')
            return p.returncode, read_file('file'))",
         [] {
             pid_t pid = 0;
             {
                 Popen p{{child("copy_input")}, {.std_in = PIPE, .std_out = "file"}};
                 p.std_in.write("text");
                 pid = p.pid();
             }
             // Ours is gone, and can't be asked for its return code; so is the child.
             return std::tuple{::waitpid(pid, nullptr, 0) < 0 ? 0 : 1, read_file("file")};
         }},
        {"two children at once",
         R"(
            first = Popen([child('copy_input')], stdin=PIPE, stdout=PIPE)
            second = Popen([child('copy_input')], stdin=PIPE, stdout=PIPE)
            return first.communicate(b'1'), second.communicate(b'2'))",
         [] {
             Popen first{{child("copy_input")}, {.std_in = PIPE, .std_out = PIPE}};
             Popen second{{child("copy_input")}, {.std_in = PIPE, .std_out = PIPE}};
             const auto output = first.communicate("1");
             return std::tuple{output, second.communicate("2")};
         }},
    };
}

}  // namespace parity
