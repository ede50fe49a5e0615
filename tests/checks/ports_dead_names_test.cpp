// SPDX-License-Identifier: Apache-2.0
// Ports checks 80 to 92: dead names, room to send.
#include "checks/words.hpp"

namespace checks {
namespace {

constexpr mach_msg_id_t kDead = MACH_NOTIFY_DEAD_NAME, kPossible = MACH_NOTIFY_SEND_POSSIBLE;

// A message about a name.
void expect_about(mach_port_t q, mach_msg_id_t id, mach_port_name_t name) {
  Received message;
  ASSERT_EQ(MACH_MSG_SUCCESS, receive(message, q));
  EXPECT_EQ(id, message.header.msgh_id);
  EXPECT_EQ(36u, message.header.msgh_size);
  EXPECT_EQ(name, message.dead_name.not_port);
}

// The port is another task's.
struct Remote {
  Peer task{[](const Line& line) {
    line.tell(new_port());
    line.wait();
  }};
  mach_port_name_t theirs = static_cast<mach_port_name_t>(task.line().hear());

  mach_port_name_t right(mach_msg_type_name_t disposition) {
    mach_port_t name = MACH_PORT_NULL;
    mach_msg_type_name_t type = 0;
    EXPECT_CODE(KERN_SUCCESS, mach_port_extract_right(task.task(), theirs, disposition, &name, &type));
    return name;
  }
  void die() {
    EXPECT_CODE(KERN_SUCCESS, mach_port_mod_refs(task.task(), theirs, MACH_PORT_RIGHT_RECEIVE, -1));
  }
};

mach_port_t full_port() {
  const mach_port_t n = new_port_with_sends(1);
  for (int i = 0; i < 5; i++) send_id(n, i + 1);
  return n;
}

mach_port_type_t listed_type(mach_port_name_t name) {
  mach_port_name_array_t names = nullptr;
  mach_port_type_array_t types = nullptr;
  mach_msg_type_number_t count = 0, type_count = 0;
  EXPECT_CODE(KERN_SUCCESS, mach_port_names(mach_task_self(), &names, &count, &types, &type_count));
  for (mach_msg_type_number_t i = 0; i < count; i++)
    if (names[i] == name) return types[i];
  return 0;
}

CHECK(Ports, P080_ADeathIsToldAndGivesAReference) {
  Remote port;
  const mach_port_t q = new_port(), s = port.right(MACH_MSG_TYPE_MAKE_SEND);
  EXPECT_EQ(s, port.right(MACH_MSG_TYPE_MAKE_SEND));
  EXPECT_EQ(2u, refs_of(s));
  EXPECT_EQ(MACH_PORT_NULL, request(s, kDead, 0, q));
  port.die();
  expect_about(q, 72, s);
  EXPECT_EQ(0x100000u, type_of(s));
  EXPECT_EQ(3u, refs_of(s, MACH_PORT_RIGHT_DEAD_NAME));
}

CHECK(Ports, P081_ANameThatGoesIsTold) {
  Remote port;
  const mach_port_t q = new_port(), s = port.right(MACH_MSG_TYPE_MAKE_SEND);
  EXPECT_EQ(s, port.right(MACH_MSG_TYPE_MAKE_SEND));
  EXPECT_EQ(MACH_PORT_NULL, request(s, kDead, 0, q));
  drop_send(s);
  EXPECT_TRUE(nothing_at(q));
  drop_send(s);
  expect_about(q, 65, s);
}

CHECK(Ports, P082_ASendOnceRightThatIsUsedIsTold) {
  const mach_port_t n = new_port(), q = new_port(), s = make_send_once(n);
  EXPECT_EQ(MACH_PORT_NULL, request(s, kDead, 0, q));
  send_id(s, 1, MACH_MSG_TYPE_MOVE_SEND_ONCE);
  expect_about(q, 65, s);
  EXPECT_EQ(1, next_id(n));
}

CHECK(Ports, P083_RequestsShowInTheType) {
  const mach_port_t q = new_port(), n = full_port(), m = full_port(), l = full_port();
  EXPECT_EQ(MACH_PORT_NULL, request(n, kDead, 0, q));
  EXPECT_EQ(0x80030000u, type_of(n));
  EXPECT_EQ(0x80030000u, listed_type(n));
  EXPECT_EQ(MACH_PORT_NULL, request(m, kPossible, 1, q));
  EXPECT_EQ(0xc0030000u, listed_type(m));
  EXPECT_EQ(0x80030000u, type_of(m));
  EXPECT_EQ(MACH_PORT_NULL, request(l, kPossible, 0, q));
  EXPECT_EQ(0x20000000u, listed_type(l) & 0x60000000u);
  EXPECT_EQ(0u, type_of(l) & 0x60000000u);
}

CHECK(Ports, P084_ANameHasOneRequestOfEitherKind) {
  const mach_port_t q = new_port(), n = full_port();
  EXPECT_EQ(MACH_PORT_NULL, request(n, kDead, 0, q));
  const mach_port_t previous = request(n, kPossible, 1, q);
  EXPECT_EQ(0x40000u, type_of(previous));
  drop_send(previous);
  EXPECT_EQ(71, next_id(q));
}

CHECK(Ports, P085_ASetDoesNotDie) {
  const mach_port_t q = new_port();
  EXPECT_CODE(KERN_INVALID_RIGHT, request_code(new_set(), kDead, 0, q));
  EXPECT_EQ(71, next_id(q));
}

CHECK(Ports, P086_AnUnknownNameUsesTheRightUp) {
  const mach_port_t q = new_port();
  EXPECT_CODE(KERN_INVALID_NAME, request_code(0x1403, kDead, 0, q));
  EXPECT_EQ(71, next_id(q));
}

CHECK(Ports, P087_WaitingForRoomAtADeadNameFiresAtOnce) {
  const mach_port_t q = new_port(), dead = new_dead_name();
  for (const mach_port_mscount_t sync : {0u, 1u}) {
    EXPECT_EQ(MACH_PORT_NULL, request(dead, kPossible, sync, q));
    expect_about(q, 72, dead);
    EXPECT_EQ(2u + sync, refs_of(dead, MACH_PORT_RIGHT_DEAD_NAME));
  }
}

CHECK(Ports, P088_RoomFiresAtOnce) {
  const mach_port_t n = new_port_with_sends(1), q = new_port();
  EXPECT_EQ(MACH_PORT_NULL, request(n, kPossible, 1, q));
  expect_about(q, 66, n);
}

CHECK(Ports, P089_AReceiveFiresOnce) {
  const mach_port_t n = full_port(), q = new_port();
  EXPECT_EQ(MACH_PORT_NULL, request(n, kPossible, 1, q));
  EXPECT_TRUE(nothing_at(q));
  EXPECT_EQ(1, next_id(n));
  expect_about(q, 66, n);
  EXPECT_EQ(2, next_id(n));
  EXPECT_TRUE(nothing_at(q));
}

CHECK(Ports, P090_WithoutSyncAFailedSendArms) {
  const mach_port_t n = full_port(), q = new_port();
  EXPECT_EQ(MACH_PORT_NULL, request(n, kPossible, 0, q));
  EXPECT_EQ(1, next_id(n));
  EXPECT_TRUE(nothing_at(q));
  send_id(n, 6);
  EXPECT_CODE(MACH_SEND_TIMED_OUT,
              send_empty(n, MACH_MSG_TYPE_COPY_SEND, 7, MACH_SEND_TIMEOUT | MACH_SEND_NOTIFY));
  EXPECT_TRUE(nothing_at(q));
  EXPECT_EQ(2, next_id(n));
  expect_about(q, 66, n);
}

CHECK(Ports, P091_NobodyToTellIsNoHarm) {
  Remote port;
  const mach_port_t q = new_port(), s = port.right(MACH_MSG_TYPE_MAKE_SEND);
  EXPECT_EQ(MACH_PORT_NULL, request(s, kDead, 0, q));
  EXPECT_CODE(KERN_SUCCESS, mach_port_destroy(mach_task_self(), q));
  port.die();
  EXPECT_EQ(0x100000u, type_of(s));
  EXPECT_EQ(2u, refs_of(s, MACH_PORT_RIGHT_DEAD_NAME));
}

CHECK(Ports, P092_NothingToCancel) {
  const mach_port_t n = new_port();
  for (const mach_port_t name : {n, make_send_once(n), new_set(), new_dead_name(), bootstrap_port})
    EXPECT_EQ(MACH_PORT_NULL, request(name, kDead, 0, MACH_PORT_NULL));
}

}  // namespace
}  // namespace checks
