// SPDX-License-Identifier: Apache-2.0
// mach_msg and what the library wraps around it (messages 2, 10). Each attempt is a trap of its own, so that handlers of
// signals which interrupted it run before it is tried again.
#include <mach/message.h>
#include <mach/mach_port.h>
#include <mach/mach_traps.h>
#include <mach/mach_init.h>
#include <mach/vm_map.h>

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
    const bool waits = (option & MACH_RCV_SYNC_WAIT) != 0 && (option & (MACH_SEND_MSG | MACH_SEND_SYNC_OVERRIDE)) == 0;
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
  return trap.leave(ipc::msg_receive(trap.thread(), trap.space(), memory,
                                     {a.receive_buffer, a.option, a.receive_size, a.receive_name, a.timeout, a.peer()}));
}

// messages 10.1. The buffer of an interrupted send was rewritten with the rights as they came back: it is sent as it is.
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

// What mach_msg_destroy does with one right (messages 10.2).
void destroy_right(mach_port_name_t name, mach_msg_type_name_t disposition) {
  if (!MACH_PORT_VALID(name)) return;
  const mach_port_name_t self = mach_task_self();
  switch (disposition) {
    case MACH_MSG_TYPE_MOVE_SEND:
    case MACH_MSG_TYPE_MOVE_SEND_ONCE: mach_port_deallocate(self, name); break;
    case MACH_MSG_TYPE_MOVE_RECEIVE: mach_port_mod_refs(self, name, MACH_PORT_RIGHT_RECEIVE, -1); break;
    case MACH_MSG_TYPE_MAKE_SEND:
      if (mach_port_insert_right(self, name, name, MACH_MSG_TYPE_MAKE_SEND) == KERN_SUCCESS)
        mach_port_deallocate(self, name);
      break;
    case MACH_MSG_TYPE_MAKE_SEND_ONCE: {
      mach_port_t once = MACH_PORT_NULL;
      mach_msg_type_name_t kind = 0;
      if (mach_port_extract_right(self, name, MACH_MSG_TYPE_MAKE_SEND_ONCE, &once, &kind) == KERN_SUCCESS)
        mach_port_deallocate(self, once);
      break;
    }
    default: break;
  }
}

// Returns the length of the descriptor.
size_t destroy_descriptor(const mach_msg_descriptor_t& d) {
  switch (d.type.type) {
    case MACH_MSG_PORT_DESCRIPTOR:
      destroy_right(d.port.name, d.port.disposition);
      return sizeof d.port;
    case MACH_MSG_OOL_DESCRIPTOR:
      if (d.out_of_line.deallocate && d.out_of_line.size != 0)
        vm_deallocate(mach_task_self(), reinterpret_cast<vm_address_t>(d.out_of_line.address), d.out_of_line.size);
      return sizeof d.out_of_line;
    case MACH_MSG_OOL_PORTS_DESCRIPTOR: {
      const auto* names = static_cast<const mach_port_name_t*>(d.ool_ports.address);
      for (mach_msg_size_t i = 0; i < d.ool_ports.count; i++) destroy_right(names[i], d.ool_ports.disposition);
      if (d.ool_ports.deallocate && d.ool_ports.count != 0)
        vm_deallocate(mach_task_self(), reinterpret_cast<vm_address_t>(d.ool_ports.address),
                      d.ool_ports.count * sizeof(mach_port_name_t));
      return sizeof d.ool_ports;
    }
    case MACH_MSG_GUARDED_PORT_DESCRIPTOR:
      if ((d.guarded_port.flags & MACH_MSG_GUARD_FLAGS_UNGUARDED_ON_SEND) == 0)
        mach_port_unguard(mach_task_self(), d.guarded_port.name, d.guarded_port.context);
      destroy_right(d.guarded_port.name, d.guarded_port.disposition);
      return sizeof d.guarded_port;
    default: return sizeof d.out_of_line;
  }
}

}  // namespace
}  // namespace portolan

using portolan::address;
using portolan::Arguments;

extern "C" {

mach_msg_return_t mach_msg_overwrite(mach_msg_header_t* msg, mach_msg_option_t option, mach_msg_size_t send_size,
                                     mach_msg_size_t rcv_size, mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
                                     mach_port_name_t notify, mach_msg_header_t* rcv_msg, mach_msg_size_t) {
  const uint64_t into = address(rcv_msg != nullptr ? rcv_msg : msg);
  return portolan::restarting({address(msg), into, option, send_size, rcv_size, rcv_name, timeout, notify});
}

mach_msg_return_t mach_msg(mach_msg_header_t* msg, mach_msg_option_t option, mach_msg_size_t send_size,
                           mach_msg_size_t rcv_size, mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
                           mach_port_name_t notify) {
  return portolan::restarting({address(msg), address(msg), option, send_size, rcv_size, rcv_name, timeout, notify});
}

mach_msg_return_t mach_msg_trap(mach_msg_header_t* msg, mach_msg_option_t option, mach_msg_size_t send_size,
                                mach_msg_size_t rcv_size, mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
                                mach_port_name_t notify) {
  return portolan::attempt({address(msg), address(msg), option, send_size, rcv_size, rcv_name, timeout, notify});
}

mach_msg_return_t mach_msg_overwrite_trap(mach_msg_header_t* msg, mach_msg_option_t option, mach_msg_size_t send_size,
                                          mach_msg_size_t rcv_size, mach_port_name_t rcv_name,
                                          mach_msg_timeout_t timeout, mach_msg_priority_t priority,
                                          mach_msg_header_t* rcv_msg, mach_msg_size_t) {
  const uint64_t into = address(rcv_msg != nullptr ? rcv_msg : msg);
  return portolan::attempt({address(msg), into, option, send_size, rcv_size, rcv_name, timeout, priority});
}

mach_msg_return_t mach_msg_send(mach_msg_header_t* msg) {
  return mach_msg(msg, MACH_SEND_MSG, msg->msgh_size, 0, MACH_PORT_NULL, MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL);
}

mach_msg_return_t mach_msg_receive(mach_msg_header_t* msg) {
  return mach_msg(msg, MACH_RCV_MSG, 0, msg->msgh_size, msg->msgh_local_port, MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL);
}

void mach_msg_destroy(mach_msg_header_t* msg) {
  const mach_msg_bits_t bits = msg->msgh_bits;
  portolan::destroy_right(msg->msgh_remote_port, MACH_MSGH_BITS_REMOTE(bits));
  if (MACH_MSGH_BITS_VOUCHER(bits) != 0)
    portolan::destroy_right(msg->msgh_voucher_port, MACH_MSGH_BITS_VOUCHER(bits));
  if ((bits & MACH_MSGH_BITS_COMPLEX) == 0) return;
  const auto* base = reinterpret_cast<const mach_msg_base_t*>(msg);
  const auto* at = reinterpret_cast<const char*>(base + 1);
  for (mach_msg_size_t i = 0; i < base->body.msgh_descriptor_count; i++)
    at += portolan::destroy_descriptor(*reinterpret_cast<const mach_msg_descriptor_t*>(at));
}

}  // extern "C"
