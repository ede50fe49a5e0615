// SPDX-License-Identifier: Apache-2.0
#include "cli/topics.hpp"

namespace portolan::cli {

const Topic kTopics[kTopicCount] = {
    {"leaks", R"(How rights leak, and what `portolan check` calls a leak

A name in a task's table counts user references. Calls such as mach_thread_self(),
mach_host_self() or task_get_special_port(), and every message that carries a right,
add one; only mach_port_deallocate(), mach_port_mod_refs() and the like take one away.
What is never taken away stays until the task ends. When the table is full, or a limit
is reached, the task is refused further names or killed.

  piled       one stack still holds 10 (--pile N) or more references or rights
  dead        the port died over 1 s (--grace) before the end, its name was kept
  unanswered  a request's send-once right, neither used nor released: its sender waits
  held        any other right at the end: counted, never an error (--kinds all)

A release counts against the newest acquisition of that name, the same thread's first.
The guilty line, marked >>, is the innermost frame outside libc, Portolan and what
--ignore-fn names. Accepted leaks go into a file for --suppressions:
portolan-suppressions(5); --gen-suppressions writes the blocks.

Rights that a running program holds: portolan trace, portolan lsmp.
)"},
    {"codes", R"(Exit codes

  0    nothing to complain of          4    not permitted
  1    found something: fsck;          5    system refuses: layout version,
       a verb that failed                   memory, a missing feature
  2    usage, unreadable file format   23   check: leak
  3    no such domain, task            70   a defect of portolan
                                       125-127  run, check: could not start

run and check otherwise return the program's status, 128+N for signal N. The program's
own failure outranks 23; the report names both. --error-exitcode N replaces 23.

125: portolan itself failed; 126: the program cannot be executed; 127: it is not there.
)"},
    {"jobs", R"(Jobs: programs that the domain's launchd runs

A property list says what a job is, portolan-launchd.plist(5); a label names it.

  portolan launchctl load com.example.echo.plist    a file, or a directory of them
  portolan launchctl list                           pid, last exit status, label
  portolan launchctl print com.example.echo         its state, and why it does not run
  portolan launchctl unload com.example.echo.plist  returns when its process is gone

A name under MachServices is the job's whether it runs or not. A message to it starts the
job, which checks in, bootstrap_check_in(), and finds the message. If its process is
killed, the port and what is in it stay, clients notice nothing, and the next message
starts it anew. A job does not start again within 10 seconds of its last start
(ThrottleInterval).

launchd may be killed, too: jobs go on, and the next launchd adopts them. For jobs that
are there without anybody in the domain: portolan install-unit, portolan-launchd(8).
What happened: portolan launchctl log.
)"},
    {"divergences", R"(Where Portolan does something else than Darwin

The full table, each row with its rule and its reason, is docs/divergences.md in the
sources. Those that programs notice first:

  - a program is a task when it is linked with libportolan; not if linked statically,
    nor if it runs set-user-id
  - a killed task's end is seen within a second, as a rule much sooner
  - pids go beyond 99999, process names are those of /proc/PID/comm
  - pages are Linux's; memory in messages is copied, with the same effect
  - one root namespace for a domain, whose owner counts as root
  - other tasks can be had within one's own domain only
  - a guard violation returns its code; EXC_GUARD is not raised yet
  - a full port table returns KERN_NO_SPACE; the task is not killed for it yet
  - vouchers and importance are not carried yet
)"},
};

}  // namespace portolan::cli
