// SPDX-License-Identifier: Apache-2.0
// Named ports for programs that need no types of messages: a number and some bytes go there, and perhaps some
// bytes come back.
//
//   auto greeter = local_message_port::check_in(loop, "com.example.greeter",
//       [](int32_t, const port_data& name) { return "Hello, " + std::string(name.text()); });
//
//   auto greeter = remote_message_port::look_up("com.example.greeter");
//   auto greeting = greeter->request(1, "world", 1s, 1s);   // result<std::optional<port_data>>
#ifndef PORTOLAN_MESSAGE_PORT_HPP_
#define PORTOLAN_MESSAGE_PORT_HPP_

#include <mach/mach.h>
#include <portolan/bootstrap.hpp>
#include <portolan/death_source.hpp>
#include <portolan/listener.hpp>
#include <portolan/mach_port_source.hpp>
#include <portolan/memory.hpp>
#include <portolan/message.hpp>
#include <portolan/notify.hpp>
#include <portolan/receive.hpp>
#include <portolan/received_message.hpp>
#include <portolan/reply.hpp>
#include <portolan/result.hpp>
#include <portolan/right.hpp>
#include <portolan/run_loop.hpp>
#include <portolan/send.hpp>
#include <portolan/timeout.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace portolan {

namespace detail {

// Up to so many bytes lie in the message; more travel out of line.
inline constexpr std::size_t small_data_room = 496;

struct small_data {
  int32_t id;
  uint32_t size;
  std::byte bytes[small_data_room];
};
struct large_data {
  int32_t id;
};

}  // namespace detail

template <>
inline constexpr bool is_payload<detail::small_data> = true;

namespace detail {

using small_request = message<0x706d'7301, small_data>;
using large_request = message<0x706d'7302, large_data, ool_memory>;
using small_reply = message<0x706d'7311, small_data>;
using large_reply = message<0x706d'7312, large_data, ool_memory>;
using no_reply = message<0x706d'7313>;

}  // namespace detail

// Bytes that came.
class port_data {
 public:
  port_data() noexcept = default;

  std::span<const std::byte> bytes() const noexcept {
    return large_.empty() ? std::span<const std::byte>(small_.bytes, small_.size) : large_.bytes();
  }
  std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(bytes().data()), bytes().size()};
  }
  std::size_t size() const noexcept { return bytes().size(); }
  bool empty() const noexcept { return size() == 0; }

  // For message ports: of a message that came. Sizes that cannot be are cut.
  explicit port_data(const detail::small_data& came) noexcept : small_(came) {
    if (small_.size > detail::small_data_room) small_.size = detail::small_data_room;
  }
  explicit port_data(ool_memory came) noexcept : large_(std::move(came)) {}

 private:
  detail::small_data small_ = {};
  ool_memory large_;
};

// Bytes to send, which stay their owner's: text, or any contiguous range of numbers.
class data_view {
 public:
  data_view() noexcept = default;
  template <class Text>
  requires std::convertible_to<const Text&, std::string_view> data_view(const Text& text)
  noexcept : bytes_(std::as_bytes(std::span(std::string_view(text)))) {}
  template <detail::lendable_range Range>
  requires(!std::convertible_to<const Range&, std::string_view>) data_view(const Range& range)
  noexcept : bytes_(std::as_bytes(std::span(range))) {}
  data_view(const port_data& data) noexcept : bytes_(data.bytes()) {}

  std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

// Of what kind an error of a message port is.
enum class port_failure {
  send_timeout,     // the queue stayed full: nothing was sent
  receive_timeout,  // no reply so soon; one that comes later is dropped
  is_invalid,       // the port was invalid before: nothing was sent
  became_invalid,   // whoever had the request died, or dropped it
  transport,        // anything else
};

inline port_failure kind_of(const error& failed) noexcept {
  if (failed == MACH_SEND_TIMED_OUT) return port_failure::send_timeout;
  if (failed == MACH_RCV_TIMED_OUT) return port_failure::receive_timeout;
  if (failed == MACH_SEND_INVALID_DEST) return port_failure::is_invalid;
  if (failed == MIG_SERVER_DIED) return port_failure::became_invalid;
  return port_failure::transport;
}

namespace detail {

// Calls with(message): small or large, as the bytes want it. KERN_INVALID_ARGUMENT if they are too many.
template <class Small, class Large, class With>
result<void> with_message(int32_t id, const data_view& data, With&& with) {
  const std::span<const std::byte> bytes = data.bytes();
  if (bytes.size() > UINT32_MAX) return error(KERN_INVALID_ARGUMENT, "message_port");
  if (bytes.size() > small_data_room) return with(Large(large_data{id}, bytes_of(bytes)));
  small_data small = {id, static_cast<uint32_t>(bytes.size()), {}};
  if (!bytes.empty()) std::memcpy(small.bytes, bytes.data(), bytes.size());
  return with(Small(small));
}

inline port_data data_of(const small_request& came) noexcept { return port_data(came.payload); }
inline port_data data_of(const small_reply& came) noexcept { return port_data(came.payload); }
inline port_data data_of(large_request& came) noexcept { return port_data(std::move(came.part<0>())); }
inline port_data data_of(large_reply& came) noexcept { return port_data(std::move(came.part<0>())); }

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

using data_reply = reply_to<small_reply, large_reply, no_reply>;

// Answers with nothing, or with whatever bytes a callback has returned. If the client has gone there is
// nobody to tell.
inline void answer_with(data_reply& reply) { static_cast<void>(reply.answer(no_reply())); }
template <class Returned>
void answer_with(data_reply& reply, const Returned& returned) {
  if constexpr (is_optional<Returned>) {
    if (returned) {
      answer_with(reply, *returned);
    } else {
      answer_with(reply);
    }
  } else {
    static_assert(std::is_convertible_v<const Returned&, data_view>,
                  "a callback returns nothing, bytes, or an optional of bytes");
    const result<void> answered = with_message<small_reply, large_reply>(
        0, returned, [&](auto&& letter) { return reply.answer(std::move(letter)); });
    if (!answered && answered.error() == KERN_INVALID_ARGUMENT) reply.drop();  // too many bytes
  }
}

// What a local port does with its messages.
template <class F>
class data_handler {
 public:
  explicit data_handler(F callback) : callback_(std::move(callback)) {}

  void operator()(received_message& message) {
    if (message.id() == large_request::id) {
      heard<large_request>(message);
    } else {
      heard<small_request>(message);  // or refused
    }
  }

 private:
  template <class M>
  void heard(received_message& message) {
    if (!message.wants_answer()) {
      result<M> got = message.take<M>();
      if (got) static_cast<void>(callback_(got->payload.id, data_of(*got)));
      return;
    }
    auto got = message.take_request<M, small_reply, large_reply, no_reply>();
    if (!got) return;
    const port_data data = data_of(got->body);
    if constexpr (std::is_void_v<std::invoke_result_t<F&, int32_t, const port_data&>>) {
      callback_(got->body.payload.id, data);
      answer_with(got->reply);
    } else {
      answer_with(got->reply, callback_(got->body.payload.id, data));
    }
  }

  F callback_;
};

}  // namespace detail

// The receiving end: a port in a run loop, with a name or without.
class [[nodiscard]] local_message_port {
 public:
  // Checks the name in, and calls back in the loop for everything that is sent to it:
  //   callback(int32_t id, const port_data& data), which returns
  //     nothing, or bytes: a string, a vector, port_data, whatever a data_view can be made of; or an optional
  //     of that. They are the reply, if one is waited for; nothing is an empty one (no data).
  // on_invalid() is called once when the port is not valid any more (mach_port_source). Both may destroy the
  // port. Does not block. Fails as bootstrap::check_in and run_loop::receive do.
  template <class F, class G = detail::nothing>
  static result<local_message_port> check_in(run_loop& loop, const char* name, F callback, G on_invalid = {},
                                             mach_port_t ns = bootstrap_port) {
    result<receive_right> port = bootstrap::check_in(name, ns);
    if (!port) return port.error();
    return make(loop, *std::move(port), std::move(callback), std::move(on_invalid));
  }

  // The same of a port that the caller has; if it fails that is gone.
  template <class F, class G = detail::nothing>
  static result<local_message_port> make(run_loop& loop, receive_right port, F callback, G on_invalid = {}) {
    return mach_port_source::make(loop, std::move(port), detail::data_handler<F>(std::move(callback)),
                                  std::move(on_invalid))
        .transform([](mach_port_source source) { return local_message_port(std::move(source)); });
  }

  bool is_valid() const noexcept { return source_.is_valid(); }
  // A right to send to it, to hand to a remote_message_port in any task. KERN_INVALID_RIGHT if it is invalid.
  result<send_right> make_send() const noexcept { return source_.make_send(); }
  // The port dies, and with it its name, unless a job has declared that; on_invalid is called.
  void invalidate() { source_.invalidate(); }
  // As mach_port_source::release.
  [[nodiscard]] receive_right release() noexcept { return source_.release(); }

 private:
  explicit local_message_port(mach_port_source source) noexcept : source_(std::move(source)) {}

  mach_port_source source_;
};

namespace detail {

// A reply as it came, whatever it is.
using any_reply = result<std::variant<small_reply, large_reply, no_reply, send_once_notification, failure>>;

inline result<std::optional<port_data>> data_from(any_reply got) {
  if (!got) return got.error();
  if (std::holds_alternative<no_reply>(*got)) return std::optional<port_data>();
  if (auto* small = std::get_if<small_reply>(&*got)) return std::optional(data_of(*small));
  if (auto* large = std::get_if<large_reply>(&*got)) return std::optional(data_of(*large));
  if (auto* failed = std::get_if<failure>(&*got)) {
    return error(failed->payload.code, "remote_message_port::request");
  }
  return error(MIG_SERVER_DIED, "remote_message_port::request");
}

}  // namespace detail

// A request whose reply a run loop waits for. Its end cancels it: nobody is called then, and a reply that
// comes is dropped.
class [[nodiscard]] pending_request {
 public:
  pending_request() noexcept = default;
  void cancel() noexcept { state_.reset(); }

 private:
  friend class remote_message_port;
  using reply = result<std::optional<port_data>>;

  struct state {
    // Nothing of this is touched after on_reply, which may destroy it.
    void finish(reply came) {
      late.cancel();
      port.reset();
      const detail::listener<reply> told = std::move(on_reply);
      told(std::move(came));
    }

    detail::listener<reply> on_reply;
    std::optional<mach_port_source> port;
    timer_source late;
  };

  explicit pending_request(std::unique_ptr<state> made) noexcept : state_(std::move(made)) {}

  std::unique_ptr<state> state_;
};

// The sending end. Needs no run loop, but to be told of the other end's death or to wait for replies there.
class [[nodiscard]] remote_message_port {
 public:
  explicit remote_message_port(send_right right) : state_(std::make_unique<state>()) {
    state_->right = std::move(right);
  }

  // Of the port that has this name. BOOTSTRAP_UNKNOWN_SERVICE if there is none.
  static result<remote_message_port> look_up(const char* name, mach_port_t ns = bootstrap_port) {
    return bootstrap::look_up(name, ns).transform(made_of);
  }
  // The same, waiting so long for a server that may not have come up yet.
  template <class Rep, class Period>
  static result<remote_message_port> look_up(const char* name, std::chrono::duration<Rep, Period> patience,
                                             mach_port_t ns = bootstrap_port) {
    return bootstrap::look_up(name, patience, ns).transform(made_of);
  }

  // Calls on_invalid() once, in the loop when the other end has died, or by invalidate(). It may destroy the
  // port. Fails as death_source::watch does, and with MACH_SEND_INVALID_DEST if it is invalid.
  template <class G>
  result<void> watch(run_loop& loop, G on_invalid) {
    if (state_ == nullptr || !state_->right)
      return error(MACH_SEND_INVALID_DEST, "remote_message_port::watch");
    state_->death.cancel();
    result<death_source> watched =
        death_source::watch(loop, state_->right, [at = state_.get()] { at->invalidate(); });
    if (!watched) return watched.error();
    state_->death = *std::move(watched);
    state_->on_invalid.set(std::move(on_invalid));
    return {};
  }

  // Is there somebody at the other end, or at least a port? Nobody can promise that there still is.
  bool is_valid() const noexcept { return state_ != nullptr && state_->right && !state_->right.is_dead(); }
  // Gives up the right; on_invalid is called.
  void invalidate() {
    if (state_ != nullptr && state_->right) state_->invalidate();
  }

  // Sends, and wants no reply. Waits at most so long for room in the queue. For errors see kind_of.
  result<void> send(int32_t id, const data_view& data, timeout longest = forever) {
    if (!is_valid()) return error(MACH_SEND_INVALID_DEST, "remote_message_port::send");
    return detail::with_message<detail::small_request, detail::large_request>(
        id, data, [&](auto&& letter) { return portolan::send(state_->right, std::move(letter), longest); });
  }

  // Sends, and waits for the reply: bytes, or std::nullopt if the other end had none. Each half waits at most
  // so long; the thread does nothing else meanwhile, its run loop included. For errors see kind_of: after
  // send_timeout and is_invalid nothing was sent, after the others it is not known what became of it.
  result<std::optional<port_data>> request(int32_t id, const data_view& data, timeout longest_send = forever,
                                           timeout longest_reply = forever) {
    if (!is_valid()) return error(MACH_SEND_INVALID_DEST, "remote_message_port::request");
    receive_right& replies = state_->replies;
    if (!replies) {
      result<receive_right> made = receive_right::allocate();
      if (!made) return made.error();
      replies = *std::move(made);
    }
    const result<void> asked = ask_for(id, data, replies, longest_send);
    result<std::optional<port_data>> reply =
        asked ? reply_from(replies, longest_reply) : result<std::optional<port_data>>(asked.error());
    // What may still come is not for the next request.
    if (!reply) replies.reset();
    return reply;
  }

  // Sends, and does not wait for the reply: on_reply(result<std::optional<port_data>>), with what request()
  // would have returned, is called once in the loop, after `longest_reply` at the latest. It may destroy the
  // request. What cannot be sent is an error here.
  template <class F>
  result<pending_request> request(run_loop& loop, int32_t id, const data_view& data, F on_reply,
                                  timeout longest_send = forever, timeout longest_reply = forever) {
    using namespace detail;
    if (!is_valid()) return error(MACH_SEND_INVALID_DEST, "remote_message_port::request");
    result<receive_right> port = receive_right::allocate();
    if (!port) return port.error();
    const result<void> asked = ask_for(id, data, *port, longest_send);
    if (!asked) return asked.error();
    auto made = std::make_unique<pending_request::state>();
    auto* const at = made.get();
    result<mach_port_source> source =
        mach_port_source::make(loop, *std::move(port), [at](received_message& came) {
          at->finish(
              data_from(came.take<small_reply, large_reply, no_reply, send_once_notification, failure>()));
        });
    if (!source) return source.error();
    if (longest_reply.bounded()) {
      result<timer_source> late = loop.after(std::chrono::milliseconds(longest_reply.milliseconds()), [at] {
        at->finish(error(MACH_RCV_TIMED_OUT, "remote_message_port::request"));
      });
      if (!late) return late.error();
      at->late = *std::move(late);
    }
    at->on_reply.set(std::move(on_reply));
    at->port = *std::move(source);
    return pending_request(std::move(made));
  }

 private:
  struct state {
    // Nothing of this is touched after on_invalid, which may destroy it.
    void invalidate() {
      death.cancel();
      right.reset();
      const detail::listener<> told = std::move(on_invalid);
      told();
    }

    send_right right;
    receive_right replies;  // made when it is needed, and kept while nothing may be on its way to it
    detail::listener<> on_invalid;
    death_source death;
  };

  static remote_message_port made_of(send_right right) { return remote_message_port(std::move(right)); }

  static result<std::optional<port_data>> reply_from(const receive_right& replies, timeout longest) {
    using namespace detail;
    return data_from(
        receive<small_reply, large_reply, no_reply, send_once_notification, failure>(replies, longest));
  }

  result<void> ask_for(int32_t id, const data_view& data, const receive_right& replies, timeout longest) {
    return detail::with_message<detail::small_request, detail::large_request>(id, data, [&](auto&& letter) {
      return ask(state_->right, std::move(letter), make_send_once_of(replies), longest);
    });
  }

  std::unique_ptr<state> state_;
};

}  // namespace portolan

#endif  // PORTOLAN_MESSAGE_PORT_HPP_
