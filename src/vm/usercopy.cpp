// SPDX-License-Identifier: Apache-2.0
// What stands around the copy routine: the fix-up, and copying without it. No locks; nothing here is in the
// segment.
#include "vm/usercopy.hpp"

#include <errno.h>
#include <signal.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

extern "C" const char portolan_usercopy_end[], portolan_usercopy_fault[];

namespace portolan::vm {

namespace detail {
uint32_t copy_mode = static_cast<uint32_t>(CopyMode::fixups);
}

void usercopy_set_mode(CopyMode mode) {
  portolan::detail::store_relaxed(detail::copy_mode, static_cast<uint32_t>(mode));
}

CopyMode usercopy_mode() { return static_cast<CopyMode>(portolan::detail::load_relaxed(detail::copy_mode)); }

namespace {

using Transfer = ssize_t (*)(pid_t, const iovec*, unsigned long, const iovec*, unsigned long, unsigned long);

// `user` is reached as another process's memory would be, so that a bad address is a short count. The pid
// says whose address space the caller stands in, not who acts. A sandbox that forbids the call gets the plain
// routine.
bool transfer(Transfer call, void* kernel, void* user, size_t length) {
  auto* here = static_cast<char*>(kernel);
  auto* there = static_cast<char*>(user);
  const int saved = errno;
  while (length != 0) {
    const iovec local{here, length}, remote{there, length};
    const ssize_t moved = call(getpid(), &local, 1, &remote, 1, 0);
    if (moved < 0 && (errno == ENOSYS || errno == EPERM)) {
      errno = saved;
      return (call == process_vm_readv ? portolan_usercopy(here, there, length)
                                       : portolan_usercopy(there, here, length)) == 0;
    }
    if (moved <= 0) {
      errno = saved;
      return false;
    }
    here += moved;
    there += moved;
    length -= static_cast<size_t>(moved);
  }
  return true;
}

void handle_fault(int signal, siginfo_t* info, void* context) {
  if (usercopy_fixup(context)) return;
  // Somebody else's: the instruction runs again, and ends the process. A signal that was sent does not come
  // again.
  struct sigaction plain = {};
  plain.sa_handler = SIG_DFL;
  sigaction(signal, &plain, nullptr);
  if (info->si_code <= 0) raise(signal);
}

}  // namespace

bool transfer_from_user(void* kernel, const void* user, size_t length) {
  return transfer(process_vm_readv, kernel, const_cast<void*>(user), length);
}

bool transfer_to_user(void* user, const void* kernel, size_t length) {
  return transfer(process_vm_writev, const_cast<void*>(kernel), user, length);
}

bool usercopy_fixup(void* ucontext) {
  const auto first = reinterpret_cast<uintptr_t>(&portolan_usercopy);
  const auto end = reinterpret_cast<uintptr_t>(portolan_usercopy_end);
  const auto landing = reinterpret_cast<uintptr_t>(portolan_usercopy_fault);
  auto& machine = static_cast<ucontext_t*>(ucontext)->uc_mcontext;
#if defined(__x86_64__)
  const auto at = static_cast<uintptr_t>(machine.gregs[REG_RIP]);
  if (at < first || at >= end) return false;
  machine.gregs[REG_RIP] = static_cast<greg_t>(landing);
#else
  const uintptr_t at = machine.pc;
  if (at < first || at >= end) return false;
  machine.pc = landing;
#endif
  return true;
}

bool install_plain_fault_handler() {
  struct sigaction action = {};
  action.sa_sigaction = handle_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  return sigaction(SIGSEGV, &action, nullptr) == 0 && sigaction(SIGBUS, &action, nullptr) == 0;
}

}  // namespace portolan::vm
