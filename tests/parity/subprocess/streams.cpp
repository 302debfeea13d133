// SPDX-License-Identifier: BSL-1.0
// The streams of a Popen.

#include <string>
#include <vector>

#include "parity/subprocess/row.hpp"
#include "parity/subprocess/stage.hpp"

namespace parity {

static Table rows_of_reading() {
    return {
        {"std_out: read to the end",
         R"(
            p = Popen([child('write_both'), 'a\nb', ''], stdout=PIPE)
            return p.stdout.read(), p.stdout.read(), p.wait())",
         [] {
             Popen p{{child("write_both"), "a\nb", ""}, {.std_out = PIPE}};
             const auto first = p.std_out.read();
             const auto second = p.std_out.read();
             return std::tuple{first, second, p.wait()};
         }},
        {"std_out: read(n)",
         R"(
            p = Popen([child('write_both'), 'abcdefgh', ''], stdout=PIPE)
            return [p.stdout.read(n) for n in (0, 1, 3, 100, 5)])",
         [] {
             Popen p{{child("write_both"), "abcdefgh", ""}, {.std_out = PIPE}};
             std::vector<std::string> pieces;
             for (const std::size_t n : {0U, 1U, 3U, 100U, 5U})
                 pieces.push_back(p.std_out.read(n));
             return pieces;
         }},
        {"std_out: readline",
         R"(
            p = Popen([child('write_both'), 'a\n\nb\r\nc', ''], stdout=PIPE)
            return [p.stdout.readline() for i in range(6)])",
         [] {
             Popen p{{child("write_both"), "a\n\nb\r\nc", ""}, {.std_out = PIPE}};
             std::vector<std::string> lines;
             for (int i = 0; i < 6; ++i) lines.push_back(p.std_out.readline());
             return lines;
         }},
        {"std_out: its lines",
         R"(
            p = Popen([child('write_both'), 'a\n\nb\r\nc', ''], stdout=PIPE)
            return list(p.stdout), list(p.stdout))",
         [] {
             Popen p{{child("write_both"), "a\n\nb\r\nc", ""}, {.std_out = PIPE}};
             std::vector<std::string> lines;
             for (const std::string& line : p.std_out) lines.push_back(line);
             std::vector<std::string> more;
             for (const std::string& line : p.std_out) more.push_back(line);
             return std::tuple{lines, more};
         }},
        {"std_out: its lines, when it ends with a newline",
         R"(
            p = Popen([child('write_both'), 'a\nb\n', ''], stdout=PIPE)
            return list(p.stdout))",
         [] {
             Popen p{{child("write_both"), "a\nb\n", ""}, {.std_out = PIPE}};
             std::vector<std::string> lines;
             for (const std::string& line : p.std_out) lines.push_back(line);
             return lines;
         }},
        {"std_out: no lines",
         R"(
            p = Popen([child('noop')], stdout=PIPE)
            return list(p.stdout), p.stdout.readline(), p.stdout.read())",
         [] {
             Popen p{{child("noop")}, {.std_out = PIPE}};
             std::vector<std::string> lines;
             for (const std::string& line : p.std_out) lines.push_back(line);
             const auto line = p.std_out.readline();
             return std::tuple{lines, line, p.std_out.read()};
         }},
        {"std_out: each way to read takes up where the last left",
         R"(
            p = Popen([child('write_both'), 'one\ntwo\nthree\nfour\n', ''], stdout=PIPE)
            a = p.stdout.readline()
            b = p.stdout.read(2)
            for c in p.stdout:
                break
            return a, b, c, p.stdout.read())",
         [] {
             Popen p{{child("write_both"), "one\ntwo\nthree\nfour\n", ""},
                     {.std_out = PIPE}};
             const auto a = p.std_out.readline();
             const auto b = p.std_out.read(2);
             std::string c;
             for (const std::string& line : p.std_out) {
                 c = line;
                 break;
             }
             return std::tuple{a, b, c, p.std_out.read()};
         }},
        {"std_out: a line as long as a mebibyte",
         R"(
            p = Popen([child('flood'), '1048576', '1'], stdout=PIPE)
            return len(p.stdout.readline()), p.stdout.readline())",
         [] {
             Popen p{{child("flood"), "1048576", "1"}, {.std_out = PIPE}};
             const auto size = p.std_out.readline().size();
             return std::tuple{size, p.std_out.readline()};
         }},
        {"std_err: read beside std_out",
         R"(
            p = Popen([child('write_both'), 'o', 'e'], stdout=PIPE, stderr=PIPE)
            return p.stderr.read(), p.stdout.read(), p.wait())",
         [] {
             Popen p{{child("write_both"), "o", "e"}, {.std_err = PIPE, .std_out = PIPE}};
             const auto err = p.std_err.read();
             const auto out = p.std_out.read();
             return std::tuple{err, out, p.wait()};
         }},
        {"std_out: once closed it can't be read",
         R"(
            p = Popen([child('noop')], stdout=PIPE)
            p.stdout.close()
            return p.stdout.closed, [outcome(call) for call in (
                p.stdout.read, p.stdout.readline, p.stdout.fileno,
                lambda: p.stdout.read(1), lambda: list(p.stdout))])",
         [] {
             Popen p{{child("noop")}, {.std_out = PIPE}};
             p.std_out.close();
             p.std_out.close();
             return std::tuple{
                 p.std_out.closed(),
                 std::vector{outcome([&] { return p.std_out.read(); }),
                             outcome([&] { return p.std_out.readline(); }),
                             outcome([&] { return p.std_out.fileno(); }),
                             outcome([&] { return p.std_out.read(1); }), outcome([&] {
                                 return std::vector<std::string>{p.std_out.begin(),
                                                                 p.std_out.end()};
                             })}};
         }},
    };
}

static Table rows_of_writing() {
    return {
        {"std_in: what is written arrives at flush",
         R"(
            p = Popen([child('copy_input')], stdin=PIPE, stdout=PIPE)
            p.stdin.write(b'line\n')
            p.stdin.flush()
            line = p.stdout.readline()
            p.stdin.write(b'more')
            p.stdin.close()
            return line, p.stdout.read(), p.wait())",
         [] {
             Popen p{{child("copy_input")}, {.std_in = PIPE, .std_out = PIPE}};
             p.std_in.write("line\n");
             p.std_in.flush();
             const auto line = p.std_out.readline();
             p.std_in.write("more");
             p.std_in.close();
             const auto rest = p.std_out.read();
             return std::tuple{line, rest, p.wait()};
         }},
        {"std_in: small writes come in their order",
         R"(
            p = Popen([child('copy_input')], stdin=PIPE, stdout=PIPE)
            for i in range(5000):
                p.stdin.write(b'%d ' % i)
            return p.communicate() == (b''.join(b'%d ' % i for i in range(5000)), b''))",
         [] {
             Popen p{{child("copy_input")}, {.std_in = PIPE, .std_out = PIPE}};
             std::string all;
             for (int i = 0; i < 5000; ++i) {
                 p.std_in.write(std::to_string(i) + " ");
                 all += std::to_string(i) + " ";
             }
             return p.communicate() == Output{all, ""};
         }},
        {"std_in: once closed it can't be written",
         R"(
            p = Popen([child('copy_input')], stdin=PIPE)
            p.stdin.close()
            p.stdin.close()
            return p.stdin.closed, [outcome(call) for call in (
                lambda: p.stdin.write(b'x'), p.stdin.flush, p.stdin.fileno)])",
         [] {
             Popen p{{child("copy_input")}, {.std_in = PIPE}};
             p.std_in.close();
             p.std_in.close();
             return std::tuple{p.std_in.closed(),
                               std::vector{outcome([&] { p.std_in.write("x"); }),
                                           outcome([&] { p.std_in.flush(); }),
                                           outcome([&] { return p.std_in.fileno(); })}};
         }},
        {"std_in: flushed to a child that has ended",
         R"(
            p = Popen([child('noop')], stdin=PIPE)
            p.wait()
            p.stdin.write(b'x')
            p.stdin.flush())",
         [] {
             Popen p{{child("noop")}, {.std_in = PIPE}};
             p.wait();
             p.std_in.write("x");
             p.std_in.flush();
         }},
        {"std_in: closed with something held back for a child that has ended",
         R"(
            p = Popen([child('noop')], stdin=PIPE)
            p.wait()
            p.stdin.write(b'x')
            return outcome(p.stdin.close), p.stdin.closed)",
         [] {
             Popen p{{child("noop")}, {.std_in = PIPE}};
             p.wait();
             p.std_in.write("x");
             const auto closing = outcome([&] { p.std_in.close(); });
             return std::tuple{closing, p.std_in.closed()};
         }},
        {"std_in: much written to a child that has ended",
         R"(
            p = Popen([child('noop')], stdin=PIPE)
            p.wait()
            p.stdin.write(b'x' * 100000))",
         [] {
             Popen p{{child("noop")}, {.std_in = PIPE}};
             p.wait();
             p.std_in.write(std::string(100'000, 'x'));
         }},
    };
}

Table rows_of_streams() {
    Table all;
    for (const auto rows : {rows_of_reading, rows_of_writing}) {
        for (const Row& row : rows()) all.push_back(row);
    }
    return all;
}

}  // namespace parity
