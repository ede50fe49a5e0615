// SPDX-License-Identifier: Apache-2.0
#include "aftermath/mail.hpp"

#include <stdio.h>
#include <stdlib.h>

namespace portolan::aftermath {

kern_return_t send_parcel(const storm::Calls& calls, mach_port_t to, mach_port_t own, mach_msg_id_t id,
                          unsigned number, mach_msg_timeout_t timeout) {
  static char bytes[3000];
  Parcel parcel{};
  parcel.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX;
  parcel.header.msgh_size = sizeof parcel;
  parcel.header.msgh_remote_port = to;
  parcel.header.msgh_id = id;
  parcel.body.msgh_descriptor_count = 2;
  parcel.port.name = own;
  parcel.port.disposition = MACH_MSG_TYPE_MAKE_SEND;
  parcel.port.type = MACH_MSG_PORT_DESCRIPTOR;
  parcel.memory.address = bytes;
  parcel.memory.size = sizeof bytes;
  parcel.memory.copy = MACH_MSG_VIRTUAL_COPY;  // so that destroying the message frees it
  parcel.memory.type = MACH_MSG_OOL_DESCRIPTOR;
  parcel.number = number;
  const kern_return_t code = calls.mach_msg(&parcel.header, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof parcel,
                                            0, MACH_PORT_NULL, timeout, MACH_PORT_NULL);
  if (code == MACH_SEND_TIMED_OUT) calls.mach_msg_destroy(&parcel.header);
  return code;
}

void fail(const char* what, int code) {
  fprintf(stderr, "aftermath: %s: %#x\n", what, static_cast<unsigned>(code));
  _Exit(1);
}

}  // namespace portolan::aftermath
