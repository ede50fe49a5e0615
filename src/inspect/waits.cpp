// SPDX-License-Identifier: Apache-2.0
#include "inspect/waits.hpp"

#include <algorithm>

#include "ipc/objects.hpp"

namespace portolan::inspect {

namespace {

std::string text_of(const char* field, size_t size) {
  std::string text;
  for (size_t i = 0; i < size && field[i] != 0; i++) text += field[i];
  return text;
}

template <class T>
const T* element(const Segment& segment, uint32_t index) {
  if (!segment.plausible(ZoneOf<T>::id, index)) return nullptr;
  const T& object = segment.at(Handle<T>{index});
  return object.allocated() ? &object : nullptr;
}

Party party(const Segment& segment, uint32_t index) {
  Party party;
  const ThreadSlot& slot = segment.slot(index);
  party.slot = index;
  party.incarnation = slot.incarnation.load();
  party.tid = slot.tid.load();
  if (const auto* task = element<ipc::Task>(segment, slot.task)) {
    party.pid = task->credentials.pid;
    party.started = task->start_time;
    party.program = text_of(task->program, sizeof task->program);
  }
  return party;
}

// A lock is always noted by whoever has it: a word that names somebody else is damaged, or was free again
// while we looked.
bool notes(const ThreadSlot& slot, uint32_t at) {
  const uint32_t count = std::min(slot.held_count.load(), kHeldMax);
  for (uint32_t i = 0; i < count; i++)
    if (slot.held[i].load() == at) return true;
  return false;
}

bool wait_of(const Segment& segment, uint32_t index, Wait& wait) {
  const ThreadSlot& slot = segment.slot(index);
  const uint32_t at = slot.waits_on.load();
  wait.lock = uint64_t{at} << 2;
  if (at == 0 || slot.state.load() != kSlotLive || segment.is_dead(index)) return false;
  if (wait.lock + sizeof(LockWord) > segment.size()) return false;
  const auto& word = *reinterpret_cast<const LockWord*>(segment.base() + wait.lock);
  const uint32_t owner = word.owner();
  if (owner == 0 || owner == index || owner >= segment.max_threads()) return false;
  if (!notes(segment.slot(owner), at)) return false;
  uint32_t frees = owner;
  if (segment.is_dead(owner)) {
    frees = segment.slot(owner).claim.load();
    // Nobody's turn yet: the waiter takes it as soon as it wakes.
    if (frees == 0 || frees == index || frees >= segment.max_threads()) return false;
    wait.dead = party(segment, owner);
  }
  wait.waiter = party(segment, index);
  wait.holder = party(segment, frees);
  return slot.waits_on.load() == at && word.owner() == owner;
}

void name_task(const Segment& segment, uint32_t index, LockedObject& object) {
  const auto* task = element<ipc::Task>(segment, index);
  if (task == nullptr) return;
  object.pid = task->credentials.pid;
  object.program = text_of(task->program, sizeof task->program);
}

void name_space(const Segment& segment, uint32_t index, LockedObject& object) {
  if (const auto* space = element<ipc::Space>(segment, index)) name_task(segment, space->task, object);
}

// The task, or the thread's task, that a kernel port stands for.
void name_behind(const Segment& segment, uint32_t port, LockedObject& object) {
  for (uint32_t i = 1; i < segment.carved(ipc::kZoneTask); i++) {
    const auto* task = element<ipc::Task>(segment, i);
    if (task != nullptr && (task->port == port || task->name_port == port))
      return name_task(segment, i, object);
  }
  for (uint32_t i = 1; i < segment.threads_high(); i++)
    if (segment.slot(i).state.load() == kSlotLive && segment.slot(i).kernel_port == port)
      return name_task(segment, segment.slot(i).task, object);
}

void name_port(const Segment& segment, uint32_t index, LockedObject& object) {
  const auto* port = element<ipc::Port>(segment, index);
  if (port == nullptr) return;
  object.identity = port->identity;
  object.kobject = port->kobject_type;
  for (uint32_t i = 1; i < segment.carved(ipc::kZoneService); i++) {
    const auto* service = element<ipc::Service>(segment, i);
    if (service == nullptr || service->port != index) continue;
    std::string name = text_of(service->name, sizeof service->name);
    if (object.service.empty() || name < object.service) object.service = std::move(name);
  }
  if (object.kobject != 0)
    name_behind(segment, index, object);
  else if (!port->is(ipc::kPortInTransit))
    name_space(segment, port->receiver, object);
}

const char* zone_word(unsigned zone) {
  constexpr const char* kWords[] = {"",
                                    "task",
                                    "space",
                                    "port",
                                    "port set",
                                    "membership of a set",
                                    "message",
                                    "data of a message",
                                    "service",
                                    "namespace",
                                    "recorded stack",
                                    "recorded right",
                                    "recorded module",
                                    "request for a notification",
                                    "job",
                                    "watch of a kernel queue",
                                    "table of exception ports"};
  return zone < sizeof kWords / sizeof *kWords ? kWords[zone] : "";
}

// Locks of the header: of all that are no element's.
LockedObject common_object(const Segment& segment, uint64_t lock) {
  const Header& header = segment.header();
  LockedObject object;
  if (lock == segment.offset_of(&header.transit_lock)) {
    object.kind = "receive rights in messages";
    return object;
  }
  object.kind = "free memory";
  for (unsigned id = 0; id < kMaxZones; id++) {
    const uint64_t zone = segment.offset_of(&header.zones[id]);
    if (lock >= zone && lock < zone + sizeof(ZoneState)) object.of = zone_word(id);
  }
  return object;
}

}  // namespace

std::vector<Wait> lock_waits(const Segment& segment) {
  std::vector<Wait> waits;
  for (uint32_t i = 1; i < segment.threads_high(); i++) {
    Wait wait;
    if (wait_of(segment, i, wait)) waits.push_back(std::move(wait));
  }
  return waits;
}

LockedObject locked_object(const Segment& segment, uint64_t lock) {
  if (lock < sizeof(Header)) return common_object(segment, lock);
  LockedObject object;
  object.kind = "object";
  for (unsigned id = 0; id < kMaxZones; id++) {
    if (segment.element_size(id) == 0) continue;
    const uint64_t base = segment.zone(id).base, size = segment.element_size(id);
    if (lock < base || lock >= base + size * segment.capacity(id)) continue;
    const auto index = static_cast<uint32_t>((lock - base) / size);
    object.kind = zone_word(id);
    if (id == ipc::kZoneTask) name_task(segment, index, object);
    if (id == ipc::kZoneSpace) name_space(segment, index, object);
    if (id == ipc::kZonePort) name_port(segment, index, object);
    if (const auto* set = id == ipc::kZonePset ? element<ipc::Pset>(segment, index) : nullptr) {
      object.identity = set->identity;
      name_space(segment, set->space, object);
    }
  }
  return object;
}

WaitTree tree_of(const std::vector<Wait>& waits) {
  WaitTree tree;
  tree.above.assign(waits.size(), -1);
  for (size_t i = 0; i < waits.size(); i++)
    for (size_t above = 0; above < waits.size(); above++)
      if (waits[above].waiter.same(waits[i].holder)) tree.above[i] = static_cast<long>(above);
  // From each up to who waits for nobody. Who comes back to itself is in a circle, and the circle is opened
  // there.
  for (size_t i = 0; i < waits.size(); i++) {
    long at = tree.above[i];
    for (size_t steps = 0; at >= 0 && at != static_cast<long>(i) && steps < waits.size(); steps++)
      at = tree.above[static_cast<size_t>(at)];
    if (at == static_cast<long>(i)) tree.above[i] = -1;
    if (tree.above[i] < 0) tree.roots.push_back(i);
  }
  return tree;
}

}  // namespace portolan::inspect
