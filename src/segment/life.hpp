// SPDX-License-Identifier: Apache-2.0
// The life word: a word of a thread's slot that Linux itself marks when the thread dies, by whatever cause,
// because it stands on the thread's robust list (KERNEL.md 8).
//
// The list is the C library's, and its robust mutexes stand on it too: a LifeWord is laid out like one, with
// the word 32 bytes before the link, and linked as one, with the kernel's list_op_pending protocol. Where the
// list's offset is another, the word stays off the list, and launchd's look at tids is all there is. A thread
// without a list (a raw clone) gets the one that its parent's copy of this structure remembers, or a list of
// its own.
//
// Own thread only; signals that could interrupt are deferred. If we die here: list_op_pending names the word.
#pragma once

#include <cstdint>

#include "segment/layout.hpp"

namespace portolan {

// As the Linux kernel knows it, behind the pointer that the C library writes for its own symmetry.
struct RobustHead {
  uint64_t list;
  int64_t futex_offset;
  uint64_t list_op_pending;
};

// One thread's way to its life word; lies in thread-local memory.
struct LifeLink {
  RobustHead* head = nullptr;  // the list that we stand on, or stood on before a fork
  LifeWord* word = nullptr;
  uint64_t own_prev = 0;
  RobustHead own{};  // for a thread that has none
};

// Puts the word on the calling thread's list. False: that list is of another shape.
bool life_enter(LifeLink& link, LifeWord& word);
// Takes it off again, before Thread::detach; until life_left, after it, the word stays the pending one, so
// that Linux marks it as long as it carries this thread's tid.
void life_leave(LifeLink& link);
void life_left(LifeLink& link);
// In the child of a fork: forgets the word, which is not mapped here, and mends a list that still leads to
// it.
void life_forget(LifeLink& link);

}  // namespace portolan
