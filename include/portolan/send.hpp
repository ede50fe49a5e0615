// SPDX-License-Identifier: Apache-2.0
// Sending typed messages.
#ifndef PORTOLAN_SEND_HPP_
#define PORTOLAN_SEND_HPP_

#include <mach/mach.h>
#include <portolan/message.hpp>
#include <portolan/result.hpp>
#include <portolan/right.hpp>
#include <portolan/timeout.hpp>

#include <algorithm>
#include <array>
#include <cstddef>

namespace portolan {

// Where a message goes. Converts from what can be sent through; a send-once right has to be moved.
class destination {
 public:
  destination(const send_right& to) noexcept : name_(to.get()), disposition_(MACH_MSG_TYPE_COPY_SEND) {
    check();
  }
  destination(send_right&& to) noexcept : send_(&to), name_(to.get()), disposition_(MACH_MSG_TYPE_MOVE_SEND) {
    check();
  }
  destination(send_once_right&& to) noexcept
      : once_(&to), name_(to.get()), disposition_(MACH_MSG_TYPE_MOVE_SEND_ONCE) {
    check();
  }
  // A message to oneself.
  destination(const receive_right& to) noexcept : name_(to.get()), disposition_(MACH_MSG_TYPE_MAKE_SEND) {
    check();
  }

  mach_port_t name() const noexcept { return name_; }
  mach_msg_type_name_t disposition() const noexcept { return disposition_; }

  // After the attempt; `now` is the name under which the right came back.
  void settle(detail::fate happened, mach_port_t now) const noexcept {
    if (happened == detail::fate::kept) return;
    if (send_ != nullptr) {
      static_cast<void>(send_->release());
      if (happened == detail::fate::returned) *send_ = send_right::adopt(now);
    } else if (once_ != nullptr) {
      static_cast<void>(once_->release());
      if (happened == detail::fate::returned) *once_ = send_once_right::adopt(now);
    } else if (happened == detail::fate::returned) {
      send_right::adopt(now).reset();  // copied or made on the way, and one too many now
    }
  }

 private:
  void check() const noexcept {
    if (name_ == MACH_PORT_NULL)
      detail::misuse("a message is sent to a right that was moved away, or never was");
  }

  send_right* send_ = nullptr;
  send_once_right* once_ = nullptr;
  mach_port_t name_;
  mach_msg_type_name_t disposition_;
};

// Where an answer is to go: make_send_once_of(port), or a send-once right that is moved.
class reply_target {
 public:
  reply_target(const detail::lent_right<send_once_right>& lent) noexcept
      : name_(lent.name), disposition_(lent.disposition) {}
  reply_target(send_once_right&& right) noexcept : once_(&right), name_(right.get()) {
    if (name_ == MACH_PORT_NULL) detail::misuse("a request is sent with a reply right that was moved away");
  }

  mach_port_t name() const noexcept { return name_; }
  mach_msg_type_name_t disposition() const noexcept { return disposition_; }

  // As destination::settle. A right that was made on the way is given up, and tells its port.
  void settle(detail::fate happened, mach_port_t now) const noexcept {
    if (happened == detail::fate::kept) return;
    if (once_ != nullptr) static_cast<void>(once_->release());
    if (happened != detail::fate::returned) return;
    send_once_right back = send_once_right::adopt(now);
    if (once_ != nullptr) *once_ = std::move(back);
  }

 private:
  send_once_right* once_ = nullptr;
  mach_port_t name_;
  mach_msg_type_name_t disposition_ = MACH_MSG_TYPE_MOVE_SEND_ONCE;
};

namespace detail {

// Room for a message of so many bytes, and its trailer.
template <std::size_t size>
struct room {
  alignas(8) std::byte bytes[size + MAX_TRAILER_SIZE];

  mach_msg_header_t* header() noexcept { return reinterpret_cast<mach_msg_header_t*>(bytes); }
};

// Codes of a call's first half; those of the second begin at MACH_RCV_IN_PROGRESS.
inline bool is_of_send(kern_return_t code) noexcept {
  return code != MACH_MSG_SUCCESS && code < MACH_RCV_IN_PROGRESS;
}

// What became of a message.
template <std::size_t parts>
struct verdict {
  fate header = fate::taken;
  std::array<fate, parts> each = {};

  explicit verdict(fate all) noexcept : header(all) { each.fill(all); }
};

// `read` says which parts are memory, which the kernel reads front to back. Where several are, and one of
// them could not be read, it is not known how far it came: they count as taken, so that nothing is given up
// twice.
template <std::size_t parts>
verdict<parts> judge(kern_return_t code, const mach_msg_header_t& header,
                     const std::array<bool, parts>& read) {
  if (!is_of_send(code)) return verdict<parts>(fate::taken);
  if (header.msgh_size != 0) return verdict<parts>(fate::returned);  // written when the message comes back
  verdict<parts> kept(fate::kept);
  switch (code & ~MACH_MSG_MASK) {
    case MACH_SEND_INVALID_RIGHT:
      misuse("a message is sent with a right that is not this task's any more, or must not be moved");
    case MACH_SEND_NO_GRANT_DEST:
    case MACH_SEND_MSG_FILTERED:
      kept.header = fate::taken;
      return kept;
    case MACH_SEND_INVALID_MEMORY:
    case MACH_MSG_SUCCESS: {  // MACH_MSG_VM_KERNEL by itself
      kept.header = fate::taken;
      const auto first = std::find(read.begin(), read.end(), true) - read.begin();
      const auto end = read.rend() - std::find(read.rbegin(), read.rend(), true);
      const bool one = end - first == 1;
      std::fill(kept.each.begin(), kept.each.begin() + (one ? first : end), fate::taken);
      return kept;
    }
    default:
      return kept;
  }
}

// Returns what became of the header's rights.
template <class M>
fate settle(kern_return_t code, const std::byte* at, const destination& to, M& from) {
  const auto& header = *reinterpret_cast<const mach_msg_header_t*>(at);
  const verdict<M::part_count> happened = judge(code, header, wire<M>::reads_memory);
  to.settle(happened.header, header.msgh_remote_port);
  wire<M>::settle(at, from, happened.each);
  return happened.header;
}

// `reply`, if there is one, is where an answer is to go.
template <class M>
result<void> post(const destination& to, M& from, timeout longest, const reply_target* reply = nullptr) {
  room<wire<M>::size> buffer;
  mach_msg_header_t* header = buffer.header();
  *header = {};
  header->msgh_bits = MACH_MSGH_BITS(to.disposition(), 0);
  header->msgh_remote_port = to.name();
  if (reply != nullptr) {
    header->msgh_bits = MACH_MSGH_BITS(to.disposition(), reply->disposition());
    header->msgh_local_port = reply->name();
  }
  wire<M>::encode(buffer.bytes, from);
  const mach_msg_option_t option = MACH_SEND_MSG | (longest.bounded() ? MACH_SEND_TIMEOUT : 0);
  const kern_return_t code =
      mach_msg(header, option, wire<M>::size, 0, MACH_PORT_NULL, longest.milliseconds(), MACH_PORT_NULL);
  const fate happened = settle(code, buffer.bytes, to, from);
  if (reply != nullptr) reply->settle(happened, header->msgh_local_port);
  return outcome(code, "mach_msg(send)");
}

template <class M>
inline constexpr bool may_be_used_up =
    !std::is_lvalue_reference_v<M> || std::remove_cvref_t<M>::part_count == 0;

}  // namespace detail

// Sends a message; waits at most so long for room in the queue (not at all to a send-once right).
//
// On success the message has nothing any more that was moved into it, nor has a right that was moved as
// destination. On failure both are as before, and can be tried again: MACH_SEND_TIMED_OUT and
// MACH_SEND_INTERRUPTED (the rights may have other names now), MACH_SEND_INVALID_DEST if the port is dead,
// and the other codes of mach_msg after which nothing has changed. MACH_SEND_INVALID_MEMORY (lent memory
// cannot be read) and want of memory cost the parts in front of the memory.
template <message_type M>
result<void> send(destination to, M&& letter, timeout longest = forever) {
  static_assert(detail::may_be_used_up<M>,
                "a message with rights or memory is used up by sending: std::move it");
  if constexpr (std::is_lvalue_reference_v<M>) {
    std::remove_cvref_t<M> copy(letter);
    return detail::post(to, copy, longest);
  } else {
    return detail::post(to, letter, longest);
  }
}

// As send(), of a request whose answer goes to `reply`: to be received there at leisure, or by a service. On
// failure everything is as before, a reply right that was moved included; but where one was made of a port,
// and the request came back (MACH_SEND_TIMED_OUT), it is given up, and the port has a message
// MACH_NOTIFY_SEND_ONCE.
template <message_type M>
result<void> ask(destination to, M&& request, reply_target reply, timeout longest = forever) {
  static_assert(detail::may_be_used_up<M>,
                "a message with rights or memory is used up by sending: std::move it");
  if constexpr (std::is_lvalue_reference_v<M>) {
    std::remove_cvref_t<M> copy(request);
    return detail::post(to, copy, longest, &reply);
  } else {
    return detail::post(to, request, longest, &reply);
  }
}

}  // namespace portolan

#endif  // PORTOLAN_SEND_HPP_
