// SPDX-License-Identifier: Apache-2.0
// The C library's signal functions as the program calls them, so that every handler goes through the
// trampoline and the two faults that we mend are never blocked. Their own names are given as assembler names:
// the library's prototypes differ from release to release.
//
// Not here: handlers installed by raw system calls, or by functions of the C library that call its own
// sigaction inside (abort). Those run inside sections; one that never returns is found by the next trap.
#include <errno.h>
#include <portolan/export.h>
#include <signal.h>
#include <string.h>

#include "traps/process.hpp"
#include "traps/signal_table.hpp"

namespace portolan {

namespace {

using Handler = void (*)(int);

Handler install(int signal, Handler handler, int flags, bool block_itself) {
  struct sigaction action {
  }, old{};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigemptyset(&action.sa_mask);
  if (block_itself) sigaddset(&action.sa_mask, signal);
  if (handler == SIG_ERR) {
    errno = EINVAL;
    return SIG_ERR;
  }
  return signal_action(signal, &action, &old) == 0 ? old.sa_handler : SIG_ERR;
}

// A copy of the set that leaves the two faults open.
const sigset_t* open_set(int how, const sigset_t* set, sigset_t& copy) {
  if (set == nullptr || how == SIG_UNBLOCK) return set;
  copy = *set;
  sigdelset(&copy, SIGSEGV);
  sigdelset(&copy, SIGBUS);
  return &copy;
}

bool g_interrupts[65];  // siginterrupt(): signal() is not to restart system calls

}  // namespace

extern "C" {

PORTOLAN_EXPORT int portolan_sigaction(int, const struct sigaction*, struct sigaction*) __asm__("sigaction");
PORTOLAN_EXPORT int portolan_sigaction2(int, const struct sigaction*,
                                        struct sigaction*) __asm__("__sigaction");
PORTOLAN_EXPORT Handler portolan_signal(int, Handler) __asm__("signal");
PORTOLAN_EXPORT Handler portolan_bsd_signal(int, Handler) __asm__("bsd_signal");
PORTOLAN_EXPORT Handler portolan_ssignal(int, Handler) __asm__("ssignal");
PORTOLAN_EXPORT Handler portolan_sysv_signal(int, Handler) __asm__("sysv_signal");
PORTOLAN_EXPORT Handler portolan_sysv_signal2(int, Handler) __asm__("__sysv_signal");
PORTOLAN_EXPORT Handler portolan_sigset(int, Handler) __asm__("sigset");
PORTOLAN_EXPORT int portolan_siginterrupt(int, int) __asm__("siginterrupt");
PORTOLAN_EXPORT int portolan_sigprocmask(int, const sigset_t*, sigset_t*) __asm__("sigprocmask");
PORTOLAN_EXPORT int portolan_pthread_sigmask(int, const sigset_t*, sigset_t*) __asm__("pthread_sigmask");

int portolan_sigaction(int signal, const struct sigaction* action, struct sigaction* old) {
  return signal_action(signal, action, old);
}
int portolan_sigaction2(int signal, const struct sigaction* action, struct sigaction* old) {
  return signal_action(signal, action, old);
}

Handler portolan_signal(int signal, Handler handler) {
  const bool interrupts = signal > 0 && signal < 65 && g_interrupts[signal];
  return install(signal, handler, interrupts ? 0 : SA_RESTART, true);
}
Handler portolan_bsd_signal(int signal, Handler handler) { return portolan_signal(signal, handler); }
Handler portolan_ssignal(int signal, Handler handler) { return portolan_signal(signal, handler); }
Handler portolan_sysv_signal(int signal, Handler handler) {
  return install(signal, handler, static_cast<int>(SA_RESETHAND | SA_NODEFER), false);
}
Handler portolan_sysv_signal2(int signal, Handler handler) { return portolan_sysv_signal(signal, handler); }

Handler portolan_sigset(int signal, Handler handler) {
  sigset_t set, before;
  sigemptyset(&set);
  if (sigaddset(&set, signal) != 0) return SIG_ERR;
  const bool hold = handler == SIG_HOLD;
  if (portolan_sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &set, &before) != 0) return SIG_ERR;
  const bool held = sigismember(&before, signal) == 1;
  if (hold) {
    struct sigaction present;
    if (signal_action(signal, nullptr, &present) != 0) return SIG_ERR;
    return held ? SIG_HOLD : present.sa_handler;
  }
  const Handler old = install(signal, handler, 0, false);
  return old == SIG_ERR || !held ? old : SIG_HOLD;
}

int portolan_siginterrupt(int signal, int interrupt) {
  struct sigaction action;
  if (signal_action(signal, nullptr, &action) != 0) return -1;
  g_interrupts[signal] = interrupt != 0;
  if (interrupt != 0)
    action.sa_flags &= ~SA_RESTART;
  else
    action.sa_flags |= SA_RESTART;
  return signal_action(signal, &action, nullptr);
}

int portolan_sigprocmask(int how, const sigset_t* set, sigset_t* old) {
  sigset_t copy;
  return real().sigprocmask(how, open_set(how, set, copy), old);
}
int portolan_pthread_sigmask(int how, const sigset_t* set, sigset_t* old) {
  sigset_t copy;
  return real().pthread_sigmask(how, open_set(how, set, copy), old);
}

}  // extern "C"

}  // namespace portolan
