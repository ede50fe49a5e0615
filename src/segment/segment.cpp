// SPDX-License-Identifier: Apache-2.0
// Laying out and viewing a segment. No locks: formatting happens before anybody else can see the memory.
#include "segment/segment.hpp"

#include <errno.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <bit>

#include "segment/futex.hpp"
#include "segment/raw.hpp"
#include "segment/refusal.hpp"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace portolan {

namespace {

constexpr uint64_t align_up(uint64_t value, uint64_t to) { return (value + to - 1) / to * to; }

struct Places {
  uint64_t life, slots, zones[kMaxZones], arena, end;
};

Places places_of(const Geometry& geometry) {
  Places places{};
  uint64_t at = sizeof(Header);
  places.life = at;
  at = align_up(at + uint64_t{geometry.max_threads} * sizeof(LifeWord), kPage);
  places.slots = at;
  at += uint64_t{geometry.max_threads} * sizeof(ThreadSlot);
  for (unsigned i = 0; i < kMaxZones; i++) {
    places.zones[i] = at;
    at = align_up(at + uint64_t{geometry.zones[i].element_size} * std::bit_ceil(geometry.zones[i].capacity),
                  kPage);
  }
  places.arena = at;
  if (geometry.arena_size != 0)
    at += uint64_t{geometry.arena_size} * std::bit_ceil(geometry.zones[geometry.arena_zone].capacity);
  places.end = align_up(at, kPage);
  return places;
}

}  // namespace

void (*kernel_lost)(const char* what) = nullptr;

void kernel_panic(const char* what) {
  if (kernel_lost != nullptr) kernel_lost(what);
  char line[256];
  int length = snprintf(line, sizeof line, "portolan: kernel invariant broken: %s\n", what);
  if (length > 0) (void)!write(2, line, static_cast<size_t>(length));
  abort();
}

void declare_lost(const Segment& segment) {
  uint32_t one = 1;
  const iovec from{&one, sizeof one}, to{segment.header().lost.address(), sizeof one};
  // A copy by Linux fails where a store would kill.
  if (process_vm_writev(getpid(), &from, 1, &to, 1, 0) != sizeof one) return;
  for (uint32_t i = 1; i < segment.threads_high(); i++)
    for (Frame& frame : segment.slot(i).frames) futex_wake(frame.sleeping.address(), 1);
}

uint64_t Segment::span(const Geometry& geometry) { return places_of(geometry).end; }

void Segment::format(void* memory, const Geometry& geometry) {
  base_ = static_cast<std::byte*>(memory);
  const Places places = places_of(geometry);
  size_ = places.end;
  Header& h = header();
  h.layout_version = kLayoutVersion;
  h.byte_order = kByteOrder;
  h.size = size_;
  h.zone_count = kMaxZones;
  h.max_threads = geometry.max_threads;
  h.life_base = places.life;
  h.slots_base = places.slots;
  h.arena_base = places.arena;
  h.arena_size = geometry.arena_size;
  h.arena_zone = geometry.arena_zone;
  h.populate_step = geometry.populate_step;
  h.next_identity.store(1);
  h.threads_high.store(1);
  for (unsigned i = 0; i < kMaxZones; i++) {
    h.zones[i].base = places.zones[i];
    h.zones[i].element_size = geometry.zones[i].element_size;
    h.zones[i].capacity = geometry.zones[i].capacity;
    h.zones[i].magazine = geometry.zones[i].magazine;
    h.zones[i].carved.init(1);
  }
  remember();
  crash_fence();
  h.magic = kMagic;
}

bool Segment::view(void* memory, uint64_t length) {
  const Header& candidate = *static_cast<const Header*>(memory);
  if (header_fault(candidate, length) != nullptr) return false;
  base_ = static_cast<std::byte*>(memory);
  size_ = candidate.size;
  remember();
  return true;
}

namespace {

// Is it a range of `count` things of this size, inside of the segment, that begins where such a thing may?
bool inside(const Header& h, uint64_t base, uint64_t size, uint64_t count, uint64_t alignment) {
  return base % alignment == 0 && base <= h.size && (size == 0 || count <= (h.size - base) / size);
}

bool fits(const Header& h) {
  if (h.zone_count != kMaxZones || h.max_threads == 0 || h.arena_zone >= kMaxZones) return false;
  if (!inside(h, h.life_base, sizeof(LifeWord), h.max_threads, alignof(LifeWord))) return false;
  if (!inside(h, h.slots_base, sizeof(ThreadSlot), h.max_threads, kPage)) return false;
  for (const ZoneState& zone : h.zones) {
    if (zone.capacity > 1u << kWorkIndexBits || zone.magazine > kMagazineMax || zone.element_size % 8 != 0)
      return false;
    if (zone.element_size != 0 && (zone.element_size < sizeof(Element) || zone.capacity == 0)) return false;
    if (!inside(h, zone.base, zone.element_size, std::bit_ceil(zone.capacity), kPage)) return false;
  }
  const ZoneState& owner = h.zones[h.arena_zone];
  return inside(h, h.arena_base, h.arena_size, std::bit_ceil(owner.capacity), kPage) &&
         h.arena_size % kPage == 0;
}

}  // namespace

const char* Segment::header_fault(const Header& h, uint64_t length) {
  if (length < sizeof(Header) || h.magic != kMagic) return "not a Portolan segment";
  if (h.byte_order != kByteOrder) return "a segment of the other byte order";
  if (h.layout_version != kLayoutVersion) return "a segment of another layout version";
  if (h.size > length) return "a segment that was cut short";
  return fits(h) ? nullptr : "a damaged segment header";
}

void Segment::remember() {
  const Header& h = header();
  slots_ = reinterpret_cast<ThreadSlot*>(base_ + h.slots_base);
  lives_ = reinterpret_cast<LifeWord*>(base_ + h.life_base);
  arenas_ = base_ + h.arena_base;
  max_threads_ = h.max_threads;
  arena_size_ = h.arena_size;
  arena_zone_ = h.arena_zone;
  for (unsigned i = 0; i < kMaxZones; i++) {
    const ZoneState& zone = h.zones[i];
    zones_[i] = {base_ + zone.base, zone.element_size, std::bit_ceil(zone.capacity) - 1, zone.magazine};
  }
}

bool Segment::is_dead(uint32_t slot_index) const {
  return slot_index != 0 && slot_index < max_threads() &&
         (life(slot_index).word.load(std::memory_order_acquire) & FUTEX_OWNER_DIED) != 0;
}

bool Segment::populate(uint64_t offset, uint64_t length) const {
  if (refused(__builtin_return_address(0)) || populate_budget == 0) return false;
  if (populate_budget > 0) populate_budget--;
  if (!file_backed) return true;
  const uint64_t first = offset / kPage * kPage, last = align_up(offset + length, kPage);
  while (madvise(base_ + first, last - first, MADV_POPULATE_WRITE) != 0) {
    if (errno == EINTR || errno == EAGAIN) continue;
    return false;
  }
  return true;
}

void Segment::depopulate(uint64_t offset, uint64_t length) const {
  const uint64_t first = align_up(offset, kPage), last = (offset + length) / kPage * kPage;
  if (last <= first) return;
  if (file_backed)
    madvise(base_ + first, last - first, MADV_REMOVE);
  else
    raw_clear(base_ + first, last - first);
}

}  // namespace portolan
