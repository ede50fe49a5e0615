// SPDX-License-Identifier: Apache-2.0
// Ports checks 63 to 71: port sets.
#include <algorithm>

#include "checks/words.hpp"

namespace checks {
namespace {

using Names = std::vector<mach_port_name_t>;

kern_return_t insert(mach_port_t port, mach_port_t set) {
  return mach_port_insert_member(mach_task_self(), port, set);
}
kern_return_t extract(mach_port_t port, mach_port_t set) {
  return mach_port_extract_member(mach_task_self(), port, set);
}
kern_return_t move(mach_port_t port, mach_port_t set) {
  return mach_port_move_member(mach_task_self(), port, set);
}

CHECK(Ports, P063_AMemberOnceOrNot) {
  const mach_port_t n = new_port(), set = new_set();
  EXPECT_CODE(KERN_NOT_IN_SET, extract(n, set));
  EXPECT_CODE(KERN_SUCCESS, insert(n, set));
  EXPECT_CODE(KERN_ALREADY_IN_SET, insert(n, set));
  EXPECT_EQ(Names{n}, members_of(set));
  EXPECT_CODE(KERN_SUCCESS, extract(n, set));
  EXPECT_CODE(KERN_NOT_IN_SET, extract(n, set));
}

CHECK(Ports, P064_MovedToNullItIsInNoSet) {
  const mach_port_t n = new_port(), first = new_set(), second = new_set();
  set_member(n, first);
  set_member(n, second);
  EXPECT_CODE(KERN_SUCCESS, move(n, MACH_PORT_NULL));
  EXPECT_EQ(Names{}, members_of(first));
  EXPECT_EQ(Names{}, members_of(second));
  EXPECT_EQ(0u, status_of(n).mps_pset);
  EXPECT_CODE(KERN_NOT_IN_SET, move(n, MACH_PORT_NULL));
}

CHECK(Ports, P065_MovedToASetItIsInThatOnly) {
  const mach_port_t n = new_port(), first = new_set(), second = new_set();
  set_member(n, first);
  EXPECT_CODE(KERN_SUCCESS, move(n, second));
  EXPECT_EQ(Names{}, members_of(first));
  EXPECT_EQ(Names{n}, members_of(second));
  EXPECT_CODE(KERN_SUCCESS, move(n, second));
  EXPECT_EQ(Names{n}, members_of(second));
}

CHECK(Ports, P066_AMemberReceivesAndASetIsASet) {
  const mach_port_t n = new_port(), m = new_port(), set = new_set();
  EXPECT_CODE(KERN_INVALID_NAME, insert(0x1403, m));
  EXPECT_CODE(KERN_INVALID_NAME, insert(m, 0x1403));
  EXPECT_CODE(KERN_INVALID_RIGHT, insert(bootstrap_port, set));  // it only sends
  EXPECT_CODE(KERN_INVALID_RIGHT, insert(n, m));
  EXPECT_CODE(KERN_INVALID_RIGHT, insert(set, set));
}

CHECK(Ports, P067_MembersAscend) {
  const mach_port_t set = new_set();
  Names ports;
  for (int i = 0; i < 20; i++) ports.push_back(new_port());
  for (size_t i = 0; i < ports.size(); i++) set_member(ports[i * 7 % ports.size()], set);
  std::sort(ports.begin(), ports.end());
  EXPECT_EQ(ports, members_of(set));
}

CHECK(Ports, P068_MembersOutliveTheirSet) {
  const mach_port_t n = new_port(), set = new_set();
  set_member(n, set);
  send_id(n, 41);
  send_id(n, 42);
  EXPECT_CODE(KERN_SUCCESS, mach_port_deallocate(mach_task_self(), set));
  EXPECT_EQ(0u, type_of(set));
  EXPECT_EQ(MACH_PORT_TYPE_RECEIVE, type_of(n));
  EXPECT_EQ(0u, status_of(n).mps_pset);
  EXPECT_EQ(41, next_id(n));
  EXPECT_EQ(42, next_id(n));
}

CHECK(Ports, P069_ReceiversOfASetHearThatItIsGone) {
  const mach_port_t n = new_port(), set = new_set();
  set_member(n, set);
  Blocked receiver([set] {
    Received message;
    return receive(message, set);
  });
  EXPECT_CODE(KERN_SUCCESS, mach_port_mod_refs(mach_task_self(), set, MACH_PORT_RIGHT_PORT_SET, -1));
  EXPECT_CODE(MACH_RCV_PORT_CHANGED, receiver.code());
}

CHECK(Ports, P070_APortThatMovesLeavesItsSets) {
  const mach_port_t n = new_port(), q = new_port(), set = new_set();
  set_member(n, set);
  EXPECT_CODE(MACH_MSG_SUCCESS,
              send_rights(q, MACH_MSG_TYPE_MAKE_SEND, 1, {{n, MACH_MSG_TYPE_MOVE_RECEIVE}}));
  EXPECT_EQ(Names{}, members_of(set));
  Received message;
  EXPECT_CODE(MACH_MSG_SUCCESS, receive(message, q));
  EXPECT_EQ(0u, status_of(message.rights.port.name).mps_pset);
  EXPECT_EQ(Names{}, members_of(set));
}

CHECK(Ports, P071_MembersTakeTurns) {
  const mach_port_t a = new_port(), b = new_port(), set = new_set();
  set_member(a, set);
  set_member(b, set);
  send_id(a, 1);
  send_id(a, 3);
  send_id(b, 2);
  send_id(b, 4);
  for (const mach_msg_id_t wanted : {1, 2, 3, 4}) EXPECT_EQ(wanted, next_id(set));
}

}  // namespace
}  // namespace checks
