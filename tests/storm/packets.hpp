// SPDX-License-Identifier: Apache-2.0
// What the storm's messages look like.
#pragma once

#include <mach/message.h>

#include <cstddef>
#include <cstdint>

namespace portolan::storm {

enum Kind : int32_t { kPlain = 1000, kRequest, kAnswer, kToken, kBox, kBoxed, kMemory };

// In every message.
struct Note {
  uint64_t sequence;
  uint32_t from;     // life * kThreads + thread
  uint32_t counter;  // of the messages of that thread to this receiver: they arrive in this order
  uint32_t hops;     // how often a right is passed on
  uint32_t in, out;  // of a box: counters of what was put in and taken out
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
static_assert(offsetof(Plain, note) % 8 == 0 && offsetof(WithPort, note) % 8 == 0 &&
              offsetof(WithMemory, note) % 8 == 0);

union Buffer {
  mach_msg_header_t header;
  Plain plain;
  WithPort port;
  WithMemory memory;
  char room[1024];
};

inline constexpr size_t kMemorySize = 9000;
inline unsigned char memory_byte(uint64_t sequence, size_t at) {
  return static_cast<unsigned char>(sequence * 31 + at * 7 + at / 251);
}

}  // namespace portolan::storm
