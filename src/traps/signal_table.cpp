// SPDX-License-Identifier: Apache-2.0
// The table of the program's handlers, and sigaction on it. One writer at a time, who blocks all signals, so
// that no trampoline of its own thread can wait for it. A row has two copies: the one that is not in use is
// written, then they change places. So a reader never waits, not even in the child of a fork that came while
// another thread wrote; the lock lies on the page that a fork wipes, and is free there.
//
// A child of vfork has its own dispositions, but our memory: what it asks for goes to Linux alone.
#include "traps/signal_table.hpp"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "segment/cell.hpp"
#include "traps/process.hpp"
#include "traps/signals.hpp"
#include "vm/usercopy.hpp"

namespace portolan {

namespace {

constexpr int kSignals = 65;

struct Row {
  Hint<uint32_t> sequence;  // +1 by each change; its last bit says which copy is in use
  struct Copy {
    Hint<uint32_t> flags;
    Hint<uint64_t> handler;
    Hint<uint64_t> mask;
  } copies[2];
};
Row g_rows[kSignals];

using Watcher = void (*)(int, const siginfo_t&);
std::atomic<Watcher> g_watchers[kSignals];
bool watched(int signal) { return g_watchers[signal].load(std::memory_order_relaxed) != nullptr; }

// Those of faults, which are exceptions first, and the one by which abort() ends a process.
bool ours(int signal) {
  return signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE || signal == SIGTRAP ||
         signal == SIGABRT;
}

bool is_function(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 ? action.sa_sigaction != nullptr
                                             : action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN;
}

uintptr_t handler_of(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 ? reinterpret_cast<uintptr_t>(action.sa_sigaction)
                                             : reinterpret_cast<uintptr_t>(action.sa_handler);
}

uint64_t mask_of(const sigset_t& set) {
  uint64_t mask;
  memcpy(&mask, &set, sizeof mask);
  return mask;
}

void write_row(int signal, const SignalRow& row) {
  const uint32_t next = g_rows[signal].sequence.load() + 1;
  Row::Copy& out = g_rows[signal].copies[next & 1];
  // Whoever still reads this copy, as it was two changes ago, sees that there was one.
  std::atomic_thread_fence(std::memory_order_release);
  out.handler.store(row.handler);
  out.mask.store(row.mask);
  out.flags.store(static_cast<uint32_t>(row.flags));
  g_rows[signal].sequence.store(next, std::memory_order_release);
}

// What the kernel is to do so that our trampoline can do the rest.
int install(int signal, int flags) {
  struct sigaction action {};
  action.sa_sigaction = signal_trampoline;
  action.sa_flags = SA_SIGINFO | (flags & (SA_ONSTACK | SA_RESTART | SA_NOCLDSTOP | SA_NOCLDWAIT));
  sigfillset(&action.sa_mask);
  for (const int open : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) sigdelset(&action.sa_mask, open);
  return real().sigaction(signal, &action, nullptr);
}

// A handler stands where the program has none. What that meant for system calls and children stays so as far
// as Linux lets it.
int flags_without_handler(int signal, const SignalRow& row) {
  const bool ignored = row.handler == reinterpret_cast<uintptr_t>(SIG_IGN);
  return row.flags | SA_ONSTACK | (ours(signal) ? 0 : SA_RESTART) |
         (signal == SIGCHLD && ignored ? SA_NOCLDWAIT : 0);
}

bool is_trampoline(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == signal_trampoline;
}

class Writing {
 public:
  Writing() {
    const uint64_t all = ~uint64_t{0};
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before_, sizeof all);
    if (g_process == nullptr) return;  // before the library is set up there is one thread
    locked_ = true;
    uint32_t free = 0;
    while (!g_process->signals_lock.compare_exchange(free, 1)) {
      free = 0;
      sched_yield();
    }
  }
  ~Writing() {
    if (locked_) g_process->signals_lock.store(0, std::memory_order_release);
    const int saved = errno;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before_, nullptr, sizeof before_);
    errno = saved;
  }
  Writing(const Writing&) = delete;
  Writing& operator=(const Writing&) = delete;

 private:
  uint64_t before_ = 0;
  bool locked_ = false;
};

void describe(const SignalRow& row, struct sigaction& action) {
  memset(&action, 0, sizeof action);
  if ((row.flags & SA_SIGINFO) != 0)
    action.sa_sigaction = reinterpret_cast<void (*)(int, siginfo_t*, void*)>(row.handler);
  else
    action.sa_handler = reinterpret_cast<void (*)(int)>(row.handler);
  memcpy(&action.sa_mask, &row.mask, sizeof row.mask);
  action.sa_flags = row.flags;
}

}  // namespace

SignalRow signal_row(int signal) {
  const Row& row = g_rows[signal];
  for (;;) {
    const uint32_t before = row.sequence.load(std::memory_order_acquire);
    const Row::Copy& in_use = row.copies[before & 1];
    SignalRow copy;
    copy.handler = in_use.handler.load();
    copy.mask = in_use.mask.load();
    copy.flags = static_cast<int>(in_use.flags.load());
    std::atomic_thread_fence(std::memory_order_acquire);
    if (row.sequence.load() == before) return copy;
  }
}

void signal_reset(int signal) {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  signal_action(signal, &action, nullptr);
}

int signal_action(int signal, const struct sigaction* action, struct sigaction* old) {
  if (signal < 1 || signal >= kSignals) {
    errno = EINVAL;
    return -1;
  }
  if (is_vfork_child()) return real().sigaction(signal, action, old);
  struct sigaction wanted {
  }, before{};
  if (action != nullptr) wanted = *action;  // bad memory faults here, with nothing locked
  int result = 0;
  {
    const Writing writing;
    result = real().sigaction(signal, nullptr, &before);
    if (result == 0 && is_trampoline(before)) describe(signal_row(signal), before);
    if (result == 0 && action != nullptr) {
      const SignalRow row{handler_of(wanted), mask_of(wanted.sa_mask), wanted.sa_flags};
      if (is_function(wanted)) {
        // The row comes first: a trampoline that is called already must find it.
        const SignalRow kept = signal_row(signal);
        write_row(signal, row);
        result = install(signal, wanted.sa_flags);
        if (result != 0) write_row(signal, kept);
      } else if (ours(signal) || watched(signal)) {
        write_row(signal, row);
        result = install(signal, flags_without_handler(signal, row));
      } else {
        // The row stays, for trampolines on their way.
        result = real().sigaction(signal, &wanted, nullptr);
      }
    }
  }
  if (result == 0 && old != nullptr) *old = before;
  return result;
}

Watcher signal_watcher(int signal) { return g_watchers[signal].load(std::memory_order_relaxed); }

bool signal_watch(int signal, Watcher seen) {
  if (signal < 1 || signal >= kSignals) return false;
  const Writing writing;
  struct sigaction present {};
  if (real().sigaction(signal, nullptr, &present) != 0) return false;
  if (seen != nullptr) {
    if (!is_trampoline(present)) {
      const SignalRow row{handler_of(present), mask_of(present.sa_mask), present.sa_flags};
      write_row(signal, row);
      if (install(signal, flags_without_handler(signal, row)) != 0) return false;
    }
  } else if (is_trampoline(present) && !ours(signal)) {
    struct sigaction wanted;
    describe(signal_row(signal), wanted);
    if (!is_function(wanted)) real().sigaction(signal, &wanted, nullptr);
  }
  g_watchers[signal].store(seen, std::memory_order_relaxed);
  return true;
}

void signals_init() {
  for (int signal = 1; signal < kSignals; signal++) {
    struct sigaction present {};
    // The C library does not let us see its own two.
    if (real().sigaction(signal, nullptr, &present) != 0 || is_trampoline(present)) continue;
    if (!ours(signal) && !is_function(present)) continue;
    write_row(signal, {handler_of(present), mask_of(present.sa_mask), present.sa_flags});
    install(signal, ours(signal) ? SA_ONSTACK | present.sa_flags : present.sa_flags);
  }
  vm::usercopy_set_mode(signals_in_charge() ? vm::CopyMode::fixups : vm::CopyMode::transfers);
}

bool signals_in_charge() {
  for (const int signal : {SIGSEGV, SIGBUS}) {
    struct sigaction present {};
    if (real().sigaction(signal, nullptr, &present) != 0 || !is_trampoline(present)) return false;
  }
  return true;
}

}  // namespace portolan
