// SPDX-License-Identifier: Apache-2.0
#include "traps/port_call.hpp"

namespace portolan {

kern_return_t not_a_task(const Trap& trap, mach_port_name_t name, kern_return_t otherwise) {
  mach_port_type_t type = 0;
  const kern_return_t known = ipc::port_type(trap.thread(), trap.space(), ipc::Name{name}, type);
  return known == KERN_SUCCESS && (type & MACH_PORT_TYPE_SEND) != 0 ? otherwise : MACH_SEND_INVALID_DEST;
}

PortCall::PortCall(mach_port_name_t task, NoTask otherwise, Strength least) : memory_(g_process->segment) {
  if (!trap_.ok()) {
    code_ = MACH_SEND_INVALID_DEST;
    return;
  }
  task_ = trap_.task_named(task, least);
  space_ = trap_.space_of(task_);
  if (!space_) code_ = not_a_task(trap_, task, static_cast<kern_return_t>(otherwise));
}

}  // namespace portolan
