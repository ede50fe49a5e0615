// SPDX-License-Identifier: Apache-2.0
// Ports checks 21 to 51: rights and user references.
#include "checks/words.hpp"

namespace checks {
namespace {

const auto kSend = MACH_PORT_RIGHT_SEND;

kern_return_t mod_refs(mach_port_name_t name, mach_port_right_t right, mach_port_delta_t delta) {
  return mach_port_mod_refs(mach_task_self(), name, right, delta);
}
kern_return_t insert(mach_port_name_t name, mach_port_t right, mach_msg_type_name_t disposition) {
  return mach_port_insert_right(mach_task_self(), name, right, disposition);
}
kern_return_t extract(mach_port_name_t name, mach_msg_type_name_t disposition, mach_port_t* right) {
  mach_msg_type_name_t type = 0;
  return mach_port_extract_right(mach_task_self(), name, disposition, right, &type);
}
kern_return_t destruct(mach_port_name_t name, mach_port_delta_t delta, mach_port_context_t guard = 0) {
  return mach_port_destruct(mach_task_self(), name, delta, guard);
}
// A port whose send right has as many references as there can be.
mach_port_t saturated() {
  const mach_port_t n = new_port_with_sends(1);
  EXPECT_CODE(KERN_SUCCESS, mod_refs(n, kSend, 65534));
  EXPECT_EQ(65535u, refs_of(n));
  return n;
}

CHECK(Ports, P021_AFreshReceiveRight) {
  const mach_port_t n = new_port();
  EXPECT_EQ(0x20000u, type_of(n));
  EXPECT_EQ(0u, refs_of(n));
  EXPECT_EQ(1u, refs_of(n, MACH_PORT_RIGHT_RECEIVE));
  EXPECT_EQ(0u, srights_of(n));
  EXPECT_EQ(0u, status_of(n).mps_mscount);
  EXPECT_EQ(5u, status_of(n).mps_qlimit);
}

CHECK(Ports, P022_TwiceMadeIsOneRightWithTwoReferences) {
  const mach_port_t n = new_port();
  EXPECT_CODE(KERN_SUCCESS, insert(n, n, MACH_MSG_TYPE_MAKE_SEND));
  EXPECT_CODE(KERN_SUCCESS, insert(n, n, MACH_MSG_TYPE_MAKE_SEND));
  EXPECT_EQ(0x30000u, type_of(n));
  EXPECT_EQ(2u, refs_of(n));
  EXPECT_EQ(1u, srights_of(n));
  EXPECT_EQ(2u, status_of(n).mps_mscount);
}

CHECK(Ports, P023_AnExtractedSendRightMerges) {
  const mach_port_t n = new_port_with_sends(1);
  mach_port_t right = MACH_PORT_NULL;
  EXPECT_CODE(KERN_SUCCESS, extract(n, MACH_MSG_TYPE_MAKE_SEND, &right));
  EXPECT_EQ(n, right);
  EXPECT_EQ(2u, refs_of(n));
}

CHECK(Ports, P024_SendOnceRightsNeverMerge) {
  const mach_port_t n = new_port();
  const mach_port_t first = make_send_once(n), second = make_send_once(n);
  EXPECT_NE(first, second);
  EXPECT_EQ(0x40000u, type_of(first));
  EXPECT_EQ(0x40000u, type_of(second));
  EXPECT_EQ(2u, status_of(n).mps_sorights);
}

CHECK(Ports, P025_NothingToCopy) {
  const mach_port_t n = new_port();
  EXPECT_CODE(KERN_INVALID_RIGHT, insert(n, n, MACH_MSG_TYPE_COPY_SEND));
  EXPECT_EQ(0x20000u, type_of(n));
}

CHECK(Ports, P026_APortHasOneNameInASpace) {
  const mach_port_t n = new_port();
  EXPECT_CODE(KERN_RIGHT_EXISTS, insert(0x1403, n, MACH_MSG_TYPE_MAKE_SEND));
  EXPECT_EQ(0u, type_of(0x1403));
  EXPECT_EQ(0x20000u, type_of(n));
}

CHECK(Ports, P027_ASendOnceRightNeedsANameOfItsOwn) {
  const mach_port_t n = new_port(), other = new_port();
  for (const mach_port_t used : {n, other}) {
    EXPECT_CODE(KERN_NAME_EXISTS, insert(used, n, MACH_MSG_TYPE_MAKE_SEND_ONCE));
    EXPECT_EQ(MACH_NOTIFY_SEND_ONCE, next_id(n));
  }
  EXPECT_EQ(0u, status_of(n).mps_sorights);
}

CHECK(Ports, P028_NothingIsMadeFromADeadName) {
  const mach_port_t dead = new_dead_name();
  EXPECT_CODE(KERN_INVALID_CAPABILITY, insert(dead, dead, MACH_MSG_TYPE_MAKE_SEND));
  EXPECT_CODE(KERN_INVALID_CAPABILITY, insert(dead, dead, MACH_MSG_TYPE_COPY_SEND));
  EXPECT_EQ(1u, refs_of(dead, MACH_PORT_RIGHT_DEAD_NAME));
}

CHECK(Ports, P029_NoRightIsInsertedAtNull) {
  const mach_port_t n = new_port();
  EXPECT_CODE(KERN_INVALID_VALUE, insert(MACH_PORT_NULL, n, MACH_MSG_TYPE_MAKE_SEND));
  EXPECT_CODE(KERN_INVALID_VALUE, insert(MACH_PORT_DEAD, n, MACH_MSG_TYPE_MAKE_SEND));
  EXPECT_EQ(0u, srights_of(n));
}

CHECK(Ports, P030_TooManyReferencesAreAllThereCanBe) {
  const mach_port_t n = new_port_with_sends(1);
  EXPECT_CODE(KERN_SUCCESS, mod_refs(n, kSend, 65535));
  EXPECT_EQ(65535u, refs_of(n));
}

CHECK(Ports, P031_ASaturatedCountStays) {
  const mach_port_t n = saturated();
  EXPECT_CODE(KERN_SUCCESS, mach_port_deallocate(mach_task_self(), n));
  EXPECT_EQ(65535u, refs_of(n));
  EXPECT_CODE(KERN_SUCCESS, mod_refs(n, kSend, -1));
  EXPECT_EQ(65535u, refs_of(n));
}

CHECK(Ports, P032_ASaturatedCountGoesAsAWhole) {
  const mach_port_t n = saturated();
  EXPECT_CODE(KERN_SUCCESS, mod_refs(n, kSend, -65535));
  EXPECT_EQ(0x20000u, type_of(n));
  EXPECT_EQ(0u, srights_of(n));
}

CHECK(Ports, P033_DeltasHaveARange) {
  const mach_port_t n = new_port_with_sends(1);
  EXPECT_CODE(KERN_INVALID_VALUE, mod_refs(n, kSend, 65536));
  EXPECT_CODE(KERN_INVALID_VALUE, mod_refs(n, kSend, -65536));
  EXPECT_CODE(KERN_INVALID_VALUE, mod_refs(n, kSend, -2));
  EXPECT_EQ(1u, refs_of(n));
}

CHECK(Ports, P034_ReferencesMakeNoRight) {
  const mach_port_t n = new_port();
  EXPECT_CODE(KERN_INVALID_RIGHT, mod_refs(n, kSend, 1));
  EXPECT_EQ(0x20000u, type_of(n));
}

CHECK(Ports, P035_AReceiveRightIsNotDeallocated) {
  const mach_port_t n = new_port();
  EXPECT_CODE(KERN_INVALID_RIGHT, mach_port_deallocate(mach_task_self(), n));
  EXPECT_EQ(0x20000u, type_of(n));
}

CHECK(Ports, P036_TheNameStaysForTheReceiveRight) {
  const mach_port_t n = new_port_with_sends(1);
  drop_send(n);
  EXPECT_EQ(0x20000u, type_of(n));
}

CHECK(Ports, P037_NothingOffAGuardedPort) {
  const mach_port_t n = new_port();
  EXPECT_CODE(KERN_SUCCESS, mach_port_guard(mach_task_self(), n, 5, FALSE));
  EXPECT_CODE(KERN_SUCCESS, mod_refs(n, MACH_PORT_RIGHT_RECEIVE, 0));
}

CHECK(Ports, P038_NoSecondReceiveRight) {
  EXPECT_CODE(KERN_INVALID_VALUE, mod_refs(new_port(), MACH_PORT_RIGHT_RECEIVE, 1));
  EXPECT_CODE(KERN_INVALID_VALUE, mod_refs(new_port(), MACH_PORT_RIGHT_RECEIVE, -2));
}

CHECK(Ports, P039_ModRefsLeavesADeadName) {
  const mach_port_t n = new_port_with_sends(3);
  drop_receive(n);
  EXPECT_EQ(0x100000u, type_of(n));
  EXPECT_EQ(3u, refs_of(n, MACH_PORT_RIGHT_DEAD_NAME));
}

CHECK(Ports, P040_DestroyLeavesNothing) {
  const mach_port_t n = new_port_with_sends(3);
  EXPECT_CODE(KERN_SUCCESS, mach_port_destroy(mach_task_self(), n));
  EXPECT_EQ(0u, type_of(n));
}

CHECK(Ports, P041_DestructTakesReferencesAlong) {
  const mach_port_t all = new_port_with_sends(3);
  EXPECT_CODE(KERN_SUCCESS, destruct(all, -3));
  EXPECT_EQ(0u, type_of(all));
  const mach_port_t some = new_port_with_sends(3);
  EXPECT_CODE(KERN_SUCCESS, destruct(some, -1));
  EXPECT_EQ(0x100000u, type_of(some));
  EXPECT_EQ(2u, refs_of(some, MACH_PORT_RIGHT_DEAD_NAME));
}

CHECK(Ports, P042_DestructWantsReferencesThatAreThere) {
  const mach_port_t n = new_port_with_sends(3);
  EXPECT_CODE(KERN_INVALID_VALUE, destruct(n, 1));
  EXPECT_CODE(KERN_INVALID_VALUE, destruct(n, -4));
  EXPECT_EQ(0x30000u, type_of(n));
  EXPECT_EQ(3u, refs_of(n));
  const mach_port_t lone = new_port();
  EXPECT_CODE(KERN_INVALID_RIGHT, destruct(lone, 1));
  EXPECT_CODE(KERN_INVALID_RIGHT, destruct(lone, -1));
  EXPECT_EQ(0x20000u, type_of(lone));
}

CHECK(Ports, P043_ADeadNameGoesWithItsLastReference) {
  const mach_port_t dead = new_dead_name(2);
  drop_send(dead);
  EXPECT_EQ(0x100000u, type_of(dead));
  drop_send(dead);
  EXPECT_EQ(0u, type_of(dead));
}

CHECK(Ports, P044_ARightOutOfADeadNameIsDead) {
  const mach_port_t dead = new_dead_name(2);
  mach_port_t right = MACH_PORT_NULL;
  EXPECT_CODE(KERN_SUCCESS, extract(dead, MACH_MSG_TYPE_COPY_SEND, &right));
  EXPECT_EQ(0xffffffffu, right);
  EXPECT_EQ(2u, refs_of(dead, MACH_PORT_RIGHT_DEAD_NAME));
  EXPECT_CODE(KERN_SUCCESS, extract(dead, MACH_MSG_TYPE_MOVE_SEND, &right));
  EXPECT_EQ(0xffffffffu, right);
  EXPECT_EQ(1u, refs_of(dead, MACH_PORT_RIGHT_DEAD_NAME));
}

CHECK(Ports, P045_ADeadNameHasNoPort) {
  const mach_port_t dead = new_dead_name();
  EXPECT_CODE(KERN_INVALID_NAME, mach_port_set_seqno(mach_task_self(), dead, 1));
  EXPECT_CODE(KERN_INVALID_RIGHT, mach_port_insert_member(mach_task_self(), dead, new_set()));
}

CHECK(Ports, P046_ReferencesAreNotRights) {
  const mach_port_t n = new_port();
  Peer other;
  const mach_port_name_t theirs = other.give(n, MACH_MSG_TYPE_MAKE_SEND);
  EXPECT_EQ(1u, srights_of(n));
  EXPECT_CODE(KERN_SUCCESS, mach_port_mod_refs(other.task(), theirs, kSend, 499));
  EXPECT_EQ(500u, refs_of(theirs, kSend, other.task()));
  EXPECT_EQ(1u, srights_of(n));
}

CHECK(Ports, P047_DispositionsEndAt21) {
  mach_port_t right = MACH_PORT_NULL;
  EXPECT_CODE(KERN_INVALID_VALUE, extract(new_port_with_sends(1), 22, &right));
  EXPECT_CODE(KERN_INVALID_VALUE, extract(new_port_with_sends(1), 15, &right));
}

CHECK(Ports, P048_RightsEndAtFive) {
  const mach_port_t n = new_port_with_sends(1);
  mach_port_urefs_t refs = 7;
  EXPECT_CODE(KERN_INVALID_VALUE, mod_refs(n, 6, 0));
  EXPECT_CODE(KERN_INVALID_VALUE, mach_port_get_refs(mach_task_self(), n, 6, &refs));
  EXPECT_CODE(KERN_INVALID_RIGHT, mod_refs(n, 5, 0));
  EXPECT_CODE(KERN_SUCCESS, mach_port_get_refs(mach_task_self(), n, 5, &refs));
  EXPECT_EQ(0u, refs);
}

CHECK(Ports, P049_ConstructMakesASendRightToo) {
  mach_port_options_t options{};
  options.flags = MPO_INSERT_SEND_RIGHT;
  mach_port_t n = MACH_PORT_NULL;
  EXPECT_CODE(KERN_SUCCESS, mach_port_construct(mach_task_self(), &options, 0, &n));
  EXPECT_EQ(0x30000u, type_of(n));
  EXPECT_EQ(1u, refs_of(n));
  EXPECT_EQ(1u, status_of(n).mps_mscount);
  EXPECT_EQ(1u, srights_of(n));
}

CHECK(Ports, P050_ConstructRefusesWhatCannotBe) {
  const natural_t before = space_of().iisb_table_inuse;
  mach_port_options_t options{};
  mach_port_t n = MACH_PORT_NULL;
  options.flags = MPO_QLIMIT;
  options.mpl.mpl_qlimit = 1025;
  EXPECT_CODE(KERN_INVALID_VALUE, mach_port_construct(mach_task_self(), &options, 0, &n));
  options.flags = MPO_REPLY_PORT | MPO_EXCEPTION_PORT;
  EXPECT_CODE(KERN_INVALID_ARGUMENT, mach_port_construct(mach_task_self(), &options, 0, &n));
  EXPECT_EQ(before, space_of().iisb_table_inuse);
}

CHECK(Ports, P051_NothingIsRenamed) {
  const mach_port_t n = new_port();
  EXPECT_NE(KERN_SUCCESS, mach_port_rename(mach_task_self(), n, 0x1403));
  EXPECT_EQ(0x20000u, type_of(n));
  EXPECT_EQ(0u, type_of(0x1403));
}

}  // namespace
}  // namespace checks
