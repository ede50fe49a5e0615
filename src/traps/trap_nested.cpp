// SPDX-License-Identifier: Apache-2.0
// Is the trap whose section we are in still there? If a handler jumped out of it, it has to be undone; if a
// handler runs on top of it, undoing it would pull the ground from under it. The stack knows: a trap is gone
// if our stack does not reach down to it, or does so without a signal's frame in between. Where the stack
// cannot be read to its end, doubt means that it is there. Slow, and for seldom cases only; takes no lock,
// changes nothing.
#include "traps/trap_nested.hpp"

#include <signal.h>
#include <unwind.h>

namespace portolan {

namespace {

struct Search {
  uintptr_t trap;
  uintptr_t low, high;  // the stack for handlers, if we are on it
  bool reached;         // the walk came by where the trap lies
  bool interrupted;     // a signal came while the stack reached down to there
};

_Unwind_Reason_Code look(_Unwind_Context* frame, void* argument) {
  auto& search = *static_cast<Search*>(argument);
  int by_signal = 0;
  _Unwind_GetIPInfo(frame, &by_signal);
  const uintptr_t stack = _Unwind_GetCFA(frame);
  if (stack >= search.low && stack < search.high) return _URC_NO_REASON;
  search.interrupted |= by_signal != 0 && stack <= search.trap;
  search.reached = stack > search.trap;
  return search.reached || search.interrupted ? _URC_END_OF_STACK : _URC_NO_REASON;
}

// A Trap begins with a reference to its thread's context.
bool looks_like_trap(const ThreadContext& context, uintptr_t at) {
  return *reinterpret_cast<const uintptr_t*>(at) == reinterpret_cast<uintptr_t>(&context);
}

bool is_gone(const ThreadContext& context) {
  if (context.section_sp == 0 || !looks_like_trap(context, context.section_sp)) return true;
  Search search{context.section_sp, 0, 0, false, false};
  stack_t alternate{};
  if (sigaltstack(nullptr, &alternate) == 0 && (alternate.ss_flags & SS_ONSTACK) != 0) {
    search.low = reinterpret_cast<uintptr_t>(alternate.ss_sp);
    search.high = search.low + alternate.ss_size;
  }
  _Unwind_Backtrace(look, &search);
  return search.reached && !search.interrupted;
}

}  // namespace

Below trap_below(const ThreadContext& context) {
  if (is_gone(context)) return Below::gone;
  const ThreadSlot& slot = context.thread.slot();
  const bool open = (slot.log_length.load() | slot.held_count.load()) != 0;
  return context.thread.sleeps && !open && slot.depth + 1 < kFrames ? Below::asleep : Below::busy;
}

}  // namespace portolan
