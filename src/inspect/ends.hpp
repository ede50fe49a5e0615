// SPDX-License-Identifier: Apache-2.0
// Who is at the other end: names that denote the same port, and who is behind a kernel object's port. Two
// names are one port exactly when its identity is the same (tasks 7.9). Pure functions over a Snapshot.
#pragma once

#include <map>
#include <unordered_map>
#include <vector>

#include "inspect/snapshot.hpp"

namespace portolan::inspect {

// One name of one task.
struct End {
  const TaskInfo* task = nullptr;
  const NameInfo* name = nullptr;
};

class Ends {
 public:
  explicit Ends(const Snapshot& snapshot);
  // Every name of this port, the holder of the receive right first.
  const std::vector<End>& of(uint64_t port) const;
  const End* receiver(uint64_t port) const;
  // Rights of this port that no name holds: in messages, or the kernel's own.
  uint32_t in_transit(const PortInfo& port) const;

 private:
  std::unordered_map<uint64_t, std::vector<End>> ends_;
  std::vector<End> none_;
};

struct Tally {
  uint64_t names = 0, urefs = 0;
};
using Holding = std::map<std::string, Tally>;  // by right_key(): recv, send, once, set, dead

// Two names of one port, one of the target and one of the holder; `holder_name` 0: a kernel object.
struct Pair {
  uint64_t port = 0;
  uint32_t target_name = 0, holder_name = 0;
  uint32_t target_right = 0, right = 0;
};

// One other end of a target: a task, itself included, or the kernel (pid 0).
struct Holder {
  uint32_t pid = 0;
  std::string program;
  bool self = false;
  bool known = true;  // false: a port whose receiver is in no task: in transit, or its task could not be read
  uint64_t ports = 0;
  std::map<std::string, uint64_t> kobjects;  // what stands behind the ports, by word
  Holding target_holds, holds;
  std::vector<Pair> pairs;
};

// The port tracer: everyone who shares a port with the target, the target included; most ports first. Task
// and thread ports count for the task behind them, dead names for the task that they belonged to. `rights`:
// only those names of the target; `with`: nullptr, or the pid that alone is wanted.
std::vector<Holder> trace(const Snapshot& snapshot, const Ends& ends, const TaskInfo& target,
                          uint32_t rights = ~0u);

}  // namespace portolan::inspect
