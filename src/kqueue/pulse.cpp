// SPDX-License-Identifier: Apache-2.0
// Locks: the counts are atomic, for handlers write them; the rest is under a mutex of its own, which is a
// leaf and is held over a fork.
#include "kqueue/pulse.hpp"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <mutex>

#include "kqueue/descriptors.hpp"
#include "kqueue/filters.hpp"
#include "kqueue/kqueue.hpp"
#include "traps/signals.hpp"

namespace portolan::kq {

namespace {

constexpr int kSignals = 65;

std::atomic<uint32_t> g_sent[kSignals];
std::atomic<uint32_t> g_forks;
std::atomic<int> g_fd{-1};

std::mutex g_mutex;
uint32_t g_counting[kSignals];  // knotes of each

void beat() {
  const int fd = g_fd.load(std::memory_order_relaxed);
  const uint64_t one = 1;
  const int saved = errno;
  if (fd >= 0 && write(fd, &one, sizeof one) < 0) errno = saved;  // it cannot be full in our time
}

// In a handler. Signals to single threads do not count (kqueue 7.7).
void seen(int signal, const siginfo_t& info) {
  if (info.si_code == SI_TKILL) return;
  g_sent[signal].fetch_add(1, std::memory_order_relaxed);
  beat();
}

void look(Kqueue& kqueue, Source&) {
  signal_beat(kqueue);
  proc_beat(kqueue);
}

}  // namespace

uint32_t signals_sent(int signal) { return g_sent[signal].load(std::memory_order_relaxed); }
uint32_t forks_made() { return g_forks.load(std::memory_order_relaxed); }

int pulse_join(Kqueue& kqueue) {
  if (kqueue.shared.pulse_users > 0) {
    kqueue.shared.pulse_users++;
    return 0;
  }
  int fd;
  {
    const std::lock_guard<std::mutex> lock(g_mutex);
    if (g_fd < 0) g_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    fd = g_fd < 0 ? -1 : fcntl(g_fd, F_DUPFD_CLOEXEC, 0);
  }
  if (fd < 0) return errno;
  kqueue.shared.pulse = kqueue.watch(fd, EPOLLIN | EPOLLET, look, nullptr);
  if (kqueue.shared.pulse == nullptr) return errno;
  kqueue.shared.pulse_users = 1;
  return 0;
}

void pulse_leave(Kqueue& kqueue) {
  if (--kqueue.shared.pulse_users == 0) kqueue.unwatch(kqueue.shared.pulse);
}

void signal_count(int signal) {
  const std::lock_guard<std::mutex> lock(g_mutex);
  if (g_counting[signal]++ == 0) signal_watch(signal, seen);
}

void signal_uncount(int signal) {
  const std::lock_guard<std::mutex> lock(g_mutex);
  if (--g_counting[signal] == 0) signal_watch(signal, nullptr);
}

void pulse_before_fork() { g_mutex.lock(); }

void pulse_in_parent() {
  g_mutex.unlock();
  g_forks.fetch_add(1, std::memory_order_relaxed);
  beat();
}

void pulse_in_child() {
  const int fd = g_fd.exchange(-1);
  if (fd >= 0) close_quietly(fd);
  for (int signal = 1; signal < kSignals; signal++)
    if (g_counting[signal] != 0) {
      g_counting[signal] = 0;
      signal_watch(signal, nullptr);
    }
  g_mutex.unlock();
}

}  // namespace portolan::kq
