// SPDX-License-Identifier: Apache-2.0
#include "traps/port_call.hpp"

namespace portolan {

PortCall::PortCall(mach_port_name_t task, NoTask otherwise, Strength least) : memory_(g_process->segment) {
  if (!trap_.ok()) {
    code_ = MACH_SEND_INVALID_DEST;
    return;
  }
  task_ = trap_.task_named(task, least);
  space_ = trap_.space_of(task_);
  if (space_) return;
  // A name that no message could be sent to answers as the message would; another port answers for itself.
  mach_port_type_t type = 0;
  const kern_return_t known = ipc::port_type(thread(), own_space(), ipc::Name{task}, type);
  const bool sendable = known == KERN_SUCCESS && (type & MACH_PORT_TYPE_SEND) != 0;
  code_ = sendable ? static_cast<kern_return_t>(otherwise) : MACH_SEND_INVALID_DEST;
}

}  // namespace portolan
