// SPDX-License-Identifier: BSL-1.0
// What each function returns and throws.

#include <string>
#include <vector>

#include "parity/subprocess/row.hpp"
#include "parity/subprocess/stage.hpp"

namespace parity {

// Left out, since the contract differs:
// - `check` is a ValueError in Python's check_output, and does no harm in ours;
// - `capture_output`, `check` and `input` are a TypeError in Python's call and Popen;
// - call and check_call do not read the pipes they ask for in Python, and do in ours.

static Table rows_of_run() {
    return {
        {"run: the exit code is the return code", "run([child('exit_with'), '7'])",
         [] {
             return run({child("exit_with"), "7"});
         }},
        {"run: every exit code arrives",
         "[run([child('exit_with'), str(code)]).returncode for code in range(256)]",
         [] {
             std::vector<int> codes;
             for (int code = 0; code < 256; ++code) {
                 const Args args{child("exit_with"), std::to_string(code)};
                 codes.push_back(run(args).returncode);
             }
             return codes;
         }},
        {"run: exit codes beyond a byte are cut",
         "[run([child('exit_with'), code]).returncode for code in ['256', '-1', '1000']]",
         [] {
             std::vector<int> codes;
             for (const char* code : {"256", "-1", "1000"})
                 codes.push_back(run({child("exit_with"), code}).returncode);
             return codes;
         }},
        {"run: a command may be one string", "run(child('noop'))",
         [] { return run(child("noop")); }},
        {"run: the streams are the caller's",
         "run([child('write_both'), 'to out', 'to err'])",
         [] {
             return run({child("write_both"), "to out", "to err"});
         }},
        {"run: the input is the caller's", "run([child('copy_input')])",
         [] { return run({child("copy_input")}); }},
        {"run: capture_output collects both",
         "run([child('write_both'), 'o', 'e'], capture_output=True)",
         [] {
             return run({child("write_both"), "o", "e"}, {.capture_output = true});
         }},
        {"run: standard output alone is collected",
         "run([child('write_both'), 'o', 'e'], stdout=PIPE)",
         [] {
             return run({child("write_both"), "o", "e"}, {.std_out = PIPE});
         }},
        {"run: standard error alone is collected",
         "run([child('write_both'), 'o', 'e'], stderr=PIPE)",
         [] {
             return run({child("write_both"), "o", "e"}, {.std_err = PIPE});
         }},
        {"run: input is written and ended", "run([child('copy_input')], input=b'hello')",
         [] { return run({child("copy_input")}, {.input = "hello"}); }},
        {"run: input and output",
         "run([child('copy_input'), 'both'], input=b'a\\0b\\xff', "
         "capture_output=True)",
         [] {
             return run({child("copy_input"), "both"},
                        {.capture_output = true, .input = "a\0b\xff"s});
         }},
        {"run: empty input", "run([child('copy_input')], input=b'', stdout=PIPE)",
         [] { return run({child("copy_input")}, {.input = "", .std_out = PIPE}); }},
        {"run: check says nothing of success", "run([child('noop')], check=True)",
         [] { return run({child("noop")}, {.check = true}); }},
        {"run: check throws for an exit code",
         "run([child('exit_with'), '3'], check=True)",
         [] {
             return run({child("exit_with"), "3"}, {.check = true});
         }},
        {"run: check throws with what was collected",
         "run('echo o; echo e >&2; exit 9', shell=True, check=True, capture_output=True)",
         [] {
             return run("echo o; echo e >&2; exit 9",
                        {.capture_output = true, .check = true, .shell = true});
         }},
        {"check_returncode: throws as check does",
         "run([child('exit_with'), '3'], capture_output=True).check_returncode()",
         [] {
             run({child("exit_with"), "3"}, {.capture_output = true}).check_returncode();
         }},
        {"check_returncode: says nothing of success",
         "run([child('noop')]).check_returncode()",
         [] { run({child("noop")}).check_returncode(); }},
    };
}

static Table rows_of_call() {
    return {
        {"call: returns the exit code", "call([child('exit_with'), '200'])",
         [] {
             return call({child("exit_with"), "200"});
         }},
        {"call: returns minus the signal", "call([child('kill_itself'), '9'])",
         [] {
             return call({child("kill_itself"), "9"});
         }},
        {"call: the child writes to our streams", "call([child('write_both'), 'o', 'e'])",
         [] {
             return call({child("write_both"), "o", "e"});
         }},
        {"call: a script", "call('exit $((3 + 4))', shell=True)",
         [] { return call("exit $((3 + 4))", {.shell = true}); }},
        {"call: a missing program", "call([child('missing')])",
         [] { return call({child("missing")}); }},
        {"check_call: returns 0", "check_call([child('noop')])",
         [] { return check_call({child("noop")}); }},
        {"check_call: throws for an exit code", "check_call([child('exit_with'), '1'])",
         [] {
             return check_call({child("exit_with"), "1"});
         }},
        {"check_call: throws for a signal", "check_call([child('kill_itself'), '15'])",
         [] {
             return check_call({child("kill_itself"), "15"});
         }},
        {"check_call: throws for a command of one string",
         "check_call('exit 2', shell=True)",
         [] { return check_call("exit 2", {.shell = true}); }},
    };
}

static Table rows_of_check_output() {
    return {
        {"check_output: returns the bytes unchanged",
         "check_output([child('copy_input')], input=b'a\\r\\nb\\r\\xff\\n\\n')",
         [] {
             return check_output({child("copy_input")}, {.input = "a\r\nb\r\xff\n\n"});
         }},
        {"check_output: leaves standard error alone",
         "check_output([child('write_both'), 'o', 'e'])",
         [] {
             return check_output({child("write_both"), "o", "e"});
         }},
        {"check_output: folds standard error in",
         "check_output([child('write_both'), 'o', 'e'], stderr=STDOUT)",
         [] {
             return check_output({child("write_both"), "o", "e"}, {.std_err = STDOUT});
         }},
        {"check_output: throws with the output",
         "check_output('echo so far; exit 4', shell=True)",
         [] { return check_output("echo so far; exit 4", {.shell = true}); }},
        {"check_output: throws with the errors, if they are collected",
         "check_output('echo so far; echo bad >&2; exit 4', shell=True, stderr=PIPE)",
         [] {
             return check_output("echo so far; echo bad >&2; exit 4",
                                 {.shell = true, .std_err = PIPE});
         }},
        {"check_output: throws for a signal with the output",
         "check_output('echo last words; kill -KILL $$', shell=True)",
         [] { return check_output("echo last words; kill -KILL $$", {.shell = true}); }},
        {"check_output: of nothing", "check_output([child('noop')])",
         [] { return check_output({child("noop")}); }},
        {"check_output: translates newlines in text mode",
         "check_output([child('copy_input')], input='a\\r\\nb\\rc\\n', text=True)",
         [] {
             return check_output({child("copy_input")},
                                 {.input = "a\r\nb\rc\n", .text = true});
         }},
        {"check_output: a mebibyte",
         "len(check_output([child('flood'), '1048576', '1']))",
         [] {
             return check_output({child("flood"), "1048576", "1"}).size();
         }},
        {"check_output: std_out is refused", "check_output([child('noop')], stdout=PIPE)",
         [] { return check_output({child("noop")}, {.std_out = PIPE}); }},
        {"check_output: capture_output is refused",
         "check_output([child('noop')], capture_output=True)",
         [] { return check_output({child("noop")}, {.capture_output = true}); }},
        {"check_output: input with std_in is refused",
         "check_output([child('noop')], input=b'x', stdin=PIPE)",
         [] { return check_output({child("noop")}, {.input = "x", .std_in = PIPE}); }},
    };
}

/// A row each for what a shell's script gives in getstatusoutput.
static Table rows_of_getstatusoutput() {
    Table rows{
        {"getoutput: the output alone", "getoutput('echo hello; exit 3')",
         [] { return getoutput("echo hello; exit 3"); }},
        {"getoutput: of a script that fails", "getoutput('exit 3')",
         [] { return getoutput("exit 3"); }},
    };
    struct Script {
        const char* name;
        std::string text;
    };
    const Script scripts[] = {
        {"one trailing newline is left out", "echo one"},
        {"but one newline is left out, and no more", "printf 'one\\n\\n\\n'"},
        {"output may lack a newline", "printf 'no newline'"},
        {"nothing but a newline", "echo"},
        {"no output at all", ":"},
        {"an empty script", ""},
        {"newlines are translated", "printf 'a\\r\\nb\\rc\\r\\n'"},
        {"a return at the end is a newline", "printf 'a\\r'"},
        {"standard error is folded in", "echo one; echo two >&2; echo three"},
        {"an exit code", "echo text; exit 77"},
        {"exit code 255", "exit 255"},
        {"a shell that kills itself", "echo text; kill -TERM $$"},
        {"a shell killed by SIGKILL", "kill -KILL $$"},
        {"a program that is killed in a shell",
         "\"$CHILDREN/child.kill_itself\" 15; exit $?"},
        {"a program that is not found", "/no/such/program 2>/dev/null"},
        {"a program that may not be executed", "/dev/null 2>/dev/null"},
        {"a program that is a directory", "/ 2>/dev/null"},
        {"a syntax error", "if"},
        {"blanks are left as they are", "printf '  a  \\n  b  \\n'"},
        {"text beyond ASCII", "printf '\\303\\251\\342\\202\\254'"},
        {"a NUL in the output", "printf 'a\\000b'"},
        {"several lines of script", "a=1\nb=2\necho $((a + b))"},
        {"the caller's input", "cat"},
        {"the caller's environment", "echo $HOME"},
        {"much output", "i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i + 1)); done"},
    };
    for (const auto& [name, text] : scripts) {
        rows.emplace_back("getstatusoutput: "s + name,
                          "getstatusoutput(" + repr(text) + ")",
                          [text = text] { return getstatusoutput(text); });
    }
    return rows;
}

Table rows_of_functions() {
    Table all;
    for (const auto rows :
         {rows_of_run, rows_of_call, rows_of_check_output, rows_of_getstatusoutput}) {
        for (const Row& row : rows()) all.push_back(row);
    }
    return all;
}

}  // namespace parity
