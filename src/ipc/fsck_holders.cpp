// SPDX-License-Identifier: Apache-2.0
// fsck: what holds rights without being a space or a message: tasks, threads, work lists; and the sites.
#include <string.h>

#include <algorithm>

#include "ipc/fsck_walk.hpp"

namespace portolan::ipc {

namespace {
constexpr unsigned kInspect = 5,
                   kRead = 6;            // slots for special ports that are the task's own (task/special.cpp)
constexpr unsigned kSiteBuckets = 1000;  // of the table behind kRootSites (traps/sites.cpp)
}  // namespace

void Walk::walk_roots() {
  const auto& roots = segment_.header().roots;
  for (const Root root : {kRootHostPort, kRootHostPrivPort})
    if (roots[root] != 0) add_kernel(roots[root], {Holder::kKernel});
  walk_actions(roots[kRootHostActions], "the host", 0);
}

void Walk::walk_actions(uint32_t actions, const char* from, uint32_t owner) {
  if (actions == 0 || !reach<Actions>(actions, "T3", from, owner)) return;
  for (const Actions::Action& action : at<Actions>(actions).of)
    if (action.port != kRightNull && action.port != kRightDead)
      add_send(action.port, {Holder::kAction, actions});
}

void Walk::walk_tasks() {
  for (uint32_t i = 1; i < carved_[kZoneTask]; i++) {
    if (!exists<Task>(i)) continue;
    const Task& task = at<Task>(i);
    if (task.state == kTaskFree || task.state > kTaskDying) {
      report_.add("T1", "task ", i, " is allocated in state ", task.state.get());
      continue;
    }
    // A dying task is found by the work list that it is on, any other by looking for tasks.
    if (task.state != kTaskDying) reach<Task>(i, "T1", "the table of tasks", i);
    if (task.space != 0 && reach<Space>(task.space, "A4", "task", i) && at<Space>(task.space).task != i)
      report_.add("A4", "space ", task.space.get(), " belongs to task ", at<Space>(task.space).task.get(),
                  ", not ", i);
    if (task.port != 0) add_kernel(task.port, {Holder::kKernel});
    if (task.name_port != 0) add_kernel(task.name_port, {Holder::kKernel});
    for (unsigned which = 0; which < kSpecialPorts; which++) {
      const uint32_t port = task.special[which];
      if (port == kRightNull || port == kRightDead) continue;
      add_send(port, {Holder::kSpecial, i});
      if (which == kInspect || which == kRead) add_kernel(port, {Holder::kKernel});
    }
    for (const Cell<uint32_t>& port : task.registered)
      if (port != kRightNull && port != kRightDead) add_send(port, {Holder::kSpecial, i});
    walk_actions(task.actions, "task", i);
    if (task.threads > task_threads_[i])
      report_.add("T2", "task ", i, " counts ", task.threads.get(), " threads, ", task_threads_[i],
                  " name it");
  }
}

void Walk::walk_slots() {
  for (uint32_t slot = 1; slot < slots_; slot++) {
    const ThreadSlot& thread = segment_.slot(slot);
    if (thread.task != 0 && thread.state.load() != kSlotFree) {
      if (thread.task < task_threads_.size())
        task_threads_[thread.task]++;
      else
        report_.add("T2", "thread slot ", slot, " names task ", thread.task.get());
    }
    if (thread.state.load() != kSlotFree && thread.kernel_port != 0)
      add_kernel(thread.kernel_port, {Holder::kKernel});
    if (thread.state.load() != kSlotFree) walk_actions(thread.actions, "thread slot", slot);
    for (uint32_t n = 0; n < kFrames; n++) walk_frame(slot, slot * kFrames + n);
    walk_work(slot);
  }
}

void Walk::walk_frame(uint32_t slot, uint32_t id) {
  const Frame& frame = segment_.frame(id);
  if (frame.state == kGrantMessage) {
    walk_message(frame.grant, "the grant of thread slot", slot);
  } else if (frame.state == kGrantSlot) {
    if (exists<Port>(frame.object))
      ports_[frame.object].promised++;
    else
      report_.add("S2", "thread slot ", slot, " was promised a slot of port ", frame.object.get(),
                  ", which does not exist");
  } else if (frame.state > kGrantCode) {
    report_.add("S3", "thread slot ", slot, " waits in state ", frame.state.get());
  }
  for (const Hold& hold : frame.holds) walk_hold(slot, hold);
}

void Walk::walk_hold(uint32_t slot, const Hold& hold) {
  const uint32_t object = hold.object;
  const Holder holder{Holder::kHand, slot};
  switch (hold.kind) {
    case kHoldNone:
      break;
    case kHoldKmsg:
      walk_message(object, "the hand of thread slot", slot);
      break;
    case kHoldPort:
      add_reference(object, holder);
      break;
    case kHoldPortSettle:
      add_reference(object, holder);
      if (exists<Port>(object)) ports_[object].settles = true;
      break;
    case kHoldSendRight:
      add_send(object, holder);
      break;
    case kHoldSendOnce:
      add_send_once(object, holder);
      break;
    case kHoldReceive:
      add_receive(object, holder);
      break;
    case kHoldTask:
    case kHoldEmbryo:
      if (!exists<Task>(object))
        report_.add("S2", "thread slot ", slot, " holds task ", object, ", which does not exist");
      break;
    default:
      report_.add("S2", "thread slot ", slot, " holds something of kind ", hold.kind.get());
      break;
  }
}

// The list itself was checked with the segment (S4); a list that is damaged there ends here.
void Walk::walk_work(uint32_t slot) {
  const Holder holder{Holder::kWork, slot};
  uint64_t left = 1;
  for (const uint32_t zone : carved_) left += zone;
  for (uint32_t item = segment_.slot(slot).work_head; item != 0 && left-- != 0;) {
    const unsigned zone = work_zone(item);
    const uint32_t index = work_index(item);
    if (!exists(zone, index)) return;
    switch (zone) {
      case kZonePort:
        add_receive(index, holder);
        if (at<Port>(index).life() != kPortDying)
          report_.add("P6", port_text(index), " is on a work list, but not dying");
        break;
      case kZonePset:
        add_pset(index, holder);
        break;
      case kZoneKmsg:
        walk_message(index, "the work list of thread slot", slot);
        break;
      case kZoneSpace:
        reach<Space>(index, "A4", "the work list of thread slot", slot);
        break;
      case kZoneTask:
        reach<Task>(index, "T1", "the work list of thread slot", slot);
        break;
      case kZoneActions:
        walk_actions(index, "the work list of thread slot", slot);
        break;
      case kZoneSubset:
        if (at<Subset>(index).state != kPortDying)
          report_.add("B3", "namespace ", index, " is on a work list, but not being taken down");
        if (at<Subset>(index).parent == 0) reach<Subset>(index, "B3", "the work list of thread slot", slot);
        break;
      default:
        report_.add("S4", "element ", index, " of zone ", zone, " is on a work list");
        break;
    }
    item = segment_.element(zone, index).work;
  }
}

void Walk::walk_sites() {
  const auto& roots = segment_.header().roots;
  if (const uint32_t table = roots[kRootSites];
      table != 0 && reach<Data>(table, "E3", "the root of sites", 0)) {
    const auto* buckets = reinterpret_cast<const Cell<uint32_t>*>(at<Data>(table).bytes);
    for (unsigned i = 0; i < kSiteBuckets; i++)
      for (uint32_t site = buckets[i]; site != 0; site = at<Site>(site).next)
        if (!reach<Site>(site, "E3", "the table of sites", i)) break;
  }
  for (uint32_t module = roots[kRootModules]; module != 0; module = at<Module>(module).next)
    if (!reach<Module>(module, "E3", "the list of modules", 0)) break;
}

}  // namespace portolan::ipc
