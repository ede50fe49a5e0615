// SPDX-License-Identifier: Apache-2.0
// Receiving typed messages. What comes is either just what was asked for, and owned by the caller, or
// refused: destroyed with everything in it, which tells its sender (a send-once right in it sends
// MACH_NOTIFY_SEND_ONCE).
#ifndef PORTOLAN_RECEIVE_HPP_
#define PORTOLAN_RECEIVE_HPP_

#include <mach/mach.h>
#include <portolan/message.hpp>
#include <portolan/result.hpp>
#include <portolan/right.hpp>
#include <portolan/send.hpp>
#include <portolan/timeout.hpp>

#include <algorithm>
#include <cstddef>
#include <variant>

namespace portolan {

// What the kernel says about a message that was received: where it arrived, and who sent it. Senders cannot
// forge it.
class envelope {
 public:
  envelope() noexcept = default;
  explicit envelope(const mach_msg_header_t* received) noexcept : port_(received->msgh_local_port) {
    const auto* at = reinterpret_cast<const std::byte*>(received) + round_msg(received->msgh_size);
    std::memcpy(&trailer_, at, sizeof trailer_);
  }

  // The name of the port, which is this task's.
  mach_port_t port() const noexcept { return port_; }
  // Counts the messages that left the port.
  mach_port_seqno_t number() const noexcept { return trailer_.msgh_seqno; }
  // The sender as it was when it sent.
  pid_t pid() const noexcept { return static_cast<pid_t>(trailer_.msgh_audit.val[5]); }
  uid_t uid() const noexcept { return trailer_.msgh_audit.val[1]; }
  gid_t gid() const noexcept { return trailer_.msgh_audit.val[2]; }
  const audit_token_t& token() const noexcept { return trailer_.msgh_audit; }
  // Is it a notification, or an answer of the kernel's?
  bool from_kernel() const noexcept { return pid() == 0 && trailer_.msgh_sender.val[1] == 1; }

 private:
  mach_port_t port_ = MACH_PORT_NULL;
  mach_msg_audit_trailer_t trailer_ = {};
};

namespace detail {

inline constexpr mach_msg_option_t receive_options = MACH_RCV_MSG |
                                                     MACH_RCV_TRAILER_TYPE(MACH_MSG_TRAILER_FORMAT_0) |
                                                     MACH_RCV_TRAILER_ELEMENTS(MACH_RCV_TRAILER_AUDIT);

// Destroys a received message and everything in it. mach_msg_destroy leaves memory that was copied
// physically.
inline void destroy(mach_msg_header_t* header) noexcept {
  if (MACH_MSGH_BITS_IS_COMPLEX(header->msgh_bits)) {
    auto* at = reinterpret_cast<std::byte*>(header) + sizeof(mach_msg_header_t);
    mach_msg_body_t body;
    std::memcpy(&body, at, sizeof body);
    at += sizeof body;
    for (mach_msg_size_t i = 0; i < body.msgh_descriptor_count; i++) {
      const auto type = static_cast<unsigned>(at[11]);  // of every descriptor
      if (type == MACH_MSG_OOL_DESCRIPTOR || type == MACH_MSG_OOL_VOLATILE_DESCRIPTOR) at[8] = std::byte{1};
      at += type == MACH_MSG_PORT_DESCRIPTOR ? sizeof(mach_msg_port_descriptor_t)
                                             : sizeof(mach_msg_ool_descriptor_t);
    }
  }
  mach_msg_destroy(header);
}

// As destroy; a dead-name notification of the kernel's brings a reference, too.
inline error refuse(mach_msg_header_t* header, kern_return_t code, const char* call) noexcept {
  if (header->msgh_id == MACH_NOTIFY_DEAD_NAME && envelope(header).from_kernel()) {
    mach_dead_name_notification_t notification;
    std::memcpy(&notification, header, offsetof(mach_dead_name_notification_t, trailer));
    dead_name::adopt(notification.not_port).reset();
  }
  destroy(header);
  return error(code, call);
}

// Receives whatever comes, if it is complete.
inline result<void> fetch(std::byte* at, std::size_t size, mach_port_t from, timeout longest) noexcept {
  auto* header = reinterpret_cast<mach_msg_header_t*>(at);
  const mach_msg_option_t option = receive_options | (longest.bounded() ? MACH_RCV_TIMEOUT : 0);
  const kern_return_t code = mach_msg(header, option, 0, static_cast<mach_msg_size_t>(size), from,
                                      longest.milliseconds(), MACH_PORT_NULL);
  if ((code & ~MACH_MSG_MASK) == MACH_RCV_BODY_ERROR) destroy(header);  // something in it is missing
  return outcome(code, "mach_msg(receive)");
}

template <class First, class... Others>
struct one_of_these {
  using type = std::variant<First, Others...>;
};
template <class Only>
struct one_of_these<Only> {
  using type = Only;
};

template <class Taken, class M, class... Others>
result<Taken> accept_first(std::byte* at, kern_return_t other_id, const char* call) {
  if (wire<M>::fits(at)) return Taken(wire<M>::take(at));
  auto* header = reinterpret_cast<mach_msg_header_t*>(at);
  const kern_return_t why = header->msgh_id == M::id ? MIG_TYPE_ERROR : other_id;
  if constexpr (sizeof...(Others) > 0) {
    return accept_first<Taken, Others...>(at, why, call);
  } else {
    return refuse(header, why, call);
  }
}

// Takes a received message that has to be one of Ms. A reply right in its header is left alone. `other_id` is
// the error for a message that is none of them by its id.
template <class... Ms>
result<typename one_of_these<Ms...>::type> accept(std::byte* at, kern_return_t other_id, const char* call) {
  return accept_first<typename one_of_these<Ms...>::type, Ms...>(at, other_id, call);
}

// The same, of a message that must not want an answer.
template <class... Ms>
result<typename one_of_these<Ms...>::type> accept_one_way(std::byte* at, kern_return_t other_id,
                                                          const char* call) {
  auto* header = reinterpret_cast<mach_msg_header_t*>(at);
  if (MACH_PORT_VALID(header->msgh_remote_port)) return refuse(header, MIG_TYPE_ERROR, call);
  return accept<Ms...>(at, other_id, call);
}

template <class... Ms>
result<typename one_of_these<Ms...>::type> receive_from(mach_port_t from, timeout longest, envelope* about) {
  if (from == MACH_PORT_NULL) misuse("receiving from a right that was moved away, or never was");
  room<std::max({wire<Ms>::size...})> buffer;
  const result<void> fetched = fetch(buffer.bytes, sizeof buffer, from, longest);
  if (!fetched) return fetched.error();
  if (about != nullptr) *about = envelope(buffer.header());
  return accept_one_way<Ms...>(buffer.bytes, MIG_BAD_ID, "receive");
}

}  // namespace detail

// Receives one message, waiting at most so long; of one type, or a std::variant of several. `about`, if there
// is one, learns who sent it, also if it is refused.
//
// Fails with the receive codes of mach_msg (MACH_RCV_TIMED_OUT, MACH_RCV_PORT_CHANGED, …). Refused are a
// message with another id (MIG_BAD_ID), one of another shape, or which wants an answer (MIG_TYPE_ERROR; see
// receive_request), one that is too large (MACH_RCV_TOO_LARGE), and one that this task has no room for
// (MACH_RCV_BODY_ERROR).
template <message_type M, message_type... Others>
result<typename detail::one_of_these<M, Others...>::type> receive(const receive_right& from,
                                                                  timeout longest = forever,
                                                                  envelope* about = nullptr) {
  return detail::receive_from<M, Others...>(from.get(), longest, about);
}

// The same from the members of a set, each in its turn.
template <message_type M, message_type... Others>
result<typename detail::one_of_these<M, Others...>::type> receive(const port_set& from,
                                                                  timeout longest = forever,
                                                                  envelope* about = nullptr) {
  return detail::receive_from<M, Others...>(from.get(), longest, about);
}

}  // namespace portolan

#endif  // PORTOLAN_RECEIVE_HPP_
