// SPDX-License-Identifier: Apache-2.0
// The leak of this example. mach_task_self() costs nothing, because it reads a variable; mach_thread_self()
// looks alike and hands out one more user reference of a send right at each call, for the caller to give
// back. Nobody does here, unless the program runs with --clean. The name of a thread that has ended stays
// behind as a dead name, with all its references, and takes up a slot of the task's table for good.
#include "base/thread_id.h"

#include <atomic>

namespace base {

namespace {

std::atomic<bool> g_release{false};
std::atomic<uint64_t> g_references{0};
std::atomic<uint64_t> g_names{0};

// A thread has one name, however often it asks.
void CountLeak() {
  static thread_local bool known = false;
  if (!known) g_names.fetch_add(1, std::memory_order_relaxed);
  known = true;
  g_references.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

// The name of the thread's port is as good a number as any, and every thread has one. What comes with it is
// easily overlooked.
mach_port_t CurrentId() {
  const mach_port_t thread = mach_thread_self();
  if (!MACH_PORT_VALID(thread)) return thread;
  if (g_release.load(std::memory_order_relaxed)) {
    mach_port_deallocate(mach_task_self(), thread);
  } else {
    CountLeak();
  }
  return thread;
}

void ReleaseThreadPorts() { g_release.store(true, std::memory_order_relaxed); }

Leaked LeakedThreadPorts() {
  return {g_references.load(std::memory_order_relaxed), g_names.load(std::memory_order_relaxed)};
}

}  // namespace base
