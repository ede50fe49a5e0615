// SPDX-License-Identifier: Apache-2.0
// Messages checks 11 to 24: the rights of the header.
#include <cstring>

#include "checks/packet.hpp"

namespace checks {
namespace {

constexpr mach_port_name_t kUnknown = 0xfff03, kUnknownToo = 0xffe03;

CHECK(Messages, M011_DispositionsMustMakeSense) {
  const mach_port_t p = new_port_with_sends(1);
  EXPECT_CODE(MACH_SEND_INVALID_HEADER, Packet(p, 0).send());
  EXPECT_CODE(MACH_SEND_INVALID_HEADER, Packet(p, MACH_MSG_TYPE_MOVE_RECEIVE).send());
  EXPECT_CODE(MACH_SEND_INVALID_HEADER, Packet(p, kCopySend).reply(p, MACH_MSG_TYPE_MOVE_RECEIVE).send());
  EXPECT_CODE(MACH_SEND_INVALID_HEADER, Packet(p, kCopySend).reply(p, 0).send());
}

CHECK(Messages, M012_TheDispositionIsLookedAtBeforeTheName) {
  for (const mach_port_t name : {MACH_PORT_NULL, MACH_PORT_DEAD}) {
    EXPECT_CODE(MACH_SEND_INVALID_DEST, Packet(name, kCopySend).send());
    EXPECT_CODE(MACH_SEND_INVALID_HEADER, Packet(name, MACH_MSG_TYPE_MOVE_RECEIVE).send());
  }
}

CHECK(Messages, M013_AReplyPortMayBeNullOrDead) {
  const mach_port_t p = new_port_with_sends(1);
  for (const mach_port_t name : {MACH_PORT_NULL, MACH_PORT_DEAD}) {
    Packet packet(p, kCopySend);
    EXPECT_CODE(MACH_MSG_SUCCESS, packet.reply(name).send());
    EXPECT_CODE(MACH_MSG_SUCCESS, packet.receive(p));
    EXPECT_EQ(name, packet.header().msgh_remote_port);
    EXPECT_EQ(MACH_MSGH_BITS(kSendOnce, kSend), packet.bits());
  }
}

CHECK(Messages, M014_AnUnknownReplyComesBeforeTheWrongKindOfDestination) {
  const mach_port_t p = new_port(), once = make_send_once(p);
  EXPECT_CODE(MACH_SEND_INVALID_DEST, Packet(kUnknown, kCopySend).reply(kUnknownToo).send());
  EXPECT_CODE(MACH_SEND_INVALID_REPLY, Packet(once, kCopySend).reply(kUnknownToo).send());
}

CHECK(Messages, M015_TheDestinationMustBeOfTheRightKind) {
  Peer peer;
  mach_port_name_t there;
  const mach_port_t p = new_port(), s = send_right_to(peer, there);
  EXPECT_CODE(MACH_SEND_INVALID_DEST, Packet(p, kCopySend).send());
  EXPECT_CODE(MACH_SEND_INVALID_DEST, Packet(s, kMakeSend).send());
}

CHECK(Messages, M016_MovingASendRightTakesAUserReference) {
  Peer peer;
  mach_port_name_t there;
  const mach_port_t s = send_right_to(peer, there, 3), p = new_port_with_sends(1);
  EXPECT_CODE(MACH_MSG_SUCCESS, Packet(s, MACH_MSG_TYPE_MOVE_SEND).send());
  EXPECT_EQ(2u, refs_of(s));
  EXPECT_CODE(MACH_MSG_SUCCESS, Packet(s, MACH_MSG_TYPE_MOVE_SEND).send());
  EXPECT_CODE(MACH_MSG_SUCCESS, Packet(s, MACH_MSG_TYPE_MOVE_SEND).send());
  EXPECT_EQ(0u, type_of(s));
  EXPECT_CODE(MACH_MSG_SUCCESS, Packet(p, MACH_MSG_TYPE_MOVE_SEND).send());
  EXPECT_EQ(unsigned{MACH_PORT_TYPE_RECEIVE}, type_of(p));
}

CHECK(Messages, M017_OneUserReferenceIsMovedAndCopied) {
  Peer peer;
  mach_port_name_t there;
  const mach_port_t s = send_right_to(peer, there);
  Packet packet(s, MACH_MSG_TYPE_MOVE_SEND);
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.reply(s, kCopySend).send());
  EXPECT_EQ(0u, type_of(s));
  const mach_port_t p = take_back(peer, there);
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.receive(p));
  EXPECT_EQ(p, packet.header().msgh_remote_port);
  EXPECT_EQ(MACH_MSGH_BITS(kSend, kSend), packet.bits());
  EXPECT_EQ(1u, refs_of(p));
  send_id(p, 17, MACH_MSG_TYPE_MOVE_SEND);
  EXPECT_EQ(17, next_id(p));
}

CHECK(Messages, M018_OneUserReferenceIsNotMovedTwice) {
  Peer peer;
  mach_port_name_t there, elsewhere;
  const mach_port_t s = send_right_to(peer, there);
  EXPECT_CODE(MACH_SEND_INVALID_DEST,
              Packet(s, MACH_MSG_TYPE_MOVE_SEND).reply(s, MACH_MSG_TYPE_MOVE_SEND).send());
  EXPECT_EQ(1u, refs_of(s));
  const mach_port_t twice = send_right_to(peer, elsewhere, 2);
  EXPECT_CODE(MACH_MSG_SUCCESS,
              Packet(twice, MACH_MSG_TYPE_MOVE_SEND).reply(twice, MACH_MSG_TYPE_MOVE_SEND).send());
  EXPECT_EQ(0u, type_of(twice));
}

CHECK(Messages, M019_CopiedAsRemoteAndMovedAsLocal) {
  Peer peer;
  mach_port_name_t there;
  const mach_port_t s = send_right_to(peer, there);
  EXPECT_CODE(MACH_MSG_SUCCESS, Packet(s, kCopySend).reply(s, MACH_MSG_TYPE_MOVE_SEND).send());
  EXPECT_EQ(0u, type_of(s));
}

CHECK(Messages, M020_ANameThatSendsAndReceivesIsItsOwnReplyPort) {
  const mach_port_t p = new_port_with_sends(1);
  Packet packet(p, kCopySend);
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.reply(p).send());
  EXPECT_EQ(1u, refs_of(p));
  EXPECT_EQ(1u, status_of(p).mps_sorights);
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.receive(p));
  EXPECT_EQ(MACH_MSGH_BITS(kSendOnce, kSend), packet.bits());
}

CHECK(Messages, M021_ASendOnceRightIsNotRemoteAndLocalAtOnce) {
  const mach_port_t p = new_port(), once = make_send_once(p);
  EXPECT_CODE(MACH_SEND_INVALID_DEST,
              Packet(once, MACH_MSG_TYPE_MOVE_SEND_ONCE).reply(once, MACH_MSG_TYPE_MOVE_SEND_ONCE).send());
  EXPECT_CODE(MACH_SEND_INVALID_DEST,
              Packet(once, MACH_MSG_TYPE_MOVE_SEND_ONCE).reply(once, kCopySend).send());
  EXPECT_CODE(MACH_SEND_INVALID_DEST,
              Packet(once, kCopySend).reply(once, MACH_MSG_TYPE_MOVE_SEND_ONCE).send());
  EXPECT_EQ(unsigned{MACH_PORT_TYPE_SEND_ONCE}, type_of(once));
}

CHECK(Messages, M022_ASendRightToADeadPortBecomesADeadName) {
  Peer peer;
  mach_port_name_t there;
  const mach_port_t s = send_right_to(peer, there, 2);
  EXPECT_CODE(KERN_SUCCESS, mach_port_mod_refs(peer.task(), there, MACH_PORT_RIGHT_RECEIVE, -1));
  EXPECT_CODE(MACH_SEND_INVALID_DEST, Packet(s, kCopySend).send());
  EXPECT_EQ(unsigned{MACH_PORT_TYPE_DEAD_NAME}, type_of(s));
  EXPECT_EQ(2u, refs_of(s, MACH_PORT_RIGHT_DEAD_NAME));
}

CHECK(Messages, M023_AMessageThroughADeadSendOnceRightIsSwallowed) {
  const mach_port_t p = new_port(), once = make_send_once(p), watched = make_send_once(p), n = new_port();
  request(watched, MACH_NOTIFY_DEAD_NAME, 0, n);
  drop_receive(p);
  EXPECT_CODE(MACH_MSG_SUCCESS, Packet(once, MACH_MSG_TYPE_MOVE_SEND_ONCE).send());
  EXPECT_EQ(0u, type_of(once));
  EXPECT_CODE(MACH_SEND_INVALID_DEST, Packet(watched, MACH_MSG_TYPE_MOVE_SEND_ONCE).send());
  EXPECT_EQ(unsigned{MACH_PORT_TYPE_DEAD_NAME}, type_of(watched));
}

CHECK(Messages, M024_ARefusedHeaderLeavesTheReplyPortAlone) {
  const mach_port_t p = new_port_with_sends(1), r = new_port();
  const auto undisturbed = [&] { return nothing_at(r) && status_of(r).mps_sorights == 0; };
  EXPECT_CODE(MACH_SEND_INVALID_HEADER, Packet(p, MACH_MSG_TYPE_MOVE_RECEIVE).reply(r).send());
  EXPECT_TRUE(undisturbed());
  EXPECT_CODE(MACH_SEND_INVALID_DEST, Packet(kUnknown, kCopySend).reply(r).send());
  EXPECT_TRUE(undisturbed());
  EXPECT_CODE(MACH_SEND_INVALID_REPLY, Packet(p, kCopySend).reply(kUnknown).send());
  EXPECT_TRUE(undisturbed());
  Packet small(p, kCopySend);
  small.reply(r).port(p, kCopySend).size = 36;
  EXPECT_CODE(MACH_SEND_MSG_TOO_SMALL, small.send());
  EXPECT_TRUE(undisturbed());
  Packet strange(p, kCopySend);
  strange.reply(r).port(p, kCopySend).port(0u).type = 5;
  EXPECT_CODE(MACH_SEND_INVALID_TYPE, strange.send());
  EXPECT_TRUE(undisturbed());
}

// Beyond the numbers: messages 5.3.
CHECK(Messages, NothingIsMadeFromASendRightToADeadPort) {
  Peer peer;
  mach_port_name_t there;
  const mach_port_t p = new_port_with_sends(1), s = send_right_to(peer, there);
  EXPECT_CODE(KERN_SUCCESS, mach_port_mod_refs(peer.task(), there, MACH_PORT_RIGHT_RECEIVE, -1));
  EXPECT_CODE(MACH_SEND_INVALID_REPLY, Packet(p, kCopySend).reply(s, kMakeSendOnce).send());
  EXPECT_CODE(MACH_SEND_INVALID_REPLY, Packet(p, kCopySend).reply(s, kMakeSend).send());
  for (const mach_msg_type_name_t disposition : {kCopySend, mach_msg_type_name_t{MACH_MSG_TYPE_MOVE_SEND}}) {
    Packet packet(p, kCopySend);
    EXPECT_CODE(MACH_MSG_SUCCESS, packet.reply(s, disposition).send());
    EXPECT_CODE(MACH_MSG_SUCCESS, packet.receive(p));
    EXPECT_EQ(MACH_PORT_DEAD, packet.header().msgh_remote_port);
    EXPECT_EQ(MACH_MSGH_BITS(kSend, kSend), packet.bits());
  }
  EXPECT_EQ(0u, type_of(s));
}

// Beyond the numbers: messages 5.2 and 5.3, no voucher but the null one existing.
CHECK(Messages, VouchersAreRefusedInTheirTurn) {
  const mach_port_t p = new_port_with_sends(1), r = new_port();
  const auto code = [&](mach_port_t remote, mach_msg_type_name_t disposition, mach_port_t local,
                        mach_port_t voucher, mach_msg_type_name_t kind) {
    Packet packet(remote, disposition);
    packet.reply(local, local == MACH_PORT_NULL ? 0 : kMakeSendOnce);
    packet.header().msgh_bits |= MACH_MSGH_BITS_SET_PORTS(0, 0, kind);
    packet.header().msgh_voucher_port = voucher;
    return packet.send();
  };
  EXPECT_CODE(MACH_SEND_INVALID_VOUCHER, code(p, MACH_MSG_TYPE_MOVE_RECEIVE, 0, MACH_PORT_NULL, kMakeSend));
  EXPECT_CODE(MACH_SEND_INVALID_VOUCHER, code(p, kCopySend, 0, MACH_PORT_DEAD, kCopySend));
  EXPECT_CODE(MACH_SEND_INVALID_HEADER, code(p, MACH_MSG_TYPE_MOVE_RECEIVE, 0, r, kCopySend));
  EXPECT_CODE(MACH_SEND_INVALID_DEST, code(MACH_PORT_NULL, kCopySend, 0, r, kCopySend));
  EXPECT_CODE(MACH_SEND_INVALID_DEST, code(p, kMakeSend, 0, p, kCopySend));
  EXPECT_CODE(MACH_SEND_INVALID_REPLY, code(p, kCopySend, r, r, kCopySend));
  EXPECT_CODE(MACH_SEND_INVALID_VOUCHER, code(kUnknown, kCopySend, 0, r, kCopySend));
  EXPECT_CODE(MACH_MSG_SUCCESS, code(p, kCopySend, r, MACH_PORT_NULL, kCopySend));
  Packet got;
  EXPECT_CODE(MACH_MSG_SUCCESS, got.receive(p, MACH_RCV_VOUCHER));
  EXPECT_EQ(MACH_MSGH_BITS(kSendOnce, kSend), got.bits());
  EXPECT_EQ(MACH_PORT_NULL, got.header().msgh_voucher_port);
}

// Beyond the numbers: messages 1.2.
CHECK(Messages, AReceivedHeaderCanBeSentOn) {
  const mach_port_t p = new_port_with_sends(1);
  Packet packet(p, kCopySend);
  packet.header().msgh_bits |= MACH_MSGH_BITS_RAISEIMP | MACH_MSGH_BITS_IMPHOLDASRT | 0x0ee0e0e0u;
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.send());
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.receive(p));
  EXPECT_EQ(MACH_MSGH_BITS(0, kSend), packet.bits());
}

}  // namespace
}  // namespace checks
