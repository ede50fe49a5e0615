// SPDX-License-Identifier: Apache-2.0
// What pairs and stops have in common: threads that are looked at from outside while they are parked.
#pragma once

#include <string>

#include "stages/puppet.hpp"
#include "support/domain.hpp"

namespace portolan::stages {

// What Linux does when the thread of this slot is killed: marks its life word, and wakes who watches it.
void thread_died(Segment& segment, uint32_t slot);

// The lock that a thread sleeps on: its word's offset, 0: none. And who holds it.
uint64_t lock_wanted(const Segment& segment, uint32_t slot);
uint32_t lock_holder(const Segment& segment, uint64_t offset);
// Waits for a lock, or for something to be granted.
bool waits(const Segment& segment, uint32_t slot);

// Kinds of locks, by what they lie in.
enum class LockKind : unsigned {
  space,
  port,
  set,
  task,
  name_space,
  request,
  message,
  other_element,
  shard,
  carve,
  transit,
  kKinds
};
LockKind lock_kind(const Segment& segment, uint64_t offset);
const char* lock_kind_name(LockKind kind);

// What is wrong with how a thread sleeps on a lock: it may hold nothing else, and it must be this holder's.
// Empty: nothing, or it does not sleep on one.
std::string wrong_wait(const Segment& segment, uint32_t slot, uint32_t holder);

}  // namespace portolan::stages
