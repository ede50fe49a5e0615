// SPDX-License-Identifier: Apache-2.0
// The words that checks about exceptions are written in: the lists of actions, and a program that tells its
// own.
#pragma once

#include <mach/exception_types.h>
#include <spawn.h>

#include <functional>

#include "checks/words.hpp"

namespace checks {

inline constexpr exception_mask_t kEveryType = EXC_MASK_ALL | EXC_MASK_CRASH | EXC_MASK_CORPSE_NOTIFY;
inline constexpr exception_behavior_t kCodes = static_cast<exception_behavior_t>(MACH_EXCEPTION_CODES);

// What get and swap answer.
struct ActionLists {
  mach_msg_type_number_t count = 99;
  exception_mask_t masks[32];
  mach_port_t ports[32];
  exception_behavior_t behaviors[32];
  thread_state_flavor_t flavors[32];

  // The entry for this type; fails without one.
  unsigned of(exception_mask_t type) const;
};
ActionLists task_actions(exception_mask_t mask = kEveryType, task_t task = mach_task_self());
ActionLists thread_actions(thread_t thread, exception_mask_t mask = kEveryType);
void set_task(exception_mask_t mask, mach_port_t port,
              exception_behavior_t behavior = EXCEPTION_DEFAULT | kCodes, thread_state_flavor_t flavor = 0);

// tests/programs/exception_child by posix_spawn; its exit status. -1: it could not be started, for `code`.
int spawn_teller(const std::function<void(posix_spawnattr_t&)>& prepare, int* code = nullptr);
// The same by fork and exec.
int exec_teller();
// What it sent here; fails if nothing came.
struct Told {
  exception_behavior_t behavior;
  exception_mask_t mask;
  thread_state_flavor_t flavor;
};
Told told_at(mach_port_t port);

}  // namespace checks
