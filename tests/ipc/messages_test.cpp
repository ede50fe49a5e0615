// SPDX-License-Identifier: Apache-2.0
// Messages: messages checks 1 to 87, as far as one thread can show them.
#include <gtest/gtest.h>
#include <mach/notify.h>
#include <string.h>
#include <sys/mman.h>

#include "support/domain.hpp"

namespace portolan::test {
namespace {

class Messages : public testing::Test {
 protected:
  TestDomain domain;
  TestTask& a = domain.task();
  TestTask& b = domain.task();
};

TEST_F(Messages, AHeaderTravels) {
  const mach_port_name_t n = a.allocate();
  const mach_port_name_t s = a.give_send(n, b);
  EXPECT_EQ(MACH_MSG_SUCCESS, b.send(s, MACH_MSG_TYPE_COPY_SEND, 42));
  TestTask::Received got = a.receive(n);
  ASSERT_EQ(MACH_MSG_SUCCESS, got.code);
  EXPECT_EQ(42, got.header().msgh_id);
  EXPECT_EQ(24u, got.header().msgh_size);
  EXPECT_EQ(n, got.header().msgh_local_port);
  EXPECT_EQ(MACH_PORT_NULL, got.header().msgh_remote_port);
  EXPECT_EQ(8u, got.word(28));
}

// messages checks 13, 52, 54
TEST_F(Messages, ARequestCarriesItsReplyRight) {
  const mach_port_name_t n = a.allocate(), r = b.allocate();
  const mach_port_name_t s = a.give_send(n, b);
  EXPECT_EQ(MACH_MSG_SUCCESS, b.send(s, MACH_MSG_TYPE_COPY_SEND, 1, r, MACH_MSG_TYPE_MAKE_SEND_ONCE));
  TestTask::Received request = a.receive(n);
  ASSERT_EQ(MACH_MSG_SUCCESS, request.code);
  EXPECT_EQ(MACH_MSGH_BITS(18, 17), request.header().msgh_bits);
  EXPECT_EQ(MACH_MSG_SUCCESS, a.send(request.header().msgh_remote_port, MACH_MSG_TYPE_MOVE_SEND_ONCE, 101));
  TestTask::Received reply = b.receive(r);
  ASSERT_EQ(MACH_MSG_SUCCESS, reply.code);
  EXPECT_EQ(101, reply.header().msgh_id);
  EXPECT_EQ(0u, a.type(request.header().msgh_remote_port));
}

// messages checks 40, 41, 42
TEST_F(Messages, AFullQueueGivesTheMessageBack) {
  const mach_port_name_t n = a.allocate(), r = b.allocate();
  const mach_port_name_t s = a.give_send(n, b);
  for (int i = 0; i < 5; i++) EXPECT_EQ(MACH_MSG_SUCCESS, b.send(s, MACH_MSG_TYPE_COPY_SEND, i));
  mach_msg_header_t header{};
  header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
  header.msgh_remote_port = s;
  header.msgh_local_port = r;
  EXPECT_EQ(MACH_SEND_TIMED_OUT, b.msg(&header, MACH_SEND_MSG | MACH_SEND_TIMEOUT, 24, 0, 0));
  EXPECT_EQ(MACH_MSGH_BITS(17, 18), header.msgh_bits);
  EXPECT_EQ(s, header.msgh_remote_port);
  EXPECT_NE(r, header.msgh_local_port);
  EXPECT_EQ(2u, b.refs(s, MACH_PORT_RIGHT_SEND));
  EXPECT_EQ(MACH_MSG_SUCCESS, a.receive(n).code);
  EXPECT_EQ(MACH_MSG_SUCCESS, b.msg(&header, MACH_SEND_MSG | MACH_SEND_TIMEOUT, 24, 0, 0));
  EXPECT_EQ(1u, b.refs(s, MACH_PORT_RIGHT_SEND));
}

// messages check 36
TEST_F(Messages, AReceiveRightMovesWithItsQueue) {
  const mach_port_name_t n = a.allocate(), q = b.port_with_send();
  const mach_port_name_t s = a.give_send(n, b);
  b.send(q, MACH_MSG_TYPE_COPY_SEND, 1);
  b.send(q, MACH_MSG_TYPE_COPY_SEND, 2);
  PortMessage message = port_message(s, MACH_MSG_TYPE_COPY_SEND, q, MACH_MSG_TYPE_MOVE_RECEIVE);
  EXPECT_EQ(MACH_MSG_SUCCESS,
            b.msg(&message.header, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof message, 0, 0));
  EXPECT_EQ(0x10000u, b.type(q));
  TestTask::Received got = a.receive(n);
  ASSERT_EQ(MACH_MSG_SUCCESS, got.code);
  const mach_port_name_t moved = got.word(28);
  EXPECT_EQ(0x20000u, a.type(moved));
  const mach_msg_option_t seqno = MACH_RCV_TIMEOUT | MACH_RCV_TRAILER_ELEMENTS(MACH_RCV_TRAILER_SEQNO);
  EXPECT_EQ(0u, a.receive(moved, seqno).word(32));
  EXPECT_EQ(1u, a.receive(moved, seqno).word(32));
}

// messages checks 37, 38; ports checks 107, 108
TEST_F(Messages, ACircleOfReceiveRightsDies) {
  const mach_port_name_t p = a.port_with_send(), q = a.port_with_send();
  PortMessage self = port_message(p, MACH_MSG_TYPE_COPY_SEND, p, MACH_MSG_TYPE_MOVE_RECEIVE);
  EXPECT_EQ(MACH_MSG_SUCCESS, a.msg(&self.header, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof self, 0, 0));
  EXPECT_EQ(0x100000u, a.type(p));
  const mach_port_name_t r = a.port_with_send();
  PortMessage first = port_message(r, MACH_MSG_TYPE_COPY_SEND, q, MACH_MSG_TYPE_MOVE_RECEIVE);
  EXPECT_EQ(MACH_MSG_SUCCESS, a.msg(&first.header, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof first, 0, 0));
  PortMessage second = port_message(q, MACH_MSG_TYPE_COPY_SEND, r, MACH_MSG_TYPE_MOVE_RECEIVE);
  EXPECT_EQ(MACH_MSG_SUCCESS, a.msg(&second.header, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof second, 0, 0));
  EXPECT_EQ(0x100000u, a.type(q));
  EXPECT_EQ(0x100000u, a.type(r));
}

struct MemoryMessage {
  mach_msg_header_t header;
  mach_msg_body_t body;
  mach_msg_ool_descriptor_t memory;
};

// messages checks 31, 32, 33
TEST_F(Messages, OutOfLineMemoryIsCaptured) {
  const mach_port_name_t n = a.allocate();
  const mach_port_name_t s = a.give_send(n, b);
  std::vector<char> bytes(100000);
  for (size_t i = 0; i < bytes.size(); i++) bytes[i] = static_cast<char>(i * 7);
  const std::vector<char> original = bytes;
  MemoryMessage message{};
  message.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX;
  message.header.msgh_remote_port = s;
  message.body.msgh_descriptor_count = 1;
  message.memory.address = bytes.data();
  message.memory.size = static_cast<mach_msg_size_t>(bytes.size());
  message.memory.copy = MACH_MSG_VIRTUAL_COPY;
  message.memory.type = MACH_MSG_OOL_DESCRIPTOR;
  EXPECT_EQ(MACH_MSG_SUCCESS,
            b.msg(&message.header, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof message, 0, 0));
  std::fill(bytes.begin(), bytes.end(), '\0');
  TestTask::Received got = a.receive(n);
  ASSERT_EQ(MACH_MSG_SUCCESS, got.code);
  auto* received = reinterpret_cast<MemoryMessage*>(got.bytes);
  EXPECT_EQ(original.size(), received->memory.size);
  EXPECT_EQ(1u, received->memory.deallocate);
  EXPECT_EQ(0, memcmp(original.data(), received->memory.address, original.size()));
  munmap(received->memory.address, original.size());
}

// messages check 30: unreadable memory, after a receive right was taken
TEST_F(Messages, UnreadableMemoryDestroysWhatWasTaken) {
  const mach_port_name_t n = a.port_with_send(), q = a.port_with_send();
  struct {
    mach_msg_header_t header;
    mach_msg_body_t body;
    mach_msg_port_descriptor_t port;
    mach_msg_ool_descriptor_t memory;
  } message{};
  message.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX;
  message.header.msgh_remote_port = n;
  message.body.msgh_descriptor_count = 2;
  message.port.name = q;
  message.port.disposition = MACH_MSG_TYPE_MOVE_RECEIVE;
  message.port.type = MACH_MSG_PORT_DESCRIPTOR;
  message.memory.address = reinterpret_cast<void*>(kBadAddress);
  message.memory.size = 10;
  message.memory.copy = MACH_MSG_VIRTUAL_COPY;
  message.memory.type = MACH_MSG_OOL_DESCRIPTOR;
  EXPECT_EQ(MACH_SEND_INVALID_MEMORY,
            a.msg(&message.header, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof message, 0, 0));
  EXPECT_EQ(0x100000u, a.type(q));
}

struct ArrayMessage {
  mach_msg_header_t header;
  mach_msg_body_t body;
  mach_msg_ool_ports_descriptor_t ports;
};

// messages check 35
TEST_F(Messages, ArraysOfRightsTravel) {
  const mach_port_name_t n = a.allocate();
  const mach_port_name_t s = a.give_send(n, b);
  std::vector<mach_port_name_t> names;
  for (int i = 0; i < 40; i++) names.push_back(b.allocate());
  ArrayMessage message{};
  message.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX;
  message.header.msgh_remote_port = s;
  message.body.msgh_descriptor_count = 1;
  message.ports.address = names.data();
  message.ports.count = static_cast<mach_msg_size_t>(names.size());
  message.ports.disposition = MACH_MSG_TYPE_MAKE_SEND;
  message.ports.type = MACH_MSG_OOL_PORTS_DESCRIPTOR;
  EXPECT_EQ(MACH_MSG_SUCCESS,
            b.msg(&message.header, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof message, 0, 0));
  TestTask::Received got = a.receive(n);
  ASSERT_EQ(MACH_MSG_SUCCESS, got.code);
  auto* received = reinterpret_cast<ArrayMessage*>(got.bytes);
  ASSERT_EQ(40u, received->ports.count);
  EXPECT_EQ(17u, received->ports.disposition);
  const auto* out = static_cast<const mach_port_name_t*>(received->ports.address);
  for (int i = 0; i < 40; i++) EXPECT_EQ(0x10000u, a.type(out[i]));
  munmap(received->ports.address, 40 * 4);
}

// messages checks 55, 56, 57
TEST_F(Messages, TooLargeIsReportedOrConsumed) {
  const mach_port_name_t n = a.allocate(), r = b.allocate();
  const mach_port_name_t s = a.give_send(n, b);
  b.send(s, MACH_MSG_TYPE_COPY_SEND, 5, r, MACH_MSG_TYPE_MAKE_SEND_ONCE);
  TestTask::Received large = a.receive(n, MACH_RCV_TIMEOUT | MACH_RCV_LARGE, 0, 31);
  EXPECT_EQ(MACH_RCV_TOO_LARGE, large.code);
  EXPECT_EQ(24u, large.header().msgh_size);
  TestTask::Received lost = a.receive(n, MACH_RCV_TIMEOUT, 0, 31);
  EXPECT_EQ(MACH_RCV_TOO_LARGE, lost.code);
  EXPECT_EQ(5, lost.header().msgh_id);
  EXPECT_EQ(MACH_PORT_NULL, lost.header().msgh_remote_port);
  EXPECT_EQ(1u, b.count(r, MACH_NOTIFY_SEND_ONCE));
}

// messages check 59
TEST_F(Messages, SetsAreFair) {
  const mach_port_name_t p = a.port_with_send(), q = a.port_with_send();
  const mach_port_name_t set = a.allocate(MACH_PORT_RIGHT_PORT_SET);
  EXPECT_EQ(KERN_SUCCESS, ipc::port_insert_member(a.thread(), a.space(), ipc::Name{p}, ipc::Name{set}));
  EXPECT_EQ(KERN_SUCCESS, ipc::port_insert_member(a.thread(), a.space(), ipc::Name{q}, ipc::Name{set}));
  for (int i = 0; i < 3; i++) a.send(p, MACH_MSG_TYPE_COPY_SEND, 1);
  for (int i = 0; i < 3; i++) a.send(q, MACH_MSG_TYPE_COPY_SEND, 2);
  int last = 0;
  for (int i = 0; i < 6; i++) {
    TestTask::Received got = a.receive(set);
    ASSERT_EQ(MACH_MSG_SUCCESS, got.code);
    EXPECT_NE(last, got.header().msgh_id);
    last = got.header().msgh_id;
  }
  EXPECT_EQ(MACH_RCV_TIMED_OUT, a.receive(set).code);
}

// messages checks 11, 12, 14, 15
TEST_F(Messages, HeaderChecksComeInTheirOrder) {
  const mach_port_name_t n = a.allocate();
  const mach_port_name_t s = a.give_send(n, b);
  EXPECT_EQ(MACH_SEND_INVALID_HEADER, b.send(s, 0, 1));
  EXPECT_EQ(MACH_SEND_INVALID_HEADER, b.send(s, MACH_MSG_TYPE_MOVE_RECEIVE, 1));
  EXPECT_EQ(MACH_SEND_INVALID_DEST, b.send(MACH_PORT_NULL, MACH_MSG_TYPE_COPY_SEND, 1));
  EXPECT_EQ(MACH_SEND_INVALID_HEADER, b.send(MACH_PORT_DEAD, MACH_MSG_TYPE_MOVE_RECEIVE, 1));
  EXPECT_EQ(MACH_SEND_INVALID_DEST,
            b.send(0x7703, MACH_MSG_TYPE_COPY_SEND, 1, 0x7803, MACH_MSG_TYPE_MAKE_SEND));
  EXPECT_EQ(MACH_SEND_INVALID_REPLY, b.send(s, MACH_MSG_TYPE_COPY_SEND, 1, 0x7803, MACH_MSG_TYPE_MAKE_SEND));
  EXPECT_EQ(MACH_SEND_INVALID_DEST, a.send(n, MACH_MSG_TYPE_COPY_SEND, 1));
  EXPECT_EQ(MACH_SEND_INVALID_DEST, b.send(s, MACH_MSG_TYPE_MAKE_SEND, 1));
}

// messages checks 17, 18, 19
TEST_F(Messages, OneNameTwice) {
  const mach_port_name_t n = a.allocate();
  const mach_port_name_t s = a.give_send(n, b);
  EXPECT_EQ(MACH_SEND_INVALID_DEST, b.send(s, MACH_MSG_TYPE_MOVE_SEND, 1, s, MACH_MSG_TYPE_MOVE_SEND));
  EXPECT_EQ(1u, b.refs(s, MACH_PORT_RIGHT_SEND));
  EXPECT_EQ(MACH_MSG_SUCCESS, b.send(s, MACH_MSG_TYPE_MOVE_SEND, 1, s, MACH_MSG_TYPE_COPY_SEND));
  EXPECT_EQ(0u, b.type(s));
  TestTask::Received got = a.receive(n);
  EXPECT_EQ(n, got.header().msgh_remote_port);
  EXPECT_EQ(0x30000u, a.type(n));
}

// ports check 111
TEST_F(Messages, ALongChainOfNestedPortsDiesFlat) {
  mach_port_name_t outer = a.allocate();
  for (int i = 0; i < 200; i++) {
    const mach_port_name_t next = a.port_with_send();
    PortMessage message = port_message(next, MACH_MSG_TYPE_COPY_SEND, outer, MACH_MSG_TYPE_MOVE_RECEIVE);
    ASSERT_EQ(MACH_MSG_SUCCESS,
              a.msg(&message.header, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof message, 0, 0));
    a.deallocate(next);
    outer = next;
  }
  EXPECT_EQ(KERN_SUCCESS, a.destroy(outer));
}

}  // namespace
}  // namespace portolan::test
