// SPDX-License-Identifier: Apache-2.0
// Embryos: tasks made beforehand for a child, with copies of what the parent hands on at that moment. A
// fork's child finds its embryo in its copy of the forking thread's memory; a program that was exec'ed, in a
// variable of its environment, which it takes out. Whoever finds none inherits from the nearest ancestor that
// is a task.
//
// If we die here: an embryo that nobody claims is freed when the child it was made for is gone, or after some
// seconds.
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "segment/futex.hpp"
#include "segment/no_cancel.hpp"
#include "segment/text.hpp"
#include "task/task.hpp"
#include "traps/process.hpp"
#include "traps/trap.hpp"

namespace portolan {

namespace {

// Left for us by the image before. One use, by the first life of this image.
Embryo g_left;

uint64_t new_nonce() {
  const NoCancel no_cancel;
  uint64_t nonce = 0;
  if (getrandom(&nonce, sizeof nonce, GRND_NONBLOCK) != static_cast<ssize_t>(sizeof nonce))
    nonce = monotonic_ns();
  return nonce | 1;
}

}  // namespace

constinit thread_local Embryo t_fork_embryo;

bool is_vfork_child() {
  return g_process != nullptr && g_process->pid != 0 &&
         g_process->pid != static_cast<int32_t>(syscall(SYS_getpid));
}

Embryo embryo_prepare(uint32_t child_pid) {
  Embryo embryo;
  if (g_process == nullptr || g_process->epoch.load() == 0 || is_vfork_child()) return embryo;
  const Trap trap;
  if (!trap.ok()) return embryo;
  embryo.nonce = new_nonce();
  if (trap.leave(embryo_make(trap.thread(), trap.task(), embryo.nonce, child_pid, embryo.task)) !=
      KERN_SUCCESS)
    return Embryo{};
  return embryo;
}

void embryo_born(const Embryo& embryo, uint32_t child_pid) {
  if (!embryo.task) return;
  const Trap trap;
  if (trap.ok()) embryo_set_pid(trap.thread(), embryo.task, embryo.nonce, child_pid);
}

void embryo_drop(const Embryo& embryo) {
  if (!embryo.task) return;
  const Trap trap;
  if (trap.ok()) embryo_free(trap.thread(), embryo.task, embryo.nonce);
}

void embryo_for_me(Handle<ipc::Task>& task, uint64_t& nonce) {
  const Embryo mine = t_fork_embryo.task ? t_fork_embryo : g_left;
  task = mine.task;
  nonce = mine.nonce;
  t_fork_embryo = Embryo{};
  g_left = Embryo{};
}

void embryo_from_environment() {
  const char* value = settings().secure ? nullptr : getenv(kEmbryoVariable);
  if (value == nullptr) return;
  char* end = nullptr;
  const unsigned long index = strtoul(value, &end, 10);
  if (end != value && *end == '.' && index <= UINT32_MAX) {
    g_left.task = Handle<ipc::Task>{static_cast<uint32_t>(index)};
    g_left.nonce = strtoull(end + 1, nullptr, 16);
  }
  unsetenv(kEmbryoVariable);
}

EmbryoVariable::EmbryoVariable(const Embryo& embryo) {
  (Text(text) << kEmbryoVariable << "=" << uint64_t{embryo.task.index} << ".").hex(embryo.nonce);
}

size_t environment_size(char* const* environment) {
  size_t size = 1;
  while (environment != nullptr && environment[size - 1] != nullptr) size++;
  return size;
}

char** environment_with(char* const* environment, const EmbryoVariable& variable, char** room) {
  const size_t name = strlen(kEmbryoVariable);
  size_t n = 0;
  room[n++] = const_cast<char*>(variable.text);
  for (size_t i = 0; environment != nullptr && environment[i] != nullptr; i++)
    if (strncmp(environment[i], kEmbryoVariable, name) != 0 || environment[i][name] != '=')
      room[n++] = environment[i];
  room[n] = nullptr;
  return room;
}

}  // namespace portolan
