// SPDX-License-Identifier: Apache-2.0
// Messages checks 40 to 50: queues.
#include <atomic>

#include "checks/packet.hpp"

namespace checks {
namespace {

mach_port_t new_full_port() {
  const mach_port_t p = new_port_with_sends(1);
  fill_queue(p);
  return p;
}

mach_port_msgcount_t queued(mach_port_t port) { return status_of(port).mps_msgcount; }

CHECK(Messages, M040_AFullQueueTimesOut) {
  const mach_port_t p = new_full_port();
  EXPECT_CODE(MACH_SEND_TIMED_OUT, send_empty(p, kCopySend, 6, MACH_SEND_TIMEOUT, 0));
  const double begin = user::now_ms();
  EXPECT_CODE(MACH_SEND_TIMED_OUT, send_empty(p, kCopySend, 6, MACH_SEND_TIMEOUT, 50));
  EXPECT_LE(49, user::now_ms() - begin);
  EXPECT_EQ(5u, queued(p));
}

CHECK(Messages, M041_WhatTimedOutCanBeSentAsItCameBack) {
  const mach_port_t p = new_full_port(), r = new_port();
  Packet packet(p, kCopySend, 6);
  EXPECT_CODE(MACH_SEND_TIMED_OUT, packet.reply(r).send());
  EXPECT_EQ(MACH_MSGH_BITS(kSend, kSendOnce), packet.bits());
  EXPECT_EQ(24u, packet.header().msgh_size);
  EXPECT_EQ(p, packet.header().msgh_remote_port);
  EXPECT_NE(r, packet.header().msgh_local_port);
  EXPECT_EQ(unsigned{MACH_PORT_TYPE_SEND_ONCE}, type_of(packet.header().msgh_local_port));
  EXPECT_EQ(2u, refs_of(p));
  EXPECT_EQ(1, next_id(p));
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.send());
  EXPECT_EQ(1u, refs_of(p));
  EXPECT_EQ(1u, status_of(r).mps_sorights);
}

CHECK(Messages, M042_AMessageThroughASendOnceRightAlwaysFits) {
  const mach_port_t p = new_full_port();
  send_id(p, 6, kMakeSendOnce);
  EXPECT_EQ(6u, queued(p));
  for (int i = 0; i < 2; i++) {
    EXPECT_CODE(MACH_SEND_TIMED_OUT, send_empty(p, kMakeSend, 7, MACH_SEND_TIMEOUT));
    EXPECT_EQ(i + 1, next_id(p));
  }
  EXPECT_CODE(MACH_MSG_SUCCESS, send_empty(p, kMakeSend, 7, MACH_SEND_TIMEOUT));
}

CHECK(Messages, M043_OnePlaceWakesOneSender) {
  const mach_port_t p = new_full_port();
  std::atomic<int> gone{0};
  const auto call = [&] {
    const kern_return_t code = send_empty(p, kCopySend, 6);
    gone++;
    return code;
  };
  Blocked first(call), second(call);
  EXPECT_EQ(1, next_id(p));
  EXPECT_CODE(MACH_SEND_TIMED_OUT, send_empty(p, kCopySend, 7, MACH_SEND_TIMEOUT));
  EXPECT_TRUE(eventually([&] { return gone == 1; }));
  EXPECT_CODE(MACH_SEND_TIMED_OUT, send_empty(p, kCopySend, 7, MACH_SEND_TIMEOUT, 50));
  EXPECT_EQ(1, gone);
  EXPECT_EQ(5u, queued(p));
  EXPECT_EQ(2, next_id(p));
  EXPECT_CODE(MACH_MSG_SUCCESS, first.code());
  EXPECT_CODE(MACH_MSG_SUCCESS, second.code());
}

CHECK(Messages, M044_TheDeathOfThePortEndsTheWaitWithSuccess) {
  const mach_port_t p = new_full_port(), r = new_port();
  Blocked sender([&] { return Packet(p, kCopySend, 6).reply(r).send(0); });
  drop_receive(p);
  EXPECT_CODE(MACH_MSG_SUCCESS, sender.code());
  EXPECT_EQ(MACH_NOTIFY_SEND_ONCE, await_id(r));
}

CHECK(Messages, M045_AHigherLimitLetsASenderGoOn) {
  const mach_port_t p = new_full_port();
  Blocked sender([&] { return send_empty(p, kCopySend, 6); });
  set_queue_limit(p, 6);
  EXPECT_CODE(MACH_MSG_SUCCESS, sender.code());
  EXPECT_EQ(6u, queued(p));
}

CHECK(Messages, M046_ALimitOfNoneIsFullEvenForAWaitingReceiver) {
  const mach_port_t p = new_port_with_sends(1);
  set_queue_limit(p, 0);
  Packet got;
  Blocked receiver([&] { return got.receive(p); });
  EXPECT_CODE(MACH_SEND_TIMED_OUT, send_empty(p, kCopySend, 1, MACH_SEND_TIMEOUT));
  send_id(p, 2, kMakeSendOnce);
  EXPECT_CODE(MACH_MSG_SUCCESS, receiver.code());
  EXPECT_EQ(2, got.header().msgh_id);
}

CHECK(Messages, M047_ASenderWaitsOnWhileTheReceiveRightMoves) {
  Peer peer([](const Line& line) {
    const auto p = static_cast<mach_port_t>(line.hear());
    for (int id = 1; id <= 6; id++) {
      EXPECT_EQ(id, await_id(p));
    }
    line.tell(1);
  });
  const mach_port_t p = new_full_port();
  std::atomic<bool> gone{false};
  Blocked sender([&] {
    const kern_return_t code = send_empty(p, kCopySend, 6);
    gone = true;
    return code;
  });
  const mach_port_name_t there = peer.give(p, MACH_MSG_TYPE_MOVE_RECEIVE);
  EXPECT_CODE(MACH_SEND_TIMED_OUT, send_empty(p, kCopySend, 7, MACH_SEND_TIMEOUT, 50));
  EXPECT_FALSE(gone);
  peer.line().tell(there);
  EXPECT_CODE(MACH_MSG_SUCCESS, sender.code());
  peer.line().hear();
}

CHECK(Messages, M048_MessagesOfOneThreadStayInOrder) {
  const mach_port_t p = new_port_with_sends(1);
  std::thread sender([&] {
    for (int id = 1; id <= 100; id++) {
      EXPECT_CODE(MACH_MSG_SUCCESS, send_empty(p, kCopySend, id));
    }
  });
  for (uint32_t n = 0; n < 100; n++) {
    Packet got;
    EXPECT_CODE(MACH_MSG_SUCCESS, got.receive(p, kSeqno));
    EXPECT_EQ(static_cast<mach_msg_id_t>(n + 1), got.header().msgh_id);
    EXPECT_EQ(n, got.trailer().msgh_seqno);
    if (n % 10 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  sender.join();
}

CHECK(Messages, M049_ASenderIsToldOnceThatThereIsRoom) {
  const mach_port_t p = new_full_port(), n = new_port();
  request(p, MACH_NOTIFY_SEND_POSSIBLE, 0, n);
  EXPECT_CODE(MACH_SEND_TIMED_OUT, send_empty(p, kCopySend, 6, MACH_SEND_TIMEOUT | MACH_SEND_NOTIFY));
  EXPECT_TRUE(nothing_at(n));
  EXPECT_EQ(1, next_id(p));
  Received notice;
  EXPECT_CODE(MACH_MSG_SUCCESS, receive(notice, n, 0));
  EXPECT_EQ(MACH_NOTIFY_SEND_POSSIBLE, notice.header.msgh_id);
  EXPECT_EQ(p, notice.dead_name.not_port);
  EXPECT_EQ(2, next_id(p));
  EXPECT_TRUE(nothing_at(n));
}

CHECK(Messages, M050_WithRoomThereIsNothingToTell) {
  const mach_port_t p = new_port_with_sends(1), n = new_port();
  request(p, MACH_NOTIFY_SEND_POSSIBLE, 0, n);
  EXPECT_CODE(MACH_MSG_SUCCESS, send_empty(p, kCopySend, 1, MACH_SEND_TIMEOUT | MACH_SEND_NOTIFY));
  EXPECT_EQ(1, next_id(p));
  EXPECT_TRUE(nothing_at(n));
}

// Beyond the numbers: messages 5.7, however many others watch the port.
CHECK(Messages, TheArmedRequestIsFoundAmongMany) {
  const mach_port_t p = new_port_with_sends(1), n = new_port(), others = new_port();
  for (int i = 0; i < 40; i++) request(make_send_once(p), MACH_NOTIFY_DEAD_NAME, 0, others);
  fill_queue(p);
  request(p, MACH_NOTIFY_SEND_POSSIBLE, 0, n);
  EXPECT_CODE(MACH_SEND_TIMED_OUT, send_empty(p, kCopySend, 6, MACH_SEND_TIMEOUT | MACH_SEND_NOTIFY));
  EXPECT_EQ(1, next_id(p));
  EXPECT_EQ(MACH_NOTIFY_SEND_POSSIBLE, next_id(n));
  EXPECT_TRUE(nothing_at(others));
}

// Beyond the numbers: messages 5.7. A message that is lost for want of room tells nobody.
CHECK(Messages, AMessageLostAsTooLargeFiresNoRequest) {
  const mach_port_t p = new_full_port(), n = new_port();
  request(p, MACH_NOTIFY_SEND_POSSIBLE, 0, n);
  EXPECT_CODE(MACH_SEND_TIMED_OUT, send_empty(p, kCopySend, 6, MACH_SEND_TIMEOUT | MACH_SEND_NOTIFY));
  Packet got;
  EXPECT_CODE(MACH_RCV_TOO_LARGE, got.receive(p, 0, 0, 24));
  EXPECT_TRUE(nothing_at(n));
  EXPECT_EQ(2, next_id(p));
  EXPECT_EQ(MACH_NOTIFY_SEND_POSSIBLE, next_id(n));
}

}  // namespace
}  // namespace checks
