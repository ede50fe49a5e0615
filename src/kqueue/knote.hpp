// SPDX-License-Identifier: Apache-2.0
// One registration in a kernel queue, and what a filter has to know about those of its kind.
//
// All of a knote belongs to the lock of its queue. A filter's functions are called with that lock held, and
// take only locks that are below it: those of queues watched by this one, and the leaves in pulse.cpp and
// filt_machport.cpp.
#pragma once

#include <sys/event.h>
#include <sys/event_private.h>

#include <cstdint>

namespace portolan::kq {

class Kqueue;
struct Source;
struct Knote;

// An event or a change in any of the three layouts, as wide as the widest.
struct Event {
  uint64_t ident = 0;
  int16_t filter = 0;
  uint16_t flags = 0;
  uint32_t fflags = 0;
  int64_t data = 0;
  uint64_t udata = 0;
  uint64_t ext[4] = {};
  int32_t qos = 0;
  uint32_t xflags = 0;
};

// Where received messages go that have no buffer of their own (kqueue 7.10): kevent_qos's data area.
struct DataArea {
  uint64_t address = 0;
  uint64_t left = 0;
  bool from_the_end = false;
};

enum class Verdict {
  holds,     // the event was filled in
  last,      // the same, and the object is not ready any more; it will say so when it is
  stale,     // the object is not ready any more; it will say so when it is
  short_of,  // the object is ready by its own measure, but not by the knote's: it would say so again and
             // again
};

class Filter {
 public:
  constexpr explicit Filter(bool of_descriptors) : of_descriptors_(of_descriptors) {}
  // Is `ident` a descriptor?
  bool of_descriptors() const { return of_descriptors_; }

  // Memory for a knote of this kind; null: none.
  virtual Knote* make() const = 0;
  virtual void free(Knote* knote) const = 0;
  // 0 or the errno of the change; the knote is activated through the queue if its condition holds already.
  virtual int attach(Kqueue& kqueue, Knote& knote) const = 0;
  virtual void detach(Kqueue& kqueue, Knote& knote) const = 0;
  // Any later change of the knote, EV_ENABLE and EV_DISABLE included. On failure nothing has changed.
  virtual int touch(Kqueue& kqueue, Knote& knote, const Event& change) const = 0;
  // Asked again when the event is about to be delivered. `out` comes with what the knote says.
  virtual Verdict deliver(Kqueue& kqueue, Knote& knote, Event& out, DataArea& area) const = 0;
  // Of descriptors: what epoll is asked for.
  virtual uint32_t interest(const Knote&) const { return 0; }

 protected:
  ~Filter() = default;

 private:
  bool of_descriptors_;
};

// null: no such filter, or none that Linux could have.
const Filter* filter_of(int16_t filter);

enum KnoteStatus : uint32_t {
  kActive = 0x001,  // its object said something that was not looked at yet
  kQueued = 0x002,  // on the queue's ready list: active and enabled
  kDisabled = 0x004,
  kDeferDelete = 0x080,  // one last event is owed, then it goes (kqueue 5)
  kReqVanish = 0x200,    // EV_VANISHED was asked for
  kVanished = 0x400,     // its object is gone, and it has no object now
};

struct Knote {
  const Filter* ops = nullptr;
  uint64_t ident = 0;
  uint64_t udata = 0;
  int16_t filter = 0;
  uint16_t flags = 0;  // as created, and what the filter added
  uint32_t status = 0;
  uint32_t fflags = 0;  // gathered by the filter
  uint32_t wanted = 0;  // fflags of the last change (XNU's sfflags)
  int64_t given = 0;    // data of the last change (sdata)
  uint64_t ext[4] = {};
  int32_t qos = 0;

  Knote* hash_next = nullptr;
  Knote* queue_next = nullptr;
  Knote* queue_prev = nullptr;
  Source* source = nullptr;  // of descriptors: theirs
  Knote* source_next = nullptr;

  bool udata_specific() const { return (flags & EV_UDATA_SPECIFIC) != 0; }
  bool enabled() const { return (status & kDisabled) == 0; }
  bool dispatch2() const { return (flags & EV_DISPATCH2) == EV_DISPATCH2; }
  // Stays active after a delivery: is looked at again by every scan.
  bool level() const { return (flags & (EV_CLEAR | EV_DISPATCH | EV_ONESHOT)) == 0; }
  bool detached() const { return (status & (kVanished | kDeferDelete)) != 0; }
};

}  // namespace portolan::kq
