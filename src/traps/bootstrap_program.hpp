// SPDX-License-Identifier: Apache-2.0
// Asking a program that serves a namespace on its own port (bootstrap 5.21): src/lib/bootstrap_messages.cpp. Outside
// any trap; blocks until it answers.
#pragma once

#include <mach/mach.h>
#include <servers/bootstrap_wire.h>
#include <sys/types.h>

namespace portolan {

struct ProgramRequest {
  mach_msg_id_t id;
  const char* name = "";
  uint64_t flags = 0;
  pid_t target_pid = 0;
  mach_port_t carried = MACH_PORT_NULL;  // a send right, which is copied
};

// The right that the answer carries goes to *port if that is wanted. The answer's code; MIG_SERVER_DIED,
// MIG_REPLY_MISMATCH, MIG_TYPE_ERROR; what mach_msg returned.
kern_return_t ask_program(mach_port_t bp, const ProgramRequest& request, mach_port_t* port);

}  // namespace portolan
