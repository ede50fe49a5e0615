// SPDX-License-Identifier: Apache-2.0
// mach_msg, the receive half with a time-out of 0 (messages 6).
#include <mach/notify.h>

#include <cstring>

#include "model/wire.hpp"

namespace portolan::model {

namespace {

// messages 1.5
uint32_t trailer_size(mach_msg_option_t option) {
  switch (static_cast<uint32_t>(option) >> 24 & 0xf) {
    case 0:
      return 8;
    case 1:
      return 12;
    case 2:
      return 20;
    case 3:
      return 52;
    case 4:
      return 60;
    default:
      return 68;
  }
}

}  // namespace

// One receive.
class Receiving {
 public:
  Receiving(Model& model, Space& space, Memory& memory, Bytes& buffer, uint64_t address,
            mach_msg_option_t option, uint32_t size)
      : model_(model),
        space_(space),
        memory_(memory),
        buffer_(buffer),
        address_(address),
        option_(option),
        size_(size),
        trailer_(trailer_size(option)) {}

  mach_msg_return_t run(Name name) {
    Entry* entry = MACH_PORT_VALID(name) ? space_.find(name) : nullptr;
    if (entry == nullptr || !entry->has(MACH_PORT_TYPE_RECEIVE | MACH_PORT_TYPE_PORT_SET))
      return MACH_RCV_INVALID_NAME;
    port_ = entry->has(MACH_PORT_TYPE_RECEIVE) ? entry->port : next_ready(*entry->set);
    if (port_ == nullptr || port_->queue.empty()) return MACH_RCV_TIMED_OUT;
    model_.settle_order(*port_, 0);
    Message& first = port_->queue.front();
    const bool fits = uint64_t{first.size} + trailer_ <= size_;
    if (!fits && (option_ & MACH_RCV_LARGE) != 0) return leave_it(first);
    message_ = std::move(first);
    port_->queue.pop_front();
    seqno_ = port_->seqno++;
    return fits ? hand_over() : header_only();
  }

 private:
  // The line of a set's members (messages 6.3).
  static Port* next_ready(PortSet& set) {
    while (!set.ready.empty()) {
      Port* port = set.ready.front();
      set.ready.pop_front();
      if (port->queue.empty()) continue;
      set.ready.push_back(port);
      return port;
    }
    return nullptr;
  }

  // messages 6.4, with LARGE
  mach_msg_return_t leave_it(const Message& message) {
    if (size_ >= 8) {
      if (buffer_.empty()) return MACH_RCV_INVALID_DATA;
      put(buffer_, 4, &message.size, 4);
      if ((option_ & MACH_RCV_LARGE_IDENTITY) != 0 && size_ >= 16) put(buffer_, 12, &port_->name, 4);
    }
    return MACH_RCV_TOO_LARGE;
  }

  // messages 6.5, but for the remote port
  mach_msg_header_t make_header() const {
    mach_msg_header_t header{};
    header.msgh_bits = MACH_MSGH_BITS(message_.reply.disposition, message_.destination.disposition);
    if (message_.complex) header.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
    header.msgh_size = message_.size;
    header.msgh_local_port = port_->name;
    header.msgh_voucher_port = message_.voucher;
    header.msgh_id = message_.id;
    return header;
  }

  void end_destination() {
    if (message_.destination.disposition == MACH_MSG_TYPE_PORT_SEND) {
      model_.release_send(port_);
    } else {
      port_->sorights--;
    }
    message_.destination = {};
  }

  // messages 5.7
  void fire_send_possible() {
    for (Request& request : port_->requests) {
      if (request.state != Request::State::send_possible) continue;
      Port* notify = request.notify;
      request.notify = nullptr;
      request.state = Request::State::fired;
      Message notice = model_.notice(MACH_NOTIFY_SEND_POSSIBLE, notify, {0, 1, request.name});
      notice.unordered = model_.open_order();
      model_.post(notify, std::move(notice));
    }
  }

  mach_msg_return_t hand_over() {
    if (size_ != 0) fire_send_possible();
    const uint64_t context = port_->context;
    mach_msg_header_t header = make_header();
    header.msgh_remote_port = model_.copyout(space_, message_.reply);
    end_destination();
    Bytes bytes(message_.size + trailer_);
    write_message(
        bytes, header, message_, memory_, [&](const Right& right) { return model_.copyout(space_, right); },
        [&](Item& item, Name& name) { hand_over_guarded(item, name); });
    write_trailer(bytes, message_.size, message_.sender, context);
    if (buffer_.empty()) return MACH_RCV_INVALID_DATA;
    put(buffer_, 0, bytes.data(), bytes.size());
    return MACH_MSG_SUCCESS;
  }

  // messages 6.6
  void hand_over_guarded(Item& item, Name& name) {
    Port* port = item.right.port;
    if ((option_ & MACH_RCV_GUARDED_DESC) == 0) {
      model_.release(item.right);
      name = MACH_PORT_NULL;
      item.context = 0;
      return;
    }
    name = model_.copyout(space_, item.right);
    if (!say_guard(item, address_) || !MACH_PORT_VALID(name)) return;
    port->guarded = port->immovable = true;
    port->context = address_;
  }

  void write_trailer(Bytes& bytes, uint32_t at, const Sender& sender, uint64_t context) const {
    mach_msg_mac_trailer_t trailer{};
    trailer.msgh_trailer_size = trailer_;
    trailer.msgh_seqno = seqno_;
    trailer.msgh_sender = sender.security;
    trailer.msgh_audit = sender.audit;
    trailer.msgh_context = context;
    put(bytes, at, &trailer, std::min<size_t>(trailer_, bytes.size() - at));
  }

  // messages 6.4, without LARGE
  mach_msg_return_t header_only() {
    mach_msg_header_t header = make_header();
    header.msgh_size = sizeof header;
    header.msgh_bits &= ~(MACH_MSGH_BITS_VOUCHER_MASK);
    header.msgh_voucher_port = MACH_PORT_NULL;
    header.msgh_remote_port = message_.reply.state == Right::State::dead ? MACH_PORT_DEAD : MACH_PORT_NULL;
    end_destination();
    model_.doom(std::move(message_));
    if (size_ < sizeof header || buffer_.empty()) return MACH_RCV_INVALID_DATA;
    Sender kernel;
    kernel.security.val[1] = 1;
    Bytes bytes(std::min<size_t>(size_, sizeof header + trailer_));
    put(bytes, 0, &header, sizeof header);
    write_trailer(bytes, sizeof header, kernel, 0);
    put(buffer_, 0, bytes.data(), bytes.size());
    return MACH_RCV_TOO_LARGE;
  }

  Model& model_;
  Space& space_;
  Memory& memory_;
  Bytes& buffer_;
  const uint64_t address_;
  const mach_msg_option_t option_;
  const uint32_t size_, trailer_;
  Port* port_ = nullptr;
  Message message_;
  uint32_t seqno_ = 0;
};

mach_msg_return_t Model::receive(Space& space, Memory& memory, Bytes& buffer, uint64_t address,
                                 mach_msg_option_t option, uint32_t size, Name name) {
  return Receiving(*this, space, memory, buffer, address, option, size).run(name);
}

}  // namespace portolan::model
