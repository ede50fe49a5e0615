// SPDX-License-Identifier: Apache-2.0
// Tasks checks 14 and 60 to 68, bootstrap check 72: the tables of exception ports.
#include <errno.h>
#include <mach/host_priv.h>
#include <portolan/spawn.h>

#include <cstring>
#include <thread>

#include "checks/exception_words.hpp"

namespace checks {
namespace {

kern_return_t set_code(exception_mask_t mask, mach_port_t port, int behavior, int flavor = 0) {
  return task_set_exception_ports(mach_task_self(), mask, port, behavior, flavor);
}

CHECK(Tasks, T014_AForkHandsOnExceptionAndRegisteredPorts) {
  mach_port_t exceptions = new_port_with_sends(1), registered = new_port_with_sends(1);
  set_task(EXC_MASK_BAD_ACCESS, exceptions);
  EXPECT_CODE(KERN_SUCCESS, mach_ports_register(mach_task_self(), &registered, 1));
  Peer child([](const Line& line) {
    const ActionLists theirs = task_actions(EXC_MASK_BAD_ACCESS);
    line.tell(theirs.count);
    send_id(theirs.ports[0], 1, MACH_MSG_TYPE_COPY_SEND);
    mach_port_array_t ports = nullptr;
    mach_msg_type_number_t n = 0;
    mach_ports_lookup(mach_task_self(), &ports, &n);
    send_id(ports[0], 2, MACH_MSG_TYPE_COPY_SEND);
    line.wait();
  });
  EXPECT_EQ(1u, child.line().hear());
  EXPECT_EQ(1, await_id(exceptions));
  EXPECT_EQ(2, await_id(registered));
}

CHECK(Tasks, T060_AllLeavesTheEndsOut) {
  EXPECT_EQ(0x1bfe, EXC_MASK_ALL);
  const mach_port_t port = new_port_with_sends(1);
  set_task(EXC_MASK_ALL, port);
  const ActionLists after = task_actions();
  EXPECT_EQ(2u, after.count);
  EXPECT_EQ(port, after.ports[after.of(EXC_MASK_GUARD)]);
  EXPECT_EQ(mach_port_t{MACH_PORT_NULL}, after.ports[after.of(EXC_MASK_CRASH)]);
  EXPECT_EQ(exception_mask_t{EXC_MASK_CRASH | EXC_MASK_CORPSE_NOTIFY}, after.masks[after.of(EXC_MASK_CRASH)]);
  EXPECT_EQ(12u, srights_of(port)) << "one for each type, and the name's own";
}

CHECK(Tasks, T061_MasksOfNoTypes) {
  const mach_port_t port = new_port_with_sends(1);
  EXPECT_CODE(KERN_INVALID_ARGUMENT, set_code(1, port, EXCEPTION_DEFAULT));
  EXPECT_CODE(KERN_INVALID_ARGUMENT, set_code(1 << 14, port, EXCEPTION_DEFAULT));
  EXPECT_CODE(KERN_SUCCESS, set_code(0, port, EXCEPTION_DEFAULT));
  EXPECT_EQ(1u, srights_of(port));
  ActionLists lists;
  EXPECT_CODE(KERN_INVALID_ARGUMENT, task_get_exception_ports(mach_task_self(), 1, lists.masks, &lists.count,
                                                              lists.ports, lists.behaviors, lists.flavors));
}

CHECK(Tasks, T062_ABehaviorMattersToALivePort) {
  EXPECT_CODE(KERN_INVALID_ARGUMENT, set_code(EXC_MASK_BAD_ACCESS, new_port_with_sends(1), 9));
  EXPECT_CODE(KERN_INVALID_ARGUMENT, set_code(EXC_MASK_BAD_ACCESS, new_port_with_sends(1), 0));
  EXPECT_CODE(KERN_SUCCESS, set_code(EXC_MASK_BAD_ACCESS, MACH_PORT_NULL, 9));
  EXPECT_CODE(KERN_SUCCESS, set_code(EXC_MASK_BAD_ACCESS, MACH_PORT_DEAD, 9));
  EXPECT_EQ(MACH_PORT_DEAD, task_actions(EXC_MASK_BAD_ACCESS).ports[0]);
  EXPECT_CODE(MACH_SEND_INVALID_RIGHT, set_code(EXC_MASK_BAD_ACCESS, new_port(), EXCEPTION_DEFAULT));
  EXPECT_CODE(MACH_SEND_INVALID_RIGHT, set_code(EXC_MASK_BAD_ACCESS, 0x123403, EXCEPTION_DEFAULT));
}

CHECK(Tasks, T063_FlavorsOfTheMachine) {
  const mach_port_t port = new_port_with_sends(1);
  EXPECT_CODE(KERN_INVALID_ARGUMENT, set_code(EXC_MASK_BAD_ACCESS, port, EXCEPTION_STATE, 9999));
  EXPECT_CODE(KERN_INVALID_ARGUMENT, set_code(EXC_MASK_BAD_ACCESS, MACH_PORT_NULL, EXCEPTION_STATE, 9999));
  EXPECT_CODE(KERN_SUCCESS, set_code(EXC_MASK_BAD_ACCESS, port, EXCEPTION_STATE, 0));
  EXPECT_CODE(KERN_SUCCESS, set_code(EXC_MASK_BAD_ACCESS, port, EXCEPTION_STATE, MACHINE_THREAD_STATE));
}

CHECK(Tasks, T064_WhatNeedsLongCodes) {
  const mach_port_t port = new_port_with_sends(1);
  for (const int behavior : {EXCEPTION_IDENTITY_PROTECTED, EXCEPTION_STATE_IDENTITY_PROTECTED,
                             EXCEPTION_DEFAULT | MACH_EXCEPTION_BACKTRACE_PREFERRED}) {
    EXPECT_CODE(KERN_INVALID_ARGUMENT, set_code(EXC_MASK_BAD_ACCESS, port, behavior));
    EXPECT_CODE(KERN_SUCCESS, set_code(EXC_MASK_BAD_ACCESS, port, behavior | kCodes));
  }
}

CHECK(Tasks, T065_ActionsThatAreAlikeAreOneEntry) {
  const mach_port_t port = new_port_with_sends(1);
  const exception_mask_t both = EXC_MASK_BAD_ACCESS | EXC_MASK_ARITHMETIC;
  set_task(both, port);
  const ActionLists lists = task_actions(both);
  ASSERT_EQ(1u, lists.count);
  EXPECT_EQ(both, lists.masks[0]);
  EXPECT_EQ(port, lists.ports[0]);
  EXPECT_EQ(2u, refs_of(port)) << "one for the entry";
}

CHECK(Tasks, T066_OthersAreEntriesInOrder) {
  const mach_port_t port = new_port_with_sends(1);
  set_task(EXC_MASK_BREAKPOINT, port, EXCEPTION_DEFAULT);
  set_task(EXC_MASK_BAD_ACCESS | EXC_MASK_GUARD, port, EXCEPTION_STATE, MACHINE_THREAD_STATE);
  const ActionLists lists = task_actions(EXC_MASK_BREAKPOINT | EXC_MASK_BAD_ACCESS | EXC_MASK_GUARD);
  ASSERT_EQ(2u, lists.count);
  EXPECT_EQ(exception_mask_t{EXC_MASK_BAD_ACCESS | EXC_MASK_GUARD}, lists.masks[0]);
  EXPECT_EQ(EXCEPTION_STATE, lists.behaviors[0]);
  EXPECT_EQ(MACHINE_THREAD_STATE, lists.flavors[0]);
  EXPECT_EQ(exception_mask_t{EXC_MASK_BREAKPOINT}, lists.masks[1]);
  EXPECT_EQ(EXCEPTION_DEFAULT, lists.behaviors[1]);
}

CHECK(Tasks, T067_NothingSet) {
  const thread_t self = mach_thread_self();
  EXPECT_EQ(0u, thread_actions(self, EXC_MASK_ALL).count);
  const ActionLists task = task_actions(EXC_MASK_ALL);
  ASSERT_EQ(1u, task.count);
  EXPECT_EQ(exception_mask_t{EXC_MASK_ALL}, task.masks[0]);
  EXPECT_EQ(mach_port_t{MACH_PORT_NULL}, task.ports[0]);
  EXPECT_CODE(KERN_SUCCESS, thread_set_exception_ports(self, EXC_MASK_CRASH, MACH_PORT_NULL, 0, 0));
  EXPECT_EQ(1u, thread_actions(self, EXC_MASK_ALL).count) << "it has a table now";
}

CHECK(Tasks, T068_ASwapGivesBackWhatWasThere) {
  const mach_port_t first = new_port_with_sends(1), second = new_port_with_sends(1);
  const exception_mask_t both = EXC_MASK_BAD_ACCESS | EXC_MASK_ARITHMETIC;
  set_task(EXC_MASK_BAD_ACCESS, first);
  ActionLists old;
  EXPECT_CODE(KERN_SUCCESS,
              task_swap_exception_ports(mach_task_self(), both, second, EXCEPTION_DEFAULT, 0, old.masks,
                                        &old.count, old.ports, old.behaviors, old.flavors));
  ASSERT_EQ(2u, old.count);
  EXPECT_EQ(first, old.ports[0]);
  EXPECT_EQ(mach_port_t{MACH_PORT_NULL}, old.ports[1]);
  EXPECT_EQ(1u, srights_of(first)) << "two references, one name";
  EXPECT_EQ(2u, refs_of(first));
  EXPECT_EQ(second, task_actions(both).ports[0]);
  EXPECT_CODE(KERN_SUCCESS, task_swap_exception_ports(mach_task_self(), both, MACH_PORT_NULL, 0, 0, old.masks,
                                                      &old.count, old.ports, old.behaviors, old.flavors));
  ASSERT_EQ(1u, old.count);
  EXPECT_EQ(second, old.ports[0]);
  EXPECT_EQ(both, old.masks[0]);
  EXPECT_EQ(1u, srights_of(second));
  EXPECT_EQ(mach_port_t{MACH_PORT_NULL}, task_actions(both).ports[0]);
}

CHECK(Bootstrap, B072_AChildHasItsParentsExceptionPorts) {
  const mach_port_t port = new_port_with_sends(1);
  set_task(EXC_MASK_CRASH | EXC_MASK_RESOURCE, port, EXCEPTION_STATE_IDENTITY | kCodes, MACHINE_THREAD_STATE);
  EXPECT_EQ(1, exec_teller());
  Told told = told_at(port);
  EXPECT_EQ(EXCEPTION_STATE_IDENTITY, told.behavior);
  EXPECT_EQ(exception_mask_t{EXC_MASK_CRASH | EXC_MASK_RESOURCE}, told.mask);
  EXPECT_EQ(MACHINE_THREAD_STATE, told.flavor);
  EXPECT_EQ(1, spawn_teller([](posix_spawnattr_t&) {}));
  told = told_at(port);
  EXPECT_EQ(exception_mask_t{EXC_MASK_CRASH | EXC_MASK_RESOURCE}, told.mask);
}

CHECK(Exceptions, ASpawnAttributeIsForTheChildAlone) {
  const mach_port_t mine = new_port_with_sends(1), theirs = new_port_with_sends(1);
  set_task(EXC_MASK_BAD_ACCESS | EXC_MASK_GUARD, mine);
  EXPECT_EQ(2, spawn_teller([&](posix_spawnattr_t& attributes) {
              EXPECT_EQ(0, posix_spawnattr_setexceptionports_np(&attributes, EXC_MASK_BAD_ACCESS, theirs,
                                                                EXCEPTION_STATE, MACHINE_THREAD_STATE));
              EXPECT_EQ(0, posix_spawnattr_setspecialport_np(&attributes, mine, TASK_ACCESS_PORT));
            }));
  EXPECT_EQ(exception_mask_t{EXC_MASK_GUARD}, told_at(mine).mask);
  const Told told = told_at(theirs);
  EXPECT_EQ(exception_mask_t{EXC_MASK_BAD_ACCESS}, told.mask);
  EXPECT_EQ(EXCEPTION_STATE, told.behavior);
  EXPECT_EQ(mine, task_actions(EXC_MASK_BAD_ACCESS).ports[0]);
  EXPECT_EQ(0, spawn_teller([&](posix_spawnattr_t& attributes) {
              EXPECT_EQ(0,
                        posix_spawnattr_setexceptionports_np(&attributes, kEveryType, MACH_PORT_NULL, 0, 0));
            }));
}

CHECK(Exceptions, WhatASpawnRefuses) {
  auto refuses = [](unsigned times, exception_mask_t mask, mach_port_t port, int behavior) {
    int code = 0;
    spawn_teller(
        [&](posix_spawnattr_t& attributes) {
          for (unsigned i = 0; i < times; i++)
            EXPECT_EQ(0, posix_spawnattr_setexceptionports_np(&attributes, mask, port, behavior, 0));
        },
        &code);
    return code;
  };
  const mach_port_t port = new_port_with_sends(1);
  EXPECT_EQ(EINVAL, refuses(1, EXC_MASK_GUARD, new_port(), EXCEPTION_DEFAULT)) << "no send right";
  EXPECT_EQ(EINVAL, refuses(1, 1, port, EXCEPTION_DEFAULT));
  EXPECT_EQ(EINVAL, refuses(1, EXC_MASK_GUARD, port, 9));
  EXPECT_EQ(EINVAL, refuses(EXC_TYPES_COUNT + 1, EXC_MASK_GUARD, port, EXCEPTION_DEFAULT)) << "too many";
  EXPECT_EQ(0, refuses(EXC_TYPES_COUNT, EXC_MASK_GUARD, port, EXCEPTION_DEFAULT));
}

CHECK(Exceptions, ReplacedRightsAreReleased) {
  const mach_port_t port = new_port(), watch = new_port();
  EXPECT_CODE(KERN_SUCCESS, mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND));
  request(port, MACH_NOTIFY_NO_SENDERS, 1, watch);
  set_task(EXC_MASK_ALL, port);
  drop_send(port);
  EXPECT_TRUE(nothing_at(watch));
  set_task(EXC_MASK_ALL & ~EXC_MASK_GUARD, new_port_with_sends(1));
  EXPECT_TRUE(nothing_at(watch)) << "one is left";
  set_task(EXC_MASK_GUARD, MACH_PORT_NULL);
  EXPECT_EQ(MACH_NOTIFY_NO_SENDERS, await_id(watch));
}

CHECK(Exceptions, ADeadPortIsToldAsDead) {
  const mach_port_t port = new_port_with_sends(1);
  set_task(EXC_MASK_BAD_ACCESS | EXC_MASK_GUARD, port);
  drop_receive(port);
  const ActionLists lists = task_actions(EXC_MASK_BAD_ACCESS | EXC_MASK_GUARD);
  ASSERT_EQ(1u, lists.count);
  EXPECT_EQ(MACH_PORT_DEAD, lists.ports[0]);
  Peer child([](const Line& line) { line.tell(task_actions(EXC_MASK_GUARD).ports[0]); });
  EXPECT_EQ(uint64_t{MACH_PORT_DEAD}, child.line().hear());
  ActionLists old;
  EXPECT_CODE(KERN_SUCCESS,
              task_swap_exception_ports(mach_task_self(), kEveryType, MACH_PORT_NULL, 0, 0, old.masks,
                                        &old.count, old.ports, old.behaviors, old.flavors));
  EXPECT_EQ(MACH_PORT_DEAD, old.ports[old.of(EXC_MASK_GUARD)]);
}

CHECK(Exceptions, AThreadsActionsEndWithIt) {
  const mach_port_t port = new_port(), watch = new_port();
  EXPECT_CODE(KERN_SUCCESS, mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND));
  request(port, MACH_NOTIFY_NO_SENDERS, 1, watch);
  thread_t other = MACH_PORT_NULL;
  std::thread([&] {
    other = mach_thread_self();
    EXPECT_CODE(KERN_SUCCESS, thread_set_exception_ports(other, EXC_MASK_ALL, port, EXCEPTION_DEFAULT, 0));
    drop_send(port);
    const ActionLists lists = thread_actions(other, EXC_MASK_ALL | EXC_MASK_CRASH);
    EXPECT_EQ(2u, lists.count);
    EXPECT_EQ(port, lists.ports[lists.of(EXC_MASK_BAD_ACCESS)]);
    drop_send(port);
    EXPECT_TRUE(nothing_at(watch));
  }).join();
  EXPECT_EQ(MACH_NOTIFY_NO_SENDERS, await_id(watch));
  EXPECT_TRUE(eventually([&] { return type_of(other) == MACH_PORT_TYPE_DEAD_NAME; }));
  EXPECT_CODE(MACH_SEND_INVALID_DEST, thread_set_exception_ports(other, EXC_MASK_ALL, MACH_PORT_NULL, 0, 0));
  EXPECT_CODE(KERN_INVALID_ARGUMENT,
              thread_set_exception_ports(mach_task_self(), EXC_MASK_ALL, MACH_PORT_NULL, 0, 0));
}

CHECK(Exceptions, ThoseOfAnotherTaskGoWithIt) {
  const mach_port_t port = new_port(), watch = new_port();
  EXPECT_CODE(KERN_SUCCESS, mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND));
  request(port, MACH_NOTIFY_NO_SENDERS, 1, watch);
  Peer peer([](const Line& line) {
    line.tell(mach_thread_self());
    line.wait();
  });
  peer.line().hear();
  EXPECT_CODE(KERN_SUCCESS,
              task_set_exception_ports(peer.task(), EXC_MASK_CRASH, port, EXCEPTION_DEFAULT | kCodes, 0));
  thread_act_array_t threads = nullptr;
  mach_msg_type_number_t count = 0;
  EXPECT_CODE(KERN_SUCCESS, task_threads(peer.task(), &threads, &count));
  ASSERT_EQ(1u, count);
  EXPECT_CODE(KERN_SUCCESS,
              thread_set_exception_ports(threads[0], EXC_MASK_GUARD, port, EXCEPTION_DEFAULT, 0));
  EXPECT_EQ(3u, srights_of(port));
  EXPECT_EQ(port, task_actions(EXC_MASK_CRASH, peer.task()).ports[0]);
  EXPECT_EQ(port, thread_actions(threads[0], EXC_MASK_GUARD).ports[0]);
  EXPECT_CODE(KERN_SUCCESS, mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_SEND, -3));
  EXPECT_TRUE(nothing_at(watch));
  peer.kill_hard();
  EXPECT_EQ(MACH_NOTIFY_NO_SENDERS, await_id(watch));
}

CHECK(Exceptions, TheHostsArePrivileged) {
  const mach_port_t host = mach_host_self(), port = new_port_with_sends(1);
  EXPECT_CODE(KERN_INVALID_ARGUMENT,
              host_set_exception_ports(mach_task_self(), EXC_MASK_ALL, port, EXCEPTION_DEFAULT, 0));
  natural_t type = 0;
  mach_vm_address_t address = 0;
  EXPECT_CODE(KERN_SUCCESS, mach_port_kobject(mach_task_self(), host, &type, &address));
  ActionLists old;
  auto get = [&] {
    return host_get_exception_ports(host, EXC_MASK_ALL, old.masks, &old.count, old.ports, old.behaviors,
                                    old.flavors);
  };
  if (type != 4) {  // not root
    EXPECT_CODE(KERN_INVALID_ARGUMENT, get());
    return;
  }
  EXPECT_CODE(KERN_SUCCESS, host_set_exception_ports(host, EXC_MASK_GUARD, port, EXCEPTION_DEFAULT, 0));
  EXPECT_CODE(KERN_SUCCESS, get());
  ASSERT_EQ(2u, old.count);
  EXPECT_EQ(port, old.ports[old.of(EXC_MASK_GUARD)]);
  EXPECT_CODE(KERN_SUCCESS, host_swap_exception_ports(host, EXC_MASK_GUARD, MACH_PORT_NULL, 0, 0, old.masks,
                                                      &old.count, old.ports, old.behaviors, old.flavors));
  ASSERT_EQ(1u, old.count);
  EXPECT_EQ(port, old.ports[0]);
  EXPECT_EQ(1u, srights_of(port));
}

CHECK(Exceptions, InfoTellsPortsApart) {
  const mach_port_t one = new_port_with_sends(1), two = new_port_with_sends(1);
  set_task(EXC_MASK_BAD_ACCESS, one);
  set_task(EXC_MASK_GUARD, two);
  ipc_info_port_t info[32];
  ActionLists lists;
  mach_port_t read = MACH_PORT_NULL;
  EXPECT_CODE(KERN_SUCCESS, task_get_special_port(mach_task_self(), TASK_READ_PORT, &read));
  EXPECT_CODE(KERN_SUCCESS,
              task_get_exception_ports_info(read, EXC_MASK_BAD_ACCESS | EXC_MASK_GUARD | EXC_MASK_SYSCALL,
                                            lists.masks, &lists.count, info, lists.behaviors, lists.flavors));
  ASSERT_EQ(3u, lists.count);
  EXPECT_NE(0u, info[0].iip_port_object);
  EXPECT_EQ(0u, info[1].iip_port_object);
  EXPECT_NE(info[0].iip_port_object, info[2].iip_port_object);
  EXPECT_NE(0u, info[0].iip_receiver_object);
  EXPECT_EQ(info[0].iip_receiver_object, info[2].iip_receiver_object);
  EXPECT_EQ(1u, refs_of(one));
  EXPECT_CODE(KERN_INVALID_ARGUMENT, task_get_exception_ports(read, EXC_MASK_GUARD, lists.masks, &lists.count,
                                                              lists.ports, lists.behaviors, lists.flavors));
}

// A table without room for the names grows.
CHECK(Exceptions, AFullTableGrows) {
  Peer peer;
  for (unsigned type = 1; type < EXC_TYPES_COUNT; type++) {
    mach_port_name_t theirs = MACH_PORT_NULL;
    EXPECT_CODE(KERN_SUCCESS, mach_port_allocate(peer.task(), MACH_PORT_RIGHT_RECEIVE, &theirs));
    mach_port_t port = MACH_PORT_NULL;
    mach_msg_type_name_t kind = 0;
    EXPECT_CODE(KERN_SUCCESS,
                mach_port_extract_right(peer.task(), theirs, MACH_MSG_TYPE_MAKE_SEND, &port, &kind));
    set_task(1u << type, port, EXCEPTION_DEFAULT);
    drop_send(port);
  }
  const ipc_info_space_basic_t space = space_of();
  for (unsigned i = space.iisb_table_inuse + 1; i < space.iisb_table_size; i++) new_dead_name();
  const ActionLists lists = task_actions();
  EXPECT_EQ(13u, lists.count);
  EXPECT_GT(space_of().iisb_table_size, space.iisb_table_size);
  for (unsigned i = 0; i < lists.count; i++) {
    EXPECT_EQ(2u << i, lists.masks[i]);
    EXPECT_EQ(MACH_PORT_TYPE_SEND, type_of(lists.ports[i]));
  }
}

}  // namespace
}  // namespace checks
