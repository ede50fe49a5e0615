// SPDX-License-Identifier: Apache-2.0
// What launchd sleeps on: a pidfd of each task's process, what its jobs need, and, by threads of its own, the
// life words of all threads and the segment's `deaths` word, which wake an eventfd. A thread's death thus
// wakes launchd as a process's does; a missed wake costs one back-stop.
//
// The helper threads touch the words only to sleep on them. Linux wakes one sleeper of a dead thread's word:
// whoever of us it is wakes the others, for they may wait for a lock that the thread held.
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <memory>
#include <vector>

#include "ipc/objects.hpp"
#include "segment/domain.hpp"

namespace portolan {

class Watch {
 public:
  explicit Watch(Segment& segment);
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  uint32_t deaths_seen() const { return segment_.header().deaths.load(std::memory_order_acquire); }
  // Until somebody dies or asks for attention, one of `others` is ready, or the time is over.
  void wait(uint32_t deaths_seen, uint64_t patience_ns, std::vector<pollfd>& others);

 private:
  struct Process {
    uint32_t pid = 0;
    int fd = -1;
    bool wanted = false;
  };
  void watch_processes();
  void add_helpers();

  Segment& segment_;
  int event_ = -1;
  unsigned helpers_ = 0;
  std::vector<Process> processes_;
};

// The place is the usual one, below the user's own directory.
bool parent_is_ours(const DomainPlace& place);

}  // namespace portolan
