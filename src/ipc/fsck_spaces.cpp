// SPDX-License-Identifier: Apache-2.0
// fsck: spaces and their entries. The arithmetic of the reverse hash is said here again, so that a change on
// one side alone is found.
#include <algorithm>
#include <bit>

#include "ipc/fsck_walk.hpp"

namespace portolan::ipc {

namespace {

uint32_t capacity(const Segment& segment) {
  constexpr uint32_t kPerPage = kPage / sizeof(Entry);
  return segment.header().arena_size / static_cast<uint32_t>(sizeof(Entry) + sizeof(uint32_t)) / kPerPage *
         kPerPage;
}

uint32_t bucket_of(uint32_t port, uint32_t buckets) {
  const uint32_t hash = port * 2654435761u ^ (port >> 7);
  const uint32_t span = std::bit_ceil(buckets);
  const uint32_t at = hash & (span - 1);
  return at < buckets ? at : at & (span / 2 - 1);
}

bool legal(uint32_t type) {
  return type == kTypeSend || type == kTypeReceive || type == (kTypeSend | kTypeReceive) ||
         type == kTypeSendOnce || type == kTypePset || type == kTypeDead;
}

}  // namespace

const Entry& Walk::entry(uint32_t space, uint32_t index) const {
  return reinterpret_cast<const Entry*>(segment_.arena(space))[index];
}

void Walk::walk_spaces() {
  for (uint32_t i = 1; i < carved_[kZoneSpace]; i++) {
    if (!exists<Space>(i)) continue;
    const Space& space = at<Space>(i);
    if (space.state != kSpaceActive && space.state != kSpaceDying) {
      report_.add("A4", "space ", i, " is allocated in state ", space.state.get());
      continue;
    }
    if (space.table_size == 0 || space.table_size > capacity(segment_) || space.backed < space.table_size ||
        space.buckets == 0 || space.buckets > space.table_size) {
      report_.add("A1", "space ", i, ": a table of ", space.table_size.get(), " slots, ", space.backed.get(),
                  " with pages, ", space.buckets.get(), " buckets");
      continue;
    }
    // Torn down to the end, its pages are given back at any moment.
    if (space.state == kSpaceDying && space.cursor >= space.table_size) continue;
    uint32_t used = 0, sends = 0;
    for (uint32_t n = 1; n < space.table_size; n++) {
      const Entry& one = entry(i, n);
      if (one.type() == 0) continue;
      used++;
      if (one.type() == kTypeSend) sends++;
      walk_entry(i, n);
    }
    if (used != space.used)
      report_.add("A1", "space ", i, " counts ", space.used.get(), " names, but has ", used);
    if (sends != space.sends)
      report_.add("A1", "space ", i, " counts ", space.sends.get(), " pure send rights, but has ", sends);
    check_free_entries(i);
    check_hash(i);
  }
}

void Walk::walk_entry(uint32_t space, uint32_t index) {
  const Entry& one = entry(space, index);
  const uint32_t name = make_name(index, one.generation()).value;
  const Holder holder{Holder::kEntry, space, name};
  const uint32_t type = one.type(), object = one.object, urefs = one.urefs;
  if (!legal(type)) {
    report_.add("N1", "space ", space, " name ", name, ": types ", type);
    return;
  }
  if ((one.generation() & 3) != 3)
    report_.add("N1", "space ", space, " name ", name, ": a generation that is none");
  const bool counted = (type & (kTypeSend | kTypeSendOnce | kTypeDead)) != 0;
  if (urefs > kUrefsMax || (counted && urefs == 0) || (type == kTypeSendOnce && urefs != 1))
    report_.add("N1", "space ", space, " name ", name, ": ", urefs, " user references");
  for (uint32_t walk = one.acquired; walk != 0; walk = at<Acquisition>(walk).link)
    if (!reach<Acquisition>(walk, "E3", "a name of space", space)) break;
  if (one.request != 0) {
    if (!reach<Request>(one.request, "R1", "a name of space", space)) return;
    const Request& request = at<Request>(one.request);
    request_named_[one.request] = 1;
    if ((type & (kTypeDead | kTypePset)) != 0 || request.port != object || request.space != space ||
        request.name != name)
      report_.add("R1", "space ", space, " name ", name, ": its request is about something else");
  }
  if (type == kTypeDead) return;
  if (type == kTypePset) {
    add_pset(object, holder);
    if (exists<Pset>(object) &&
        (at<Pset>(object).space != space || at<Pset>(object).name != name || !at<Pset>(object).active()))
      report_.add("N3", "space ", space, " name ", name, ": its port set is another's, or dying");
    return;
  }
  if (!exists<Port>(object)) {
    report_.add("N3", "space ", space, " name ", name, ": port ", object, " does not exist");
    return;
  }
  PortSums& sum = ports_[object];
  if (type == kTypeSendOnce) {
    add_send_once(object, holder);
    return;
  }
  // A name with both rights counts one reference.
  if (type == kTypeReceive || (type & kTypeReceive) != 0)
    add_receive(object, holder);
  else
    add_reference(object, holder, "send");
  if ((type & kTypeSend) != 0) sum.srights++;
  if (sum.last_space == space) report_.add("A3", "space ", space, " has two names for ", port_text(object));
  sum.last_space = space;
  if ((type & kTypeReceive) == 0) return;
  const Port& port = at<Port>(object);
  if (!port.active() || port.receiver != space || port.receiver_name != name || port.is(kPortInTransit))
    report_.add("P6", port_text(object), ": space ", space, " has its receive right as ", name,
                ", but it says ", port.receiver.get(), " and ", port.receiver_name.get());
}

void Walk::check_free_entries(uint32_t index) {
  const Space& space = at<Space>(index);
  std::vector<uint8_t> listed(space.table_size, 0);
  uint32_t before = 0;
  for (uint32_t walk = space.free_head; walk != 0; walk = entry(index, walk).next) {
    if (walk >= space.table_size || listed[walk] != 0 || entry(index, walk).type() != 0) {
      report_.add("A2", "space ", index, ": the free list leads to slot ", walk);
      break;
    }
    listed[walk] = 1;
    if (entry(index, walk).request != before)
      report_.add("A2", "space ", index, ": slot ", walk, " does not lead back");
    before = walk;
  }
  for (uint32_t n = 1; n < space.table_size; n++) {
    const Entry& one = entry(index, n);
    if (one.type() != 0) continue;
    if (one.bits == 0) {
      const bool left = std::any_of(
          std::begin(space.virgin), std::end(space.virgin),
          [&](const Virgin& block) { return block.high != 0 && block.low <= n && n <= block.high; });
      if (!left && space.state == kSpaceActive)
        report_.add("N2", "space ", index, ": slot ", n, " was never used and can never be");
    } else if (listed[n] == 0) {
      report_.add("N2", "space ", index, ": slot ", n, " is free, but not on the free list");
    }
  }
}

void Walk::check_hash(uint32_t index) {
  const Space& space = at<Space>(index);
  const auto* buckets = reinterpret_cast<const Cell<uint32_t>*>(segment_.arena(index) +
                                                                uint64_t{capacity(segment_)} * sizeof(Entry));
  uint32_t found = 0;
  for (uint32_t n = 0; n < space.buckets; n++) {
    for (uint32_t walk = buckets[n]; walk != 0; walk = entry(index, walk).next) {
      if (walk >= space.table_size || entry(index, walk).type() != kTypeSend || found++ == space.sends) {
        report_.add("A1", "space ", index, ": the hash leads to slot ", walk);
        return;
      }
      if (bucket_of(entry(index, walk).object, space.buckets) != n)
        report_.add("A1", "space ", index, ": slot ", walk, " is in bucket ", n,
                    " of the hash, where nobody looks for it");
    }
  }
  if (found != space.sends)
    report_.add("A1", "space ", index, ": the hash finds ", found, " of ", space.sends.get(),
                " pure send rights");
}

}  // namespace portolan::ipc
