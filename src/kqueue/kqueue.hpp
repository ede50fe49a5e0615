// SPDX-License-Identifier: Apache-2.0
// The kernel queue: its knotes, the list of those that are ready, and the epoll instance that is its
// descriptor.
//
// The descriptor is readable when a watched one is, or when the bell rings: an eventfd in the same epoll,
// readable while the ready list is not empty and nobody looks at it. So select, poll, epoll and other queues
// see it as they see Darwin's.
//
// Locks: one a queue, over everything but the number of references. Nobody sleeps with it: who waits for
// events does so in epoll_wait, and looks again. A queue's lock may be held while taking that of a queue it
// watches; the levels of kqueue 2 exclude cycles. The table of descriptors (descriptors.cpp) is above all of
// them.
//
// Nothing of this is in the segment: if a thread dies here, so does the process, and the queue with it.
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "kqueue/knote.hpp"
#include "kqueue/port_watch.hpp"
#include "kqueue/source.hpp"
#include "traps/section.hpp"

namespace portolan::kq {

// Which structures the queue was first used with (kqueue 2).
enum class Family : uint32_t { none, kevent, wide };

// Whom a scan hands events to.
class EventList {
 public:
  virtual unsigned room() const = 0;
  virtual bool empty() const = 0;
  virtual int put(const Event& event) = 0;  // 0, or EFAULT
  DataArea area;

 protected:
  ~EventList() = default;
};

class Kqueue {
 public:
  static Kqueue* make();  // null, with errno
  void reference() { refs_.fetch_add(1, std::memory_order_relaxed); }
  void release();  // the last one takes it down

  int fd() const { return fd_.load(std::memory_order_relaxed); }

  // -- what kevent does, with the lock held
  // 0; EINVAL: it belongs to the other family; EBADF: it is being closed.
  int bind(Family family);
  // One change (kqueue 4): 0 or its errno, and the change as it was simplified.
  int apply(Event& change);
  // One look at everything (kqueue 6): 0 or EFAULT. With `then_sleep`, and if nothing was found,
  // kAsleep: let go of the lock and call sleep().
  int pass(EventList& events, bool then_sleep);
  static constexpr int kAsleep = -1;
  // … and without: until something is delivered, or the deadline. 0, EINTR, EBADF or EFAULT.
  int sleep(EventList& events, uint64_t deadline_ns);

  // -- for the table of descriptors; without the lock
  void renumber(int fd) { fd_.store(fd, std::memory_order_relaxed); }
  void drain();                    // ends every wait with EBADF, waits for that, and drops every knote
  void descriptor_closes(int fd);  // one that may be watched
  void close_in_child();           // of a fork: its copies of our descriptors; nothing else is looked at

  // -- for filters, with the lock held
  void activate(Knote& knote);
  void activate_all(uint64_t ident, int16_t filter);
  // What it said and was not told yet is not so any more.
  void deactivate(Knote& knote) {
    dequeue(knote);
    knote.status &= ~uint32_t{kActive};
  }
  // Takes a descriptor of our own, tells `ready` when there is something to read, and closes it in the end.
  // null, with errno: it was closed.
  Source* watch(int fd, uint32_t events, Source::Ready ready, void* owner);
  void unwatch(Source* source);
  // Its object is gone: the event that was asked for with EV_VANISHED, or none and no knote.
  void vanish(Knote& knote);
  // The number of ready knotes, for a queue that watches this one. Takes the lock.
  int64_t ready_count();
  bool nest(Kqueue& child);  // false: a cycle, or too deep
  Knote* find(const Event& change) const;
  // What poll(2) says of a knote's descriptor: as epoll has just reported it, or asked now.
  uint32_t readiness(const Knote& knote, uint32_t events) const;
  template <class Visit>
  void each(int16_t filter, Visit&& visit) {
    for (uint32_t i = 0; i < buckets_; i++)
      for (Knote *walk = hash_[i], *next = nullptr; walk != nullptr; walk = next) {
        next = walk->hash_next;
        if (walk->filter == filter) visit(*walk);
      }
  }
  // What filters keep once for a queue; theirs to make, and to end with the last knote that needs it.
  struct Shared {
    void* timers[2] = {};
    void* files = nullptr;
    Source* pulse = nullptr;
    uint32_t pulse_users = 0;
    uint32_t ports = 0;  // knotes of EVFILT_MACHPORT
  } shared;

 private:
  friend class Locked;
  Kqueue() = default;
  ~Kqueue() = default;

  // registration (kqueue.cpp)
  int attach(const Event& change);
  int touch(Knote& knote, const Event& change);
  int erase(Knote& knote, const Event& change);
  void unlink_source(Knote& knote);
  void detach(Knote& knote);
  void descriptor_closed(Source& source);
  void drop(Knote* knote);
  void drop_all();
  bool grow();
  Knote** bucket(uint64_t ident, int16_t filter) const;

  // delivery (scan.cpp)
  void enqueue(Knote& knote);
  void dequeue(Knote& knote);
  int deliver_ready(EventList& events);
  bool deliver_one(Knote& knote, Event& out, EventList& events, Knote**& again);
  void last_words(Knote& knote, Event& out);
  void collect(unsigned room);
  int report(const epoll_event* events, int count);
  void settle_bell();
  // Waiting: for ports in the kernel, where nothing else is watched, or else in the epoll. What these return
  // is as of sleep(), or kAsleep.
  enum class Begun { for_ports, in_epoll, nowhere };
  Begun begin_wait(PortWait& wait);
  bool end_wait();  // false: the queue is being closed
  int sleep_once(EventList& events, uint64_t deadline_ns);
  int sleep_for_ports(PortWait& wait, EventList& events, uint64_t deadline_ns);
  int sleep_in_epoll(EventList& events, uint64_t deadline_ns);
  int deliver_found(EventList& events, int found);
  void end_port_wait(PortWait& wait);
  void call_off_port_waits(bool all);

  // descriptors (source.cpp)
  Source* source_at(int fd) const { return fd >= 0 && fd < source_room_ ? sources_[fd] : nullptr; }
  Source* make_source(int fd);
  void free_source(Source* source);
  bool stale(Source& source);
  int update(Source& source, bool again);
  int control(Source& source, uint32_t events);

  std::mutex mutex_;
  std::atomic<int> fd_{-1};
  std::atomic<uint32_t> refs_{1};
  Family family_ = Family::none;
  uint32_t level_ = 0;
  bool draining_ = false;
  bool rings_ = false;
  int bell_ = -1;
  uint32_t sleepers_ = 0;
  std::condition_variable left_;
  uint32_t pass_ = 1;

  Knote** hash_ = nullptr;
  uint32_t buckets_ = 0, count_ = 0;
  Knote* first_ = nullptr;
  Knote* last_ = nullptr;
  uint32_t ready_ = 0;
  Source** sources_ = nullptr;
  int source_room_ = 0;
  uint32_t source_count_ = 0;
  PortWait* port_waits_ = nullptr;
  uint32_t generation_ = 0;
};

// The lock of a queue as it is held. The bell is put right before it is let go; handlers of the thread's
// signals run after that.
class Locked {
 public:
  explicit Locked(Kqueue& kqueue) : kqueue_(kqueue) { kqueue_.mutex_.lock(); }
  ~Locked() {
    kqueue_.settle_bell();
    kqueue_.mutex_.unlock();
  }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  Section section_;
  Kqueue& kqueue_;
};

}  // namespace portolan::kq
