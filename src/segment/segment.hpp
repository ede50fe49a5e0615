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
  // What the creator decided, as it was when this view was made: damage to the header does not change it.
  uint32_t capacity(unsigned id) const { return zones_[id].element_size == 0 ? 0 : zones_[id].mask + 1; }
  // Elements that ever existed, index 0 included, and no more than there can be.
  uint32_t carved(unsigned id) const {
    const uint32_t count = zone(id).carved;
    return count < capacity(id) ? count : capacity(id);
  }
  uint32_t element_size(unsigned id) const { return zones_[id].element_size; }
  uint32_t magazine(unsigned id) const { return zones_[id].magazine; }
  // An index that is damaged names another element of the zone, or one that is not carved: never anything
  // outside.
  Element& element(unsigned id, uint32_t index) const {
    const ZoneView& view = zones_[id];
    return *reinterpret_cast<Element*>(view.base +
                                       static_cast<uint64_t>(index & view.mask) * view.element_size);
  }
  // True when the index names an element that exists; for values that may be damaged.
  bool plausible(unsigned id, uint32_t index) const {
    return index != 0 && id < kMaxZones && index < capacity(id) && index < zone(id).carved;
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

  // Slot 0 is nobody's: that is where a damaged index leads.
  ThreadSlot& slot(uint32_t index) const { return slots_[index < max_threads_ ? index : 0]; }
  LifeWord& life(uint32_t index) const { return lives_[index < max_threads_ ? index : 0]; }
  uint32_t max_threads() const { return max_threads_; }
  // Slots that were ever used, and no more than there are.
  uint32_t threads_high() const {
    const uint32_t high = header().threads_high.load(std::memory_order_acquire);
    return high < max_threads_ ? high : max_threads_;
  }
  uint32_t arena_size() const { return arena_size_; }
  std::byte* arena(uint32_t index) const {
    return arenas_ + uint64_t{index & zones_[arena_zone_].mask} * arena_size_;
  }
  // A place in it; one that is damaged is its beginning.
  std::byte* arena(uint32_t index, uint64_t offset) const {
    return arena(index) + (offset < arena_size_ ? offset : 0);
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
  uint64_t inode = 0;                    // of the file, as it was opened
  mutable int64_t populate_budget = -1;  // -1: no limit; else how many more calls succeed
  const UpperLayers* upper = nullptr;
  void (*launchd_died)(Thread& self) = nullptr;  // somebody who sleeps here noticed

 private:
  struct ZoneView {
    std::byte* base = nullptr;
    uint32_t element_size = 0;
    uint32_t mask = 0;  // capacity - 1
    uint32_t magazine = 0;
  };
  void remember();

  std::byte* base_ = nullptr;
  uint64_t size_ = 0;
  ThreadSlot* slots_ = nullptr;
  LifeWord* lives_ = nullptr;
  std::byte* arenas_ = nullptr;
  uint32_t max_threads_ = 0, arena_size_ = 0, arena_zone_ = 0;
  ZoneView zones_[kMaxZones];
};

// A broken invariant, of the calling code or of damaged shared memory: the domain is lost. `kernel_lost` is
// how this program leaves what it is in: a task's trap returns KERN_TERMINATED, launchd ends. Where there is
// none, or it returns, this says what is broken and aborts.
[[noreturn]] void kernel_panic(const char* what);
extern void (*kernel_lost)(const char* what);
// Every trap of every task answers KERN_TERMINATED from now on, and who sleeps in one is woken to see it.
// Works where the segment's memory is gone, and where the guard is closed.
void declare_lost(const Segment& segment);

}  // namespace portolan
