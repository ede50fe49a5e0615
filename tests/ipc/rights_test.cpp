// SPDX-License-Identifier: Apache-2.0
// Names, rights and user references: ports checks 1 to 51.
#include <gtest/gtest.h>
#include <mach/notify.h>

#include <set>

#include "support/domain.hpp"

namespace portolan::test {
namespace {

class Rights : public testing::Test {
 protected:
  TestDomain domain;
  TestTask& a = domain.task();
  TestTask& b = domain.task();
};

// ports check 1
TEST_F(Rights, FirstEightNamesAscend) {
  for (mach_port_name_t i = 1; i <= 8; i++) EXPECT_EQ(i << 8 | 3, a.allocate());
}

// ports check 2
TEST_F(Rights, EveryNameHasItsLowBitsSetAndAnIndex) {
  std::set<mach_port_name_t> names;
  for (int i = 0; i < 200; i++) {
    const mach_port_name_t name = a.allocate();
    EXPECT_EQ(3u, name & 3);
    EXPECT_NE(0u, name >> 8);
    EXPECT_TRUE(names.insert(name).second);
  }
}

// ports checks 3, 4
TEST_F(Rights, AReusedIndexHasTheNextGeneration) {
  const mach_port_name_t old = a.allocate();
  EXPECT_EQ(KERN_SUCCESS, a.destroy(old));
  const mach_port_name_t fresh = a.allocate();
  EXPECT_EQ(old >> 8, fresh >> 8);
  EXPECT_EQ((old & 0xff) + 4, fresh & 0xff);
  EXPECT_EQ(KERN_INVALID_NAME, a.destroy(old));
}

// ports check 5
TEST_F(Rights, GenerationsWrap) {
  uint32_t last = 0;
  for (int i = 0; i < 200; i++) {
    const mach_port_name_t name = a.allocate();
    const uint32_t generation = name & 0xff;
    if (generation == 3 && last != 0) {
      EXPECT_TRUE(last == 0x3b || last == 0x7b || last == 0xbb || last == 0xfb) << last;
      a.destroy(name);
      return;
    }
    last = generation;
    a.destroy(name);
  }
  FAIL() << "never wrapped";
}

// ports check 6
TEST_F(Rights, FreedIndexesAreReusedNewestFirst) {
  const mach_port_name_t x = a.allocate(), y = a.allocate();
  a.destroy(x);
  a.destroy(y);
  EXPECT_EQ(y >> 8, a.allocate() >> 8);
  EXPECT_EQ(x >> 8, a.allocate() >> 8);
}

// ports checks 21, 22
TEST_F(Rights, MakeSendAddsAReferenceUnderTheSameName) {
  const mach_port_name_t n = a.allocate();
  EXPECT_EQ(0x20000u, a.type(n));
  EXPECT_EQ(5u, a.status(n).mps_qlimit);
  EXPECT_EQ(KERN_SUCCESS, a.insert_right(n, n, MACH_MSG_TYPE_MAKE_SEND));
  EXPECT_EQ(KERN_SUCCESS, a.insert_right(n, n, MACH_MSG_TYPE_MAKE_SEND));
  EXPECT_EQ(0x30000u, a.type(n));
  EXPECT_EQ(2u, a.refs(n, MACH_PORT_RIGHT_SEND));
  EXPECT_EQ(2u, a.status(n).mps_mscount);
}

// ports checks 30 to 33
TEST_F(Rights, ReferencesArePeggedAt65535) {
  const mach_port_name_t n = a.port_with_send();
  EXPECT_EQ(KERN_SUCCESS, a.mod_refs(n, MACH_PORT_RIGHT_SEND, 65535));
  EXPECT_EQ(65535u, a.refs(n, MACH_PORT_RIGHT_SEND));
  EXPECT_EQ(KERN_SUCCESS, a.deallocate(n));
  EXPECT_EQ(65535u, a.refs(n, MACH_PORT_RIGHT_SEND));
  EXPECT_EQ(KERN_INVALID_VALUE, a.mod_refs(n, MACH_PORT_RIGHT_SEND, 65536));
  EXPECT_EQ(KERN_SUCCESS, a.mod_refs(n, MACH_PORT_RIGHT_SEND, -65535));
  EXPECT_EQ(0x20000u, a.type(n));
}

// ports checks 39, 40
TEST_F(Rights, LosingTheReceiveRightLeavesADeadName) {
  const mach_port_name_t n = a.port_with_send();
  a.mod_refs(n, MACH_PORT_RIGHT_SEND, 2);
  EXPECT_EQ(KERN_SUCCESS, a.mod_refs(n, MACH_PORT_RIGHT_RECEIVE, -1));
  EXPECT_EQ(0x100000u, a.type(n));
  EXPECT_EQ(3u, a.refs(n, MACH_PORT_RIGHT_DEAD_NAME));
  const mach_port_name_t m = a.port_with_send();
  EXPECT_EQ(KERN_SUCCESS, a.destroy(m));
  EXPECT_EQ(0u, a.type(m));
}

// ports check 24
TEST_F(Rights, SendOnceRightsNeverCoalesce) {
  const mach_port_name_t n = a.allocate();
  const mach_port_name_t x = a.give(n, MACH_MSG_TYPE_MAKE_SEND_ONCE, a);
  const mach_port_name_t y = a.give(n, MACH_MSG_TYPE_MAKE_SEND_ONCE, a);
  EXPECT_NE(x, y);
  EXPECT_EQ(0x40000u, a.type(x));
  EXPECT_EQ(2u, a.status(n).mps_sorights);
}

// ports check 97
TEST_F(Rights, AnUnusedSendOnceRightTellsItsPort) {
  const mach_port_name_t n = a.allocate();
  const mach_port_name_t once = a.give(n, MACH_MSG_TYPE_MAKE_SEND_ONCE, b);
  EXPECT_EQ(KERN_SUCCESS, b.deallocate(once));
  TestTask::Received told =
      a.receive(n, MACH_RCV_TIMEOUT | MACH_RCV_TRAILER_ELEMENTS(MACH_RCV_TRAILER_SENDER));
  ASSERT_EQ(MACH_MSG_SUCCESS, told.code);
  EXPECT_EQ(MACH_NOTIFY_SEND_ONCE, told.header().msgh_id);
  EXPECT_EQ(24u, told.header().msgh_size);
  EXPECT_EQ(0x1200u, told.header().msgh_bits);
  EXPECT_EQ(0u, told.word(24 + 12));
  EXPECT_EQ(1u, told.word(24 + 16));
}

// ports check 99
TEST_F(Rights, ATasksDeathTurnsItsPortsIntoDeadNames) {
  const mach_port_name_t n = a.allocate();
  const mach_port_name_t send = a.give_send(n, b);
  EXPECT_EQ(0x10000u, b.type(send));
  a.die();
  EXPECT_EQ(0x100000u, b.type(send));
}

// ports checks 74, 101
TEST_F(Rights, TheLastSenderIsToldOfOnce) {
  const mach_port_name_t n = a.allocate(), q = a.allocate();
  const mach_port_name_t send = a.give_send(n, b);
  EXPECT_EQ(KERN_SUCCESS, a.notify(n, MACH_NOTIFY_NO_SENDERS, 0, q));
  EXPECT_EQ(0u, a.status(q).mps_msgcount);
  EXPECT_EQ(KERN_SUCCESS, b.deallocate(send));
  EXPECT_EQ(1u, a.count(q, MACH_NOTIFY_NO_SENDERS));
  EXPECT_EQ(0u, a.status(n).mps_nsrequest);
}

// ports check 80
TEST_F(Rights, ADeadNameRequestAddsAReference) {
  const mach_port_name_t n = a.allocate(), q = b.allocate();
  const mach_port_name_t send = a.give_send(n, b);
  b.mod_refs(send, MACH_PORT_RIGHT_SEND, 1);
  EXPECT_EQ(KERN_SUCCESS, b.notify(send, MACH_NOTIFY_DEAD_NAME, 0, q));
  EXPECT_EQ(0x80010000u, b.type(send));
  a.destroy(n);
  EXPECT_EQ(3u, b.refs(send, MACH_PORT_RIGHT_DEAD_NAME));
  TestTask::Received told = b.receive(q);
  EXPECT_EQ(MACH_NOTIFY_DEAD_NAME, told.header().msgh_id);
  EXPECT_EQ(send, told.word(32));
}

// ports check 94
TEST_F(Rights, APortDestroyedRequestCarriesTheReceiveRight) {
  const mach_port_name_t n = a.port_with_send(), q = b.allocate();
  const mach_port_name_t notify = b.give(q, MACH_MSG_TYPE_MAKE_SEND_ONCE, a);
  EXPECT_EQ(KERN_SUCCESS,
            a.notify(n, MACH_NOTIFY_PORT_DESTROYED, 0, notify, nullptr, MACH_MSG_TYPE_MOVE_SEND_ONCE));
  EXPECT_EQ(MACH_MSG_SUCCESS, a.send(n, MACH_MSG_TYPE_COPY_SEND, 7));
  EXPECT_EQ(MACH_MSG_SUCCESS, a.send(n, MACH_MSG_TYPE_COPY_SEND, 8));
  EXPECT_EQ(KERN_SUCCESS, a.mod_refs(n, MACH_PORT_RIGHT_RECEIVE, -1));
  EXPECT_EQ(0x10000u, a.type(n));
  TestTask::Received told = b.receive(q);
  ASSERT_EQ(MACH_MSG_SUCCESS, told.code);
  EXPECT_EQ(MACH_NOTIFY_PORT_DESTROYED, told.header().msgh_id);
  EXPECT_EQ(40u, told.header().msgh_size);
  const mach_port_name_t moved = told.word(28);
  EXPECT_EQ(0x20000u, b.type(moved));
  EXPECT_EQ(7, b.receive(moved).header().msgh_id);
  EXPECT_EQ(8, b.receive(moved).header().msgh_id);
}

// ports check 15
TEST_F(Rights, TablesGrowByDarwinsSizes) {
  ipc_info_space_basic_t info;
  for (int i = 0; i < 31; i++) a.allocate();
  ASSERT_EQ(KERN_SUCCESS, ipc::space_basic_info(a.thread(), a.space(), info));
  EXPECT_EQ(32u, info.iisb_table_size);
  a.allocate();
  ASSERT_EQ(KERN_SUCCESS, ipc::space_basic_info(a.thread(), a.space(), info));
  EXPECT_EQ(42u, info.iisb_table_size);
  EXPECT_EQ(32u, info.iisb_table_inuse);
  const uint32_t sizes[] = {32,  42,   64,   85,   128,  170,  256,  341,  512, 682,
                            853, 1024, 1194, 1365, 1536, 1706, 1877, 2048, 2218};
  for (size_t i = 0; i + 1 < std::size(sizes); i++)
    EXPECT_EQ(sizes[i + 1], ipc::table_size_after(sizes[i], ipc::kTableMax));
  EXPECT_EQ(305834u, ipc::table_size_after(294912, ipc::kTableMax));
}

}  // namespace
}  // namespace portolan::test
