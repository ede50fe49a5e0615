// SPDX-License-Identifier: Apache-2.0
// The words that checks are written in: small messages, and single facts about names. Unless a function is
// given a task it means the calling one. A call that fails fails the check.
#pragma once

#include <mach/mach.h>
#include <mach/notify.h>

#include <vector>

#include "checks/harness.hpp"

namespace checks {

mach_port_t new_port();
mach_port_t new_set();
// A receive right with `n` user references of a send right under the same name.
mach_port_t new_port_with_sends(mach_port_urefs_t n);
mach_port_t new_dead_name(mach_port_urefs_t urefs = 1);
// A send-once right to a receive right of one's own.
mach_port_t make_send_once(mach_port_t port);
void drop_receive(mach_port_t port);
void drop_send(mach_port_t name);

// 0 for a name that does not exist.
mach_port_type_t type_of(mach_port_name_t name, ipc_space_t task = mach_task_self());
mach_port_urefs_t refs_of(mach_port_name_t name, mach_port_right_t right = MACH_PORT_RIGHT_SEND,
                          ipc_space_t task = mach_task_self());
mach_port_status_t status_of(mach_port_t port, ipc_space_t task = mach_task_self());
mach_port_rights_t srights_of(mach_port_t port);
void set_queue_limit(mach_port_t port, mach_port_msgcount_t limit);
void set_member(mach_port_t port, mach_port_t set);
std::vector<mach_port_name_t> members_of(mach_port_t set);
ipc_info_space_basic_t space_of(ipc_space_t task = mach_task_self());

// The right that was registered before.
mach_port_t request(mach_port_t name, mach_msg_id_t id, mach_port_mscount_t sync, mach_port_t notify);
kern_return_t request_code(mach_port_t name, mach_msg_id_t id, mach_port_mscount_t sync, mach_port_t notify,
                           mach_port_t* previous = nullptr);

// What a receive gives room to.
union Received {
  mach_msg_header_t header;
  struct {
    mach_msg_header_t header;
    mach_msg_body_t body;
    mach_msg_port_descriptor_t port;
    mach_msg_port_descriptor_t second;
  } rights;
  mach_dead_name_notification_t dead_name;
  mach_no_senders_notification_t no_senders;
  mach_port_destroyed_notification_t port_destroyed;
  char room[512 + MAX_TRAILER_SIZE];

  const mach_msg_audit_trailer_t& trailer() const;
};

// A message of nothing but a header.
kern_return_t send_empty(mach_port_t to, mach_msg_type_name_t disposition, mach_msg_id_t id,
                         mach_msg_option_t option = 0, mach_msg_timeout_t timeout = 0,
                         mach_port_t notify = MACH_PORT_NULL);
// One that must go, at once.
void send_id(mach_port_t to, mach_msg_id_t id, mach_msg_type_name_t disposition = MACH_MSG_TYPE_MAKE_SEND);
// A message with rights in its body.
struct Carried {
  mach_port_t name;
  mach_msg_type_name_t disposition;
};
kern_return_t send_rights(mach_port_t to, mach_msg_type_name_t disposition, mach_msg_id_t id,
                          std::initializer_list<Carried> rights);

// With the whole trailer.
kern_return_t receive(Received& message, mach_port_t from, mach_msg_timeout_t timeout = kPatience,
                      mach_msg_option_t option = 0);
// The id of the next message; 0 if none is there now.
mach_msg_id_t next_id(mach_port_t from);
// The id of a message that is on its way.
mach_msg_id_t await_id(mach_port_t from);
bool nothing_at(mach_port_t port);

}  // namespace checks
