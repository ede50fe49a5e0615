// SPDX-License-Identifier: Apache-2.0
#include "inspect/ends.hpp"

#include <mach/port.h>

#include <algorithm>
#include <unordered_set>

#include "inspect/words.hpp"

namespace portolan::inspect {

Ends::Ends(const Snapshot& snapshot) {
  for (const TaskInfo& task : snapshot.tasks)
    for (const NameInfo& name : task.names)
      if (name.port != 0) ends_[name.port].push_back({&task, &name});
  for (auto& [port, ends] : ends_)
    std::stable_partition(ends.begin(), ends.end(),
                          [](const End& end) { return end.name->has(MACH_PORT_TYPE_RECEIVE); });
}

const std::vector<End>& Ends::of(uint64_t port) const {
  const auto found = ends_.find(port);
  return found == ends_.end() ? none_ : found->second;
}

const End* Ends::receiver(uint64_t port) const {
  const std::vector<End>& ends = of(port);
  return !ends.empty() && ends[0].name->has(MACH_PORT_TYPE_RECEIVE) ? &ends[0] : nullptr;
}

uint32_t Ends::in_transit(const PortInfo& port) const {
  uint32_t sends = port.kernel_sends, onces = 0;
  for (const End& end : of(port.identity)) {
    if (end.name->has(MACH_PORT_TYPE_SEND)) sends++;
    if (end.name->has(MACH_PORT_TYPE_SEND_ONCE)) onces++;
  }
  return (port.srights > sends ? port.srights - sends : 0) +
         (port.sorights > onces ? port.sorights - onces : 0) + (port.in_transit ? 1 : 0);
}

namespace {

void add(Holding& holding, const NameInfo& name) {
  for (const uint32_t right : {MACH_PORT_TYPE_RECEIVE, MACH_PORT_TYPE_SEND, MACH_PORT_TYPE_SEND_ONCE,
                               MACH_PORT_TYPE_PORT_SET, MACH_PORT_TYPE_DEAD_NAME}) {
    if (!name.has(right)) continue;
    Tally& tally = holding[right_key(right)];
    tally.names++;
    tally.urefs += right == MACH_PORT_TYPE_RECEIVE || right == MACH_PORT_TYPE_PORT_SET ? 0 : name.urefs;
  }
}

class Tracer {
 public:
  Tracer(const Snapshot& snapshot, const Ends& ends, const TaskInfo& target)
      : snapshot_(snapshot), ends_(ends), target_(target) {}

  void take(const NameInfo& name) {
    if (name.port == 0) {
      dead(name);
      return;
    }
    const PortInfo* port = snapshot_.port(name.port);
    if (port == nullptr || port->is_set) return;
    std::unordered_set<uint32_t> seen;  // holders of this very port
    if (port->kobject != 0) behind(name, *port);
    bool found = port->kobject != 0;
    for (const End& end : ends_.of(name.port)) {
      if (end.name == &name) {
        if (name.has(MACH_PORT_TYPE_RECEIVE) && name.has(MACH_PORT_TYPE_SEND)) {  // both ends under one name
          note(of_task(target_), name, seen.insert(target_.index).second);
          found = true;
        }
        continue;
      }
      const bool self = end.task == &target_;
      // Two senders of one port share nothing but the receiver.
      if (!end.name->has(MACH_PORT_TYPE_RECEIVE) && !name.has(MACH_PORT_TYPE_RECEIVE)) continue;
      Holder& holder = of_task(*end.task);
      note(holder, name, seen.insert(end.task->index).second);
      add(holder.holds, *end.name);
      holder.pairs.push_back({name.port, name.name, end.name->name, name.type, end.name->type});
      found = found || !self || end.name->has(MACH_PORT_TYPE_RECEIVE);
    }
    if (found || name.has(MACH_PORT_TYPE_RECEIVE)) return;
    if (port->receiver_task != 0) return;  // gone meanwhile
    Holder& holder = of_key(0, port->in_transit ? "in transit" : "kernel");
    note(holder, name, true);
    holder.holds["recv"].names++;
    holder.pairs.push_back({name.port, name.name, 0, name.type, MACH_PORT_TYPE_RECEIVE});
  }

  std::vector<Holder> result() {
    std::vector<Holder> all;
    for (auto& [key, holder] : holders_) all.push_back(std::move(holder));
    std::stable_sort(all.begin(), all.end(),
                     [](const Holder& a, const Holder& b) { return a.ports > b.ports; });
    return all;
  }

 private:
  void note(Holder& holder, const NameInfo& name, bool new_port) {
    if (!new_port) return;
    holder.ports++;
    add(holder.target_holds, name);
  }

  // A kernel object's port: the task behind it, or the kernel.
  void behind(const NameInfo& name, const PortInfo& port) {
    const TaskInfo* task = port.kobject_pid == 0 ? nullptr : snapshot_.task_of_pid(port.kobject_pid);
    Holder& holder = task != nullptr ? of_task(*task) : of_key(0, "kernel");
    note(holder, name, true);
    holder.kobjects[kobject_word(port.kobject)]++;
    holder.pairs.push_back({name.port, name.name, 0, name.type, 0});
  }

  void dead(const NameInfo& name) {
    const TaskInfo* task = nullptr;
    for (const TaskInfo& candidate : snapshot_.tasks)
      if (name.was_pid != 0 && (candidate.pid & 0xffffff) == name.was_pid) task = &candidate;
    Holder& holder = task != nullptr ? of_task(*task) : of_key(name.was_pid, "gone");
    note(holder, name, true);
    if (name.was_kobject != 0) holder.kobjects[kobject_word(name.was_kobject)]++;
    holder.pairs.push_back({0, name.name, 0, name.type, 0});
  }

  Holder& of_task(const TaskInfo& task) {
    Holder& holder = holders_["task " + std::to_string(task.index)];
    holder.pid = task.pid;
    holder.program = task.program;
    holder.self = &task == &target_;
    return holder;
  }
  Holder& of_key(uint32_t pid, const char* word) {
    Holder& holder = holders_[word + std::to_string(pid)];
    holder.pid = pid;
    holder.program = word;
    holder.known = std::string(word) == "kernel";
    return holder;
  }

  const Snapshot& snapshot_;
  const Ends& ends_;
  const TaskInfo& target_;
  std::map<std::string, Holder> holders_;
};

}  // namespace

std::vector<Holder> trace(const Snapshot& snapshot, const Ends& ends, const TaskInfo& target,
                          uint32_t rights) {
  Tracer tracer(snapshot, ends, target);
  for (const NameInfo& name : target.names)
    if (name.has(rights)) tracer.take(name);
  return tracer.result();
}

}  // namespace portolan::inspect
