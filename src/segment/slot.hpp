// SPDX-License-Identifier: Apache-2.0
// A thread's slot: everything that recovery needs to know about a thread that died at an arbitrary
// instruction.
//
//   S1: outside a transaction `log_length` and `held_count` are 0.
//   S2: an object in hand is named by exactly one hold.
//   S3: a frame that waits is on exactly one list of waiters, the one of the object it names.
#pragma once

#include "segment/handle.hpp"
#include "segment/layout.hpp"

namespace portolan {

inline constexpr unsigned kLogMax = 1024;
inline constexpr unsigned kHeldMax = 64;
inline constexpr unsigned kPendingMax = 64;   // freed by transactions, not yet in a magazine …
inline constexpr unsigned kPendingKept = 16;  // … and how many may stay so from one transaction to the next
inline constexpr unsigned kOwedMax = 16;
inline constexpr unsigned kFrames = 4;
inline constexpr unsigned kHolds = 9;

struct LogEntry {
  Hint<uint64_t> where;  // offset << 4 | size
  Hint<uint64_t> old;
};

// What a thread has in hand between two transactions. The kinds are the upper layers'; each documents its
// finish.
struct Hold {
  Own<uint32_t> kind;  // 0: none
  Own<uint32_t> object;
  Own<uint64_t> extra;
};

// One trap of a thread: a signal handler that runs during a blocked trap may trap again, in the next frame.
// `wake` is what its thread sleeps on; the wait node's cells belong to the lock of the object waited on.
struct alignas(64) Frame {
  Hint<uint32_t> wake;      // epoch of the latest wait that was granted
  Hint<uint32_t> sleeping;  // its wait's epoch while only a system call will wake it
  // Not on the line that its thread looks at all the time while it spins.
  alignas(64) Cell<uint32_t> epoch;  // +1 at each wait: a wake that comes late is not mistaken for another's
  Cell<uint32_t> state;              // WaitState of the layer above; 0: not waiting
  Cell<uint32_t> object;
  Cell<uint32_t> next, prev;
  Cell<uint32_t> grant;   // what the waker handed over
  Cell<int32_t> result;   // the code it handed over
  Cell<uint32_t> room;    // a receiver's buffer size …
  Cell<uint32_t> option;  // … and options, for the sender to judge whether a message fits
  Cell<uint32_t> extra;   // more of the grant
  Hold holds[kHolds];
};

struct Magazine {
  Own<uint32_t> count;
  Own<uint32_t> item[kMagazineMax];
};

enum SlotState : uint32_t { kSlotFree, kSlotAttaching, kSlotLive, kSlotDead };

struct alignas(4096) ThreadSlot {
  // What others read: written seldom, and never on a line with what the thread writes all the time.
  Hint<uint32_t> state;  // SlotState
  Hint<uint32_t> claim;  // slot of the thread that recovers this one
  Hint<uint32_t> tid;
  Own<uint32_t> task;          // index of the task, 0 before it has one
  Hint<uint32_t> incarnation;  // +1 each time the slot is taken
  Hint<uint32_t> cpu;          // where the thread last trapped
  Hint<uint32_t> peer;         // who woke it last
  Hint<uint32_t> stage1;       // stage 1 of recovery is done
  Own<uint32_t> kernel_port;   // the thread's own port, 0 until asked for
  Hint<uint64_t> pthread;      // its pthread_t, which only its own process understands
  Own<uint32_t> actions;       // of its own for exceptions, 0 until one is set

  alignas(64) Hint<uint32_t> log_length;
  Hint<uint32_t> held_count;
  Hint<uint32_t> waits_on;        // offset >> 2 of the lock it sleeps on, for `info`
  Own<uint32_t> depth;            // frames in use
  Hint<uint32_t> held[kHeldMax];  // offset >> 2 of each lock held or about to be taken

  Own<uint32_t> pending_count;  // freed, not yet in a magazine
  Own<uint64_t> pending[kPendingMax];

  Own<uint32_t> owed_count;      // frames taken off a list, still to be woken
  Own<uint64_t> owed[kOwedMax];  // epoch << 32 | frame

  Own<uint32_t> work_head, work_tail;  // objects to be taken down, see work.hpp

  Own<uint64_t> identity_next, identity_end;  // this thread's block of identities

  Frame frames[kFrames];
  Magazine magazines[kMaxZones];
  LogEntry log[kLogMax];
};
// A work item names an element of any zone in one word.
inline constexpr uint32_t kWorkIndexBits = 27;
inline constexpr uint32_t work_item(unsigned zone, uint32_t index) { return zone << kWorkIndexBits | index; }
inline constexpr unsigned work_zone(uint32_t item) { return item >> kWorkIndexBits; }
inline constexpr uint32_t work_index(uint32_t item) { return item & ((1u << kWorkIndexBits) - 1); }

static_assert(sizeof(ThreadSlot) <= 28672);

}  // namespace portolan
