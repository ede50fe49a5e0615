// SPDX-License-Identifier: Apache-2.0
// Messages checks 51 to 69: receiving.
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "checks/packet.hpp"

namespace checks {
namespace {

CHECK(Messages, M051_ANameThatDoesNotReceiveIsRefusedAtOnce) {
  Peer peer;
  mach_port_name_t there;
  const mach_port_t s = send_right_to(peer, there);
  for (const mach_port_t name : {s, mach_port_t{0xfff03}, MACH_PORT_NULL, MACH_PORT_DEAD}) {
    Packet got;
    EXPECT_CODE(MACH_RCV_INVALID_NAME, got.receive(name)) << name;
    EXPECT_CODE(MACH_RCV_INVALID_NAME, got.receive(name, 0, 0)) << name;
  }
}

CHECK(Messages, M052_AReceivedHeaderIsTurnedAround) {
  const mach_port_t p = new_port(), r = new_port();
  for (const mach_msg_type_name_t disposition : {kMakeSend, kMakeSendOnce}) {
    Packet packet(p, disposition);
    EXPECT_CODE(MACH_MSG_SUCCESS, packet.reply(r).send());
    EXPECT_CODE(MACH_MSG_SUCCESS, packet.receive(p));
    EXPECT_EQ(p, packet.header().msgh_local_port);
    EXPECT_EQ(MACH_MSGH_BITS(kSendOnce, disposition == kMakeSend ? kSend : kSendOnce), packet.bits());
    send_id(packet.header().msgh_remote_port, 52, MACH_MSG_TYPE_MOVE_SEND_ONCE);
    EXPECT_EQ(52, next_id(r));
  }
  EXPECT_EQ(0u, srights_of(p));
}

CHECK(Messages, M053_AReplyPortThatDiedIsDead) {
  const mach_port_t p = new_port(), r = new_port();
  Packet packet(p, kMakeSend);
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.reply(r).send());
  drop_receive(r);
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.receive(p));
  EXPECT_EQ(MACH_PORT_DEAD, packet.header().msgh_remote_port);
  EXPECT_EQ(MACH_MSGH_BITS(kSendOnce, kSend), packet.bits());
}

CHECK(Messages, M054_SendRightsMeetUnderOneName) {
  Peer peer([](const Line& line) {
    const mach_port_t p = new_port();
    line.tell(p);
    Packet first, second;
    EXPECT_CODE(MACH_MSG_SUCCESS, first.receive(p));
    EXPECT_CODE(MACH_MSG_SUCCESS, second.receive(p));
    EXPECT_EQ(first.port(0u).name, second.port(0u).name);
    EXPECT_EQ(2u, refs_of(first.port(0u).name));
    EXPECT_NE(first.port(1u).name, second.port(1u).name);
    EXPECT_EQ(unsigned{MACH_PORT_TYPE_SEND_ONCE}, type_of(second.port(1u).name));
    line.tell(1);
  });
  mach_port_t s = MACH_PORT_NULL;
  mach_msg_type_name_t type = 0;
  const auto there = static_cast<mach_port_name_t>(peer.line().hear());
  EXPECT_CODE(KERN_SUCCESS, mach_port_extract_right(peer.task(), there, kMakeSend, &s, &type));
  const mach_port_t q = new_port_with_sends(1);
  for (int i = 0; i < 2; i++) {
    EXPECT_CODE(MACH_MSG_SUCCESS, Packet(s, kCopySend).port(q, kCopySend).port(q, kMakeSendOnce).send());
  }
  peer.line().hear();
}

CHECK(Messages, M055_HeaderAndTrailerNeed32Bytes) {
  const mach_port_t p = new_port();
  Packet got;
  send_id(p, 1);
  EXPECT_CODE(MACH_RCV_TOO_LARGE, got.receive(p, 0, 0, 31));
  send_id(p, 2);
  EXPECT_CODE(MACH_MSG_SUCCESS, got.receive(p, 0, 0, 32));
  EXPECT_EQ(0u, got.trailer().msgh_trailer_type);
  EXPECT_EQ(8u, got.trailer().msgh_trailer_size);
  EXPECT_EQ(reinterpret_cast<char*>(&got.trailer()), got.bytes + 24);
}

CHECK(Messages, M056_WhatIsTooLargeStaysAndSaysHowLargeItIs) {
  const mach_port_t p = new_port();
  Packet packet(p, kMakeSend, 7);
  const char data[40] = {};
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.data(data, sizeof data).send());
  Packet got;
  memset(got.bytes, 0x5a, sizeof got.bytes);
  const Packet before = got;
  EXPECT_CODE(MACH_RCV_TOO_LARGE, got.receive(p, MACH_RCV_LARGE, 0, 0));
  EXPECT_EQ(0, memcmp(before.bytes, got.bytes, sizeof got.bytes));
  EXPECT_CODE(MACH_RCV_TOO_LARGE, got.receive(p, MACH_RCV_LARGE, 0, 71));
  EXPECT_EQ(64u, got.header().msgh_size);
  got.header().msgh_size = 0x5a5a5a5a;
  EXPECT_EQ(0, memcmp(before.bytes, got.bytes, sizeof got.bytes)) << "and nothing else";
  EXPECT_CODE(MACH_MSG_SUCCESS, got.receive(p, MACH_RCV_LARGE | kSeqno, 0, 64 + 12));
  EXPECT_EQ(7, got.header().msgh_id);
  EXPECT_EQ(0u, got.trailer().msgh_seqno);
}

CHECK(Messages, M057_WhatIsTooLargeIsLostButForItsHeader) {
  const mach_port_t p = new_port(), r = new_port();
  Packet packet(p, kMakeSend, 7);
  const char data[40] = {};
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.reply(r).data(data, sizeof data).send());
  send_id(p, 8);
  Packet got;
  memset(got.bytes, 0x5a, sizeof got.bytes);
  EXPECT_CODE(MACH_RCV_TOO_LARGE, got.receive(p, 0, 0, 32));
  EXPECT_EQ(24u, got.header().msgh_size);
  EXPECT_EQ(7, got.header().msgh_id);
  EXPECT_EQ(MACH_PORT_NULL, got.header().msgh_remote_port);
  EXPECT_EQ(p, got.header().msgh_local_port);
  EXPECT_EQ(MACH_MSGH_BITS(kSendOnce, kSend), got.bits());
  EXPECT_EQ(8u, got.trailer().msgh_trailer_size);
  EXPECT_EQ(0x5a5a5a5au, got.word(32));
  EXPECT_EQ(MACH_NOTIFY_SEND_ONCE, next_id(r));
  EXPECT_EQ(1u, srights_of(p)) << "that of the next message";
  EXPECT_CODE(MACH_MSG_SUCCESS, got.receive(p, kSeqno, 0));
  EXPECT_EQ(8, got.header().msgh_id);
  EXPECT_EQ(1u, got.trailer().msgh_seqno);
  EXPECT_EQ(0u, srights_of(p));
}

struct SetOfTwo {
  const mach_port_t set = new_set(), a = new_port_with_sends(1), b = new_port_with_sends(1);
  SetOfTwo() {
    set_member(a, set);
    set_member(b, set);
  }
};

CHECK(Messages, M058_TheMemberIsNamed) {
  const SetOfTwo two;
  send_id(two.b, 1);
  Packet got;
  EXPECT_CODE(MACH_RCV_TOO_LARGE, got.receive(two.set, MACH_RCV_LARGE | MACH_RCV_LARGE_IDENTITY, 0, 16));
  EXPECT_EQ(two.b, got.header().msgh_local_port);
  EXPECT_EQ(24u, got.header().msgh_size);
  got.header().msgh_local_port = 77;
  EXPECT_CODE(MACH_RCV_TOO_LARGE, got.receive(two.set, MACH_RCV_LARGE | MACH_RCV_LARGE_IDENTITY, 0, 15));
  EXPECT_EQ(77u, got.header().msgh_local_port);
}

CHECK(Messages, M059_MembersTakeTurns) {
  const SetOfTwo two;
  fill_queue(two.a, 3);
  fill_queue(two.b, 3);
  mach_port_t last = MACH_PORT_NULL;
  for (int i = 0; i < 6; i++) {
    Packet got;
    EXPECT_CODE(MACH_MSG_SUCCESS, got.receive(two.set, 0, 0));
    EXPECT_NE(last, got.header().msgh_local_port);
    EXPECT_EQ(i / 2 + 1, got.header().msgh_id);
    last = got.header().msgh_local_port;
  }
}

CHECK(Messages, M060_AMemberWithTooLargeAMessageHasHadItsTurn) {
  const SetOfTwo two;
  const char data[400] = {};
  EXPECT_CODE(MACH_MSG_SUCCESS, Packet(two.a, kCopySend, 1).data(data, sizeof data).send());
  send_id(two.b, 2);
  Packet got;
  EXPECT_CODE(MACH_RCV_TOO_LARGE, got.receive(two.set, MACH_RCV_LARGE, 0, 100));
  EXPECT_CODE(MACH_MSG_SUCCESS, got.receive(two.set, MACH_RCV_LARGE, 0, 100));
  EXPECT_EQ(2, got.header().msgh_id);
}

CHECK(Messages, M061_AMemberCanBeReceivedFrom) {
  const SetOfTwo two;
  send_id(two.a, 1);
  EXPECT_EQ(1, next_id(two.a));
  EXPECT_EQ(0, next_id(two.set));
}

CHECK(Messages, M062_WhoWaitsOnThePortComesFirst) {
  const SetOfTwo two;
  Packet of_set, of_port;
  Blocked set([&] { return of_set.receive(two.set); });
  Blocked port([&] { return of_port.receive(two.a); });
  send_id(two.a, 1);
  send_id(two.a, 2);
  EXPECT_CODE(MACH_MSG_SUCCESS, port.code());
  EXPECT_CODE(MACH_MSG_SUCCESS, set.code());
  EXPECT_EQ(1, of_port.header().msgh_id);
  EXPECT_EQ(2, of_set.header().msgh_id);
}

CHECK(Messages, M063_AReceiverIsToldThatItsPortIsGone) {
  const mach_port_t destroyed = new_port(), moved = new_port(), p = new_port();
  Packet got[3];
  {
    Blocked receiver([&] { return got[0].receive(destroyed); });
    drop_receive(destroyed);
    EXPECT_CODE(MACH_RCV_PORT_CHANGED, receiver.code());
  }
  {
    Blocked receiver([&] { return got[0].receive(moved); });
    EXPECT_CODE(MACH_MSG_SUCCESS, Packet(p, kMakeSend).port(moved, MACH_MSG_TYPE_MOVE_RECEIVE).send());
    EXPECT_CODE(MACH_RCV_PORT_CHANGED, receiver.code());
  }
  const SetOfTwo two;
  Blocked of_port([&] { return got[1].receive(two.a); });
  Blocked of_set([&] { return got[2].receive(two.set); });
  EXPECT_CODE(KERN_SUCCESS, mach_port_mod_refs(mach_task_self(), two.set, MACH_PORT_RIGHT_PORT_SET, -1));
  EXPECT_CODE(MACH_RCV_PORT_CHANGED, of_set.code());
  send_id(two.a, 1);
  EXPECT_CODE(MACH_MSG_SUCCESS, of_port.code());
}

CHECK(Messages, M064_APortThatJoinsBringsItsMessages) {
  const mach_port_t set = new_set(), p = new_port();
  Packet got;
  Blocked receiver([&] { return got.receive(set); });
  send_id(p, 64);
  set_member(p, set);
  EXPECT_CODE(MACH_MSG_SUCCESS, receiver.code());
  EXPECT_EQ(64, got.header().msgh_id);
  EXPECT_EQ(p, got.header().msgh_local_port);
}

CHECK(Messages, M065_JoiningASetDisturbsNobodyOnThePort) {
  const mach_port_t set = new_set(), p = new_port();
  Packet got;
  Blocked receiver([&] { return got.receive(p); });
  set_member(p, set);
  send_id(p, 65);
  EXPECT_CODE(MACH_MSG_SUCCESS, receiver.code());
  EXPECT_EQ(65, got.header().msgh_id);
}

CHECK(Messages, M066_ARightInTheQueueIsARight) {
  const mach_port_t p = new_port_with_sends(1), n = new_port();
  request(p, MACH_NOTIFY_NO_SENDERS, 1, n);
  send_id(p, 1, MACH_MSG_TYPE_MOVE_SEND);
  EXPECT_TRUE(nothing_at(n));
  EXPECT_EQ(1, next_id(p));
  EXPECT_EQ(MACH_NOTIFY_NO_SENDERS, next_id(n));
}

CHECK(Messages, M067_TheAuditTokenTellsTheSender) {
  const mach_port_t p = new_port(), n = new_port();
  send_id(p, 1);
  Packet got;
  EXPECT_CODE(MACH_MSG_SUCCESS, got.receive(p, kAudit, 0));
  EXPECT_EQ(52u, got.trailer().msgh_trailer_size);
  EXPECT_EQ(static_cast<uint32_t>(getpid()), got.trailer().msgh_audit.val[5]);
  EXPECT_EQ(geteuid(), got.trailer().msgh_audit.val[1]);
  EXPECT_EQ(getuid(), got.trailer().msgh_audit.val[3]);
  EXPECT_EQ(geteuid(), got.trailer().msgh_sender.val[0]);
  EXPECT_EQ(getegid(), got.trailer().msgh_sender.val[1]);
  // A notification comes from the kernel.
  const mach_port_t s = make_send_once(p);
  request(s, MACH_NOTIFY_DEAD_NAME, 0, n);
  drop_receive(p);
  EXPECT_CODE(MACH_MSG_SUCCESS, got.receive(n, kAudit, 0));
  EXPECT_EQ(0u, got.trailer().msgh_sender.val[0]);
  EXPECT_EQ(1u, got.trailer().msgh_sender.val[1]);
  const audit_token_t none{};
  EXPECT_EQ(0, memcmp(&none, &got.trailer().msgh_audit, sizeof none));
}

CHECK(Messages, M068_UnknownElementsAreTheWholeTrailer) {
  const mach_port_t p = new_port();
  for (const unsigned elements : {5u, 6u, 8u, 15u}) {
    send_id(p, 1);
    Packet got;
    EXPECT_CODE(MACH_MSG_SUCCESS, got.receive(p, MACH_RCV_TRAILER_ELEMENTS(elements), 0));
    EXPECT_EQ(68u, got.trailer().msgh_trailer_size) << elements;
  }
}

CHECK(Messages, M069_AMessageForAnUnwritableBufferIsLost) {
  const mach_port_t p = new_port();
  void* page = mmap(nullptr, page_size(), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  send_id(p, 1);
  send_id(p, 2);
  EXPECT_CODE(MACH_RCV_INVALID_DATA, mach_msg(static_cast<mach_msg_header_t*>(page),
                                              MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, 100, p, 0, MACH_PORT_NULL));
  EXPECT_EQ(2, next_id(p));
  munmap(page, page_size());
}

// Beyond the numbers: messages 1.5.
CHECK(Messages, EveryElementAddsToTheTrailer) {
  const mach_port_t p = new_port();
  EXPECT_CODE(KERN_SUCCESS, mach_port_set_context(mach_task_self(), p, 0x1122334455667788));
  const unsigned sizes[] = {8, 12, 20, 52, 60, 68, 68, 68};
  for (unsigned elements = 0; elements < 8; elements++) {
    send_id(p, 1);
    Packet got;
    memset(got.bytes, 0x5a, sizeof got.bytes);
    // A foreign type is no error.
    const mach_msg_option_t option = MACH_RCV_TRAILER_ELEMENTS(elements) | MACH_RCV_TRAILER_TYPE(elements);
    EXPECT_CODE(MACH_MSG_SUCCESS, got.receive(p, option, 0, 24 + sizes[elements]));
    EXPECT_EQ(0u, got.trailer().msgh_trailer_type);
    EXPECT_EQ(sizes[elements], got.trailer().msgh_trailer_size);
    EXPECT_EQ(0x5a5a5a5au, got.word(24 + sizes[elements]));
    if (elements >= 1) {
      EXPECT_EQ(elements, got.trailer().msgh_seqno);
    }
    if (elements >= 4) {
      EXPECT_EQ(0x1122334455667788u, got.trailer().msgh_context);
    }
    if (elements >= 5) {
      EXPECT_EQ(0, got.trailer().msgh_ad);
    }
    if (elements >= 5) {
      EXPECT_EQ(0u, got.trailer().msgh_labels.sender);
    }
  }
}

// Beyond the numbers: messages 6.4.
CHECK(Messages, ABareHeaderNeeds24Bytes) {
  const mach_port_t p = new_port(), r = new_port();
  Packet packet(p, kMakeSend), got;
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.reply(r).send());
  memset(got.bytes, 0x5a, sizeof got.bytes);
  EXPECT_CODE(MACH_RCV_INVALID_DATA, got.receive(p, 0, 0, 23));
  EXPECT_EQ(0x5a5a5a5au, got.word(0));
  EXPECT_EQ(MACH_NOTIFY_SEND_ONCE, next_id(r));
  // The trailer is cut to what fits, but says its size; the kernel is its sender.
  send_id(p, 2);
  EXPECT_CODE(MACH_RCV_TOO_LARGE, got.receive(p, kAudit, 0, 48));
  EXPECT_EQ(52u, got.trailer().msgh_trailer_size);
  EXPECT_EQ(1u, got.trailer().msgh_seqno);
  EXPECT_EQ(1u, got.trailer().msgh_sender.val[1]);
  EXPECT_EQ(0u, got.trailer().msgh_audit.val[0]);
  EXPECT_EQ(0x5a5a5a5au, got.word(48));
}

// Beyond the numbers: messages 6.1. There are no special reply ports, with which alone one could wait for a
// peer.
CHECK(Messages, NobodyCanWaitForAPeer) {
  const mach_port_t p = new_port_with_sends(1);
  Packet got;
  const auto receive_from = [&](mach_port_t from, mach_port_t peer) {
    return mach_msg(&got.header(), MACH_RCV_MSG | MACH_RCV_TIMEOUT | MACH_RCV_SYNC_WAIT, 0, sizeof got.bytes,
                    from, 0, peer);
  };
  EXPECT_CODE(MACH_RCV_INVALID_NAME, receive_from(0xfff03, p));
  EXPECT_CODE(MACH_RCV_INVALID_NOTIFY, receive_from(p, p));
  EXPECT_CODE(MACH_RCV_TIMED_OUT, receive_from(p, MACH_PORT_NULL));
}

}  // namespace
}  // namespace checks
