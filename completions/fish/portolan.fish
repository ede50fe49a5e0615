# SPDX-License-Identifier: Apache-2.0
# fish completion for portolan; offers the live tasks of the domain.

function __portolan_tasks
    portolan ps 2>/dev/null | awk 'NR > 1 { print $1 "\t" $2; print $2 "\t" $1 }'
end

function __portolan_domains
    for path in /dev/shm/portolan-(id -u)/*/
        basename $path
    end
end

function __portolan_labels
    portolan launchctl list 2>/dev/null | awk -F '\t' 'NR > 1 && $3 !~ /[.]anonymous[.]/ { print $3 }'
end

set -l commands run check ps lsmp trace info fsck evict doctor launchctl launchd install-unit help
set -l verbs load unload submit list print start stop remove kickstart bslist bstree bsexec setenv unsetenv getenv export limit managerpid manageruid managername log help
complete -c portolan -f
complete -c portolan -n "not __fish_seen_subcommand_from $commands" -a run -d "start a program in a domain"
complete -c portolan -n "not __fish_seen_subcommand_from $commands" -a check -d "run a program and report leaked port rights"
complete -c portolan -n "not __fish_seen_subcommand_from $commands" -a ps -d "one line a task"
complete -c portolan -n "not __fish_seen_subcommand_from $commands" -a lsmp -d "every name of a task and its other ends"
complete -c portolan -n "not __fish_seen_subcommand_from $commands" -a trace -d "who holds the other ends of a task's ports"
complete -c portolan -n "not __fish_seen_subcommand_from $commands" -a info -d "the domain at a glance"
complete -c portolan -n "not __fish_seen_subcommand_from $commands" -a fsck -d "check every invariant of the kernel"
complete -c portolan -n "not __fish_seen_subcommand_from $commands" -a evict -d "kill stopped tasks that others wait for"
complete -c portolan -n "not __fish_seen_subcommand_from $commands" -a doctor -d "find hang-ups lost to Darwin's poll"
complete -c portolan -n "not __fish_seen_subcommand_from $commands" -a launchctl -d "load, list, start and stop jobs"
complete -c portolan -n "not __fish_seen_subcommand_from $commands" -a launchd -d "the domain's launchd, for a supervisor"
complete -c portolan -n "not __fish_seen_subcommand_from $commands" -a install-unit -d "a systemd user unit"
complete -c portolan -n "__fish_seen_subcommand_from launchctl; and not __fish_seen_subcommand_from $verbs" -a "$verbs"
complete -c portolan -n "__fish_seen_subcommand_from launchctl; and __fish_seen_subcommand_from load unload" -F
complete -c portolan -n "__fish_seen_subcommand_from launchctl; and __fish_seen_subcommand_from list print start stop remove kickstart" -a "(__portolan_labels)"
complete -c portolan -n "__fish_seen_subcommand_from launchd" -l foreground -d "become it"
complete -c portolan -n "__fish_seen_subcommand_from install-unit" -l print -d "print it instead"
complete -c portolan -n "not __fish_seen_subcommand_from $commands" -a help -d "a page, or a topic"
complete -c portolan -s d -l domain -x -a "(__portolan_domains)" -d "the domain"
complete -c portolan -s i -l input -r -F -d "read a copied segment"
complete -c portolan -l json -d "one JSON document"
complete -c portolan -l watch -d "again and again"
complete -c portolan -s w -l wide -d "cut nothing"
complete -c portolan -s q -l quiet -d "say only what matters"
complete -c portolan -s v -l verbose -d "say more"
complete -c portolan -s h -l help -d "the manual page"
complete -c portolan -n "__fish_seen_subcommand_from run check doctor" -F
complete -c portolan -n "__fish_seen_subcommand_from run" -l darwin-poll -d "with Darwin's poll; =old: of macOS up to 10.14"
complete -c portolan -n "__fish_seen_subcommand_from doctor; and not __fish_seen_subcommand_from poll" -a poll
complete -c portolan -n "__fish_seen_subcommand_from doctor" -s p -l pid -x -a "(__fish_complete_pids)" -d "look at this process"
complete -c portolan -n "__fish_seen_subcommand_from doctor" -l old -d "with the poll of macOS up to 10.14"
complete -c portolan -n "__fish_seen_subcommand_from doctor" -l seconds -x -d "end the program after so long"
complete -c portolan -n "__fish_seen_subcommand_from run" -l fresh -d "in a new domain"
complete -c portolan -n "__fish_seen_subcommand_from run" -l sites -d "record stacks"
complete -c portolan -n "__fish_seen_subcommand_from run" -l guard -x -a "auto mprotect off" -d "the memory guard"
complete -c portolan -n "__fish_seen_subcommand_from run" -l evict-stopped -x -d "launchd kills stopped tasks in the way"
complete -c portolan -n "__fish_seen_subcommand_from check" -l pile -x -d "references that are a leak"
complete -c portolan -n "__fish_seen_subcommand_from check" -l grace -x -d "seconds for dead names"
complete -c portolan -n "__fish_seen_subcommand_from check" -l kinds -x -a "all piled dead unanswered held"
complete -c portolan -n "__fish_seen_subcommand_from check" -l ignore-fn -x -d "never to blame"
complete -c portolan -n "__fish_seen_subcommand_from check" -l suppressions -r -F -d "accepted leaks"
complete -c portolan -n "__fish_seen_subcommand_from check" -l gen-suppressions -d "print suppressions"
complete -c portolan -n "__fish_seen_subcommand_from check" -l stacks -x -a "all 1 3"
complete -c portolan -n "__fish_seen_subcommand_from check" -l report -x -a "text json: junit:"
complete -c portolan -n "__fish_seen_subcommand_from check" -l error-exitcode -x -d "status for leaks"
complete -c portolan -n "__fish_seen_subcommand_from lsmp trace evict" -a "(__portolan_tasks)"
complete -c portolan -n "__fish_seen_subcommand_from fsck" -l recover -d "first do what launchd would do"
complete -c portolan -n "__fish_seen_subcommand_from evict" -l stopped-for -x -d "only those in the way for so many seconds"
complete -c portolan -n "__fish_seen_subcommand_from evict" -l dry-run -d "kill nobody"
complete -c portolan -n "__fish_seen_subcommand_from evict" -l yes -d "do not ask"
complete -c portolan -n "__fish_seen_subcommand_from lsmp" -s p -x -a "(__portolan_tasks)"
complete -c portolan -n "__fish_seen_subcommand_from lsmp" -s a -d "all tasks"
complete -c portolan -n "__fish_seen_subcommand_from lsmp" -s j -r -F -d "write JSON"
complete -c portolan -n "__fish_seen_subcommand_from lsmp" -l sort -x -a "name port urefs queue rights"
complete -c portolan -n "__fish_seen_subcommand_from lsmp" -s n -x -d "rows at most"
complete -c portolan -n "__fish_seen_subcommand_from lsmp" -l fold -d "rows alike become one"
complete -c portolan -n "__fish_seen_subcommand_from lsmp" -l classic -d "Darwin's columns"
complete -c portolan -n "__fish_seen_subcommand_from lsmp" -l sites -d "where acquired"
complete -c portolan -n "__fish_seen_subcommand_from lsmp trace" -l right -x -a "send recv send-once set dead"
complete -c portolan -n "__fish_seen_subcommand_from trace" -l sites -x -d "record stacks for so many seconds"
complete -c portolan -n "__fish_seen_subcommand_from trace" -l with -x -a "(__portolan_tasks)"
complete -c portolan -n "__fish_seen_subcommand_from trace" -l names -d "pairs of names"
complete -c portolan -n "__fish_seen_subcommand_from ps" -l sort -x -a "pid program names send recv once dead urefs queued msgs growth"
complete -c portolan -n "__fish_seen_subcommand_from help" -a "run check ps lsmp trace info fsck evict doctor leaks codes divergences"
