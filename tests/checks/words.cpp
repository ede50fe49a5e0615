// SPDX-License-Identifier: Apache-2.0
#include "checks/words.hpp"

#include <cstring>

namespace checks {

mach_port_t new_port() {
  mach_port_t name = MACH_PORT_NULL;
  EXPECT_CODE(KERN_SUCCESS, mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &name));
  return name;
}

mach_port_t new_set() {
  mach_port_t name = MACH_PORT_NULL;
  EXPECT_CODE(KERN_SUCCESS, mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &name));
  return name;
}

mach_port_t new_port_with_sends(mach_port_urefs_t n) {
  const mach_port_t name = new_port();
  for (mach_port_urefs_t i = 0; i < n; i++)
    EXPECT_CODE(KERN_SUCCESS, mach_port_insert_right(mach_task_self(), name, name, MACH_MSG_TYPE_MAKE_SEND));
  return name;
}

mach_port_t new_dead_name(mach_port_urefs_t urefs) {
  mach_port_t name = MACH_PORT_NULL;
  EXPECT_CODE(KERN_SUCCESS, mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_DEAD_NAME, &name));
  if (urefs > 1) {
    const auto more = static_cast<mach_port_delta_t>(urefs - 1);
    EXPECT_CODE(KERN_SUCCESS, mach_port_mod_refs(mach_task_self(), name, MACH_PORT_RIGHT_DEAD_NAME, more));
  }
  return name;
}

mach_port_t make_send_once(mach_port_t port) {
  mach_port_t name = MACH_PORT_NULL;
  mach_msg_type_name_t type = 0;
  EXPECT_CODE(KERN_SUCCESS,
              mach_port_extract_right(mach_task_self(), port, MACH_MSG_TYPE_MAKE_SEND_ONCE, &name, &type));
  EXPECT_EQ(unsigned{MACH_MSG_TYPE_PORT_SEND_ONCE}, type);
  return name;
}

void drop_receive(mach_port_t port) {
  EXPECT_CODE(KERN_SUCCESS, mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1));
}

void drop_send(mach_port_t name) { EXPECT_CODE(KERN_SUCCESS, mach_port_deallocate(mach_task_self(), name)); }

mach_port_type_t type_of(mach_port_name_t name, ipc_space_t task) {
  mach_port_type_t type = 0;
  const kern_return_t code = mach_port_type(task, name, &type);
  if (code == KERN_INVALID_NAME) return 0;
  EXPECT_CODE(KERN_SUCCESS, code);
  return type;
}

mach_port_urefs_t refs_of(mach_port_name_t name, mach_port_right_t right, ipc_space_t task) {
  mach_port_urefs_t refs = 0;
  EXPECT_CODE(KERN_SUCCESS, mach_port_get_refs(task, name, right, &refs));
  return refs;
}

mach_port_status_t status_of(mach_port_t port, ipc_space_t task) {
  mach_port_status_t status{};
  mach_msg_type_number_t count = MACH_PORT_RECEIVE_STATUS_COUNT;
  EXPECT_CODE(KERN_SUCCESS, mach_port_get_attributes(task, port, MACH_PORT_RECEIVE_STATUS,
                                                     reinterpret_cast<mach_port_info_t>(&status), &count));
  EXPECT_EQ(unsigned{MACH_PORT_RECEIVE_STATUS_COUNT}, count);
  return status;
}

mach_port_rights_t srights_of(mach_port_t port) {
  mach_port_rights_t srights = 0;
  EXPECT_CODE(KERN_SUCCESS, mach_port_get_srights(mach_task_self(), port, &srights));
  return srights;
}

void set_queue_limit(mach_port_t port, mach_port_msgcount_t limit) {
  mach_port_limits_t limits{limit};
  EXPECT_CODE(KERN_SUCCESS, mach_port_set_attributes(mach_task_self(), port, MACH_PORT_LIMITS_INFO,
                                                     reinterpret_cast<mach_port_info_t>(&limits),
                                                     MACH_PORT_LIMITS_INFO_COUNT));
}

void set_member(mach_port_t port, mach_port_t set) {
  EXPECT_CODE(KERN_SUCCESS, mach_port_insert_member(mach_task_self(), port, set));
}

std::vector<mach_port_name_t> members_of(mach_port_t set) {
  mach_port_name_array_t names = nullptr;
  mach_msg_type_number_t count = 0;
  EXPECT_CODE(KERN_SUCCESS, mach_port_get_set_status(mach_task_self(), set, &names, &count));
  std::vector<mach_port_name_t> members(names, names + count);
  if (names != nullptr) {
    const auto address = reinterpret_cast<vm_address_t>(names);
    EXPECT_CODE(KERN_SUCCESS, vm_deallocate(mach_task_self(), address, count * sizeof(mach_port_name_t)));
  }
  return members;
}

ipc_info_space_basic_t space_of(ipc_space_t task) {
  ipc_info_space_basic_t info{};
  EXPECT_CODE(KERN_SUCCESS, mach_port_space_basic_info(task, &info));
  return info;
}

kern_return_t request_code(mach_port_t name, mach_msg_id_t id, mach_port_mscount_t sync, mach_port_t notify,
                           mach_port_t* previous) {
  mach_port_t old = MACH_PORT_NULL;
  const kern_return_t code = mach_port_request_notification(mach_task_self(), name, id, sync, notify,
                                                            MACH_MSG_TYPE_MAKE_SEND_ONCE, &old);
  if (previous != nullptr) *previous = old;
  return code;
}

mach_port_t request(mach_port_t name, mach_msg_id_t id, mach_port_mscount_t sync, mach_port_t notify) {
  mach_port_t previous = MACH_PORT_NULL;
  EXPECT_CODE(KERN_SUCCESS, request_code(name, id, sync, notify, &previous));
  return previous;
}

const mach_msg_audit_trailer_t& Received::trailer() const {
  return *reinterpret_cast<const mach_msg_audit_trailer_t*>(room + round_msg(header.msgh_size));
}

kern_return_t send_empty(mach_port_t to, mach_msg_type_name_t disposition, mach_msg_id_t id,
                         mach_msg_option_t option, mach_msg_timeout_t timeout, mach_port_t notify) {
  mach_msg_header_t message{};
  message.msgh_bits = MACH_MSGH_BITS(disposition, 0);
  message.msgh_remote_port = to;
  message.msgh_id = id;
  message.msgh_size = sizeof message;
  const kern_return_t code =
      mach_msg(&message, MACH_SEND_MSG | option, sizeof message, 0, MACH_PORT_NULL, timeout, notify);
  // What did not go comes back, as a message to be destroyed.
  if (code == MACH_SEND_TIMED_OUT || code == MACH_SEND_INTERRUPTED) mach_msg_destroy(&message);
  return code;
}

void send_id(mach_port_t to, mach_msg_id_t id, mach_msg_type_name_t disposition) {
  EXPECT_CODE(MACH_MSG_SUCCESS, send_empty(to, disposition, id, MACH_SEND_TIMEOUT));
}

kern_return_t send_rights(mach_port_t to, mach_msg_type_name_t disposition, mach_msg_id_t id,
                          std::initializer_list<Carried> rights) {
  struct {
    mach_msg_header_t header;
    mach_msg_body_t body;
    mach_msg_port_descriptor_t ports[8];
  } message{};
  for (const Carried& right : rights) {
    mach_msg_port_descriptor_t& port = message.ports[message.body.msgh_descriptor_count++];
    port.name = right.name;
    port.disposition = static_cast<mach_msg_type_name_t>(right.disposition & 0xff);
    port.type = MACH_MSG_PORT_DESCRIPTOR;
  }
  const auto size = static_cast<mach_msg_size_t>(sizeof message.header + sizeof message.body +
                                                 rights.size() * sizeof message.ports[0]);
  message.header.msgh_bits = MACH_MSGH_BITS(disposition, 0) | MACH_MSGH_BITS_COMPLEX;
  message.header.msgh_remote_port = to;
  message.header.msgh_id = id;
  return mach_msg(&message.header, MACH_SEND_MSG | MACH_SEND_TIMEOUT, size, 0, MACH_PORT_NULL, 0,
                  MACH_PORT_NULL);
}

kern_return_t receive(Received& message, mach_port_t from, mach_msg_timeout_t timeout,
                      mach_msg_option_t option) {
  memset(&message, 0, sizeof message);
  constexpr mach_msg_option_t kTrailer =
      MACH_RCV_TRAILER_TYPE(MACH_MSG_TRAILER_FORMAT_0) | MACH_RCV_TRAILER_ELEMENTS(MACH_RCV_TRAILER_AUDIT);
  return mach_msg(&message.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT | kTrailer | option, 0, sizeof message,
                  from, timeout, MACH_PORT_NULL);
}

mach_msg_id_t next_id(mach_port_t from) {
  Received message;
  const kern_return_t code = receive(message, from, 0);
  if (code == MACH_RCV_TIMED_OUT) return 0;
  EXPECT_CODE(MACH_MSG_SUCCESS, code);
  return message.header.msgh_id;
}

mach_msg_id_t await_id(mach_port_t from) {
  Received message;
  EXPECT_CODE(MACH_MSG_SUCCESS, receive(message, from));
  return message.header.msgh_id;
}

bool nothing_at(mach_port_t port) { return status_of(port).mps_msgcount == 0; }

}  // namespace checks
