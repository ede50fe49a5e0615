// SPDX-License-Identifier: Apache-2.0
// The messages that tell of exceptions: made in the thread that raises, and sent to where an action says
// (tasks 4.5, 4.7). Who raises them, and what comes of the reply: traps/exception.cpp.
//
// No lock is held. If we die here: the right to the handler's port and the message are in holds, until they
// are sent in one transaction with the rights that the message carries.
#pragma once

#include "task/exception_ports.hpp"

namespace portolan {

inline constexpr unsigned kExceptionStateMost = 64;  // words of a thread's state

struct ExceptionReport {
  uint32_t type = 0;  // EXC_*
  uint64_t code[2] = {};
  // The thread's state in this flavor, and how many words it has; 0: there is none of that flavor.
  uint32_t (*state)(const void* context, uint32_t flavor, uint32_t* words) = nullptr;
  const void* context = nullptr;
};

// What was sent.
struct ExceptionRequest {
  mach_msg_id_t id = 0;
  bool wants_state = false;
};

// Has this level an action for the type? A hint: looks without a lock.
bool exception_wanted(const Segment& segment, const ExceptionTarget& target, uint32_t type);

// Sends the report to the port that the target's action for its type names, if there is one and it is alive,
// with a send-once right to the caller's receive right `reply`. Goes past the queue's limit. KERN_SUCCESS; or
// with nothing sent KERN_FAILURE (no action, or a port that takes none), KERN_INVALID_ARGUMENT (no such
// state), KERN_NOT_SUPPORTED (a behaviour that is not built), KERN_INVALID_NAME (no reply port),
// KERN_RESOURCE_SHORTAGE. A CRASH does not go to a port that `space` receives from.
kern_return_t exception_send(Thread& self, const ExceptionTarget& target, const ExceptionReport& report,
                             Handle<ipc::Space> space, ipc::Name reply, ExceptionRequest& request);

}  // namespace portolan
