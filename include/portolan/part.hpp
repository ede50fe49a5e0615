// SPDX-License-Identifier: Apache-2.0
// The parts of a message that are more than bytes: rights, arrays of rights, memory out of line. A message's
// type names what its receiver gets; what its sender puts in says how it travels:
//
//   part                   given as                                    travels as
//   send_right             std::move(right)                            MOVE_SEND
//                          copy_of(right)                              COPY_SEND
//                          make_send_of(receive_right)                 MAKE_SEND
//   send_once_right        std::move(right)                            MOVE_SEND_ONCE
//                          make_send_once_of(receive_right)            MAKE_SEND_ONCE
//   receive_right          std::move(right)                            MOVE_RECEIVE
//   std::optional<right>   the same, or std::nullopt                   a null name
//   std::vector<right>     a vector to move; copy_of … of a range      an array out of line
//   ool_memory             std::move(memory)                           memory out of line, moved
//                          bytes_of(range)                             memory out of line, copied
//
// What is moved belongs to the message until that is sent. What is lent (copy_of and the other functions)
// stays its owner's and has to live as long as the message.
#ifndef PORTOLAN_PART_HPP_
#define PORTOLAN_PART_HPP_

#include <mach/mach.h>
#include <portolan/memory.hpp>
#include <portolan/payload.hpp>
#include <portolan/right.hpp>

#include <concepts>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace portolan {

namespace detail {

template <class T>
concept right_type =
    std::same_as<T, send_right> || std::same_as<T, send_once_right> || std::same_as<T, receive_right>;

// A right of this kind, made from something that its owner keeps.
template <right_type Right>
struct lent_right {
  mach_port_t name;
  mach_msg_type_name_t disposition;
};

// The same of many.
template <right_type Right, right_type Source>
struct lent_rights {
  std::span<const Source> sources;
  mach_msg_type_name_t disposition;
};

struct lent_memory {
  const void* data;
  std::size_t size;
};

inline mach_port_t lendable(mach_port_t name) noexcept {
  if (name == MACH_PORT_NULL) misuse("a right is lent to a message that was moved away, or never was");
  return name;
}

}  // namespace detail

// A copy of the send right goes, the right stays.
inline detail::lent_right<send_right> copy_of(const send_right& right) noexcept {
  return {detail::lendable(right.get()), MACH_MSG_TYPE_COPY_SEND};
}
detail::lent_right<send_right> copy_of(const send_right&&) = delete;

// A right to send to the port goes.
inline detail::lent_right<send_right> make_send_of(const receive_right& port) noexcept {
  return {detail::lendable(port.get()), MACH_MSG_TYPE_MAKE_SEND};
}
detail::lent_right<send_right> make_send_of(const receive_right&&) = delete;

// A right to send once to the port goes.
inline detail::lent_right<send_once_right> make_send_once_of(const receive_right& port) noexcept {
  return {detail::lendable(port.get()), MACH_MSG_TYPE_MAKE_SEND_ONCE};
}
detail::lent_right<send_once_right> make_send_once_of(const receive_right&&) = delete;

// The same for contiguous ranges.
inline detail::lent_rights<send_right, send_right> copy_of(std::span<const send_right> rights) noexcept {
  return {rights, MACH_MSG_TYPE_COPY_SEND};
}
inline detail::lent_rights<send_right, receive_right> make_send_of(
    std::span<const receive_right> ports) noexcept {
  return {ports, MACH_MSG_TYPE_MAKE_SEND};
}
inline detail::lent_rights<send_once_right, receive_right> make_send_once_of(
    std::span<const receive_right> ports) noexcept {
  return {ports, MACH_MSG_TYPE_MAKE_SEND_ONCE};
}

// The bytes of a contiguous range are copied into the message when it is sent.
template <detail::lendable_range Range>
detail::lent_memory bytes_of(const Range& range) noexcept {
  const std::span elements(range);
  return {elements.data(), elements.size_bytes()};
}
template <detail::lendable_range Range>
requires(!std::ranges::enable_borrowed_range<Range>) detail::lent_memory bytes_of(const Range&&)
= delete;

namespace detail {

// What becomes of the parts of a message that was to be sent (messages 4).
enum class fate {
  taken,     // by the kernel, for delivery or destroyed: nothing of them is left
  kept,      // nothing changed
  returned,  // the descriptors say under which names and at which addresses they came back
};

// slot<Part>: a part while it is in a message. All have
//   the constructors that the table above promises;
//   Part& get()                the part, if it is owned by the message;
//   using descriptor           of its type and size in the message;
//   descriptor describe()      for sending;
//   void settle(fate, const descriptor&)   after the attempt;
//   static bool fits(const descriptor&)    is what was received of this shape?
//   static slot take(const descriptor&)    then takes it over.
template <class Part>
class slot;

template <class Part, class Given>
concept givable = std::constructible_from<slot<Part>, Given>;

template <right_type Right>
class slot<Right> {
 public:
  using descriptor = mach_msg_port_descriptor_t;

  slot() noexcept = default;
  slot(Right&& right) noexcept : right_(std::move(right)) {}
  slot(const lent_right<Right>& lent) noexcept : lent_(lent.name), disposition_(lent.disposition) {}

  Right& get() noexcept {
    if (lent_ != MACH_PORT_NULL) misuse("a part is taken from a message that it was only lent to");
    return right_;
  }

  mach_port_t name() const noexcept { return lent_ != MACH_PORT_NULL ? lent_ : right_.get(); }
  mach_msg_type_name_t disposition() const noexcept { return disposition_; }

  descriptor describe() const noexcept {
    if (name() == MACH_PORT_NULL) misuse("a message is sent with a right that was moved away, or never was");
    return describe_name(name(), disposition_);
  }

  void settle(fate happened, const descriptor& now) noexcept { settle_name(happened, now.name); }

  // As settle, for any place in a message where a name can be.
  void settle_name(fate happened, mach_port_t now) noexcept {
    if (happened == fate::kept) return;
    if (lent_ == MACH_PORT_NULL) {
      static_cast<void>(right_.release());
      if (happened == fate::returned) right_ = Right::adopt(now);
    } else if (happened == fate::returned) {
      keep_made(Right::adopt(now));
    }
  }

  static bool fits(const descriptor& part) noexcept {
    return part.name != MACH_PORT_NULL && is_of_kind(part);
  }
  static slot take(const descriptor& part) noexcept { return Right::adopt(part.name); }

  static bool is_of_kind(const descriptor& part) noexcept {
    return part.type == MACH_MSG_PORT_DESCRIPTOR && part.disposition == Right::moved;
  }
  static descriptor describe_name(mach_port_t name, mach_msg_type_name_t disposition) noexcept {
    descriptor part = {};
    part.name = name;
    part.disposition = disposition & 0xff;
    part.type = MACH_MSG_PORT_DESCRIPTOR;
    return part;
  }

 private:
  // What was copied or made on the way is one reference too many now. A send-once right would tell its port
  // if it were given up: the next attempt takes it.
  void keep_made(Right made) noexcept {
    if constexpr (std::same_as<Right, send_once_right>) {
      right_ = std::move(made);
      lent_ = MACH_PORT_NULL;
      disposition_ = Right::moved;
    }
  }

  Right right_;
  mach_port_t lent_ = MACH_PORT_NULL;
  mach_msg_type_name_t disposition_ = Right::moved;
};

template <right_type Right>
class slot<std::optional<Right>> {
 public:
  using descriptor = mach_msg_port_descriptor_t;

  slot() noexcept = default;
  slot(std::nullopt_t) noexcept {}
  slot(std::optional<Right>&& right) noexcept : right_(std::move(right)) {}
  slot(Right&& right) noexcept : right_(std::move(right)) {}
  slot(const lent_right<Right>& lent) noexcept : lent_(std::in_place, lent) {}

  std::optional<Right>& get() noexcept {
    if (lent_) misuse("a part is taken from a message that it was only lent to");
    return right_;
  }

  descriptor describe() const noexcept {
    if (lent_) return lent_->describe();
    if (!right_) return slot<Right>::describe_name(MACH_PORT_NULL, Right::moved);
    if (right_->get() == MACH_PORT_NULL)
      misuse("a message is sent with a right that was moved away, or never was");
    return slot<Right>::describe_name(right_->get(), Right::moved);
  }

  void settle(fate happened, const descriptor& now) noexcept {
    if (lent_) {
      lent_->settle(happened, now);
    } else if (happened != fate::kept && right_) {
      static_cast<void>(right_->release());
      right_.reset();
      if (happened == fate::returned) right_ = Right::adopt(now.name);
    }
  }

  static bool fits(const descriptor& part) noexcept { return slot<Right>::is_of_kind(part); }
  static slot take(const descriptor& part) noexcept {
    if (part.name == MACH_PORT_NULL) return std::nullopt;
    return Right::adopt(part.name);
  }

 private:
  std::optional<Right> right_;
  std::optional<slot<Right>> lent_;
};

template <right_type Right>
class slot<std::vector<Right>> {
 public:
  using descriptor = mach_msg_ool_ports_descriptor_t;

  slot() noexcept = default;
  slot(std::vector<Right>&& rights) noexcept : rights_(std::move(rights)) {}
  template <right_type Source>
  slot(const lent_rights<Right, Source>& lent) : lent_(true), disposition_(lent.disposition) {
    names_.reserve(lent.sources.size());
    for (const Source& source : lent.sources) names_.push_back(lendable(source.get()));
  }

  std::vector<Right>& get() noexcept {
    if (lent_) misuse("a part is taken from a message that it was only lent to");
    return rights_;
  }

  descriptor describe() {
    if (!lent_) {
      names_.clear();
      for (const Right& right : rights_) names_.push_back(lendable(right.get()));
    }
    descriptor part = {};
    part.address = names_.data();
    part.count = static_cast<mach_msg_size_t>(names_.size());
    part.copy = MACH_MSG_PHYSICAL_COPY;
    part.disposition = disposition_ & 0xff;
    part.type = MACH_MSG_OOL_PORTS_DESCRIPTOR;
    return part;
  }

  void settle(fate happened, const descriptor& now) {
    if (happened == fate::kept) return;
    for (Right& right : rights_) static_cast<void>(right.release());
    rights_.clear();
    if (happened != fate::returned) return;
    std::vector<Right> back = adopt(now);
    if (lent_ && !std::same_as<Right, send_once_right>) return;  // one reference too many: given up
    rights_ = std::move(back);
    lent_ = false;
    disposition_ = Right::moved;
  }

  static bool fits(const descriptor& part) noexcept {
    if (part.type != MACH_MSG_OOL_PORTS_DESCRIPTOR || part.disposition != Right::moved) return false;
    const auto* names = static_cast<const mach_port_t*>(part.address);
    for (mach_msg_size_t i = 0; i < part.count; i++) {
      if (names == nullptr || names[i] == MACH_PORT_NULL) return false;
    }
    return true;
  }
  static slot take(const descriptor& part) { return adopt(part); }

 private:
  static std::vector<Right> adopt(const descriptor& part) {
    std::vector<Right> rights;
    if (part.address == nullptr) return rights;
    const ool_memory array = ool_memory::adopt(part.address, part.count * sizeof(mach_port_t));
    rights.reserve(part.count);
    for (const mach_port_t name : array.as<mach_port_t>()) rights.push_back(Right::adopt(name));
    return rights;
  }

  std::vector<Right> rights_;
  std::vector<mach_port_t> names_;  // what the kernel reads
  bool lent_ = false;
  mach_msg_type_name_t disposition_ = Right::moved;
};

template <>
class slot<ool_memory> {
 public:
  using descriptor = mach_msg_ool_descriptor_t;

  slot() noexcept = default;
  slot(ool_memory&& memory) noexcept : memory_(std::move(memory)) {}
  slot(const lent_memory& lent) noexcept : lent_(true), lent_memory_(lent) {
    if (lent.size > UINT32_MAX) misuse("a message is lent more memory than it can have");
  }

  ool_memory& get() noexcept {
    if (lent_) misuse("a part is taken from a message that it was only lent to");
    return memory_;
  }

  // Always a virtual copy: what comes back then says that it is ours to free.
  descriptor describe() const noexcept {
    descriptor part = {};
    part.address = lent_ ? const_cast<void*>(lent_memory_.data) : memory_.data();
    part.size = static_cast<mach_msg_size_t>(lent_ ? lent_memory_.size : memory_.size());
    part.deallocate = lent_ ? 0 : 1;
    part.copy = MACH_MSG_VIRTUAL_COPY;
    part.type = MACH_MSG_OOL_DESCRIPTOR;
    return part;
  }

  void settle(fate happened, const descriptor& now) noexcept {
    if (happened == fate::kept) return;
    if (!lent_) static_cast<void>(memory_.release());
    if (happened != fate::returned) return;
    ool_memory back = ool_memory::adopt(now.address, now.size);
    if (!lent_) memory_ = std::move(back);
  }

  static bool fits(const descriptor& part) noexcept {
    return part.type == MACH_MSG_OOL_DESCRIPTOR && (part.address != nullptr || part.size == 0);
  }
  static slot take(const descriptor& part) noexcept { return ool_memory::adopt(part.address, part.size); }

 private:
  ool_memory memory_;
  bool lent_ = false;
  lent_memory lent_memory_ = {nullptr, 0};
};

template <class T>
concept part_type = requires {
  typename slot<T>::descriptor;
};

}  // namespace detail

}  // namespace portolan

#endif  // PORTOLAN_PART_HPP_
