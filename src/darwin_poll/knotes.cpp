// SPDX-License-Identifier: Apache-2.0
#include "darwin_poll/knotes.hpp"

#include <errno.h>
#include <sys/epoll.h>

#include "darwin_poll/real.hpp"

namespace portolan::darwin_poll {

namespace {

constexpr uint32_t kReading = EPOLLIN | EPOLLRDHUP, kWriting = EPOLLOUT;
constexpr int kRoom = 32;  // events collected at once

epoll_event event_of(nfds_t i, uint32_t bits) {
  epoll_event event{};
  event.events = bits;
  event.data.u64 = i;
  return event;
}

int new_set(bool wanted) { return wanted ? epoll_create1(EPOLL_CLOEXEC) : -1; }

}  // namespace

bool Knotes::open() {
  short all = 0;
  for (nfds_t i = 0; i < count_; i++)
    if (entries_[i].fd >= 0) all |= asked(i);
  const bool reads = (all & kReadBits) != 0, writes = (all & kWriteBits) != 0;
  sets_.read = new_set(reads);
  sets_.write = new_set(writes);
  sets_.shadow = new_set(witness_.wants_shadow());
  active_add(active_);
  return (sets_.read >= 0 || !reads) && (sets_.write >= 0 || !writes);
}

void Knotes::close() {
  active_remove(active_);
  for (const int fd : {sets_.read, sets_.write, sets_.shadow})
    if (fd >= 0) real().close(fd);
}

void Knotes::attach() {
  for (nfds_t i = 0; i < count_; i++) {
    entries_[i].revents = 0;
    if (entries_[i].fd >= 0) attach_one(i);
  }
}

void Knotes::attach_one(nfds_t i) {
  const bool reads = (asked(i) & kReadBits) != 0, writes = (asked(i) & kWriteBits) != 0;
  if (!reads && !writes) {
    witness_.unwatched(i, sets_.shadow);
    return;
  }
  state_[i].kind = kind_of(entries_[i].fd);
  if ((reads && !attach_read(i)) || (writes && !attach_write(i))) refuse(i);
}

bool Knotes::attach_read(nfds_t i) {
  Entry& entry = state_[i];
  // Sockets forget that band data was asked for; everything else takes any data for it.
  entry.read.out_of_band = (asked(i) & (POLLPRI | POLLRDBAND)) != 0 && !is_socket(entry.kind);
  return add(sets_.read, i, kReading, &Entry::read);
}

bool Knotes::attach_write(nfds_t i) {
  if (state_[i].kind == Kind::queue) return false;
  return add(sets_.write, i, kWriting, &Entry::write);
}

// A descriptor that is there already keeps its knote, and only the last entry hears of it.
bool Knotes::add(int set, nfds_t i, uint32_t bits, Knote Entry::*knote) {
  epoll_event event = event_of(i, bits | EPOLLONESHOT);
  if (state_[i].kind != Kind::file) {
    if (epoll_ctl(set, EPOLL_CTL_ADD, entries_[i].fd, &event) == 0) return true;
    if (errno != EEXIST) return false;
    if (epoll_ctl(set, EPOLL_CTL_MOD, entries_[i].fd, &event) != 0) return false;
  }
  const short same = set == sets_.read ? kReadBits : kWriteBits;
  for (nfds_t j = i; j-- > 0;) {
    if (entries_[j].fd != entries_[i].fd || (asked(j) & same) == 0) continue;
    (state_[i].*knote).out_of_band = (state_[j].*knote).out_of_band;
    (state_[j].*knote).ready = false;
    witness_.replaced(j);
    break;
  }
  (state_[i].*knote).ready = state_[i].kind == Kind::file;
  return true;
}

void Knotes::refuse(nfds_t i) {
  entries_[i].revents = POLLNVAL;
  refused_++;
  ready_++;
}

bool Knotes::pass() {
  bool fired = false;
  for (nfds_t i = 0; i < count_; i++) {
    Entry& entry = state_[i];
    if (entry.read.ready) fire(i, EPOLLIN, true);
    if (entry.write.ready) fire(i, EPOLLOUT, false);
    fired = fired || entry.read.ready || entry.write.ready;
    entry.read.ready = entry.write.ready = false;
  }
  // Darwin goes by the order of activation. Reading first lets a hang-up hide that one can write, as it
  // mostly is.
  fired = drain(sets_.read, true) || fired;
  fired = drain(sets_.write, false) || fired;
  if (sets_.shadow >= 0) witness_.look_at(sets_.shadow);
  return fired;
}

bool Knotes::drain(int set, bool reading) {
  if (set < 0) return false;
  bool fired = false;
  epoll_event events[kRoom];
  for (;;) {
    const int count = epoll_wait(set, events, kRoom, 0);
    for (int k = 0; k < count; k++) {
      const auto i = static_cast<nfds_t>(events[k].data.u64);
      Knote& knote = reading ? state_[i].read : state_[i].write;
      if (keep(set, i, events[k].events, knote, reading ? kReading : kWriting)) continue;
      fired = true;
      if (knote.edge) epoll_ctl(set, EPOLL_CTL_DEL, entries_[i].fd, nullptr);  // others are disarmed for good
      fire(i, events[k].events, reading);
    }
    if (count < kRoom) return fired;
  }
}

// Darwin would not have fired: the knote stays, and says something again when something changes.
bool Knotes::keep(int set, nfds_t i, uint32_t bits, Knote& knote, uint32_t wanted) {
  if (!is_nothing(entries_[i].fd, state_[i].kind, bits)) return false;
  if (knote.edge) return true;
  knote.edge = true;
  epoll_event event = event_of(i, wanted | EPOLLET);
  epoll_ctl(set, EPOLL_CTL_MOD, entries_[i].fd, &event);
  return true;
}

void Knotes::fire(nfds_t i, uint32_t bits, bool reading) {
  const short before = entries_[i].revents;
  if (reading)
    fired_read(i, bits);
  else
    fired_write(i, bits);
  if (entries_[i].revents == before)
    witness_.spent(i, bits, reading ? sets_.shadow : -1);
  else if (before == 0)
    ready_++;
}

void Knotes::fired_read(nfds_t i, uint32_t bits) {
  short& revents = entries_[i].revents;
  if (hangs_up(state_[i].kind, bits)) revents |= POLLHUP;
  short allowed = POLLIN | POLLRDNORM;
  if ((revents & POLLHUP) != 0 || state_[i].read.out_of_band) allowed |= POLLPRI | POLLRDBAND;
  revents = static_cast<short>(revents | (asked(i) & allowed));
}

void Knotes::fired_write(nfds_t i, uint32_t bits) {
  short& revents = entries_[i].revents;
  const Kind kind = state_[i].kind;
  const bool shut = kind == Kind::stream && (bits & EPOLLERR) == 0 && sends_no_more(entries_[i].fd);
  if (shut || hangs_up(kind, bits)) revents |= POLLHUP;
  if ((revents & POLLHUP) == 0) revents = static_cast<short>(revents | (asked(i) & kWriteBits));
}

// Not in an epoll: Linux ends its sleep when the process is stopped and continued, and goes on with that of
// poll.
int Knotes::sleep(const struct timespec* timeout, const sigset_t* signals) {
  struct pollfd sets[3] = {{sets_.read, POLLIN, 0}, {sets_.write, POLLIN, 0}, {sets_.shadow, POLLIN, 0}};
  return real().ppoll(sets, 3, timeout, signals);
}

}  // namespace portolan::darwin_poll
