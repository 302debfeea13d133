// SPDX-License-Identifier: BSL-1.0
// communicate.

#include <string>

#include "parity/subprocess/row.hpp"
#include "parity/subprocess/stage.hpp"

namespace parity {

// Left out, since the contract differs:
// - input for a child whose standard input is no pipe is a ValueError here, and dropped
//   in Python;
// - a second communicate after the first has ended gives nothing here, and in Python what
//   the first gave or, for a single pipe, a ValueError;
// - what was read ahead of a stream is lost in Python, if communicate has to use poll.

static const std::string mebibyte(1 << 20, 'x');

Table rows_of_communicate() {
    return {
        {"communicate: input, output and errors",
         R"(
            p = Popen([child('copy_input'), 'both'], stdin=PIPE, stdout=PIPE, stderr=PIPE)
            return p.communicate(b'text'), p.returncode, p.stdin.closed, p.stdout.closed)",
         [] {
             Popen p{{child("copy_input"), "both"},
                     {.std_err = PIPE, .std_in = PIPE, .std_out = PIPE}};
             const auto output = p.communicate("text");
             return std::tuple{output, p.returncode(), p.std_in.closed(),
                               p.std_out.closed()};
         }},
        {"communicate: with no pipe it waits",
         R"(
            p = Popen([child('exit_with'), '3'])
            return p.communicate(), p.returncode)",
         [] {
             Popen p{{child("exit_with"), "3"}};
             const auto output = p.communicate();
             return std::tuple{output, p.returncode()};
         }},
        {"communicate: without input, the pipe is closed",
         R"(
            p = Popen([child('copy_input')], stdin=PIPE, stdout=PIPE)
            return p.communicate())",
         [] {
             Popen p{{child("copy_input")}, {.std_in = PIPE, .std_out = PIPE}};
             return p.communicate();
         }},
        {"communicate: standard input alone",
         R"(
            p = Popen([child('copy_input')], stdin=PIPE)
            return p.communicate(b'text'))",
         [] {
             Popen p{{child("copy_input")}, {.std_in = PIPE}};
             return p.communicate("text");
         }},
        {"communicate: standard error alone",
         R"(
            p = Popen([child('write_both'), 'o', 'e'], stderr=PIPE)
            return p.communicate())",
         [] {
             Popen p{{child("write_both"), "o", "e"}, {.std_err = PIPE}};
             return p.communicate();
         }},
        {"communicate: what was written before comes first",
         R"(
            p = Popen([child('copy_input')], stdin=PIPE, stdout=PIPE)
            p.stdin.write(b'one, ')
            return p.communicate(b'two'))",
         [] {
             Popen p{{child("copy_input")}, {.std_in = PIPE, .std_out = PIPE}};
             p.std_in.write("one, ");
             return p.communicate("two");
         }},
        {"communicate: what was read before is not in it",
         R"(
            p = Popen([child('write_both'), 'one, two', ''], stdout=PIPE)
            return p.stdout.read(5), p.communicate())",
         [] {
             Popen p{{child("write_both"), "one, two", ""}, {.std_out = PIPE}};
             const auto first = p.std_out.read(5);
             return std::tuple{first, p.communicate()};
         }},
        {"communicate: a mebibyte in, and a mebibyte out of each stream",
         R"(
            p = Popen([child('copy_input'), 'both'], stdin=PIPE, stdout=PIPE, stderr=PIPE)
            x = b'x' * (1 << 20)
            return p.communicate(x) == (x, x), p.returncode)",
         [] {
             Popen p{{child("copy_input"), "both"},
                     {.std_err = PIPE, .std_in = PIPE, .std_out = PIPE}};
             const bool is_equal = p.communicate(mebibyte) == Output{mebibyte, mebibyte};
             return std::tuple{is_equal, p.returncode()};
         }},
        {"communicate: a child that floods one stream and then the other",
         R"(
            p = Popen(['"$0" 1048576 2; "$0" 1048576 1', child('flood')], shell=True,
                      stdout=PIPE, stderr=PIPE)
            return [len(stream) for stream in p.communicate()])",
         [] {
             Popen p{{"\"$0\" 1048576 2; \"$0\" 1048576 1", child("flood")},
                     {.shell = true, .std_err = PIPE, .std_out = PIPE}};
             const auto output = p.communicate();
             return std::tuple{output.std_out.size(), output.std_err.size()};
         }},
        {"communicate: a child that reads none of much input",
         R"(
            p = Popen([child('exit_with'), '3'], stdin=PIPE, stdout=PIPE)
            return p.communicate(b'x' * (1 << 20)), p.returncode)",
         [] {
             Popen p{{child("exit_with"), "3"}, {.std_in = PIPE, .std_out = PIPE}};
             const auto output = p.communicate(mebibyte);
             return std::tuple{output, p.returncode()};
         }},
        {"communicate: a child that reads a part of much input",
         R"(
            p = Popen(['sh', '-c', 'read line; echo $line'], stdin=PIPE, stdout=PIPE)
            return p.communicate(b'line\n' * 200000), p.returncode)",
         [] {
             std::string lines;
             for (int i = 0; i < 200'000; ++i) lines += "line\n";
             Popen p{{"sh", "-c", "read line; echo $line"},
                     {.std_in = PIPE, .std_out = PIPE}};
             const auto output = p.communicate(lines);
             return std::tuple{output, p.returncode()};
         }},
        {"communicate: a child that closes its input and lives on",
         R"(
            p = Popen(['sh', '-c', 'exec <&-; echo closed'], stdin=PIPE, stdout=PIPE)
            return p.communicate(b'x' * (1 << 20)), p.returncode)",
         [] {
             Popen p{{"sh", "-c", "exec <&-; echo closed"},
                     {.std_in = PIPE, .std_out = PIPE}};
             const auto output = p.communicate(mebibyte);
             return std::tuple{output, p.returncode()};
         }},
        {"communicate: input to a child that has ended",
         R"(
            p = Popen([child('exit_with'), '3'], stdin=PIPE)
            wait_for_end(p)
            return p.communicate(b'x'), p.returncode)",
         [] {
             Popen p{{child("exit_with"), "3"}, {.std_in = PIPE}};
             wait_for_end(p);
             const auto output = p.communicate("x");
             return std::tuple{output, p.returncode()};
         }},
        {"communicate: after the child was waited for",
         R"(
            p = Popen([child('write_both'), 'o', 'e'], stdout=PIPE, stderr=PIPE)
            p.wait()
            return p.communicate())",
         [] {
             Popen p{{child("write_both"), "o", "e"}, {.std_err = PIPE, .std_out = PIPE}};
             p.wait();
             return p.communicate();
         }},
        {"communicate: a child killed in the middle",
         R"(
            p = Popen('echo o; echo e >&2; kill -9 $$', shell=True, stdout=PIPE, stderr=PIPE)
            return p.communicate(), p.returncode)",
         [] {
             Popen p{"echo o; echo e >&2; kill -9 $$",
                     {.shell = true, .std_err = PIPE, .std_out = PIPE}};
             const auto output = p.communicate();
             return std::tuple{output, p.returncode()};
         }},
        {"communicate: it waits for the pipe that a grandchild holds",
         R"(
            p = Popen([child('leave_grandchild'), 'text'], stdin=PIPE, stdout=PIPE)
            wait_for_end(p)
            return p.communicate(b'line'), p.returncode)",
         [] {
             Popen p{{child("leave_grandchild"), "text"},
                     {.std_in = PIPE, .std_out = PIPE}};
             wait_for_end(p);
             const auto output = p.communicate("line");
             return std::tuple{output, p.returncode()};
         }},
    };
}

}  // namespace parity
