// SPDX-License-Identifier: Apache-2.0
#include "darwin_poll/witness.hpp"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace portolan::darwin_poll {

namespace {

constexpr int kRoom = 32;
constexpr uint64_t kLookBack = 32;  // losses among which one is looked for that is the same

Loss& slot_of(Record& record, uint64_t ticket) { return record.losses[(ticket - 1) % kLosses]; }

void copy(char* to, size_t room, const char* from) {
  const size_t length = strnlen(from, room - 1);
  memcpy(to, from, length);
  to[length] = 0;
}

// Where the call came from, in words that outlive the process.
void locate(const void* caller, Loss& loss) {
  Dl_info info{};
  link_map* map = nullptr;
  if (dladdr1(caller, &info, reinterpret_cast<void**>(&map), RTLD_DL_LINKMAP) == 0 || map == nullptr) return;
  loss.offset = reinterpret_cast<uintptr_t>(caller) - map->l_addr;
  if (map->l_name != nullptr && map->l_name[0] != 0) {
    copy(loss.module, sizeof loss.module, map->l_name);
    return;
  }
  const ssize_t length =
      readlink("/proc/self/exe", loss.module, sizeof loss.module - 1);  // the program itself
  loss.module[length > 0 ? length : 0] = 0;
}

void name_object(int fd, Loss& loss) {
  char link[32];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, loss.object, sizeof loss.object - 1);
  loss.object[length > 0 ? length : 0] = 0;
  struct ucred peer {};
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0) loss.peer = peer.pid;
}

}  // namespace

uint64_t wall_clock() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

Witness::Witness(const struct pollfd* entries, nfds_t count, int timeout, const void* caller, bool early)
    : record_(own_record()),
      entries_(entries),
      count_(count),
      timeout_(timeout),
      caller_(caller),
      early_(early) {
  if (record_ == nullptr) return;
  called_ = wall_clock();
  record_->calls.fetch_add(1, std::memory_order_relaxed);
}

void Witness::spent(nfds_t i, uint32_t bits, int shadow) {
  if (record_ == nullptr) return;
  const uint64_t ticket = note(early_ ? kEarly : kSpent, i, bits);
  if (!early_) watch(ticket, i, shadow);
}

void Witness::unwatched(nfds_t i, int shadow) {
  if (record_ != nullptr) watch(note(kUnwatched, i, 0), i, shadow);
}

void Witness::watch(uint64_t ticket, nfds_t i, int shadow) const {
  if (shadow < 0) return;
  epoll_event event{};
  event.events = EPOLLRDHUP | EPOLLONESHOT;
  event.data.u64 = ticket;
  epoll_ctl(shadow, EPOLL_CTL_ADD, entries_[i].fd, &event);
}

void Witness::replaced(nfds_t i) {
  if (record_ != nullptr) note(kReplaced, i, 0);
}

// Loops lose the same again and again: that is one loss, unless a hang-up is at stake. The caller has it to
// itself.
Loss* Witness::claim_same(LossKind kind, nfds_t i, const void* caller) {
  Loss here{};
  locate(caller, here);
  const uint64_t next = record_->next.load();
  for (uint64_t n = next; n > 0 && n + kLookBack > next; n--) {
    Loss& loss = slot_of(*record_, n);
    if (loss.ticket != n || loss.kind != kind || loss.fd != entries_[i].fd ||
        loss.events != entries_[i].events || loss.offset != here.offset || loss.hung_up != 0)
      continue;
    if (loss.ended.exchange(0) != 0) return &loss;
  }
  return nullptr;
}

uint64_t Witness::note(LossKind kind, nfds_t i, uint32_t bits) {
  Loss* loss = claim_same(kind, i, caller_);
  uint64_t ticket = 0;
  uint32_t times = 0;
  if (loss != nullptr) {
    ticket = loss->ticket;
    times = loss->times;
  } else {
    ticket = record_->next.fetch_add(1) + 1;
    loss = &slot_of(*record_, ticket);
  }
  loss->version++;
  loss->ticket = 0;
  describe(*loss, kind, i, bits);
  loss->times = times + 1;
  loss->ticket = ticket;
  loss->version++;
  if (first_ == 0 || ticket < first_) first_ = ticket;
  if (ticket > last_) last_ = ticket;
  return ticket;
}

void Witness::describe(Loss& loss, LossKind kind, nfds_t i, uint32_t bits) const {
  loss.kind = kind;
  loss.tid = static_cast<int32_t>(syscall(SYS_gettid));
  loss.fd = entries_[i].fd;
  loss.events = entries_[i].events;
  loss.fired = bits;
  loss.peer = 0;
  loss.timeout = timeout_;
  loss.count = static_cast<uint32_t>(count_);
  loss.called = called_;
  loss.lost = wall_clock();
  loss.hung_up = 0;
  loss.ended = 0;
  loss.result = 0;
  loss.offset = 0;
  loss.module[0] = 0;
  for (unsigned k = 0; k < kEntriesKept; k++)
    loss.entries[k] = k < count_ ? AskedEntry{entries_[k].fd, entries_[k].events, 0} : AskedEntry{-1, 0, 0};
  const int saved = errno;
  locate(caller_, loss);
  name_object(loss.fd, loss);
  errno = saved;
}

Loss* Witness::mine(uint64_t ticket) const {
  Loss& loss = slot_of(*record_, ticket);
  return loss.ticket == ticket ? &loss : nullptr;
}

void Witness::look_at(int shadow) {
  epoll_event events[kRoom];
  const int count = epoll_wait(shadow, events, kRoom, 0);
  for (int k = 0; k < count; k++)
    if (Loss* loss = mine(events[k].data.u64); loss != nullptr) loss->hung_up = wall_clock();
}

void Witness::ended(int result) {
  if (record_ == nullptr || first_ == 0) return;
  const int tid = static_cast<int>(syscall(SYS_gettid));
  const uint64_t oldest = last_ > kLosses ? last_ - kLosses + 1 : 1;
  for (uint64_t ticket = first_ > oldest ? first_ : oldest; ticket <= last_; ticket++) {
    Loss* loss = mine(ticket);
    if (loss == nullptr || loss->tid != tid || loss->called != called_) continue;
    loss->result = result;
    loss->ended = wall_clock();
  }
}

}  // namespace portolan::darwin_poll
