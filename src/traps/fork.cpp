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

void before() {
  if (!t_fork_embryo.task) t_fork_embryo = embryo_prepare(0);
}
void in_child() {
  if (g_process != nullptr && g_process->epoch.load() == 0) join_now();
  t_fork_embryo = Embryo{};
}

}  // namespace

void fork_init() {
  // The parent's share is done by fork() below, where the outcome is known.
  pthread_atfork(before, nullptr, in_child);
}

extern "C" {

PORTOLAN_EXPORT pid_t portolan_fork() __asm__("fork");

pid_t portolan_fork() {
  t_fork_embryo = embryo_prepare(0);
  const pid_t child = real().fork();
  const int saved = errno;
  const Embryo embryo = t_fork_embryo;
  t_fork_embryo = Embryo{};
  if (child > 0) embryo_born(embryo, static_cast<uint32_t>(child));
  if (child < 0) embryo_drop(embryo);
  errno = saved;
  return child;
}

}  // extern "C"

}  // namespace portolan
