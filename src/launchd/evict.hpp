// SPDX-License-Identifier: Apache-2.0
// A thread that is stopped in the middle of a kernel section keeps its locks, and whoever needs one of them
// waits for as long as it is stopped. Here is how such threads are found, and how the task of one is killed,
// which frees the locks: by launchd where the domain asks for it, and by `portolan evict`.
//
// Nothing here takes a lock or writes the domain's state: it works while everything else waits.
#pragma once

#include <cstdint>
#include <vector>

#include "inspect/run_state.hpp"
#include "inspect/waits.hpp"
#include "segment/segment.hpp"

namespace portolan {

// One that is stopped, holds a lock, and lets somebody wait for it who is not stopped too.
struct Obstacle {
  inspect::Party holder;
  uint64_t lock = 0;
  inspect::ThreadLook look;
  std::vector<inspect::Party> waiters;  // those who are not stopped
  uint64_t since_ns = 0;  // the first look that found it so, and no look since found it otherwise
};

class Obstacles {
 public:
  // Looks once more.
  void look(const Segment& segment);
  const std::vector<Obstacle>& all() const { return all_; }
  bool none() const { return all_.empty(); }

 private:
  std::vector<Obstacle> all_;
};

enum class Eviction {
  killed,
  gone,     // it has ended
  changed,  // it is not in anybody's way any more
  no_task,  // launchd, or a tool
  unknown,  // its process cannot be told from another of the same pid
  not_permitted,
};

// Kills the obstacle's process, and nothing else that may have its pid by now. `pidfd`: if not null, a
// descriptor of the process that was killed, for the caller to wait with.
Eviction evict(const Segment& segment, const Obstacle& obstacle, int* pidfd = nullptr);

// For launchd: a thread of its own that evicts whoever is in the way for as long as the domain allows
// (Header::evict_after), and says so on standard error.
void start_evicting(Segment& segment);

}  // namespace portolan
