// SPDX-License-Identifier: Apache-2.0
// What this process knows of its domain, and each thread of itself: the only globals between the C functions
// and the kernel, which is handed everything as arguments.
//
// Process lies on a page that a fork wipes (MADV_WIPEONFORK): a child, however it was made, finds epoch 0 and
// joins afresh; a vfork child shares it. ThreadContext is thread-local and is copied by a fork: a context
// whose epoch is not the process's belongs to another life and attaches again (KERNEL.md 14).
#pragma once

#include <signal.h>

#include "ipc/objects.hpp"
#include "segment/domain.hpp"
#include "segment/guard.hpp"
#include "segment/life.hpp"
#include "segment/thread.hpp"

namespace portolan {

enum class Joined : uint32_t { not_yet, joined, refused };

struct Process {
  Hint<uint64_t> epoch;         // of this process's life in a domain; 0: not joined
  Hint<uint32_t> lock;          // held by who joins
  Hint<uint32_t> signals_lock;  // held by who changes the table of handlers
  Joined state;
  uint32_t lost;  // the segment's memory is gone from under us
  int32_t pid;
  Handle<ipc::Task> task;
  Handle<ipc::Space> space;
  uint32_t task_port;              // Port element of the task's control port
  Hint<uint64_t> launchd_checked;  // when this process last looked after launchd, monotonic
  Segment segment;
};

// Signals that arrived inside a section, to be sent again at its end: one asynchronous one, after which they
// are blocked, and those few that never are. Where there are more of those, the fact is kept and nothing
// else.
inline constexpr unsigned kDeferredMax = 3;

struct ThreadContext {
  Thread thread;
  uint64_t epoch = 0;
  LifeLink life;
  uintptr_t section_sp = 0;  // where the outermost section's Trap lies
  uint32_t section = 0;      // not 0: asynchronous handlers are deferred
  uint32_t covers = 0;       // of these, the Sections that are below any trap
  uint32_t deferred = 0;     // how many are, in `saved`
  uint32_t interrupts = 0;   // +1 by each: Thread::interrupt_word points here
  uint32_t trap_count = 0;
  uint64_t old_mask = 0;  // as it was when the first was deferred
  uint64_t more = 0;      // signals without room in `saved`
  int poke = -1;          // an eventfd that ends a wait in a system call, while a Section waits in one
  siginfo_t saved[kDeferredMax] = {};
};

extern constinit thread_local ThreadContext t_context;
extern constinit Process* g_process;

// The settings that this image was started with.
struct Settings {
  bool secure = false;        // set-user-id and the like: joins nothing, believes nothing
  bool sites = false;         // PORTOLAN_SITES
  Guard guard = Guard::keys;  // PORTOLAN_GUARD; `keys` where there are some
  uint64_t spin_ns = 10'000;  // PORTOLAN_SPIN
  uint32_t domain_flags =
      0;                     // PORTOLAN_DOMAIN_FLAGS: what our domain is asked to do from now on (DomainFlag)
  int64_t evict_after = -1;  // PORTOLAN_EVICT_STOPPED: Header::evict_after from now on; negative: as it is
  DomainPlace place;         // PORTOLAN_DOMAIN
};
const Settings& settings();

// Sets the process up if the library's constructor has not run yet; called by everything that may come first.
void runtime_init();

// Joins the domain, as a task of its own, if that was not tried yet, and attaches the calling thread. The
// caller has marked a section. False: no domain; the reason was written to standard error.
bool runtime_enter(ThreadContext& context);
// The calling thread leaves the domain; a later trap attaches it again.
void runtime_leave(ThreadContext& context);
// Why joining failed; code `none` when it did not.
const DomainError& runtime_error();

// After a jump out of a trap: what the trap left open is undone, what it had in hand finished.
void runtime_abandoned(ThreadContext& context);

}  // namespace portolan
