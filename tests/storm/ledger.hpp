// SPDX-License-Identifier: Apache-2.0
// What the storm's processes write down in memory that they share with their master, before and after each
// call, so that whoever is killed leaves word of how far it was. Every message has a line here, by its
// sequence number; the master adds old lines up (verdict.hpp), and they are used again.
//
// A memfd, which outlives an exec; zero at the start; everything is atomic; no locks. A process that dies
// leaves an announced message that may or may not have been sent: the only thing about which nothing can be
// said.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace portolan::storm {

inline constexpr unsigned kPlacesMost = 64;       // processes at a time
inline constexpr unsigned kThreads = 2;           // of each
inline constexpr uint32_t kLivesMost = 1u << 20;  // processes ever
inline constexpr uint64_t kLines = 1u << 24;      // messages between which a line is used again

// One word, so that no death leaves half a line: lap << 32 | the life that it is for << 8 | marks.
// Life 0: into a box, which is accounted for where it is opened.
class Line {
 public:
  enum Marks : uint64_t { kSent = 1, kRefused = 2, kReceivedOnce = 4, kMarks = 0xff };

  void announce(uint64_t sequence, uint32_t to) { word_ = lap(sequence) << 32 | uint64_t{to} << 8; }
  // False: the line is another message's by now.
  bool mark(uint64_t sequence, Marks mark) {
    if (word_.load() >> 32 != lap(sequence)) return false;
    word_ += mark;
    return true;
  }
  bool is_of(uint64_t sequence) const { return word_.load() >> 32 == lap(sequence); }
  uint32_t to() const { return static_cast<uint32_t>(word_.load() >> 8) & (kLivesMost - 1); }
  bool has(Marks mark) const { return (word_.load() & mark) != 0; }
  unsigned received() const { return static_cast<unsigned>((word_.load() & kMarks) / kReceivedOnce); }

 private:
  static uint64_t lap(uint64_t sequence) { return sequence / kLines + 1; }
  std::atomic<uint64_t> word_;
};

enum class Fate : uint32_t {
  unborn,
  living,
  killed,
  left,  // it forked or exec'd somebody who carries on
  finished
};

// Who will carry on in a place when its process is gone: all that the master has to know in one word, for a child of
// an earlier life may be late with its offer. Pids have 22 bits, lives 20.
struct Heir {
  uint32_t parent = 0, life = 0;
  pid_t pid = 0;  // 0: nobody yet

  uint64_t word() const { return uint64_t{parent} << 42 | uint64_t{life} << 22 | static_cast<uint32_t>(pid); }
  static Heir of(uint64_t word) {
    return {static_cast<uint32_t>(word >> 42), static_cast<uint32_t>(word >> 22) & (kLivesMost - 1),
            static_cast<pid_t>(word & 0x3fffff)};
  }
};

// One of the ring's places: who is there now, and what each of its threads is doing.
struct Place {
  std::atomic<uint32_t> life;
  std::atomic<int32_t> pid;
  std::atomic<uint32_t> ready;
  std::atomic<uint32_t> client;  // still begins new things
  std::atomic<uint32_t> idles;   // how often there was nothing to serve
  std::atomic<uint64_t> heir;  // an Heir
  struct Doing {
    std::atomic<uint64_t> since;  // by the storm's clock; 0: nothing that could hang
    std::atomic<int64_t> what;    // see text_at
  } doing[kThreads];
};

// Something that has no business to happen: a code that a call may not return, a message that was not due.
struct Odd {
  std::atomic<uint32_t> used;
  std::atomic<int64_t> what;
  std::atomic<int32_t> code;
  std::atomic<uint64_t> times;
};

// A message that is out of its order, or not what was sent.
struct Strange {
  std::atomic<int64_t> what;
  std::atomic<uint64_t> sequence;
  std::atomic<uint32_t> from, counter;
};

// What is counted for the table at the end.
#define PORTOLAN_STORM_TRAFFIC(X)                   \
  X(answered, "requests answered")                  \
  X(unanswered, "requests whose end was told")      \
  X(tokens, "send rights that wandered")            \
  X(arrays, "arrays of rights")                     \
  X(boxes, "receive rights opened on their way")    \
  X(memories, "pieces of memory")                   \
  X(sets, "port sets")                              \
  X(services, "services checked in and looked up")  \
  X(subsets, "subsets that fell")                   \
  X(semaphores, "semaphores")                       \
  X(no_senders, "no-senders notifications")         \
  X(dead_names, "dead-name notifications")          \
  X(port_destroyed, "port-destroyed notifications") \
  X(send_possible, "send-possible notifications")   \
  X(send_once, "send-once notifications")           \
  X(forks, "forks whose child carried on")          \
  X(execs, "execs")
enum class Traffic : unsigned {
#define X(name, text) name,
  PORTOLAN_STORM_TRAFFIC(X)
#undef X
      count
};

enum Stage : uint32_t { kRunning, kNothingNew, kLeave };

struct Ledger {
  std::atomic<uint32_t> stage;  // Stage
  std::atomic<uint32_t> places;
  std::atomic<int32_t> master;
  std::atomic<int32_t> file;  // the memfd, in every process
  std::atomic<uint64_t> seed;
  std::atomic<uint64_t> clock;  // ns of the storm: goes only while the master runs (see Clock)
  std::atomic<uint32_t> next_life;
  std::atomic<uint64_t> next_message, folded;  // lines up to here are added up
  std::atomic<uint64_t> gaps, repeats;         // seen by receivers: messages of a sender out of their order
  std::atomic<uint64_t> spoiled;               // contents that are not what was sent
  std::atomic<uint64_t> astray;                // rights at the end that nobody has a reason to hold
  std::atomic<uint64_t> traffic[static_cast<unsigned>(Traffic::count)];
  Place place[kPlacesMost];
  Odd odd[32];
  std::atomic<uint32_t> stranges;  // how many there were; the first are kept
  Strange strange[32];
  std::atomic<Fate> fate[kLivesMost];
  Line line[kLines];

  Line& line_of(uint64_t sequence) { return line[sequence % kLines]; }
};

// Makes it; nullptr: no memory. In an exec'd process: maps the one of this descriptor.
Ledger* make_ledger();
Ledger* find_ledger(int file);
void note_odd(Ledger& ledger, const char* what, int32_t code);

// A constant string of this program as a number that every process of it understands, wherever it is loaded.
int64_t text_number(const char* text);
const char* text_at(int64_t number);

}  // namespace portolan::storm
