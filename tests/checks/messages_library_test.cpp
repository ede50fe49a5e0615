// SPDX-License-Identifier: Apache-2.0
// Messages checks 70 to 73 and 81 to 87: both halves at once, starting again, names that run out, and what is
// handed back or lost.
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <cstring>
#include <string>

#include "checks/packet.hpp"

namespace checks {
namespace {

constexpr mach_msg_option_t kBoth = MACH_SEND_MSG | MACH_RCV_MSG | MACH_SEND_TIMEOUT | MACH_RCV_TIMEOUT;
constexpr mach_msg_type_name_t kMoveReceive = MACH_MSG_TYPE_MOVE_RECEIVE;

CHECK(Messages, M070_WithoutASendThereIsNoReceive) {
  const mach_port_t p = new_port();
  send_id(p, 1);
  Packet packet(0xfff03, kCopySend);
  EXPECT_CODE(MACH_SEND_INVALID_DEST,
              mach_msg(&packet.header(), kBoth, packet.size, sizeof packet.bytes, p, 0, MACH_PORT_NULL));
  EXPECT_EQ(1, next_id(p));
}

CHECK(Messages, M071_ABadNameToReceiveFromDoesNotHoldTheSend) {
  const mach_port_t p = new_port_with_sends(1);
  Packet packet(p, kCopySend, 71);
  const Packet before = packet;
  EXPECT_CODE(MACH_RCV_INVALID_NAME, mach_msg(&packet.header(), kBoth, packet.size, sizeof packet.bytes,
                                              0xfff03, 0, MACH_PORT_NULL));
  EXPECT_EQ(0, memcmp(before.bytes, packet.bytes, sizeof packet.bytes));
  EXPECT_EQ(71, next_id(p));
}

std::atomic<int> g_handled{0};

void count_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { g_handled++; };
  EXPECT_EQ(0, sigaction(SIGUSR1, &action, nullptr));
}

CHECK(Messages, M072_ASignalInterruptsAReceiveThatSaysSo) {
  count_signals();
  const mach_port_t p = new_port();
  std::atomic<pthread_t> thread{};
  Packet got;
  Blocked plain([&] {
    thread = pthread_self();
    return got.receive(p);
  });
  pthread_kill(thread, SIGUSR1);
  EXPECT_TRUE(eventually([] { return g_handled == 1; }));
  send_id(p, 72);
  EXPECT_CODE(MACH_MSG_SUCCESS, plain.code());
  EXPECT_EQ(72, got.header().msgh_id);
  Blocked interrupted([&] {
    thread = pthread_self();
    return got.receive(p, MACH_RCV_INTERRUPT);
  });
  pthread_kill(thread, SIGUSR1);
  EXPECT_CODE(MACH_RCV_INTERRUPTED, interrupted.code());
  EXPECT_EQ(2, g_handled);
}

CHECK(Messages, M073_NothingAskedNothingDone) {
  Packet packet;
  memset(packet.bytes, 0x5a, sizeof packet.bytes);
  const Packet before = packet;
  EXPECT_CODE(MACH_MSG_SUCCESS, mach_msg(&packet.header(), MACH_MSG_OPTION_NONE, 24, sizeof packet.bytes,
                                         0xfff03, 0, MACH_PORT_NULL));
  EXPECT_EQ(0, memcmp(before.bytes, packet.bytes, sizeof packet.bytes));
  EXPECT_CODE(MACH_MSG_SUCCESS,
              mach_msg(nullptr, MACH_MSG_OPTION_NONE, 0, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL));
}

// Takes every name that there is, but for `left` of them.
void fill_space(unsigned left) {
  mach_port_t last[4] = {};
  unsigned n = 0;
  mach_port_t name = MACH_PORT_NULL;
  kern_return_t code;
  while ((code = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_DEAD_NAME, &name)) == KERN_SUCCESS)
    last[n++ % 4] = name;
  EXPECT_CODE(KERN_NO_SPACE, code);
  for (unsigned i = 0; i < left; i++) drop_send(last[i]);
}

CHECK(Messages, M081_WhatFindsNoNameIsNullAndTheRestArrives) {
  const mach_port_t p = new_port_with_sends(1), q = new_port(), r = new_port(),
                    known = new_port_with_sends(1);
  Packet packet(p, kCopySend);
  packet.reply(r).port(q, kMakeSendOnce).port(known, kCopySend).memory("memory", 6);
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.send());
  fill_space(1);
  const mach_msg_return_t code = packet.receive(p);
  EXPECT_CODE(MACH_RCV_BODY_ERROR | MACH_MSG_IPC_SPACE, code);
  EXPECT_EQ(0x1000400c, code & ~0x3e00);
  EXPECT_EQ(MACH_PORT_NULL, packet.port(0u).name);
  EXPECT_EQ(MACH_NOTIFY_SEND_ONCE, next_id(q));
  // There has to be room even for a right that has a name already (tasks 9).
  EXPECT_EQ(MACH_PORT_NULL, packet.port(1u).name);
  EXPECT_EQ(1u, refs_of(known));
  EXPECT_EQ(0, memcmp("memory", packet.memory(2u).address, 6));
  send_id(packet.header().msgh_remote_port, 81, MACH_MSG_TYPE_MOVE_SEND_ONCE);
  EXPECT_EQ(81, next_id(r));
}

// Beyond the numbers: messages 6.5.
CHECK(Messages, WithoutANameForTheReplyRightOnlyAHeaderArrives) {
  const mach_port_t p = new_port_with_sends(1), q = new_port(), r = new_port();
  Packet packet(p, kCopySend, 65);
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.reply(r).port(q, kMakeSendOnce).send());
  fill_space(0);
  EXPECT_CODE(MACH_RCV_HEADER_ERROR | MACH_MSG_IPC_SPACE, packet.receive(p));
  EXPECT_EQ(24u, packet.header().msgh_size);
  EXPECT_EQ(65, packet.header().msgh_id);
  EXPECT_EQ(MACH_PORT_NULL, packet.header().msgh_remote_port);
  EXPECT_EQ(p, packet.header().msgh_local_port);
  EXPECT_EQ(MACH_MSGH_BITS(kSendOnce, kSend) | MACH_MSGH_BITS_COMPLEX, packet.bits());
  EXPECT_EQ(MACH_NOTIFY_SEND_ONCE, next_id(r));
  EXPECT_EQ(MACH_NOTIFY_SEND_ONCE, next_id(q));
}

mach_port_t new_full_port() {
  const mach_port_t p = new_port_with_sends(1);
  fill_queue(p);
  return p;
}

CHECK(Messages, M082_AReceiveRightComesBackWithItsMessages) {
  const mach_port_t p = new_full_port(), q = new_port();
  fill_queue(q, 2, kMakeSend);
  Packet packet(p, kCopySend);
  EXPECT_CODE(MACH_SEND_TIMED_OUT, packet.port(q, kMoveReceive).send());
  const mach_port_t back = packet.port(0u).name;
  EXPECT_EQ(kReceive, packet.port(0u).disposition);
  EXPECT_EQ(unsigned{MACH_PORT_TYPE_RECEIVE}, type_of(back));
  EXPECT_EQ(1, next_id(back));
  EXPECT_EQ(2, next_id(back));
}

CHECK(Messages, M083_CapturedMemoryComesBackAsACopy) {
  const mach_port_t p = new_full_port();
  const Pages page(page_size(), 'a');
  Packet packet(p, kCopySend);
  EXPECT_CODE(MACH_SEND_TIMED_OUT, packet.memory(page.get(), 100).send());
  const char* copy = static_cast<const char*>(packet.memory(0u).address);
  EXPECT_NE(page.get(), copy);
  EXPECT_EQ(1u, packet.memory(0u).deallocate);
  EXPECT_EQ(std::string(100, 'a'), std::string(copy, 100));
  EXPECT_TRUE(readable(page.get()));
  mach_msg_destroy(&packet.header());
  EXPECT_FALSE(readable(copy));
  EXPECT_TRUE(readable(page.get()));
  EXPECT_EQ(1u, refs_of(p));
}

CHECK(Messages, M084_DeallocatedMemoryComesBackElsewhere) {
  const mach_port_t p = new_full_port();
  Pages page(page_size(), 'a');
  Packet packet(p, kCopySend);
  EXPECT_CODE(MACH_SEND_TIMED_OUT, packet.memory(page.get(), 100, MACH_MSG_VIRTUAL_COPY, true).send());
  const char* copy = static_cast<const char*>(packet.memory(0u).address);
  EXPECT_EQ(std::string(100, 'a'), std::string(copy, 100));
  // The place may have been taken for the copy itself.
  page.gone();
  if (copy != page.get()) {
    EXPECT_FALSE(readable(page.get()));
  }
  mach_msg_destroy(&packet.header());
}

CHECK(Messages, M085_WhereToReceiveIsUntouchedByASendThatTimedOut) {
  const mach_port_t p = new_full_port(), r = new_port();
  Packet packet(p, kCopySend), got;
  packet.reply(r);
  memset(got.bytes, 0x5a, sizeof got.bytes);
  const Packet before = got;
  EXPECT_CODE(MACH_SEND_TIMED_OUT, mach_msg_overwrite(&packet.header(), kBoth, packet.size, sizeof got.bytes,
                                                      r, 0, MACH_PORT_NULL, &got.header(), 0));
  EXPECT_EQ(0, memcmp(before.bytes, got.bytes, sizeof got.bytes));
  EXPECT_EQ(MACH_MSGH_BITS(kSend, kSendOnce), packet.bits());
}

CHECK(Messages, M086_EverySendOnceRightOfALostMessageIsHeardOf) {
  const mach_port_t p = new_port_with_sends(1), q = new_port();
  const mach_port_t names[2] = {q, q};
  Packet packet(p, kCopySend);
  packet.port(q, kMakeSendOnce).port(q, kMakeSendOnce).array(names, 2, kMakeSendOnce);
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.send());
  drop_receive(p);
  for (int i = 0; i < 4; i++) EXPECT_EQ(MACH_NOTIFY_SEND_ONCE, next_id(q));
  EXPECT_TRUE(nothing_at(q));
}

CHECK(Messages, M087_TheTokenOutlivesTheSender) {
  const mach_port_t p = new_port();
  Peer peer([](const Line& line) { send_id(static_cast<mach_port_t>(line.hear()), 87, kCopySend); });
  const pid_t pid = peer.pid();
  peer.line().tell(peer.give(p, kMakeSend));
  peer.end();
  Packet got;
  EXPECT_CODE(MACH_MSG_SUCCESS, got.receive(p, kAudit, 0));
  EXPECT_EQ(87, got.header().msgh_id);
  EXPECT_EQ(static_cast<uint32_t>(pid), got.trailer().msgh_audit.val[5]);
}

// Beyond the numbers: messages 5.6.
CHECK(Messages, AGuardedPortComesBackMovable) {
  const mach_port_t p = new_full_port(), q = new_port_with_sends(1);
  EXPECT_CODE(KERN_SUCCESS, mach_port_guard(mach_task_self(), q, 7, TRUE));
  Packet packet(p, kCopySend);
  EXPECT_CODE(MACH_SEND_TIMED_OUT, packet.guarded(q, 7, MACH_MSG_GUARD_FLAGS_IMMOVABLE_RECEIVE).send());
  EXPECT_EQ(q, packet.guarded(0u).name);
  EXPECT_EQ(reinterpret_cast<mach_port_context_t>(packet.bytes), packet.guarded(0u).context);
  EXPECT_NE(0u, status_of(q).mps_flags & MACH_PORT_STATUS_FLAG_GUARDED);
  EXPECT_EQ(1, next_id(p));
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.send());
  EXPECT_EQ(unsigned{MACH_PORT_TYPE_SEND}, type_of(q));
}

// Beyond the numbers: messages 10.1. A send that starts again is the one that was handed back.
CHECK(Messages, AnInterruptedSendStartsAgain) {
  count_signals();
  const mach_port_t p = new_full_port(), r = new_port();
  std::atomic<pthread_t> thread{};
  Packet packet(p, kCopySend, 6);
  Blocked sender([&] {
    thread = pthread_self();
    return packet.reply(r).send(0);
  });
  pthread_kill(thread, SIGUSR1);
  EXPECT_TRUE(eventually([] { return g_handled == 1; }));
  EXPECT_EQ(1, next_id(p));
  EXPECT_CODE(MACH_MSG_SUCCESS, sender.code());
  EXPECT_EQ(1u, refs_of(p));
  EXPECT_EQ(1u, status_of(r).mps_sorights);
  EXPECT_TRUE(nothing_at(r));

  Packet interrupted(p, kCopySend, 7);
  Blocked second([&] {
    thread = pthread_self();
    return interrupted.reply(r).send(MACH_SEND_INTERRUPT);
  });
  pthread_kill(thread, SIGUSR1);
  EXPECT_CODE(MACH_SEND_INTERRUPTED, second.code());
  EXPECT_EQ(MACH_MSGH_BITS(kSend, kSendOnce), interrupted.bits());
  EXPECT_EQ(2u, refs_of(p));
}

// Beyond the numbers: messages 2.
CHECK(Messages, TheShortCallsReadTheHeader) {
  const mach_port_t p = new_port_with_sends(1);
  Packet packet(p, kCopySend, 2);
  packet.header().msgh_size = 20;
  EXPECT_CODE(MACH_SEND_MSG_TOO_SMALL, mach_msg_send(&packet.header()));
  packet.header().msgh_size = 32;
  EXPECT_CODE(MACH_MSG_SUCCESS, mach_msg_send(&packet.header()));
  Packet got;
  got.header().msgh_size = 40;
  got.header().msgh_local_port = p;
  EXPECT_CODE(MACH_MSG_SUCCESS, mach_msg_receive(&got.header()));
  EXPECT_EQ(32u, got.header().msgh_size);
}

}  // namespace
}  // namespace checks
