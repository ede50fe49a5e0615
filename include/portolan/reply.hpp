// SPDX-License-Identifier: Apache-2.0
// Requests as a server sees them: a message, and the duty to answer it.
#ifndef PORTOLAN_REPLY_HPP_
#define PORTOLAN_REPLY_HPP_

#include <mach/mach.h>
#include <portolan/failure.hpp>
#include <portolan/message.hpp>
#include <portolan/receive.hpp>
#include <portolan/result.hpp>
#include <portolan/right.hpp>
#include <portolan/send.hpp>
#include <portolan/timeout.hpp>

#include <algorithm>
#include <concepts>
#include <exception>
#include <tuple>
#include <utility>

namespace portolan {

// Somebody waits for one of these replies. Answer, or drop() the request knowingly; an object that ends with
// neither done ends the program, because its client would hang if the right were kept, and wonder if it were
// dropped by mistake. (One that ends because an exception passes drops the request.) It can be moved, and
// answered later and by another thread.
template <message_type... Replies>
class [[nodiscard]] reply_to {
  static_assert(sizeof...(Replies) > 0, "a request has one reply at least");
  using first_reply = std::tuple_element_t<0, std::tuple<Replies...>>;

 public:
  // Takes over the right to answer. A dead one needs no answer: the client is gone.
  explicit reply_to(send_once_right right) noexcept : right_(std::move(right)) {}
  reply_to(reply_to&&) noexcept = default;
  reply_to& operator=(reply_to&& other) noexcept {
    if (this != &other) {
      check();
      right_ = std::move(other.right_);
    }
    return *this;
  }
  ~reply_to() { check(); }

  // Answers, without waiting. Afterwards the request is done with, also where this fails:
  // MACH_SEND_INVALID_DEST if the client is gone, and the codes of send().
  result<void> answer(first_reply reply) { return send_reply(std::move(reply)); }

  template <class Reply>
  requires((std::same_as<Reply, Replies> || ...) &&
           !std::same_as<Reply, first_reply>) result<void> answer(Reply reply) {
    return send_reply(std::move(reply));
  }

  // Answers that the request failed: the client's call() fails with this code, or with KERN_FAILURE if the
  // code is none.
  result<void> fail(kern_return_t code) {
    return send_reply(failure{{code == KERN_SUCCESS ? KERN_FAILURE : code}});
  }

  // Gives no answer: the client's call() fails with MIG_SERVER_DIED.
  void drop() noexcept { right_.reset(); }

  // The right to answer, which is the caller's now.
  send_once_right release() noexcept { return std::move(right_); }

 private:
  template <class Reply>
  result<void> send_reply(Reply&& reply) {
    if (right_.get() == MACH_PORT_NULL)
      detail::misuse("a request is answered twice, or after it was dropped");
    const result<void> sent = send(std::move(right_), std::move(reply));
    right_.reset();
    return sent;
  }

  void check() const noexcept {
    if (right_ && std::uncaught_exceptions() == 0)
      detail::misuse("a request was neither answered nor dropped");
  }

  send_once_right right_;
};

// A request that was received.
template <message_type M, message_type... Replies>
struct [[nodiscard]] request {
  M body;
  reply_to<Replies...> reply;
  envelope from;
};

namespace detail {

// Takes a received message that has to be an M which wants an answer.
template <class M, class... Replies>
result<request<M, Replies...>> accept_request(std::byte* at) {
  auto* header = reinterpret_cast<mach_msg_header_t*>(at);
  const bool wants_answer = MACH_MSGH_BITS_REMOTE(header->msgh_bits) == MACH_MSG_TYPE_MOVE_SEND_ONCE &&
                            header->msgh_remote_port != MACH_PORT_NULL;
  if (header->msgh_id == M::id && !wants_answer) return refuse(header, MIG_TYPE_ERROR, "receive_request");
  const envelope about(header);
  const mach_port_t right = header->msgh_remote_port;
  return accept<M>(at, MIG_BAD_ID, "receive_request").transform([&](M body) {
    return request<M, Replies...>{std::move(body), reply_to<Replies...>(send_once_right::adopt(right)),
                                  about};
  });
}

template <class M, class... Replies>
result<request<M, Replies...>> request_from(mach_port_t from, timeout longest) {
  if (from == MACH_PORT_NULL) misuse("receiving from a right that was moved away, or never was");
  room<wire<M>::size> buffer;
  const result<void> fetched = fetch(buffer.bytes, sizeof buffer, from, longest);
  if (!fetched) return fetched.error();
  return accept_request<M, Replies...>(buffer.bytes);
}

}  // namespace detail

// Receives one request, waiting at most so long. Fails as receive() does; a message that wants no answer is
// refused with MIG_TYPE_ERROR.
template <message_type M, message_type... Replies>
result<request<M, Replies...>> receive_request(const receive_right& from, timeout longest = forever) {
  return detail::request_from<M, Replies...>(from.get(), longest);
}
template <message_type M, message_type... Replies>
result<request<M, Replies...>> receive_request(const port_set& from, timeout longest = forever) {
  return detail::request_from<M, Replies...>(from.get(), longest);
}

}  // namespace portolan

#endif  // PORTOLAN_REPLY_HPP_
