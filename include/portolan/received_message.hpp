// SPDX-License-Identifier: Apache-2.0
// A message that was received and whose type is still to be found out: what run loops hand to the handlers of
// their ports.
//
//   loop.receive(port, [](portolan::received_message& message) {
//     if (message.id() == say::id) print(message.take<say>());
//   });
#ifndef PORTOLAN_RECEIVED_MESSAGE_HPP_
#define PORTOLAN_RECEIVED_MESSAGE_HPP_

#include <mach/mach.h>
#include <portolan/message.hpp>
#include <portolan/receive.hpp>
#include <portolan/reply.hpp>
#include <portolan/result.hpp>

#include <cstddef>
#include <memory>

namespace portolan {

// Owns what is in the message until it is taken; what nobody takes is destroyed with it, which tells a sender
// that waits for an answer. Its bytes are its receiver's, and stay there only as long as a handler runs.
class received_message {
 public:
  // Takes over what lies there: a message as it was received, with its trailer.
  explicit received_message(std::byte* at) noexcept : at_(at), from_(header()) {}
  received_message(const received_message&) = delete;
  received_message& operator=(const received_message&) = delete;
  ~received_message() { drop(); }

  mach_msg_id_t id() const noexcept { return header()->msgh_id; }
  // Without the trailer.
  mach_msg_size_t size() const noexcept { return header()->msgh_size; }
  const envelope& from() const noexcept { return from_; }
  // Does it bring a right to answer? Then it has to be taken with take_request.
  bool wants_answer() const noexcept { return MACH_PORT_VALID(header()->msgh_remote_port); }
  // To look at; what is in it stays its own.
  const mach_msg_header_t* header() const noexcept { return reinterpret_cast<const mach_msg_header_t*>(at_); }

  // Takes it as a message that wants no answer: of one type, or as a std::variant of several. If it is none
  // of them it is destroyed: MIG_BAD_ID, MIG_TYPE_ERROR. Once at the most.
  template <message_type M, message_type... Others>
  result<typename detail::one_of_these<M, Others...>::type> take() {
    return detail::accept_one_way<M, Others...>(taking(), MIG_BAD_ID, "received_message::take");
  }

  // Takes it as a request. Fails as take() does, also if it wants no answer.
  template <message_type M, message_type... Replies>
  result<request<M, Replies...>> take_request() {
    return detail::accept_request<M, Replies...>(taking());
  }

  // Everything in it is the caller's now, to be destroyed with mach_msg_destroy in the end.
  [[nodiscard]] mach_msg_header_t* release() noexcept {
    return reinterpret_cast<mach_msg_header_t*>(taking());
  }

  // Destroys it now.
  void drop() noexcept {
    if (!taken_) detail::refuse(reinterpret_cast<mach_msg_header_t*>(taking()), MIG_BAD_ID, "");
  }

 private:
  std::byte* taking() noexcept {
    if (taken_) detail::misuse("a received message is taken twice");
    taken_ = true;
    return at_;
  }

  std::byte* at_;
  envelope from_;
  bool taken_ = false;
};

namespace detail {

// Room for a message whose size is known at run time only, and its trailer.
class heap_room {
 public:
  explicit heap_room(std::size_t message)
      : count_((message + MAX_TRAILER_SIZE) / sizeof(unit) + 1), units_(new unit[count_]) {}
  std::byte* bytes() noexcept { return reinterpret_cast<std::byte*>(units_.get()); }
  std::size_t size() const noexcept { return count_ * sizeof(unit); }

 private:
  using unit = std::max_align_t;
  std::size_t count_;
  std::unique_ptr<unit[]> units_;
};

// Receives the next message, of whatever size: the room grows with the messages. Does not wait. True: one is
// there. False: there is none, or the port is gone, which its knote tells. What cannot be handed over whole
// is destroyed, as fetch() does, and the next one is looked at.
inline bool fetch_any(heap_room& room, mach_port_t from) {
  for (;;) {
    auto* header = reinterpret_cast<mach_msg_header_t*>(room.bytes());
    const kern_return_t code =
        mach_msg(header, receive_options | MACH_RCV_LARGE | MACH_RCV_TIMEOUT, 0,
                 static_cast<mach_msg_size_t>(room.size()), from, MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL);
    switch (code & ~MACH_MSG_MASK) {
      case MACH_MSG_SUCCESS:
        return true;
      case MACH_RCV_TOO_LARGE:
        room = heap_room(header->msgh_size);
        break;
      case MACH_RCV_BODY_ERROR:
        destroy(header);
        break;
      case MACH_RCV_HEADER_ERROR:
      case MACH_RCV_INTERRUPTED:
        break;
      default:
        return false;
    }
  }
}

}  // namespace detail

}  // namespace portolan

#endif  // PORTOLAN_RECEIVED_MESSAGE_HPP_
