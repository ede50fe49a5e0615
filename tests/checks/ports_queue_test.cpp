// SPDX-License-Identifier: Apache-2.0
// Ports checks 52 to 62: attributes, the queue.
#include "checks/words.hpp"

namespace checks {
namespace {

kern_return_t set_limit(mach_port_t port, mach_port_msgcount_t limit) {
  mach_port_limits_t limits{limit};
  return mach_port_set_attributes(mach_task_self(), port, MACH_PORT_LIMITS_INFO,
                                  reinterpret_cast<mach_port_info_t>(&limits), MACH_PORT_LIMITS_INFO_COUNT);
}

kern_return_t get(mach_port_t port, mach_port_flavor_t flavor, integer_t* words,
                  mach_msg_type_number_t& count) {
  return mach_port_get_attributes(mach_task_self(), port, flavor, words, &count);
}

integer_t requests_size(mach_port_t port) {
  integer_t words[1] = {-1};
  mach_msg_type_number_t count = 1;
  EXPECT_CODE(KERN_SUCCESS, get(port, MACH_PORT_DNREQUESTS_SIZE, words, count));
  return words[0];
}

mach_port_t full_port() {
  const mach_port_t n = new_port();
  for (int i = 0; i < 5; i++) send_id(n, i + 1);
  return n;
}

kern_return_t peek(mach_port_t port, mach_port_seqno_t& seqno, mach_msg_id_t& id) {
  mach_msg_size_t size = 0;
  char trailer[MAX_TRAILER_SIZE] = {};
  mach_msg_type_number_t trailer_size = sizeof trailer;
  return mach_port_peek(mach_task_self(), port, 0, &seqno, &size, &id, trailer, &trailer_size);
}

CHECK(Ports, P052_TheQueueLimitHasALimit) {
  const mach_port_t n = new_port();
  EXPECT_CODE(KERN_INVALID_VALUE, set_limit(n, 1025));
  EXPECT_EQ(5u, status_of(n).mps_qlimit);
  EXPECT_CODE(KERN_SUCCESS, set_limit(n, 1024));
  integer_t words[1] = {};
  mach_msg_type_number_t count = 1;
  EXPECT_CODE(KERN_SUCCESS, get(n, MACH_PORT_LIMITS_INFO, words, count));
  EXPECT_EQ(1024, words[0]);
}

CHECK(Ports, P053_TheSixthMessageTimesOut) {
  const mach_port_t n = new_port();
  for (int i = 0; i < 5; i++)
    EXPECT_CODE(MACH_MSG_SUCCESS, send_empty(n, MACH_MSG_TYPE_MAKE_SEND, i, MACH_SEND_TIMEOUT));
  EXPECT_CODE(MACH_SEND_TIMED_OUT, send_empty(n, MACH_MSG_TYPE_MAKE_SEND, 6, MACH_SEND_TIMEOUT));
  EXPECT_EQ(5u, status_of(n).mps_msgcount);
}

CHECK(Ports, P054_ASendOnceRightPassesTheLimit) {
  const mach_port_t n = full_port();
  send_id(n, 6, MACH_MSG_TYPE_MAKE_SEND_ONCE);
  EXPECT_EQ(6u, status_of(n).mps_msgcount);
  EXPECT_EQ(5u, status_of(n).mps_qlimit);
}

CHECK(Ports, P055_ALowerLimitDropsNothing) {
  const mach_port_t n = full_port();
  set_queue_limit(n, 1);
  EXPECT_EQ(5u, status_of(n).mps_msgcount);
  for (int i = 0; i < 5; i++) EXPECT_EQ(i + 1, next_id(n));
}

CHECK(Ports, P056_AHigherLimitLetsABlockedSenderGo) {
  const mach_port_t n = full_port();
  Blocked sender([n] { return send_empty(n, MACH_MSG_TYPE_MAKE_SEND, 6); });
  EXPECT_EQ(5u, status_of(n).mps_msgcount);
  set_queue_limit(n, 6);
  EXPECT_CODE(MACH_MSG_SUCCESS, sender.code());
  EXPECT_EQ(6u, status_of(n).mps_msgcount);
}

CHECK(Ports, P057_NumbersGoOnFromWhereTheyWereSet) {
  const mach_port_t n = new_port();
  send_id(n, 1);
  send_id(n, 2);
  EXPECT_CODE(KERN_SUCCESS, mach_port_set_seqno(mach_task_self(), n, 7));
  for (const mach_port_seqno_t wanted : {7u, 8u}) {
    Received message;
    EXPECT_CODE(MACH_MSG_SUCCESS, receive(message, n));
    EXPECT_EQ(wanted, message.trailer().msgh_seqno);
  }
}

CHECK(Ports, P058_AttributesOfNull) {
  integer_t words[MACH_PORT_RECEIVE_STATUS_COUNT] = {};
  mach_msg_type_number_t count = 1;
  EXPECT_CODE(KERN_SUCCESS, get(MACH_PORT_NULL, MACH_PORT_LIMITS_INFO, words, count));
  EXPECT_EQ(0u, count);
  count = MACH_PORT_RECEIVE_STATUS_COUNT;
  EXPECT_CODE(KERN_INVALID_RIGHT, get(MACH_PORT_NULL, MACH_PORT_RECEIVE_STATUS, words, count));
}

CHECK(Ports, P059_AttributesThatDoNotFit) {
  const mach_port_t n = new_port();
  integer_t words[MACH_PORT_RECEIVE_STATUS_COUNT] = {};
  mach_msg_type_number_t count = 9;
  EXPECT_CODE(KERN_FAILURE, get(n, MACH_PORT_RECEIVE_STATUS, words, count));
  count = MACH_PORT_RECEIVE_STATUS_COUNT;
  EXPECT_CODE(KERN_INVALID_ARGUMENT, get(n, 99, words, count));
}

CHECK(Ports, P060_MembershipIsYesOrNo) {
  const mach_port_t n = new_port();
  EXPECT_EQ(0u, status_of(n).mps_pset);
  set_member(n, new_set());
  set_member(n, new_set());
  EXPECT_EQ(1u, status_of(n).mps_pset);
}

CHECK(Ports, P061_TheRequestTableBeginsWithTwoSlots) {
  const mach_port_t n = new_port_with_sends(1), q = new_port();
  EXPECT_EQ(0, requests_size(n));
  EXPECT_EQ(MACH_PORT_NULL, request(n, MACH_NOTIFY_DEAD_NAME, 0, q));
  EXPECT_EQ(2, requests_size(n));
}

CHECK(Ports, P062_PeekTakesNothing) {
  const mach_port_t n = new_port();
  send_id(n, 41);
  send_id(n, 42);
  mach_port_seqno_t seqno = 0;
  mach_msg_id_t id = 0;
  EXPECT_CODE(KERN_SUCCESS, peek(n, seqno, id));
  EXPECT_EQ(41, id);
  EXPECT_EQ(0u, seqno);
  EXPECT_EQ(2u, status_of(n).mps_msgcount);
  seqno = 1;
  EXPECT_CODE(KERN_SUCCESS, peek(n, seqno, id));
  EXPECT_EQ(42, id);
  seqno = 2;
  EXPECT_CODE(KERN_FAILURE, peek(n, seqno, id));
  EXPECT_EQ(41, next_id(n));
  EXPECT_EQ(42, next_id(n));
}

}  // namespace
}  // namespace checks
