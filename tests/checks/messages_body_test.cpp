// SPDX-License-Identifier: Apache-2.0
// Messages checks 25 to 39: rights and memory of the body.
#include <cstring>
#include <string>

#include "checks/packet.hpp"

namespace checks {
namespace {

constexpr mach_msg_type_name_t kMoveSend = MACH_MSG_TYPE_MOVE_SEND;
constexpr mach_msg_type_name_t kMoveReceive = MACH_MSG_TYPE_MOVE_RECEIVE;

CHECK(Messages, M025_DeadNamesAreCarried) {
  const mach_port_t p = new_port_with_sends(1), dead = new_dead_name(2);
  Packet packet;
  EXPECT_CODE(MACH_MSG_SUCCESS, Packet(p, kCopySend).port(dead, kCopySend).send());
  EXPECT_EQ(2u, refs_of(dead, MACH_PORT_RIGHT_DEAD_NAME));
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.receive(p));
  EXPECT_EQ(MACH_PORT_DEAD, packet.port(0u).name);
  EXPECT_EQ(kSend, packet.port(0u).disposition);
  EXPECT_CODE(MACH_MSG_SUCCESS, Packet(p, kCopySend).port(dead, kMoveSend).send());
  EXPECT_EQ(1u, refs_of(dead, MACH_PORT_RIGHT_DEAD_NAME));
  EXPECT_CODE(MACH_MSG_SUCCESS, Packet(p, kCopySend).port(dead, MACH_MSG_TYPE_MOVE_SEND_ONCE).send());
  EXPECT_EQ(0u, type_of(dead));
}

CHECK(Messages, M026_ALiveSendOnceRightIsNotCopied) {
  const mach_port_t p = new_port_with_sends(1), once = make_send_once(p);
  EXPECT_CODE(MACH_SEND_INVALID_RIGHT, Packet(p, kCopySend).port(once, kCopySend).send());
  EXPECT_EQ(unsigned{MACH_PORT_TYPE_SEND_ONCE}, type_of(once));
}

CHECK(Messages, M027_WhatWasTakenBeforeAFaultIsDestroyed) {
  const mach_port_t p = new_port_with_sends(1), q = new_port_with_sends(1), r = new_port();
  EXPECT_CODE(MACH_SEND_INVALID_RIGHT,
              Packet(p, kCopySend).reply(r).port(q, kMoveSend).port(q, kMoveSend).send());
  EXPECT_EQ(unsigned{MACH_PORT_TYPE_RECEIVE}, type_of(q));
  EXPECT_EQ(0u, srights_of(q));
  EXPECT_EQ(MACH_NOTIFY_SEND_ONCE, next_id(r));
  EXPECT_TRUE(nothing_at(p));
}

CHECK(Messages, M028_NullIsCarried) {
  const mach_port_t p = new_port_with_sends(1);
  Packet packet(p, kCopySend);
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.port(MACH_PORT_NULL, kMakeSend).port(MACH_PORT_NULL, 99).send());
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.receive(p));
  EXPECT_EQ(MACH_PORT_NULL, packet.port(0u).name);
  EXPECT_EQ(kSend, packet.port(0u).disposition);
  EXPECT_EQ(0u, packet.port(1u).disposition);
}

CHECK(Messages, M029_NoBytesAreNowhere) {
  const mach_port_t p = new_port_with_sends(1);
  Packet packet(p, kCopySend);
  const void* wild = reinterpret_cast<const void*>(0x123456789abcdef0);
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.memory(wild, 0, MACH_MSG_VIRTUAL_COPY, true).send());
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.receive(p));
  EXPECT_EQ(nullptr, packet.memory(0u).address);
  EXPECT_EQ(0u, packet.memory(0u).size);
}

CHECK(Messages, M030_UnreadableMemoryDestroysWhatWasTaken) {
  const mach_port_t p = new_port_with_sends(1), q = new_port_with_sends(1);
  EXPECT_CODE(MACH_SEND_INVALID_MEMORY,
              Packet(p, kCopySend).port(q, kMoveReceive).memory(reinterpret_cast<void*>(0x10), 10).send());
  EXPECT_EQ(unsigned{MACH_PORT_TYPE_DEAD_NAME}, type_of(q));
  EXPECT_CODE(MACH_SEND_INVALID_MEMORY,
              Packet(p, kCopySend).array(reinterpret_cast<mach_port_t*>(0x10), 10, kCopySend).send());
}

CHECK(Messages, M031_WholePagesLeaveTheSender) {
  const mach_port_t p = new_port_with_sends(1);
  Pages page(page_size(), 'a');
  Packet packet(p, kCopySend);
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.memory(page.get() + 100, 10, MACH_MSG_VIRTUAL_COPY, true).send());
  page.gone();
  EXPECT_FALSE(readable(page.get()));
  EXPECT_FALSE(readable(page.get() + page_size() - 1));
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.receive(p));
  EXPECT_EQ(0, memcmp("aaaaaaaaaa", packet.memory(0u).address, 10));
  mach_msg_destroy(&packet.header());
}

CHECK(Messages, M032_TheMessageHasTheBytesOfTheCall) {
  const mach_port_t p = new_port_with_sends(1);
  for (const size_t size : {size_t{100}, size_t{100000}}) {
    std::string bytes(size, 'a');
    Packet packet(p, kCopySend);
    EXPECT_CODE(MACH_MSG_SUCCESS, packet.memory(bytes.data(), static_cast<mach_msg_size_t>(size)).send());
    bytes.assign(size, 'b');
    EXPECT_CODE(MACH_MSG_SUCCESS, packet.receive(p));
    EXPECT_EQ(std::string(size, 'a'), std::string(static_cast<char*>(packet.memory(0u).address), size));
    mach_msg_destroy(&packet.header());
  }
}

CHECK(Messages, M033_VirtualMemoryIsToBeDeallocated) {
  const mach_port_t p = new_port_with_sends(1);
  for (const unsigned copy : {unsigned{MACH_MSG_PHYSICAL_COPY}, unsigned{MACH_MSG_VIRTUAL_COPY}}) {
    Packet packet(p, kCopySend);
    EXPECT_CODE(MACH_MSG_SUCCESS, packet.memory("memory", 6, copy).send());
    EXPECT_CODE(MACH_MSG_SUCCESS, packet.receive(p));
    EXPECT_EQ(copy, packet.memory(0u).copy);
    EXPECT_EQ(copy == MACH_MSG_VIRTUAL_COPY, packet.memory(0u).deallocate);
    free_memory(packet.memory(0u).address, 6);
  }
}

CHECK(Messages, M034_AnArrayIsReleasedBeforeItsNamesAreTaken) {
  const mach_port_t p = new_port_with_sends(1), q = new_port_with_sends(1);
  Pages page(page_size());
  auto* names = reinterpret_cast<mach_port_t*>(page.get());
  names[0] = q;
  names[1] = 0xfff03;
  names[2] = q;
  EXPECT_CODE(MACH_SEND_INVALID_RIGHT, Packet(p, kCopySend).array(names, 3, kMoveSend, true).send());
  page.gone();
  EXPECT_FALSE(readable(names));
  EXPECT_EQ(unsigned{MACH_PORT_TYPE_RECEIVE}, type_of(q));
}

CHECK(Messages, M035_AnArrayArrivesInMemoryOfItsOwn) {
  const mach_port_t p = new_port_with_sends(1);
  const mach_port_t names[3] = {new_port(), MACH_PORT_NULL, new_port()};
  Packet packet(p, kCopySend);
  packet.array(names, 3, kMakeSend);
  packet.array(0u).copy = MACH_MSG_PHYSICAL_COPY;
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.send());
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.receive(p));
  const mach_msg_ool_ports_descriptor_t& array = packet.array(0u);
  EXPECT_EQ(unsigned{MACH_MSG_VIRTUAL_COPY}, array.copy);
  EXPECT_EQ(1u, array.deallocate);
  EXPECT_EQ(kSend, array.disposition);
  EXPECT_EQ(3u, array.count);
  EXPECT_EQ(0, memcmp(names, array.address, sizeof names));
  EXPECT_EQ(1u, refs_of(names[0]));
  mach_msg_destroy(&packet.header());
  EXPECT_EQ(0u, srights_of(names[0]));
}

CHECK(Messages, M036_AReceiveRightMovesWithItsQueue) {
  Peer peer([](const Line& line) {
    const mach_port_t p = new_port();
    line.tell(p);
    Packet packet;
    EXPECT_CODE(MACH_MSG_SUCCESS, packet.receive(p));
    const mach_port_t q = packet.port(0u).name;
    EXPECT_EQ(unsigned{MACH_PORT_TYPE_RECEIVE}, type_of(q));
    for (uint32_t n = 0; n < 3; n++) {
      EXPECT_CODE(MACH_MSG_SUCCESS, packet.receive(q, kSeqno));
      EXPECT_EQ(static_cast<mach_msg_id_t>(n + 1), packet.header().msgh_id);
      EXPECT_EQ(n, packet.trailer().msgh_seqno);
    }
    line.tell(1);
  });
  mach_port_t s = MACH_PORT_NULL;
  mach_msg_type_name_t type = 0;
  const auto there = static_cast<mach_port_name_t>(peer.line().hear());
  EXPECT_CODE(KERN_SUCCESS, mach_port_extract_right(peer.task(), there, kMakeSend, &s, &type));
  const mach_port_t q = new_port_with_sends(1);
  send_id(q, 99, kCopySend);
  EXPECT_EQ(99, next_id(q));  // so that the numbers begin anew
  fill_queue(q, 2);
  EXPECT_CODE(MACH_MSG_SUCCESS, Packet(s, kCopySend).port(q, kMoveReceive).send());
  EXPECT_EQ(unsigned{MACH_PORT_TYPE_SEND}, type_of(q));
  send_id(q, 3, kCopySend);
  peer.line().hear();
}

CHECK(Messages, M037_APortSentToItselfDies) {
  const mach_port_t q = new_port_with_sends(1);
  EXPECT_CODE(MACH_MSG_SUCCESS, Packet(q, kCopySend).port(q, kMoveReceive).send());
  EXPECT_EQ(unsigned{MACH_PORT_TYPE_DEAD_NAME}, type_of(q));
}

CHECK(Messages, M038_ACircleOfPortsDies) {
  const mach_port_t q = new_port_with_sends(1), r = new_port_with_sends(1);
  EXPECT_CODE(MACH_MSG_SUCCESS, Packet(r, kCopySend).port(q, kMoveReceive).send());
  EXPECT_EQ(unsigned{MACH_PORT_TYPE_SEND}, type_of(q));
  EXPECT_CODE(MACH_MSG_SUCCESS, Packet(q, kCopySend).port(r, kMoveReceive).send());
  EXPECT_EQ(unsigned{MACH_PORT_TYPE_DEAD_NAME}, type_of(q));
  EXPECT_EQ(unsigned{MACH_PORT_TYPE_DEAD_NAME}, type_of(r));
}

// A guarded port with a send right.
mach_port_t new_guarded_port(mach_port_context_t context) {
  const mach_port_t port = new_port_with_sends(1);
  EXPECT_CODE(KERN_SUCCESS, mach_port_guard(mach_task_self(), port, context, TRUE));
  return port;
}

CHECK(Messages, M039_AGuardedPortIsGuardedByTheBuffer) {
  const mach_port_t p = new_port_with_sends(1), q = new_guarded_port(0x1234);
  constexpr unsigned kImmovable = MACH_MSG_GUARD_FLAGS_IMMOVABLE_RECEIVE;
  Packet packet;
  EXPECT_CODE(MACH_MSG_SUCCESS, Packet(p, kCopySend).guarded(q, 0x1234, kImmovable).send());
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.receive(p, MACH_RCV_GUARDED_DESC));
  const auto buffer = reinterpret_cast<mach_port_context_t>(packet.bytes);
  EXPECT_EQ(q, packet.guarded(0u).name);
  EXPECT_EQ(buffer, packet.guarded(0u).context);
  EXPECT_EQ(kImmovable, packet.guarded(0u).flags);
  EXPECT_NE(0u, status_of(q).mps_flags & MACH_PORT_STATUS_FLAG_GUARDED);
  // It is here to stay, guarded or not.
  EXPECT_CODE(MACH_SEND_INVALID_RIGHT, Packet(p, kCopySend).guarded(q, buffer, kImmovable).send());
  EXPECT_CODE(KERN_SUCCESS, mach_port_unguard(mach_task_self(), q, buffer));
  EXPECT_CODE(MACH_SEND_INVALID_RIGHT, Packet(p, kCopySend).port(q, kMoveReceive).send());

  const mach_port_t lost = new_guarded_port(0x1234);
  EXPECT_CODE(MACH_MSG_SUCCESS, Packet(p, kCopySend).guarded(lost, 0x1234, kImmovable).send());
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.receive(p));
  EXPECT_EQ(MACH_PORT_NULL, packet.guarded(0u).name);
  EXPECT_EQ(0u, packet.guarded(0u).context);
  EXPECT_EQ(unsigned{MACH_PORT_TYPE_DEAD_NAME}, type_of(lost));
}

// Beyond the numbers: messages 5.4.
CHECK(Messages, AGuardHasToAgree) {
  const mach_port_t p = new_port_with_sends(1), q = new_guarded_port(7), plain = new_port_with_sends(1);
  constexpr unsigned kImmovable = MACH_MSG_GUARD_FLAGS_IMMOVABLE_RECEIVE,
                     kUnguarded = MACH_MSG_GUARD_FLAGS_UNGUARDED_ON_SEND;
  EXPECT_CODE(MACH_SEND_INVALID_RIGHT, Packet(p, kCopySend).guarded(q, 8, kImmovable).send());
  EXPECT_CODE(MACH_SEND_INVALID_RIGHT, Packet(p, kCopySend).guarded(plain, 0, kImmovable).send());
  EXPECT_CODE(MACH_SEND_INVALID_RIGHT, Packet(p, kCopySend).guarded(q, 0, kUnguarded).send());
  Packet packet;
  EXPECT_CODE(MACH_MSG_SUCCESS, Packet(p, kCopySend).guarded(plain, 0, kUnguarded).send());
  EXPECT_CODE(MACH_MSG_SUCCESS, packet.receive(p, MACH_RCV_GUARDED_DESC));
  EXPECT_EQ(plain, packet.guarded(0u).name);
  EXPECT_EQ(kUnguarded, packet.guarded(0u).flags);
  EXPECT_EQ(0u, status_of(plain).mps_flags & MACH_PORT_STATUS_FLAG_GUARDED);
}

// Beyond the numbers: messages 6.6.
CHECK(Messages, LargeVirtualMemoryKeepsItsPlaceInThePage) {
  const mach_port_t p = new_port_with_sends(1);
  const size_t size = 3 * page_size() + 40000;
  Pages pages(size + 4 * page_size(), 'x');
  // The second round may find memory that was used before.
  for (int round = 0; round < 2; round++) {
    Packet packet(p, kCopySend);
    packet.memory(pages.get() + 100, static_cast<mach_msg_size_t>(size));
    packet.memory(pages.get() + 100, static_cast<mach_msg_size_t>(size), MACH_MSG_PHYSICAL_COPY);
    packet.memory(pages.get() + 100, 10);
    EXPECT_CODE(MACH_MSG_SUCCESS, packet.send());
    EXPECT_CODE(MACH_MSG_SUCCESS, packet.receive(p));
    const auto place = [&](unsigned n) {
      return reinterpret_cast<uintptr_t>(packet.memory(n).address) % page_size();
    };
    EXPECT_EQ(100u, place(0));
    EXPECT_EQ(0u, place(1));
    EXPECT_EQ(0u, place(2));
    const char* start = static_cast<const char*>(packet.memory(0u).address);
    EXPECT_EQ(std::string(100, '\0'), std::string(start - 100, 100));
    EXPECT_EQ(std::string(size, 'x'), std::string(start, size));
    EXPECT_EQ('\0', start[size]);
    free_memory(packet.memory(1u).address, size);
    mach_msg_destroy(&packet.header());
  }
}

// Beyond the numbers: messages 5.1, step 8.
CHECK(Messages, NotMoreThanSevenMegabytesAreCopiedPhysically) {
  const mach_port_t p = new_port_with_sends(1);
  constexpr mach_msg_size_t kMegabyte = 1u << 20;
  const Pages pages(8 * kMegabyte);
  EXPECT_CODE(MACH_MSG_VM_KERNEL,
              Packet(p, kCopySend).memory(pages.get(), 7 * kMegabyte + 1, MACH_MSG_PHYSICAL_COPY).send());
  EXPECT_CODE(MACH_MSG_SUCCESS, Packet(p, kCopySend).memory(pages.get(), 7 * kMegabyte + 1).send());
  EXPECT_CODE(MACH_MSG_SUCCESS,
              Packet(p, kCopySend).memory(pages.get(), 7 * kMegabyte, MACH_MSG_PHYSICAL_COPY).send());
}

}  // namespace
}  // namespace checks
