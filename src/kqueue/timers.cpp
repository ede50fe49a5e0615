// SPDX-License-Identifier: Apache-2.0
#include "kqueue/timers.hpp"

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <new>

#include "kqueue/descriptors.hpp"

namespace portolan::kq {

Timers* Timers::of(Kqueue& kqueue, int clock) {
  const unsigned slot = clock == CLOCK_MONOTONIC ? 0 : 1;
  if (kqueue.shared.timers[slot] != nullptr) return static_cast<Timers*>(kqueue.shared.timers[slot]);
  const int fd = timerfd_create(clock, TFD_CLOEXEC | TFD_NONBLOCK);
  if (fd < 0) return nullptr;
  auto* timers = new (std::nothrow) Timers;
  if (timers == nullptr) {
    close_quietly(fd);
    errno = ENOMEM;
    return nullptr;
  }
  timers->clock_ = clock;
  timers->slot_ = slot;
  timers->source_ = kqueue.watch(fd, EPOLLIN, ready, timers);
  if (timers->source_ == nullptr) {
    delete timers;
    return nullptr;
  }
  kqueue.shared.timers[slot] = timers;
  return timers;
}

void Timers::leave(Kqueue& kqueue) {
  if (--users_ != 0) return;
  kqueue.unwatch(source_);
  kqueue.shared.timers[slot_] = nullptr;
  free(heap_);
  delete this;
}

uint64_t Timers::now() const {
  struct timespec time;
  clock_gettime(clock_, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

void Timers::place(uint32_t at, Timer* timer) {
  heap_[at] = timer;
  timer->place = at;
}

// Moves the timer at this place to where it belongs.
void Timers::sift(uint32_t at) {
  Timer* const timer = heap_[at];
  for (; at > 1 && heap_[at / 2]->deadline > timer->deadline; at /= 2) place(at, heap_[at / 2]);
  for (uint32_t child; (child = at * 2) <= count_; at = child) {
    if (child < count_ && heap_[child + 1]->deadline < heap_[child]->deadline) child++;
    if (heap_[child]->deadline >= timer->deadline) break;
    place(at, heap_[child]);
  }
  place(at, timer);
}

int Timers::add(Timer& timer) {
  if (count_ + 1 >= room_) {
    const uint32_t room = std::max(16u, room_ * 2);
    auto** grown = static_cast<Timer**>(realloc(heap_, room * sizeof(Timer*)));
    if (grown == nullptr) return ENOMEM;
    heap_ = grown;
    room_ = room;
  }
  place(++count_, &timer);
  sift(count_);
  set();
  return 0;
}

void Timers::remove(Timer& timer) {
  if (timer.place == 0) return;
  const uint32_t at = timer.place;
  timer.place = 0;
  Timer* const last = heap_[count_--];
  if (last != &timer) {
    place(at, last);
    sift(at);
  }
  set();
}

void Timers::set() {
  const uint64_t wanted = count_ == 0 ? 0 : std::max<uint64_t>(heap_[1]->deadline, 1);
  if (wanted == set_to_) return;
  struct itimerspec spec {};
  spec.it_value.tv_sec = static_cast<time_t>(wanted / 1'000'000'000);
  spec.it_value.tv_nsec = static_cast<long>(wanted % 1'000'000'000);
  timerfd_settime(source_->fd, TFD_TIMER_ABSTIME, &spec, nullptr);
  set_to_ = wanted;
}

void Timers::ready(Kqueue& kqueue, Source& source) {
  auto& timers = *static_cast<Timers*>(source.owner);
  uint64_t expired;
  if (read(source.fd, &expired, sizeof expired) == sizeof expired) timers.set_to_ = 0;
  const uint64_t now = timers.now();
  while (timers.count_ > 0 && timers.heap_[1]->deadline <= now) {
    Timer& timer = *timers.heap_[1];
    timers.remove(timer);
    kqueue.activate(*timer.knote);
  }
  timers.set();
}

}  // namespace portolan::kq
