// SPDX-License-Identifier: Apache-2.0
// Exception ports by message: the routines that the task, thread and host_priv subsystems share (tasks 4.2 to
// 4.4).
#pragma once

#include "kobject/call.hpp"

namespace portolan::kobject {

// A list has room for 32 in its message, whatever there can be.
inline constexpr uint8_t kHandlersMost = 32;
inline constexpr Layout kActionRequest = {.rights = 1, .words = 3};
inline constexpr Layout kActionList = {.rights = kHandlersMost, .words = 1, .more = 3 * ipc::kExceptionTypes};
inline constexpr Layout kActionInfo = {.words = 1, .more = 5 * ipc::kExceptionTypes};

kern_return_t set_exception_ports(Call& c);
kern_return_t get_exception_ports(Call& c);
kern_return_t swap_exception_ports(Call& c);
kern_return_t get_exception_ports_info(Call& c);

// What is told of a list without giving its rights: identities cut to a word, for the port and for the space
// that receives (ports 7.11); 0 for what is not alive.
struct HandlerInfo {
  uint32_t port = 0, receiver = 0;
};
HandlerInfo handler_info(Txn& txn, uint32_t port);

}  // namespace portolan::kobject
