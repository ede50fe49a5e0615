// SPDX-License-Identifier: Apache-2.0
// Ports checks 93 to 98: port destroyed, send once.
#include "checks/words.hpp"

namespace checks {
namespace {

constexpr mach_msg_id_t kId = MACH_NOTIFY_PORT_DESTROYED;

CHECK(Ports, P093_ThereIsOneRequestAndNoSync) {
  const mach_port_t n = new_port(), q = new_port();
  EXPECT_CODE(KERN_INVALID_VALUE, request_code(n, kId, 1, q));
  EXPECT_EQ(71, next_id(q));
  EXPECT_CODE(KERN_SUCCESS, request_code(n, kId, 0, q));
  EXPECT_EQ(1u, status_of(n).mps_pdrequest);
  EXPECT_CODE(KERN_FAILURE, request_code(n, kId, 0, q));
  EXPECT_EQ(71, next_id(q));
  EXPECT_EQ(1u, status_of(n).mps_pdrequest);
}

CHECK(Ports, P094_TheReceiveRightTravelsInsteadOfDying) {
  const mach_port_t n = new_port(), q = new_port();
  Peer other;
  const mach_port_name_t theirs = other.give(n, MACH_MSG_TYPE_MAKE_SEND);
  send_id(n, 41);
  send_id(n, 42);
  EXPECT_CODE(KERN_SUCCESS, mach_port_set_seqno(mach_task_self(), n, 9));
  EXPECT_CODE(KERN_SUCCESS, request_code(n, kId, 0, q));
  EXPECT_CODE(KERN_SUCCESS, mach_port_destroy(mach_task_self(), n));
  EXPECT_EQ(0u, type_of(n));
  Received message;
  EXPECT_CODE(MACH_MSG_SUCCESS, receive(message, q));
  EXPECT_EQ(69, message.header.msgh_id);
  EXPECT_EQ(40u, message.header.msgh_size);
  EXPECT_TRUE(MACH_MSGH_BITS_IS_COMPLEX(message.header.msgh_bits));
  EXPECT_EQ(1u, message.port_destroyed.not_body.msgh_descriptor_count);
  EXPECT_EQ(unsigned{MACH_MSG_TYPE_PORT_RECEIVE}, message.port_destroyed.not_port.disposition);
  const mach_port_t saved = message.port_destroyed.not_port.name;
  EXPECT_EQ(MACH_PORT_TYPE_RECEIVE, type_of(saved));
  EXPECT_EQ(0u, status_of(saved).mps_seqno);
  EXPECT_EQ(0u, status_of(saved).mps_mscount);
  EXPECT_EQ(0u, status_of(saved).mps_pdrequest);
  EXPECT_EQ(MACH_PORT_TYPE_SEND, type_of(theirs, other.task()));
  EXPECT_EQ(41, next_id(saved));
  EXPECT_EQ(42, next_id(saved));
}

CHECK(Ports, P095_WithNobodyToSaveItThePortDies) {
  const mach_port_t n = new_port(), q = new_port();
  Peer other;
  const mach_port_name_t theirs = other.give(n, MACH_MSG_TYPE_MAKE_SEND);
  EXPECT_CODE(KERN_SUCCESS, request_code(n, kId, 0, q));
  drop_receive(q);
  EXPECT_CODE(KERN_SUCCESS, mach_port_destroy(mach_task_self(), n));
  EXPECT_EQ(0x100000u, type_of(theirs, other.task()));
}

CHECK(Ports, P096_TheSendRightOfASavedPortStays) {
  const mach_port_t n = new_port_with_sends(2), q = new_port();
  EXPECT_CODE(KERN_SUCCESS, request_code(n, kId, 0, q));
  drop_receive(n);
  EXPECT_EQ(0x10000u, type_of(n));
  EXPECT_EQ(2u, refs_of(n));
  // It is received where the port can be sent to: under that name.
  Received message;
  EXPECT_CODE(MACH_MSG_SUCCESS, receive(message, q));
  EXPECT_EQ(n, message.port_destroyed.not_port.name);
  EXPECT_EQ(0x30000u, type_of(n));
}

CHECK(Ports, P097_ASendOnceRightThatIsDroppedIsTold) {
  const mach_port_t n = new_port();
  drop_send(make_send_once(n));
  Received message;
  EXPECT_CODE(MACH_MSG_SUCCESS, receive(message, n));
  EXPECT_EQ(71, message.header.msgh_id);
  EXPECT_EQ(24u, message.header.msgh_size);
  EXPECT_EQ(0u, message.trailer().msgh_sender.val[0]);
  EXPECT_EQ(1u, message.trailer().msgh_sender.val[1]);
}

CHECK(Ports, P098_ARequestThatDiesIsToldToItsReplyPort) {
  const mach_port_t n = new_port(), reply = new_port();
  mach_msg_header_t message{};
  message.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
  message.msgh_remote_port = n;
  message.msgh_local_port = reply;
  EXPECT_CODE(MACH_MSG_SUCCESS, mach_msg(&message, MACH_SEND_MSG, sizeof message, 0, 0, 0, 0));
  EXPECT_TRUE(nothing_at(reply));
  drop_receive(n);
  EXPECT_EQ(71, next_id(reply));
}

}  // namespace
}  // namespace checks
