// SPDX-License-Identifier: Apache-2.0
// Ports, and requests that wait for their replies.
#include "ipc/port.h"

#include "base/logging.h"

namespace ipc {

mach_port_t NewPort(mach_port_msgcount_t queue_limit) {
  mach_port_t port = MACH_PORT_NULL;
  CHECK_KR(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port), "mach_port_allocate");
  if (queue_limit != MACH_PORT_QLIMIT_DEFAULT) {
    mach_port_limits_t limits = {queue_limit};
    CHECK_KR(
        mach_port_set_attributes(mach_task_self(), port, MACH_PORT_LIMITS_INFO,
                                 reinterpret_cast<mach_port_info_t>(&limits), MACH_PORT_LIMITS_INFO_COUNT),
        "mach_port_set_attributes");
  }
  return port;
}

void DropReceive(mach_port_t port) {
  CHECK_KR(mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1), "mach_port_mod_refs");
}

void DropSend(mach_port_t port) {
  CHECK_KR(mach_port_deallocate(mach_task_self(), port), "mach_port_deallocate");
}

namespace {

// Did mach_msg fail before anything was sent? Receive codes begin at MACH_RCV_IN_PROGRESS.
bool NotSent(kern_return_t result) { return result != MACH_MSG_SUCCESS && result < MACH_RCV_IN_PROGRESS; }

}  // namespace

kern_return_t Send(mach_msg_header_t* message, mach_msg_size_t size, mach_msg_timeout_t timeout) {
  const kern_return_t result =
      mach_msg(message, MACH_SEND_MSG | MACH_SEND_TIMEOUT, size, 0, MACH_PORT_NULL, timeout, MACH_PORT_NULL);
  // Nothing is lost: either the buffer is as it was, or what it holds came back into it as rights of ours, a
  // copied send right as one more reference. Both ways mach_msg_destroy releases just what was to be given
  // away.
  if (NotSent(result)) mach_msg_destroy(message);
  return result;
}

kern_return_t Call(Buffer* buffer, mach_msg_size_t size, mach_port_t reply_port, mach_msg_timeout_t timeout) {
  buffer->header.msgh_local_port = reply_port;
  const mach_msg_id_t id = buffer->header.msgh_id;
  const mach_msg_option_t option = MACH_SEND_MSG | MACH_RCV_MSG | MACH_SEND_TIMEOUT | MACH_RCV_TIMEOUT;
  const kern_return_t result =
      mach_msg(&buffer->header, option, size, sizeof(Buffer), reply_port, timeout, MACH_PORT_NULL);
  // mach_msg_destroy leaves the local port alone, and after a time-out that is a send-once right.
  if (result == MACH_SEND_TIMED_OUT) DropSend(buffer->header.msgh_local_port);
  if (NotSent(result)) mach_msg_destroy(&buffer->header);
  if (result != MACH_MSG_SUCCESS) return result;
  if (buffer->header.msgh_id != id + kReply) {
    const bool died =
        buffer->header.msgh_id == MACH_NOTIFY_SEND_ONCE;  // the reply right was destroyed unused
    mach_msg_destroy(&buffer->header);
    return died ? MIG_SERVER_DIED : MIG_REPLY_MISMATCH;
  }
  return KERN_SUCCESS;
}

mach_msg_ool_descriptor_t Region(void* address, mach_msg_size_t bytes, bool move) {
  mach_msg_ool_descriptor_t descriptor = {};
  descriptor.address = address;
  descriptor.size = bytes;
  descriptor.deallocate = move ? 1 : 0;
  descriptor.copy = MACH_MSG_VIRTUAL_COPY;
  descriptor.type = MACH_MSG_OOL_DESCRIPTOR;
  return descriptor;
}

mach_msg_port_descriptor_t Right(mach_port_t name, mach_msg_type_name_t disposition) {
  mach_msg_port_descriptor_t descriptor = {};
  descriptor.name = name;
  descriptor.disposition = disposition & 0xff;
  descriptor.type = MACH_MSG_PORT_DESCRIPTOR;
  return descriptor;
}

uint32_t Checksum(const void* data, uint32_t bytes) {
  const auto* at = static_cast<const unsigned char*>(data);
  uint32_t sum = 2166136261u;
  for (uint32_t i = 0; i < bytes; i++) sum = (sum ^ at[i]) * 16777619u;
  return sum;
}

}  // namespace ipc
