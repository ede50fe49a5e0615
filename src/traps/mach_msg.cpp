// SPDX-License-Identifier: Apache-2.0
// mach_msg and its restart loop (messages 2, 10.1). Each attempt is a trap of its own, so that handlers of
// signals which interrupted it run before it is tried again.
#include <mach/mach_traps.h>
#include <mach/message.h>

#include "ipc/mach_msg.hpp"
#include "traps/trap.hpp"
#include "vm/own_memory.hpp"

namespace portolan {
namespace {

struct Arguments {
  uint64_t send_buffer, receive_buffer;
  mach_msg_option_t option;
  mach_msg_size_t send_size, receive_size;
  mach_port_name_t receive_name;
  mach_msg_timeout_t timeout;
  mach_port_name_t notify;

  // Who the caller waits for, if it only receives (messages 2).
  mach_port_name_t peer() const {
    const bool waits =
        (option & MACH_RCV_SYNC_WAIT) != 0 && (option & (MACH_SEND_MSG | MACH_SEND_SYNC_OVERRIDE)) == 0;
    return waits ? notify : MACH_PORT_NULL;
  }
};

// One attempt at both halves; no restart.
mach_msg_return_t attempt(const Arguments& a) {
  Trap trap;
  if (!trap.ok()) return (a.option & MACH_SEND_MSG) != 0 ? MACH_SEND_INVALID_DEST : MACH_RCV_INVALID_NAME;
  vm::OwnMemory memory(trap.thread().segment());
  if ((a.option & MACH_SEND_MSG) != 0) {
    const mach_msg_return_t code = ipc::msg_send(trap.thread(), trap.task(), trap.space(), memory,
                                                 {a.send_buffer, a.option, a.send_size, a.timeout});
    if (code != MACH_MSG_SUCCESS) return trap.leave(code);
    // What the send owes is paid before we sleep: a message destroyed on the way may be what wakes us.
    settle(trap.thread());
  }
  if ((a.option & MACH_RCV_MSG) == 0) return trap.leave(MACH_MSG_SUCCESS);
  return trap.leave(
      ipc::msg_receive(trap.thread(), trap.space(), memory,
                       {a.receive_buffer, a.option, a.receive_size, a.receive_name, a.timeout, a.peer()}));
}

// messages 10.1. The buffer of an interrupted send was rewritten with the rights as they came back: it is
// sent as it is.
mach_msg_return_t restarting(Arguments a) {
  mach_msg_return_t code = attempt(a);
  while (code == MACH_SEND_INTERRUPTED && (a.option & MACH_SEND_INTERRUPT) == 0) code = attempt(a);
  while (code == MACH_RCV_INTERRUPTED && (a.option & MACH_RCV_INTERRUPT) == 0) {
    // A call that also sent waits for nobody in particular.
    if ((a.option & MACH_SEND_MSG) != 0) a.option &= ~(MACH_SEND_MSG | MACH_RCV_SYNC_WAIT);
    code = attempt(a);
  }
  return code;
}

uint64_t address(const void* pointer) { return reinterpret_cast<uint64_t>(pointer); }

}  // namespace
}  // namespace portolan

using portolan::address;
using portolan::Arguments;

extern "C" {

mach_msg_return_t mach_msg_overwrite(mach_msg_header_t* msg, mach_msg_option_t option,
                                     mach_msg_size_t send_size, mach_msg_size_t rcv_size,
                                     mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
                                     mach_port_name_t notify, mach_msg_header_t* rcv_msg, mach_msg_size_t) {
  const uint64_t into = address(rcv_msg != nullptr ? rcv_msg : msg);
  return portolan::restarting({address(msg), into, option, send_size, rcv_size, rcv_name, timeout, notify});
}

mach_msg_return_t mach_msg(mach_msg_header_t* msg, mach_msg_option_t option, mach_msg_size_t send_size,
                           mach_msg_size_t rcv_size, mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
                           mach_port_name_t notify) {
  return portolan::restarting(
      {address(msg), address(msg), option, send_size, rcv_size, rcv_name, timeout, notify});
}

mach_msg_return_t mach_msg_trap(mach_msg_header_t* msg, mach_msg_option_t option, mach_msg_size_t send_size,
                                mach_msg_size_t rcv_size, mach_port_name_t rcv_name,
                                mach_msg_timeout_t timeout, mach_port_name_t notify) {
  return portolan::attempt(
      {address(msg), address(msg), option, send_size, rcv_size, rcv_name, timeout, notify});
}

mach_msg_return_t mach_msg_overwrite_trap(mach_msg_header_t* msg, mach_msg_option_t option,
                                          mach_msg_size_t send_size, mach_msg_size_t rcv_size,
                                          mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
                                          mach_msg_priority_t priority, mach_msg_header_t* rcv_msg,
                                          mach_msg_size_t) {
  const uint64_t into = address(rcv_msg != nullptr ? rcv_msg : msg);
  return portolan::attempt({address(msg), into, option, send_size, rcv_size, rcv_name, timeout, priority});
}

}  // extern "C"
