// SPDX-License-Identifier: BSL-1.0
// Commands: arguments, the shell, `executable`, and the environment.

#include <cstdlib>
#include <string>
#include <vector>

#include "parity/subprocess/row.hpp"
#include "parity/subprocess/stage.hpp"

namespace parity {

// Left out, since the contract differs: an empty command is a ValueError here, and an
// IndexError or whatever the system says of it in Python.

static Table rows_of_arguments() {
    return {
        {"arguments arrive as they are",
         "check_output([child('print_arguments'), '', ' ', '*', '$HOME', '\\'\"\\\\', "
         "'\\n', '-x'])",
         [] {
             return check_output(
                 {child("print_arguments"), "", " ", "*", "$HOME", "'\"\\", "\n", "-x"});
         }},
        {"arguments need not be text",
         "check_output([child('print_arguments'), 'caf\\xe9', '\\udcff\\udc80'])",
         [] {
             return check_output({child("print_arguments"), "caf\xc3\xa9", "\xff\x80"});
         }},
        {"arguments in messages are shown as Python's repr shows them",
         "run([child('exit_with'), '1', 'it\\'s', '\"', '\\n', 'caf\\xe9', '\\udcff'], "
         "check=True)",
         [] {
             return run(
                 {child("exit_with"), "1", "it's", "\"", "\n", "caf\xc3\xa9", "\xff"},
                 {.check = true});
         }},
        {"ten thousand arguments",
         "len(check_output([child('print_arguments')] + ['x' * 9] * 10000)) - "
         "len(child('print_arguments'))",
         [] {
             std::vector<std::string> args(10001, "xxxxxxxxx");
             args[0] = child("print_arguments");
             return check_output(args).size() - args[0].size();
         }},
        {"an argument of a hundred thousand bytes",
         "len(check_output([child('print_arguments'), 'x' * 100000])) - "
         "len(child('print_arguments'))",
         [] {
             const auto program = child("print_arguments");
             const std::string longest(100'000, 'x');
             return check_output({program, longest}).size() - program.size();
         }},
        {"an argument may not be longer than the system has it",
         "run([child('noop'), 'x' * 200000])",
         [] {
             return run({child("noop"), std::string(200'000, 'x')});
         }},
        {"arguments may not be more than the system has it",
         "run([child('noop')] + ['x' * 100000] * 100)",
         [] {
             std::vector<std::string> args(101, std::string(100'000, 'x'));
             args[0] = child("noop");
             return run(args).returncode;
         }},
        {"the environment may not be more than the system has it",
         "run([child('noop')], env={'A': 'x' * 200000})",
         [] {
             return run({child("noop")}, {.env = Env{{"A", std::string(200'000, 'x')}}});
         }},
        {"a NUL in the program's name", "run([child('noop\\0')])",
         [] { return run({child("noop\0"s)}); }},
        {"a NUL in an argument", "run([child('noop'), 'a\\0b'])",
         [] {
             return run({child("noop"), "a\0b"s});
         }},
        {"a NUL in a script", "run('exit 0\\0', shell=True)",
         [] { return run("exit 0\0"s, {.shell = true}); }},
    };
}

static Table rows_of_the_shell() {
    return {
        {"shell: a script", "run('echo $((1 + 1))', shell=True, stdout=PIPE)",
         [] { return run("echo $((1 + 1))", {.shell = true, .std_out = PIPE}); }},
        {"shell: an empty script", "run('', shell=True)",
         [] { return run("", {.shell = true}); }},
        {"shell: more words are the script's arguments",
         "run(['echo \"$0-$1-$2\"', 'a', 'b c', '$d'], shell=True, stdout=PIPE)",
         [] {
             return run({"echo \"$0-$1-$2\"", "a", "b c", "$d"},
                        {.shell = true, .std_out = PIPE});
         }},
        {"shell: a script that kills itself", "run('kill -USR1 $$', shell=True)",
         [] { return run("kill -USR1 $$", {.shell = true}); }},
        {"shell: a missing program is an exit code",
         "run('/no/such/program', shell=True, stderr=DEVNULL)",
         [] { return run("/no/such/program", {.shell = true, .std_err = DEVNULL}); }},
        {"shell: another shell is named by executable",
         "run('script', shell=True, executable=child('print_arguments'), stdout=PIPE)",
         [] {
             return run("script", {.executable = child("print_arguments"),
                                   .shell = true,
                                   .std_out = PIPE});
         }},
        {"shell: a missing shell",
         "run('script', shell=True, executable='/no/such/shell')",
         [] { return run("script", {.executable = "/no/such/shell", .shell = true}); }},
        {"shell: it needs no PATH", "run('exit 5', shell=True, env={'PATH': ''})",
         [] {
             return run("exit 5", {.env = Env{{"PATH", ""}}, .shell = true});
         }},
        {"executable: the command is only what the program is told",
         "run(['told', 'x'], executable=child('print_arguments'), stdout=PIPE)",
         [] {
             return run({"told", "x"},
                        {.executable = child("print_arguments"), .std_out = PIPE});
         }},
        {"executable: with a command of one string",
         "run('told', executable=child('print_arguments'), stdout=PIPE)",
         [] {
             return run("told",
                        {.executable = child("print_arguments"), .std_out = PIPE});
         }},
        {"executable: it is looked for along PATH",
         R"(
            make_link(child('print_arguments'), 'tool')
            return run(['told'], executable='tool', env={'PATH': os.getcwd()}, stdout=PIPE))",
         [] {
             make_link(child("print_arguments"), "tool");
             return run({"told"}, {.env = Env{{"PATH", current_directory()}},
                                   .executable = "tool",
                                   .std_out = PIPE});
         }},
        {"executable: it is named where it is missing",
         "run([child('noop')], executable='/no/such/program')",
         [] { return run({child("noop")}, {.executable = "/no/such/program"}); }},
        {"executable: it is named where PATH has none",
         "run([child('noop')], executable='no-such-program')",
         [] { return run({child("noop")}, {.executable = "no-such-program"}); }},
        {"executable: an empty first word", "run([''], executable=child('noop'))",
         [] { return run({""}, {.executable = child("noop")}); }},
        {"executable: a NUL in it", "run([child('noop')], executable='a\\0b')",
         [] { return run({child("noop")}, {.executable = "a\0b"s}); }},
    };
}

static Table rows_of_the_environment() {
    const auto print = [](Env env) {
        return check_output({child("print_environment")}, {.env = std::move(env)});
    };
    return {
        {"env: the caller's by default", "check_output([child('print_environment')])",
         [] { return check_output({child("print_environment")}); }},
        {"env: the caller's as it is now",
         R"(
            os.environ['NEW'] = 'value'
            os.environ['HOME'] = ''
            return check_output([child('print_environment')]).count(b'NEW=value\n'))",
         [] {
             ::setenv("NEW", "value", 1);
             ::setenv("HOME", "", 1);
             const auto text = check_output({child("print_environment")});
             return static_cast<int>(text.find("NEW=value\n") != std::string::npos);
         }},
        {"env: none at all", "check_output([child('print_environment')], env={})",
         [=] { return print({}); }},
        {"env: one variable",
         "check_output([child('print_environment')], env={'A': '1'})",
         [=] {
             return print({{"A", "1"}});
         }},
        {"env: values as they are",
         "check_output([child('print_environment')], env={'A': '', 'B': '=b=', 'C': "
         "'\\n\\'', 'D': '\\xe9\\udcff', 'a b': 'c'})",
         [=] {
             return print({{"A", ""},
                           {"B", "=b="},
                           {"C", "\n'"},
                           {"D", "\xc3\xa9\xff"},
                           {"a b", "c"}});
         }},
        {"env: a name that is empty",
         "check_output([child('print_environment')], env={'': 'x'})",
         [=] {
             return print({{"", "x"}});
         }},
        {"env: a name with an equals sign", "run([child('noop')], env={'A=B': '1'})",
         [=] {
             return print({{"A=B", "1"}});
         }},
        {"env: a name that is an equals sign", "run([child('noop')], env={'=': '1'})",
         [=] {
             return print({{"=", "1"}});
         }},
        {"env: a NUL in a name", "run([child('noop')], env={'A\\0': '1'})",
         [=] {
             return print({{"A\0"s, "1"}});
         }},
        {"env: a NUL in a value", "run([child('noop')], env={'A': '1\\0'})",
         [=] {
             return print({{"A", "1\0"s}});
         }},
        {"env: for a shell's script",
         "run('echo $A', shell=True, env={'A': '1 2'}, stdout=PIPE)",
         [] {
             return run("echo $A",
                        {.env = Env{{"A", "1 2"}}, .shell = true, .std_out = PIPE});
         }},
    };
}

Table rows_of_commands() {
    Table all;
    for (const auto rows :
         {rows_of_arguments, rows_of_the_shell, rows_of_the_environment}) {
        for (const Row& row : rows()) all.push_back(row);
    }
    return all;
}

}  // namespace parity
