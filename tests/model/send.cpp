// SPDX-License-Identifier: Apache-2.0
// mach_msg, the send half with a time-out of 0 (messages 5).
#include <cstring>

#include "model/wire.hpp"

namespace portolan::model {

namespace {

constexpr uint32_t kSendSizeMax = 50331580;
constexpr uint32_t kRightsMax = 16383;
constexpr uint64_t kPhysicalMax = 7 << 20;
constexpr uint64_t kSmallCopy = 16 << 10;
constexpr uint64_t kPage = 4096;

bool any_send(uint32_t disposition) {
  return disposition >= MACH_MSG_TYPE_MOVE_SEND && disposition <= MACH_MSG_TYPE_MAKE_SEND_ONCE;
}
bool makes(uint32_t disposition) {
  return disposition == MACH_MSG_TYPE_MAKE_SEND || disposition == MACH_MSG_TYPE_MAKE_SEND_ONCE;
}

}  // namespace

// messages 1.3: how a right travels.
uint32_t travels_as(uint32_t disposition) {
  switch (disposition) {
    case MACH_MSG_TYPE_MOVE_RECEIVE:
      return MACH_MSG_TYPE_PORT_RECEIVE;
    case MACH_MSG_TYPE_MOVE_SEND:
    case MACH_MSG_TYPE_COPY_SEND:
    case MACH_MSG_TYPE_MAKE_SEND:
      return MACH_MSG_TYPE_PORT_SEND;
    case MACH_MSG_TYPE_MOVE_SEND_ONCE:
    case MACH_MSG_TYPE_MAKE_SEND_ONCE:
      return MACH_MSG_TYPE_PORT_SEND_ONCE;
    default:
      return 0;
  }
}

// One send.
class Sending {
 public:
  Sending(Model& model, Space& space, Memory& memory, Bytes& buffer, uint64_t address,
          mach_msg_option_t option, uint32_t size)
      : model_(model),
        space_(space),
        memory_(memory),
        buffer_(buffer),
        address_(address),
        option_(option),
        size_(size) {}

  mach_msg_return_t run() {
    mach_msg_return_t code = take_bytes();
    if (code == MACH_MSG_SUCCESS) code = take_header();
    if (code != MACH_MSG_SUCCESS) return code;  // nothing has changed
    arm();
    code = take_body();
    if (code != MACH_MSG_SUCCESS) {
      model_.doom(std::move(message_));
      return code;
    }
    return deliver();
  }

 private:
  // Steps 2, 3, 5 to 8 of messages 5.1.
  mach_msg_return_t take_bytes() {
    if (size_ < sizeof(mach_msg_header_t) || size_ % 4 != 0) return MACH_SEND_MSG_TOO_SMALL;
    if (size_ > kSendSizeMax) return MACH_SEND_TOO_LARGE;
    if (buffer_.size() < size_) return MACH_SEND_INVALID_DATA;
    memcpy(&header_, buffer_.data(), sizeof header_);
    message_.size = size_;
    message_.id = header_.msgh_id;
    message_.complex = (header_.msgh_bits & MACH_MSGH_BITS_COMPLEX) != 0;
    message_.sender = space_.sender;
    uint32_t at = sizeof(mach_msg_header_t);
    if (message_.complex) {
      if (size_ < sizeof(mach_msg_base_t)) return MACH_SEND_MSG_TOO_SMALL;
      const mach_msg_return_t code = walk_descriptors(at);
      if (code != MACH_MSG_SUCCESS) return code;
    }
    message_.data.assign(buffer_.begin() + at, buffer_.begin() + size_);
    return MACH_MSG_SUCCESS;
  }

  mach_msg_return_t walk_descriptors(uint32_t& at) {
    const uint32_t count = word_at(buffer_, at);
    if (count > (size_ - sizeof(mach_msg_base_t)) / 12) return MACH_SEND_MSG_TOO_SMALL;
    at = sizeof(mach_msg_base_t);
    for (uint32_t i = 0; i < count; i++) {
      if (size_ - at < 12) return MACH_SEND_MSG_TOO_SMALL;
      const uint8_t type = buffer_[at + 11];
      if (type > MACH_MSG_GUARDED_PORT_DESCRIPTOR) return MACH_SEND_INVALID_TYPE;
      if (size_ - at < descriptor_size(type)) return MACH_SEND_MSG_TOO_SMALL;
      descriptors_.push_back(Descriptor::read(buffer_, at));
      at += descriptor_size(type);
    }
    for (const Descriptor& d : descriptors_)
      if (!well_formed(d)) return MACH_SEND_INVALID_TYPE;
    return check_sums();
  }

  static bool well_formed(const Descriptor& d) {
    if (d.type == MACH_MSG_OOL_DESCRIPTOR || d.type == MACH_MSG_OOL_VOLATILE_DESCRIPTOR)
      return d.copy == MACH_MSG_PHYSICAL_COPY || d.copy == MACH_MSG_VIRTUAL_COPY;
    if (d.type != MACH_MSG_GUARDED_PORT_DESCRIPTOR) return true;
    if (d.disposition != MACH_MSG_TYPE_MOVE_RECEIVE || d.flags == 0 || d.flags > 3) return false;
    return (d.flags & MACH_MSG_GUARD_FLAGS_UNGUARDED_ON_SEND) == 0 || d.context == 0;
  }

  mach_msg_return_t check_sums() {
    uint64_t rights = 0, physical = 0;
    for (const Descriptor& d : descriptors_) {
      switch (d.type) {
        case MACH_MSG_OOL_PORTS_DESCRIPTOR:
          rights += d.size;
          break;
        case MACH_MSG_OOL_DESCRIPTOR:
        case MACH_MSG_OOL_VOLATILE_DESCRIPTOR:
          if (d.copy == MACH_MSG_PHYSICAL_COPY && !d.deallocate && d.size > kSmallCopy)
            physical += (d.size + kPage - 1) / kPage * kPage;
          break;
        default:
          rights++;
          break;
      }
    }
    if (rights > kRightsMax) return MACH_SEND_TOO_LARGE;
    return physical != 0 && physical + 8 * rights > kPhysicalMax ? MACH_MSG_VM_KERNEL : MACH_MSG_SUCCESS;
  }

  // messages 5.2, 5.3: all or nothing.
  mach_msg_return_t take_header() {
    const uint32_t remote = MACH_MSGH_BITS_REMOTE(header_.msgh_bits),
                   local = MACH_MSGH_BITS_LOCAL(header_.msgh_bits);
    const uint32_t voucher = MACH_MSGH_BITS_VOUCHER(header_.msgh_bits);
    const Name to = header_.msgh_remote_port, reply = header_.msgh_local_port,
               voucher_name = header_.msgh_voucher_port;
    if (local == 0 ? reply != MACH_PORT_NULL : !any_send(local)) return MACH_SEND_INVALID_HEADER;
    if (voucher != 0 && ((voucher != MACH_MSG_TYPE_MOVE_SEND && voucher != MACH_MSG_TYPE_COPY_SEND) ||
                         voucher_name == MACH_PORT_DEAD))
      return MACH_SEND_INVALID_VOUCHER;
    if (!any_send(remote)) return MACH_SEND_INVALID_HEADER;
    if (!MACH_PORT_VALID(to)) return MACH_SEND_INVALID_DEST;
    if (voucher != 0 && to == voucher_name && remote != MACH_MSG_TYPE_MOVE_SEND &&
        remote != MACH_MSG_TYPE_COPY_SEND)
      return MACH_SEND_INVALID_DEST;
    if (to == reply && (remote == MACH_MSG_TYPE_MOVE_SEND_ONCE || local == MACH_MSG_TYPE_MOVE_SEND_ONCE))
      return MACH_SEND_INVALID_DEST;
    if (voucher != 0 && MACH_PORT_VALID(reply) && reply == voucher_name) return MACH_SEND_INVALID_REPLY;
    if (voucher != 0 && voucher_name != MACH_PORT_NULL) return MACH_SEND_INVALID_VOUCHER;  // there are none
    message_.voucher = voucher == 0 ? voucher_name : 0;

    Entry* dest = space_.find(to);
    if (dest == nullptr || dest->has(MACH_PORT_TYPE_PORT_SET | MACH_PORT_TYPE_DEAD_NAME))
      return MACH_SEND_INVALID_DEST;
    if (MACH_PORT_VALID(reply) && !reply_will_do(reply, local)) return MACH_SEND_INVALID_REPLY;
    const mach_msg_return_t code =
        to == reply ? take_same(to, remote, local, *dest) : take_destination(to, remote, *dest);
    if (code != MACH_MSG_SUCCESS) return code;
    if (to != reply) take_reply(reply, local);
    return MACH_MSG_SUCCESS;
  }

  bool reply_will_do(Name name, uint32_t disposition) {
    Entry* entry = space_.find(name);
    if (entry == nullptr || entry->has(MACH_PORT_TYPE_PORT_SET)) return false;
    const bool dead = model_.check_dead(space_, *entry);
    if (makes(disposition)) return entry->has(MACH_PORT_TYPE_RECEIVE);
    if (dead) return true;
    return entry->has(disposition == MACH_MSG_TYPE_MOVE_SEND_ONCE ? MACH_PORT_TYPE_SEND_ONCE
                                                                  : MACH_PORT_TYPE_SEND);
  }

  mach_msg_return_t take_destination(Name name, uint32_t disposition, Entry& entry) {
    Port* port = entry.port;
    // A send-once right whose port has died unnoticed still takes its message along.
    if (!port->alive && disposition == MACH_MSG_TYPE_MOVE_SEND_ONCE && entry.has(MACH_PORT_TYPE_SEND_ONCE) &&
        entry.request == nullptr) {
      message_.destination = {Right::State::live, MACH_MSG_TYPE_PORT_SEND_ONCE, port};
      space_.free(name);
      return MACH_MSG_SUCCESS;
    }
    if (model_.check_dead(space_, entry)) return MACH_SEND_INVALID_DEST;
    const kern_return_t code = model_.copyin(space_, name, disposition, message_.destination);
    return code == KERN_SUCCESS ? MACH_MSG_SUCCESS : MACH_SEND_INVALID_DEST;
  }

  void take_reply(Name name, uint32_t disposition) {
    if (MACH_PORT_VALID(name)) {
      model_.copyin(space_, name, disposition, message_.reply);
      message_.reply.disposition = travels_as(disposition);
      return;
    }
    message_.reply = {name == MACH_PORT_DEAD ? Right::State::dead : Right::State::null,
                      travels_as(disposition), nullptr};
  }

  // One name in both fields (messages 5.3): a move and a copy may share the last uref.
  mach_msg_return_t take_same(Name name, uint32_t remote, uint32_t local, Entry& entry) {
    if (model_.check_dead(space_, entry)) return MACH_SEND_INVALID_DEST;
    const bool both_move = remote == MACH_MSG_TYPE_MOVE_SEND && local == MACH_MSG_TYPE_MOVE_SEND;
    if (makes(remote) ? !entry.has(MACH_PORT_TYPE_RECEIVE) : !entry.has(MACH_PORT_TYPE_SEND))
      return MACH_SEND_INVALID_DEST;
    if (both_move && entry.urefs < 2) return MACH_SEND_INVALID_DEST;
    const bool reply_first = remote == MACH_MSG_TYPE_MOVE_SEND && !both_move;
    if (reply_first) take_reply(name, local);
    model_.copyin(space_, name, remote, message_.destination);
    if (!reply_first) take_reply(name, local);
    return MACH_MSG_SUCCESS;
  }

  // messages 5.7
  void arm() {
    const Right& destination = message_.destination;
    if ((option_ & MACH_SEND_NOTIFY) == 0 || destination.disposition != MACH_MSG_TYPE_PORT_SEND) return;
    Entry* entry = space_.find(header_.msgh_remote_port);
    if (entry == nullptr || entry->request == nullptr || !destination.port->alive) return;
    Request& request = *entry->request;
    if (request.state != Request::State::send_possible &&
        request.state != Request::State::send_possible_unarmed)
      return;
    if (destination.port->full()) {
      request.state = Request::State::send_possible;
    } else {
      exempt_ = true;
    }
  }

  // messages 5.4, front to back.
  mach_msg_return_t take_body() {
    for (const Descriptor& d : descriptors_) {
      message_.items.emplace_back();
      Item& item = message_.items.back();
      item.type = d.type;
      mach_msg_return_t code = MACH_MSG_SUCCESS;
      switch (d.type) {
        case MACH_MSG_PORT_DESCRIPTOR:
          code = take_right(d.name, d.disposition, item.right);
          break;
        case MACH_MSG_OOL_PORTS_DESCRIPTOR:
          code = take_array(d, item);
          break;
        case MACH_MSG_GUARDED_PORT_DESCRIPTOR:
          code = take_guarded(d, item);
          break;
        default:
          code = take_memory(d, item);
          break;
      }
      if (code != MACH_MSG_SUCCESS) return code;
    }
    return MACH_MSG_SUCCESS;
  }

  mach_msg_return_t take_right(Name name, uint32_t disposition, Right& right) {
    if (!MACH_PORT_VALID(name)) {
      right = {name == MACH_PORT_DEAD ? Right::State::dead : Right::State::null, travels_as(disposition),
               nullptr};
      return MACH_MSG_SUCCESS;
    }
    if (model_.copyin(space_, name, disposition, right) != KERN_SUCCESS) return MACH_SEND_INVALID_RIGHT;
    if (disposition == MACH_MSG_TYPE_MOVE_RECEIVE) {
      if (Model::circular(right.port, message_.destination.port)) {
        message_.circular = true;
      } else {
        right.port->transit = message_.destination.port;
      }
    }
    return MACH_MSG_SUCCESS;
  }

  mach_msg_return_t take_memory(const Descriptor& d, Item& item) {
    item.copy = d.copy;
    if (d.size == 0) return MACH_MSG_SUCCESS;
    if (d.copy == MACH_MSG_VIRTUAL_COPY && d.size > kSmallCopy)
      item.offset = static_cast<uint32_t>(d.address % kPage);
    if (!memory_.read(d.address, d.size, item.memory)) return MACH_SEND_INVALID_MEMORY;
    if (d.deallocate) memory_.release(d.address, d.size);
    return MACH_MSG_SUCCESS;
  }

  mach_msg_return_t take_array(const Descriptor& d, Item& item) {
    item.disposition = travels_as(d.disposition);
    if (d.size == 0) return MACH_MSG_SUCCESS;
    Bytes names;
    if (!memory_.read(d.address, uint64_t{d.size} * 4, names)) return MACH_SEND_INVALID_MEMORY;
    if (d.deallocate) memory_.release(d.address, uint64_t{d.size} * 4);
    for (uint32_t i = 0; i < d.size; i++) {
      Right right;
      if (take_right(word_at(names, i * 4), d.disposition, right) != MACH_MSG_SUCCESS)
        return MACH_SEND_INVALID_RIGHT;
      item.rights.push_back(right);
    }
    return MACH_MSG_SUCCESS;
  }

  mach_msg_return_t take_guarded(const Descriptor& d, Item& item) {
    item.flags = d.flags;
    item.context = d.context;
    if (MACH_PORT_VALID(d.name)) {
      Entry* entry = space_.find(d.name);
      if (entry == nullptr || !entry->has(MACH_PORT_TYPE_RECEIVE)) return MACH_SEND_INVALID_RIGHT;
      const Port& port = *entry->port;
      const bool unguarded =
          (d.flags & MACH_MSG_GUARD_FLAGS_UNGUARDED_ON_SEND) != 0 && !port.guarded && port.context == 0;
      if (!unguarded && !(port.guarded && port.context == d.context)) return MACH_SEND_INVALID_RIGHT;
    }
    return take_right(d.name, d.disposition, item.right);
  }

  // messages 5.5
  mach_msg_return_t deliver() {
    Port* port = message_.destination.port;
    if (message_.circular || !port->alive) {
      model_.doom(std::move(message_));
      return MACH_MSG_SUCCESS;
    }
    const bool once = message_.destination.disposition == MACH_MSG_TYPE_PORT_SEND_ONCE;
    if (port->full() && (!(once || exempt_) || port->queue.size() >= kQueueCap)) {
      hand_back();
      return MACH_SEND_TIMED_OUT;
    }
    model_.queue_message(port, std::move(message_));
    return MACH_MSG_SUCCESS;
  }

  // messages 5.6. Of a voucher only the disposition comes back, there being none.
  void hand_back() {
    mach_msg_header_t header{};
    header.msgh_bits = MACH_MSGH_BITS(message_.destination.disposition, message_.reply.disposition) |
                       (header_.msgh_bits & MACH_MSGH_BITS_VOUCHER_MASK);
    if (message_.complex) header.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
    header.msgh_size = message_.size;
    header.msgh_remote_port = model_.copyout(space_, message_.destination);
    header.msgh_local_port = model_.copyout(space_, message_.reply);
    header.msgh_voucher_port = message_.voucher;
    header.msgh_id = message_.id;
    write_message(
        buffer_, header, message_, memory_,
        [this](const Right& right) { return model_.copyout(space_, right); },
        [this](Item& item, Name& name) { back_guarded(item, name); });
  }

  void back_guarded(Item& item, Name& name) {
    Port* port = item.right.port;
    name = model_.copyout(space_, item.right);
    if (!say_guard(item, address_) || !MACH_PORT_VALID(name)) return;
    port->guarded = true;
    port->context = address_;
  }

  Model& model_;
  Space& space_;
  Memory& memory_;
  Bytes& buffer_;
  const uint64_t address_;
  const mach_msg_option_t option_;
  const uint32_t size_;
  mach_msg_header_t header_{};
  std::vector<Descriptor> descriptors_;
  Message message_;
  bool exempt_ = false;
};

mach_msg_return_t Model::send(Space& space, Memory& memory, Bytes& buffer, uint64_t address,
                              mach_msg_option_t option, uint32_t size) {
  return Sending(*this, space, memory, buffer, address, option, size).run();
}

}  // namespace portolan::model
