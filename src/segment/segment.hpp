// SPDX-License-Identifier: Apache-2.0
// One process's view of one segment: where it is mapped, and what the layers above told it about their
// objects. Holds no state of the kernel: that is all in the shared memory.
#pragma once

#include <cstddef>
#include <cstdint>

#include "segment/layout.hpp"
#include "segment/slot.hpp"

namespace portolan {

class Thread;
class Segment;

// What the layers above do for recovery and for work lists. Every function works in bounded transactions of
// its own, with no lock held at entry, and may be called again from the start after the caller died in the
// middle.
struct UpperLayers {
  // One bounded step on the head of `self`'s work list; false when it cannot go on now (no memory).
  bool (*work_step)(Thread& self, uint32_t item) = nullptr;
  // Finishes or releases what a dead thread's hold names. `victim` is the dead thread's slot.
  void (*finish_hold)(Thread& self, ThreadSlot& victim, Hold& hold) = nullptr;
  // Takes a dead thread's frame off the list it waits on and passes its grant on.
  void (*finish_wait)(Thread& self, ThreadSlot& victim, uint32_t victim_index, Frame& frame) = nullptr;
  // Work that a transaction asked for by Thread::to_settle, right after it.
  void (*after_transaction)(Thread& self) = nullptr;
  // The last act for a dead or detaching thread: its kernel port and its task's count of threads.
  void (*finish_thread)(Thread& self, ThreadSlot& victim) = nullptr;
};

class Segment {
 public:
  Segment() = default;
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  static Geometry round_up(const Geometry& wanted);
  // Bytes that a segment of this geometry spans.
  static uint64_t span(const Geometry& geometry);
  // Writes a fresh header into zeroed memory and views it. `pages_real`: memory that never needs populating.
  void format(void* memory, const Geometry& geometry);
  // Views memory that holds a segment; false when the header is not one of ours (see `header_fault`).
  bool view(void* memory, uint64_t length);
  // Why a header cannot be used, in words; nullptr when it can.
  static const char* header_fault(const Header& header, uint64_t length);

  Header& header() const { return *reinterpret_cast<Header*>(base_); }
  std::byte* base() const { return base_; }
  uint64_t size() const { return size_; }
  bool contains(const void* address, uint64_t length) const {
    auto first = reinterpret_cast<uintptr_t>(address), start = reinterpret_cast<uintptr_t>(base_);
    return first < start + size_ && (length > size_ || first + length > start) && length != 0;
  }
  uint64_t offset_of(const void* address) const {
    return static_cast<uint64_t>(static_cast<const std::byte*>(address) - base_);
  }

  ZoneState& zone(unsigned id) const { return header().zones[id]; }
  Element& element(unsigned id, uint32_t index) const {
    const ZoneView& view = zones_[id];
    return *reinterpret_cast<Element*>(view.base + static_cast<uint64_t>(index) * view.element_size);
  }
  // True when the index names an element that exists; for values that may be damaged.
  bool plausible(unsigned id, uint32_t index) const {
    return index != 0 && id < kMaxZones && zones_[id].element_size != 0 && index < zone(id).carved;
  }
  template <class T>
  T& at(Handle<T> handle) const {
    return static_cast<T&>(element(ZoneOf<T>::id, handle.index));
  }
  template <class T>
  T& at(Ref<T> ref) const {
    return at(Handle<T>{ref.index});
  }
  template <class T>
  Handle<T> handle_of(const T& object) const {
    const ZoneView& view = zones_[ZoneOf<T>::id];
    return {static_cast<uint32_t>(
        static_cast<uint64_t>(reinterpret_cast<const std::byte*>(&object) - view.base) / view.element_size)};
  }
  template <class T>
  Ref<T> ref_of(const T& object) const {
    return {handle_of(object).index, object.generation.get()};
  }

  // Asked after reading from the target: false means that what was read is the target's own.
  template <class T>
  bool is_gone(Target<T> target) const {
    std::atomic_thread_fence(std::memory_order_acquire);
    return target.generation != 0 && at(target.handle).generation != target.generation;
  }

  ThreadSlot& slot(uint32_t index) const {
    return *reinterpret_cast<ThreadSlot*>(base_ + header().slots_base + uint64_t{index} * sizeof(ThreadSlot));
  }
  LifeWord& life(uint32_t index) const {
    return *reinterpret_cast<LifeWord*>(base_ + header().life_base + uint64_t{index} * sizeof(LifeWord));
  }
  uint32_t max_threads() const { return header().max_threads; }
  std::byte* arena(uint32_t index) const {
    return base_ + header().arena_base + uint64_t{index} * header().arena_size;
  }
  Frame& frame(uint32_t id) const { return slot(id / kFrames).frames[id % kFrames]; }

  // One load: is this thread dead? Doubt means alive.
  bool is_dead(uint32_t slot_index) const;

  // Makes pages real, outside any transaction; false when there is no memory.
  bool populate(uint64_t offset, uint64_t length) const;
  // Gives the pages back to the system; repeatable.
  void depopulate(uint64_t offset, uint64_t length) const;

  // Anonymous memory needs no populating; files do. Tests refuse memory through `populate_budget`.
  bool file_backed = false;
  mutable int64_t populate_budget = -1;  // -1: no limit; else how many more calls succeed
  const UpperLayers* upper = nullptr;
  void (*launchd_died)(Thread& self) = nullptr;  // somebody who sleeps here noticed

 private:
  struct ZoneView {
    std::byte* base = nullptr;
    uint32_t element_size = 0;
  };
  void remember_zones();

  std::byte* base_ = nullptr;
  uint64_t size_ = 0;
  ZoneView zones_[kMaxZones];
};

// A broken invariant of the calling code itself: says which and aborts. Damaged shared memory never gets
// here.
[[noreturn]] void kernel_panic(const char* what);

}  // namespace portolan
