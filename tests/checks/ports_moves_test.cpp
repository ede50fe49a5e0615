// SPDX-License-Identifier: Apache-2.0
// Ports checks 99 to 111 and 121 to 123: deaths and moves, rights within messages.
#include <pthread.h>

#include "checks/words.hpp"

namespace checks {
namespace {

kern_return_t move_receive(mach_port_t port, mach_port_t to) {
  return send_rights(to, MACH_MSG_TYPE_MAKE_SEND_ONCE, 1, {{port, MACH_MSG_TYPE_MOVE_RECEIVE}});
}

Blocked blocked_receiver(mach_port_t port) {
  return Blocked([port] {
    Received message;
    return receive(message, port);
  });
}

CHECK(Ports, P099_ADeathChangesWhatANameDenotes) {
  const mach_port_t n = new_port();
  Peer b;
  const mach_port_name_t theirs = b.give(n, MACH_MSG_TYPE_MAKE_SEND);
  EXPECT_EQ(MACH_PORT_TYPE_SEND, type_of(theirs, b.task()));
  drop_receive(n);
  EXPECT_EQ(0x100000u, type_of(theirs, b.task()));
}

CHECK(Ports, P100_SendOnceRightsOfADeadTaskAreTold) {
  const mach_port_t ports[] = {new_port(), new_port(), new_port()};
  Peer a;
  for (const mach_port_t port : ports) a.give(port, MACH_MSG_TYPE_MAKE_SEND_ONCE);
  a.kill_hard();
  for (const mach_port_t port : ports) EXPECT_EQ(71, await_id(port));
}

CHECK(Ports, P101_TheLastSenderMayDie) {
  const mach_port_t n = new_port(), q = new_port();
  Peer a;
  a.give(n, MACH_MSG_TYPE_MAKE_SEND);
  EXPECT_EQ(MACH_PORT_NULL, request(n, MACH_NOTIFY_NO_SENDERS, 0, q));
  EXPECT_TRUE(nothing_at(q));
  a.kill_hard();
  EXPECT_EQ(70, await_id(q));
}

CHECK(Ports, P102_ReceiversHearThatThePortIsGone) {
  const mach_port_t dies = new_port(), moves = new_port(), q = new_port();
  Blocked first = blocked_receiver(dies), second = blocked_receiver(moves);
  drop_receive(dies);
  EXPECT_CODE(MACH_RCV_PORT_CHANGED, first.code());
  EXPECT_CODE(MACH_MSG_SUCCESS, move_receive(moves, q));
  EXPECT_CODE(MACH_RCV_PORT_CHANGED, second.code());
}

CHECK(Ports, P103_ABlockedSenderDoesNotHearOfTheDeath) {
  const mach_port_t n = new_port_with_sends(1);
  for (int i = 0; i < 5; i++) send_id(n, i + 1);
  Blocked sender([n] { return send_empty(n, MACH_MSG_TYPE_COPY_SEND, 6); });
  drop_receive(n);
  EXPECT_CODE(MACH_MSG_SUCCESS, sender.code());
}

CHECK(Ports, P104_AReceiveRightJoinsTheSendRight) {
  const mach_port_t n = new_port();
  Peer b([](const Line& line) {
    const mach_port_t q = new_port();
    line.tell(q);
    Received message;
    EXPECT_CODE(MACH_MSG_SUCCESS, receive(message, q));
    line.tell(message.rights.port.name);
    line.wait();
  });
  const mach_port_name_t theirs = b.give(n, MACH_MSG_TYPE_MAKE_SEND);
  EXPECT_CODE(KERN_SUCCESS, mach_port_mod_refs(b.task(), theirs, MACH_PORT_RIGHT_SEND, 2));
  const auto q = static_cast<mach_port_name_t>(b.line().hear());
  mach_port_t to = MACH_PORT_NULL;
  mach_msg_type_name_t type = 0;
  EXPECT_CODE(KERN_SUCCESS, mach_port_extract_right(b.task(), q, MACH_MSG_TYPE_MAKE_SEND, &to, &type));
  EXPECT_CODE(MACH_MSG_SUCCESS,
              send_rights(to, MACH_MSG_TYPE_COPY_SEND, 1, {{n, MACH_MSG_TYPE_MOVE_RECEIVE}}));
  EXPECT_EQ(theirs, b.line().hear());
  EXPECT_EQ(0x30000u, type_of(theirs, b.task()));
  EXPECT_EQ(3u, refs_of(theirs, MACH_PORT_RIGHT_SEND, b.task()));
}

CHECK(Ports, P105_WhatAMoveResets) {
  const mach_port_t n = new_port(), q = new_port();
  set_queue_limit(n, 77);
  EXPECT_CODE(KERN_SUCCESS, mach_port_set_mscount(mach_task_self(), n, 3));
  EXPECT_CODE(KERN_SUCCESS, mach_port_set_seqno(mach_task_self(), n, 4));
  EXPECT_CODE(KERN_SUCCESS, mach_port_guard(mach_task_self(), n, 5, FALSE));
  EXPECT_EQ(unsigned{MACH_PORT_STATUS_FLAG_GUARDED}, status_of(n).mps_flags);
  EXPECT_CODE(MACH_MSG_SUCCESS, move_receive(n, q));
  Received message;
  EXPECT_CODE(MACH_MSG_SUCCESS, receive(message, q));
  const mach_port_t moved = message.rights.port.name;
  const mach_port_status_t status = status_of(moved);
  EXPECT_EQ(0u, status.mps_mscount);
  EXPECT_EQ(0u, status.mps_seqno);
  EXPECT_EQ(0u, status.mps_flags);
  EXPECT_EQ(77u, status.mps_qlimit);
  mach_port_context_t context = 1;
  EXPECT_CODE(KERN_SUCCESS, mach_port_get_context(mach_task_self(), moved, &context));
  EXPECT_EQ(0u, context);
}

CHECK(Ports, P106_ADeadRightArrivesAsANumber) {
  const mach_port_t q = new_port(), dead = new_dead_name();
  EXPECT_CODE(MACH_MSG_SUCCESS,
              send_rights(q, MACH_MSG_TYPE_MAKE_SEND, 1, {{dead, MACH_MSG_TYPE_COPY_SEND}}));
  // One whose port dies on the way.
  const mach_port_t n = new_port();
  EXPECT_CODE(MACH_MSG_SUCCESS, send_rights(q, MACH_MSG_TYPE_MAKE_SEND, 1, {{n, MACH_MSG_TYPE_MAKE_SEND}}));
  drop_receive(n);
  const natural_t before = space_of().iisb_table_inuse;
  for (int i = 0; i < 2; i++) {
    Received message;
    EXPECT_CODE(MACH_MSG_SUCCESS, receive(message, q));
    EXPECT_EQ(0xffffffffu, message.rights.port.name);
  }
  EXPECT_EQ(before, space_of().iisb_table_inuse);
}

CHECK(Ports, P107_APortSentToItselfDies) {
  const mach_port_t n = new_port_with_sends(1), q = new_port();
  EXPECT_EQ(MACH_PORT_NULL, request(n, MACH_NOTIFY_DEAD_NAME, 0, q));
  EXPECT_CODE(MACH_MSG_SUCCESS,
              send_rights(n, MACH_MSG_TYPE_COPY_SEND, 1, {{n, MACH_MSG_TYPE_MOVE_RECEIVE}}));
  EXPECT_EQ(0x100000u, type_of(n));
  EXPECT_EQ(72, next_id(q));
}

CHECK(Ports, P108_ACircleOfTwoDies) {
  const mach_port_t a = new_port_with_sends(1), b = new_port_with_sends(1);
  EXPECT_CODE(MACH_MSG_SUCCESS,
              send_rights(b, MACH_MSG_TYPE_COPY_SEND, 1, {{a, MACH_MSG_TYPE_MOVE_RECEIVE}}));
  EXPECT_EQ(0x10000u, type_of(a));
  EXPECT_CODE(MACH_MSG_SUCCESS,
              send_rights(a, MACH_MSG_TYPE_COPY_SEND, 1, {{b, MACH_MSG_TYPE_MOVE_RECEIVE}}));
  EXPECT_EQ(0x100000u, type_of(a));
  EXPECT_EQ(0x100000u, type_of(b));
}

CHECK(Ports, P109_APortInAMessageStillQueues) {
  const mach_port_t a = new_port_with_sends(1), b = new_port();
  set_queue_limit(a, 2);
  EXPECT_CODE(MACH_MSG_SUCCESS, move_receive(a, b));
  send_id(a, 41, MACH_MSG_TYPE_COPY_SEND);
  send_id(a, 42, MACH_MSG_TYPE_COPY_SEND);
  EXPECT_CODE(MACH_SEND_TIMED_OUT, send_empty(a, MACH_MSG_TYPE_COPY_SEND, 43, MACH_SEND_TIMEOUT));
  Received message;
  EXPECT_CODE(MACH_MSG_SUCCESS, receive(message, b));
  EXPECT_EQ(a, message.rights.port.name);
  EXPECT_EQ(41, next_id(a));
  EXPECT_EQ(42, next_id(a));
}

CHECK(Ports, P110_APortDiesWithTheQueueItIsIn) {
  const mach_port_t a = new_port_with_sends(1), b = new_port();
  Peer other;
  const mach_port_name_t theirs = other.give(a, MACH_MSG_TYPE_COPY_SEND);
  EXPECT_CODE(MACH_MSG_SUCCESS, move_receive(a, b));
  EXPECT_EQ(MACH_PORT_TYPE_SEND, type_of(theirs, other.task()));
  drop_receive(b);
  EXPECT_EQ(0x100000u, type_of(theirs, other.task()));
  EXPECT_EQ(0x100000u, type_of(a));
}

CHECK(Ports, P111_TenThousandPortsInEachOtherDie) {
  // The chain is taken down on a stack that could not hold a call for each of them.
  constexpr int kPorts = 10000;
  std::vector<mach_port_t> ports;
  ports.reserve(kPorts);
  for (int i = 0; i < kPorts; i++) ports.push_back(new_port_with_sends(1));
  for (int i = 0; i + 1 < kPorts; i++) ASSERT_EQ(MACH_MSG_SUCCESS, move_receive(ports[i], ports[i + 1]));
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 128 * 1024);
  pthread_t thread;
  auto* drop = +[](void* port) -> void* {
    drop_receive(static_cast<mach_port_t>(reinterpret_cast<uintptr_t>(port)));
    return nullptr;
  };
  ASSERT_EQ(0, pthread_create(&thread, &small, drop, reinterpret_cast<void*>(uintptr_t{ports.back()})));
  pthread_join(thread, nullptr);
  for (const mach_port_t port : ports) ASSERT_EQ(0x100000u, type_of(port));
}

CHECK(Ports, P121_OnlyTheReceiveRightOfADeadTaskIsMissed) {
  Peer a([](const Line& line) {
    const mach_port_t n = new_port();
    set_member(new_port(), new_set());
    new_dead_name(3);
    line.tell(n);
    line.wait();
  });
  const auto theirs = static_cast<mach_port_name_t>(a.line().hear());
  mach_port_t s = MACH_PORT_NULL;
  mach_msg_type_name_t type = 0;
  EXPECT_CODE(KERN_SUCCESS, mach_port_extract_right(a.task(), theirs, MACH_MSG_TYPE_MAKE_SEND, &s, &type));
  const mach_port_t q = new_port();
  EXPECT_EQ(MACH_PORT_NULL, request(s, MACH_NOTIFY_DEAD_NAME, 0, q));
  const natural_t before = space_of().iisb_table_inuse;
  a.kill_hard();
  EXPECT_EQ(72, await_id(q));
  EXPECT_EQ(0x100000u, type_of(s));
  EXPECT_TRUE(nothing_at(q));
  EXPECT_EQ(before - 1, space_of().iisb_table_inuse);  // the name by which we knew the task
}

CHECK(Ports, P122_ADeadNameMayReplyButNotReceive) {
  const mach_port_t n = new_port(), dead = new_dead_name();
  mach_msg_header_t message{};
  message.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, MACH_MSG_TYPE_COPY_SEND);
  message.msgh_remote_port = n;
  message.msgh_local_port = dead;
  EXPECT_CODE(MACH_MSG_SUCCESS, mach_msg(&message, MACH_SEND_MSG, sizeof message, 0, 0, 0, 0));
  Received received;
  EXPECT_CODE(MACH_MSG_SUCCESS, receive(received, n));
  EXPECT_EQ(MACH_PORT_DEAD, received.header.msgh_remote_port);
  EXPECT_EQ(1u, refs_of(dead, MACH_PORT_RIGHT_DEAD_NAME));
  EXPECT_CODE(MACH_SEND_INVALID_DEST, send_empty(dead, MACH_MSG_TYPE_COPY_SEND, 1));
}

CHECK(Ports, P123_ADestinationRightIsReleasedWhenItsMessageIsReceived) {
  const mach_port_t n = new_port_with_sends(1), q = new_port();
  EXPECT_EQ(MACH_PORT_NULL, request(n, MACH_NOTIFY_NO_SENDERS, 0, q));
  send_id(n, 41, MACH_MSG_TYPE_MOVE_SEND);
  EXPECT_EQ(0x20000u, type_of(n));
  EXPECT_TRUE(nothing_at(q));
  EXPECT_EQ(41, next_id(n));
  EXPECT_EQ(70, next_id(q));
}

}  // namespace
}  // namespace checks
