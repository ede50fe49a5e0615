// SPDX-License-Identifier: Apache-2.0
// Making and unmaking queues, and changes to what they watch (kqueue 2 and 4).
#include "kqueue/kqueue.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <new>

#include "kqueue/descriptors.hpp"

namespace portolan::kq {

namespace {

constexpr uint32_t kFirstBuckets = 16;
constexpr uint32_t kLevelMax = 10;

}  // namespace

Kqueue* Kqueue::make() {
  auto* kqueue = new (std::nothrow) Kqueue;
  if (kqueue == nullptr || !kqueue->grow()) {
    delete kqueue;
    errno = ENOMEM;
    return nullptr;
  }
  const int fd = epoll_create1(EPOLL_CLOEXEC);
  kqueue->fd_ = fd;
  kqueue->bell_ = fd < 0 ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = static_cast<uint32_t>(kqueue->bell_);
  if (kqueue->bell_ < 0 || epoll_ctl(fd, EPOLL_CTL_ADD, kqueue->bell_, &event) != 0) {
    const int error = errno;
    if (kqueue->bell_ >= 0) close_quietly(kqueue->bell_);
    if (fd >= 0) close_quietly(fd);
    free(kqueue->hash_);
    delete kqueue;
    errno = error == ENOSPC ? ENOMEM : error;
    return nullptr;
  }
  return kqueue;
}

void Kqueue::release() {
  if (refs_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  close_quietly(bell_);
  free(sources_);
  free(hash_);
  delete this;
}

void Kqueue::drop_all() {
  for (uint32_t i = 0; i < buckets_; i++)
    while (hash_[i] != nullptr) drop(hash_[i]);
}

void Kqueue::close_in_child() {
  for (int i = 0; i < source_room_; i++)
    if (sources_[i] != nullptr && sources_[i]->ready != nullptr) close_quietly(i);
  close_quietly(bell_);
}

int Kqueue::bind(Family family) {
  if (draining_) return EBADF;
  if (family_ == Family::none) family_ = family;
  return family_ == family ? 0 : EINVAL;
}

bool Kqueue::nest(Kqueue& child) {
  if (&child == this) return false;
  std::lock_guard<std::mutex> lock(child.mutex_);
  if (level_ > 0 && level_ < child.level_) return false;
  const uint32_t above = std::max(2u, std::max(child.level_, 1u) + 1);
  if (std::max(level_, above) > kLevelMax) return false;
  child.level_ = std::max(child.level_, 1u);
  level_ = std::max(level_, above);
  return true;
}

// -- the table of knotes

Knote** Kqueue::bucket(uint64_t ident, int16_t filter) const {
  const uint64_t mixed = (ident ^ static_cast<uint64_t>(-filter) << 56) * 0x9e3779b97f4a7c15ull;
  return &hash_[mixed >> 32 & (buckets_ - 1)];
}

// False: no memory; what there is goes on to serve.
bool Kqueue::grow() {
  const uint32_t wanted = buckets_ == 0 ? kFirstBuckets : buckets_ * 2;
  auto** table = static_cast<Knote**>(calloc(wanted, sizeof(Knote*)));
  if (table == nullptr) return false;
  Knote** const old = hash_;
  const uint32_t had = buckets_;
  hash_ = table;
  buckets_ = wanted;
  for (uint32_t i = 0; i < had; i++)
    for (Knote *walk = old[i], *next = nullptr; walk != nullptr; walk = next) {
      next = walk->hash_next;
      Knote** const head = bucket(walk->ident, walk->filter);
      walk->hash_next = *head;
      *head = walk;
    }
  free(old);
  return true;
}

Knote* Kqueue::find(const Event& change) const {
  const bool specific = (change.flags & EV_UDATA_SPECIFIC) != 0;
  for (Knote* walk = *bucket(change.ident, change.filter); walk != nullptr; walk = walk->hash_next)
    if (walk->ident == change.ident && walk->filter == change.filter && walk->udata_specific() == specific &&
        (!specific || walk->udata == change.udata))
      return walk;
  return nullptr;
}

// -- one change

int Kqueue::apply(Event& change) {
  if (change.filter >= 0 || change.filter < -EVFILT_SYSCOUNT) return EINVAL;
  constexpr uint16_t kVanishNeeds = EV_ADD | EV_DISPATCH2;
  if ((change.flags & EV_VANISHED) != 0 && (change.flags & kVanishNeeds) != kVanishNeeds) return EINVAL;
  if ((change.flags & EV_DELETE) != 0) change.flags &= static_cast<uint16_t>(~EV_ADD);
  if ((change.flags & EV_DISABLE) != 0) change.flags &= static_cast<uint16_t>(~EV_ENABLE);
  const Filter* filter = filter_of(change.filter);
  const bool adds = (change.flags & EV_ADD) != 0;
  if (filter == nullptr) return adds ? ENOTSUP : ENOENT;
  if (adds && filter->of_descriptors() && change.ident <= INT32_MAX) {
    Source* source = source_at(static_cast<int>(change.ident));
    if (source != nullptr && stale(*source)) descriptor_closed(*source);
  }
  Knote* knote = find(change);
  if (knote == nullptr) return adds ? attach(change) : ENOENT;
  return (change.flags & EV_DELETE) != 0 ? erase(*knote, change) : touch(*knote, change);
}

int Kqueue::attach(const Event& change) {
  const Filter* filter = filter_of(change.filter);
  if (filter->of_descriptors() &&
      (change.ident > INT32_MAX || fcntl(static_cast<int>(change.ident), F_GETFD) < 0))
    return EBADF;
  Knote* knote = filter->make();
  if (knote == nullptr) return ENOMEM;
  knote->ops = filter;
  knote->ident = change.ident;
  knote->udata = change.udata;
  knote->filter = change.filter;
  knote->flags = static_cast<uint16_t>(change.flags & ~EV_VANISHED);
  knote->wanted = change.fflags;
  knote->given = change.data;
  std::copy(std::begin(change.ext), std::end(change.ext), knote->ext);
  knote->qos = change.qos;
  if ((change.flags & EV_VANISHED) != 0) knote->status |= kReqVanish;
  if ((change.flags & EV_DISABLE) != 0) knote->status |= kDisabled;
  if (count_ >= buckets_) grow();
  Source* source = nullptr;
  if (filter->of_descriptors()) {
    source = make_source(static_cast<int>(change.ident));
    if (source == nullptr || source->ready != nullptr) {
      filter->free(knote);
      return source == nullptr ? ENOMEM : EBADF;
    }
    knote->source = source;
    knote->source_next = source->knotes;
    source->knotes = knote;
  }
  Knote** const head = bucket(knote->ident, knote->filter);
  knote->hash_next = *head;
  *head = knote;
  count_++;
  int error = filter->attach(*this, *knote);
  if (error == 0 && source != nullptr) {
    error = update(*source, true);
    if (error != 0) filter->detach(*this, *knote);
  }
  if (error != 0) {
    unlink_source(*knote);
    knote->status |= kVanished;  // there is no object to detach from
    drop(knote);
  }
  // What epoll cannot watch, Darwin's filters do not take either.
  return error == EPERM || error == ELOOP ? EINVAL : error;
}

int Kqueue::touch(Knote& knote, const Event& change) {
  if (knote.detached()) {
    if ((change.flags & EV_ENABLE) != 0) {
      knote.status &= ~uint32_t{kDisabled};
      activate(knote);
    }
    return 0;
  }
  if (const int error = knote.ops->touch(*this, knote, change)) return error;
  if (!knote.udata_specific()) knote.udata = change.udata;
  if ((change.flags & EV_DISABLE) != 0) {
    knote.status |= kDisabled;
    dequeue(knote);
  } else if ((change.flags & EV_ENABLE) != 0) {
    knote.status &= ~uint32_t{kDisabled};
    if ((knote.status & kActive) != 0) enqueue(knote);
  }
  return knote.source == nullptr ? 0 : update(*knote.source, knote.enabled());
}

int Kqueue::erase(Knote& knote, const Event& change) {
  if (knote.dispatch2() && !knote.enabled() && (change.flags & EV_ENABLE) == 0) {
    detach(knote);
    knote.status |= kDeferDelete;
    return EINPROGRESS;
  }
  drop(&knote);
  return 0;
}

// -- the end of a knote

void Kqueue::unlink_source(Knote& knote) {
  Source* source = knote.source;
  if (source == nullptr) return;
  Knote** link = &source->knotes;
  while (*link != &knote) link = &(*link)->source_next;
  *link = knote.source_next;
  knote.source = nullptr;
  if (source->knotes == nullptr)
    free_source(source);
  else
    update(*source, false);
}

// From its object; whatever it had to say it says no more.
void Kqueue::detach(Knote& knote) {
  if (knote.detached()) return;
  knote.ops->detach(*this, knote);
  unlink_source(knote);
  dequeue(knote);
  knote.status &= ~uint32_t{kActive};
}

void Kqueue::drop(Knote* knote) {
  detach(*knote);
  dequeue(*knote);
  Knote** link = bucket(knote->ident, knote->filter);
  while (*link != knote) link = &(*link)->hash_next;
  *link = knote->hash_next;
  count_--;
  knote->ops->free(knote);
}

void Kqueue::vanish(Knote& knote) {
  if (knote.detached()) return;
  if ((knote.status & kReqVanish) == 0) {
    drop(&knote);
    return;
  }
  detach(knote);
  knote.status |= kVanished;
  activate(knote);
}

void Kqueue::descriptor_closed(Source& source) {
  const int fd = source.fd;
  while (Source* left = source_at(fd)) {
    if (left != &source || left->knotes == nullptr) break;
    vanish(*left->knotes);
  }
}

void Kqueue::descriptor_closes(int fd) {
  const Locked lock(*this);
  Source* source = source_at(fd);
  if (source != nullptr && source->ready == nullptr) descriptor_closed(*source);
}

}  // namespace portolan::kq
