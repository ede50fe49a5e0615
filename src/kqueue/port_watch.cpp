// SPDX-License-Identifier: Apache-2.0
// Locks: the table's mutex is below those of queues, and held over traps and over a fork. The thread takes it
// to see which queues to tell, with a reference on each, and lets it go before it takes their locks.
#include "kqueue/port_watch.hpp"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include <cstdlib>
#include <mutex>
#include <new>

#include "kqueue/kqueue.hpp"
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
};

std::mutex g_mutex;
Row** g_buckets;
uint32_t g_bucket_count, g_rows;
bool g_running;

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

// -- the thread

// The n-th queue that watches the name, with a reference.
Kqueue* watcher_of(mach_port_name_t name, unsigned n) {
  const std::lock_guard<std::mutex> lock(g_mutex);
  for (Row* walk = g_bucket_count == 0 ? nullptr : *bucket(name); walk != nullptr; walk = walk->next)
    if (walk->name == name && n-- == 0) {
      walk->kqueue->reference();
      return walk->kqueue;
    }
  return nullptr;
}

// A queue that begins or ends to watch meanwhile looks for itself.
void tell(mach_port_name_t name) {
  for (unsigned n = 0; Kqueue* kqueue = watcher_of(name, n); n++) {
    {
      const Locked lock(*kqueue);
      kqueue->activate_all(name, EVFILT_MACHPORT);
    }
    kqueue->release();
  }
}

// The domain is lost: whoever watches something in it is to see that.
void tell_everybody() {
  for (uint32_t i = 0;; i++) {
    mach_port_name_t name = MACH_PORT_NULL;
    {
      const std::lock_guard<std::mutex> lock(g_mutex);
      if (i >= g_bucket_count) break;
      if (g_buckets[i] == nullptr) continue;
      name = g_buckets[i]->name;
    }
    tell(name);
  }
}

// KERN_TERMINATED: there is no kernel any more.
kern_return_t wait(ipc::Name& name) {
  const Trap trap;
  return trap.ok() ? trap.leave(ipc::watch_wait(trap.thread(), trap.space(), name)) : KERN_TERMINATED;
}

void* run(void*) {
  for (;;) {
    ipc::Name name;
    const kern_return_t code = wait(name);
    if (code == KERN_SUCCESS) {
      tell(name.value);
      continue;
    }
    if (code == KERN_TERMINATED) tell_everybody();
    const std::lock_guard<std::mutex> lock(g_mutex);
    if (g_rows != 0 && code != KERN_TERMINATED) continue;
    g_running = false;
    return nullptr;
  }
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
  g_running = pthread_create(&thread, &attributes, run, nullptr) == 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  return g_running;
}

int add(Row& row) {
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

void remove(const Row& row) {
  const Trap trap;
  if (!trap.ok()) return;
  ipc::watch_remove(trap.thread(), trap.space(), row.watch);
  if (g_rows == 0) ipc::watch_knock(trap.thread(), trap.space());
}

}  // namespace

int port_watch(Kqueue& kqueue, mach_port_name_t name) {
  const std::lock_guard<std::mutex> lock(g_mutex);
  if (Row** there = find(kqueue, name)) {
    (*there)->knotes++;
    return 0;
  }
  auto* row = new (std::nothrow) Row{name, &kqueue, 1, {}, nullptr};
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
  g_rows--;
  remove(*row);
  delete row;
}

ipc::Armed port_arm(const Kqueue& kqueue, mach_port_name_t name, ipc::Arm how) {
  const std::lock_guard<std::mutex> lock(g_mutex);
  Row** there = find(kqueue, name);
  const Trap trap;
  if (there == nullptr || !trap.ok()) return ipc::Armed::gone;
  return trap.leave(ipc::watch_arm(trap.thread(), trap.space(), (*there)->watch, how));
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
  g_running = false;
  g_mutex.unlock();
}

}  // namespace portolan::kq
