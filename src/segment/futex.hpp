// SPDX-License-Identifier: Apache-2.0
// The few Linux calls under sleeping and waking. Waits are on CLOCK_MONOTONIC with absolute deadlines.
#pragma once

#include <cstdint>

namespace portolan {

inline constexpr uint64_t kNever = UINT64_MAX;

uint64_t monotonic_ns();

struct FutexWait {
  const uint32_t* word = nullptr;
  uint32_t seen = 0;
};

// Sleeps until one of up to two words changes or is woken. Returns 0 on a wake, or EAGAIN, EINTR, ETIMEDOUT.
int futex_wait_any(const FutexWait* waits, unsigned count, uint64_t deadline_ns);
// The same on one word, for so long at the most: the quickest of all sleeps.
void futex_wait_briefly(const FutexWait& wait, uint64_t limit_ns, uint64_t deadline_ns);
void futex_wake(uint32_t* word, int count);

inline void cpu_relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// The CPU this thread runs on, without a system call.
uint32_t current_cpu();

}  // namespace portolan
