// SPDX-License-Identifier: Apache-2.0
// The invariants of the segment itself: elements and free lists, thread slots, locks, work lists. The numbers
// are those of the headers; L and S4 to S6 are said here in full.
#include "segment/fsck.hpp"

#include <string.h>

#include <algorithm>

#include "segment/recovery.hpp"

namespace portolan {

namespace {

constexpr Invariant kInvariants[] = {
    {"H1", "the header describes a segment that fits into its memory"},
    {"E1", "an element's generation is odd exactly while it is allocated"},
    {"E2", "a free element is on exactly one free list"},
    {"Z1", "every carved element is allocated or on exactly one free list"},
    {"Z2", "a shard's count is the length of its list"},
    {"Z3", "carved elements have real pages, and no more are carved than the zone holds"},
    {"S1", "outside a transaction a thread has no log and no locks"},
    {"S4", "a work list leads from its head to its tail through allocated elements, each on one list only"},
    {"S5", "the counts in a thread's slot are in range"},
    {"S6", "a free slot has nothing in hand, owes nothing, waits for nothing and keeps no elements"},
    {"L1", "a lock is free, or its holder has noted it and is a thread that exists"},
};

class Check {
 public:
  Check(const Segment& segment, const FsckOptions& options, Report& report)
      : segment_(segment), header_(segment.header()), options_(options), report_(report) {}

  bool run() {
    if (!header_fits()) return false;
    for (unsigned id = 0; id < kMaxZones; id++)
      if (exists(id)) mark_shards(id);
    for (uint32_t i = 1; i < slots(); i++) check_slot(i);
    for (unsigned id = 0; id < kMaxZones; id++)
      if (exists(id)) check_elements(id);
    return true;
  }

 private:
  struct Marks {
    uint32_t carved = 0;
    std::vector<uint8_t> free;    // on how many free lists
    std::vector<uint8_t> worked;  // on how many work lists
    bool torn = false;            // a shard's list is not what it counts
  };

  bool exists(unsigned id) const { return header_.zones[id].element_size != 0; }
  uint32_t slots() const { return std::min(header_.threads_high.load(), header_.max_threads); }

  bool header_fits() {
    if (const char* fault = Segment::header_fault(header_, segment_.size())) {
      report_.add("H1", fault);
      return false;
    }
    if (header_.threads_high.load() > header_.max_threads)
      report_.add("H1", "more thread slots used than exist");
    for (unsigned id = 0; id < kMaxZones; id++) {
      if (!exists(id)) continue;
      const ZoneState& zone = header_.zones[id];
      if (zone.element_size < sizeof(Element) || zone.element_size % 8 != 0 || zone.magazine > kMagazineMax) {
        report_.add("H1", "zone ", id, " has elements of ", zone.element_size, " bytes, magazines of ",
                    zone.magazine);
        return false;
      }
      uint32_t carved = zone.carved;
      if (carved == 0 || carved > zone.capacity) {
        report_.add("Z3", "zone ", id, ": ", carved, " elements carved of ", zone.capacity);
        carved = std::min(carved, zone.capacity);
      } else if (carved > 1 && carved > zone.populated.load()) {
        report_.add("Z3", "zone ", id, ": ", carved, " elements carved, ", zone.populated.load(),
                    " have pages");
      }
      marks_[id].carved = carved;
      marks_[id].free.assign(carved, 0);
      marks_[id].worked.assign(carved, 0);
    }
    return true;
  }

  bool carved(unsigned id, uint32_t index) const {
    return id < kMaxZones && index != 0 && index < marks_[id].carved;
  }
  const Element& element(unsigned id, uint32_t index) const { return segment_.element(id, index); }

  // False: seen before.
  bool mark_free(unsigned id, uint32_t index, const char* where) {
    uint8_t& times = marks_[id].free[index];
    if (times != 0) {
      report_.add("E2", "zone ", id, " element ", index, " is free twice, again in ", where);
      return false;
    }
    times = 1;
    return true;
  }

  void mark_shards(unsigned id) {
    const ZoneState& zone = header_.zones[id];
    check_lock(zone.carve_lock, "the carve lock of zone ", id);
    for (const Shard& shard : zone.shards) {
      check_lock(shard.lock, "a shard of zone ", id);
      uint32_t length = 0, index = shard.head;
      for (; index != 0; index = element(id, index).link, length++) {
        if (!carved(id, index)) {
          report_.add("Z1", "a free list of zone ", id, " leads to ", index, ", which does not exist");
          break;
        }
        if (!mark_free(id, index, "a shard")) break;
      }
      marks_[id].torn |= length != shard.count;
      if (length != shard.count && index == 0)
        report_.add("Z2", "a shard of zone ", id, " counts ", shard.count.get(), ", but holds ", length);
    }
  }

  void check_slot(uint32_t index) {
    const ThreadSlot& slot = segment_.slot(index);
    const uint32_t state = slot.state.load();
    if (state > kSlotDead) report_.add("S5", "slot ", index, ": state ", state);
    if (options_.quiescent && slot.log_length.load() != 0)
      report_.add("S1", "slot ", index, ": ", slot.log_length.load(), " changes not committed");
    if (options_.quiescent && slot.held_count.load() != 0)
      report_.add("S1", "slot ", index, ": ", slot.held_count.load(), " locks held");
    if (slot.log_length.load() > kLogMax || slot.held_count.load() > kHeldMax || slot.depth >= kFrames ||
        slot.owed_count > kOwedMax || slot.pending_count > kPendingMax)
      report_.add("S5", "slot ", index, ": a count is out of range");

    bool keeps = slot.owed_count != 0 || slot.work_head != 0 || slot.pending_count != 0;
    for (uint32_t i = 0; i < std::min<uint32_t>(slot.pending_count, kPendingMax); i++) {
      const uint64_t entry = slot.pending[i];
      mark_kept(static_cast<unsigned>(entry >> 32), static_cast<uint32_t>(entry), index,
                "a slot's pending frees");
    }
    for (unsigned id = 0; id < kMaxZones; id++) {
      const Magazine& magazine = slot.magazines[id];
      if (magazine.count > kMagazineMax)
        report_.add("S5", "slot ", index, ": a magazine of ", magazine.count.get());
      keeps |= magazine.count != 0;
      for (uint32_t i = 0; i < std::min<uint32_t>(magazine.count, kMagazineMax); i++)
        mark_kept(id, magazine.item[i], index, "a magazine");
    }
    for (const Frame& frame : slot.frames) {
      keeps |= frame.state != 0;
      for (const Hold& hold : frame.holds) keeps |= hold.kind != 0;
    }
    check_work(slot, index);
    if (state == kSlotFree && keeps) report_.add("S6", "slot ", index, " is free and not empty");
  }

  void mark_kept(unsigned id, uint32_t item, uint32_t slot, const char* where) {
    if (carved(id, item))
      mark_free(id, item, where);
    else
      report_.add("Z1", "slot ", slot, " keeps element ", item, " of zone ", id, ", which does not exist");
  }

  void check_work(const ThreadSlot& slot, uint32_t index) {
    uint32_t last = 0;
    for (uint32_t item = slot.work_head; item != 0;) {
      const unsigned id = work_zone(item);
      const uint32_t which = work_index(item);
      if (!carved(id, which) || !element(id, which).allocated()) {
        report_.add("S4", "slot ", index, ": element ", which, " of zone ", id,
                    " is on the work list, but not there");
        return;
      }
      if (marks_[id].worked[which]++ != 0) {
        report_.add("S4", "element ", which, " of zone ", id, " is on work lists twice");
        return;
      }
      last = item;
      item = element(id, which).work;
    }
    if (last != slot.work_tail) report_.add("S4", "slot ", index, ": the work list does not end at its tail");
  }

  void check_elements(unsigned id) {
    const Marks& marks = marks_[id];
    // A list that was copied while its head went leads nowhere. What lies behind that is missing in every look.
    const bool listed = options_.quiescent || !marks.torn;
    for (uint32_t i = 1; i < marks.carved; i++) {
      const Element& item = element(id, i);
      const bool free = marks.free[i] != 0;
      if (item.allocated() && free)
        report_.add("E1", "zone ", id, " element ", i, " is on a free list with generation ",
                    item.generation.get());
      else if (!item.allocated() && !free && listed)
        report_.add("Z1", "zone ", id, " element ", i, " is neither allocated nor on a free list");
      check_lock(item.lock, "an element of zone ", id, i);
    }
  }

  void check_lock(const LockWord& lock, const char* what, unsigned id, uint32_t index = 0) {
    if (lock.load() == 0) return;
    const uint32_t owner = lock.owner();
    if (owner == 0 || owner >= slots()) {
      report_.add("L1", what, id, " (", index, ") is held by ", owner, ", who does not exist");
      return;
    }
    const ThreadSlot& slot = segment_.slot(owner);
    const auto at = static_cast<uint32_t>(segment_.offset_of(&lock) >> 2);
    for (uint32_t i = 0; i < std::min(slot.held_count.load(), kHeldMax); i++)
      if (slot.held[i].load() == at) return;
    // A living thread may have let go since.
    if (options_.quiescent)
      report_.add("L1", what, id, " (", index, ") is held by ", owner, ", who knows nothing of it");
  }

  const Segment& segment_;
  const Header& header_;
  const FsckOptions& options_;
  Report& report_;
  Marks marks_[kMaxZones];
};

}  // namespace

bool Report::names(const char* id) const {
  for (const Broken& one : broken)
    if (strcmp(one.id, id) == 0) return true;
  return false;
}

std::string Report::text() const {
  std::string all;
  for (const Broken& one : broken) all += std::string(one.id) + " BROKEN  " + one.text + "\n";
  if (untold != 0) all += "and " + std::to_string(untold) + " more\n";
  return all;
}

std::span<const Invariant> segment_invariants() { return kInvariants; }

void undo_open_transactions(Segment& copy) {
  const Header& header = copy.header();
  for (uint32_t i = 1; i < std::min(header.threads_high.load(), header.max_threads); i++) {
    ThreadSlot& slot = copy.slot(i);
    for (uint32_t n = std::min(slot.log_length.load(), kLogMax); n-- > 0;)
      restore_word(copy, slot.log[n].where.load(), slot.log[n].old.load());
    slot.log_length.store(0);
    for (uint32_t n = std::min(slot.held_count.load(), kHeldMax); n-- > 0;) {
      const uint64_t offset = uint64_t{slot.held[n].load()} << 2;
      if (offset + sizeof(LockWord) <= copy.size())
        reinterpret_cast<LockWord*>(copy.base() + offset)->release_from(i);
    }
    slot.held_count.store(0);
  }
}

bool fsck_segment(const Segment& segment, const FsckOptions& options, Report& report) {
  return Check(segment, options, report).run();
}

}  // namespace portolan
