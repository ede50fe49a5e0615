// SPDX-License-Identifier: Apache-2.0
// The table is made of chunks that are never freed, so that whether a number means anything to us is seen
// without a lock: that is what every close of the program pays.
//
// Locks: the table's mutex is a leaf: no queue's lock is taken with it. A fork takes it, so that the child
// finds the table as it should be; the child closes its copies of all queues' descriptors and forgets them,
// as Darwin's does (kqueue 2). The memory stays, for their locks may be in any state.
#include "kqueue/descriptors.hpp"

#include <errno.h>
#include <linux/kcmp.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <mutex>

#include "kqueue/kqueue.hpp"
#include "kqueue/port_watch.hpp"
#include "kqueue/pulse.hpp"

namespace portolan::kq {

namespace {

constexpr int kChunk = 1024, kChunks = 1024;

struct Row {
  std::atomic<Kqueue*> kqueue;  // changed under the mutex
  std::atomic<uint32_t> watched;
  std::atomic<int> error;
};

std::atomic<Row*> g_chunks[kChunks];

std::mutex g_mutex;
// Every queue, in a table that grows; empty places are null.
Kqueue** g_queues;
size_t g_queue_count, g_queue_room;
pid_t g_pid;

Row* row_of(int fd) {
  if (fd < 0 || fd >= kChunk * kChunks) return nullptr;
  Row* chunk = g_chunks[fd / kChunk].load(std::memory_order_acquire);
  return chunk == nullptr ? nullptr : &chunk[fd % kChunk];
}

Row* make_row(int fd) {
  if (Row* there = row_of(fd)) return there;
  if (fd < 0 || fd >= kChunk * kChunks) return nullptr;
  auto* chunk = static_cast<Row*>(calloc(kChunk, sizeof(Row)));
  Row* expected = nullptr;
  if (chunk != nullptr && !g_chunks[fd / kChunk].compare_exchange_strong(expected, chunk)) free(chunk);
  return row_of(fd);
}

// Another number of the same queue, -1: none that we know. With the mutex.
int other_number(const Kqueue* kqueue) {
  for (int i = 0; i < kChunks; i++) {
    Row* chunk = g_chunks[i].load(std::memory_order_relaxed);
    for (int j = 0; chunk != nullptr && j < kChunk; j++)
      if (chunk[j].kqueue.load(std::memory_order_relaxed) == kqueue) return i * kChunk + j;
  }
  return -1;
}

// The queue's number goes. Returns the queue if it was the last one. With the mutex.
Kqueue* forget_number(Row& row, int fd) {
  Kqueue* kqueue = row.kqueue.load(std::memory_order_relaxed);
  if (kqueue == nullptr) return nullptr;
  row.kqueue.store(nullptr, std::memory_order_relaxed);
  const int other = other_number(kqueue);
  if (other >= 0) {
    if (kqueue->fd() == fd) kqueue->renumber(other);
    return nullptr;
  }
  for (size_t i = 0; i < g_queue_count; i++)
    if (g_queues[i] == kqueue) g_queues[i] = g_queues[--g_queue_count];
  return kqueue;
}

// A vfork child shares our memory, but not our descriptors.
bool of_another_process() { return getpid() != g_pid; }

// What is locked here the forking thread's own handlers may want.
void before_fork() {
  fork_section_begin();
  pulse_before_fork();
  g_mutex.lock();
  port_watch_before_fork();
}
void after_fork() {
  port_watch_in_parent();
  g_mutex.unlock();
  pulse_in_parent();
  fork_section_end_in_parent();
}
void in_child() {
  g_pid = getpid();
  for (int i = 0; i < kChunks; i++) {
    Row* chunk = g_chunks[i].load(std::memory_order_relaxed);
    for (int j = 0; chunk != nullptr && j < kChunk; j++) {
      if (chunk[j].kqueue.load(std::memory_order_relaxed) != nullptr) close_quietly(i * kChunk + j);
      chunk[j].kqueue.store(nullptr, std::memory_order_relaxed);
      chunk[j].watched.store(0, std::memory_order_relaxed);
      chunk[j].error.store(0, std::memory_order_relaxed);
    }
  }
  for (size_t i = 0; i < g_queue_count; i++) g_queues[i]->close_in_child();
  g_queue_count = 0;
  port_watch_in_child();
  g_mutex.unlock();
  pulse_in_child();
  fork_section_end_in_child();
}

bool same_file(int fd, int other) {
  const long pid = getpid();
  return syscall(SYS_kcmp, pid, pid, KCMP_FILE, fd, other) == 0;
}

// Queues are told one by one and without the mutex.
void tell_watchers(int fd) {
  constexpr size_t kFew = 32;
  Kqueue* few[kFew];
  Kqueue** queues = few;
  size_t count = 0;
  {
    const Section section;
    const std::lock_guard<std::mutex> lock(g_mutex);
    if (g_queue_count > kFew) queues = static_cast<Kqueue**>(malloc(g_queue_count * sizeof(Kqueue*)));
    for (; queues != nullptr && count < g_queue_count; count++) {
      queues[count] = g_queues[count];
      queues[count]->reference();
    }
  }
  for (size_t i = 0; i < count; i++) {
    queues[i]->descriptor_closes(fd);
    queues[i]->release();
  }
  if (queues != few) free(queues);
}

}  // namespace

void close_quietly(int fd) {
  const int saved = errno;
  syscall(SYS_close, fd);
  errno = saved;
}

bool descriptor_opened(Kqueue* kqueue) {
  const Section section;
  const std::lock_guard<std::mutex> lock(g_mutex);
  if (g_pid == 0) {
    pthread_atfork(before_fork, after_fork, in_child);
    g_pid = getpid();
  }
  if (g_queue_count == g_queue_room) {
    const size_t room = g_queue_room == 0 ? 16 : g_queue_room * 2;
    auto** grown = static_cast<Kqueue**>(realloc(g_queues, room * sizeof(Kqueue*)));
    if (grown == nullptr) return false;
    g_queues = grown;
    g_queue_room = room;
  }
  Row* row = make_row(kqueue->fd());
  if (row == nullptr) return false;
  // A queue that was closed without our seeing it leaves its number here.
  forget_number(*row, kqueue->fd());
  row->kqueue.store(kqueue, std::memory_order_relaxed);
  g_queues[g_queue_count++] = kqueue;
  return true;
}

Kqueue* kqueue_of(int fd) {
  const Section section;
  const std::lock_guard<std::mutex> lock(g_mutex);
  Row* row = row_of(fd);
  Kqueue* kqueue = row == nullptr ? nullptr : row->kqueue.load(std::memory_order_relaxed);
  // A number that we have not seen may be a copy, made by a call that we do not stand in front of.
  for (size_t i = 0; kqueue == nullptr && fd >= 0 && i < g_queue_count; i++)
    if (same_file(fd, g_queues[i]->fd())) {
      kqueue = g_queues[i];
      if ((row = make_row(fd)) != nullptr) row->kqueue.store(kqueue, std::memory_order_relaxed);
    }
  if (kqueue != nullptr) kqueue->reference();
  return kqueue;
}

bool descriptor_watched(int fd) {
  Row* row = make_row(fd);
  if (row != nullptr) row->watched.fetch_add(1, std::memory_order_relaxed);
  return row != nullptr;
}

void descriptor_unwatched(int fd) {
  if (Row* row = row_of(fd)) row->watched.fetch_sub(1, std::memory_order_relaxed);
}

void descriptor_keep_error(int fd, int error) {
  if (Row* row = row_of(fd)) row->error.store(error, std::memory_order_relaxed);
}

int descriptor_kept_error(int fd) {
  const Row* row = row_of(fd);
  return row == nullptr ? 0 : row->error.load(std::memory_order_relaxed);
}

int descriptor_take_error(int fd) {
  Row* row = row_of(fd);
  if (row == nullptr || row->error.load(std::memory_order_relaxed) == 0) return 0;
  return row->error.exchange(0, std::memory_order_relaxed);
}

void descriptor_closing(int fd) {
  Row* row = row_of(fd);
  if (row == nullptr) return;
  const bool watched = row->watched.load(std::memory_order_relaxed) != 0;
  if (!watched && row->kqueue.load(std::memory_order_relaxed) == nullptr) return;
  if (of_another_process()) return;
  row->error.store(0, std::memory_order_relaxed);
  if (watched) tell_watchers(fd);
  Kqueue* gone = nullptr;
  {
    const Section section;
    const std::lock_guard<std::mutex> lock(g_mutex);
    gone = forget_number(*row, fd);
  }
  if (gone == nullptr) return;
  gone->drain();
  gone->release();
}

void descriptors_closing(unsigned first, unsigned last) {
  for (uint64_t fd = first; fd <= last && fd < uint64_t{kChunk} * kChunks;) {
    if (g_chunks[fd / kChunk].load(std::memory_order_acquire) == nullptr) {
      fd = (fd / kChunk + 1) * kChunk;
      continue;
    }
    descriptor_closing(static_cast<int>(fd++));
  }
}

void descriptor_copied(int fd, int copy) {
  Row* row = row_of(fd);
  if (row == nullptr || row->kqueue.load(std::memory_order_relaxed) == nullptr || of_another_process())
    return;
  const Section section;
  const std::lock_guard<std::mutex> lock(g_mutex);
  Kqueue* kqueue = row->kqueue.load(std::memory_order_relaxed);
  Row* other = kqueue == nullptr ? nullptr : make_row(copy);
  if (other != nullptr) other->kqueue.store(kqueue, std::memory_order_relaxed);
}

}  // namespace portolan::kq
