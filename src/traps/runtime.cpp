// SPDX-License-Identifier: Apache-2.0
// Joining and attaching, leaving. See runtime.hpp for what lives where.
//
// Locks: `Process::lock` while a process joins; none of the kernel's is held across these functions. If we
// die here: a thread without a task, or a task without threads, both found by whoever reaps.
#include "traps/runtime.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <new>

#include "segment/futex.hpp"
#include "segment/guard.hpp"
#include "segment/no_cancel.hpp"
#include "segment/recovery.hpp"
#include "segment/text.hpp"
#include "traps/founder.hpp"
#include "traps/process.hpp"
#include "traps/signals.hpp"
#include "traps/signals_lost.hpp"

namespace portolan {

constinit thread_local ThreadContext t_context;
constinit Process* g_process = nullptr;

namespace {

Settings g_settings;
DomainError g_error;
bool g_refused;  // survives a fork: the children of a program that is in no domain are in none either
pthread_key_t g_detach_key;

static_assert(sizeof(Process) <= kPage);

bool number(const char* text, uint64_t& value) {
  if (text == nullptr || *text == 0) return false;
  uint64_t sum = 0;
  for (; *text != 0; text++) {
    if (*text < '0' || *text > '9' || sum > 1'000'000'000'000) return false;
    sum = sum * 10 + static_cast<uint64_t>(*text - '0');
  }
  value = sum;
  return true;
}

void complain() {
  char line[768];
  Text text(line);
  text << "portolan: " << g_error.message;
  if (g_error.remedy[0] != 0) text << " (" << g_error.remedy << ")";
  text << "\n";
  (void)!write(2, line, strlen(line));
}

void read_guard(const char* wish) {
  if (strcmp(wish, "off") == 0 || strcmp(wish, "0") == 0) {
    g_settings.guard = Guard::off;
  } else if (strcmp(wish, "mprotect") == 0) {
    g_settings.guard = Guard::mapping;
  } else if (*wish != 0 && strcmp(wish, "auto") != 0) {
    char line[256];
    Text text(line);
    text << "portolan: PORTOLAN_GUARD=" << wish << " is none of auto, mprotect, off: taken for auto\n";
    (void)!write(2, line, strlen(line));
  }
}

void read_evict(const char* wish) {
  constexpr uint64_t kMost = 1'000'000'000;  // seconds
  uint64_t seconds = 0;
  if (number(wish, seconds) && seconds <= kMost) {
    g_settings.evict_after = static_cast<int64_t>(seconds);
  } else if (*wish != 0) {
    char line[256];
    Text(line) << "portolan: PORTOLAN_EVICT_STOPPED=" << wish << " is no whole number of seconds: ignored\n";
    (void)!write(2, line, strlen(line));
  }
}

// What this program asks of the domain that it has joined, for all who are in it.
void ask_of_domain(Segment& segment) {
  Header& header = segment.header();
  if (g_settings.domain_flags != 0) header.flags.fetch_or(g_settings.domain_flags);
  if (g_settings.evict_after < 0) return;
  header.evict_after.store(static_cast<uint32_t>(g_settings.evict_after));
  futex_wake(header.evict_after.address(), 1);  // launchd sleeps on it where nothing was asked so far
}

void read_settings() {
  g_settings.secure = getauxval(AT_SECURE) != 0;
  if (g_settings.secure) {
    g_error.set(DomainFault::secure, "a set-user-id program joins no domain");
    g_refused = true;
    return;
  }
  const char* sites = getenv("PORTOLAN_SITES");
  const char* guard = getenv("PORTOLAN_GUARD");
  g_settings.sites = sites != nullptr && sites[0] != 0 && strcmp(sites, "0") != 0;
  if (guard != nullptr) read_guard(guard);
  if (const char* evict = getenv("PORTOLAN_EVICT_STOPPED")) read_evict(evict);
  uint64_t value = 0;
  if (number(getenv("PORTOLAN_SPIN"), value)) g_settings.spin_ns = value;
  if (number(getenv("PORTOLAN_DOMAIN_FLAGS"), value)) g_settings.domain_flags = static_cast<uint32_t>(value);
  if (!domain_place(getenv("PORTOLAN_DOMAIN"), g_settings.place, g_error)) {
    complain();
    g_refused = true;
  }
}

// Runs last of all destructors of a thread: it puts itself off as often as the C library lets it. But before a
// sanitizer's, which takes the last round and takes away what our code needs then.
#if defined(PORTOLAN_SANITIZED)
constexpr uintptr_t kRounds = PTHREAD_DESTRUCTOR_ITERATIONS - 1;
#else
constexpr uintptr_t kRounds = PTHREAD_DESTRUCTOR_ITERATIONS;
#endif
void thread_exits(void* rounds) {
  const auto done = reinterpret_cast<uintptr_t>(rounds);
  if (done < kRounds) {
    pthread_setspecific(g_detach_key, reinterpret_cast<void*>(done + 1));
    return;
  }
  runtime_leave(t_context);
}

ProcessFacts facts_of_this_process() {
  ProcessFacts facts;
  facts.pid = static_cast<uint32_t>(syscall(SYS_getpid));
  uid_t ruid = 0, euid = 0, suid = 0;
  gid_t rgid = 0, egid = 0, sgid = 0;
  getresuid(&ruid, &euid, &suid);
  getresgid(&rgid, &egid, &sgid);
  facts.uid = euid, facts.ruid = ruid, facts.gid = egid, facts.rgid = rgid;
  uint32_t parent = 0;
  process_times(facts.pid, parent, facts.start_time);
  const int fd = open("/proc/self/comm", O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    const ssize_t length = read(fd, facts.program, sizeof facts.program - 1);
    if (length > 0 && facts.program[length - 1] == '\n') facts.program[length - 1] = 0;
    close(fd);
  }
  return facts;
}

// The nearest ancestor that is a task: a shell between two tasks is none.
Target<ipc::Task> nearest_parent(const Segment& segment) {
  uint32_t pid = static_cast<uint32_t>(getppid());
  for (unsigned i = 0; i < 16 && pid > 1; i++) {
    uint64_t started = 0;
    uint32_t parent = 0;
    const bool known = process_times(pid, parent, started);
    const Target<ipc::Task> task = task_of_pid(segment, pid);
    // It may be one that died and whose pid another process has by now.
    if (task && (!known || segment.at(task.handle).start_time == started)) return task;
    if (!known) break;
    pid = parent;
  }
  return {};
}

void detach(ThreadContext& context) {
  life_leave(context.life);
  context.thread.detach();
  life_left(context.life);
}

// What the attached thread's slot is about once its task is known.
bool belong(ThreadContext& context, Process& process) {
  if (!task_thread_attach(context.thread, process.task)) return false;
  context.thread.interrupt_word = &context.interrupts;
  context.thread.slot().pthread.store(static_cast<uint64_t>(pthread_self()));
  context.thread.spin.limit_ns = g_settings.spin_ns;
  pthread_setspecific(g_detach_key, reinterpret_cast<void*>(1));
  return true;
}

bool make_task(Process& process, ThreadContext& context) {
  Thread& self = context.thread;
  const ProcessFacts facts = facts_of_this_process();
  task_bury_previous(self, facts.pid);
  Inheritance from;
  embryo_for_me(from.embryo, from.nonce);
  from.parent = nearest_parent(process.segment);
  if (task_create(self, facts, from, process.task) != KERN_SUCCESS) {
    g_error.set(DomainFault::no_memory, "the domain has no memory for another task", g_settings.place.path, 0,
                "free space in /dev/shm, or raise its size");
    return false;
  }
  const ipc::Task& task = process.segment.at(process.task);
  process.space = Handle<ipc::Space>{task.space};
  process.task_port = task.port;
  process.pid = static_cast<int32_t>(facts.pid);
  if (!belong(context, process)) {
    g_error.set(DomainFault::system, "this task was taken for an ended one as it joined",
                g_settings.place.path);
    return false;
  }
  const uint32_t flags = (guard_active() ? 0u : uint32_t{ipc::kTaskUnguarded}) |
                         (guard_by_mapping() ? uint32_t{ipc::kTaskGuardedByMapping} : 0u) |
                         (signals_in_charge() ? 0u : uint32_t{ipc::kTaskNoFaultHandler}) |
                         (launchd_restricted() ? kTaskRestricted : 0u);
  if (flags != 0) task_flag(self, process.task, flags, true);
  // In this order, so that the names are those that Darwin gives.
  const mach_port_name_t own = task_self(self, process.task, process.space);
  mach_port_name_t bootstrap = MACH_PORT_NULL;
  if (task_get_special_port(self, process.task, 4, process.space, bootstrap) != KERN_SUCCESS)
    bootstrap = MACH_PORT_NULL;
  process_set_variables(own, bootstrap);
  return true;
}

bool join(Process& process, ThreadContext& context) {
  new (&process.segment) Segment{};
  if (!domain_enter(g_settings.place, DomainEntry::join_or_make, kFounder, process.segment, context.thread,
                    g_error))
    return false;
  life_enter(context.life, process.segment.life(context.thread.index()));
  process.segment.launchd_died = launchd_died;
  guard_protect(process.segment, g_settings.guard);
  const uint32_t rights = guard_open();
  const bool made = make_task(process, context);
  if (made) {
    ask_of_domain(process.segment);
    ring_launchd(process.segment);
    launchd_ensure(context.thread);
  } else {
    detach(context);
  }
  guard_close(rights);
  if (!made) {
    domain_unmap(process.segment);
    return false;
  }
  const uint64_t epoch = (monotonic_ns() << 16 ^ static_cast<uint64_t>(process.pid)) | 1;
  context.epoch = epoch;
  process.state = Joined::joined;
  process.epoch.store(epoch, std::memory_order_release);
  return true;
}

bool join_once(Process& process, ThreadContext& context) {
  uint32_t free = 0;
  while (!process.lock.compare_exchange(free, 1)) {
    free = 0;
    sched_yield();
  }
  bool joined = process.state == Joined::joined;
  if (process.state == Joined::not_yet) {
    joined = !g_refused && join(process, context);
    if (!joined) {
      process.state = Joined::refused;
      if (!g_refused) complain();
      g_refused = true;
      process_set_variables(MACH_PORT_NULL, MACH_PORT_NULL);
    }
  }
  process.lock.store(0, std::memory_order_release);
  return joined;
}

bool attach(Process& process, ThreadContext& context) {
  const uint32_t rights = guard_open();
  bool done = context.thread.attach(process.segment, static_cast<uint32_t>(syscall(SYS_gettid)));
  if (done) {
    life_enter(context.life, process.segment.life(context.thread.index()));
    done = belong(context, process);
    if (!done) detach(context);
  }
  guard_close(rights);
  if (done) context.epoch = process.epoch.load();
  return done;
}

}  // namespace

const Settings& settings() { return g_settings; }
const DomainError& runtime_error() { return g_error; }

void runtime_init() {
  if (g_process != nullptr) return;
  void* page = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) kernel_panic("there is no memory for the library's own page");
  madvise(page, kPage, MADV_WIPEONFORK);
  madvise(page, kPage, MADV_DONTDUMP);
  pthread_key_create(&g_detach_key, thread_exits);
  read_settings();
  signals_init();
  lost_init();
  process_init();
  g_process = static_cast<Process*>(page);
}

bool runtime_enter(ThreadContext& context) {
  const NoCancel no_cancel;
  runtime_init();
  Process& process = *g_process;
  if (context.epoch != 0) {
    // This thread's memory was copied by a fork: the slot it knows is its parent's.
    life_forget(context.life);
    new (&context.thread) Thread{};
    context.epoch = 0;
  }
  if (process.epoch.load(std::memory_order_acquire) == 0 && !join_once(process, context)) return false;
  return context.epoch == process.epoch.load() || attach(process, context);
}

void runtime_leave(ThreadContext& context) {
  if (context.epoch == 0 || g_process == nullptr || context.epoch != g_process->epoch.load()) return;
  context.section++;
  crash_fence();
  const uint32_t rights = guard_open();
  Thread& self = context.thread;
  const ThreadContext* const in_place_of_a_trap = &context;
  context.section_sp = reinterpret_cast<uintptr_t>(&in_place_of_a_trap);
  if (g_process->lost == 0 && self.segment().header().lost.load() == 0) {
    runtime_abandoned(context);
    task_thread_gone(self, self.slot());
    detach(context);
  }
  context.epoch = 0;
  guard_close(rights);
  crash_fence();
  context.section--;
  if (context.section == 0 && context.deferred != 0) signals_deliver(context);
}

void runtime_abandoned(ThreadContext& context) {
  Thread& self = context.thread;
  ThreadSlot& slot = self.slot();
  if ((slot.log_length.load() | slot.held_count.load()) != 0) recover_own_section(self);
  slot.depth.init(0);
  const UpperLayers& upper = *self.segment().upper;
  for (Frame& frame : slot.frames) {
    if (frame.state != 0) upper.finish_wait(self, slot, self.index(), frame);
    for (Hold& hold : frame.holds)
      if (hold.kind != 0) upper.finish_hold(self, slot, hold);
  }
  settle(self);
}

}  // namespace portolan
