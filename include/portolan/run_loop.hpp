// SPDX-License-Identifier: Apache-2.0
// A run loop: one thread that waits for many things, and calls a handler for each that happens.
//
//   portolan::run_loop loop;
//   const auto tick = loop.every(1s, [&] { std::puts("tick"); }).value();
//   const auto end = loop.signal(SIGTERM, [&] { loop.stop(); }).value();
//   loop.run().value();
//
// Each thing is a source: an object that moves, and whose end cancels it. After that its handler is not
// called any more, also where what it is for has happened already. A handler may cancel any source, its own
// included, and make new ones; it lives until it returns.
//
// A handler takes what is told of its source or leaves it out: f(periods) or f(). It must not run its own
// loop. An exception passes through run(); the next run goes on with the next thing that has happened.
//
// Threads: sources are made and cancelled by the thread that runs the loop, or while nobody runs it; anything
// else ends the program. stop(), perform() and loop_waker::wake() are for any thread, not for signal
// handlers. docs/runloop.md has more.
#ifndef PORTOLAN_RUN_LOOP_HPP_
#define PORTOLAN_RUN_LOOP_HPP_

#include <errno.h>
#include <mach/mach.h>
#include <sys/event.h>
#include <sys/wait.h>
#include <portolan/kernel_queue.hpp>
#include <portolan/listener.hpp>
#include <portolan/loop_core.hpp>
#include <portolan/received_message.hpp>
#include <portolan/result.hpp>
#include <portolan/right.hpp>
#include <portolan/service.hpp>
#include <portolan/timeout.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace portolan {

// What is told of a descriptor.
struct descriptor_event {
  int fd;
  int64_t bytes;  // to read, or room to write; of a listening socket, connections
  bool eof;       // the other side has gone; bytes may be left
  int error;      // of a socket, at its end
};

namespace detail {

// f(argument), or f() if it wants to know nothing.
template <class F, class Argument>
void call_with(F& handler, Argument&& argument) {
  if constexpr (std::is_invocable_v<F&, Argument>) {
    handler(std::forward<Argument>(argument));
  } else {
    static_assert(std::is_invocable_v<F&>, "a handler takes what its source tells, or nothing");
    handler();
  }
}

// How many messages of one port are handled before other sources have their turn.
inline constexpr int messages_a_turn = 16;

template <class F, class Gone>
class port_node final : public loop_node {
 public:
  port_node(F handler, Gone gone) : handler_(std::move(handler)), gone_(std::move(gone)) {}

  // Received here, and not by the kernel queue: a message that came with an event would be lost if the source
  // were cancelled before its turn.
  bool happened(loop_core& core, const struct kevent64_s& event) override {
    if ((event.flags & EV_EOF) != 0) {
      gone_();
      return true;
    }
    bool handled = false;
    const auto name = static_cast<mach_port_t>(knote.ident);
    for (int i = 0; i < messages_a_turn && !cancelled && !core.stopping(); i++) {
      if (!fetch_any(room_, name)) break;
      received_message message(room_.bytes());
      handled = true;
      handler_(message);
    }
    return handled;
  }

 private:
  static constexpr std::size_t kUsual = 1024;
  heap_room room_{kUsual};
  F handler_;
  Gone gone_;
};

template <class Ended>
class service_node final : public loop_node {
 public:
  service_node(service& served, Ended ended) : service_(served), ended_(std::move(ended)) {}

  bool happened(loop_core& core, const struct kevent64_s&) override {
    bool any = false;
    for (int i = 0; i < messages_a_turn && !cancelled && !core.stopping() && !service_.stopped(); i++) {
      const result<bool> handled = service_.run_once(std::chrono::milliseconds(0));
      if (!handled) {
        service_.stop();
        end(core, handled.error());
        return true;
      }
      if (!*handled) break;
      any = true;
    }
    if (service_.stopped() && !cancelled) end(core, {});
    return any;
  }

 private:
  // A stopped service always has a message for those who may still run it.
  void end(loop_core& core, const result<void>& how) {
    core.cancel(knote.udata);
    call_with(ended_, how);
  }

  service& service_;
  Ended ended_;
};

// What is left is a handler, and what of an event it is told.
template <class F, class Tell>
class event_node final : public loop_node {
 public:
  event_node(F handler, Tell tell) : handler_(std::move(handler)), tell_(std::move(tell)) {}
  bool happened(loop_core&, const struct kevent64_s& event) override {
    call_with(handler_, tell_(event));
    return true;
  }

 private:
  F handler_;
  Tell tell_;
};

// Of a process that had ended before there was a knote for it, the status is known.
template <class F>
class process_node final : public loop_node {
 public:
  explicit process_node(F handler) : handler_(std::move(handler)) {}
  bool happened(loop_core&, const struct kevent64_s& event) override {
    call_with(handler_, known ? *known : static_cast<int>(event.data));
    return true;
  }

  std::optional<int> known;

 private:
  F handler_;
};

struct nothing {
  void operator()() const noexcept {}
};

// The status of a child that has ended and was not waited for, which stays so.
inline std::optional<int> status_of_zombie(pid_t pid) noexcept {
  siginfo_t info = {};
  if (waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != pid)
    return std::nullopt;
  if (info.si_code == CLD_EXITED) return (info.si_status & 0xff) << 8;
  return info.si_status | (info.si_code == CLD_DUMPED ? 0x80 : 0);
}

}  // namespace detail

// A source of a run loop. An empty one is none: a moved-from or cancelled one.
class [[nodiscard]] loop_source {
 public:
  loop_source() noexcept = default;
  loop_source(loop_source&& other) noexcept
      : core_(std::move(other.core_)), id_(std::exchange(other.id_, 0)) {}
  loop_source& operator=(loop_source&& other) noexcept {
    if (this != &other) {
      cancel();
      core_ = std::move(other.core_);
      id_ = std::exchange(other.id_, 0);
    }
    return *this;
  }
  ~loop_source() { cancel(); }

  // Its handler is not called any more, and is destroyed: at once, or when it returns, if it is running.
  void cancel() noexcept {
    const std::shared_ptr<detail::loop_core> core = std::move(core_);
    if (core != nullptr) core->cancel(std::exchange(id_, 0));
  }

  explicit operator bool() const noexcept { return core_ != nullptr; }

 protected:
  friend class run_loop;
  loop_source(std::shared_ptr<detail::loop_core> core, uint64_t id) noexcept
      : core_(std::move(core)), id_(id) {}
  template <class Change>
  result<void> change(Change&& change) {
    if (core_ == nullptr) return error(KERN_INVALID_ARGUMENT, "loop_source");
    return core_->change(id_, std::forward<Change>(change));
  }

  std::shared_ptr<detail::loop_core> core_;
  uint64_t id_ = 0;
};

class [[nodiscard]] timer_source : public loop_source {
 public:
  timer_source() noexcept = default;

  // Begins anew, with this delay or interval; also after it has gone off. What has expired and was not told
  // is forgotten. KERN_INVALID_ARGUMENT if it is empty, or was made with at().
  template <class Rep, class Period>
  result<void> restart(std::chrono::duration<Rep, Period> length) {
    const auto ns = std::chrono::ceil<std::chrono::nanoseconds>(length).count();
    return change([ns](struct kevent64_s& knote) {
      knote.data = ns;
      return (knote.fflags & NOTE_ABSOLUTE) == 0;
    });
  }

 private:
  friend class run_loop;
  explicit timer_source(loop_source&& source) noexcept : loop_source(std::move(source)) {}
};

class [[nodiscard]] descriptor_source : public loop_source {
 public:
  descriptor_source() noexcept = default;

  // Nothing is told between the two, and what still is so afterwards is told then.
  result<void> pause() { return set(EV_DISABLE); }
  result<void> resume() { return set(EV_ENABLE); }

 private:
  friend class run_loop;
  explicit descriptor_source(loop_source&& source) noexcept : loop_source(std::move(source)) {}
  result<void> set(uint16_t flag) {
    return change([flag](struct kevent64_s& knote) {
      knote.flags = EV_UDATA_SPECIFIC | flag;
      return true;
    });
  }
};

// Wakes a user_source, from any thread. Copies wake the same one; once that or its loop has ended, nobody.
class loop_waker {
 public:
  void wake() const noexcept { core_->trigger(id_); }

 private:
  friend class user_source;
  loop_waker(std::shared_ptr<detail::loop_core> core, uint64_t id) noexcept
      : core_(std::move(core)), id_(id) {}

  std::shared_ptr<detail::loop_core> core_;
  uint64_t id_;
};

class [[nodiscard]] user_source : public loop_source {
 public:
  user_source() noexcept = default;

  // To give away. Of an empty source: ends the program.
  loop_waker waker() const noexcept {
    if (core_ == nullptr) detail::misuse("a source is to be woken that was moved away, or never was");
    return loop_waker(core_, id_);
  }

 private:
  friend class run_loop;
  explicit user_source(loop_source&& source) noexcept : loop_source(std::move(source)) {}
};

class run_loop {
 public:
  // A loop without sources. What cannot be set up is reported by whatever is done with it.
  run_loop() : core_(std::make_shared<detail::loop_core>()) {}
  run_loop(const run_loop&) = delete;
  run_loop& operator=(const run_loop&) = delete;
  // Cancels all sources, and forgets what was to be performed. Nobody may be in run() any more.
  ~run_loop() { core_->close(); }

  // --- Running. Fails with what kevent64 fails with, such as unix_err(EBADF) if somebody has closed the
  // descriptor, and otherwise never.

  // Until stop(), whether or not there are sources.
  result<void> run() {
    bool handled = false;
    return core_->run(std::nullopt, false, handled).transform([](bool) {});
  }
  // So long at the most; true if it was stopped.
  result<bool> run_for(timeout longest) {
    bool handled = false;
    return core_->run(until(longest), false, handled);
  }
  // Waits at most so long for something to happen, and handles what has happened by then. False if there was
  // nothing, or it was stopped before.
  result<bool> run_once(timeout longest = forever) {
    bool handled = false;
    return core_->run(until(longest), true, handled).transform([&](bool) { return handled; });
  }

  // Lets the handler that runs return, and the run that it is in; if nobody runs the loop, the next run. From
  // any thread.
  void stop() noexcept { core_->stop(); }

  // Calls task() once in the loop, after everything that was given before. From any thread; does not block,
  // and is not lost between two looks. What is left when the loop ends is destroyed without a call.
  template <class F>
  void perform(F task) {
    detail::listener<> one;
    one.set(std::move(task));
    core_->perform(std::move(one));
  }

  // Readable when a run would find something to do: for another run loop, kernel queue, epoll or poll. It
  // stays the loop's. After an exception there may be more to do than it says: run_once(0ms) until there is
  // nothing.
  int descriptor() const noexcept { return core_->fd(); }

  // --- Sources. All fail with unix_err(EMFILE), (ENOMEM) and the like if the system has no room for them.

  // The messages of a port or a set, which stays its owner's: f(received_message&); gone() once the right is
  // no longer this task's. A watched port is best received from by nobody else. Messages have any size. Up to
  // detail::messages_a_turn are handled before others have their turn. unix_err(ENOENT) if there is no such
  // right.
  template <class F, class Gone = detail::nothing>
  result<loop_source> receive(const receive_right& port, F handler, Gone gone = {}) {
    return receive_from(port.get(), std::move(handler), std::move(gone));
  }
  template <class F, class Gone = detail::nothing>
  result<loop_source> receive(const port_set& ports, F handler, Gone gone = {}) {
    return receive_from(ports.get(), std::move(handler), std::move(gone));
  }

  // f() in each turn while messages wait at a port, which f receives itself, and when the right has gone.
  template <class F>
  result<loop_source> on_arrival(const receive_right& port, F handler) {
    if (port.get() == MACH_PORT_NULL)
      detail::misuse("messages are waited for at a right that was moved away, or never was");
    return add_event(std::move(handler), count_of, detail::queue_change(port.get(), EVFILT_MACHPORT, 0));
  }

  // Handles a service's messages in this loop instead of service::run(): everything that it is told and
  // answers is as there. It has to live longer than the source. ended(const result<void>&), or ended(), is
  // called once the service was stopped, or with the error that stopped it.
  template <class Ended = detail::nothing>
  result<loop_source> serve(service& served, Ended ended = {}) {
    return add(std::make_shared<detail::service_node<Ended>>(served, std::move(ended)),
               detail::queue_change(served.arrivals(), EVFILT_MACHPORT, 0));
  }

  // Once, after so long: f(). Timers go off no sooner than said, and as soon after as the loop has its turn.
  // `tolerance` is how much later would do; the kernel queues of Linux put nothing off for it.
  template <class Rep, class Period, class F>
  result<timer_source> after(std::chrono::duration<Rep, Period> delay, F handler,
                             std::chrono::nanoseconds tolerance = {}) {
    return timer(std::chrono::ceil<std::chrono::nanoseconds>(delay), EV_ONESHOT, 0, std::move(handler),
                 tolerance);
  }
  // Again and again: f(int64_t periods), how many have passed since the last time; more than one if the loop
  // was late. It stays on the grid of its start. An interval of nothing or less goes off once.
  template <class Rep, class Period, class F>
  result<timer_source> every(std::chrono::duration<Rep, Period> interval, F handler,
                             std::chrono::nanoseconds tolerance = {}) {
    return timer(std::chrono::ceil<std::chrono::nanoseconds>(interval), 0, 0, std::move(handler), tolerance);
  }
  // Once, at a moment of the wall clock as it goes now: f(). When the clock is set it does not move.
  template <class F>
  result<timer_source> at(std::chrono::system_clock::time_point moment, F handler,
                          std::chrono::nanoseconds tolerance = {}) {
    return timer(std::chrono::ceil<std::chrono::nanoseconds>(moment.time_since_epoch()), EV_ONESHOT,
                 NOTE_ABSOLUTE, std::move(handler), tolerance);
  }

  // Bytes to read, connections to accept, or the end: f(const descriptor_event&), again in each turn for as
  // long as it is so. The descriptor stays its owner's. Cancel the source first: when the descriptor is
  // closed nothing is told any more. unix_err(EBADF), or (EINVAL) for what cannot be watched.
  template <class F>
  result<descriptor_source> readable(int fd, F handler) {
    return descriptor(fd, EVFILT_READ, std::move(handler));
  }
  // Room to write, or the end. Nearly always so: to be paused while there is nothing to write.
  template <class F>
  result<descriptor_source> writable(int fd, F handler) {
    return descriptor(fd, EVFILT_WRITE, std::move(handler));
  }

  // A signal was sent to the process: f(int64_t times). What else it does it still does: one that would end
  // the program has to be ignored, with signal(number, SIG_IGN), or to have a handler.
  template <class F>
  result<loop_source> signal(int number, F handler) {
    return add_event(std::move(handler), count_of,
                     detail::queue_change(static_cast<uint64_t>(number), EVFILT_SIGNAL, 0));
  }

  // A process has ended: f(int status), as waitpid has it, or -1 if it is not for this process to know; once.
  // A child that has ended already, too; it is still to be waited for. unix_err(ESRCH) if there is none.
  template <class F>
  result<loop_source> process_end(pid_t pid, F handler) {
    const auto node = std::make_shared<detail::process_node<F>>(std::move(handler));
    result<loop_source> watched = add(
        node, detail::queue_change(static_cast<uint64_t>(pid), EVFILT_PROC, 0, NOTE_EXIT | NOTE_EXITSTATUS));
    if (watched || !(watched.error() == unix_err(ESRCH))) return watched;
    node->known = detail::status_of_zombie(pid);
    if (!node->known) return watched;
    return add(node, detail::queue_change(0, EVFILT_USER, EV_ONESHOT, NOTE_TRIGGER));
  }

  // f() after its waker was used, once for all that came before the loop had its turn.
  template <class F>
  result<user_source> on_wake(F handler) {
    return add_event(std::move(handler), count_of, detail::queue_change(0, EVFILT_USER, EV_CLEAR))
        .transform([](loop_source source) { return user_source(std::move(source)); });
  }

  // f() when nothing is left to do, before the loop waits.
  template <class F>
  result<loop_source> idle(F handler) {
    return add_event(std::move(handler), count_of, detail::queue_change(0, 0, 0));
  }

 private:
  static detail::loop_core::deadline until(timeout longest) {
    if (!longest.bounded()) return std::nullopt;
    return detail::loop_core::clock::now() + std::chrono::milliseconds(longest.milliseconds());
  }

  result<loop_source> add(std::shared_ptr<detail::loop_node> node, const struct kevent64_s& knote) {
    return core_->add(std::move(node), knote).transform([this](uint64_t id) {
      return loop_source(core_, id);
    });
  }

  // tell(event): what the handler is told of it.
  template <class F, class Tell>
  result<loop_source> add_event(F handler, Tell tell, const struct kevent64_s& knote) {
    return add(std::make_shared<detail::event_node<F, Tell>>(std::move(handler), std::move(tell)), knote);
  }
  static int64_t count_of(const struct kevent64_s& event) { return event.data; }

  template <class F, class Gone>
  result<loop_source> receive_from(mach_port_t name, F handler, Gone gone) {
    if (name == MACH_PORT_NULL) detail::misuse("receiving from a right that was moved away, or never was");
    return add(std::make_shared<detail::port_node<F, Gone>>(std::move(handler), std::move(gone)),
               detail::queue_change(name, EVFILT_MACHPORT, 0));
  }

  template <class F>
  result<timer_source> timer(std::chrono::nanoseconds length, unsigned flags, uint32_t how, F handler,
                             std::chrono::nanoseconds tolerance) {
    return add_event(std::move(handler), count_of,
                     detail::queue_change(0, EVFILT_TIMER, flags, NOTE_NSECONDS | NOTE_LEEWAY | how,
                                          length.count(), 0, static_cast<uint64_t>(tolerance.count())))
        .transform([](loop_source source) { return timer_source(std::move(source)); });
  }

  template <class F>
  result<descriptor_source> descriptor(int fd, int filter, F handler) {
    const auto tell = [](const struct kevent64_s& event) {
      return descriptor_event{static_cast<int>(event.ident), event.data, (event.flags & EV_EOF) != 0,
                              (event.flags & EV_EOF) != 0 ? static_cast<int>(event.fflags) : 0};
    };
    return add_event(std::move(handler), tell, detail::queue_change(static_cast<uint64_t>(fd), filter, 0))
        .transform([](loop_source source) { return descriptor_source(std::move(source)); });
  }

  std::shared_ptr<detail::loop_core> core_;
};

}  // namespace portolan

#endif  // PORTOLAN_RUN_LOOP_HPP_
