// SPDX-License-Identifier: Apache-2.0
// EVFILT_MACHPORT (kqueue 7.10). Senders know nothing of kernel queues: for each knote a thread of this
// process waits at the port or set as a receiver whom no message fits, so that a sender sends it away with
// the message's size and passes the message on. It writes an eventfd that the queue's epoll has, and rests
// until a delivery finds nothing. What is there is asked by a receive when the event is delivered.
//
// Divergences: with EV_CLEAR an undrained queue fires again; the threads keep a process alive whose main
// thread has ended by pthread_exit.
//
// Locks: the watcher's own is a leaf; the queue's lock may be held while taking it. The thread takes no
// other.
#include <errno.h>
#include <mach/mach.h>
#include <mach/message.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "kqueue/descriptors.hpp"
#include "kqueue/filters.hpp"
#include "segment/futex.hpp"
#include "traps/trap.hpp"
#include "vm/usercopy.hpp"

namespace portolan::kq {
namespace {

constexpr size_t kStack = 256 * 1024;
constexpr uint32_t kModes = MACH_RCV_MSG | MACH_RCV_SYNC_PEEK;  // of a knote's life
// What of a knote's options a receive gets (kqueue 7.10).
constexpr uint32_t kHonoured =
    MACH_RCV_MSG | MACH_RCV_LARGE | MACH_RCV_LARGE_IDENTITY | MACH_RCV_VOUCHER | 0x0f000000;
constexpr uint32_t kHeader = sizeof(mach_msg_header_t);

// What a receive that takes nothing says: the size of the next message and the port that has it.
struct Peeked {
  mach_msg_return_t code = MACH_MSG_SUCCESS;
  uint32_t size = 0;
  mach_port_name_t port = MACH_PORT_NULL;
};

// `how` besides: MACH_RCV_TIMEOUT, not to wait; MACH_RCV_INTERRUPT.
Peeked peek(mach_port_name_t name, mach_msg_option_t how) {
  mach_msg_header_t header{};
  Peeked peeked;
  peeked.code = mach_msg(&header, MACH_RCV_MSG | MACH_RCV_LARGE | MACH_RCV_LARGE_IDENTITY | how, 0, kHeader,
                         name, 0, MACH_PORT_NULL);
  peeked.size = header.msgh_size;
  peeked.port = header.msgh_local_port;
  return peeked;
}

// The thread that waits for a knote, which lives as long as the knote does.
class Watcher {
 public:
  Watcher(mach_port_name_t name, int bell) : name_(name), bell_(bell) {}

  bool start();
  // Ends the thread, and waits for that.
  void stop();
  // The queue was found empty: there is something to wait for.
  void work() {
    const std::lock_guard<std::mutex> lock(mutex_);
    rests_ = false;
    changed_.notify_all();
  }

 private:
  static void* run(void* watcher);
  bool rest();
  bool attach();
  void interrupt();

  const mach_port_name_t name_;
  const int bell_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool rests_ = true;  // whoever looks first finds what is there already
  bool ends_ = false, ended_ = false;
  ThreadContext* context_ = nullptr;  // once the thread is attached: before, it has no wait to be ended
};

// False: it is over.
bool Watcher::rest() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [&] { return ends_ || !rests_; });
  return !ends_;
}

bool Watcher::attach() {
  if (context_ != nullptr) return true;
  if (const Trap trap; !trap.ok()) return false;
  const std::lock_guard<std::mutex> lock(mutex_);
  context_ = &t_context;
  return true;
}

void* Watcher::run(void* argument) {
  Watcher& watcher = *static_cast<Watcher*>(argument);
  while (watcher.rest()) {
    // What cannot be waited for is for the program to see.
    if (watcher.attach() && peek(watcher.name_, MACH_RCV_INTERRUPT).code == MACH_RCV_INTERRUPTED) continue;
    const std::lock_guard<std::mutex> lock(watcher.mutex_);
    const uint64_t one = 1;
    if (write(watcher.bell_, &one, sizeof one) < 0) continue;  // full: it is readable
    watcher.rests_ = true;
  }
  const std::lock_guard<std::mutex> lock(watcher.mutex_);
  watcher.ended_ = true;
  watcher.changed_.notify_all();
  return nullptr;
}

// As a signal handler of the thread's own would: its wait in the kernel ends.
void Watcher::interrupt() {
  if (context_ == nullptr) return;
  const Trap trap;
  if (!trap.ok()) return;
  __atomic_fetch_add(&context_->interrupts, 1u, __ATOMIC_SEQ_CST);
  Frame& frame = context_->thread.frame();
  frame.sleeping.store(0, std::memory_order_seq_cst);
  futex_wake(frame.sleeping.address(), 1);
}

void Watcher::stop() {
  std::unique_lock<std::mutex> lock(mutex_);
  ends_ = true;
  changed_.notify_all();
  // It may be about to begin its wait and not be waiting yet.
  while (!ended_) {
    interrupt();
    changed_.wait_for(lock, std::chrono::milliseconds(1));
  }
}

bool Watcher::start() {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, kStack);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  const int error = pthread_create(&thread, &attributes, run, this);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  return error == 0;
}

struct PortKnote : Knote {
  Watcher* watcher = nullptr;
  Source* bell = nullptr;
  mach_port_name_t name() const { return static_cast<mach_port_name_t>(ident); }
};

uint32_t trailer_size(uint32_t options) {
  const uint32_t elements = options >> 24 & 0xf;
  static constexpr uint32_t kSizes[] = {8, 12, 20, 52, 60};
  return elements < 5 ? kSizes[elements] : sizeof(mach_msg_max_trailer_t);
}

class PortFilter final : public FilterOf<PortKnote> {
 public:
  constexpr PortFilter() : FilterOf(false) {}

  int attach(Kqueue& kqueue, Knote& knote) const override {
    PortKnote& port = own(knote);
    mach_port_type_t type = 0;
    if (mach_port_type(mach_task_self(), port.name(), &type) != KERN_SUCCESS) return ENOENT;
    if ((type & MACH_PORT_TYPE_DEAD_NAME) != 0) return ENOENT;
    if ((type & (MACH_PORT_TYPE_RECEIVE | MACH_PORT_TYPE_PORT_SET)) == 0) return ENOTSUP;
    const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) return errno;
    port.bell = kqueue.watch(fd, EPOLLIN | EPOLLET, rung, &port);
    if (port.bell == nullptr) return errno;
    auto* watcher = new (std::nothrow) Watcher(port.name(), fd);
    if (watcher == nullptr || !watcher->start()) {
      delete watcher;
      kqueue.unwatch(port.bell);
      return ENOMEM;
    }
    port.watcher = watcher;
    kqueue.activate(port);
    return 0;
  }

  void detach(Kqueue& kqueue, Knote& knote) const override {
    PortKnote& port = own(knote);
    port.watcher->stop();
    delete port.watcher;
    kqueue.unwatch(port.bell);
  }

  int touch(Kqueue& kqueue, Knote& knote, const Event& change) const override {
    if (((change.fflags ^ knote.wanted) & kModes) != 0) return EINVAL;
    knote.wanted = change.fflags;
    knote.ext[0] = change.ext[0];
    knote.ext[1] = change.ext[1];
    kqueue.activate(knote);
    return 0;
  }

  Verdict deliver(Kqueue& kqueue, Knote& knote, Event& out, DataArea& area) const override {
    PortKnote& port = own(knote);
    const Peeked peeked = peek(port.name(), MACH_RCV_TIMEOUT);
    if (peeked.code == MACH_RCV_TIMED_OUT) {
      port.watcher->work();
      return Verdict::stale;
    }
    if (peeked.code != MACH_RCV_TOO_LARGE) return gone(kqueue, port, out);
    if ((port.wanted & MACH_RCV_MSG) != 0) return receive(port, peeked, out, area);
    out.data = peeked.port;
    return Verdict::holds;
  }

 private:
  static void rung(Kqueue& kqueue, Source& source) {
    kqueue.activate(*static_cast<PortKnote*>(source.owner));
  }

  static Verdict gone(Kqueue& kqueue, PortKnote& port, Event& out) {
    if ((port.status & kReqVanish) != 0) {
      kqueue.vanish(port);
      return Verdict::stale;
    }
    port.flags |= EV_EOF | EV_ONESHOT;
    out.ext[0] = out.ext[1] = 0;
    return Verdict::holds;
  }

  static Verdict receive(PortKnote& port, const Peeked& peeked, Event& out, DataArea& area) {
    uint32_t options = port.wanted & kHonoured;
    uint64_t buffer = port.ext[0], room = port.ext[1];
    const uint64_t whole = (uint64_t{peeked.size} + trailer_size(options) + 7) & ~uint64_t{7};
    const bool from_area = room == 0;
    if (from_area) {
      options |= MACH_RCV_LARGE | MACH_RCV_LARGE_IDENTITY;
      room = area.left >= whole ? whole : 0;
      buffer = area.from_the_end ? area.address + (area.left - room) : area.address;
    }
    const auto size = static_cast<mach_msg_size_t>(room > UINT32_MAX ? UINT32_MAX : room);
    auto* into = reinterpret_cast<mach_msg_header_t*>(buffer);
    const mach_msg_return_t code =
        room == 0 ? MACH_RCV_TOO_LARGE
                  : mach_msg(into, static_cast<mach_msg_option_t>(options | MACH_RCV_TIMEOUT), 0, size,
                             port.name(), 0, MACH_PORT_NULL);
    if (code == MACH_RCV_TIMED_OUT) return Verdict::stale;
    out.fflags = static_cast<uint32_t>(code);
    out.ext[0] = buffer;
    out.ext[1] = 0;
    if (code == MACH_RCV_TOO_LARGE && (options & MACH_RCV_LARGE) != 0) {
      out.ext[1] = peeked.size;
      out.data = (options & MACH_RCV_LARGE_IDENTITY) != 0 ? peeked.port : 0;
      return Verdict::holds;
    }
    // The size of what lies there: a message, or the bare header of one that was destroyed.
    mach_msg_header_t header{};
    if (size >= kHeader && vm::copy_from_user(&header, into, kHeader))
      out.ext[1] = uint64_t{header.msgh_size} + trailer_size(options);
    if (from_area && code == MACH_MSG_SUCCESS) {
      area.left -= room;
      if (!area.from_the_end) area.address += room;
    }
    return Verdict::holds;
  }
};

constexpr PortFilter g_filter;

}  // namespace

const Filter* filter_machport() { return &g_filter; }

}  // namespace portolan::kq
