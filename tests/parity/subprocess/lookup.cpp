// SPDX-License-Identifier: BSL-1.0
// Where a program is looked for: PATH, and cwd.

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "parity/subprocess/row.hpp"
#include "parity/subprocess/stage.hpp"

namespace parity {

/// In a directory with the directories `first` and `second`; `second` has a `tool`.
static void make_two_directories() {
    make_directory("first");
    make_directory("second");
    make_link(child("print_arguments"), "second/tool");
}

static CompletedProcess run_tool(const std::string& path) {
    return run({"tool"}, {.env = Env{{"PATH", path}}, .std_out = PIPE});
}

/// A row for each PATH with which a `tool` is looked for.
static Table rows_of_paths() {
    const std::string python = R"(
            make_directory('first')
            make_directory('second')
            make_link(child('print_arguments'), 'second/tool')
            )";
    struct Search {
        const char* name;
        const char* path;
        const char* also;  ///< what there is besides, in Python
        void (*prepare)();
    };
    const Search searches[] = {
        {"found in the second directory", "first:second", "", [] {}},
        {"not found", "first", "", [] {}},
        {"directories that are missing are passed over", "missing:second", "", [] {}},
        {"files that are no directories are passed over", "file:second",
         "make_file('file')", [] { make_file("file"); }},
        {"a file that is no directory, and nothing else", "file", "make_file('file')",
         [] { make_file("file"); }},
        {"a file that may not be executed is passed over", "first:second",
         "make_file('first/tool')", [] { make_file("first/tool"); }},
        {"a file that may not be executed, and nothing else", "first",
         "make_file('first/tool')", [] { make_file("first/tool"); }},
        {"a file that may not be executed, and then no directory", "first:missing:file",
         "make_file('first/tool'); make_file('file')",
         [] {
             make_file("first/tool");
             make_file("file");
         }},
        {"no directory, and then a file that may not be executed", "missing:first",
         "make_file('first/tool')", [] { make_file("first/tool"); }},
        {"a directory of that name is passed over", "first:second",
         "make_directory('first/tool')", [] { make_directory("first/tool"); }},
        {"a directory of that name, and nothing else", "first",
         "make_directory('first/tool')", [] { make_directory("first/tool"); }},
        {"a directory that may not be searched is passed over", "first:second",
         "os.chmod('first', 0)", [] { require(::chmod("first", 0) == 0, "chmod"); }},
        {"a directory that may not be searched, and nothing else", "first:missing",
         "make_file('first/tool', '#!/no/such/interpreter\\n', 0o755); "
         "os.chmod('first', 0)",
         [] {
             make_file("first/tool", "#!/no/such/interpreter\n", 0755);
             require(::chmod("first", 0) == 0, "chmod");
         }},
        {"a script without an interpreter's name is passed over", "first:second",
         "make_file('first/tool', 'exit 1', 0o755)",
         [] { make_file("first/tool", "exit 1", 0755); }},
        {"a script without an interpreter's name, and nothing else", "first:missing",
         "make_file('first/tool', 'exit 1', 0o755)",
         [] { make_file("first/tool", "exit 1", 0755); }},
        {"a script whose interpreter is missing is passed over", "first:second",
         "make_file('first/tool', '#!/no/such/interpreter\\n', 0o755)",
         [] { make_file("first/tool", "#!/no/such/interpreter\n", 0755); }},
        {"a link that leads nowhere is passed over", "first:second",
         "make_link('missing', 'first/tool')",
         [] { make_link("missing", "first/tool"); }},
        {"a link that leads to itself is passed over", "first:second",
         "make_link('tool', 'first/tool')", [] { make_link("tool", "first/tool"); }},
        {"a link that leads to itself, and nothing else", "first:missing",
         "make_link('tool', 'first/tool')", [] { make_link("tool", "first/tool"); }},
        {"an empty entry is the current directory", "first::missing",
         "os.rename('second/tool', 'tool')",
         [] { require(std::rename("second/tool", "tool") == 0, "rename"); }},
        {"an empty first entry", ":first", "os.rename('second/tool', 'tool')",
         [] { require(std::rename("second/tool", "tool") == 0, "rename"); }},
        {"an empty last entry", "first:", "os.rename('second/tool', 'tool')",
         [] { require(std::rename("second/tool", "tool") == 0, "rename"); }},
        {"an empty PATH is the current directory", "", "os.rename('second/tool', 'tool')",
         [] { require(std::rename("second/tool", "tool") == 0, "rename"); }},
        {"an empty PATH, and nothing there", "", "", [] {}},
        {"a slash at an entry's end is not doubled", "second/", "", [] {}},
        {"the first of two wins", "first:second",
         "make_link(child('noop'), 'first/tool')",
         [] { make_link(child("noop"), "first/tool"); }},
    };
    Table rows;
    for (const auto& search : searches) {
        rows.emplace_back("PATH: "s + search.name,
                          python + search.also +
                              "\n            return run(['tool'], env={'PATH': '" +
                              search.path + "'}, stdout=PIPE)",
                          [search] {
                              make_two_directories();
                              search.prepare();
                              return run_tool(search.path);
                          });
    }
    return rows;
}

static Table rows_of_looking_for_programs() {
    return {
        {"PATH: the caller's, if env is not given",
         R"(
            make_link(child('exit_with'), 'tool')
            os.environ['PATH'] = os.getcwd()
            return run(['tool', '5']))",
         [] {
             make_link(child("exit_with"), "tool");
             ::setenv("PATH", current_directory().c_str(), 1);
             return run({"tool", "5"});
         }},
        {"PATH: that in env alone counts, if env is given",
         R"(
            make_link(child('exit_with'), 'tool')
            os.environ['PATH'] = os.getcwd()
            return run(['tool', '5'], env={'PATH': '/missing'}))",
         [] {
             make_link(child("exit_with"), "tool");
             ::setenv("PATH", current_directory().c_str(), 1);
             return run({"tool", "5"}, {.env = Env{{"PATH", "/missing"}}});
         }},
        {"PATH: without one in env, the system's default",
         "run(['sh', '-c', 'exit 5'], env={})",
         [] {
             return run({"sh", "-c", "exit 5"}, {.env = Env{}});
         }},
        {"PATH: without one in the caller's, the system's default",
         R"(
            del os.environ['PATH']
            return run(['sh', '-c', 'exit 5']))",
         [] {
             ::unsetenv("PATH");
             return run({"sh", "-c", "exit 5"});
         }},
        {"PATH: a name with a slash is not looked for",
         R"(
            make_directory('first')
            make_link(child('noop'), 'first/tool')
            return run(['./tool'], env={'PATH': 'first'}))",
         [] {
             make_directory("first");
             make_link(child("noop"), "first/tool");
             return run({"./tool"}, {.env = Env{{"PATH", "first"}}});
         }},
        {"PATH: entries are relative to cwd",
         R"(
            make_directory('first')
            make_directory('first/bin')
            make_link(child('noop'), 'first/bin/tool')
            return run(['tool'], env={'PATH': 'bin'}, cwd='first'))",
         [] {
             make_directory("first");
             make_directory("first/bin");
             make_link(child("noop"), "first/bin/tool");
             return run({"tool"}, {.cwd = "first", .env = Env{{"PATH", "bin"}}});
         }},
        {"cwd: the child is there", "run(['pwd'], cwd='/', stdout=PIPE)",
         [] { return run({"pwd"}, {.cwd = "/", .std_out = PIPE}); }},
        {"cwd: a relative one",
         R"(
            make_directory('place')
            return run('pwd; cd ..; ls', shell=True, cwd='place', stdout=PIPE))",
         [] {
             make_directory("place");
             return run("pwd; cd ..; ls",
                        {.cwd = "place", .shell = true, .std_out = PIPE});
         }},
        {"cwd: a relative program is relative to it",
         R"(
            make_directory('place')
            make_link(child('exit_with'), 'place/tool')
            return run(['./tool', '5'], cwd='place'))",
         [] {
             make_directory("place");
             make_link(child("exit_with"), "place/tool");
             return run({"./tool", "5"}, {.cwd = "place"});
         }},
        {"cwd: a relative program is not relative to the caller's",
         R"(
            make_directory('place')
            make_link(child('noop'), 'tool')
            return run(['./tool'], cwd='place'))",
         [] {
             make_directory("place");
             make_link(child("noop"), "tool");
             return run({"./tool"}, {.cwd = "place"});
         }},
        {"cwd: files for the streams are relative to the caller's",
         R"(
            make_directory('place')
            run([child('write_both'), 'o', ''], cwd='place', stdout=open('file', 'wb'))
            return read_file('file'))",
         [] {
             make_directory("place");
             run({child("write_both"), "o", ""}, {.cwd = "place", .std_out = "file"});
             return read_file("file");
         }},
    };
}

Table rows_of_lookup() {
    Table all;
    for (const auto rows : {rows_of_paths, rows_of_looking_for_programs}) {
        for (const Row& row : rows()) all.push_back(row);
    }
    return all;
}

}  // namespace parity
