// SPDX-License-Identifier: Apache-2.0
// What the sections of ports.md say and no numbered check does. The names begin with the section.
#include <mach/mig_errors.h>

#include "checks/words.hpp"

namespace checks {
namespace {

kern_return_t request_with(mach_port_name_t name, mach_msg_id_t id, mach_port_t notify,
                           mach_msg_type_name_t disposition, mach_port_t* previous) {
  return mach_port_request_notification(mach_task_self(), name, id, 0, notify, disposition, previous);
}

mach_port_t special_port(int which) {
  mach_port_t port = MACH_PORT_NULL;
  EXPECT_CODE(KERN_SUCCESS, task_get_special_port(mach_task_self(), which, &port));
  return port;
}

// 2.4, what is not among the checks.
CHECK(Ports, S2_4_NullAndDeadToEveryCall) {
  const mach_port_t self = mach_task_self();
  for (const mach_port_name_t name : {MACH_PORT_NULL, MACH_PORT_DEAD}) {
    mach_port_rights_t srights = 0;
    unsigned total = 0, used = 0;
    natural_t type = 0;
    mach_vm_address_t address = 0;
    kobject_description_t text;
    mach_port_context_t context = 0;
    EXPECT_CODE(KERN_INVALID_NAME, mach_port_get_srights(self, name, &srights));
    EXPECT_CODE(KERN_INVALID_NAME, mach_port_dnrequest_info(self, name, &total, &used));
    EXPECT_CODE(KERN_INVALID_NAME, mach_port_kobject(self, name, &type, &address));
    EXPECT_CODE(KERN_INVALID_NAME, mach_port_kobject_description(self, name, &type, &address, text));
    EXPECT_CODE(KERN_INVALID_NAME, mach_port_destruct(self, name, 0, 0));
    EXPECT_CODE(KERN_INVALID_NAME, mach_port_guard(self, name, 5, FALSE));
    EXPECT_CODE(KERN_INVALID_NAME, mach_port_guard_with_flags(self, name, 5, MPG_STRICT));
    EXPECT_CODE(KERN_INVALID_NAME, mach_port_unguard(self, name, 5));
    EXPECT_CODE(KERN_INVALID_NAME, mach_port_swap_guard(self, name, 5, 6));
    uint64_t policy = 0;
    EXPECT_CODE(KERN_INVALID_NAME, mach_port_is_connection_for_service(self, name, name, &policy));
    EXPECT_CODE(KERN_INVALID_RIGHT, mach_port_set_mscount(self, name, 1));
    EXPECT_CODE(KERN_INVALID_RIGHT, mach_port_set_seqno(self, name, 1));
    EXPECT_CODE(KERN_INVALID_RIGHT, mach_port_get_context(self, name, &context));
    EXPECT_CODE(KERN_INVALID_RIGHT, mach_port_set_context(self, name, 1));
    integer_t words[MACH_PORT_INFO_EXT_COUNT] = {};
    for (const mach_port_flavor_t flavor : {MACH_PORT_TEMPOWNER, MACH_PORT_IMPORTANCE_RECEIVER,
                                            MACH_PORT_DNREQUESTS_SIZE, MACH_PORT_SERVICE_THROTTLED})
      EXPECT_CODE(KERN_INVALID_RIGHT, mach_port_set_attributes(self, name, flavor, words, 1)) << flavor;
    EXPECT_CODE(KERN_INVALID_ARGUMENT, mach_port_set_attributes(self, name, 99, words, 1));
    EXPECT_CODE(KERN_INVALID_RIGHT, mach_port_assert_attributes(self, name, MACH_PORT_GUARD_INFO, words, 2));
    EXPECT_CODE(KERN_INVALID_RIGHT, mach_port_insert_member(self, name, new_set()));
    EXPECT_CODE(KERN_INVALID_RIGHT, mach_port_extract_member(self, new_port(), name));
    EXPECT_CODE(KERN_INVALID_RIGHT, mach_port_move_member(self, name, new_set()));
    const mach_port_t q = new_port();
    EXPECT_CODE(KERN_INVALID_RIGHT, request_code(name, MACH_NOTIFY_NO_SENDERS, 0, q));
    EXPECT_CODE(KERN_INVALID_RIGHT, request_code(name, MACH_NOTIFY_PORT_DESTROYED, 0, q));
    EXPECT_CODE(KERN_INVALID_ARGUMENT, request_code(name, MACH_NOTIFY_DEAD_NAME, 0, q));
    EXPECT_CODE(KERN_INVALID_ARGUMENT, request_code(name, MACH_NOTIFY_SEND_POSSIBLE, 0, q));
  }
  EXPECT_CODE(KERN_INVALID_RIGHT, mach_port_move_member(mach_task_self(), new_port(), MACH_PORT_DEAD));
}

// 6.1: weaker ports of a task serve the calls that only look.
CHECK(Ports, S6_1_ReadAndInspectPortsOfATask) {
  const mach_port_t read = special_port(TASK_READ_PORT), inspect = special_port(TASK_INSPECT_PORT);
  const mach_port_t n = new_port_with_sends(1), set = new_set();
  set_member(n, set);
  EXPECT_EQ(32u, space_of(read).iisb_table_size);
  EXPECT_EQ(32u, space_of(inspect).iisb_table_size);
  EXPECT_EQ(5u, status_of(n, read).mps_qlimit);
  natural_t type = 9;
  mach_vm_address_t address = 0;
  mach_port_context_t context = 9;
  mach_port_name_array_t names = nullptr;
  mach_msg_type_number_t count = 0;
  EXPECT_CODE(KERN_SUCCESS, mach_port_kobject(read, n, &type, &address));
  EXPECT_CODE(KERN_SUCCESS, mach_port_get_context(read, n, &context));
  EXPECT_CODE(KERN_SUCCESS, mach_port_get_set_status(read, set, &names, &count));
  EXPECT_EQ(1u, count);
  EXPECT_CODE(KERN_INVALID_ARGUMENT, mach_port_kobject(inspect, n, &type, &address));
  EXPECT_CODE(KERN_INVALID_ARGUMENT, mach_port_get_context(inspect, n, &context));
  mach_port_name_t name = MACH_PORT_NULL;
  EXPECT_CODE(KERN_INVALID_TASK, mach_port_allocate(read, MACH_PORT_RIGHT_RECEIVE, &name));
  ipc_info_space_basic_t info;
  EXPECT_CODE(KERN_INVALID_TASK, mach_port_space_basic_info(mach_host_self(), &info));
}

// 6.2: to replace a request whose port has died works, but says that it does not.
CHECK(Ports, S6_2_AReplacedRightThatDied) {
  const mach_port_t n = new_port_with_sends(1), q = new_port(), dies = new_port();
  EXPECT_EQ(MACH_PORT_NULL, request(n, MACH_NOTIFY_NO_SENDERS, 0, dies));
  drop_receive(dies);
  EXPECT_EQ(1u, status_of(n).mps_nsrequest);
  EXPECT_CODE(KERN_INVALID_CAPABILITY, request_code(n, MACH_NOTIFY_NO_SENDERS, 0, q));
  drop_send(n);
  EXPECT_EQ(MACH_NOTIFY_NO_SENDERS, next_id(q));
}

// 6.2, 8.9: to cancel it tells what became of the right.
CHECK(Ports, S8_9_ACancelledRightThatDied) {
  const mach_port_t n = new_port_with_sends(1), dies = new_port();
  EXPECT_EQ(MACH_PORT_NULL, request(n, MACH_NOTIFY_NO_SENDERS, 0, dies));
  drop_receive(dies);
  EXPECT_EQ(MACH_PORT_DEAD, request(n, MACH_NOTIFY_NO_SENDERS, 0, MACH_PORT_NULL));
}

// 6.2, 6.4: a right to notify that is not send-once is used up all the same.
CHECK(Ports, S6_4_ANotifyRightOfAnotherKindIsLost) {
  const mach_port_t n = new_port_with_sends(1), q = new_port_with_sends(2);
  mach_port_t previous = MACH_PORT_NULL;
  EXPECT_CODE(MIG_TYPE_ERROR, request_with(n, MACH_NOTIFY_NO_SENDERS, q, MACH_MSG_TYPE_MOVE_SEND, &previous));
  EXPECT_EQ(1u, refs_of(q));
  EXPECT_CODE(MIG_TYPE_ERROR,
              request_with(n, MACH_NOTIFY_NO_SENDERS, q, MACH_MSG_TYPE_MOVE_RECEIVE, &previous));
  EXPECT_EQ(MACH_PORT_TYPE_DEAD_NAME, type_of(q));
}

// 7.13: what the short form says of names that it cannot use.
CHECK(Ports, S7_13_ARightUnderItsOwnName) {
  const mach_port_t self = mach_task_self();
  const auto insert = [self](mach_port_t name, mach_msg_type_name_t disposition) {
    return mach_port_insert_right(self, name, name, disposition);
  };
  EXPECT_CODE(KERN_INVALID_NAME, insert(0x1403, MACH_MSG_TYPE_MAKE_SEND));
  EXPECT_CODE(KERN_INVALID_RIGHT, insert(new_set(), MACH_MSG_TYPE_MAKE_SEND));
  EXPECT_CODE(KERN_INVALID_RIGHT, insert(bootstrap_port, MACH_MSG_TYPE_MAKE_SEND));
  const mach_port_urefs_t before = refs_of(bootstrap_port);
  EXPECT_CODE(KERN_SUCCESS, insert(bootstrap_port, MACH_MSG_TYPE_COPY_SEND));
  EXPECT_EQ(before + 1, refs_of(bootstrap_port));
  // A right whose port has died, not looked at since.
  Peer other([](const Line& line) {
    line.tell(new_port());
    line.wait();
  });
  const auto theirs = static_cast<mach_port_name_t>(other.line().hear());
  mach_port_t s = MACH_PORT_NULL;
  mach_msg_type_name_t type = 0;
  EXPECT_CODE(KERN_SUCCESS,
              mach_port_extract_right(other.task(), theirs, MACH_MSG_TYPE_MAKE_SEND, &s, &type));
  EXPECT_CODE(KERN_SUCCESS, mach_port_destroy(other.task(), theirs));
  EXPECT_CODE(KERN_INVALID_CAPABILITY, insert(s, MACH_MSG_TYPE_COPY_SEND));
  // Saturated, it stays so.
  const mach_port_t n = new_port_with_sends(1);
  EXPECT_CODE(KERN_SUCCESS, mach_port_mod_refs(self, n, MACH_PORT_RIGHT_SEND, 65534));
  EXPECT_CODE(KERN_SUCCESS, insert(n, MACH_MSG_TYPE_MAKE_SEND));
  EXPECT_EQ(65535u, refs_of(n));
  EXPECT_EQ(2u, status_of(n).mps_mscount);
}

// 7.13: a receive right that leaves and comes back.
CHECK(Ports, S7_13_AReceiveRightMovedOntoItself) {
  const mach_port_t n = new_port_with_sends(1), set = new_set();
  set_member(n, set);
  EXPECT_CODE(KERN_SUCCESS, mach_port_insert_right(mach_task_self(), n, n, MACH_MSG_TYPE_MOVE_RECEIVE));
  EXPECT_EQ(0x30000u, type_of(n));
  EXPECT_EQ(0u, status_of(n).mps_mscount);
  EXPECT_TRUE(members_of(set).empty());
}

// 6.2: into another task, by a request: the target is judged first, the right is the message's.
CHECK(Ports, S7_13_ARightForAnotherTask) {
  const mach_port_t n = new_port();
  Peer other;
  const auto insert = [&other](mach_port_name_t name, mach_port_t right, mach_msg_type_name_t disposition) {
    return mach_port_insert_right(other.task(), name, right, disposition);
  };
  EXPECT_CODE(KERN_INVALID_VALUE, insert(MACH_PORT_NULL, n, MACH_MSG_TYPE_MAKE_SEND_ONCE));
  EXPECT_EQ(MACH_NOTIFY_SEND_ONCE, next_id(n));
  EXPECT_CODE(KERN_INVALID_VALUE, insert(MACH_PORT_NULL, MACH_PORT_NULL, MACH_MSG_TYPE_MAKE_SEND));
  EXPECT_CODE(KERN_INVALID_CAPABILITY, insert(0x1403, MACH_PORT_NULL, MACH_MSG_TYPE_MAKE_SEND));
  EXPECT_CODE(KERN_INVALID_CAPABILITY, insert(0x1403, MACH_PORT_DEAD, MACH_MSG_TYPE_MAKE_SEND));
  EXPECT_CODE(KERN_INVALID_CAPABILITY, insert(0x1403, new_dead_name(), MACH_MSG_TYPE_COPY_SEND));
  EXPECT_CODE(MACH_SEND_INVALID_RIGHT, insert(0x1403, 0x1403, MACH_MSG_TYPE_MAKE_SEND));
  EXPECT_CODE(MACH_SEND_INVALID_RIGHT, insert(0x1403, n, MACH_MSG_TYPE_COPY_SEND));
  EXPECT_CODE(KERN_SUCCESS, insert(0x1403, n, MACH_MSG_TYPE_MAKE_SEND));
  EXPECT_EQ(MACH_PORT_TYPE_SEND, type_of(0x1403, other.task()));
  EXPECT_CODE(KERN_RIGHT_EXISTS, insert(0x1503, n, MACH_MSG_TYPE_MAKE_SEND));
}

// 7.16.
CHECK(Ports, S7_16_AssertWantsAStrictGuardOfThatValue) {
  const mach_port_t n = new_port();
  mach_port_guard_info_t info{5};
  const auto assert_guard = [&](mach_msg_type_number_t count = MACH_PORT_GUARD_INFO_COUNT) {
    return mach_port_assert_attributes(mach_task_self(), n, MACH_PORT_GUARD_INFO,
                                       reinterpret_cast<mach_port_info_t>(&info), count);
  };
  EXPECT_CODE(KERN_INVALID_ARGUMENT, assert_guard());
  EXPECT_CODE(KERN_SUCCESS, mach_port_guard(mach_task_self(), n, 5, FALSE));
  EXPECT_CODE(KERN_INVALID_ARGUMENT, assert_guard());
  EXPECT_CODE(KERN_SUCCESS, mach_port_unguard(mach_task_self(), n, 5));
  EXPECT_CODE(KERN_SUCCESS, mach_port_guard(mach_task_self(), n, 5, TRUE));
  EXPECT_CODE(KERN_SUCCESS, assert_guard());
  EXPECT_CODE(KERN_FAILURE, assert_guard(1));
  info.mpgi_guard = 6;
  EXPECT_CODE(KERN_INVALID_ARGUMENT, assert_guard());
  EXPECT_CODE(KERN_INVALID_ARGUMENT,
              mach_port_assert_attributes(mach_task_self(), n, MACH_PORT_LIMITS_INFO,
                                          reinterpret_cast<mach_port_info_t>(&info), 2));
}

// 7.22.
CHECK(Ports, S7_22_OtherWordsForKernelObjects) {
  natural_t type = 9;
  mach_vm_address_t address = 9;
  kobject_description_t text = "x";
  EXPECT_CODE(KERN_SUCCESS,
              mach_port_kobject_description(mach_task_self(), mach_host_self(), &type, &address, text));
  EXPECT_TRUE(type == 3 || type == 4) << type;
  EXPECT_EQ(0u, address);
  EXPECT_STREQ("", text);
  unsigned cut = 9;
  EXPECT_CODE(KERN_SUCCESS, mach_port_kernel_object(mach_task_self(), mach_thread_self(), &type, &cut));
  EXPECT_EQ(1u, type);
  EXPECT_EQ(0u, cut);
}

// 7.4, 7.23: what does nothing, and what there is none of.
CHECK(Ports, S7_23_CallsWithoutAnEffect) {
  EXPECT_CODE(KERN_SUCCESS, task_set_port_space(mach_task_self(), 1000));
  EXPECT_EQ(32u, space_of().iisb_table_size);
  uint64_t policy = 0;
  EXPECT_CODE(KERN_NOT_SUPPORTED,
              mach_port_is_connection_for_service(mach_task_self(), new_port(), new_port(), &policy));
  mach_service_port_info_data_t info;
  EXPECT_CODE(KERN_NOT_SUPPORTED, mach_port_get_service_port_info(mach_task_self(), new_port(), &info));
}

// 7.5: the order of what a destroyed name sends.
CHECK(Ports, S7_5_TheOrderOfNotices) {
  const mach_port_t n = new_port_with_sends(1), q = new_port(), reply = new_port();
  EXPECT_EQ(MACH_PORT_NULL, request(n, MACH_NOTIFY_NO_SENDERS, 0, q));
  EXPECT_EQ(MACH_PORT_NULL, request(n, MACH_NOTIFY_DEAD_NAME, 0, q));
  // A message in the queue with a right that tells its end: an effect of the port's death.
  mach_msg_header_t message{};
  message.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND_ONCE, MACH_MSG_TYPE_MAKE_SEND_ONCE);
  message.msgh_remote_port = n;
  message.msgh_local_port = q;
  EXPECT_CODE(MACH_MSG_SUCCESS, mach_msg(&message, MACH_SEND_MSG, sizeof message, 0, 0, 0, 0));
  EXPECT_CODE(KERN_SUCCESS, mach_port_destroy(mach_task_self(), n));
  EXPECT_EQ(MACH_NOTIFY_SEND_ONCE, next_id(q));
  EXPECT_EQ(MACH_NOTIFY_NO_SENDERS, next_id(q));
  EXPECT_EQ(MACH_NOTIFY_PORT_DELETED, next_id(q));
  EXPECT_TRUE(nothing_at(q));
  EXPECT_TRUE(nothing_at(reply));
}

// 8.3, 8.4: what this catalogue keeps of the documented contract, and what a request that has fired leaves.
CHECK(Ports, S8_3_ADeadNameRequestOnADeadName) {
  const mach_port_t q = new_port(), dead = new_dead_name();
  EXPECT_CODE(KERN_INVALID_ARGUMENT, request_code(dead, MACH_NOTIFY_DEAD_NAME, 0, q));
  EXPECT_EQ(MACH_NOTIFY_SEND_ONCE, next_id(q));
  EXPECT_EQ(MACH_PORT_NULL, request(dead, MACH_NOTIFY_DEAD_NAME, 1, q));
  EXPECT_EQ(MACH_NOTIFY_DEAD_NAME, next_id(q));
  EXPECT_EQ(2u, refs_of(dead, MACH_PORT_RIGHT_DEAD_NAME));
}

// 9: nobody but the exempt gets past a limit of 0, a waiting receiver or not.
CHECK(Ports, S9_ALimitOfZeroIsAlwaysFull) {
  const mach_port_t n = new_port();
  set_queue_limit(n, 0);
  EXPECT_CODE(MACH_SEND_TIMED_OUT, send_empty(n, MACH_MSG_TYPE_MAKE_SEND, 1, MACH_SEND_TIMEOUT));
  Blocked receiver([n] {
    Received message;
    return receive(message, n);
  });
  EXPECT_CODE(MACH_SEND_TIMED_OUT, send_empty(n, MACH_MSG_TYPE_MAKE_SEND, 1, MACH_SEND_TIMEOUT));
  send_id(n, 2, MACH_MSG_TYPE_MAKE_SEND_ONCE);
  EXPECT_CODE(MACH_MSG_SUCCESS, receiver.code());
}

}  // namespace
}  // namespace checks
