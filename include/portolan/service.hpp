// SPDX-License-Identifier: Apache-2.0
// A service: ports, a handler for each message, and threads that receive.
//
//   portolan::service echo(portolan::bootstrap::check_in("com.example.echo").value());
//   echo.on([](say& request) { return said{request.payload}; });
//   echo.run().value();
//
// A handler's parameters say what it is for: the message, by reference or value; then, as far as it wants
// them, a reply_to<Replies…> to answer, and a const envelope&. A handler that returns a message answers with
// it; one that returns result<message> with that, or with the error, which the client's call() then has. A
// handler without either is for messages that want no answer.
//
// Register handlers first; then any number of threads may run(). stop() may be called from anywhere, handlers
// included.
#ifndef PORTOLAN_SERVICE_HPP_
#define PORTOLAN_SERVICE_HPP_

#include <mach/mach.h>
#include <portolan/listener.hpp>
#include <portolan/message.hpp>
#include <portolan/notify.hpp>
#include <portolan/receive.hpp>
#include <portolan/received_message.hpp>
#include <portolan/reply.hpp>
#include <portolan/result.hpp>
#include <portolan/right.hpp>
#include <portolan/send.hpp>
#include <portolan/timeout.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace portolan {

namespace detail {

// What a handler takes and returns.
template <class F>
struct signature : signature<decltype(&F::operator())> {};
template <class R, class... As>
struct signature<R (*)(As...)> {
  using returned = R;
  using arguments = std::tuple<As...>;
};
template <class R, class... As>
struct signature<R (*)(As...) noexcept> : signature<R (*)(As...)> {};
template <class C, class R, class... As>
struct signature<R (C::*)(As...)> : signature<R (*)(As...)> {};
template <class C, class R, class... As>
struct signature<R (C::*)(As...) const> : signature<R (*)(As...)> {};
template <class C, class R, class... As>
struct signature<R (C::*)(As...) noexcept> : signature<R (*)(As...)> {};
template <class C, class R, class... As>
struct signature<R (C::*)(As...) const noexcept> : signature<R (*)(As...)> {};

template <class T>
inline constexpr bool is_reply_to = false;
template <class... Replies>
inline constexpr bool is_reply_to<reply_to<Replies...>> = true;

// The message that a handler returns, if it does.
template <class R>
struct returned_message {
  using type = void;
};
template <message_type R>
struct returned_message<R> {
  using type = R;
};
template <message_type R>
struct returned_message<result<R>> {
  using type = R;
};

// A handler without its type.
class any_handler {
 public:
  virtual ~any_handler() = default;
  // Takes over a received message.
  virtual result<void> handle(std::byte* at) = 0;
};

template <class F>
class message_handler : public any_handler {
  using arguments = typename signature<F>::arguments;
  using returned = typename signature<F>::returned;
  static_assert(std::tuple_size_v<arguments> > 0,
                "a handler's first parameter is the message that it is for");

 public:
  using M = std::remove_cvref_t<std::tuple_element_t<0, arguments>>;
  static_assert(message_type<M>, "a handler's first parameter is the message that it is for");

  explicit message_handler(F handler) : handler_(std::move(handler)) {}

  result<void> handle(std::byte* at) override {
    if constexpr (replies<arguments>::any) {
      return with_reply(at, typename replies<arguments>::type());
    } else if constexpr (!std::is_void_v<typename returned_message<returned>::type>) {
      return returning(at);
    } else {
      const envelope about(reinterpret_cast<mach_msg_header_t*>(at));
      return accept_one_way<M>(at, MIG_BAD_ID, "service").and_then([&](M body) {
        return finish([&] { return invoke(body, about); });
      });
    }
  }

 private:
  template <class... Rs>
  struct list {};
  template <class Arguments>
  struct replies {
    static constexpr bool any = false;
  };
  template <class First, class... Rs, class... Rest>
  struct replies<std::tuple<First, reply_to<Rs...>, Rest...>> {
    static constexpr bool any = true;
    using type = list<Rs...>;
  };

  template <class... Rs>
  result<void> with_reply(std::byte* at, list<Rs...>) {
    return accept_request<M, Rs...>(at).and_then([&](request<M, Rs...> got) {
      return finish([&] { return invoke(got.body, std::move(got.reply), got.from); });
    });
  }

  result<void> returning(std::byte* at) {
    using R = typename returned_message<returned>::type;
    return accept_request<M, R>(at).and_then([&](request<M, R> got) -> result<void> {
      // Should the handler throw, the request is dropped on the way.
      if constexpr (message_type<returned>) {
        return got.reply.answer(invoke(got.body, got.from));
      } else {
        returned made = invoke(got.body, got.from);
        if (made) return got.reply.answer(std::move(*made));
        static_cast<void>(got.reply.fail(made.error().code()));  // perhaps nobody waits any more
        return made.error();
      }
    });
  }

  // With as many of the arguments as the handler takes.
  template <class... Others>
  returned invoke(M& body, Others&&... others) {
    if constexpr (std::is_invocable_v<F&, decltype(pass(body)), Others...>) {
      return handler_(pass(body), std::forward<Others>(others)...);
    } else {
      return invoke_without_last(body, std::forward_as_tuple(std::forward<Others>(others)...),
                                 std::make_index_sequence<sizeof...(Others) - 1>());
    }
  }
  template <class Tuple, std::size_t... I>
  returned invoke_without_last(M& body, Tuple&& others, std::index_sequence<I...>) {
    return handler_(pass(body), std::get<I>(std::move(others))...);
  }

  static constexpr bool by_lvalue = std::is_lvalue_reference_v<std::tuple_element_t<0, arguments>>;
  static std::conditional_t<by_lvalue, M&, M&&> pass(M& body) noexcept {
    return static_cast<std::conditional_t<by_lvalue, M&, M&&>>(body);
  }

  // What a handler returns is void or result<void>.
  template <class Call>
  static result<void> finish(Call&& call) {
    if constexpr (std::is_void_v<returned>) {
      call();
      return {};
    } else {
      static_assert(std::same_as<returned, result<void>>,
                    "a handler returns nothing, result<void>, the reply, or a result with it");
      return call();
    }
  }

  F handler_;
};

// Gives up the right of a request for a notification that another has replaced.
inline result<void> forget(const result<send_once_right>& previous) noexcept {
  if (!previous) return previous.error();
  return {};
}

}  // namespace detail

class service {
 public:
  // A service without ports. What cannot be set up is reported by run().
  service() {
    set_up(port_set::allocate(), set_);
    set_up(receive_right::allocate(), control_);
    if (!broken_) note(set_.add(control_));
  }
  // A service that owns this port.
  explicit service(receive_right port) : service() {
    if (!broken_) note(add(std::move(port)).transform([](mach_port_t) {}));
  }
  service(const service&) = delete;
  service& operator=(const service&) = delete;
  // No thread may be in run() any more.
  ~service() = default;

  // --- Before it runs ---

  // Handles the messages of the handler's first parameter.
  template <class F>
  service& on(F handler) {
    using M = typename detail::message_handler<F>::M;
    const bool added =
        handlers_.emplace(M::id, std::make_unique<detail::message_handler<F>>(std::move(handler))).second;
    if (!added) detail::misuse("a service has two handlers for one message id");
    largest_ = std::max(largest_, detail::wire<M>::size);
    return *this;
  }

  // A port of the service has no senders any more (watch_senders): f(mach_port_t port).
  template <class F>
  service& on_no_senders(F handler) {
    no_senders_.set(std::move(handler));
    return *this;
  }
  // A port is dead (watch_death): f(dead_name).
  template <class F>
  service& on_dead_name(F handler) {
    dead_name_.set(std::move(handler));
    return *this;
  }
  // A receive right was given up elsewhere (watch_receiver): f(receive_right).
  template <class F>
  service& on_port_destroyed(F handler) {
    port_destroyed_.set(std::move(handler));
    return *this;
  }
  // A message was refused, or a handler returned an error: f(const error&, const envelope&).
  template <class F>
  service& on_error(F handler) {
    error_.set(std::move(handler));
    return *this;
  }

  // --- At any time, from any thread ---

  // Receives from this port, too, and owns it. Gives back its name, by which it can be removed. Errors of
  // port_set::add.
  result<mach_port_t> add(receive_right port) {
    const mach_port_t name = port.get();
    const std::lock_guard<std::mutex> guard(lock_);  // a handler may remove it as soon as it is in the set
    const result<void> added = set_.add(port);
    if (!added) return added.error();
    owned_.emplace(name, std::move(port));
    return name;
  }
  // Receives from this port, too, which stays the caller's, and may be given up at any time.
  result<void> serve(const receive_right& port) const { return set_.add(port); }

  // A port that was added, which is the caller's now; to be dropped, usually. KERN_INVALID_NAME if there is
  // none.
  result<receive_right> remove(mach_port_t name) {
    const std::lock_guard<std::mutex> guard(lock_);
    const auto found = owned_.find(name);
    if (found == owned_.end()) return error(KERN_INVALID_NAME, "service::remove");
    receive_right port = std::move(found->second);
    owned_.erase(found);
    const result<void> removed = set_.remove(port);
    if (!removed) return removed.error();
    return port;
  }

  // Has on_no_senders called once, when all send rights to one of its ports are gone.
  result<void> watch_senders(const receive_right& port) const {
    return detail::forget(notify_no_senders(port, make_send_once_of(port)));
  }
  // The same of a port that was added. KERN_INVALID_NAME if there is none.
  result<void> watch_senders(mach_port_t name) {
    const std::lock_guard<std::mutex> guard(lock_);
    const auto found = owned_.find(name);
    if (found == owned_.end()) return error(KERN_INVALID_NAME, "service::watch_senders");
    return watch_senders(found->second);
  }
  // Has on_dead_name called once, when the port dies that the right leads to. The right may be given up
  // before: nothing comes then. If it outlives the service, cancel_dead_name it.
  result<void> watch_death(const send_right& right) const {
    return detail::forget(notify_dead_name(right, make_send_once_of(control_)));
  }
  // Has on_port_destroyed called with this receive right when whoever has it then gives it up.
  result<void> watch_receiver(const receive_right& port) const {
    return detail::forget(notify_port_destroyed(port, make_send_once_of(control_)));
  }

  // Lets every thread finish what it is handling and leave run(), for good.
  void stop() noexcept {
    if (!stopped_.exchange(true)) wake();
  }

  // Handles messages until stop(). An error is one of mach_msg that no message is to blame for; it stops the
  // service.
  result<void> run() {
    detail::heap_room buffer(largest_);
    while (!stopped_.load()) {
      const result<bool> handled = handle_one(buffer, forever);
      if (!handled) {
        stop();
        return handled.error();
      }
    }
    return {};
  }

  // For who lets a run loop, or a kernel queue, watch for its messages: the name of the set that they arrive
  // at, which stays the service's. MACH_PORT_NULL if it could not be set up.
  mach_port_t arrivals() const noexcept { return set_.get(); }
  bool stopped() const noexcept { return stopped_.load(); }

  // Handles one message, if one comes so soon; false if none came.
  result<bool> run_once(timeout longest = forever) {
    detail::heap_room buffer(largest_);
    return handle_one(buffer, longest);
  }

 private:
  using wake_up = message<0x776b7570>;

  template <class Right>
  void set_up(result<Right> made, Right& kept) {
    if (made) {
      kept = std::move(*made);
    } else if (!broken_) {
      broken_ = made.error();
    }
  }
  void note(const result<void>& done) {
    if (!done && !broken_) broken_ = done.error();
  }

  // One thread's wake-up wakes the next. The last stays in the queue, for those who run later. Through a
  // send-once right, which a full queue does not stop.
  void wake() noexcept {
    result<send_once_right> control = control_.make_send_once();
    if (control) static_cast<void>(send(std::move(*control), wake_up{}));
  }

  result<bool> handle_one(detail::heap_room& buffer, timeout longest) {
    if (broken_) return *broken_;
    const result<void> fetched = detail::fetch(buffer.bytes(), buffer.size(), set_.get(), longest);
    if (fetched) {
      dispatch(buffer.bytes());
      return true;
    }
    const error& failed = fetched.error();
    if (failed == MACH_RCV_TIMED_OUT) return false;
    // Too large, or no room for what is in it: refused, and gone.
    if (failed == MACH_RCV_TOO_LARGE || failed == MACH_RCV_BODY_ERROR || failed == MACH_RCV_HEADER_ERROR) {
      error_(failed, envelope());
      return true;
    }
    return failed;
  }

  void dispatch(std::byte* at) {
    auto* header = reinterpret_cast<mach_msg_header_t*>(at);
    const envelope about(header);
    const mach_msg_id_t id = header->msgh_id;
    const bool at_control = about.port() == control_.get();
    if (at_control && id == wake_up::id) {
      if (stopped_.load()) wake();
      return;
    }
    const auto found = handlers_.find(id);
    result<void> handled;
    if (about.from_kernel() && (at_control || is_listened_to(id))) {
      handled = notified(at, about);
    } else if (found != handlers_.end()) {
      handled = found->second->handle(at);
    } else if (!about.from_kernel() ||
               id != MACH_NOTIFY_SEND_ONCE) {  // a replaced watch says nothing of interest
      handled = detail::refuse(header, MIG_BAD_ID, "service");
    }
    if (!handled) error_(handled.error(), about);
  }

  static bool is_listened_to(mach_msg_id_t id) noexcept {
    return id == MACH_NOTIFY_NO_SENDERS || id == MACH_NOTIFY_DEAD_NAME || id == MACH_NOTIFY_PORT_DESTROYED;
  }

  // Takes over a notification.
  result<void> notified(std::byte* at, const envelope& about) {
    switch (reinterpret_cast<mach_msg_header_t*>(at)->msgh_id) {
      case MACH_NOTIFY_NO_SENDERS:
        return detail::accept_one_way<no_senders_notification>(at, MIG_BAD_ID, "service")
            .transform([&](auto) { no_senders_(about.port()); });
      case MACH_NOTIFY_DEAD_NAME:
        return detail::accept_one_way<dead_name_notification>(at, MIG_BAD_ID, "service")
            .transform([&](auto got) { dead_name_(dead_name::adopt(got.payload.name)); });
      case MACH_NOTIFY_PORT_DESTROYED:
        return detail::accept_one_way<port_destroyed_notification>(at, MIG_BAD_ID, "service")
            .transform([&](auto got) { port_destroyed_(std::move(got.template part<0>())); });
      default:
        return {};  // a right that was watched, or the request itself, was given up: they carry nothing
    }
  }

  port_set set_;
  receive_right control_;  // notifications and wake-ups; nobody else has a right to it
  std::optional<error> broken_;
  std::unordered_map<mach_msg_id_t, std::unique_ptr<detail::any_handler>> handlers_;
  std::size_t largest_ = sizeof(mach_port_destroyed_notification_t);
  detail::listener<mach_port_t> no_senders_;
  detail::listener<dead_name> dead_name_;
  detail::listener<receive_right> port_destroyed_;
  detail::listener<const error&, const envelope&> error_;
  std::atomic<bool> stopped_{false};
  mutable std::mutex lock_;
  std::unordered_map<mach_port_t, receive_right> owned_;  // under the lock
};

}  // namespace portolan

#endif  // PORTOLAN_SERVICE_HPP_
