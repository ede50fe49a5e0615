// SPDX-License-Identifier: Apache-2.0
// What happened, for `portolan doctor poll`: a file for each process that polled under Darwin's profiles, in
// memory that the doctor maps as well. It holds the last kLosses times that a subscription was used up, or
// never made, and nothing was reported. Written without locks by the threads that poll; a reader copies a
// loss and looks at its version before and after. A process that is killed leaves its file; the next one that
// has Darwin's poll removes it.
#pragma once

#include <stdint.h>

#include <atomic>

namespace portolan::darwin_poll {

// Names the directory of the records; they stay there when their processes exit. Without it records are in
// /dev/shm/portolan-poll-UID, and go with their processes.
inline constexpr const char* kRecordVariable = "PORTOLAN_DARWIN_POLL_RECORD";

inline constexpr uint64_t kRecordMagic = 0x316c6c6f70746f70;  // "potpoll1"
inline constexpr unsigned kLosses = 256;
inline constexpr unsigned kEntriesKept = 8;

enum LossKind : uint32_t {
  kSpent = 1,      // a knote fired, nothing of it was asked for: it is gone, and poll sleeps on
  kEarly = 2,      // the same, and poll returned 0 (darwin-old)
  kUnwatched = 3,  // no bits were asked for that make a knote
  kReplaced = 4,   // a later entry of the same descriptor took the knote over
};

struct AskedEntry {
  int32_t fd;
  int16_t events;
  int16_t zero;
};

struct Loss {
  std::atomic<uint64_t> version;  // odd while it is written
  std::atomic<uint64_t> ticket;   // its number + 1; a loss that happens again and again keeps it
  uint32_t kind;                  // LossKind
  int32_t tid;
  int32_t fd;
  int16_t events;  // that were asked for
  uint16_t zero;
  uint32_t fired;                    // epoll's bits
  int32_t peer;                      // pid at the other end of a socket; 0: unknown
  int32_t timeout;                   // of the call, milliseconds; -1: for ever
  uint32_t count;                    // of its entries
  uint64_t called, lost;             // nanoseconds since 1970
  std::atomic<uint64_t> hung_up;     // when the descriptor hung up and nobody was told; 0: it has not
  std::atomic<uint64_t> ended;       // when the call returned; 0: it has not
  std::atomic<int32_t> result;       // of the call
  std::atomic<uint32_t> times;       // that the same was lost in the same place, if no call is asleep for it
  uint64_t offset;                   // where poll was called: an address as the module below was linked
  AskedEntry entries[kEntriesKept];  // the first of the call
  char module[192];
  char object[64];  // what the descriptor was: "socket:[1234]"
};

struct Record {
  std::atomic<uint64_t> magic;  // last of all at its birth
  int32_t pid, profile;
  char program[16];
  uint64_t
      started;  // of the process, in ticks since the machine's start: a pid alone may be another's by now
  std::atomic<uint64_t> next;   // the number of the next loss; those before next - kLosses are overwritten
  std::atomic<uint64_t> calls;  // of poll under Darwin's profiles
  Loss losses[kLosses];
};

}  // namespace portolan::darwin_poll
