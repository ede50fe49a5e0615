// SPDX-License-Identifier: Apache-2.0
// A space: names, how they are given out and how the table grows (ports 2, 3). Where the rules leave a choice
// to the kernel, the model asks a Chooser what was chosen, and insists that it was allowed.
#pragma once

#include <functional>
#include <optional>
#include <stdexcept>

#include "model/objects.hpp"

namespace portolan::model {

// The kernel did what no rule allows, where the model had to ask it.
struct Forbidden : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What the rules leave open.
class Chooser {
 public:
  virtual ~Chooser() = default;
  // Which of two slots never used before was taken? (ports 2.2)
  virtual uint32_t lowest_or_highest(const Space& space, uint32_t lowest, uint32_t highest) = 0;
  // The slot's cycle may end here: did it? (ports 2.3)
  virtual bool cycle_ends(const Space& space, uint32_t index, uint8_t generation) = 0;
  // Is this the message that was received, or looked at? Asked of notices whose order is open.
  virtual bool is_it(const Message& message) = 0;
};

struct Space {
  explicit Space(Chooser& who_chooses) : chooser(who_chooses) {
    for (uint32_t index = 1; index <= 8; index++) known_free.push_back(index);
    walks.push_back({9, 31});
  }

  Entry* find(Name name);
  Entry* by_port(const Port* port, uint32_t types);  // the send or receive entry of a port (ports 4.2)
  Name name_of(const Entry& entry) const;

  // Grows the table as the next name needs it (ports 3.1). Whatever right arrives asks for that much, even if
  // it joins an entry that is there (tasks check 9).
  void make_room();
  // A new name, empty.
  Name allocate();
  // Claims this slot under this name. Obstacles 1, 2, 3 and 6 of ports 5.3; `in_use` tells that the name
  // exists.
  kern_return_t claim(Name name, bool& in_use);
  void free(Name name);

  // The next so many names follow from the rules alone.
  bool names_known(size_t count) const { return known_free.size() >= count; }
  uint32_t used() const { return static_cast<uint32_t>(entries.size()); }

  Chooser& chooser;
  Sender sender;
  uint32_t table_size = 32;
  std::map<uint32_t, Entry> entries;  // by slot

  struct Slot {
    uint8_t generation = 0;
    bool longest_cycle = false;  // claimed by name: selector 0
  };
  std::map<uint32_t, Slot> slots;  // every slot that was ever used

 private:
  // Slots from `lowest` to `highest` that nobody used yet, but for some that were claimed by name.
  struct Walk {
    uint32_t lowest, highest;
    bool lowest_first = false;  // of a block gained by growth
    std::set<uint32_t> claimed = {};
    bool empty() const;
    void trim();
  };
  bool any_free();
  uint32_t take_free();
  void unlink(uint32_t index);
  void grow(uint32_t index);  // so that this slot is in the table
  uint8_t next_generation(uint32_t index);

  std::deque<uint32_t> known_free;  // taken from the front
  std::deque<Walk> walks;           // after those
};

}  // namespace portolan::model
