// SPDX-License-Identifier: Apache-2.0
// What the storm's messages look like.
#pragma once

#include <mach/message.h>

#include <cstddef>
#include <cstdint>

namespace portolan::storm {

enum Kind : int32_t { kPlain = 1000, kRequest, kAnswer, kToken, kArray, kBox, kBoxed, kMemory, kSignals };

// In every message.
struct Note {
  uint64_t sequence;
  uint32_t from;     // life * kThreads + thread
  uint32_t counter;  // of the messages of that thread to this receiver: they arrive in this order
  uint32_t hops;     // how often a right is passed on
  uint32_t in, out;  // of a box: counters of what was put in and taken out; of signals: how many
  uint32_t pad;
};

struct Plain {
  mach_msg_header_t header;
  uint32_t pad;
  Note note;
};
struct WithPort {
  mach_msg_header_t header;
  mach_msg_body_t body;
  mach_msg_port_descriptor_t port;
  uint32_t pad[2];
  Note note;
};
struct WithMemory {
  mach_msg_header_t header;
  mach_msg_body_t body;
  mach_msg_ool_descriptor_t memory;
  uint32_t pad;
  Note note;
};
struct WithArray {
  mach_msg_header_t header;
  mach_msg_body_t body;
  mach_msg_ool_ports_descriptor_t array;
  uint32_t pad;
  Note note;
};
static_assert(offsetof(Plain, note) % 8 == 0 && offsetof(WithPort, note) % 8 == 0 &&
              offsetof(WithMemory, note) % 8 == 0 && offsetof(WithArray, note) % 8 == 0);

union Buffer {
  mach_msg_header_t header;
  Plain plain;
  WithPort port;
  WithMemory memory;
  WithArray array;
  char room[1024];
};

// A message with the next one's right as its destination, ready to be filled.
template <class T>
T packet(Kind kind, mach_msg_bits_t bits) {
  T message{};
  message.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0) | bits;
  message.header.msgh_id = kind;
  return message;
}
inline WithPort packet_with_port(Kind kind, mach_port_t name, mach_msg_type_name_t disposition) {
  auto message = packet<WithPort>(kind, MACH_MSGH_BITS_COMPLEX);
  message.body.msgh_descriptor_count = 1;
  message.port.name = name;
  message.port.disposition = static_cast<uint8_t>(disposition);
  message.port.type = MACH_MSG_PORT_DESCRIPTOR;
  return message;
}

}  // namespace portolan::storm
