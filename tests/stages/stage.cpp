// SPDX-License-Identifier: Apache-2.0
#include "stages/stage.hpp"

#include "ipc/objects.hpp"
#include "segment/futex.hpp"
#include "segment/recovery.hpp"

namespace portolan::stages {

void thread_died(Segment& segment, uint32_t slot) {
  if (segment.slot(slot).state.load() == kSlotFree) return;
  declare_dead(segment, slot);
  futex_wake(segment.life(slot).word.address(), 1);
}

uint64_t lock_wanted(const Segment& segment, uint32_t slot) {
  return uint64_t{segment.slot(slot).waits_on.load()} << 2;
}

uint32_t lock_holder(const Segment& segment, uint64_t offset) {
  return reinterpret_cast<const LockWord*>(segment.base() + offset)->owner();
}

bool waits(const Segment& segment, uint32_t slot) {
  if (lock_wanted(segment, slot) != 0) return true;
  for (const Frame& frame : segment.slot(slot).frames)
    if (frame.sleeping.load() != 0) return true;
  return false;
}

LockKind lock_kind(const Segment& segment, uint64_t offset) {
  const Header& header = segment.header();
  if (offset < sizeof(Header)) {
    if (offset == segment.offset_of(&header.transit_lock)) return LockKind::transit;
    for (const ZoneState& zone : header.zones)
      if (offset == segment.offset_of(&zone.carve_lock)) return LockKind::carve;
    return LockKind::shard;
  }
  for (unsigned id = 0; id < kMaxZones; id++) {
    const ZoneState& zone = header.zones[id];
    if (zone.element_size == 0 || offset < zone.base ||
        offset >= zone.base + uint64_t{zone.element_size} * zone.capacity)
      continue;
    switch (id) {
      case ipc::kZoneSpace:
        return LockKind::space;
      case ipc::kZonePort:
        return LockKind::port;
      case ipc::kZonePset:
        return LockKind::set;
      case ipc::kZoneTask:
        return LockKind::task;
      case ipc::kZoneSubset:
        return LockKind::name_space;
      case ipc::kZoneRequest:
        return LockKind::request;
      case ipc::kZoneKmsg:
        return LockKind::message;
      default:
        return LockKind::other_element;
    }
  }
  return LockKind::other_element;
}

const char* lock_kind_name(LockKind kind) {
  static const char* const kNames[] = {"space",   "port",    "port set",      "task",  "namespace", "request",
                                       "message", "element", "shard of free", "carve", "transit"};
  return kNames[static_cast<unsigned>(kind)];
}

std::string wrong_wait(const Segment& segment, uint32_t slot, uint32_t holder) {
  const uint64_t wanted = lock_wanted(segment, slot);
  if (wanted == 0) return "";
  const std::string what = std::string("sleeps on a lock of a ") + lock_kind_name(lock_kind(segment, wanted));
  if (lock_holder(segment, wanted) != holder) return what + " that the parked thread does not hold";
  const ThreadSlot& it = segment.slot(slot);
  if (it.held_count.load() != 1 || uint64_t{it.held[0].load()} << 2 != wanted)
    return what + " and holds another";
  if (it.log_length.load() != 0) return what + " with changes that are not undone";
  return "";
}

}  // namespace portolan::stages
