// SPDX-License-Identifier: BSL-1.0
// Where the standard streams go to and come from.

#include <cstdio>
#include <string>
#include <vector>

#include "parity/subprocess/row.hpp"
#include "parity/subprocess/stage.hpp"

namespace parity {

// Left out, since the contract differs: STDOUT for another stream than standard error and
// a negative descriptor are a ValueError here, and mean what they happen to in Python.

static Table rows_of_special_streams() {
    return {
        {"DEVNULL: for standard input", "run([child('copy_input')], stdin=DEVNULL)",
         [] { return run({child("copy_input")}, {.std_in = DEVNULL}); }},
        {"DEVNULL: for standard output",
         "run([child('write_both'), 'o', 'e'], stdout=DEVNULL)",
         [] {
             return run({child("write_both"), "o", "e"}, {.std_out = DEVNULL});
         }},
        {"DEVNULL: for standard error",
         "run([child('write_both'), 'o', 'e'], stderr=DEVNULL)",
         [] {
             return run({child("write_both"), "o", "e"}, {.std_err = DEVNULL});
         }},
        {"DEVNULL: for all",
         "run([child('copy_input'), 'both'], stdin=DEVNULL, stdout=DEVNULL, "
         "stderr=DEVNULL)",
         [] {
             return run({child("copy_input"), "both"},
                        {.std_err = DEVNULL, .std_in = DEVNULL, .std_out = DEVNULL});
         }},
        {"DEVNULL: beside pipes",
         "run([child('copy_input'), 'both'], input=b'x', stdout=DEVNULL, stderr=PIPE)",
         [] {
             return run({child("copy_input"), "both"},
                        {.input = "x", .std_err = PIPE, .std_out = DEVNULL});
         }},
        {"DEVNULL: STDOUT goes there too",
         "run([child('write_both'), 'o', 'e'], stdout=DEVNULL, stderr=STDOUT)",
         [] {
             return run({child("write_both"), "o", "e"},
                        {.std_err = STDOUT, .std_out = DEVNULL});
         }},
        {"STDOUT: one pipe for both, in the order of writing",
         "run('echo 1; echo 2 >&2; echo 3; echo 4 >&2', shell=True, stdout=PIPE, "
         "stderr=STDOUT)",
         [] {
             return run("echo 1; echo 2 >&2; echo 3; echo 4 >&2",
                        {.shell = true, .std_err = STDOUT, .std_out = PIPE});
         }},
        {"STDOUT: into the caller's standard output",
         "run([child('write_both'), 'o', 'e'], stderr=STDOUT)",
         [] {
             return run({child("write_both"), "o", "e"}, {.std_err = STDOUT});
         }},
        {"STDOUT: into a file",
         R"(
            run([child('write_both'), 'o', 'e'], stdout=open('file', 'wb'), stderr=STDOUT)
            return read_file('file'))",
         [] {
             run({child("write_both"), "o", "e"}, {.std_err = STDOUT, .std_out = "file"});
             return read_file("file");
         }},
        {"PIPE: for standard input that is closed at once",
         "run([child('copy_input')], stdin=PIPE, stdout=PIPE)",
         [] { return run({child("copy_input")}, {.std_in = PIPE, .std_out = PIPE}); }},
        {"PIPE: of a child that writes nothing",
         "run([child('noop')], capture_output=True)",
         [] { return run({child("noop")}, {.capture_output = true}); }},
        {"PIPE: of a child that closes its output early",
         "run([child('close_output')], input=b'x', capture_output=True)",
         [] {
             return run({child("close_output")}, {.capture_output = true, .input = "x"});
         }},
    };
}

static Table rows_of_files() {
    return {
        {"files: read from one",
         R"(
            make_file('file', 'text of the file')
            return run([child('copy_input')], stdin=open('file', 'rb'), stdout=PIPE))",
         [] {
             make_file("file", "text of the file");
             return run({child("copy_input")}, {.std_in = "file", .std_out = PIPE});
         }},
        {"files: a new one is written",
         R"(
            run([child('write_both'), 'o', 'e'], stdout=open('file', 'wb'))
            return read_file('file'))",
         [] {
             run({child("write_both"), "o", "e"}, {.std_out = "file"});
             return read_file("file");
         }},
        {"files: what was in one is gone",
         R"(
            make_file('file', 'text of the file')
            run([child('write_both'), 'o', 'e'], stdout=open('file', 'wb'))
            return read_file('file'))",
         [] {
             make_file("file", "text of the file");
             run({child("write_both"), "o", "e"}, {.std_out = "file"});
             return read_file("file");
         }},
        {"files: a FILE that appends",
         R"(
            make_file('file', 'text of the file')
            run([child('write_both'), 'o', 'e'], stdout=open('file', 'ab'))
            return read_file('file'))",
         [] {
             make_file("file", "text of the file");
             std::FILE* const file = std::fopen("file", "ae");
             run({child("write_both"), "o", "e"}, {.std_out = file});
             std::fclose(file);
             return read_file("file");
         }},
        {"files: one FILE for two streams",
         R"(
            file = open('file', 'wb')
            run([child('write_both'), 'o', 'e'], stdout=file, stderr=file)
            return read_file('file'))",
         [] {
             std::FILE* const file = std::fopen("file", "we");
             run({child("write_both"), "o", "e"}, {.std_err = file, .std_out = file});
             std::fclose(file);
             return read_file("file");
         }},
        {"files: what a FILE holds back comes after what the child writes",
         R"(
            file = open('file', 'wb')
            file.write(b'ours')
            run([child('write_both'), 'o', 'e'], stdout=file)
            file.close()
            return read_file('file'))",
         [] {
             std::FILE* const file = std::fopen("file", "we");
             std::fputs("ours", file);
             run({child("write_both"), "o", "e"}, {.std_out = file});
             std::fclose(file);
             return read_file("file");
         }},
        {"files: two children write one after the other",
         R"(
            with open('file', 'wb') as file:
                for word in ['one ', 'two']:
                    run([child('write_both'), word, ''], stdout=file)
            return read_file('file'))",
         [] {
             std::FILE* const file = std::fopen("file", "we");
             for (const char* word : {"one ", "two"})
                 run({child("write_both"), word, ""}, {.std_out = file});
             std::fclose(file);
             return read_file("file");
         }},
        {"files: one for each stream",
         R"(
            make_file('in', 'text')
            run([child('copy_input'), 'both'], stdin=open('in', 'rb'),
                stdout=open('out', 'wb'), stderr=open('err', 'wb'))
            return read_file('out'), read_file('err'))",
         [] {
             make_file("in", "text");
             run({child("copy_input"), "both"},
                 {.std_err = "err", .std_in = "in", .std_out = "out"});
             return std::tuple{read_file("out"), read_file("err")};
         }},
        {"files: what is made is open to whom the umask lets",
         R"(
            os.umask(0o027)
            run([child('noop')], stdout=open('file', 'wb'))
            return os.stat('file').st_mode)",
         [] {
             ::umask(0027);
             run({child("noop")}, {.std_out = "file"});
             struct stat found {};
             require(::stat("file", &found) == 0, "stat");
             return found.st_mode;
         }},
        {"files: one that is missing can't be read",
         "run([child('noop')], stdin=open('missing', 'rb'))",
         [] { return run({child("noop")}, {.std_in = "missing"}); }},
        {"files: one in a directory that is missing can't be written",
         "run([child('noop')], stdout=open('no/such', 'wb'))",
         [] { return run({child("noop")}, {.std_out = "no/such"}); }},
        {"files: a directory can't be written",
         "run([child('noop')], stderr=open('/', 'wb')).returncode",
         [] { return run({child("noop")}, {.std_err = "/"}).returncode; }},
        {"files: a NUL in the name", "run([child('noop')], stdout=open('a\\0b', 'wb'))",
         [] { return run({child("noop")}, {.std_out = "a\0b"s}); }},
        {"files: no space is left",
         "run([child('write_both'), 'o', 'e'], "
         "stdout=open('/dev/full', 'wb'))",
         [] {
             return run({child("write_both"), "o", "e"}, {.std_out = "/dev/full"});
         }},
    };
}

static Table rows_of_pipes_and_numbers() {
    return {
        {"descriptors: a pipe of the caller's",
         R"(
            r, w = os.pipe()
            run([child('write_both'), 'o', 'e'], stdout=w, stderr=w)
            return os.read(r, 100))",
         [] {
             const auto pipe = make_pipe();
             const int w = pipe.write_end.get();
             run({child("write_both"), "o", "e"}, {.std_err = w, .std_out = w});
             char text[100];
             const auto got = ::read(pipe.read_end.get(), text, sizeof text);
             return std::string(text, static_cast<std::size_t>(got));
         }},
        {"descriptors: one child's output is another's input",
         R"(
            first = Popen([child('write_both'), 'through', ''], stdout=PIPE)
            second = Popen([child('copy_input')], stdin=first.stdout, stdout=PIPE)
            first.stdout.close()
            return second.communicate(), first.wait())",
         [] {
             Popen first{{child("write_both"), "through", ""}, {.std_out = PIPE}};
             Popen second{{child("copy_input")},
                          {.std_in = first.std_out.fileno(), .std_out = PIPE}};
             first.std_out.close();
             return std::tuple{second.communicate(), first.wait()};
         }},
        {"descriptors: the same number as the stream's",
         "run([child('write_both'), 'o', 'e'], stdin=0, stdout=1, stderr=2)",
         [] {
             return run({child("write_both"), "o", "e"},
                        {.std_err = 2, .std_in = 0, .std_out = 1});
         }},
        {"descriptors: standard output and standard error change places",
         "run([child('write_both'), 'o', 'e'], stdout=2, stderr=1)",
         [] {
             return run({child("write_both"), "o", "e"}, {.std_err = 1, .std_out = 2});
         }},
        {"descriptors: both into standard error",
         "run([child('write_both'), 'o', 'e'], stdout=2)",
         [] {
             return run({child("write_both"), "o", "e"}, {.std_out = 2});
         }},
        {"descriptors: STDOUT follows standard output into standard error",
         "run([child('write_both'), 'o', 'e'], stdout=2, stderr=STDOUT)",
         [] {
             return run({child("write_both"), "o", "e"},
                        {.std_err = STDOUT, .std_out = 2});
         }},
        {"descriptors: one that is not open", "run([child('noop')], stdout=99)",
         [] { return run({child("noop")}, {.std_out = 99}); }},
        {"descriptors: a file is read from where the caller stands",
         R"(
            make_file('file', '0123456789')
            file = os.open('file', os.O_RDONLY)
            os.lseek(file, 4, os.SEEK_SET)
            return run([child('copy_input')], stdin=file, stdout=PIPE))",
         [] {
             make_file("file", "0123456789");
             const posix::UniqueFd file{::open("file", O_RDONLY | O_CLOEXEC)};
             ::lseek(file.get(), 4, SEEK_SET);
             return run({child("copy_input")}, {.std_in = file.get(), .std_out = PIPE});
         }},
    };
}

Table rows_of_redirections() {
    Table all;
    for (const auto rows :
         {rows_of_special_streams, rows_of_files, rows_of_pipes_and_numbers}) {
        for (const Row& row : rows()) all.push_back(row);
    }
    return all;
}

}  // namespace parity
