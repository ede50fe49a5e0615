// SPDX-License-Identifier: Apache-2.0
// What the storm's processes write down in memory that they share with their master, before and after each
// call, so that whoever is killed leaves word of how far it was. Every message has a line here, by its
// sequence number.
//
// Anonymous shared memory, zero at the start; everything is atomic; no locks. A process that dies leaves an
// announced message that may or may not have been sent: the only thing about which nothing can be said.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace portolan::storm {

inline constexpr unsigned kPlacesMost = 64;       // processes at a time
inline constexpr unsigned kThreads = 2;           // of each
inline constexpr uint32_t kLivesMost = 1u << 20;  // processes ever
inline constexpr uint64_t kMessagesMost = 1u << 26;

enum MessageMarks : uint32_t {
  kAnnounced = 1,
  kSent = 2,
  kRefused = 4,           // the call failed: nothing was sent
  kReceivedOnce = 0x100,  // counts from here on
};

struct Message {
  std::atomic<uint32_t> marks;
  std::atomic<uint32_t>
      to;  // the life that it is for; 0: into a box, which is accounted for where it is opened
};

enum class Fate : uint32_t { unborn, living, killed, finished };

// One of the ring's places: who is there now, and what each of its threads is doing.
struct Place {
  std::atomic<uint32_t> life;
  std::atomic<int32_t> pid;
  std::atomic<uint32_t> ready;
  std::atomic<uint32_t> client;  // still begins new things
  std::atomic<uint32_t> idles;   // how often there was nothing to serve
  struct Doing {
    std::atomic<uint64_t> since;  // 0: nothing that could hang
    std::atomic<const char*> what;
  } doing[kThreads];
};

// A code that a call has no business to return.
struct Odd {
  std::atomic<uint32_t> used;
  std::atomic<const char*> call;
  std::atomic<int32_t> code;
  std::atomic<uint64_t> times;
};

struct Ledger {
  std::atomic<uint32_t> stage;  // Stage
  std::atomic<uint32_t> places;
  std::atomic<uint32_t> next_life;
  std::atomic<uint64_t> next_message;
  std::atomic<uint64_t> gaps, repeats;  // seen by receivers: messages of a sender out of their order
  std::atomic<uint64_t> spoiled;        // contents that are not what was sent
  std::atomic<uint64_t> requests, answers, ends;  // calls answered, and calls whose end was told
  std::atomic<uint64_t> boxes, tokens, memories, deaths;
  Place place[kPlacesMost];
  Odd odd[32];
  std::atomic<Fate> fate[kLivesMost];
  Message message[kMessagesMost];
};
enum Stage : uint32_t { kRunning, kNothingNew, kLeave };

// Maps it; nullptr: no memory.
Ledger* make_ledger();
void note_odd(Ledger& ledger, const char* call, int32_t code);

}  // namespace portolan::storm
