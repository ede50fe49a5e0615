// SPDX-License-Identifier: Apache-2.0
// Has a run loop call a handler when a port dies that one has a send right to.
//
// The kernel keeps one request for a dead-name notification for each name of a task, and many objects may
// hold the same name. So all sources of a process share one port that the notifications come to, and
// whichever loop looks first tells the others.
#ifndef PORTOLAN_DEATH_SOURCE_HPP_
#define PORTOLAN_DEATH_SOURCE_HPP_

#include <mach/mach.h>
#include <portolan/call.hpp>
#include <portolan/notify.hpp>
#include <portolan/receive.hpp>
#include <portolan/result.hpp>
#include <portolan/right.hpp>
#include <portolan/run_loop.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

namespace portolan {

namespace detail {

class death_notices {
 public:
  using ticket = std::pair<mach_port_t, uint64_t>;  // a name, and whose watch it is

  static death_notices& of_this_process() noexcept {
    static auto* const notices = new death_notices;  // never destroyed: threads may outlive main()
    return *notices;
  }

  // Begins a watch: `watch(port)` has the caller's loop look at the port, with hear().
  template <class Watch>
  result<ticket> begin(const send_right& right, const loop_waker& waker, Watch&& watch) {
    const std::lock_guard<std::mutex> guard(lock_);
    forget_parents();
    if (users_ == 0) {
      result<receive_right> made = receive_right::allocate();
      if (!made) return made.error();
      port_ = *std::move(made);
    }
    const ticket mine(right.get(), ++last_);
    result<void> begun = watch(port_);
    if (begun && !is_watched(right.get())) {
      const result<send_once_right> asked = notify_dead_name(right, make_send_once_of(port_));
      if (!asked) begun = asked.error();
    }
    if (begun) {
      users_++;
      watches_.emplace(mine, waker);
      return mine;
    }
    if (users_ == 0) port_.reset();
    return begun.error();
  }

  // Ends it, whether or not it has come true. The loop does not look any more.
  void end(const ticket& mine, unsigned after_forks) noexcept {
    const std::lock_guard<std::mutex> guard(lock_);
    forget_parents();
    if (after_forks != made_after_) return;  // it was the parent's
    // Nothing comes any more, or is there already.
    if (watches_.erase(mine) > 0 && !is_watched(mine.first)) static_cast<void>(cancel(mine.first));
    hear_all();
    if (--users_ == 0) port_.reset();
  }

  void hear() noexcept {
    const std::lock_guard<std::mutex> guard(lock_);
    forget_parents();
    if (users_ > 0) hear_all();
  }

 private:
  void hear_all() noexcept {
    constexpr std::chrono::milliseconds now{0};
    for (;;) {
      auto got =
          receive<dead_name_notification, port_deleted_notification, send_once_notification>(port_, now);
      if (!got) {
        const error& failed = got.error();
        if (failed == MIG_BAD_ID || failed == MIG_TYPE_ERROR || failed == MACH_RCV_TOO_LARGE) continue;
        return;  // there is nothing more
      }
      if (const auto* died = std::get_if<dead_name_notification>(&*got)) {
        settle(died->payload.name, true);
        dead_name::adopt(died->payload.name).reset();  // it brings a reference
      } else if (const auto* deleted = std::get_if<port_deleted_notification>(&*got)) {
        settle(deleted->payload.name, false);  // the right was given up under its sources
      }
    }
  }

  void settle(mach_port_t name, bool died) noexcept {
    const auto first = first_of(name);
    auto last = first;
    for (; last != watches_.end() && last->first.first == name; ++last)
      if (died) last->second.wake();
    watches_.erase(first, last);
  }

  std::map<ticket, loop_waker>::iterator first_of(mach_port_t name) noexcept {
    return watches_.lower_bound(ticket(name, 0));
  }
  bool is_watched(mach_port_t name) noexcept {
    const auto first = first_of(name);
    return first != watches_.end() && first->first.first == name;
  }
  static result<send_once_right> cancel(mach_port_t name) noexcept {
    return cancel_notification(name, MACH_NOTIFY_DEAD_NAME);
  }

  // After a fork the names mean nothing here.
  void forget_parents() noexcept {
    const unsigned now = forks().load(std::memory_order_relaxed);
    if (now == made_after_) return;
    made_after_ = now;
    static_cast<void>(port_.release());
    watches_.clear();
    users_ = 0;
  }

  std::mutex lock_;
  receive_right port_;  // while there are users
  std::size_t users_ = 0;
  std::map<ticket, loop_waker> watches_;  // that have not come true
  uint64_t last_ = 0;
  unsigned made_after_ = forks().load(std::memory_order_relaxed);
};

}  // namespace detail

class [[nodiscard]] death_source {
 public:
  death_source() noexcept = default;

  // Calls on_death() in the loop, once, when the port that the right leads to has died; soon, if it is dead
  // already. The right stays its owner's, and has to live as long as the source. KERN_INVALID_ARGUMENT and
  // KERN_INVALID_RIGHT if it is none; KERN_RESOURCE_SHORTAGE; and what run_loop::receive fails with.
  //
  // Any number of sources may watch one port. Who asks the kernel besides, by notify_dead_name or
  // service::watch_death, about the same name takes the place of all of them, or loses his.
  template <class F>
  static result<death_source> watch(run_loop& loop, const send_right& right, F on_death) {
    if (right.get() == MACH_PORT_NULL)
      detail::misuse("the death is watched of a right that was moved away, or never was");
    death_source made;
    result<user_source> told = loop.on_wake(std::move(on_death));
    if (!told) return told.error();
    const auto look = [&](const receive_right& port) -> result<void> {
      result<loop_source> heard =
          loop.on_arrival(port, [] { detail::death_notices::of_this_process().hear(); });
      if (!heard) return heard.error();
      made.notices_ = *std::move(heard);
      return {};
    };
    auto begun = detail::death_notices::of_this_process().begin(right, told->waker(), look);
    if (!begun) return begun.error();
    made.told_ = *std::move(told);
    made.ticket_ = *begun;
    made.forks_ = detail::forks().load(std::memory_order_relaxed);
    return made;
  }

  death_source(death_source&& other) noexcept
      : told_(std::move(other.told_)),
        notices_(std::move(other.notices_)),
        ticket_(std::exchange(other.ticket_, {})),
        forks_(other.forks_) {}
  death_source& operator=(death_source&& other) noexcept {
    if (this != &other) {
      cancel();
      told_ = std::move(other.told_);
      notices_ = std::move(other.notices_);
      ticket_ = std::exchange(other.ticket_, {});
      forks_ = other.forks_;
    }
    return *this;
  }
  ~death_source() { cancel(); }

  // on_death is not called any more.
  void cancel() noexcept {
    told_.cancel();
    notices_.cancel();
    const auto ticket = std::exchange(ticket_, {});
    if (ticket.second != 0) detail::death_notices::of_this_process().end(ticket, forks_);
  }

  explicit operator bool() const noexcept { return ticket_.second != 0; }

 private:
  user_source told_;
  loop_source notices_;
  detail::death_notices::ticket ticket_ = {};
  unsigned forks_ = 0;
};

}  // namespace portolan

#endif  // PORTOLAN_DEATH_SOURCE_HPP_
