// SPDX-License-Identifier: Apache-2.0
#include "proof/describe.hpp"

#include <stdio.h>

#include <algorithm>

#include "ipc/objects.hpp"

namespace portolan::proof {

namespace {

const char* zone_name(unsigned id) {
  static const char* const kNames[] = {"?",          "task",        "space",  "port",    "set",
                                       "membership", "message",     "data",   "service", "namespace",
                                       "site",       "acquisition", "module", "request"};
  return id < std::size(kNames) ? kNames[id] : "?";
}

// What lies at an offset.
std::string place(const Segment& segment, uint64_t offset) {
  char text[96];
  const Header& h = segment.header();
  if (offset < sizeof(Header)) {
    snprintf(text, sizeof text, "header+%#llx", static_cast<unsigned long long>(offset));
    return text;
  }
  if (offset >= h.slots_base && offset < h.slots_base + uint64_t{h.max_threads} * sizeof(ThreadSlot)) {
    const uint64_t in = offset - h.slots_base;
    snprintf(text, sizeof text, "thread %llu+%#llx", static_cast<unsigned long long>(in / sizeof(ThreadSlot)),
             static_cast<unsigned long long>(in % sizeof(ThreadSlot)));
    return text;
  }
  for (unsigned id = 0; id < kMaxZones; id++) {
    const ZoneState& zone = h.zones[id];
    if (zone.element_size == 0 || offset < zone.base) continue;
    const uint64_t in = offset - zone.base;
    if (in >= uint64_t{zone.element_size} * zone.capacity) continue;
    snprintf(text, sizeof text, "%s %llu+%#llx", zone_name(id),
             static_cast<unsigned long long>(in / zone.element_size),
             static_cast<unsigned long long>(in % zone.element_size));
    return text;
  }
  const uint64_t in = offset - h.arena_base;
  snprintf(text, sizeof text, "table of space %llu+%#llx", static_cast<unsigned long long>(in / h.arena_size),
           static_cast<unsigned long long>(in % h.arena_size));
  return text;
}

}  // namespace

std::string describe_entry(const Segment& segment, uint32_t index, uint32_t entry) {
  const LogEntry& it = segment.slot(index).log[entry];
  char text[160];
  snprintf(text, sizeof text, "%s was %#llx", place(segment, it.where.load() >> 4).c_str(),
           static_cast<unsigned long long>(it.old.load()));
  return text;
}

std::string describe_thread(const Segment& segment, uint32_t index) {
  const ThreadSlot& slot = segment.slot(index);
  char text[160];
  const uint32_t length = std::min(slot.log_length.load(), kLogMax);
  snprintf(text, sizeof text, "thread %u: state %u, %u changes not committed", index, slot.state.load(),
           length);
  std::string all = text;
  for (uint32_t i = length; i-- > 0 && i + 4 >= length;) {
    all += (i + 1 == length ? " (latest first: " : ", ") + describe_entry(segment, index, i);
    if (i == 0 || i + 4 == length) all += ")";
  }
  const uint32_t held = std::min(slot.held_count.load(), kHeldMax);
  if (held != 0) all += "; locks held or wanted:";
  for (uint32_t i = 0; i < held; i++) all += " " + place(segment, uint64_t{slot.held[i].load()} << 2);
  for (const Frame& frame : slot.frames) {
    if (frame.state != 0) {
      snprintf(text, sizeof text, "; wait state %u on %u", frame.state.get(), frame.object.get());
      all += text;
    }
    for (const Hold& hold : frame.holds) {
      if (hold.kind == 0) continue;
      snprintf(text, sizeof text, "; in hand: kind %u, element %u", hold.kind.get(), hold.object.get());
      all += text;
    }
  }
  if (slot.owed_count != 0) all += "; owes " + std::to_string(slot.owed_count.get()) + " wakes";
  if (slot.pending_count != 0)
    all += "; " + std::to_string(slot.pending_count.get()) + " elements to be stored";
  if (slot.work_head != 0) all += "; has work to do";
  return all;
}

}  // namespace portolan::proof
