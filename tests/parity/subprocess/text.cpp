// SPDX-License-Identifier: BSL-1.0
// Text mode.

#include <string>
#include <vector>

#include "parity/subprocess/row.hpp"
#include "parity/subprocess/stage.hpp"

namespace parity {

// Left out, since the contract differs: without `encoding`, text in Python must be UTF-8
// here; the bytes that are not pass through ours unchanged.

/// A row each for what a child writes in text mode.
static Table rows_of_newlines() {
    struct Text {
        const char* name;
        std::string written;
    };
    const Text texts[] = {
        {"a newline stays", "a\nb\n"},
        {"a pair is one", "a\r\nb\r\n"},
        {"a return is one", "a\rb\r"},
        {"all kinds", "a\r\r\n\n\rb\n\r\n\r"},
        {"none", "ab"},
        {"nothing", ""},
        {"a return alone", "\r"},
        {"beyond ASCII", "caf\xc3\xa9\r\n\xe2\x82\xac"},
        {"a NUL", "a\0\r\nb"s},
    };
    Table rows;
    for (const auto& [name, written] : texts) {
        // As bytes: the input must reach the child untranslated.
        const std::string bytes = repr_bytes(written);
        rows.emplace_back("text: "s + name, R"(
            make_file('file')
            with open('file', 'wb') as file:
                file.write()" + bytes + R"()
            return run([child('copy_input'), 'both'], stdin=open('file', 'rb'),
                       capture_output=True, text=True))",
                          [written = written] {
                              make_file("file", written);
                              return run({child("copy_input"), "both"},
                                         {.capture_output = true,
                                          .std_in = "file",
                                          .text = true});
                          });
    }
    return rows;
}

static Table rows_of_text_mode() {
    return {
        {"text: input is written as it is",
         "run([child('copy_input')], input='a\\r\\nb\\rc\\n', text=True)",
         [] {
             return run({child("copy_input")}, {.input = "a\r\nb\rc\n", .text = true});
         }},
        {"text: without it, nothing is translated",
         "run([child('copy_input')], input=b'a\\r\\nb\\rc\\n', stdout=PIPE)",
         [] {
             return run({child("copy_input")}, {.input = "a\r\nb\rc\n", .std_out = PIPE});
         }},
        {"text: in what check throws",
         "run('printf \"a\\\\r\\\\nb\\\\r\"; exit 3', shell=True, check=True, "
         "capture_output=True, text=True)",
         [] {
             return run(
                 "printf \"a\\r\\nb\\r\"; exit 3",
                 {.capture_output = true, .check = true, .shell = true, .text = true});
         }},
        {"text: a pair that comes in two pieces",
         R"(
            p = Popen([child('copy_input')], stdin=PIPE, stdout=PIPE, text=True)
            p.stdin.write('a\r')
            p.stdin.flush()
            first = p.stdout.read(1)
            p.stdin.write('\nb')
            p.stdin.close()
            return first, p.stdout.read())",
         [] {
             Popen p{{child("copy_input")},
                     {.std_in = PIPE, .std_out = PIPE, .text = true}};
             p.std_in.write("a\r");
             p.std_in.flush();
             const auto first = p.std_out.read(1);
             p.std_in.write("\nb");
             p.std_in.close();
             return std::tuple{first, p.std_out.read()};
         }},
        {"text: lines end at each kind of newline",
         R"(
            p = Popen(['printf', 'a\\r\\nb\\rc\\n\\r\\nd'], stdout=PIPE, text=True)
            return list(p.stdout), p.wait())",
         [] {
             Popen p{{"printf", "a\\r\\nb\\rc\\n\\r\\nd"},
                     {.std_out = PIPE, .text = true}};
             std::vector<std::string> lines;
             for (const std::string& line : p.std_out) lines.push_back(line);
             return std::tuple{lines, p.wait()};
         }},
        {"text: read(n) counts what was translated",
         R"(
            p = Popen(['printf', 'a\\r\\nb\\r\\nc'], stdout=PIPE, text=True)
            return p.stdout.read(2), p.stdout.read(2), p.stdout.read(), p.stdout.read())",
         [] {
             Popen p{{"printf", "a\\r\\nb\\r\\nc"}, {.std_out = PIPE, .text = true}};
             auto first = p.std_out.read(2);
             auto second = p.std_out.read(2);
             auto rest = p.std_out.read();
             return std::tuple{first, second, rest, p.std_out.read()};
         }},
        {"text: a shell's",
         "run('echo \"$0\"; printf \"\\\\r\"', shell=True, text=True, stdout=PIPE)",
         [] {
             return run("echo \"$0\"; printf \"\\r\"",
                        {.shell = true, .std_out = PIPE, .text = true});
         }},
    };
}

/// What the shell prints for this format, as `run` collects it.
CompletedProcess printed(const char* format, Options options) {
    options.std_out = PIPE;
    return run({"printf", format}, std::move(options));
}

Table rows_of_encodings() {
    return {
        {"encoding: latin-1 is read",
         R"(run(['printf', 'caf\\351\\r\\n'], stdout=PIPE, encoding='latin-1'))",
         [] { return printed("caf\\351\\r\\n", {.encoding = "latin-1"}); }},
        {"encoding: cp1252 is read",
         R"(run(['printf', '\\200 5'], stdout=PIPE, encoding='cp1252'))",
         [] { return printed("\\200 5", {.encoding = "cp1252"}); }},
        {"encoding: utf-16 with its mark is read",
         R"(run(['printf', '\\377\\376a\\000\\254\\040'], stdout=PIPE, encoding='utf-16'))",
         [] { return printed("\\377\\376a\\000\\254\\040", {.encoding = "utf-16"}); }},
        {"encoding: a character that comes in two pieces",
         R"(
            p = Popen(['sh', '-c', 'printf "\\303"; read x; printf "\\251"'],
                      stdin=PIPE, stdout=PIPE, encoding='utf-8')
            return p.communicate('go\n'))",
         [] {
             Popen p{{"sh", "-c", "printf '\\303'; read x; printf '\\251'"},
                     {.encoding = "utf-8", .std_in = PIPE, .std_out = PIPE}};
             return p.communicate("go\n");
         }},
        {"encoding: input is written in it",
         "run(['od', '-An', '-tx1'], input='caf\\u00e9', stdout=PIPE, "
         "encoding='latin-1')",
         [] {
             return run({"od", "-An", "-tx1"},
                        {.encoding = "latin-1", .input = "caf\xc3\xa9", .std_out = PIPE});
         }},
        {"encoding: read(n) counts characters",
         R"(
            p = Popen(['printf', '\\303\\251\\303\\251x'], stdout=PIPE, encoding='utf-8')
            return p.stdout.read(1), p.stdout.read(5), p.wait())",
         [] {
             Popen p{{"printf", "\\303\\251\\303\\251x"},
                     {.encoding = "utf-8", .std_out = PIPE}};
             const auto first = p.std_out.read(1);
             const auto rest = p.std_out.read(5);
             return std::tuple{first, rest, p.wait()};
         }},
        {"encoding: bytes that are not in it",
         R"(run(['printf', 'a\\377b'], stdout=PIPE, encoding='utf-8'))",
         [] { return printed("a\\377b", {.encoding = "utf-8"}); }},
        {"encoding: a character cut short by the end",
         R"(run(['printf', 'a\\342\\202'], stdout=PIPE, encoding='utf-8'))",
         [] { return printed("a\\342\\202", {.encoding = "utf-8"}); }},
        {"encoding: ascii that is none",
         R"(run(['printf', 'caf\\303\\251'], stdout=PIPE, encoding='ascii'))",
         [] { return printed("caf\\303\\251", {.encoding = "ascii"}); }},
        {"encoding: input that is not in it",
         "run([child('copy_input')], input='\\u20ac', stdout=PIPE, encoding='latin-1')",
         [] {
             return run(
                 {child("copy_input")},
                 {.encoding = "latin-1", .input = "\xe2\x82\xac", .std_out = PIPE});
         }},
        {"errors: replace",
         R"(run(['printf', 'a\\377\\342\\202b'], stdout=PIPE, encoding='utf-8', errors='replace'))",
         [] {
             return printed("a\\377\\342\\202b",
                            {.encoding = "utf-8", .errors = "replace"});
         }},
        {"errors: ignore",
         R"(run(['printf', 'a\\377\\342\\202b'], stdout=PIPE, encoding='utf-8', errors='ignore'))",
         [] {
             return printed("a\\377\\342\\202b",
                            {.encoding = "utf-8", .errors = "ignore"});
         }},
        {"encoding: a failed check has text",
         R"(run(r'printf "\351"; exit 3', shell=True, check=True, stdout=PIPE, encoding='latin-1'))",
         [] {
             return run(
                 R"(printf "\351"; exit 3)",
                 {.check = true, .encoding = "latin-1", .shell = true, .std_out = PIPE});
         }},
    };
}

Table rows_of_text() {
    Table all;
    for (const auto rows : {rows_of_newlines, rows_of_text_mode, rows_of_encodings}) {
        for (const Row& row : rows()) all.push_back(row);
    }
    return all;
}

}  // namespace parity
