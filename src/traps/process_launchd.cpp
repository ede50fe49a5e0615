// SPDX-License-Identifier: Apache-2.0
// Starting launchd from inside somebody else's program (KERNEL.md 15): a fixed binary, as a grandchild that
// is nobody's to wait for, in a session of its own, with nothing of ours but the domain's name. Which of
// several launchds stays is decided by the lock that it takes; so starting one too many costs time only.
//
// The two steps share our memory until they exec, as vfork does: no page table is copied, and nothing is
// allocated.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "portolan_config.h"
#include "segment/futex.hpp"
#include "segment/guard.hpp"
#include "segment/no_cancel.hpp"
#include "segment/text.hpp"
#include "task/reaper.hpp"
#include "traps/process.hpp"
#include "traps/runtime.hpp"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

// clone itself is what sanitizers stand in front of: what they note of a child would stay with us, whose memory it shares.
extern "C" int __clone(int (*function)(void*), void* stack, int flags, void* argument, ...);

namespace portolan {

namespace {

char g_binary[kPathMax];  // empty: there is none

constexpr uint64_t kPatience = 300'000'000;  // between two looks of a process
constexpr size_t kStack = 32 << 10;

bool is_program(const char* path) { return access(path, X_OK) == 0; }

// Relative to the file that we were loaded from.
bool beside(const char* own, const char* way) {
  const char* slash = strrchr(own, '/');
  if (slash == nullptr) return false;
  Text path(g_binary);
  char directory[kPathMax];
  Text(directory) << own;
  if (strlen(own) >= sizeof directory) return false;
  directory[slash - own] = 0;
  path << directory << "/" << way;
  return !path.cut() && is_program(g_binary);
}

struct Birth {
  char* arguments[3];
  std::byte* stack;  // of the second step
};

__attribute__((no_sanitize("address", "undefined", "thread"))) int become_launchd(void* argument) {
  const Birth& birth = *static_cast<Birth*>(argument);
  const int null = open("/dev/null", O_RDWR);
  if (null < 0) _exit(127);
  for (int fd = 0; fd < 3; fd++)
    if (dup2(null, fd) < 0) _exit(127);
  if (syscall(SYS_close_range, 3u, ~0u, 0u) != 0) {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    const int last = limit.rlim_cur < 65536 ? static_cast<int>(limit.rlim_cur) : 65536;
    for (int fd = 3; fd < last; fd++) close(fd);
  }
  if (chdir("/") != 0) _exit(127);
  umask(077);
  char* const nothing[] = {nullptr};
  syscall(SYS_execve, birth.arguments[0], birth.arguments, nothing);
  _exit(127);
}

__attribute__((no_sanitize("address", "undefined", "thread"))) int step_aside(void* argument) {
  const Birth& birth = *static_cast<Birth*>(argument);
  // A signal may not run the program's handlers here: the memory is the program's.
  struct {
    void* handler;
    unsigned long flags;
    void* restorer;
    uint64_t mask;
  } by_default{};
  for (int signal = 1; signal < 65; signal++)
    syscall(SYS_rt_sigaction, signal, &by_default, nullptr, sizeof(uint64_t));
  const uint64_t none = 0;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none);
  setsid();
  __clone(become_launchd, birth.stack + kStack, CLONE_VM | CLONE_VFORK, argument);
  _exit(0);
}

void start(const DomainPlace& place) {
  if (g_binary[0] == 0) return;
  void* stacks =
      mmap(nullptr, 2 * kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stacks == MAP_FAILED) return;
  auto* memory = static_cast<std::byte*>(stacks);
  char path[kPathMax];
  Text(path) << place.path;
  Birth birth{{g_binary, path, nullptr}, memory + kStack};
  // Signals stay blocked in the shared memory; nothing is born with the guard open.
  const uint64_t all = ~uint64_t{0};
  uint64_t before = 0;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
  const uint32_t rights = guard_shut();
  const int saved = errno;
  const int child = __clone(step_aside, memory + kStack, CLONE_VM | CLONE_VFORK, &birth);
  if (child > 0)
    while (syscall(SYS_wait4, child, nullptr, __WALL, nullptr) < 0 && errno == EINTR) {
    }
  errno = saved;
  guard_close(rights);
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, nullptr, sizeof before);
  munmap(stacks, 2 * kStack);
}

bool alive(const Segment& segment) {
  const uint32_t launchd = segment.header().launchd.load();
  return launchd != 0 && !segment.is_dead(launchd);
}

// A task that could start a launchd with fewer bonds than ours.
bool leave_it_to_others(Thread& self) {
  if (!launchd_restricted()) return false;
  const Segment& segment = self.segment();
  for (uint32_t i = 1; i < segment.carved(ipc::kZoneTask); i++) {
    const ipc::Task& task = segment.at(Handle<ipc::Task>{i});
    if (task.state == ipc::kTaskLive && (task.flags & kTaskRestricted) == 0 &&
        !process_gone(task.credentials.pid, task.start_time))
      return true;
  }
  return false;
}

// At most one look in a while; true: it is this caller's turn.
bool turn() {
  const uint64_t now = monotonic_ns();
  uint64_t last = g_process->launchd_checked.load();
  return (last == 0 || now - last >= kPatience) && g_process->launchd_checked.compare_exchange(last, now);
}

}  // namespace

void launchd_find_binary() {
  Dl_info own{};
  char self[kPathMax];
  if (dladdr(reinterpret_cast<void*>(&launchd_find_binary), &own) != 0 && own.dli_fname != nullptr &&
      strstr(own.dli_fname, "/libportolan.so") != nullptr) {
    if (beside(own.dli_fname, PORTOLAN_LAUNCHD_FROM_LIB)) return;
  } else {
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length > 0) {
      self[length] = 0;
      if (beside(self, PORTOLAN_LAUNCHD_FROM_BIN)) return;
    }
  }
  for (const char* path : {PORTOLAN_LAUNCHD_PATH, PORTOLAN_LAUNCHD_BUILD_PATH}) {
    Text(g_binary) << path;
    if (is_program(g_binary)) return;
  }
  g_binary[0] = 0;
}

bool launchd_restricted() {
  rlimit limit{};
  return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ||
         (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY);
}

void launchd_ensure(Thread& self) {
  if (alive(self.segment()) || !turn() || leave_it_to_others(self)) return;
  if (domain_has_launchd(settings().place)) return;  // one is on its way
  start(settings().place);
}

void launchd_died(Thread& self) {
  const NoCancel no_cancel;
  Segment& segment = self.segment();
  // Whoever sleeps on the dead one's word learns of it one after the other.
  const uint32_t dead = segment.header().launchd.load();
  if (dead != 0) futex_wake(segment.life(dead).word.address(), 1);
  launchd_ensure(self);
}

void launchd_stand_in(Thread& self) {
  const NoCancel no_cancel;
  const uint64_t last = g_process->launchd_checked.load();
  launchd_ensure(self);
  if (g_process->launchd_checked.load() == last || alive(self.segment())) return;
  // It was our turn, and there is none yet, perhaps because there can be none: whoever starts where our file
  // was, serves another domain.
  const DomainPlace& place = settings().place;
  if (!domain_has_launchd(place) || !domain_is_at(place, self.segment())) Reaper{}.round(self);
}

}  // namespace portolan
