// SPDX-License-Identifier: Apache-2.0
// A trap that lost its memory cannot go on, nor undo anything. Its function's frame is found by unwinding, as
// the one that encloses the outermost Trap, and is returned from as a debugger would: with the caller's
// registers as its frame saved them. Nothing in between has anything to clean up but the section mark and the
// deferred signals.
#include "traps/signals_lost.hpp"

#include <mach/kern_return.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include <unwind.h>

namespace portolan {

namespace {

// Tells the others, if the header is still there: a copy by Linux fails where a store would kill.
void mark_lost(Process& process) {
  process.lost = 1;
  uint32_t one = 1;
  const iovec from{&one, sizeof one}, to{process.segment.header().lost.address(), sizeof one};
  (void)process_vm_writev(static_cast<pid_t>(syscall(SYS_getpid)), &from, 1, &to, 1, 0);
}

#if defined(__x86_64__)

struct Search {
  uintptr_t trap;
  ucontext_t* interrupted;
  bool found;
};

_Unwind_Reason_Code look(_Unwind_Context* frame, void* argument) {
  auto& search = *static_cast<Search*>(argument);
  const uintptr_t stack = _Unwind_GetCFA(frame);
  const auto low = static_cast<uintptr_t>(search.interrupted->uc_mcontext.gregs[REG_RSP]);
  // The handler's own frames may lie anywhere, on another stack; then come those of the trap, upwards.
  if (stack <= search.trap || stack < low || stack > search.trap + (uintptr_t{1} << 20))
    return _URC_NO_REASON;
  greg_t* registers = search.interrupted->uc_mcontext.gregs;
  constexpr struct {
    int number, place;
  } kSaved[] = {{3, REG_RBX}, {6, REG_RBP}, {12, REG_R12}, {13, REG_R13}, {14, REG_R14}, {15, REG_R15}};
  greg_t values[6];
  for (unsigned i = 0; i < 6; i++) values[i] = static_cast<greg_t>(_Unwind_GetGR(frame, kSaved[i].number));
  for (unsigned i = 0; i < 6; i++) registers[kSaved[i].place] = values[i];
  registers[REG_RIP] = static_cast<greg_t>(_Unwind_GetIP(frame));
  registers[REG_RSP] = static_cast<greg_t>(stack);
  registers[REG_RAX] = KERN_TERMINATED;
  search.found = true;
  return _URC_END_OF_STACK;
}

bool return_from_trap(uintptr_t trap, ucontext_t& interrupted) {
  Search search{trap, &interrupted, false};
  _Unwind_Backtrace(look, &search);
  return search.found;
}

#else
bool return_from_trap(uintptr_t, ucontext_t&) { return false; }
#endif

}  // namespace

bool segment_lost(ThreadContext& context, const void* address, ucontext_t& interrupted) {
  if (g_process == nullptr || g_process->segment.base() == nullptr ||
      !g_process->segment.contains(address, 1))
    return false;
  mark_lost(*g_process);
  if (context.section == 0 || !return_from_trap(context.section_sp, interrupted)) return false;
  context.section = 0;
  if (context.deferred != 0) {
    for (uint32_t i = 0; i < context.deferred; i++)
      syscall(SYS_rt_tgsigqueueinfo, syscall(SYS_getpid), syscall(SYS_gettid), context.saved[i].si_signo,
              &context.saved[i]);
    context.deferred = 0;
    *reinterpret_cast<uint64_t*>(&interrupted.uc_sigmask) = context.old_mask;
  }
  return true;
}

}  // namespace portolan
