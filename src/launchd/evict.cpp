// SPDX-License-Identifier: Apache-2.0
#include "launchd/evict.hpp"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <system_error>
#include <thread>

#include "segment/futex.hpp"
#include "segment/text.hpp"
#include "task/reaper.hpp"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif

namespace portolan {

namespace {

using inspect::look_at_thread;
using inspect::Party;
using inspect::RunState;
using inspect::ThreadLook;

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kPause = 250'000'000;       // between two looks of launchd
constexpr uint64_t kBackstop = 5'000'000'000;  // who asks may die before it wakes us

bool same(const Obstacle& a, const Obstacle& b) { return a.holder.same(b.holder) && a.lock == b.lock; }

// One look: who is stopped and in the way now.
std::vector<Obstacle> obstacles_now(const Segment& segment) {
  std::vector<Obstacle> found;
  const uint64_t now = monotonic_ns();
  for (const inspect::Wait& wait : inspect::lock_waits(segment)) {
    // Where a whole group was stopped nobody is held up.
    const ThreadLook waiter = look_at_thread(wait.waiter.pid, wait.waiter.tid);
    if (waiter.stopped() || waiter.state == RunState::dead) continue;
    Obstacle one;
    one.holder = wait.holder;
    one.lock = wait.lock;
    one.since_ns = now;
    auto known = std::find_if(found.begin(), found.end(), [&](const Obstacle& it) { return same(it, one); });
    if (known == found.end()) {
      one.look = look_at_thread(wait.holder.pid, wait.holder.tid);
      if (!one.look.stopped()) continue;
      known = found.insert(found.end(), std::move(one));
    }
    known->waiters.push_back(wait.waiter);
  }
  return found;
}

// The same obstacle in a later look; null: it has gone on meanwhile, or its lock is free.
const Obstacle* again(const std::vector<Obstacle>& later, const Obstacle& before) {
  for (const Obstacle& it : later)
    if (same(it, before) && it.look.switches == before.look.switches) return &it;
  return nullptr;
}

void say(const Obstacle& it, uint64_t waited_ns) {
  char line[320];
  Text(line) << "portolan-launchd: evicted " << it.holder.program.c_str() << " (" << uint64_t{it.holder.pid}
             << "): stopped in a call of the kernel, and others waited for it for " << waited_ns / kSecond
             << " s\n";
  (void)!write(2, line, strlen(line));
}

[[noreturn]] void evict_for_ever(Segment& segment) {
  Header& header = segment.header();
  Obstacles obstacles;
  for (;;) {
    const uint32_t after = header.evict_after.load();
    if (after == 0) {
      const FutexWait until_asked{header.evict_after.address(), 0};
      futex_wait_any(&until_asked, 1, monotonic_ns() + kBackstop);
      continue;
    }
    obstacles.look(segment);
    for (const Obstacle& it : obstacles.all()) {
      const uint64_t waited = monotonic_ns() - it.since_ns;
      if (waited < after * kSecond || evict(segment, it) != Eviction::killed) continue;
      header.evicted.fetch_add(1);
      say(it, waited);
    }
    const timespec pause{0, kPause};
    nanosleep(&pause, nullptr);
  }
}

}  // namespace

void Obstacles::look(const Segment& segment) {
  std::vector<Obstacle> now = obstacles_now(segment);
  for (Obstacle& it : now)
    for (const Obstacle& before : all_)
      if (same(it, before) && it.look.switches == before.look.switches) it.since_ns = before.since_ns;
  all_ = std::move(now);
}

Eviction evict(const Segment& segment, const Obstacle& obstacle, int* pidfd) {
  const Party& holder = obstacle.holder;
  if (holder.pid == 0) return Eviction::no_task;
  if (holder.started == 0) return Eviction::unknown;
  const int process = static_cast<int>(syscall(SYS_pidfd_open, holder.pid, 0));
  if (process < 0) return errno == ESRCH ? Eviction::gone : Eviction::unknown;
  // From here on the descriptor means one process: is it the one that joined, and still in the way?
  uint32_t parent = 0;
  uint64_t started = 0;
  Eviction result = Eviction::killed;
  if (!process_times(holder.pid, parent, started) || started != holder.started)
    result = Eviction::gone;
  else if (again(obstacles_now(segment), obstacle) == nullptr)
    result = Eviction::changed;
  else if (syscall(SYS_pidfd_send_signal, process, SIGKILL, nullptr, 0) != 0)
    result = errno == EPERM ? Eviction::not_permitted : Eviction::gone;
  if (pidfd != nullptr && result == Eviction::killed)
    *pidfd = process;
  else
    close(process);
  return result;
}

void start_evicting(Segment& segment) {
  try {
    std::thread(evict_for_ever, std::ref(segment)).detach();
  } catch (const std::system_error&) {
    // Nobody is evicted then.
  }
}

}  // namespace portolan
