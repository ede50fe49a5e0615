// SPDX-License-Identifier: Apache-2.0
#include "launchd/watch.hpp"

#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <system_error>
#include <thread>

#include "segment/domain_files.hpp"
#include "segment/futex.hpp"
#include "segment/text.hpp"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#ifndef FUTEX_32
#define FUTEX_32 2
#endif

namespace portolan {

namespace {

constexpr unsigned kWordsEach = 127;  // futex_waitv takes 128, and `deaths` is the first

struct WaitVector {
  uint64_t value, address;
  uint32_t flags, reserved;
};

void ring(int event) {
  const uint64_t one = 1;
  (void)!write(event, &one, sizeof one);
}

// Sleeps on `deaths` and on the life words from `first` on; rings whenever one of them has changed.
void help(Segment& segment, unsigned first, int event) {
  WaitVector vector[kWordsEach + 1];
  for (;;) {
    uint32_t* deaths = segment.header().deaths.address();
    vector[0] = {segment.header().deaths.load(), reinterpret_cast<uint64_t>(deaths), FUTEX_32, 0};
    unsigned count = 1;
    const unsigned end = std::min(segment.threads_high(), first + kWordsEach);
    const unsigned own = segment.header().launchd.load();
    for (unsigned i = first; i < end; i++) {
      if (i == own) continue;  // our own death is for those who sleep out there to hear of
      LifeWord& life = segment.life(i);
      const uint32_t word = life.word.load();
      if (word == 0 || (word & FUTEX_OWNER_DIED) != 0) continue;
      vector[count++] = {word, reinterpret_cast<uint64_t>(life.word.address()), FUTEX_32, 0};
    }
    const uint64_t limit = monotonic_ns() + 5'000'000'000;
    const timespec at{static_cast<time_t>(limit / 1'000'000'000), static_cast<long>(limit % 1'000'000'000)};
    const long woken = syscall(SYS_futex_waitv, vector, count, 0, &at, CLOCK_MONOTONIC);
    if (woken < 0 && errno == ENOSYS) return;
    if (woken < 0 && errno != EAGAIN) continue;
    // Others may sleep on the word of the thread that died, each for its own reason.
    for (unsigned i = 1; i < count; i++) {
      auto* word = reinterpret_cast<uint32_t*>(vector[i].address);
      if (std::atomic_ref<uint32_t>(*word).load() != vector[i].value) futex_wake(word, INT_MAX);
    }
    ring(event);
    // What was seen is being looked at: no need to ring for it again at once.
    const timespec pause{0, 1'000'000};
    nanosleep(&pause, nullptr);
  }
}

}  // namespace

Watch::Watch(Segment& segment) : segment_(segment), event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void Watch::add_helpers() {
  while (event_ >= 0 && helpers_ * kWordsEach + 1 < std::max(2u, segment_.threads_high())) {
    try {
      std::thread(help, std::ref(segment_), helpers_ * kWordsEach + 1, event_).detach();
    } catch (const std::system_error&) {
      return;  // the back-stop remains
    }
    helpers_++;
  }
}

void Watch::watch_processes() {
  for (Process& process : processes_) process.wanted = false;
  for (uint32_t i = 1; i < segment_.carved(ipc::kZoneTask); i++) {
    const ipc::Task& task = segment_.at(Handle<ipc::Task>{i});
    const uint32_t state = task.state, pid = task.credentials.pid;
    if ((state != ipc::kTaskLive && state != ipc::kTaskEmbryo) || pid == 0) continue;
    auto known =
        std::find_if(processes_.begin(), processes_.end(), [&](const Process& p) { return p.pid == pid; });
    if (known == processes_.end()) {
      const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
      if (fd < 0) continue;  // gone already, or watched by the back-stop
      known = processes_.insert(processes_.end(), Process{pid, fd, true});
    }
    known->wanted = true;
  }
  for (const Process& process : processes_)
    if (!process.wanted) close(process.fd);
  std::erase_if(processes_, [](const Process& process) { return !process.wanted; });
}

void Watch::wait(uint32_t deaths_seen_before, uint64_t patience_ns, std::vector<pollfd>& others) {
  add_helpers();
  watch_processes();
  // What is ready already is attended to in any case.
  if (deaths_seen() != deaths_seen_before) patience_ns = 0;
  std::vector<pollfd> fds = others;
  fds.reserve(others.size() + processes_.size() + 1);
  fds.push_back({event_, POLLIN, 0});
  for (const Process& process : processes_) fds.push_back({process.fd, POLLIN, 0});
  // Rounded up: what is due then is due when this returns.
  poll(fds.data(), fds.size(), static_cast<int>((patience_ns + 999'999) / 1'000'000));
  std::copy_n(fds.begin(), others.size(), others.begin());
  uint64_t rung = 0;
  (void)!read(event_, &rung, sizeof rung);
  // A process that ended stays ready until its pid is forgotten: its descriptor has told all that it can.
  for (size_t i = others.size() + 1; i < fds.size(); i++) {
    if (fds[i].revents == 0) continue;
    close(fds[i].fd);
    std::erase_if(processes_, [&](const Process& process) { return process.fd == fds[i].fd; });
  }
}

bool parent_is_ours(const DomainPlace& place) {
  char parent[64];
  Text(parent) << "/dev/shm/portolan-" << uint64_t{geteuid()} << "/";
  return strncmp(place.path, parent, strlen(parent)) == 0 &&
         strchr(place.path + strlen(parent), '/') == nullptr;
}

}  // namespace portolan
