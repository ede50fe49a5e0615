// SPDX-License-Identifier: Apache-2.0
// Ports checks 1 to 20: names and the space.
#include <set>

#include "checks/words.hpp"

namespace checks {
namespace {

constexpr uint32_t index_of(mach_port_name_t name) { return name >> 8; }
constexpr uint32_t generation_of(mach_port_name_t name) { return name & 0xff; }

void destroy(mach_port_name_t name) { EXPECT_CODE(KERN_SUCCESS, mach_port_destroy(mach_task_self(), name)); }

kern_return_t allocate_name(mach_port_right_t right, mach_port_name_t name) {
  return mach_port_allocate_name(mach_task_self(), right, name);
}

// A task is born with two names, which the library fetched: its own port and the bootstrap port. They are the
// first two of the eight.
CHECK(Ports, P001_TheFirstEightNamesAscendFrom103) {
  EXPECT_EQ(0x103u, mach_task_self());
  EXPECT_EQ(0x203u, bootstrap_port);
  for (mach_port_name_t name = 0x303; name <= 0x803; name += 0x100) EXPECT_EQ(name, new_port());
}

CHECK(Ports, P002_NamesOfTheKernelEndInTwoSetBits) {
  for (int i = 0; i < 300; i++) {
    const mach_port_name_t name = i % 2 == 0 ? new_port() : new_dead_name();
    EXPECT_EQ(3u, name & 3) << name;
    EXPECT_NE(0u, name >> 8) << name;
    if (i % 3 == 0) destroy(name);
  }
}

CHECK(Ports, P003_AFreedSlotIsNextAGenerationOn) {
  mach_port_name_t n = new_port();
  for (int i = 0; i < 200; i++) {
    destroy(n);
    const mach_port_name_t next = i % 2 == 0 ? new_set() : new_port();
    EXPECT_EQ(index_of(n), index_of(next));
    EXPECT_TRUE(generation_of(next) == generation_of(n) + 4 || generation_of(next) == 0x03)
        << n << " " << next;
    n = next;
  }
}

CHECK(Ports, P004_TheFormerNameOfASlotIsNone) {
  const mach_port_name_t n = new_port();
  destroy(n);
  const mach_port_name_t next = new_port();
  ASSERT_EQ(index_of(n), index_of(next));
  mach_port_type_t type = 0;
  EXPECT_CODE(KERN_INVALID_NAME, mach_port_type(mach_task_self(), n, &type));
  EXPECT_CODE(KERN_INVALID_NAME, mach_port_deallocate(mach_task_self(), n));
  EXPECT_CODE(KERN_INVALID_NAME, mach_port_destroy(mach_task_self(), n));
  EXPECT_CODE(KERN_INVALID_NAME, mach_port_mod_refs(mach_task_self(), n, MACH_PORT_RIGHT_RECEIVE, -1));
  EXPECT_EQ(MACH_PORT_TYPE_RECEIVE, type_of(next));
}

CHECK(Ports, P005_GenerationsWrapAtOneOfFourPlaces) {
  const std::set<uint32_t> places = {0x3b, 0x7b, 0xbb, 0xfb};
  std::set<uint32_t> seen;
  mach_port_name_t n = new_port();
  for (int i = 0; i < 4000; i++) {
    destroy(n);
    const mach_port_name_t next = new_port();
    if (generation_of(next) == 0x03) {
      EXPECT_EQ(1u, places.count(generation_of(n))) << n;
      seen.insert(generation_of(n));
    } else {
      EXPECT_EQ(n + 4, next);
    }
    n = next;
  }
  EXPECT_EQ(places, seen);  // each is drawn anew at every wrap: of some hundred wraps none is left out
}

CHECK(Ports, P006_TheLastSlotFreedIsTheFirstTaken) {
  const mach_port_name_t a = new_port(), b = new_port();
  destroy(a);
  destroy(b);
  EXPECT_EQ(index_of(b), index_of(new_port()));
  EXPECT_EQ(index_of(a), index_of(new_port()));
}

CHECK(Ports, P007_AChosenNameEndsInTwoSetBits) {
  for (const mach_port_name_t name : {0x1200u, 0x1201u, 0x1202u})
    EXPECT_CODE(KERN_INVALID_VALUE, allocate_name(MACH_PORT_RIGHT_RECEIVE, name));
}

CHECK(Ports, P008_SlotZeroCannotBeChosen) {
  EXPECT_CODE(KERN_FAILURE, allocate_name(MACH_PORT_RIGHT_RECEIVE, 0x03));
}

CHECK(Ports, P009_AChosenNameMustBeFree) {
  EXPECT_CODE(KERN_SUCCESS, allocate_name(MACH_PORT_RIGHT_RECEIVE, 0x1203));
  EXPECT_EQ(MACH_PORT_TYPE_RECEIVE, type_of(0x1203));
  EXPECT_CODE(KERN_NAME_EXISTS, allocate_name(MACH_PORT_RIGHT_RECEIVE, 0x1203));
  EXPECT_CODE(KERN_NAME_EXISTS, allocate_name(MACH_PORT_RIGHT_PORT_SET, 0x1203));
  EXPECT_CODE(KERN_FAILURE, allocate_name(MACH_PORT_RIGHT_RECEIVE, 0x1207));
  EXPECT_EQ(MACH_PORT_TYPE_RECEIVE, type_of(0x1203));
}

CHECK(Ports, P010_AnIndexPastTheLargestTableHasNoSpace) {
  EXPECT_CODE(KERN_NO_SPACE, allocate_name(MACH_PORT_RIGHT_RECEIVE, 0xfffffe03));
  EXPECT_CODE(KERN_NO_SPACE, allocate_name(MACH_PORT_RIGHT_RECEIVE, (305834u + 1) << 8 | 3));
}

CHECK(Ports, P011_AChosenNameGrowsTheTable) {
  EXPECT_CODE(KERN_SUCCESS, allocate_name(MACH_PORT_RIGHT_RECEIVE, 0x100003));
  EXPECT_EQ(MACH_PORT_TYPE_RECEIVE, type_of(0x100003));
  EXPECT_GT(space_of().iisb_table_size, 4096u);
}

CHECK(Ports, P012_ADeadNameIgnoresTheNameChosen) {
  const natural_t before = space_of().iisb_table_inuse;
  EXPECT_CODE(KERN_SUCCESS, allocate_name(MACH_PORT_RIGHT_DEAD_NAME, 0x1203));
  EXPECT_EQ(before + 1, space_of().iisb_table_inuse);
  EXPECT_EQ(0u, type_of(0x1203));
  // The full form tells the name that was picked instead.
  mach_port_qos_t qos{};
  qos.name = 1;
  mach_port_name_t name = 0x1303;
  EXPECT_CODE(KERN_SUCCESS, mach_port_allocate_full(mach_task_self(), MACH_PORT_RIGHT_DEAD_NAME,
                                                    MACH_PORT_NULL, &qos, &name));
  EXPECT_EQ(0u, type_of(0x1303));
  EXPECT_EQ(MACH_PORT_TYPE_DEAD_NAME, type_of(name));
}

CHECK(Ports, P013_OnlyReceiveRightsSetsAndDeadNamesAreAllocated) {
  mach_port_name_t name = MACH_PORT_NULL;
  for (const mach_port_right_t right :
       {MACH_PORT_RIGHT_SEND, MACH_PORT_RIGHT_SEND_ONCE, mach_port_right_t{6}})
    EXPECT_CODE(KERN_INVALID_VALUE, mach_port_allocate(mach_task_self(), right, &name));
}

CHECK(Ports, P014_ANewSpaceHas32Slots) {
  const ipc_info_space_basic_t space = space_of();
  EXPECT_EQ(32u, space.iisb_table_size);
  EXPECT_EQ(0xffu, space.iisb_genno_mask);
  mach_port_name_array_t names = nullptr;
  mach_port_type_array_t types = nullptr;
  mach_msg_type_number_t name_count = 0, type_count = 0;
  EXPECT_CODE(KERN_SUCCESS, mach_port_names(mach_task_self(), &names, &name_count, &types, &type_count));
  EXPECT_EQ(name_count, type_count);
  EXPECT_EQ(name_count, space.iisb_table_inuse);
  EXPECT_EQ(2u, name_count);
}

CHECK(Ports, P015_AFullTableGrowsTo42) {
  for (natural_t used = space_of().iisb_table_inuse; used < 31; used++) new_port();
  EXPECT_EQ(31u, space_of().iisb_table_inuse);
  EXPECT_EQ(32u, space_of().iisb_table_size);
  const mach_port_name_t name = new_port();
  EXPECT_EQ(42u, space_of().iisb_table_size);
  EXPECT_EQ(0x2003u, name);  // the lowest new slot
}

// What is purely a send right takes room in the table of rights by port, which may be seven eighths full.
CHECK(Ports, P016_ManySendRightsGrowTheTableBeforeItIsFull) {
  Peer other([](const Line& line) {
    for (int i = 0; i < 25; i++) line.tell(new_port());
    line.wait();
  });
  EXPECT_EQ(3u, space_of().iisb_table_inuse);  // our own port, the bootstrap port, the other task's
  for (natural_t sends = 3; sends < 28; sends++) {
    const auto theirs = static_cast<mach_port_name_t>(other.line().hear());
    mach_port_t name = MACH_PORT_NULL;
    mach_msg_type_name_t type = 0;
    EXPECT_CODE(KERN_SUCCESS,
                mach_port_extract_right(other.task(), theirs, MACH_MSG_TYPE_MAKE_SEND, &name, &type));
    EXPECT_EQ(MACH_PORT_TYPE_SEND, type_of(name));
  }
  EXPECT_EQ(28u, space_of().iisb_table_inuse);
  EXPECT_EQ(32u, space_of().iisb_table_size);
  new_port();
  EXPECT_EQ(42u, space_of().iisb_table_size);
  EXPECT_EQ(29u, space_of().iisb_table_inuse);
}

CHECK(Ports, P017_NullAndDeadMayBeReleased) {
  for (const mach_port_name_t name : {MACH_PORT_NULL, MACH_PORT_DEAD}) {
    EXPECT_CODE(KERN_SUCCESS, mach_port_deallocate(mach_task_self(), name));
    EXPECT_CODE(KERN_SUCCESS, mach_port_destroy(mach_task_self(), name));
  }
}

CHECK(Ports, P018_DeadIsADeadNameNullIsNone) {
  mach_port_type_t type = 0;
  EXPECT_CODE(KERN_SUCCESS, mach_port_type(mach_task_self(), MACH_PORT_DEAD, &type));
  EXPECT_EQ(0x100000u, type);
  EXPECT_CODE(KERN_INVALID_NAME, mach_port_type(mach_task_self(), MACH_PORT_NULL, &type));
}

CHECK(Ports, P019_NullHasOneSendReference) {
  mach_port_urefs_t refs = 0;
  EXPECT_CODE(KERN_SUCCESS,
              mach_port_get_refs(mach_task_self(), MACH_PORT_NULL, MACH_PORT_RIGHT_SEND, &refs));
  EXPECT_EQ(1u, refs);
  EXPECT_CODE(KERN_INVALID_NAME,
              mach_port_get_refs(mach_task_self(), MACH_PORT_NULL, MACH_PORT_RIGHT_RECEIVE, &refs));
}

CHECK(Ports, P020_DeadTakesAnyNumberOfReferences) {
  EXPECT_CODE(KERN_SUCCESS,
              mach_port_mod_refs(mach_task_self(), MACH_PORT_DEAD, MACH_PORT_RIGHT_SEND_ONCE, 5));
  EXPECT_CODE(KERN_SUCCESS,
              mach_port_mod_refs(mach_task_self(), MACH_PORT_DEAD, MACH_PORT_RIGHT_SEND, -70000));
  EXPECT_CODE(KERN_INVALID_NAME,
              mach_port_mod_refs(mach_task_self(), MACH_PORT_DEAD, MACH_PORT_RIGHT_RECEIVE, 0));
}

}  // namespace
}  // namespace checks
