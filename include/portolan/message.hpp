// SPDX-License-Identifier: Apache-2.0
// Typed messages: an id, a payload of numbers, and parts (part.hpp).
//
//   struct position { double x, y; };
//   using place = portolan::message<1000, position, portolan::send_right, portolan::ool_memory>;
//
//   place out{{1, 2}, copy_of(channel), std::move(picture)};       // to be sent
//   auto [where, channel, picture] = receive<place>(port).value();  // received: everything is owned
//
// In memory a message is laid out as MIG and a C structure under #pragma pack(4) have it: the header; if
// there are parts, their count and descriptors; the payload directly behind, padded to a multiple of four
// bytes.
#ifndef PORTOLAN_MESSAGE_HPP_
#define PORTOLAN_MESSAGE_HPP_

#include <mach/mach.h>
#include <portolan/part.hpp>
#include <portolan/payload.hpp>

#include <array>
#include <cstddef>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>

namespace portolan {

namespace detail {
template <class M>
struct wire;
}

template <mach_msg_id_t Id, class Payload = none, class... Parts>
class message {
  static_assert(
      payload_type<Payload>,
      "a payload has numbers only, no pointers: they mean nothing to another task (portolan::is_payload)");
  static_assert((detail::part_type<Parts> && ...),
                "a part is a send_right, send_once_right, receive_right, an optional or a vector of one, or "
                "ool_memory");

 public:
  using payload_type = Payload;
  static constexpr mach_msg_id_t id = Id;
  static constexpr std::size_t part_count = sizeof...(Parts);
  template <std::size_t I>
  using part_type = std::tuple_element_t<I, std::tuple<Parts...>>;

  message() noexcept requires(part_count == 0) : payload{} {}

  // A payload, and for each part something that can be given as it.
  template <class... Given>
  requires(sizeof...(Given) == sizeof...(Parts)) message(Payload bytes, Given&&... parts)
      : payload(bytes), slots_(give<Parts>(std::forward<Given>(parts))...) {}

  // Without a payload the parts are all there is to say.
  template <class... Given>
  requires(std::is_same_v<Payload, none> && sizeof...(Given) == sizeof...(Parts) && sizeof...(Parts) > 0 &&
           !(std::is_same_v<std::remove_cvref_t<Given>, message> ||
             ...)) explicit(!(detail::givable<Parts, Given&&> && ...)) message(Given&&... parts)
      : payload{}, slots_(give<Parts>(std::forward<Given>(parts))...) {}

  message(message&&) noexcept = default;
  message& operator=(message&&) noexcept = default;
  message(const message&) requires(part_count == 0) = default;
  message& operator=(const message&) requires(part_count == 0) = default;

  Payload payload;

  // A part, to look at or to move from. Only what the message owns: what was lent to it for sending is not
  // its own.
  template <std::size_t I>
  auto& part() noexcept {
    return std::get<I>(slots_).get();
  }
  template <std::size_t I>
  const auto& part() const noexcept {
    return const_cast<message*>(this)->template part<I>();
  }

 private:
  friend struct detail::wire<message>;

  template <class Part, class Given>
  static detail::slot<Part> give(Given&& given) {
    static_assert(
        detail::givable<Part, Given&&>,
        "this cannot be given as that part of the message: move a right or memory into it, or lend one "
        "with copy_of, make_send_of, make_send_once_of or bytes_of");
    return detail::slot<Part>(std::forward<Given>(given));
  }

  explicit message(Payload bytes, std::tuple<detail::slot<Parts>...>&& slots) noexcept
      : payload(bytes), slots_(std::move(slots)) {}

  std::tuple<detail::slot<Parts>...> slots_;
};

// Structured bindings: the payload, then the parts.
template <std::size_t I, mach_msg_id_t Id, class Payload, class... Parts>
auto& get(message<Id, Payload, Parts...>& whole) noexcept {
  if constexpr (I == 0) {
    return whole.payload;
  } else {
    return whole.template part<I - 1>();
  }
}
template <std::size_t I, mach_msg_id_t Id, class Payload, class... Parts>
const auto& get(const message<Id, Payload, Parts...>& whole) noexcept {
  return get<I>(const_cast<message<Id, Payload, Parts...>&>(whole));
}
template <std::size_t I, mach_msg_id_t Id, class Payload, class... Parts>
auto&& get(message<Id, Payload, Parts...>&& whole) noexcept {
  return std::move(get<I>(whole));
}

namespace detail {

template <class T>
inline constexpr bool is_message = false;
template <mach_msg_id_t Id, class Payload, class... Parts>
inline constexpr bool is_message<message<Id, Payload, Parts...>> = true;

}  // namespace detail

template <class T>
concept message_type = detail::is_message<std::remove_cvref_t<T>>;

namespace detail {

// Header, count and descriptors, payload: how a message lies in memory.
template <mach_msg_id_t Id, class Payload, class... Parts>
struct wire<message<Id, Payload, Parts...>> {
  using whole = message<Id, Payload, Parts...>;
  static constexpr bool complex = sizeof...(Parts) > 0;
  static constexpr std::size_t payload_at =
      sizeof(mach_msg_header_t) +
      (complex ? sizeof(mach_msg_body_t) + (sizeof(typename slot<Parts>::descriptor) + ... + 0) : 0);
  static constexpr std::size_t payload_size = std::is_empty_v<Payload> ? 0 : sizeof(Payload);
  static constexpr std::size_t size = (payload_at + payload_size + 3) & ~std::size_t{3};

  // Everything behind the header, of which only id and size are written.
  static void encode(std::byte* at, whole& from) {
    auto* header = reinterpret_cast<mach_msg_header_t*>(at);
    header->msgh_size = 0;
    header->msgh_id = Id;
    if constexpr (complex) {
      header->msgh_bits |= MACH_MSGH_BITS_COMPLEX;
      const mach_msg_body_t body = {sizeof...(Parts)};
      std::memcpy(at + sizeof(mach_msg_header_t), &body, sizeof body);
      each(from, [at]<class Slot>(Slot& part, std::size_t offset, std::size_t) {
        const typename Slot::descriptor descriptor = part.describe();
        std::memcpy(at + offset, &descriptor, sizeof descriptor);
      });
    }
    if constexpr (payload_size > 0) {
      std::memset(at + size - 4, 0, 4);
      std::memcpy(at + payload_at, &from.payload, payload_size);
    }
  }

  // After the attempt to send: what became of part number I is fates[I].
  static void settle(const std::byte* at, whole& from, const std::array<fate, sizeof...(Parts)>& fates) {
    each(from, [at, &fates]<class Slot>(Slot& part, std::size_t offset, std::size_t index) {
      part.settle(fates[index], read<typename Slot::descriptor>(at + offset));
    });
  }

  // Is what was received of this type? Looks only.
  static bool fits(const std::byte* at) noexcept {
    const auto* header = reinterpret_cast<const mach_msg_header_t*>(at);
    if (header->msgh_id != Id || header->msgh_size != size) return false;
    if (MACH_MSGH_BITS_IS_COMPLEX(header->msgh_bits) != complex) return false;
    if (MACH_MSGH_BITS_HAS_VOUCHER(header->msgh_bits)) return false;
    if constexpr (complex) {
      if (read<mach_msg_body_t>(at + sizeof(mach_msg_header_t)).msgh_descriptor_count != sizeof...(Parts))
        return false;
    }
    // As descriptors differ in size, the types are looked at front to back.
    [[maybe_unused]] std::size_t offset = parts_at;
    return (fits_one<slot<Parts>>(at, offset) && ...);
  }

  // Takes everything over, of what fits.
  static whole take(const std::byte* at) {
    Payload payload{};
    if constexpr (payload_size > 0) std::memcpy(&payload, at + payload_at, payload_size);
    [[maybe_unused]] std::size_t offset = parts_at;
    // In braces, so that it happens front to back.
    return whole(payload, std::tuple<slot<Parts>...>{take_one<slot<Parts>>(at, offset)...});
  }

  // For each part: is it memory or an array, which the kernel has to read?
  static constexpr std::array<bool, sizeof...(Parts)> reads_memory = {
      !std::is_same_v<typename slot<Parts>::descriptor, mach_msg_port_descriptor_t>...};

 private:
  static constexpr std::size_t parts_at = sizeof(mach_msg_header_t) + sizeof(mach_msg_body_t);

  template <class Descriptor>
  static Descriptor read(const std::byte* at) noexcept {
    Descriptor descriptor;
    std::memcpy(&descriptor, at, sizeof descriptor);
    return descriptor;
  }

  // Calls visit(slot, offset of its descriptor, number) for each part.
  template <class F>
  static void each(whole& from, F&& visit) {
    [[maybe_unused]] std::size_t offset = parts_at;
    [[maybe_unused]] std::size_t index = 0;
    std::apply(
        [&]<class... Slots>(Slots&... slots) {
          ((visit(slots, offset, index), offset += sizeof(typename Slots::descriptor), index++), ...);
        },
        from.slots_);
  }

  template <class Slot>
  static bool fits_one(const std::byte* at, std::size_t& offset) noexcept {
    const auto descriptor = read<typename Slot::descriptor>(at + offset);
    offset += sizeof descriptor;
    return Slot::fits(descriptor);
  }
  template <class Slot>
  static Slot take_one(const std::byte* at, std::size_t& offset) {
    const auto descriptor = read<typename Slot::descriptor>(at + offset);
    offset += sizeof descriptor;
    return Slot::take(descriptor);
  }
};

}  // namespace detail

}  // namespace portolan

template <mach_msg_id_t Id, class Payload, class... Parts>
struct std::tuple_size<portolan::message<Id, Payload, Parts...>>
    : std::integral_constant<std::size_t, 1 + sizeof...(Parts)> {};

template <std::size_t I, mach_msg_id_t Id, class Payload, class... Parts>
struct std::tuple_element<I, portolan::message<Id, Payload, Parts...>> {
  using type = std::tuple_element_t<I, std::tuple<Payload, Parts...>>;
};

#endif  // PORTOLAN_MESSAGE_HPP_
