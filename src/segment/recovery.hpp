// SPDX-License-Identifier: Apache-2.0
// What the living do for the dead. Stage 1 takes no lock and may run under locks: it undoes the dead thread's
// open transaction and frees its locks. Stage 2 runs with no lock held, in bounded transactions: it finishes
// what the dead thread had in hand, pays what it owed, and returns its slot.
//
// If we die here: the slot's claim can be taken over from the dead, and every step can be done again from the
// start. Everything read from a dead slot is checked first; what cannot be believed is counted as quarantined
// and skipped.
#pragma once

#include "segment/thread.hpp"

namespace portolan {

// Writes an old value back; false when the log entry cannot be believed.
bool restore_word(Segment& segment, uint64_t where, uint64_t old);

// Stage 1. False: somebody alive is at it already.
bool recover_locks(Thread& self, uint32_t victim);

// Both stages. False: somebody alive is at it, or the slot is not that of a dead thread.
bool recover_thread(Thread& self, uint32_t victim);

// All dead threads of the segment; returns how many slots were recovered.
unsigned recover_dead_threads(Thread& self);

// Marks a thread dead whose end Linux could not mark: its tid is gone or is ours.
void declare_dead(Segment& segment, uint32_t victim);
// The same as long as the slot is that of a thread with this tid: it may have been recovered and taken by
// another.
void declare_dead(Segment& segment, uint32_t victim, uint32_t tid);

// A section of this very thread that was left by a jump: undone as if it had died, without giving up the
// slot.
void recover_own_section(Thread& self);

// Moves the work list of a slot that the caller has claimed, or is leaving, to the caller's own.
void adopt_work(Thread& self, ThreadSlot& from);

}  // namespace portolan
