// SPDX-License-Identifier: Apache-2.0
// Who sleeps on a lock of the kernel, and who has to free it. Reads without locks: a wait that ends under our
// eyes may still be told, and whoever acts on one looks again first. Uses nothing but the standard library,
// so that launchd can look, too.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace portolan {
class Segment;
}

namespace portolan::inspect {

// A thread of the domain.
struct Party {
  uint32_t slot = 0;         // 0: nobody
  uint32_t incarnation = 0;  // of the slot: another thread may take it
  uint32_t tid = 0;
  uint32_t pid = 0;      // 0: it belongs to no task: launchd, or a tool
  uint64_t started = 0;  // when its process was, as recorded; 0: unknown
  std::string program;

  bool same(const Party& other) const { return slot == other.slot && incarnation == other.incarnation; }
};

struct Wait {
  Party waiter;
  Party holder;       // who has to free the lock
  Party dead;         // whose lock it is, if the holder has it only to recover that one
  uint64_t lock = 0;  // offset of the lock's word
};

std::vector<Wait> lock_waits(const Segment& segment);

// What a lock guards, in the words of lsmp where that has some.
struct LockedObject {
  std::string kind;       // "port", "space", "free memory", …
  uint64_t identity = 0;  // of a port or set
  std::string service;    // its name in the bootstrap namespace
  uint32_t kobject = 0;   // kind of kernel object, 0: an ordinary port
  uint32_t pid = 0;       // whose: a space's, a task's, a kernel object's; a port's receiver
  std::string program;
  std::string of;  // free memory: for what
};
LockedObject locked_object(const Segment& segment, uint64_t lock);

// The waits as trees: `roots` are waits whose holder waits for nobody; `above[i]` is the wait of the holder
// of wait i, -1 for a root. Where all wait in a circle, one of them is a root all the same.
struct WaitTree {
  std::vector<size_t> roots;
  std::vector<long> above;
};
WaitTree tree_of(const std::vector<Wait>& waits);

}  // namespace portolan::inspect
