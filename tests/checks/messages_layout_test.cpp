// SPDX-License-Identifier: Apache-2.0
// Messages checks 1 to 10: layout and size.
#include <mach/mig_errors.h>

#include <cstring>

#include "checks/packet.hpp"

namespace checks {
namespace {

CHECK(Messages, M001_EverythingHasItsSize) {
  EXPECT_EQ(24u, sizeof(mach_msg_header_t));
  EXPECT_EQ(28u, sizeof(mach_msg_base_t));
  EXPECT_EQ(12u, sizeof(mach_msg_port_descriptor_t));
  EXPECT_EQ(16u, sizeof(mach_msg_ool_descriptor_t));
  EXPECT_EQ(16u, sizeof(mach_msg_ool_ports_descriptor_t));
  EXPECT_EQ(16u, sizeof(mach_msg_guarded_port_descriptor_t));
  EXPECT_EQ(16u, sizeof(mach_msg_descriptor_t));
  EXPECT_EQ(8u, sizeof(mach_msg_trailer_t));
  EXPECT_EQ(12u, sizeof(mach_msg_seqno_trailer_t));
  EXPECT_EQ(20u, sizeof(mach_msg_security_trailer_t));
  EXPECT_EQ(52u, sizeof(mach_msg_audit_trailer_t));
  EXPECT_EQ(60u, sizeof(mach_msg_context_trailer_t));
  EXPECT_EQ(68u, sizeof(mach_msg_mac_trailer_t));
  EXPECT_EQ(36u, sizeof(mig_reply_error_t));
}

CHECK(Messages, M002_ASimpleMessageHas24BytesAndWholeWords) {
  const mach_port_t p = new_port_with_sends(1);
  for (const mach_msg_size_t size : {20u, 25u, 26u, 27u}) {
    Packet packet(p, kCopySend);
    packet.size = size;
    EXPECT_CODE(MACH_SEND_MSG_TOO_SMALL, packet.send()) << size;
  }
  for (const mach_msg_size_t size : {24u, 28u}) {
    Packet packet(p, kCopySend);
    packet.size = size;
    EXPECT_CODE(MACH_MSG_SUCCESS, packet.send()) << size;
    EXPECT_CODE(MACH_MSG_SUCCESS, packet.receive(p)) << size;
    EXPECT_EQ(size, packet.header().msgh_size);
  }
}

CHECK(Messages, M003_AComplexMessageHas28BytesAndMayCarryNothing) {
  const mach_port_t p = new_port_with_sends(1);
  Packet packet(p, kCopySend);
  packet.header().msgh_bits |= MACH_MSGH_BITS_COMPLEX;
  packet.size = 24;
  EXPECT_CODE(MACH_SEND_MSG_TOO_SMALL, packet.send());
  packet.size = 28;
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.send());
  Packet got;
  EXPECT_CODE(MACH_MSG_SUCCESS, got.receive(p));
  EXPECT_EQ(MACH_MSGH_BITS(0, kSend) | MACH_MSGH_BITS_COMPLEX, got.bits());
  EXPECT_EQ(0u, got.count());
  EXPECT_EQ(28u, got.header().msgh_size);
}

CHECK(Messages, M004_DescriptorsMustFit) {
  const mach_port_t p = new_port_with_sends(1), q = new_port_with_sends(2);
  Packet port(p, kCopySend);
  port.port(q, MACH_MSG_TYPE_MOVE_SEND);
  port.size = 36;
  EXPECT_CODE(MACH_SEND_MSG_TOO_SMALL, port.send());
  EXPECT_EQ(2u, refs_of(q));
  Packet memory(p, kCopySend);
  memory.memory(memory.bytes, 4);
  memory.size = 40;
  EXPECT_CODE(MACH_SEND_MSG_TOO_SMALL, memory.send());
  EXPECT_EQ(1u, refs_of(p));
  port.size = 40;
  EXPECT_CODE(MACH_MSG_SUCCESS, port.send());
  EXPECT_EQ(1u, refs_of(q));
}

CHECK(Messages, M005_AnUnknownTypeOfDescriptorChangesNothing) {
  const mach_port_t p = new_port_with_sends(1), q = new_port_with_sends(1), r = new_port();
  Packet packet(p, MACH_MSG_TYPE_MOVE_SEND);
  packet.reply(r).port(q, MACH_MSG_TYPE_MOVE_SEND).memory(packet.bytes, 4);
  packet.memory(1).type = 5;
  EXPECT_CODE(MACH_SEND_INVALID_TYPE, packet.send());
  EXPECT_EQ(1u, refs_of(p));
  EXPECT_EQ(1u, refs_of(q));
  EXPECT_TRUE(nothing_at(r));
  EXPECT_EQ(0u, status_of(r).mps_sorights);
}

CHECK(Messages, M006_DescriptorsMustMakeSense) {
  const mach_port_t p = new_port_with_sends(1), q = new_port_with_sends(1);
  for (const unsigned copy : {unsigned{MACH_MSG_ALLOCATE}, unsigned{MACH_MSG_OVERWRITE}}) {
    Packet packet(p, kCopySend);
    EXPECT_CODE(MACH_SEND_INVALID_TYPE, packet.memory(packet.bytes, 4, copy).send());
  }
  EXPECT_CODE(MACH_SEND_INVALID_TYPE, Packet(p, kCopySend).guarded(q, 0, MACH_MSG_GUARD_FLAGS_NONE).send());
  EXPECT_CODE(MACH_SEND_INVALID_TYPE, Packet(p, kCopySend).guarded(q, 0, 4).send());
  // What is unguarded on its way has no guard to name.
  EXPECT_CODE(MACH_SEND_INVALID_TYPE,
              Packet(p, kCopySend).guarded(q, 7, MACH_MSG_GUARD_FLAGS_UNGUARDED_ON_SEND).send());
  Packet wrong(p, kCopySend);
  wrong.guarded(q, 0, MACH_MSG_GUARD_FLAGS_UNGUARDED_ON_SEND);
  wrong.guarded(0u).disposition = MACH_MSG_TYPE_MOVE_SEND;
  EXPECT_CODE(MACH_SEND_INVALID_TYPE, wrong.send());
  EXPECT_EQ(unsigned{MACH_PORT_TYPE_SEND_RECEIVE}, type_of(q));
}

CHECK(Messages, M007_AMessageHas48MegabytesAtTheMost) {
  Packet packet(new_port_with_sends(1), kCopySend);
  packet.size = 50331584;
  EXPECT_CODE(MACH_SEND_TOO_LARGE, packet.send());
}

CHECK(Messages, M008_AMessageCarries16383Rights) {
  const mach_port_t p = new_port_with_sends(1);
  const std::vector<mach_port_t> names(16384, MACH_PORT_NULL);
  EXPECT_CODE(MACH_SEND_TOO_LARGE, Packet(p, kCopySend).array(names.data(), 16384, kCopySend).send());
  // One more in a descriptor of its own is one too many.
  EXPECT_CODE(
      MACH_SEND_TOO_LARGE,
      Packet(p, kCopySend).array(names.data(), 16383, kCopySend).port(MACH_PORT_NULL, kCopySend).send());
  EXPECT_CODE(MACH_MSG_SUCCESS, Packet(p, kCopySend).array(names.data(), 16383, kCopySend).send());
  Packet got;
  EXPECT_CODE(MACH_MSG_SUCCESS, got.receive(p));
  EXPECT_EQ(16383u, got.array(0u).count);
  EXPECT_EQ(0, memcmp(names.data(), got.array(0u).address, 16383 * sizeof names[0]));
  mach_msg_destroy(&got.header());
}

CHECK(Messages, M009_TheSizeInTheHeaderIsNotLookedAt) {
  const mach_port_t p = new_port_with_sends(1);
  Packet packet(p, kCopySend);
  packet.header().msgh_size = 0xabcdef01;
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.send());
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.receive(p));
  EXPECT_EQ(24u, packet.header().msgh_size);
}

CHECK(Messages, M010_WithoutVoucherBitsTheFieldIsANumber) {
  const mach_port_t p = new_port_with_sends(1);
  Packet packet(p, kCopySend);
  packet.header().msgh_voucher_port = 0x1234;
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.send());
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.receive(p));
  EXPECT_EQ(0x1234u, packet.header().msgh_voucher_port);
}

}  // namespace
}  // namespace checks
