// SPDX-License-Identifier: Apache-2.0
// Locks: the table's mutex is below those of queues, and held over traps and over a fork. The thread takes it
// to see which queues to tell, with a reference on each, and lets it go before it takes their locks.
//
// A trap in which the domain is lost ends the function that made it, and runs nothing of what that had left
// to do (traps/signals_lost.cpp). So traps are made in functions of their own, which hold nothing else.
#include "kqueue/port_watch.hpp"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include <cstdlib>
#include <mutex>
#include <new>

#include "kqueue/kqueue.hpp"
#include "segment/futex.hpp"
#include "traps/trap.hpp"

namespace portolan::kq {

namespace {

constexpr size_t kStack = 256 * 1024;
constexpr uint32_t kFirstBuckets = 16;

// One queue's interest in one name.
struct Row {
  mach_port_name_t name;
  Kqueue* kqueue;
  uint32_t knotes;
  Ref<ipc::Watch> watch;
  Row* next;
  bool rung;  // fired, and the queue has not been told
  Row* rung_next;
};

std::mutex g_mutex;
Row** g_buckets;
uint32_t g_bucket_count, g_rows;
Row* g_rung;

// The thread; its slot is 0 until it knows it.
bool g_running;
std::atomic<bool> g_called_off;
std::atomic<uint32_t> g_slot;

Row** bucket(mach_port_name_t name) { return &g_buckets[name * 0x9e3779b1u >> 8 & (g_bucket_count - 1)]; }

// False: no memory, and no table yet.
bool grow() {
  if (g_rows < g_bucket_count) return true;
  const uint32_t wanted = g_bucket_count == 0 ? kFirstBuckets : g_bucket_count * 2;
  auto** table = static_cast<Row**>(calloc(wanted, sizeof(Row*)));
  if (table == nullptr) return g_bucket_count != 0;
  Row** const old = g_buckets;
  const uint32_t had = g_bucket_count;
  g_buckets = table;
  g_bucket_count = wanted;
  for (uint32_t i = 0; i < had; i++)
    for (Row *walk = old[i], *next = nullptr; walk != nullptr; walk = next) {
      next = walk->next;
      walk->next = *bucket(walk->name);
      *bucket(walk->name) = walk;
    }
  free(old);
  return true;
}

Row** find(const Kqueue& kqueue, mach_port_name_t name) {
  if (g_bucket_count == 0) return nullptr;
  for (Row** walk = bucket(name); *walk != nullptr; walk = &(*walk)->next)
    if ((*walk)->name == name && (*walk)->kqueue == &kqueue) return walk;
  return nullptr;
}

// -- what has fired

// Takes it all off the kernel's ring. From here on it is in the list of rung rows, and nowhere in between:
// whoever looks has it in one place or the other.
[[gnu::noinline]] void gather() {
  const Trap trap;
  ipc::Name name;
  while (trap.ok() && ipc::watch_take(trap.thread(), trap.space(), name))
    for (Row* walk = *bucket(name.value); walk != nullptr; walk = walk->next) {
      if (walk->name != name.value || walk->rung) continue;
      walk->rung = true;
      walk->rung_next = g_rung;
      g_rung = walk;
    }
}

void unring(const Row& row) {
  for (Row** walk = &g_rung; *walk != nullptr; walk = &(*walk)->rung_next)
    if (*walk == &row) {
      *walk = row.rung_next;
      return;
    }
}

[[gnu::noinline]] void call_off_slot(uint32_t slot) {
  const Trap trap;
  if (trap.ok()) ipc::watch_call_off(trap.thread(), trap.space(), slot);
}

// The thread looks at the list.
void call_off_thread() {
  if (!g_running) return;
  g_called_off = true;
  call_off_slot(g_slot.load());
}

// -- the thread

// A queue that has not been told, with a reference.
Kqueue* untold() {
  const std::lock_guard<std::mutex> lock(g_mutex);
  if (g_bucket_count != 0) gather();
  if (g_rung == nullptr) return nullptr;
  g_rung->kqueue->reference();
  return g_rung->kqueue;
}

void tell_all() {
  while (Kqueue* kqueue = untold()) {
    {
      const Locked lock(*kqueue);
      port_collect(*kqueue);
    }
    kqueue->release();
  }
}

// The domain is lost: whoever watches something in it is to see that.
void ring_everything() {
  const std::lock_guard<std::mutex> lock(g_mutex);
  g_rung = nullptr;
  for (uint32_t i = 0; i < g_bucket_count; i++)
    for (Row* walk = g_buckets[i]; walk != nullptr; walk = walk->next) {
      walk->rung = true;
      walk->rung_next = g_rung;
      g_rung = walk;
    }
}

[[gnu::noinline]] uint32_t own_slot() {
  const Trap trap;
  return trap.ok() ? trap.thread().index() : 0;
}

// In a Section a signal may have come before the trap, which knows only of those that come after.
[[gnu::noinline]] ipc::Told wait(const ipc::WatchWait& how) {
  const Trap trap;
  if (t_context.deferred != 0) return ipc::Told::interrupted;
  return trap.ok() ? trap.leave(ipc::watch_wait(trap.thread(), trap.space(), how)) : ipc::Told::nothing;
}

// Is nothing watched any more? Then it goes.
bool leave() {
  const std::lock_guard<std::mutex> lock(g_mutex);
  g_called_off = false;
  if (g_rows != 0) return false;
  g_running = false;
  return true;
}

void* run(void*) {
  g_slot.store(own_slot());
  for (;;) {
    const ipc::Told told = wait({kNever, &g_called_off, false});
    if (told == ipc::Told::nothing) break;
    if (told == ipc::Told::called_off && leave()) return nullptr;
    tell_all();
  }
  ring_everything();
  tell_all();
  const std::lock_guard<std::mutex> lock(g_mutex);
  g_running = false;
  return nullptr;
}

bool start() {
  if (g_running) return true;
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, kStack);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  g_slot.store(0);
  g_called_off = false;
  g_running = pthread_create(&thread, &attributes, run, nullptr) == 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  return g_running;
}

[[gnu::noinline]] int add(Row& row) {
  const Trap trap;
  if (!trap.ok()) return ENOENT;
  switch (trap.leave(ipc::watch_add(trap.thread(), trap.space(), ipc::Name{row.name}, row.watch))) {
    case KERN_SUCCESS:
      return 0;
    case KERN_INVALID_NAME:
      return ENOENT;
    case KERN_INVALID_RIGHT:
      return ENOTSUP;
    default:
      return ENOMEM;
  }
}

[[gnu::noinline]] void remove(const Row& row) {
  const Trap trap;
  if (!trap.ok()) return;
  ipc::watch_remove(trap.thread(), trap.space(), row.watch);
}

[[gnu::noinline]] ipc::Armed arm(Ref<ipc::Watch> watch, ipc::Arm how) {
  const Trap trap;
  if (!trap.ok()) return ipc::Armed::gone;
  return trap.leave(ipc::watch_arm(trap.thread(), trap.space(), watch, how));
}

}  // namespace

int port_watch(Kqueue& kqueue, mach_port_name_t name) {
  const std::lock_guard<std::mutex> lock(g_mutex);
  if (Row** there = find(kqueue, name)) {
    (*there)->knotes++;
    return 0;
  }
  auto* row = new (std::nothrow) Row{name, &kqueue, 1, {}, nullptr, false, nullptr};
  if (row == nullptr || !grow()) {
    delete row;
    return ENOMEM;
  }
  const int error = add(*row);
  if (error == 0 && start()) {
    row->next = *bucket(name);
    *bucket(name) = row;
    g_rows++;
    return 0;
  }
  if (error == 0) remove(*row);
  delete row;
  return error == 0 ? ENOMEM : error;
}

void port_unwatch(Kqueue& kqueue, mach_port_name_t name) {
  const std::lock_guard<std::mutex> lock(g_mutex);
  Row** there = find(kqueue, name);
  if (there == nullptr || --(*there)->knotes > 0) return;
  Row* row = *there;
  *there = row->next;
  unring(*row);
  remove(*row);
  delete row;
  if (--g_rows == 0) call_off_thread();
}

ipc::Armed port_arm(const Kqueue& kqueue, mach_port_name_t name, ipc::Arm how) {
  const std::lock_guard<std::mutex> lock(g_mutex);
  Row** there = find(kqueue, name);
  return there == nullptr ? ipc::Armed::gone : arm((*there)->watch, how);
}

void port_collect(Kqueue& kqueue) {
  const std::lock_guard<std::mutex> lock(g_mutex);
  if (g_bucket_count == 0) return;
  gather();
  bool others = false;
  for (Row** link = &g_rung; *link != nullptr;) {
    Row* row = *link;
    if (row->kqueue != &kqueue) {
      others = true;
      link = &row->rung_next;
      continue;
    }
    *link = row->rung_next;
    row->rung = false;
    kqueue.activate_all(row->name, EVFILT_MACHPORT);
  }
  if (others) call_off_thread();
}

bool PortWait::prepare() {
  slot_ = own_slot();
  return slot_ != 0;
}

int PortWait::wait(uint64_t deadline_ns) {
  switch (kq::wait({deadline_ns, &called_off_, true})) {
    case ipc::Told::timed_out:
      return ETIMEDOUT;
    case ipc::Told::interrupted:
      return EINTR;
    default:
      return 0;
  }
}

void PortWait::call_off() {
  called_off_ = true;
  call_off_slot(slot_);
}

void port_watch_before_fork() { g_mutex.lock(); }
void port_watch_in_parent() { g_mutex.unlock(); }

// The thread is the parent's, and so is what it watches.
void port_watch_in_child() {
  for (uint32_t i = 0; i < g_bucket_count; i++)
    for (Row* walk = g_buckets[i]; walk != nullptr;) {
      Row* const next = walk->next;
      delete walk;
      walk = next;
    }
  free(g_buckets);
  g_buckets = nullptr;
  g_bucket_count = g_rows = 0;
  g_rung = nullptr;
  g_running = false;
  g_mutex.unlock();
}

}  // namespace portolan::kq
