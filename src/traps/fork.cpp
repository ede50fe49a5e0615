// SPDX-License-Identifier: Apache-2.0
// fork: the child gets an embryo through its copy of the forking thread's memory, and joins at once, so that
// its variables are right when fork returns (tasks 1.2). Forks inside the C library (daemon, forkpty) come by
// the atfork handlers alone: their embryo never learns the child's pid. A raw clone comes by neither; its
// child joins at its first trap.
//
// The child runs with one thread, in a copy of memory that others may have been changing: no allocation.
#include <errno.h>
#include <portolan/export.h>
#include <pthread.h>

#include "traps/init.hpp"
#include "traps/process.hpp"
#include "traps/runtime.hpp"

namespace portolan {

extern constinit thread_local Embryo t_fork_embryo;

namespace {

constinit thread_local bool t_inside = false;  // a fork that did not come by ours

void before() {
  if (t_fork_embryo.task) return;
  t_fork_embryo = embryo_prepare(0);
  t_inside = true;
}
void in_parent() {
  if (t_inside) t_fork_embryo = Embryo{};
  t_inside = false;
}
void in_child() {
  if (g_process != nullptr && g_process->epoch.load() == 0) join_now();
  t_fork_embryo = Embryo{};
  t_inside = false;
}

}  // namespace

void fork_init() {
  // What the parent has to tell its child's embryo is told by fork() below, where the pid is known.
  pthread_atfork(before, in_parent, in_child);
}

extern "C" {

PORTOLAN_EXPORT pid_t portolan_fork() __asm__("fork");

pid_t portolan_fork() {
  // A handler of a signal that comes in between may fork, too: each gives back what it found.
  const Embryo outer = t_fork_embryo;
  const Embryo embryo = embryo_prepare(0);
  t_fork_embryo = embryo;
  const pid_t child = real().fork();
  const int saved = errno;
  if (child != 0) t_fork_embryo = outer;
  if (child > 0) embryo_born(embryo, static_cast<uint32_t>(child));
  if (child < 0) embryo_drop(embryo);
  errno = saved;
  return child;
}

}  // extern "C"

}  // namespace portolan
