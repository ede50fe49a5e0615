// SPDX-License-Identifier: Apache-2.0
#include "model/space.hpp"

#include <algorithm>

namespace portolan::model {

namespace {

// ports 3.1, pages of 4 KiB. Larger tables are of no use to a model.
constexpr uint32_t kSizes[] = {32,  42,   64,   85,   128,  170,  256,  341,  512, 682,
                               853, 1024, 1194, 1365, 1536, 1706, 1877, 2048, 2218};
constexpr uint32_t kLargestIndex = 305834;

Name make_name(uint32_t index, uint8_t generation) { return index << 8 | generation; }

}  // namespace

Entry* Space::find(Name name) {
  auto it = entries.find(name >> 8);
  if (it == entries.end() || slots[name >> 8].generation != (name & 0xff)) return nullptr;
  return &it->second;
}

Entry* Space::by_port(const Port* port, uint32_t types) {
  for (auto& [index, entry] : entries)
    if (entry.port == port && entry.has(types)) return &entry;
  return nullptr;
}

Name Space::name_of(const Entry& entry) const {
  for (const auto& [index, other] : entries)
    if (&other == &entry) return make_name(index, slots.at(index).generation);
  throw Forbidden("the model lost an entry");
}

bool Space::Walk::empty() const { return lowest > highest; }

void Space::Walk::trim() {
  while (!empty() && claimed.erase(lowest) != 0) lowest++;
  while (!empty() && claimed.erase(highest) != 0) highest--;
}

bool Space::any_free() {
  while (!walks.empty() && walks.front().empty()) walks.pop_front();
  return !known_free.empty() || !walks.empty();
}

uint32_t Space::take_free() {
  if (!known_free.empty()) {
    const uint32_t index = known_free.front();
    known_free.pop_front();
    return index;
  }
  Walk& walk = walks.front();
  uint32_t index = walk.lowest;
  if (!walk.lowest_first && walk.lowest != walk.highest)
    index = chooser.lowest_or_highest(*this, walk.lowest, walk.highest);
  walk.lowest_first = false;
  if (index == walk.lowest) {
    walk.lowest++;
  } else if (index == walk.highest) {
    walk.highest--;
  } else {
    throw Forbidden("a slot never used was taken that is neither the lowest nor the highest");
  }
  walk.trim();
  return index;
}

void Space::unlink(uint32_t index) {
  auto it = std::find(known_free.begin(), known_free.end(), index);
  if (it != known_free.end()) {
    known_free.erase(it);
    return;
  }
  for (Walk& walk : walks) {
    if (index < walk.lowest || index > walk.highest) continue;
    if (index == walk.lowest) walk.lowest_first = false;
    walk.claimed.insert(index);
    walk.trim();
    return;
  }
}

void Space::grow(uint32_t index) {
  for (uint32_t size : kSizes) {
    if (size <= index) continue;
    walks.push_back({table_size, size - 1, true, {}});
    table_size = size;
    return;
  }
  throw Forbidden("a table larger than the model's");
}

// ports 2.3
uint8_t Space::next_generation(uint32_t index) {
  auto it = slots.find(index);
  if (it == slots.end()) return slots[index].generation = 3;
  Slot& slot = it->second;
  const uint8_t old = slot.generation;
  bool ends = old >= 0xfb;
  if (!slot.longest_cycle && (old == 0x3b || old == 0x7b || old == 0xbb))
    ends = chooser.cycle_ends(*this, index, old);
  if (ends) slot.longest_cycle = false;
  return slot.generation = ends ? 3 : static_cast<uint8_t>(old + 4);
}

Name Space::allocate() {
  const auto pure =
      std::count_if(entries.begin(), entries.end(), [](const auto& it) { return it.second.pure_send(); });
  while (!any_free() || static_cast<uint32_t>(pure) + 1 > table_size * 7 / 8) grow(table_size);
  const uint32_t index = take_free();
  entries[index] = {};
  return make_name(index, next_generation(index));
}

kern_return_t Space::claim(Name name, bool& in_use) {
  in_use = false;
  const uint32_t index = name >> 8;
  if (index > kLargestIndex) return KERN_NO_SPACE;
  if ((name & 3) != 3) return KERN_INVALID_VALUE;
  if (index == 0) return KERN_FAILURE;
  if (index >= table_size) grow(index);
  if (entries.count(index) != 0) {
    if (slots[index].generation != (name & 0xff)) return KERN_FAILURE;
    in_use = true;
    return KERN_SUCCESS;
  }
  unlink(index);
  entries[index] = {};
  slots[index] = {static_cast<uint8_t>(name & 0xff), true};
  return KERN_SUCCESS;
}

void Space::free(Name name) {
  entries.erase(name >> 8);
  known_free.push_front(name >> 8);
}

}  // namespace portolan::model
