// SPDX-License-Identifier: Apache-2.0
// A trap that lost its memory cannot go on, nor undo anything. Its function's frame is found by unwinding, as
// the one that encloses the outermost Trap, and is returned from as a debugger would: with the caller's
// registers as its frame saved them. Nothing in between has anything to clean up but the section mark and the
// deferred signals.
#include "traps/signals_lost.hpp"

#include <mach/kern_return.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <unwind.h>

#include "segment/text.hpp"

namespace portolan {

namespace {

// For this process and for all others. Who has not joined yet, never will.
void mark_lost(Process& process) {
  process.lost = 1;
  if (process.segment.base() != nullptr) declare_lost(process.segment);
  if (process.state == Joined::joined) return;
  process.state = Joined::refused;
  process.lock.store(0);
}

void say(const char* what) {
  char line[256];
  Text text(line);
  text << "portolan: the domain is lost: " << what << " (end its programs; portolan fsck tells more)\n";
  (void)!write(2, line, strlen(line));
}

// A fault that the handler takes for one of the kernel's own: so a broken invariant leaves its trap in the
// same way.
void leave_by_fault(const char* what) {
  if (t_context.section == 0 || g_process == nullptr) return;
  if (g_process->lost == 0 && g_process->segment.base() != nullptr &&
      g_process->segment.header().lost.load() == 0)
    say(what);
  g_process->lost = 1;
  uintptr_t nowhere = 16;
  __asm__ volatile("" : "+r"(nowhere));
  (void)*reinterpret_cast<volatile char*>(nowhere);
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

void lost_init() { kernel_lost = leave_by_fault; }

bool segment_lost(ThreadContext& context, const void* address, ucontext_t& interrupted) {
  if (g_process == nullptr) return false;
  const Segment& segment = g_process->segment;
  const bool gone = segment.base() != nullptr && segment.contains(address, 1);
  // Outside of a trap a fault is the program's own, unless it is the segment's memory that is gone.
  if (!gone && context.section == 0) return false;
  if (g_process->lost == 0) say(gone ? "its memory is gone" : "the kernel came upon something damaged");
  mark_lost(*g_process);
  if (context.section == 0 || !return_from_trap(context.section_sp, interrupted)) return false;
  context.section = 0;
  context.covers = 0;
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
