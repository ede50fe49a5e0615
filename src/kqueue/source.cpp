// SPDX-License-Identifier: Apache-2.0
// What a queue tells epoll about each descriptor.
#include "kqueue/source.hpp"

#include <errno.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "kqueue/descriptors.hpp"
#include "kqueue/kqueue.hpp"
#include "kqueue/object.hpp"

namespace portolan::kq {

Source* Kqueue::make_source(int fd) {
  if (Source* there = source_at(fd)) return there;
  if (fd >= source_room_) {
    const int room = std::max(fd + 1, std::max(64, source_room_ * 2));
    auto** grown = static_cast<Source**>(realloc(sources_, static_cast<size_t>(room) * sizeof(Source*)));
    if (grown == nullptr) return nullptr;
    memset(grown + source_room_, 0, static_cast<size_t>(room - source_room_) * sizeof(Source*));
    sources_ = grown;
    source_room_ = room;
  }
  auto* source = new (std::nothrow) Source;
  if (source == nullptr || !descriptor_watched(fd)) {
    delete source;
    return nullptr;
  }
  source->fd = fd;
  source->generation = ++generation_;
  sources_[fd] = source;
  source_count_++;
  call_off_port_waits(true);  // they hear of ports only
  return source;
}

void Kqueue::free_source(Source* source) {
  if (source->armed != 0) control(*source, 0);
  sources_[source->fd] = nullptr;
  source_count_--;
  descriptor_unwatched(source->fd);
  if (source->ready != nullptr) close_quietly(source->fd);
  delete source;
}

// 0 or errno.
int Kqueue::control(Source& source, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = uint64_t{source.generation} << 32 | static_cast<uint32_t>(source.fd);
  int operation = events == 0 ? EPOLL_CTL_DEL : source.armed == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  int result = epoll_ctl(fd(), operation, source.fd, &event);
  if (result != 0 && errno == ENOENT && operation == EPOLL_CTL_MOD)
    result = epoll_ctl(fd(), EPOLL_CTL_ADD, source.fd, &event);
  if (result != 0 && errno == EEXIST) result = epoll_ctl(fd(), EPOLL_CTL_MOD, source.fd, &event);
  source.armed = result == 0 ? events : 0;
  return result == 0 ? 0 : errno;
}

// `again`: where epoll tells only once it is to tell once more.
int Kqueue::update(Source& source, bool again) {
  uint32_t events = 0;
  unsigned count = 0;
  bool edge = source.strict, dispatch = false;
  for (Knote* walk = source.knotes; walk != nullptr; walk = walk->source_next) {
    if (!walk->enabled()) continue;
    const uint32_t interest = walk->ops->interest(*walk);
    if (interest == 0) continue;
    events |= interest;
    count++;
    dispatch = (walk->flags & EV_DISPATCH) != 0;
    edge = edge || (walk->flags & (EV_CLEAR | EV_DISPATCH)) != 0;
  }
  if (count == 1 && dispatch && !source.strict)
    events |= EPOLLONESHOT;
  else if (edge && events != 0)
    events |= EPOLLET;
  if (events == source.armed && !(again && edge)) return 0;
  return control(source, events);
}

// Was the descriptor closed without our seeing it, and its number given to another file? epoll forgets what
// is closed.
bool Kqueue::stale(Source& source) {
  if (source.ready != nullptr || source.armed == 0 || source.armed == EPOLLONESHOT) return false;
  epoll_event event{};
  event.events = source.armed;
  event.data.u64 = uint64_t{source.generation} << 32 | static_cast<uint32_t>(source.fd);
  if (epoll_ctl(fd(), EPOLL_CTL_MOD, source.fd, &event) == 0 || errno != ENOENT) return false;
  source.armed = 0;
  return true;
}

uint32_t Kqueue::readiness(const Knote& knote, uint32_t events) const {
  const Source& source = *knote.source;
  if (source.pass == pass_) return source.revents;
  return poll_now(source.fd, events);
}

Source* Kqueue::watch(int fd, uint32_t events, Source::Ready ready, void* owner) {
  // If the number belonged to the program's, that was closed without our seeing it.
  if (Source* former = source_at(fd)) descriptor_closed(*former);
  Source* source = make_source(fd);
  if (source == nullptr) {
    close_quietly(fd);
    errno = ENOMEM;
    return nullptr;
  }
  source->ready = ready;
  source->owner = owner;
  if (const int error = control(*source, events)) {
    free_source(source);
    errno = error;
    return nullptr;
  }
  return source;
}

void Kqueue::unwatch(Source* source) { free_source(source); }

}  // namespace portolan::kq
