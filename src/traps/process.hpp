// SPDX-License-Identifier: Apache-2.0
// The process around the kernel: what its program sees (two variables), how it hands on to children, how it
// gets a launchd. And the C library's own functions behind those that we interpose.
#pragma once

#include <signal.h>
#include <spawn.h>
#include <sys/types.h>

#include "ipc/objects.hpp"
#include "segment/thread.hpp"

namespace portolan {

// -- the C library's (process.cpp); found at the first use
struct Real {
  int (*sigaction)(int, const struct sigaction*, struct sigaction*);
  int (*sigprocmask)(int, const sigset_t*, sigset_t*);
  int (*pthread_sigmask)(int, const sigset_t*, sigset_t*);
  pid_t (*fork)();
  int (*execve)(const char*, char* const*, char* const*);
  int (*execvpe)(const char*, char* const*, char* const*);
  int (*fexecve)(int, char* const*, char* const*);
  int (*execveat)(int, const char*, char* const*, char* const*, int);  // may be missing
  int (*posix_spawn)(pid_t*, const char*, const posix_spawn_file_actions_t*, const posix_spawnattr_t*,
                     char* const*, char* const*);
  int (*posix_spawnp)(pid_t*, const char*, const posix_spawn_file_actions_t*, const posix_spawnattr_t*,
                      char* const*, char* const*);
  int (*posix_spawnattr_destroy)(posix_spawnattr_t*);
};
const Real& real();

// What the image brought along: takes the embryo out of the environment, finds launchd's binary, registers
// for forks.
void process_init();
void process_set_variables(mach_port_name_t task, mach_port_name_t bootstrap);

// -- children (process_embryo.cpp)

// A task made for a child, with what it is claimed by. `task` 0: none.
struct Embryo {
  Handle<ipc::Task> task;
  uint64_t nonce = 0;
};
// In a trap of its own. None when this process is in no domain, is a vfork child, or there is no memory.
Embryo embryo_prepare(uint32_t child_pid);
void embryo_born(const Embryo& embryo, uint32_t child_pid);
void embryo_drop(const Embryo& embryo);

// A child of vfork shares our memory, but not our pid: it is no task, and makes no transactions.
bool is_vfork_child();

// The embryo that was left for this process by the fork or the image before; one use.
void embryo_for_me(Handle<ipc::Task>& task, uint64_t& nonce);
void embryo_from_environment();
inline constexpr const char* kEmbryoVariable = "PORTOLAN_EMBRYO";

// An environment with the embryo's variable in it, in the caller's memory: `room` pointers and a `text` for
// it.
struct EmbryoVariable {
  char text[64];
  explicit EmbryoVariable(const Embryo& embryo);
};
size_t environment_size(char* const* environment);
// Writes at most environment_size() + 1 pointers.
char** environment_with(char* const* environment, const EmbryoVariable& variable, char** room);

// -- launchd (process_launchd.cpp)

void launchd_find_binary();
// Sees to it that one runs, unless this is for others to do. At most a few times a second; holds no lock.
void launchd_ensure(Thread& self);
// Segment::launchd_died.
void launchd_died(Thread& self);
// This process is sandboxed: a launchd that it started would be, too.
bool launchd_restricted();
// Now and then on the way out of a trap, while there is no launchd: starts one, or does its work.
void launchd_stand_in(Thread& self);

}  // namespace portolan
