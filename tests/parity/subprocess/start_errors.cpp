// SPDX-License-Identifier: BSL-1.0
// Programs that can't be started, and options that contradict each other.

#include <string>

#include <sys/resource.h>

#include "parity/subprocess/row.hpp"
#include "parity/subprocess/stage.hpp"

namespace parity {

#ifndef SANITIZED  // UBSan asks for a pipe of its own before it looks at an exception
/// No more descriptors can be opened as long as this lives.
struct FewDescriptors {
    FewDescriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before);
        const rlimit few{.rlim_cur = 3, .rlim_max = before.rlim_max};
        require(::setrlimit(RLIMIT_NOFILE, &few) == 0, "setrlimit");
    }
    ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before); }

    rlimit before{};
};

static Table rows_of_few_descriptors() {
    return {
        {"start: too many descriptors for a pipe",
         R"(
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
            return run([child('noop')], stdout=PIPE))",
         [] {
             const FewDescriptors few;
             return run({child("noop")}, {.std_out = PIPE});
         }},
        {"start: too many descriptors for /dev/null",
         R"(
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
            return run([child('noop')], stdin=DEVNULL))",
         [] {
             const FewDescriptors few;
             return run({child("noop")}, {.std_in = DEVNULL});
         }},
    };
}
#else
static Table rows_of_few_descriptors() {
    return {};
}
#endif

static Table rows_of_bad_programs() {
    return {
        {"start: an absolute program that is missing", "run(['/no/such/program', 'x'])",
         [] {
             return run({"/no/such/program", "x"});
         }},
        {"start: a relative program that is missing", "run(['./missing'])",
         [] { return run({"./missing"}); }},
        {"start: a program that PATH has not", "run(['no-such-program'])",
         [] { return run({"no-such-program"}); }},
        {"start: a command of one string is not split", "run('echo hello')",
         [] { return run("echo hello"); }},
        {"start: with pipes asked for",
         "run(['/no/such/program'], input=b'x', capture_output=True)",
         [] {
             return run({"/no/such/program"}, {.capture_output = true, .input = "x"});
         }},
        {"start: check makes no difference to a missing program",
         "check_call(['/no/such/program'])",
         [] { return check_call({"/no/such/program"}); }},
        {"start: check_output of a missing program", "check_output(['/no/such/program'])",
         [] { return check_output({"/no/such/program"}); }},
        {"start: Popen of a missing program", "Popen(['/no/such/program']).pid",
         [] { return Popen({"/no/such/program"}).pid(); }},
        {"start: a missing program of a name that is not text",
         "run(['/no/\\udcff\\xe9'])", [] { return run({"/no/\xff\xc3\xa9"}); }},
        {"start: a directory", "run(['/'])", [] { return run({"/"}); }},
        {"start: an empty word for a program", "run([''])", [] { return run({""}); }},
        {"start: below a file that is no directory", "run(['/dev/null/program'])",
         [] { return run({"/dev/null/program"}); }},
        {"start: a file that may not be executed",
         R"(
            make_file('file', '#!/bin/sh\n')
            return run(['./file']))",
         [] {
             make_file("file", "#!/bin/sh\n");
             return run({"./file"});
         }},
        {"start: a script with an interpreter",
         R"(
            make_file('file', '#!/bin/sh\nexit 5\n', 0o755)
            return run(['./file']))",
         [] {
             make_file("file", "#!/bin/sh\nexit 5\n", 0755);
             return run({"./file"});
         }},
        {"start: a script whose interpreter is missing",
         R"(
            make_file('file', '#!/no/such/interpreter\n', 0o755)
            return run(['./file']))",
         [] {
             make_file("file", "#!/no/such/interpreter\n", 0755);
             return run({"./file"});
         }},
        {"start: a script without an interpreter's name",
         R"(
            make_file('file', 'exit 5\n', 0o755)
            return run(['./file']))",
         [] {
             make_file("file", "exit 5\n", 0755);
             return run({"./file"});
         }},
        {"start: an empty file",
         R"(
            make_file('file', '', 0o755)
            return run(['./file']))",
         [] {
             make_file("file", "", 0755);
             return run({"./file"});
         }},
        {"start: a program that somebody is writing",
         R"(
            make_file('file', '#!/bin/sh\n', 0o755)
            with open('file', 'ab'):
                return run(['./file']))",
         [] {
             make_file("file", "#!/bin/sh\n", 0755);
             const std::ofstream writing{"file", std::ios::app};
             return run({"./file"});
         }},
        {"start: a link that leads to itself",
         R"(
            make_link('loop', 'loop')
            return run(['./loop']))",
         [] {
             make_link("loop", "loop");
             return run({"./loop"});
         }},
        {"start: a name that is too long", "run(['./' + 'x' * 300])",
         [] { return run({"./" + std::string(300, 'x')}); }},
        {"start: a path that is too long", "run(['./' * 3000 + 'x'])",
         [] {
             std::string path;
             for (int i = 0; i < 3000; ++i) path += "./";
             return run({path + "x"});
         }},
        // Who has privileges may have more processes, and the scenario succeeds.
        {"start: too many processes",
         R"(
            resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
            return run([child('noop')]))",
         [] {
             const rlimit limit{.rlim_cur = 0, .rlim_max = 0};
             require(::setrlimit(RLIMIT_NPROC, &limit) == 0, "setrlimit");
             return run({child("noop")});
         }},
    };
}

static Table rows_of_bad_directories() {
    return {
        {"cwd: missing", "run([child('noop')], cwd='/no/such/place')",
         [] { return run({child("noop")}, {.cwd = "/no/such/place"}); }},
        {"cwd: a relative one that is missing", "run([child('noop')], cwd='missing')",
         [] { return run({child("noop")}, {.cwd = "missing"}); }},
        {"cwd: missing, and the program too",
         "run(['/no/such/program'], cwd='/no/such/place')",
         [] { return run({"/no/such/program"}, {.cwd = "/no/such/place"}); }},
        {"cwd: there, but not the program", "run(['/no/such/program'], cwd='/')",
         [] { return run({"/no/such/program"}, {.cwd = "/"}); }},
        {"cwd: missing, for a shell", "run('exit 5', shell=True, cwd='/no/such/place')",
         [] { return run("exit 5", {.cwd = "/no/such/place", .shell = true}); }},
        {"cwd: missing, with pipes asked for",
         "run([child('noop')], cwd='/no/such/place', capture_output=True)",
         [] {
             return run({child("noop")},
                        {.capture_output = true, .cwd = "/no/such/place"});
         }},
        {"cwd: a file", "run([child('noop')], cwd='/dev/null')",
         [] { return run({child("noop")}, {.cwd = "/dev/null"}); }},
        {"cwd: an empty name", "run([child('noop')], cwd='')",
         [] { return run({child("noop")}, {.cwd = ""}); }},
        {"cwd: a NUL in it", "run([child('noop')], cwd='/\\0')",
         [] { return run({child("noop")}, {.cwd = "/\0"s}); }},
        {"cwd: not text", "run([child('noop')], cwd='/\\udcff')",
         [] { return run({child("noop")}, {.cwd = "/\xff"}); }},
        // Who has privileges may enter, and the scenario succeeds.
        {"cwd: not permitted",
         R"(
            make_directory('barred', 0)
            return run([child('noop')], cwd='barred'))",
         [] {
             make_directory("barred", 0);
             return run({child("noop")}, {.cwd = "barred"});
         }},
        {"cwd: one that was deleted",
         R"(
            make_directory('gone')
            os.chdir('gone')
            os.rmdir('../gone')
            return outcome(lambda: run([child('noop')])), run([child('noop')], cwd='..'))",
         [] {
             make_directory("gone");
             require(::chdir("gone") == 0 && ::rmdir("../gone") == 0, "rmdir");
             const auto here = outcome([] { return run({child("noop")}); });
             return std::tuple{here, run({child("noop")}, {.cwd = ".."})};
         }},
    };
}

static Table rows_of_contradictions() {
    return {
        {"options: input with std_in", "run([child('noop')], input=b'x', stdin=PIPE)",
         [] { return run({child("noop")}, {.input = "x", .std_in = PIPE}); }},
        {"options: empty input with std_in", "run([child('noop')], input=b'', stdin=0)",
         [] { return run({child("noop")}, {.input = "", .std_in = 0}); }},
        {"options: input with DEVNULL", "run([child('noop')], input=b'x', stdin=DEVNULL)",
         [] { return run({child("noop")}, {.input = "x", .std_in = DEVNULL}); }},
        {"options: capture_output with std_out",
         "run([child('noop')], capture_output=True, stdout=PIPE)",
         [] { return run({child("noop")}, {.capture_output = true, .std_out = PIPE}); }},
        {"options: capture_output with std_err",
         "run([child('noop')], capture_output=True, stderr=DEVNULL)",
         [] {
             return run({child("noop")}, {.capture_output = true, .std_err = DEVNULL});
         }},
        {"options: capture_output with both",
         "run([child('noop')], capture_output=True, stdout=PIPE, stderr=STDOUT)",
         [] {
             return run({child("noop")},
                        {.capture_output = true, .std_err = STDOUT, .std_out = PIPE});
         }},
        {"options: they come before the program",
         "run(['/no/such/program'], input=b'x', stdin=PIPE)",
         [] { return run({"/no/such/program"}, {.input = "x", .std_in = PIPE}); }},
    };
}

Table rows_of_start_errors() {
    Table all;
    for (const auto rows : {rows_of_bad_programs, rows_of_few_descriptors,
                            rows_of_bad_directories, rows_of_contradictions}) {
        for (const Row& row : rows()) all.push_back(row);
    }
    return all;
}

}  // namespace parity
