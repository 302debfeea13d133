// SPDX-License-Identifier: BSL-1.0
// Sessions, process groups, umask, users and groups. Who has no privileges is refused
// most of the last, and in the same way.

#include <cstdint>
#include <string>

#include "parity/subprocess/row.hpp"
#include "parity/subprocess/stage.hpp"
#include "pyproc/os.hpp"

namespace parity {

// Left out, since the contract differs: a negative process_group or umask means none in
// Python; ours are left unset for that. More groups than the system can hold are an error
// of setgroups, EINVAL, here, and a ValueError in Python.

static Table rows_of_sessions() {
    return {
        {"session: the caller's by default", "check_output([child('print_relations')])",
         [] { return check_output({child("print_relations")}); }},
        {"start_new_session: the child leads a session and a group",
         "check_output([child('print_relations')], start_new_session=True)",
         [] {
             return check_output({child("print_relations")}, {.start_new_session = true});
         }},
        {"process_group: 0 is a new one that the child leads",
         "check_output([child('print_relations')], process_group=0)",
         [] { return check_output({child("print_relations")}, {.process_group = 0}); }},
        {"process_group: the caller's by its number",
         "check_output([child('print_relations')], process_group=os.getpgrp())",
         [] {
             return check_output({child("print_relations")},
                                 {.process_group = os::getpgrp()});
         }},
        {"process_group: another child's",
         R"(
            first = Popen([child('write_and_wait')], stdin=PIPE, process_group=0)
            second = Popen([child('write_and_wait')], stdin=PIPE, process_group=first.pid)
            return (os.getpgid(first.pid) == first.pid, os.getpgid(second.pid) == first.pid,
                    os.getsid(second.pid) == os.getsid(0)))",
         [] {
             Popen first{{child("write_and_wait")}, {.process_group = 0, .std_in = PIPE}};
             Popen second{{child("write_and_wait")},
                          {.process_group = first.pid(), .std_in = PIPE}};
             return std::tuple{os::getpgid(first.pid()) == first.pid(),
                               os::getpgid(second.pid()) == first.pid(),
                               os::getsid(second.pid()) == os::getsid(0)};
         }},
        {"process_group: one that is not there",
         "run([child('noop')], process_group=4194305)",
         [] { return run({child("noop")}, {.process_group = 4194305}); }},
        {"process_group: not in a new session",
         "run([child('noop')], process_group=0, start_new_session=True)",
         [] {
             return run({child("noop")}, {.process_group = 0, .start_new_session = true});
         }},
    };
}

static Table rows_of_umask() {
    return {
        {"umask: the caller's by default",
         R"(
            os.umask(0o137)
            return check_output(['sh', '-c', 'umask; : > file; exec stat -c %a file']))",
         [] {
             ::umask(0137);
             return check_output({"sh", "-c", "umask; : > file; exec stat -c %a file"});
         }},
        {"umask: another for the child",
         R"(
            first = check_output(['sh', '-c', 'umask; : > file; exec stat -c %a file'],
                                 umask=0o077)
            return first, os.umask(0))",
         [] {
             const auto first = check_output(
                 {"sh", "-c", "umask; : > file; exec stat -c %a file"}, {.umask = 077});
             return std::tuple{first, ::umask(0)};
         }},
        {"umask: 0", "check_output(['sh', '-c', 'umask'], umask=0)",
         [] {
             return check_output({"sh", "-c", "umask"}, {.umask = 0});
         }},
        {"umask: all", "check_output(['sh', '-c', 'umask'], umask=0o777)",
         [] {
             return check_output({"sh", "-c", "umask"}, {.umask = 0777});
         }},
        {"umask: bits that it has not",
         "check_output(['sh', '-c', 'umask'], umask=0o7022)",
         [] {
             return check_output({"sh", "-c", "umask"}, {.umask = 07022});
         }},
    };
}

static Table rows_of_users() {
    const auto ids = [](Options options) {
        options.std_out = PIPE;
        return run({child("print_ids")}, std::move(options));
    };
    constexpr std::int64_t too_many = std::int64_t{1} << 32;
    return {
        {"user: the caller's by default", "run([child('print_ids')], stdout=PIPE)",
         [=] { return ids({}); }},
        {"user: by its number", "run([child('print_ids')], stdout=PIPE, user=12345)",
         [=] { return ids({.user = 12345}); }},
        {"user: by its name", "run([child('print_ids')], stdout=PIPE, user='nobody')",
         [=] { return ids({.user = "nobody"}); }},
        {"user: the caller itself",
         "run([child('print_ids')], stdout=PIPE, user=os.getuid())",
         [=] { return ids({.user = os::getuid()}); }},
        {"user: root", "run([child('print_ids')], stdout=PIPE, user=0)",
         [=] { return ids({.user = 0}); }},
        {"user: a name that nobody has", "run([child('noop')], user='no such user')",
         [=] { return ids({.user = "no such user"}); }},
        {"user: a negative number", "run([child('noop')], user=-1)",
         [=] { return ids({.user = -1}); }},
        {"user: a number that is too large", "run([child('noop')], user=1 << 32)",
         [=] { return ids({.user = too_many}); }},
        {"group: by its number", "run([child('print_ids')], stdout=PIPE, group=23456)",
         [=] { return ids({.group = 23456}); }},
        {"group: by its name", "run([child('print_ids')], stdout=PIPE, group='daemon')",
         [=] { return ids({.group = "daemon"}); }},
        {"group: the caller's own",
         "run([child('print_ids')], stdout=PIPE, group=os.getgid())",
         [=] { return ids({.group = os::getgid()}); }},
        {"group: a name that none has", "run([child('noop')], group='no such group')",
         [=] { return ids({.group = "no such group"}); }},
        {"group: a negative number", "run([child('noop')], group=-1)",
         [=] { return ids({.group = -1}); }},
        {"group: a number that is too large", "run([child('noop')], group=1 << 32)",
         [=] { return ids({.group = too_many}); }},
        {"extra_groups: none", "run([child('print_ids')], stdout=PIPE, extra_groups=[])",
         [=] { return ids({.extra_groups = std::vector<Identity>{}}); }},
        {"extra_groups: by numbers and names",
         "run([child('print_ids')], stdout=PIPE, extra_groups=[34567, 'daemon', 7])",
         [=] {
             return ids({.extra_groups = {{34567, "daemon", 7}}});
         }},
        {"extra_groups: a name that none has",
         "run([child('noop')], extra_groups=[1, 'no such group'])",
         [=] {
             return ids({.extra_groups = {{1, "no such group"}}});
         }},
        {"extra_groups: a negative number", "run([child('noop')], extra_groups=[1, -1])",
         [=] {
             return ids({.extra_groups = {{1, -1}}});
         }},
        {"user, group, extra_groups: all at once",
         "run([child('print_ids')], stdout=PIPE, user='nobody', group=23456, "
         "extra_groups=[7, 100])",
         [=] {
             return ids({.extra_groups = {{7, 100}}, .group = 23456, .user = "nobody"});
         }},
        {"user: a program that it may not execute",
         R"(
            make_file('tool', '#!/bin/sh\n', 0o700)
            return run(['./tool'], user=os.getuid() + 1))",
         [] {
             make_file("tool", "#!/bin/sh\n", 0700);
             return run({"./tool"}, {.user = os::getuid() + 1});
         }},
        {"user: a missing program", "run(['/no/such/program'], user=os.getuid())",
         [] { return run({"/no/such/program"}, {.user = os::getuid()}); }},
    };
}

Table rows_of_preexec() {
    return {
        {"preexec_fn: it runs before the program",
         R"(run(['echo', 'program'], preexec_fn=lambda: os.write(1, b'function '), stdout=PIPE))",
         [] {
             return run(
                 {"echo", "program"},
                 {.preexec_fn = [] { static_cast<void>(!::write(1, "function ", 9)); },
                  .std_out = PIPE});
         }},
        {"preexec_fn: in the directory, with the umask",
         R"(
            def show():
                mask = os.umask(0)
                os.umask(mask)
                os.write(1, f'{os.getcwd()} {mask:o}'.encode())
            return run([child('noop')], preexec_fn=show, cwd='/', umask=0o27, stdout=PIPE))",
         [] {
             const auto show = [] {
                 const mode_t mask = ::umask(0);
                 ::umask(mask);
                 ::dprintf(1, "%s %o", os::getcwd().c_str(), mask);
             };
             return run({child("noop")},
                        {.cwd = "/", .preexec_fn = show, .std_out = PIPE, .umask = 027});
         }},
        {"preexec_fn: an exception in it",
         R"(
            def fail():
                raise ValueError
            return run([child('noop')], preexec_fn=fail))",
         [] { return run({child("noop")}, {.preexec_fn = [] { throw 1; }}); }},
        {"preexec_fn: it ends the child",
         "run([child('noop')], preexec_fn=lambda: os._exit(7))",
         [] { return run({child("noop")}, {.preexec_fn = [] { ::_exit(7); }}); }},
        {"preexec_fn: a missing program after it",
         "run(['/no/such/program'], preexec_fn=lambda: None)",
         [] { return run({"/no/such/program"}, {.preexec_fn = [] {}}); }},
    };
}

Table rows_of_identity() {
    Table all;
    for (const auto rows :
         {rows_of_sessions, rows_of_umask, rows_of_users, rows_of_preexec}) {
        for (const Row& row : rows()) all.push_back(row);
    }
    return all;
}

}  // namespace parity
