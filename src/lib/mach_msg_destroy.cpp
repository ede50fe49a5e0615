// SPDX-License-Identifier: Apache-2.0
// Messages by their headers alone: sent, received, and destroyed with all that they carry (messages 10.2).
// User-space code over public calls; contracts are in include/mach/message.h.
#include <mach/mach_init.h>
#include <mach/mach_port.h>
#include <mach/message.h>
#include <mach/vm_map.h>
#include <stddef.h>

namespace {

// What mach_msg_destroy does with one right (messages 10.2).
void destroy_right(mach_port_name_t name, mach_msg_type_name_t disposition) {
  if (!MACH_PORT_VALID(name)) return;
  const mach_port_name_t self = mach_task_self();
  switch (disposition) {
    case MACH_MSG_TYPE_MOVE_SEND:
    case MACH_MSG_TYPE_MOVE_SEND_ONCE:
      mach_port_deallocate(self, name);
      break;
    case MACH_MSG_TYPE_MOVE_RECEIVE:
      mach_port_mod_refs(self, name, MACH_PORT_RIGHT_RECEIVE, -1);
      break;
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
    default:
      break;
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
        vm_deallocate(mach_task_self(), reinterpret_cast<vm_address_t>(d.out_of_line.address),
                      d.out_of_line.size);
      return sizeof d.out_of_line;
    case MACH_MSG_OOL_PORTS_DESCRIPTOR: {
      const auto* names = static_cast<const mach_port_name_t*>(d.ool_ports.address);
      for (mach_msg_size_t i = 0; i < d.ool_ports.count; i++)
        destroy_right(names[i], d.ool_ports.disposition);
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
    default:
      return sizeof d.out_of_line;
  }
}

}  // namespace

extern "C" {

mach_msg_return_t mach_msg_send(mach_msg_header_t* msg) {
  return mach_msg(msg, MACH_SEND_MSG, msg->msgh_size, 0, MACH_PORT_NULL, MACH_MSG_TIMEOUT_NONE,
                  MACH_PORT_NULL);
}

mach_msg_return_t mach_msg_receive(mach_msg_header_t* msg) {
  return mach_msg(msg, MACH_RCV_MSG, 0, msg->msgh_size, msg->msgh_local_port, MACH_MSG_TIMEOUT_NONE,
                  MACH_PORT_NULL);
}

void mach_msg_destroy(mach_msg_header_t* msg) {
  const mach_msg_bits_t bits = msg->msgh_bits;
  destroy_right(msg->msgh_remote_port, MACH_MSGH_BITS_REMOTE(bits));
  if (MACH_MSGH_BITS_VOUCHER(bits) != 0) destroy_right(msg->msgh_voucher_port, MACH_MSGH_BITS_VOUCHER(bits));
  if ((bits & MACH_MSGH_BITS_COMPLEX) == 0) return;
  const auto* base = reinterpret_cast<const mach_msg_base_t*>(msg);
  const auto* at = reinterpret_cast<const char*>(base + 1);
  for (mach_msg_size_t i = 0; i < base->body.msgh_descriptor_count; i++)
    at += destroy_descriptor(*reinterpret_cast<const mach_msg_descriptor_t*>(at));
}

}  // extern "C"
