// SPDX-License-Identifier: Apache-2.0
// The trampoline, and what is known of the program's handlers.
//
// The table of handlers is written by one thread at a time, with all signals blocked, and read by trampolines
// at any time: each row has a sequence number. If a thread dies here, so does the process.
#include "traps/signals.hpp"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "segment/guard.hpp"
#include "segment/recovery.hpp"
#include "segment/wait.hpp"
#include "traps/exception.hpp"
#include "traps/process.hpp"
#include "traps/signal_table.hpp"
#include "traps/signals_lost.hpp"
#include "vm/usercopy.hpp"

namespace portolan {

namespace {

constexpr uint64_t bit(int signal) { return uint64_t{1} << (signal - 1); }
// Raised by instructions: they are never blocked by us, for a blocked one kills.
constexpr uint64_t kSynchronous =
    bit(SIGSEGV) | bit(SIGBUS) | bit(SIGFPE) | bit(SIGILL) | bit(SIGTRAP) | bit(SIGSYS);
// The C library's own: cancellation, and changes of user id, which wait for every thread.
constexpr uint64_t kLibrary = bit(32) | bit(33);
constexpr uint64_t kIgnoredByDefault = bit(SIGCHLD) | bit(SIGURG) | bit(SIGWINCH) | bit(SIGCONT);
constexpr uint64_t kStopping = bit(SIGTSTP) | bit(SIGTTIN) | bit(SIGTTOU);
constexpr uint64_t kAlwaysOpen = bit(SIGSEGV) | bit(SIGBUS);

void set_mask(uint64_t mask) { syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, nullptr, sizeof mask); }

uint64_t& mask_of(ucontext_t& context) {
  static_assert(sizeof context.uc_sigmask >= sizeof(uint64_t));
  return *reinterpret_cast<uint64_t*>(&context.uc_sigmask);
}

bool is_fault(int signal, const siginfo_t& info) {
  return (bit(signal) & kSynchronous) != 0 && info.si_code > 0;
}

void send_to_self(const siginfo_t& info) {
  const long pid = syscall(SYS_getpid), tid = syscall(SYS_gettid);
  if (syscall(SYS_rt_tgsigqueueinfo, pid, tid, info.si_signo, &info) == 0) return;
  // There is no room for what came with it (RLIMIT_SIGPENDING). Of its kind this is the one that always gets
  // through.
  siginfo_t bare{};
  bare.si_signo = info.si_signo;
  bare.si_code = SI_USER;
  bare.si_pid = static_cast<pid_t>(pid);
  syscall(SYS_rt_tgsigqueueinfo, pid, tid, info.si_signo, &bare);
}

void set_default(int signal) {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  real().sigaction(signal, &action, nullptr);
}

// A wait that the signal interrupts ends, even if it was just about to begin.
void end_sleep(ThreadContext& context) {
  if (!context.thread.sleeps || context.epoch == 0 || context.epoch != g_process->epoch.load()) return;
  const uint32_t rights = guard_open();
  poke_own_frame(context.thread);
  guard_close(rights);
}

// Keeps a signal for the end of the section. One that is kept already is kept once, as Linux itself would.
void defer(ThreadContext& context, const siginfo_t& info, ucontext_t& interrupted) {
  if (context.deferred == 0) context.old_mask = mask_of(interrupted);
  bool kept = false;
  for (uint32_t i = 0; i < context.deferred; i++) kept |= context.saved[i].si_signo == info.si_signo;
  if (!kept && context.deferred == kDeferredMax) {
    context.more |= bit(info.si_signo);
  } else if (!kept) {
    context.saved[context.deferred] = info;
    crash_fence();
    context.deferred++;
  }
  context.interrupts++;
  end_sleep(context);
  const uint64_t one = 1;
  if (context.poke >= 0) (void)!write(context.poke, &one, sizeof one);  // its caller keeps errno
  mask_of(interrupted) = ~(kSynchronous | kLibrary);
}

// Nobody but us wants this signal: what would have happened without us.
void by_default(int signal, const siginfo_t& info, bool fault, uintptr_t disposition,
                ucontext_t& interrupted) {
  if (!fault && disposition == reinterpret_cast<uintptr_t>(SIG_IGN)) return;
  if ((bit(signal) & kIgnoredByDefault) != 0) return;
  if ((bit(signal) & kStopping) != 0) {
    syscall(SYS_kill, syscall(SYS_getpid), SIGSTOP);
    return;
  }
  if (t_context.section == 0) exception_crash(signal, info, interrupted);
  set_default(signal);
  // A fault happens again by itself, but for a breakpoint, which lies behind.
  if (!fault || signal == SIGTRAP) send_to_self(info);
}

void run_handler(int signal, siginfo_t* info, ucontext_t* interrupted, const SignalRow& row) {
  if ((static_cast<uint32_t>(row.flags) & SA_RESETHAND) != 0) signal_reset(signal);
  const uint64_t own = (row.flags & SA_NODEFER) != 0 ? 0 : bit(signal);
  set_mask((mask_of(*interrupted) | row.mask | own) & ~kAlwaysOpen);
  if ((row.flags & SA_SIGINFO) != 0)
    reinterpret_cast<void (*)(int, siginfo_t*, void*)>(row.handler)(signal, info, interrupted);
  else
    reinterpret_cast<void (*)(int)>(row.handler)(signal);
}

// A fault of the kernel's own code, inside a trap that can never go on: its section ends here, as if the
// thread had died.
void abandon(ThreadContext& context) {
  if (context.epoch != 0 && g_process != nullptr && context.epoch == g_process->epoch.load()) {
    const uint32_t rights = guard_open();
    runtime_abandoned(context);
    guard_close(rights);
  }
  context.section = 0;
  context.covers = 0;
}

}  // namespace

// Not static: the table installs it.
void signal_trampoline(int signal, siginfo_t* info, void* user_context) {
  const int saved_errno = errno;
  auto& interrupted = *static_cast<ucontext_t*>(user_context);
  ThreadContext& context = t_context;
  const bool fault = is_fault(signal, *info);
  if (fault && (signal == SIGSEGV || signal == SIGBUS)) {
    if (vm::usercopy_fixup(user_context)) return;
    // A SEGV outside of a trap is the program's own, in the segment above all: there the guard has stopped
    // it.
    const bool kernels = context.section != 0 || signal == SIGBUS;
    if (kernels && segment_lost(context, info->si_addr, interrupted)) {
      errno = saved_errno;
      return;
    }
  }
  // abort() inside of a trap is the kernel's own, and does not wait for the trap's end.
  const bool aborts = signal == SIGABRT && signal_row(signal).handler == reinterpret_cast<uintptr_t>(SIG_DFL);
  if (context.section != 0 && !fault && !aborts) {
    defer(context, *info, interrupted);
    errno = saved_errno;
    return;
  }
  if (!fault)
    if (const auto seen = signal_watcher(signal)) seen(signal, *info);
  // Before the program's handlers, and before the default (tasks 4.9).
  if (fault && context.section == 0 && exception_handled(signal, *info, interrupted)) {
    errno = saved_errno;
    return;
  }
  const SignalRow row = signal_row(signal);
  if (row.handler == reinterpret_cast<uintptr_t>(SIG_DFL) ||
      row.handler == reinterpret_cast<uintptr_t>(SIG_IGN)) {
    by_default(signal, *info, fault, row.handler, interrupted);
    errno = saved_errno;
    return;
  }
  // Handlers that stand in for system calls (SYS) or watch instructions (TRAP) return to where they came
  // from.
  const bool broken = context.section != 0 && fault && signal != SIGSYS && signal != SIGTRAP;
  if (broken) abandon(context);
  errno = saved_errno;
  const uint32_t rights = guard_shut();
  run_handler(signal, info, &interrupted, row);
  guard_close(rights);
  if (broken) kernel_panic("a fault inside a trap");
}

void signals_deliver(ThreadContext& context) {
  siginfo_t saved[kDeferredMax];
  const uint32_t count = context.deferred;
  memcpy(saved, context.saved, count * sizeof saved[0]);
  const uint64_t mask = context.old_mask, more = context.more;
  crash_fence();
  context.more = 0;
  context.deferred = 0;
  for (uint32_t i = 0; i < count; i++) send_to_self(saved[i]);
  for (uint64_t left = more; left != 0; left &= left - 1) {
    siginfo_t bare{};
    bare.si_signo = __builtin_ctzll(left) + 1;
    send_to_self(bare);
  }
  set_mask(mask);
}

void signals_forget(ThreadContext& context) {
  context.more = 0;
  context.deferred = 0;
  set_mask(context.old_mask);
}

}  // namespace portolan
