// SPDX-License-Identifier: Apache-2.0
// Delivery (kqueue 6): what epoll reports activates knotes; those that are active and enabled are on the
// ready list, in the order in which they became so; a pass asks each of them once whether it is still so.
#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "kqueue/kqueue.hpp"
#include "segment/futex.hpp"

namespace portolan::kq {

namespace {

constexpr int kReports = 128;  // taken from epoll in one call

// epoll_pwait2, or what there was before Linux 5.11. -errno on failure.
int wait_for(int fd, epoll_event* events, int room, uint64_t deadline_ns) {
  const uint64_t now = deadline_ns == kNever ? 0 : monotonic_ns();
  const uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
  struct timespec timeout;
  timeout.tv_sec = static_cast<time_t>(left / 1'000'000'000);
  timeout.tv_nsec = static_cast<long>(left % 1'000'000'000);
  static std::atomic<bool> missing{false};
  if (!missing.load(std::memory_order_relaxed)) {
    const long found = syscall(SYS_epoll_pwait2, fd, events, room, deadline_ns == kNever ? nullptr : &timeout,
                               nullptr, size_t{8});
    if (found >= 0) return static_cast<int>(found);
    if (errno != ENOSYS) return -errno;
    missing.store(true, std::memory_order_relaxed);
  }
  const uint64_t ms = std::min<uint64_t>((left + 999'999) / 1'000'000, INT32_MAX);
  const int found = epoll_wait(fd, events, room, deadline_ns == kNever ? -1 : static_cast<int>(ms));
  return found >= 0 ? found : -errno;
}

}  // namespace

// -- the ready list

void Kqueue::enqueue(Knote& knote) {
  if ((knote.status & kQueued) != 0 || !knote.enabled()) return;
  knote.status |= kQueued;
  knote.queue_next = nullptr;
  knote.queue_prev = last_;
  (last_ == nullptr ? first_ : last_->queue_next) = &knote;
  last_ = &knote;
  ready_++;
}

void Kqueue::dequeue(Knote& knote) {
  if ((knote.status & kQueued) == 0) return;
  knote.status &= ~uint32_t{kQueued};
  (knote.queue_prev == nullptr ? first_ : knote.queue_prev->queue_next) = knote.queue_next;
  (knote.queue_next == nullptr ? last_ : knote.queue_next->queue_prev) = knote.queue_prev;
  ready_--;
}

void Kqueue::activate(Knote& knote) {
  knote.status |= kActive;
  enqueue(knote);
}

void Kqueue::activate_all(uint64_t ident, int16_t filter) {
  for (Knote* walk = *bucket(ident, filter); walk != nullptr; walk = walk->hash_next)
    if (walk->ident == ident && walk->filter == filter) activate(*walk);
}

void Kqueue::settle_bell() {
  const bool wanted = first_ != nullptr || draining_;
  if (wanted && port_waits_ != nullptr) call_off_port_waits(draining_);
  if (wanted == rings_) return;
  uint64_t number = 1;
  const ssize_t done = wanted ? write(bell_, &number, sizeof number) : read(bell_, &number, sizeof number);
  if (done == sizeof number || errno == EAGAIN) rings_ = wanted;
}

// -- what epoll says

// Returns how many of them were the program's descriptors.
int Kqueue::report(const epoll_event* events, int count) {
  int told = 0;
  for (int i = 0; i < count; i++) {
    const uint64_t id = events[i].data.u64;
    Source* source = source_at(static_cast<int>(static_cast<uint32_t>(id)));
    if (source == nullptr || source->generation != id >> 32) continue;  // the bell, or a source that is gone
    if (source->ready != nullptr) {
      source->ready(*this, *source);
      continue;
    }
    told++;
    source->revents = events[i].events;
    source->pass = pass_;
    if ((source->armed & EPOLLONESHOT) != 0) source->armed = EPOLLONESHOT;
    for (Knote* walk = source->knotes; walk != nullptr; walk = walk->source_next)
      if ((events[i].events & (walk->ops->interest(*walk) | EPOLLERR | EPOLLHUP)) != 0) activate(*walk);
  }
  return told;
}

// Without waiting, and no more than there is room for: what is level-triggered is told again anyway. The bell
// and other inner sources do not count, but cannot keep us here for ever either.
void Kqueue::collect(unsigned room) {
  pass_++;
  if (shared.ports != 0) port_collect(*this);
  if (source_count_ == 0) return;  // there is nothing but the bell
  epoll_event events[kReports];
  int left = static_cast<int>(std::min(room, 1u << 20));
  for (int rounds = left / kReports + 3; left > 0 && rounds > 0; rounds--) {
    const int asked = std::min(left + (rings_ ? 1 : 0), kReports);
    const int found = wait_for(fd(), events, asked, 0);
    if (found > 0) left -= report(events, found);
    if (found < asked) break;
  }
}

int64_t Kqueue::ready_count() {
  const Locked lock(*this);
  collect(count_);
  return ready_;
}

// -- passes

bool Kqueue::deliver_one(Knote& knote, Event& out, EventList& events, Knote**& again) {
  dequeue(knote);
  knote.status &= ~uint32_t{kActive};
  out = Event{};
  out.ident = knote.ident;
  out.filter = knote.filter;
  out.udata = knote.udata;
  if (knote.detached()) {
    last_words(knote, out);
    return true;
  }
  std::copy(std::begin(knote.ext), std::end(knote.ext), out.ext);
  out.qos = knote.qos;
  const Verdict verdict = knote.ops->deliver(*this, knote, out, events.area);
  if (verdict != Verdict::holds && verdict != Verdict::last) {
    if (verdict == Verdict::short_of && knote.source != nullptr && !knote.source->strict) {
      knote.source->strict = true;
      update(*knote.source, false);
    }
    return false;
  }
  out.flags |= knote.flags;
  if ((knote.flags & EV_CLEAR) != 0) knote.fflags = 0;
  if ((knote.flags & EV_ONESHOT) != 0) {
    if (!knote.dispatch2()) {
      drop(&knote);
      return true;
    }
    detach(knote);
    knote.status |= kDeferDelete | kDisabled;
  } else if ((knote.flags & EV_DISPATCH) != 0) {
    knote.status |= kDisabled;
    if (knote.source != nullptr && knote.source->armed != EPOLLONESHOT) update(*knote.source, false);
  } else if ((knote.flags & EV_CLEAR) == 0 && verdict != Verdict::last) {
    const bool kept_by_epoll =
        knote.source != nullptr && knote.source->armed != 0 && (knote.source->armed & EPOLLET) == 0;
    if (!kept_by_epoll) {
      *again = &knote;
      again = &knote.queue_next;
      knote.queue_next = nullptr;
    }
  }
  return true;
}

// kqueue 5, EV_DISPATCH2 and EV_VANISHED.
void Kqueue::last_words(Knote& knote, Event& out) {
  if ((knote.status & kDeferDelete) == 0) {
    out.flags = EV_DISPATCH2 | EV_ONESHOT | EV_VANISHED;
    knote.status |= kDeferDelete | kDisabled;
    return;
  }
  out.flags = EV_DISPATCH2 | EV_ONESHOT | EV_DELETE;
  drop(&knote);
}

int Kqueue::deliver_ready(EventList& events) {
  Knote* kept = nullptr;
  Knote** again = &kept;
  int error = 0;
  for (uint32_t left = ready_; left > 0 && first_ != nullptr && events.room() > 0 && error == 0; left--) {
    Event event;
    if (deliver_one(*first_, event, events, again)) error = events.put(event);
  }
  while (kept != nullptr) {
    Knote& knote = *kept;
    kept = knote.queue_next;
    activate(knote);
  }
  return error;
}

int Kqueue::pass(EventList& events, bool then_sleep) {
  collect(events.room() > ready_ ? events.room() - ready_ : 1);
  const int error = deliver_ready(events);
  return error != 0 || !events.empty() || !then_sleep ? error : kAsleep;
}

Kqueue::Begun Kqueue::begin_wait(PortWait& wait) {
  const Locked lock(*this);
  if (draining_) return Begun::nowhere;
  sleepers_++;
  if (shared.ports == 0 || source_count_ != 0 || first_ != nullptr || !wait.prepare()) return Begun::in_epoll;
  wait.next = port_waits_;
  port_waits_ = &wait;
  return Begun::for_ports;
}

bool Kqueue::end_wait() {
  sleepers_--;
  if (draining_) left_.notify_all();
  return !draining_;
}

void Kqueue::end_port_wait(PortWait& wait) {
  PortWait** link = &port_waits_;
  while (*link != nullptr && *link != &wait) link = &(*link)->next;
  if (*link != nullptr) *link = wait.next;
}

// One of them, or all. Whoever is called off looks at the queue, whatever else happened to it.
void Kqueue::call_off_port_waits(bool all) {
  while (PortWait* wait = port_waits_) {
    port_waits_ = wait->next;
    wait->call_off();
    if (!all) break;
  }
}

// `found`: how many reports, or -errno. kAsleep: nothing came of them.
int Kqueue::deliver_found(EventList& events, int found) {
  const int error = deliver_ready(events);
  if (error != 0 || !events.empty()) return error;
  return found > 0 ? kAsleep : found == 0 ? 0 : found == -EINTR ? EINTR : EBADF;
}

int Kqueue::sleep_for_ports(PortWait& wait, EventList& events, uint64_t deadline_ns) {
  const int ended = wait.wait(deadline_ns);
  const Locked lock(*this);
  end_port_wait(wait);
  port_collect(*this);  // in any case: what woke us may be another queue's, and nobody else was told
  if (!end_wait()) return EBADF;
  pass_++;
  const bool interrupted = ended == EINTR || t_context.deferred != 0;
  return deliver_found(events, interrupted ? -EINTR : ended == ETIMEDOUT ? 0 : 1);
}

// A signal that comes before the call rings the bell, which ends it.
int Kqueue::sleep_in_epoll(EventList& events, uint64_t deadline_ns) {
  epoll_event reports[kReports];
  const int room = static_cast<int>(std::min<unsigned>(events.room(), kReports));
  t_context.poke = bell_;
  crash_fence();
  const int found = t_context.deferred != 0 ? -EINTR : wait_for(fd(), reports, room, deadline_ns);
  crash_fence();
  t_context.poke = -1;
  const Locked lock(*this);
  const bool interrupted = found == -EINTR || t_context.deferred != 0;
  if (interrupted) rings_ = true;  // perhaps
  if (!end_wait()) return EBADF;
  pass_++;
  if (found > 0) report(reports, found);
  return deliver_found(events, interrupted ? -EINTR : found);
}

// A handler that interrupts the wait may close the queue, or jump away: it runs when nothing of the wait is
// left in the queue, and what woke it has been passed on.
int Kqueue::sleep_once(EventList& events, uint64_t deadline_ns) {
  const Section section;
  PortWait wait;
  switch (begin_wait(wait)) {
    case Begun::for_ports:
      return sleep_for_ports(wait, events, deadline_ns);
    case Begun::in_epoll:
      return sleep_in_epoll(events, deadline_ns);
    case Begun::nowhere:
      break;
  }
  return EBADF;
}

int Kqueue::sleep(EventList& events, uint64_t deadline_ns) {
  int ended;
  do ended = sleep_once(events, deadline_ns);
  while (ended == kAsleep);
  if (ended != EINTR) return ended;
  // A signal that is watched is an event as well as an interruption: by now it has been seen.
  const Locked lock(*this);
  if (draining_) return EINTR;
  pass_++;
  collect(events.room());
  const int error = deliver_ready(events);
  return error != 0 || !events.empty() ? error : EINTR;
}

void Kqueue::drain() {
  {
    std::unique_lock<std::mutex> lock(mutex_);
    draining_ = true;
    settle_bell();
    left_.wait(lock, [&] { return sleepers_ == 0; });
  }
  const Locked lock(*this);
  drop_all();
}

}  // namespace portolan::kq
