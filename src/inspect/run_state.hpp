// SPDX-License-Identifier: Apache-2.0
// What Linux says that a thread is doing.
#pragma once

#include <cstdint>

namespace portolan::inspect {

enum class RunState { running, sleeping, blocked, stopped, traced, dead, unknown };

struct ThreadLook {
  RunState state = RunState::unknown;
  // Changes whenever the thread has got the CPU: two looks that are alike saw it stopped all the time
  // between.
  uint64_t switches = 0;

  // By a signal, or by a debugger.
  bool stopped() const { return state == RunState::stopped || state == RunState::traced; }
};

// `pid` 0: not known.
ThreadLook look_at_thread(uint32_t pid, uint32_t tid);
const char* state_word(RunState state);

}  // namespace portolan::inspect
