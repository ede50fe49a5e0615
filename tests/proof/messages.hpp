// SPDX-License-Identifier: Apache-2.0
// Messages as the scenarios send them.
#pragma once

#include <mach/message.h>
#include <mach/notify.h>

#include <cstddef>

#include "support/domain.hpp"

namespace portolan::proof {

inline constexpr mach_msg_type_name_t kCopySend = MACH_MSG_TYPE_COPY_SEND,
                                      kMoveSend = MACH_MSG_TYPE_MOVE_SEND,
                                      kMakeSend = MACH_MSG_TYPE_MAKE_SEND,
                                      kMakeSendOnce = MACH_MSG_TYPE_MAKE_SEND_ONCE,
                                      kMoveSendOnce = MACH_MSG_TYPE_MOVE_SEND_ONCE,
                                      kMoveReceive = MACH_MSG_TYPE_MOVE_RECEIVE;

struct Route {
  mach_port_name_t to = MACH_PORT_NULL;
  mach_msg_type_name_t disposition = kCopySend;
  mach_port_name_t reply = MACH_PORT_NULL;
  mach_msg_type_name_t reply_disposition = 0;
  mach_msg_id_t id = 100;
};

inline void address(mach_msg_header_t& header, const Route& route, size_t size) {
  header.msgh_bits = MACH_MSGH_BITS(route.disposition, route.reply_disposition);
  header.msgh_remote_port = route.to;
  header.msgh_local_port = route.reply;
  header.msgh_id = route.id;
  header.msgh_size = static_cast<mach_msg_size_t>(size);
}

struct PlainMessage {
  mach_msg_header_t header{};
  uint32_t words[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  explicit PlainMessage(const Route& route) { address(header, route, sizeof *this); }
};

struct PortsMessage {
  static constexpr unsigned kMost = 4;
  mach_msg_header_t header{};
  mach_msg_body_t body{};
  mach_msg_port_descriptor_t ports[kMost] = {};
  explicit PortsMessage(const Route& route) {
    address(header, route, sizeof *this);
    header.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
  }
  PortsMessage& carry(mach_port_name_t name, mach_msg_type_name_t disposition) {
    mach_msg_port_descriptor_t& port = ports[body.msgh_descriptor_count++];
    port.name = name;
    port.disposition = static_cast<uint8_t>(disposition);
    port.type = MACH_MSG_PORT_DESCRIPTOR;
    return *this;
  }
  mach_msg_size_t size() const {
    return static_cast<mach_msg_size_t>(offsetof(PortsMessage, ports) +
                                        body.msgh_descriptor_count * sizeof ports[0]);
  }
};

struct MemoryMessage {
  mach_msg_header_t header{};
  mach_msg_body_t body{};
  mach_msg_ool_descriptor_t memory{};
  MemoryMessage(const Route& route, void* bytes, size_t size) {
    address(header, route, sizeof *this);
    header.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
    body.msgh_descriptor_count = 1;
    memory.address = bytes;
    memory.size = static_cast<mach_msg_size_t>(size);
    memory.copy = MACH_MSG_VIRTUAL_COPY;
    memory.type = MACH_MSG_OOL_DESCRIPTOR;
  }
};

struct ArrayMessage {
  mach_msg_header_t header{};
  mach_msg_body_t body{};
  mach_msg_ool_ports_descriptor_t ports{};
  ArrayMessage(const Route& route, mach_port_name_t* names, size_t count, mach_msg_type_name_t disposition) {
    address(header, route, sizeof *this);
    header.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
    body.msgh_descriptor_count = 1;
    ports.address = names;
    ports.count = static_cast<mach_msg_size_t>(count);
    ports.disposition = static_cast<uint8_t>(disposition);
    ports.type = MACH_MSG_OOL_PORTS_DESCRIPTOR;
  }
};

template <class Message>
mach_msg_return_t send(test::TestTask& task, Message& message, mach_msg_option_t option = MACH_SEND_TIMEOUT,
                       mach_msg_timeout_t timeout = 0, size_t size = sizeof(Message)) {
  return task.msg(&message.header, MACH_SEND_MSG | option, static_cast<mach_msg_size_t>(size), 0,
                  MACH_PORT_NULL, timeout);
}
inline mach_msg_return_t send(test::TestTask& task, PortsMessage& message,
                              mach_msg_option_t option = MACH_SEND_TIMEOUT) {
  return send(task, message, option, 0, message.size());
}

}  // namespace portolan::proof
