// SPDX-License-Identifier: Apache-2.0
// Ports checks 72 to 79: no senders.
#include "checks/words.hpp"

namespace checks {
namespace {

constexpr mach_msg_id_t kId = MACH_NOTIFY_NO_SENDERS;

void make_send(mach_port_t n) {
  EXPECT_CODE(KERN_SUCCESS, mach_port_insert_right(mach_task_self(), n, n, MACH_MSG_TYPE_MAKE_SEND));
}

void expect_no_senders(mach_port_t q, mach_port_mscount_t count) {
  Received message;
  ASSERT_EQ(MACH_MSG_SUCCESS, receive(message, q, 0));
  EXPECT_EQ(70, message.header.msgh_id);
  EXPECT_EQ(36u, message.header.msgh_size);
  EXPECT_EQ(count, message.no_senders.not_count);
}

CHECK(Ports, P072_NobodyToLoseFiresAtOnce) {
  const mach_port_t n = new_port(), q = new_port();
  EXPECT_EQ(MACH_PORT_NULL, request(n, kId, 0, q));
  expect_no_senders(q, 0);
  EXPECT_EQ(0u, status_of(n).mps_nsrequest);
}

CHECK(Ports, P073_SyncAheadOfTheCountWaits) {
  const mach_port_t n = new_port(), q = new_port();
  EXPECT_EQ(MACH_PORT_NULL, request(n, kId, 1, q));
  EXPECT_TRUE(nothing_at(q));
  EXPECT_EQ(1u, status_of(n).mps_nsrequest);
  make_send(n);
  drop_send(n);
  expect_no_senders(q, 1);
  EXPECT_EQ(0u, status_of(n).mps_nsrequest);
}

CHECK(Ports, P074_ItFiresOnceWithTheLastSendRight) {
  const mach_port_t n = new_port_with_sends(2), q = new_port();
  Peer other;
  const mach_port_name_t theirs = other.give(n, MACH_MSG_TYPE_COPY_SEND);
  EXPECT_EQ(MACH_PORT_NULL, request(n, kId, 0, q));
  drop_send(n);
  drop_send(n);
  EXPECT_TRUE(nothing_at(q));
  EXPECT_CODE(KERN_SUCCESS, mach_port_deallocate(other.task(), theirs));
  expect_no_senders(q, 2);
  make_send(n);
  drop_send(n);
  EXPECT_TRUE(nothing_at(q));
}

CHECK(Ports, P075_AReplacedRequestComesBack) {
  const mach_port_t n = new_port_with_sends(1), q = new_port(), other = new_port();
  EXPECT_EQ(MACH_PORT_NULL, request(n, kId, 0, q));
  const mach_port_t previous = request(n, kId, 0, other);
  EXPECT_EQ(0x40000u, type_of(previous));
  drop_send(previous);
  EXPECT_EQ(71, next_id(q));
  drop_send(n);
  expect_no_senders(other, 1);
  EXPECT_TRUE(nothing_at(q));
}

CHECK(Ports, P076_NullCancels) {
  const mach_port_t n = new_port_with_sends(1), q = new_port();
  EXPECT_EQ(MACH_PORT_NULL, request(n, kId, 0, q));
  const mach_port_t previous = request(n, kId, 0, MACH_PORT_NULL);
  EXPECT_EQ(0x40000u, type_of(previous));
  EXPECT_EQ(0u, status_of(n).mps_nsrequest);
  drop_send(n);
  EXPECT_TRUE(nothing_at(q));
}

CHECK(Ports, P077_DestroyLetsTheSendRightGoFirst) {
  const mach_port_t n = new_port_with_sends(1), q = new_port();
  EXPECT_EQ(MACH_PORT_NULL, request(n, kId, 0, q));
  EXPECT_CODE(KERN_SUCCESS, mach_port_destroy(mach_task_self(), n));
  expect_no_senders(q, 1);
  EXPECT_TRUE(nothing_at(q));
  const mach_port_t m = new_port_with_sends(1);
  EXPECT_EQ(MACH_PORT_NULL, request(m, kId, 0, q));
  drop_receive(m);
  EXPECT_EQ(71, next_id(q));
  EXPECT_TRUE(nothing_at(q));
}

CHECK(Ports, P078_ARequestMovesWithItsPort) {
  const mach_port_t n = new_port_with_sends(1), q = new_port();
  EXPECT_EQ(MACH_PORT_NULL, request(n, kId, 0, q));
  Peer other;
  const mach_port_name_t theirs = other.give(n, MACH_MSG_TYPE_MOVE_RECEIVE);
  EXPECT_EQ(1u, status_of(theirs, other.task()).mps_nsrequest);
  EXPECT_EQ(0u, status_of(theirs, other.task()).mps_mscount);
  drop_send(n);
  expect_no_senders(q, 0);
}

CHECK(Ports, P079_ASendRightInAMessageCounts) {
  const mach_port_t n = new_port_with_sends(1), q = new_port(), elsewhere = new_port();
  EXPECT_EQ(MACH_PORT_NULL, request(n, kId, 0, q));
  // Anywhere: even at the port itself.
  for (const mach_port_t to : {elsewhere, n})
    EXPECT_CODE(MACH_MSG_SUCCESS,
                send_rights(to, MACH_MSG_TYPE_MAKE_SEND_ONCE, 1, {{n, MACH_MSG_TYPE_COPY_SEND}}));
  drop_send(n);
  EXPECT_TRUE(nothing_at(q));
  Received message;
  EXPECT_CODE(MACH_MSG_SUCCESS, receive(message, n));
  EXPECT_EQ(n, message.rights.port.name);
  drop_send(n);
  EXPECT_TRUE(nothing_at(q));
  drop_receive(elsewhere);
  expect_no_senders(q, 1);
}

}  // namespace
}  // namespace checks
