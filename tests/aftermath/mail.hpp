// SPDX-License-Identifier: Apache-2.0
// The messages between victims and survivors.
#pragma once

#include "storm/calls.hpp"

namespace portolan::aftermath {

enum : mach_msg_id_t { kHello = 500, kTraffic };

// A right to the sender's own port, and some memory.
struct Parcel {
  mach_msg_header_t header;
  mach_msg_body_t body;
  mach_msg_port_descriptor_t port;
  mach_msg_ool_descriptor_t memory;
  uint32_t number;  // of the sender
};

union Buffer {
  mach_msg_header_t header;
  Parcel parcel;
  mach_dead_name_notification_t dead_name;
  char room[1024];
};

// Waits at most `timeout` ms for room in the queue; what is not sent is destroyed.
kern_return_t send_parcel(const storm::Calls& calls, mach_port_t to, mach_port_t own, mach_msg_id_t id,
                          unsigned number, mach_msg_timeout_t timeout);

// Ends this process, having said why.
[[noreturn]] void fail(const char* what, int code);

}  // namespace portolan::aftermath
