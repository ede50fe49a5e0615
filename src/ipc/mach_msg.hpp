// SPDX-License-Identifier: Apache-2.0
// mach_msg, one half at a time, for any acting thread and space. Blocks only in the two waits that the rules
// name; holds no lock then. Interruptible: the caller restarts (messages 10.1).
#pragma once

#include "ipc/kmsg.hpp"

namespace portolan::ipc {

inline constexpr uint32_t kSendSizeMax = 50331580;  // messages 1.6

// What mach_msg2 says besides (messages 2.1): the header, which is in its arguments and not in the buffer.
struct GivenHeader {
  mach_msg_header_t header;
  uint32_t descriptors;
  uint64_t call;      // the one of MACH64_SEND_ANY, _MQ_CALL, _KOBJECT_CALL and _DK_CALL
  uint64_t aux;       // auxiliary data, with their header
  uint32_t aux_size;  // 0: none
};

struct SendArguments {
  uint64_t buffer;
  mach_msg_option_t option;
  uint32_t size;
  mach_msg_timeout_t timeout;
  const GivenHeader* given = nullptr;  // null: the header is in the buffer
};
// Every MACH_SEND_ code of messages 4. Consumes the rights that the message names unless the code's state is
// U; after a state P code they are back, and the buffer says under which names.
mach_msg_return_t msg_send(Thread& self, Handle<Task> task, Handle<Space> space, UserMemory& user,
                           const SendArguments& arguments);

struct ReceiveArguments {
  uint64_t buffer;
  mach_msg_option_t option;
  uint32_t size;
  mach_port_name_t name;
  mach_msg_timeout_t timeout;
  mach_port_name_t peer = MACH_PORT_NULL;  // of a MACH_RCV_SYNC_WAIT
  bool vector = false;                     // a message whose auxiliary data do not fit is too large
  uint64_t aux = 0;                        // where auxiliary data go
  uint32_t aux_size = 0;                   // 0: nowhere
};
// Every MACH_RCV_ code of messages 4. The rights in the message enter the space.
mach_msg_return_t msg_receive(Thread& self, Handle<Space> space, UserMemory& user,
                              const ReceiveArguments& arguments);

// Recovery: what a dead thread's frame waited for, or was granted and had not taken.
void finish_wait(Thread& self, ThreadSlot& victim, uint32_t victim_index, Frame& frame);

// -- shared by the two halves
// Takes a message out of a grant into a hold; the frame waits no more. Returns the code that came with it.
struct Grant {
  Handle<Kmsg> kmsg;
  mach_msg_return_t code = MACH_MSG_SUCCESS;
  uint32_t needed = 0;
  Name holder;
};
uint64_t deadline_after(mach_msg_timeout_t ms, bool bounded);

}  // namespace portolan::ipc
