// SPDX-License-Identifier: Apache-2.0
// kqueue, kevent, kevent64 and kevent_qos (kqueue 2 and 3): arguments in, events out.
#include <errno.h>
#include <time.h>

#include "kqueue/descriptors.hpp"
#include "kqueue/kqueue.hpp"
#include "segment/futex.hpp"
#include "vm/usercopy.hpp"

namespace portolan::kq {
namespace {

constexpr uint64_t kImmediately = 0;

// How each of the three structures becomes an Event, and back.
void widen(const struct kevent& in, Event& out) {
  out.ident = in.ident;
  out.filter = in.filter;
  out.flags = in.flags;
  out.fflags = in.fflags;
  out.data = in.data;
  out.udata = reinterpret_cast<uint64_t>(in.udata);
}
void narrow(const Event& in, struct kevent& out) {
  out.ident = in.ident;
  out.filter = in.filter;
  out.flags = in.flags;
  out.fflags = in.fflags;
  out.data = in.data;
  out.udata = reinterpret_cast<void*>(in.udata);
}

void widen(const struct kevent64_s& in, Event& out) {
  out.ident = in.ident;
  out.filter = in.filter;
  out.flags = in.flags;
  out.fflags = in.fflags;
  out.data = in.data;
  out.udata = in.udata;
  for (int i = 0; i < 2; i++) out.ext[i] = in.ext[i];
}
void narrow(const Event& in, struct kevent64_s& out) {
  out.ident = in.ident;
  out.filter = in.filter;
  out.flags = in.flags;
  out.fflags = in.fflags;
  out.data = in.data;
  out.udata = in.udata;
  for (int i = 0; i < 2; i++) out.ext[i] = in.ext[i];
}

void widen(const struct kevent_qos_s& in, Event& out) {
  out.ident = in.ident;
  out.filter = in.filter;
  out.flags = in.flags;
  out.fflags = in.fflags;
  out.data = in.data;
  out.udata = in.udata;
  out.qos = in.qos;
  out.xflags = in.xflags;
  for (int i = 0; i < 4; i++) out.ext[i] = in.ext[i];
}
void narrow(const Event& in, struct kevent_qos_s& out) {
  out.ident = in.ident;
  out.filter = in.filter;
  out.flags = in.flags;
  out.fflags = in.fflags;
  out.data = in.data;
  out.udata = in.udata;
  out.qos = in.qos;
  out.xflags = in.xflags;
  for (int i = 0; i < 4; i++) out.ext[i] = in.ext[i];
}

template <class Layout>
class UserList final : public EventList {
 public:
  UserList(Layout* events, int room) : events_(events), room_(room > 0 ? static_cast<unsigned>(room) : 0) {}
  unsigned room() const override { return room_ - count_; }
  bool empty() const override { return count_ == 0; }
  int put(const Event& event) override {
    Layout out;
    narrow(event, out);
    if (!vm::copy_to_user(events_ + count_, &out, sizeof out)) return EFAULT;
    count_++;
    return 0;
  }
  int count() const { return static_cast<int>(count_); }

 private:
  Layout* events_;
  unsigned room_, count_ = 0;
};

template <class Layout>
int apply_changes(Kqueue& kqueue, const Layout* changes, int count, UserList<Layout>& list) {
  for (int i = 0; i < count; i++) {
    Layout in;
    if (!vm::copy_from_user(&in, changes + i, sizeof in)) return EFAULT;
    Event change;
    widen(in, change);
    change.flags &= static_cast<uint16_t>(~EV_SYSFLAGS);
    const int error = kqueue.apply(change);
    if ((error != 0 || (change.flags & EV_RECEIPT) != 0) && list.room() > 0) {
      change.flags |= EV_ERROR;
      change.data = error;
      if (const int fault = list.put(change)) return fault;
    } else if (error != 0) {
      return error;
    }
  }
  return 0;
}

// Everything after the arguments; `deadline` is absolute. -1 with errno, or the number of events.
template <class Layout>
int run(int fd, Family family, const Layout* changes, int change_count, UserList<Layout>& list,
        unsigned flags, uint64_t deadline) {
  Kqueue* kqueue = kqueue_of(fd);
  if (kqueue == nullptr) {
    errno = EBADF;
    return -1;
  }
  int error;
  {
    const Locked lock(*kqueue);
    error = kqueue->bind(family);
    if (error == 0) error = apply_changes(*kqueue, changes, change_count, list);
    if (error == 0 && list.empty() && list.room() > 0 && (flags & KEVENT_FLAG_ERROR_EVENTS) == 0)
      error = kqueue->pass(list, deadline != kImmediately);
  }
  if (error == Kqueue::kAsleep) error = kqueue->sleep(list, deadline);
  kqueue->release();
  if (error == 0) return list.count();
  errno = error;
  return -1;
}

// 0 or errno, and the deadline on CLOCK_MONOTONIC.
int deadline_of(const struct timespec* timeout, unsigned flags, uint64_t& deadline) {
  deadline = (flags & KEVENT_FLAG_IMMEDIATE) != 0 ? kImmediately : kNever;
  if (timeout == nullptr || deadline == kImmediately) return 0;
  struct timespec time;
  if (!vm::copy_from_user(&time, timeout, sizeof time)) return EFAULT;
  if (time.tv_sec < 0 || time.tv_sec > INT32_MAX || time.tv_nsec < 0 || time.tv_nsec > 1'000'000'000)
    return EINVAL;
  const uint64_t ns =
      static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
  deadline = ns == 0 ? kImmediately : monotonic_ns() + ns;
  return 0;
}

// Calls on the queues of libdispatch's kernel side, which Linux has no counterpart of.
constexpr unsigned kRefused = KEVENT_FLAG_WORKQ | KEVENT_FLAG_WORKLOOP | KEVENT_FLAG_DYNAMIC_KQ_MUST_EXIST |
                              KEVENT_FLAG_DYNAMIC_KQ_MUST_NOT_EXIST;

int fail(int error) {
  errno = error;
  return -1;
}

}  // namespace
}  // namespace portolan::kq

using namespace portolan::kq;

extern "C" {

int kqueue(void) {
  Kqueue* made = Kqueue::make();
  if (made == nullptr) return -1;
  if (descriptor_opened(made)) return made->fd();
  close_quietly(made->fd());
  made->release();
  return fail(ENOMEM);
}

int kevent(int kq, const struct kevent* changelist, int nchanges, struct kevent* eventlist, int nevents,
           const struct timespec* timeout) {
  uint64_t deadline;
  if (const int error = deadline_of(timeout, 0, deadline)) return fail(error);
  UserList<struct kevent> list(eventlist, nevents);
  return run(kq, Family::kevent, changelist, nchanges, list, 0, deadline);
}

int kevent64(int kq, const struct kevent64_s* changelist, int nchanges, struct kevent64_s* eventlist,
             int nevents, unsigned int flags, const struct timespec* timeout) {
  if ((flags & kRefused) != 0) return fail(EINVAL);
  uint64_t deadline;
  if (const int error = deadline_of(timeout, flags, deadline)) return fail(error);
  UserList<struct kevent64_s> list(eventlist, nevents);
  return run(kq, Family::wide, changelist, nchanges, list, flags, deadline);
}

int kevent_qos(int kq, const struct kevent_qos_s* changelist, int nchanges, struct kevent_qos_s* eventlist,
               int nevents, void* data_out, size_t* data_available, unsigned int flags) {
  if ((flags & kRefused) != 0) return fail(EINVAL);
  UserList<struct kevent_qos_s> list(eventlist, nevents);
  const bool has_area = data_out != nullptr && data_available != nullptr;
  if (has_area) {
    size_t size = 0;
    if (!portolan::vm::copy_from_user(&size, data_available, sizeof size)) return fail(EFAULT);
    list.area = {reinterpret_cast<uint64_t>(data_out), size, (flags & KEVENT_FLAG_STACK_DATA) != 0};
  }
  uint64_t deadline;
  deadline_of(nullptr, flags, deadline);
  const int count = run(kq, Family::wide, changelist, nchanges, list, flags, deadline);
  const size_t left = list.area.left;
  if (count >= 0 && has_area && !portolan::vm::copy_to_user(data_available, &left, sizeof left))
    return fail(EFAULT);
  return count;
}

}  // extern "C"
