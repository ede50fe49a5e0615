// SPDX-License-Identifier: Apache-2.0
// Ports checks 112 to 120 and 124: guards, ports of the kernel, identity, the task argument.
#include <kern/ipc_kobject.h>

#include <set>

#include "checks/words.hpp"

namespace checks {
namespace {

kern_return_t guard(mach_port_t n, mach_port_context_t value, boolean_t strict = FALSE) {
  return mach_port_guard(mach_task_self(), n, value, strict);
}

kern_return_t kobject(mach_port_name_t name, natural_t& type, mach_vm_address_t& address) {
  return mach_port_kobject(mach_task_self(), name, &type, &address);
}

// The table of a task: what stands under each name.
std::vector<ipc_info_name_t> table_of(ipc_space_t task) {
  ipc_info_space_t space{};
  ipc_info_name_array_t table = nullptr;
  ipc_info_tree_name_array_t tree = nullptr;
  mach_msg_type_number_t count = 0, tree_count = 0;
  EXPECT_CODE(KERN_SUCCESS, mach_port_space_info(task, &space, &table, &count, &tree, &tree_count));
  EXPECT_EQ(space.iis_table_size, count);
  return {table, table + count};
}

ipc_info_name_t entry_of(mach_port_name_t name, ipc_space_t task) {
  for (const ipc_info_name_t& entry : table_of(task))
    if (entry.iin_name == name && entry.iin_type != 0) return entry;
  ADD_FAILURE() << "no entry " << name;
  return {};
}

CHECK(Ports, P112_AGuardWantsItsValue) {
  const mach_port_t n = new_port();
  EXPECT_CODE(KERN_SUCCESS, guard(n, 5));
  EXPECT_CODE(KERN_INVALID_ARGUMENT, mach_port_unguard(mach_task_self(), n, 6));
  EXPECT_CODE(KERN_INVALID_RIGHT, mach_port_mod_refs(mach_task_self(), n, MACH_PORT_RIGHT_RECEIVE, -1));
  EXPECT_CODE(KERN_INVALID_ARGUMENT, mach_port_destruct(mach_task_self(), n, 0, 6));
  EXPECT_EQ(0x20000u, type_of(n));
  EXPECT_CODE(KERN_SUCCESS, mach_port_destruct(mach_task_self(), n, 0, 5));
  EXPECT_EQ(0u, type_of(n));
}

CHECK(Ports, P113_AStrictGuardHidesTheContext) {
  const mach_port_t n = new_port();
  EXPECT_CODE(KERN_SUCCESS, guard(n, 5, TRUE));
  mach_port_context_t context = 1;
  EXPECT_CODE(KERN_SUCCESS, mach_port_get_context(mach_task_self(), n, &context));
  EXPECT_EQ(0u, context);
  EXPECT_CODE(KERN_INVALID_ARGUMENT, mach_port_set_context(mach_task_self(), n, 7));
  EXPECT_CODE(KERN_SUCCESS, mach_port_unguard(mach_task_self(), n, 5));
}

CHECK(Ports, P114_AContextKeepsAGuardOut) {
  const mach_port_t n = new_port();
  EXPECT_CODE(KERN_SUCCESS, mach_port_set_context(mach_task_self(), n, 9));
  EXPECT_CODE(KERN_INVALID_ARGUMENT, guard(n, 5));
  mach_port_context_t context = 0;
  EXPECT_CODE(KERN_SUCCESS, mach_port_get_context(mach_task_self(), n, &context));
  EXPECT_EQ(9u, context);
}

CHECK(Ports, P115_KernelPortsSayWhatTheyAre) {
  natural_t type = 99;
  mach_vm_address_t address = 1;
  EXPECT_CODE(KERN_SUCCESS, kobject(mach_task_self(), type, address));
  EXPECT_EQ(natural_t{IKOT_TASK_CONTROL}, type);
  EXPECT_EQ(2u, type);
  const mach_port_t n = new_port();
  EXPECT_CODE(KERN_SUCCESS, kobject(n, type, address));
  EXPECT_EQ(0u, type);
  EXPECT_EQ(0u, address);
  EXPECT_CODE(KERN_INVALID_RIGHT, kobject(make_send_once(n), type, address));
  EXPECT_CODE(KERN_INVALID_RIGHT, kobject(new_set(), type, address));
}

CHECK(Ports, P116_AThreadHasOneName) {
  const mach_port_t first = mach_thread_self();
  const mach_port_urefs_t before = refs_of(first);
  for (int i = 0; i < 3; i++) EXPECT_EQ(first, mach_thread_self());
  EXPECT_EQ(before + 3, refs_of(first));
}

CHECK(Ports, P118_IdentitiesTellPortsApart) {
  const mach_port_t n = new_port();
  new_port();
  new_set();
  Peer other;
  const mach_port_name_t theirs = other.give(n, MACH_MSG_TYPE_MAKE_SEND);
  const natural_t identity = entry_of(n, mach_task_self()).iin_object;
  EXPECT_NE(0u, identity);
  EXPECT_EQ(identity, entry_of(theirs, other.task()).iin_object);
  std::set<natural_t> all;
  for (const ipc_info_name_t& entry : table_of(mach_task_self())) {
    if (entry.iin_type == 0) continue;
    EXPECT_TRUE(all.insert(entry.iin_object).second) << entry.iin_name;
  }
}

CHECK(Ports, P119_SpaceInfoNoticesNoDeath) {
  const mach_port_t n = new_port();
  Peer other;
  const mach_port_name_t theirs = other.give(n, MACH_MSG_TYPE_MAKE_SEND);
  drop_receive(n);
  // What it may show is the entry as it was; a call that looks at the name turns it into a dead one.
  const mach_port_type_t shown = entry_of(theirs, other.task()).iin_type;
  EXPECT_TRUE(shown == MACH_PORT_TYPE_SEND || shown == MACH_PORT_TYPE_DEAD_NAME) << shown;
  EXPECT_EQ(MACH_PORT_TYPE_DEAD_NAME, type_of(theirs, other.task()));
  EXPECT_EQ(MACH_PORT_TYPE_DEAD_NAME, entry_of(theirs, other.task()).iin_type);
}

CHECK(Ports, P120_TheTaskArgument) {
  const mach_port_t host = mach_host_self(), receive_only = new_port();
  mach_port_name_t name = MACH_PORT_NULL;
  mach_port_type_t type = 0;
  for (const mach_port_t bad :
       {MACH_PORT_NULL, MACH_PORT_DEAD, mach_port_t{0x1403}, receive_only, new_dead_name()}) {
    EXPECT_CODE(MACH_SEND_INVALID_DEST, mach_port_allocate(bad, MACH_PORT_RIGHT_RECEIVE, &name)) << bad;
    EXPECT_CODE(MACH_SEND_INVALID_DEST, mach_port_type(bad, mach_task_self(), &type)) << bad;
  }
  EXPECT_CODE(KERN_INVALID_TASK, mach_port_allocate(host, MACH_PORT_RIGHT_RECEIVE, &name));
  EXPECT_CODE(KERN_INVALID_TASK, mach_port_type(host, mach_task_self(), &type));
  integer_t words[1] = {};
  mach_msg_type_number_t count = 1;
  EXPECT_CODE(KERN_INVALID_ARGUMENT,
              mach_port_get_attributes(host, receive_only, MACH_PORT_LIMITS_INFO, words, &count));
}

CHECK(Ports, P124_LooksThatNeedAPortOrAReceiver) {
  const mach_port_t n = new_port_with_sends(1);
  drop_receive(n);
  natural_t type = 0;
  mach_vm_address_t address = 0;
  EXPECT_CODE(KERN_INVALID_NAME, kobject(n, type, address));
  mach_port_rights_t srights = 0;
  EXPECT_CODE(KERN_INVALID_RIGHT, mach_port_get_srights(mach_task_self(), bootstrap_port, &srights));
}

}  // namespace
}  // namespace checks
