// SPDX-License-Identifier: Apache-2.0
// The exec and posix_spawn families as the program calls them: the new image gets an embryo with what this
// task hands on at that moment (KERNEL.md 14), named by a variable of its environment. A vfork child execs
// without one: no transaction there. Nothing here allocates: a fork's child may be of a program with many
// threads.
//
// If exec succeeds, Linux marks all our threads dead, and the mark `execing` says that the task is over. If
// it fails, the mark and the embryo are taken back.
#include <alloca.h>
#include <errno.h>
#include <portolan/export.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "task/task.hpp"
#include "traps/process.hpp"
#include "traps/spawn_ports.hpp"
#include "traps/trap.hpp"

extern char** environ;

namespace portolan {

namespace {

void mark_execing(bool execing) {
  const Trap trap;
  if (trap.ok()) task_flag(trap.thread(), trap.task(), ipc::kTaskExecing, execing);
}

// `run(environment)` execs; it returns only if that failed.
template <class Run>
int exec_with(char* const* environment, Run run) {
  const Embryo embryo = embryo_prepare(static_cast<uint32_t>(syscall(SYS_getpid)));
  if (!embryo.task) return run(environment);
  const EmbryoVariable variable(embryo);
  auto** room = static_cast<char**>(alloca((environment_size(environment) + 1) * sizeof(char*)));
  mark_execing(true);
  const int result = run(environment_with(environment, variable, room));
  const int saved = errno;
  mark_execing(false);
  embryo_drop(embryo);
  errno = saved;
  return result;
}

template <class Run>
int spawn_with(pid_t* pid, const posix_spawnattr_t* attributes, char* const* environment, Run run) {
  pid_t child = 0;
  const bool ports = spawn_ports_wanted(attributes);
  const Embryo embryo = embryo_prepare(0);
  if (!embryo.task) return ports ? EINVAL : run(pid, environment);
  if (ports && !spawn_ports_apply(attributes, embryo)) {
    embryo_drop(embryo);
    return EINVAL;
  }
  const EmbryoVariable variable(embryo);
  auto** room = static_cast<char**>(alloca((environment_size(environment) + 1) * sizeof(char*)));
  const int result = run(&child, environment_with(environment, variable, room));
  if (result == 0) {
    embryo_born(embryo, static_cast<uint32_t>(child));
    if (pid != nullptr) *pid = child;
  } else {
    embryo_drop(embryo);
  }
  return result;
}

int exec(const char* path, char* const* arguments, char* const* environment) {
  return exec_with(environment, [&](char* const* e) { return real().execve(path, arguments, e); });
}
int exec_search(const char* file, char* const* arguments, char* const* environment) {
  return exec_with(environment, [&](char* const* e) { return real().execvpe(file, arguments, e); });
}

// The arguments of an execl: counted first, then gathered on the stack.
size_t count_arguments(va_list list) {
  size_t count = 2;
  while (va_arg(list, char*) != nullptr) count++;
  return count;
}

}  // namespace

extern "C" {

PORTOLAN_EXPORT int portolan_execve(const char*, char* const*, char* const*) __asm__("execve");
PORTOLAN_EXPORT int portolan_execv(const char*, char* const*) __asm__("execv");
PORTOLAN_EXPORT int portolan_execvp(const char*, char* const*) __asm__("execvp");
PORTOLAN_EXPORT int portolan_execvpe(const char*, char* const*, char* const*) __asm__("execvpe");
PORTOLAN_EXPORT int portolan_execl(const char*, const char*, ...) __asm__("execl");
PORTOLAN_EXPORT int portolan_execlp(const char*, const char*, ...) __asm__("execlp");
PORTOLAN_EXPORT int portolan_execle(const char*, const char*, ...) __asm__("execle");
PORTOLAN_EXPORT int portolan_fexecve(int, char* const*, char* const*) __asm__("fexecve");
PORTOLAN_EXPORT int portolan_execveat(int, const char*, char* const*, char* const*, int) __asm__("execveat");
PORTOLAN_EXPORT int portolan_spawn(pid_t*, const char*, const posix_spawn_file_actions_t*,
                                   const posix_spawnattr_t*, char* const*,
                                   char* const*) __asm__("posix_spawn");
PORTOLAN_EXPORT int portolan_spawnp(pid_t*, const char*, const posix_spawn_file_actions_t*,
                                    const posix_spawnattr_t*, char* const*,
                                    char* const*) __asm__("posix_spawnp");

int portolan_execve(const char* path, char* const* arguments, char* const* environment) {
  return exec(path, arguments, environment);
}
int portolan_execv(const char* path, char* const* arguments) { return exec(path, arguments, environ); }
int portolan_execvp(const char* file, char* const* arguments) {
  return exec_search(file, arguments, environ);
}
int portolan_execvpe(const char* file, char* const* arguments, char* const* environment) {
  return exec_search(file, arguments, environment);
}
int portolan_fexecve(int fd, char* const* arguments, char* const* environment) {
  return exec_with(environment, [&](char* const* e) { return real().fexecve(fd, arguments, e); });
}
int portolan_execveat(int fd, const char* path, char* const* arguments, char* const* environment, int flags) {
  return exec_with(environment, [&](char* const* e) {
    if (real().execveat != nullptr) return real().execveat(fd, path, arguments, e, flags);
    return static_cast<int>(syscall(SYS_execveat, fd, path, arguments, e, flags));
  });
}

// One body for three: the environment of execle follows the null.
#define PORTOLAN_EXECL(NAME, CALL, ENVIRONMENT)                            \
  int NAME(const char* path, const char* first, ...) {                     \
    va_list list;                                                          \
    va_start(list, first);                                                 \
    const size_t count = first == nullptr ? 1 : count_arguments(list);     \
    va_end(list);                                                          \
    auto** arguments = static_cast<char**>(alloca(count * sizeof(char*))); \
    va_start(list, first);                                                 \
    arguments[0] = const_cast<char*>(first);                               \
    for (size_t i = 1; i < count; i++) arguments[i] = va_arg(list, char*); \
    char* const* environment = ENVIRONMENT;                                \
    va_end(list);                                                          \
    return CALL(path, arguments, environment);                             \
  }
PORTOLAN_EXECL(portolan_execl, exec, environ)
PORTOLAN_EXECL(portolan_execlp, exec_search, environ)
PORTOLAN_EXECL(portolan_execle, exec, va_arg(list, char* const*))
#undef PORTOLAN_EXECL

int portolan_spawn(pid_t* pid, const char* path, const posix_spawn_file_actions_t* actions,
                   const posix_spawnattr_t* attributes, char* const* arguments, char* const* environment) {
  return spawn_with(pid, attributes, environment, [&](pid_t* child, char* const* e) {
    return real().posix_spawn(child, path, actions, attributes, arguments, e);
  });
}
int portolan_spawnp(pid_t* pid, const char* file, const posix_spawn_file_actions_t* actions,
                    const posix_spawnattr_t* attributes, char* const* arguments, char* const* environment) {
  return spawn_with(pid, attributes, environment, [&](pid_t* child, char* const* e) {
    return real().posix_spawnp(child, file, actions, attributes, arguments, e);
  });
}

}  // extern "C"

}  // namespace portolan
