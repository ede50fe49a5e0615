// SPDX-License-Identifier: Apache-2.0
#include "segment/futex.hpp"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#ifndef FUTEX_32
#define FUTEX_32 2
#endif

#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#endif

namespace portolan {

namespace {

// As the Linux kernel lays it out; older headers lack it.
struct WaitVector {
  uint64_t value;
  uint64_t address;
  uint32_t flags;
  uint32_t reserved;
};

timespec to_timespec(uint64_t ns) {
  return {static_cast<time_t>(ns / 1000000000u), static_cast<long>(ns % 1000000000u)};
}

// Kernels before 5.16: the first word alone, and often enough to see the others change.
int wait_first(const FutexWait& wait, unsigned count, uint64_t deadline_ns) {
  constexpr uint64_t kLook = 10'000'000;
  const uint64_t now = monotonic_ns();
  uint64_t limit =
      count > 1 && (deadline_ns == kNever || deadline_ns > now + kLook) ? now + kLook : deadline_ns;
  const timespec at = to_timespec(limit);
  if (syscall(SYS_futex, wait.word, FUTEX_WAIT_BITSET, wait.seen, limit == kNever ? nullptr : &at, nullptr,
              FUTEX_BITSET_MATCH_ANY) == 0)
    return 0;
  if (errno == ETIMEDOUT && limit != deadline_ns) return EAGAIN;
  return errno;
}

}  // namespace

uint64_t monotonic_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000u + static_cast<uint64_t>(now.tv_nsec);
}

int futex_wait_any(const FutexWait* waits, unsigned count, uint64_t deadline_ns) {
  WaitVector vector[2];
  for (unsigned i = 0; i < count && i < 2; i++) {
    vector[i] = {waits[i].seen, reinterpret_cast<uint64_t>(waits[i].word), FUTEX_32, 0};
  }
  const timespec at = to_timespec(deadline_ns);
  if (syscall(SYS_futex_waitv, vector, count, 0, deadline_ns == kNever ? nullptr : &at, CLOCK_MONOTONIC) >= 0)
    return 0;
  // EPERM: a sandbox that has never heard of this call.
  if (errno == ENOSYS || errno == EPERM) return wait_first(waits[0], count, deadline_ns);
  return errno;
}

void futex_wait_briefly(const FutexWait& wait, uint64_t limit_ns, uint64_t deadline_ns) {
  if (deadline_ns != kNever) {
    const uint64_t now = monotonic_ns();
    if (now >= deadline_ns) return;
    limit_ns = std::min(limit_ns, deadline_ns - now);
  }
  const timespec limit = to_timespec(limit_ns);
  syscall(SYS_futex, wait.word, FUTEX_WAIT, wait.seen, &limit, nullptr, 0);
}

void futex_wake(uint32_t* word, int count) {
  syscall(SYS_futex, word, FUTEX_WAKE, count, nullptr, nullptr, 0);
}

uint32_t current_cpu() {
#if defined(RSEQ_SIG) && defined(__GLIBC__)
  if (__rseq_size != 0) {
    auto* area = reinterpret_cast<const volatile rseq*>(static_cast<const char*>(__builtin_thread_pointer()) +
                                                        __rseq_offset);
    return area->cpu_id;
  }
#endif
  const int cpu = sched_getcpu();
  return cpu < 0 ? 0 : static_cast<uint32_t>(cpu);
}

}  // namespace portolan
