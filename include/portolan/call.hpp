// SPDX-License-Identifier: Apache-2.0
// A request and its reply, in one call.
#ifndef PORTOLAN_CALL_HPP_
#define PORTOLAN_CALL_HPP_

#include <mach/mach.h>
#include <pthread.h>
#include <portolan/failure.hpp>
#include <portolan/message.hpp>
#include <portolan/receive.hpp>
#include <portolan/result.hpp>
#include <portolan/right.hpp>
#include <portolan/send.hpp>
#include <portolan/timeout.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>

namespace portolan {

namespace detail {

// How many forks lie between this process and the one that the program began in.
inline std::atomic<unsigned>& forks() noexcept {
  static std::atomic<unsigned> count{0};
  [[maybe_unused]] static const int watched =
      pthread_atfork(nullptr, nullptr, [] { forks().fetch_add(1, std::memory_order_relaxed); });
  return count;
}

// The port that this thread's replies come to. It is kept from one call to the next, and dropped when a reply
// may still be on its way, which would be taken for that to the next request.
class reply_port {
 public:
  ~reply_port() { forget_parents(); }

  // The name; KERN_NO_SPACE or KERN_RESOURCE_SHORTAGE.
  result<mach_port_t> name() noexcept {
    forget_parents();
    if (port_) return port_.get();
    return receive_right::allocate().transform([this](receive_right port) {
      port_ = std::move(port);
      return port_.get();
    });
  }

  void drop() noexcept { port_.reset(); }

  static reply_port& of_this_thread() noexcept {
    static thread_local reply_port port;
    return port;
  }

 private:
  // After a fork the name means nothing here.
  void forget_parents() noexcept {
    const unsigned now = forks().load(std::memory_order_relaxed);
    if (now != made_after_) static_cast<void>(port_.release());
    made_after_ = now;
  }

  receive_right port_;
  unsigned made_after_ = 0;
};

template <class Request, class... Replies>
result<typename one_of_these<Replies...>::type> exchange(const destination& to, Request& request,
                                                         timeout longest) {
  constexpr std::size_t largest_reply = std::max({sizeof(mig_reply_error_t), wire<Replies>::size...});
  reply_port& replies = reply_port::of_this_thread();
  const result<mach_port_t> reply_name = replies.name();
  if (!reply_name) return reply_name.error();

  room<std::max(wire<Request>::size, largest_reply)> buffer;
  mach_msg_header_t* header = buffer.header();
  *header = {};
  header->msgh_bits = MACH_MSGH_BITS(to.disposition(), MACH_MSG_TYPE_MAKE_SEND_ONCE);
  header->msgh_remote_port = to.name();
  header->msgh_local_port = *reply_name;
  wire<Request>::encode(buffer.bytes, request);
  const mach_msg_option_t option =
      MACH_SEND_MSG | receive_options | (longest.bounded() ? MACH_SEND_TIMEOUT | MACH_RCV_TIMEOUT : 0);
  const kern_return_t code = mach_msg(header, option, wire<Request>::size, largest_reply + MAX_TRAILER_SIZE,
                                      *reply_name, longest.milliseconds(), MACH_PORT_NULL);
  const fate happened = settle(code, buffer.bytes, to, request);
  // A send-once right came back, that was made for the reply.
  if (happened == fate::returned) send_once_right::adopt(header->msgh_local_port).reset();
  if (code != MACH_MSG_SUCCESS) {
    if ((code & ~MACH_MSG_MASK) == MACH_RCV_BODY_ERROR) destroy(header);
    replies.drop();
    return error(code, is_of_send(code) ? "mach_msg(send)" : "mach_msg(receive)");
  }
  const bool unanswered =
      header->msgh_id == MACH_NOTIFY_SEND_ONCE && header->msgh_size == sizeof(mach_msg_header_t);
  if (unanswered && !((Replies::id == MACH_NOTIFY_SEND_ONCE) || ...)) return error(MIG_SERVER_DIED, "call");
  const kern_return_t failed = failure_code(buffer.bytes, Request::id);
  if (failed != KERN_SUCCESS && !(wire<Replies>::fits(buffer.bytes) || ...)) {
    destroy(header);
    return error(failed, "call");
  }
  return accept_one_way<Replies...>(buffer.bytes, MIG_REPLY_MISMATCH, "call");
}

}  // namespace detail

// Sends a request and waits for the reply to it: of one type, or a std::variant of several. Either half waits
// at most so long.
//
// Fails with the codes of send(), the request then being as after a failed send(), and of receive():
// MACH_RCV_TIMED_OUT, after which a late reply is dropped; the code that the server failed the request with;
// MIG_SERVER_DIED if it dropped the request or died; MIG_REPLY_MISMATCH and MIG_TYPE_ERROR if it answered
// something else.
template <message_type Reply, message_type... Others, message_type Request>
result<typename detail::one_of_these<Reply, Others...>::type> call(destination to, Request&& request,
                                                                   timeout longest = forever) {
  static_assert(detail::may_be_used_up<Request>,
                "a request with rights or memory is used up by sending: std::move it");
  if constexpr (std::is_lvalue_reference_v<Request>) {
    std::remove_cvref_t<Request> copy(request);
    return detail::exchange<std::remove_cvref_t<Request>, Reply, Others...>(to, copy, longest);
  } else {
    return detail::exchange<Request, Reply, Others...>(to, request, longest);
  }
}

}  // namespace portolan

#endif  // PORTOLAN_CALL_HPP_
