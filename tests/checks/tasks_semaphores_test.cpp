// SPDX-License-Identifier: Apache-2.0
// Ports check 117 and tasks checks 101 to 107: semaphores.
#include <kern/ipc_kobject.h>
#include <mach/semaphore.h>

#include "checks/words.hpp"

namespace checks {
namespace {

semaphore_t new_semaphore(int value, int policy = SYNC_POLICY_FIFO) {
  semaphore_t semaphore = MACH_PORT_NULL;
  EXPECT_CODE(KERN_SUCCESS, semaphore_create(mach_task_self(), &semaphore, policy, value));
  return semaphore;
}

// Without blocking: is there one to take?
bool take(semaphore_t semaphore) {
  const kern_return_t code = semaphore_timedwait(semaphore, {0, 0});
  EXPECT_TRUE(code == KERN_SUCCESS || code == KERN_OPERATION_TIMED_OUT) << code;
  return code == KERN_SUCCESS;
}

Blocked waiter(semaphore_t semaphore) {
  return Blocked([semaphore] { return semaphore_wait(semaphore); });
}

CHECK(Ports, P117_ADestroyedSemaphoreIsNoDeadName) {
  const semaphore_t s = new_semaphore(0);
  mach_port_t other = s;
  EXPECT_CODE(KERN_SUCCESS, mach_port_mod_refs(mach_task_self(), s, MACH_PORT_RIGHT_SEND, 1));
  EXPECT_CODE(KERN_SUCCESS, semaphore_destroy(mach_task_self(), other));
  EXPECT_EQ(0x10000u, type_of(s));
  EXPECT_EQ(1u, refs_of(s));
  EXPECT_CODE(KERN_TERMINATED, semaphore_signal(s));
  EXPECT_CODE(KERN_TERMINATED, semaphore_wait(s));
  natural_t type = 0;
  mach_vm_address_t address = 0;
  EXPECT_CODE(KERN_SUCCESS, mach_port_kobject(mach_task_self(), s, &type, &address));
  EXPECT_EQ(natural_t{IKOT_SEMAPHORE}, type);
  drop_send(s);
  EXPECT_EQ(0u, type_of(s));
}

CHECK(Tasks, T101_TwoMayPassAndTheThirdWaits) {
  const semaphore_t s = new_semaphore(2);
  EXPECT_CODE(KERN_SUCCESS, semaphore_signal_all(s));
  EXPECT_CODE(KERN_SUCCESS, semaphore_wait(s));
  EXPECT_CODE(KERN_SUCCESS, semaphore_wait(s));
  Blocked third = waiter(s);
  EXPECT_CODE(KERN_SUCCESS, semaphore_signal(s));
  EXPECT_CODE(KERN_SUCCESS, third.code());
  EXPECT_FALSE(take(s));
}

CHECK(Tasks, T102_ASignalIsRemembered) {
  const semaphore_t s = new_semaphore(0);
  EXPECT_CODE(KERN_SUCCESS, semaphore_signal(s));
  EXPECT_CODE(KERN_SUCCESS, semaphore_wait(s));
  EXPECT_FALSE(take(s));
}

CHECK(Tasks, T103_ASignalToAThreadIsNot) {
  const semaphore_t s = new_semaphore(0);
  EXPECT_CODE(KERN_NOT_WAITING, semaphore_signal_thread(s, MACH_PORT_NULL));
  EXPECT_CODE(KERN_NOT_WAITING, semaphore_signal_thread(s, mach_thread_self()));
  EXPECT_CODE(KERN_INVALID_ARGUMENT, semaphore_signal_thread(s, mach_task_self()));
  EXPECT_FALSE(take(s));
  Blocked one = waiter(s);
  EXPECT_CODE(KERN_SUCCESS, semaphore_signal_thread(s, MACH_PORT_NULL));
  EXPECT_CODE(KERN_SUCCESS, one.code());
}

CHECK(Tasks, T104_WaitersHearThatASemaphoreIsDestroyed) {
  const semaphore_t s = new_semaphore(0);
  EXPECT_CODE(KERN_SUCCESS, mach_port_mod_refs(mach_task_self(), s, MACH_PORT_RIGHT_SEND, 1));
  Blocked one = waiter(s), two = waiter(s);
  EXPECT_CODE(KERN_SUCCESS, semaphore_destroy(mach_task_self(), s));
  EXPECT_CODE(KERN_TERMINATED, one.code());
  EXPECT_CODE(KERN_TERMINATED, two.code());
  EXPECT_EQ(1u, refs_of(s));
}

CHECK(Tasks, T105_OnlyTheOwnerDestroys) {
  const semaphore_t s = new_semaphore(1);
  EXPECT_CODE(KERN_SUCCESS, mach_port_mod_refs(mach_task_self(), s, MACH_PORT_RIGHT_SEND, 1));
  Peer other;
  EXPECT_CODE(KERN_SUCCESS, semaphore_destroy(other.task(), s));
  EXPECT_EQ(1u, refs_of(s));
  EXPECT_TRUE(take(s));
  EXPECT_CODE(KERN_INVALID_ARGUMENT, semaphore_destroy(mach_task_self(), MACH_PORT_NULL));
}

CHECK(Tasks, T106_TimesAreLookedAtFirst) {
  const semaphore_t s = new_semaphore(0);
  EXPECT_CODE(KERN_OPERATION_TIMED_OUT, semaphore_timedwait(s, {0, 0}));
  EXPECT_CODE(KERN_OPERATION_TIMED_OUT, semaphore_timedwait(s, {0, 1000000}));
  EXPECT_CODE(KERN_INVALID_VALUE, semaphore_timedwait(MACH_PORT_NULL, {0, 1000000000}));
  EXPECT_CODE(KERN_INVALID_VALUE, semaphore_timedwait(MACH_PORT_NULL, {0, -1}));
}

CHECK(Tasks, T107_WhatIsNoSemaphore) {
  EXPECT_CODE(KERN_INVALID_NAME, semaphore_wait(MACH_PORT_NULL));
  EXPECT_CODE(KERN_INVALID_NAME, semaphore_wait(MACH_PORT_DEAD));
  EXPECT_CODE(KERN_INVALID_NAME, semaphore_wait(0x1403));
  EXPECT_CODE(KERN_INVALID_NAME, semaphore_wait(new_dead_name()));
  EXPECT_CODE(KERN_INVALID_CAPABILITY, semaphore_wait(new_port_with_sends(1)));
  EXPECT_CODE(KERN_INVALID_CAPABILITY, semaphore_signal(mach_task_self()));
  EXPECT_CODE(KERN_INVALID_RIGHT, semaphore_wait(new_port()));
}

// Tasks 6.1: the rest of what is said there.
CHECK(Tasks, CreateWantsAPolicyAndACount) {
  semaphore_t s = MACH_PORT_NULL;
  EXPECT_CODE(KERN_INVALID_ARGUMENT, semaphore_create(mach_task_self(), &s, SYNC_POLICY_FIXED_PRIORITY, 0));
  EXPECT_CODE(KERN_INVALID_ARGUMENT, semaphore_create(mach_task_self(), &s, SYNC_POLICY_FIFO, -1));
  EXPECT_CODE(KERN_INVALID_ARGUMENT, semaphore_create(mach_host_self(), &s, SYNC_POLICY_FIFO, 0));
}

CHECK(Tasks, SignalAllWakesAllThatWait) {
  const semaphore_t s = new_semaphore(0);
  std::vector<std::unique_ptr<Blocked>> waiters;
  for (int i = 0; i < 15; i++)
    waiters.push_back(std::make_unique<Blocked>([s] { return semaphore_wait(s); }));
  EXPECT_CODE(KERN_SUCCESS, semaphore_signal_all(s));
  for (const auto& one : waiters) EXPECT_CODE(KERN_SUCCESS, one->code());
  EXPECT_FALSE(take(s));
}

CHECK(Tasks, WaitersGoInTheOrderOfThePolicy) {
  for (const int policy : {SYNC_POLICY_FIFO, SYNC_POLICY_LIFO}) {
    const semaphore_t s = new_semaphore(0, policy);
    Blocked first([s] { return semaphore_wait(s); });
    Blocked second([s] { return semaphore_timedwait(s, {1000, 0}); });
    EXPECT_CODE(KERN_SUCCESS, semaphore_signal(s));
    EXPECT_CODE(KERN_SUCCESS, (policy == SYNC_POLICY_FIFO ? first : second).code());
    EXPECT_CODE(KERN_SUCCESS, semaphore_signal(s));
    EXPECT_CODE(KERN_SUCCESS, (policy == SYNC_POLICY_FIFO ? second : first).code());
  }
}

CHECK(Tasks, WaitAndSignalAreOneStep) {
  const semaphore_t here = new_semaphore(0), there = new_semaphore(0);
  Blocked one([here, there] { return semaphore_wait_signal(here, there); });
  EXPECT_TRUE(take(there));
  EXPECT_CODE(KERN_SUCCESS, semaphore_signal(here));
  EXPECT_CODE(KERN_SUCCESS, one.code());
  EXPECT_CODE(KERN_OPERATION_TIMED_OUT, semaphore_timedwait_signal(here, there, {0, 0}));
  EXPECT_TRUE(take(there));
  EXPECT_CODE(KERN_SUCCESS, mach_port_mod_refs(mach_task_self(), there, MACH_PORT_RIGHT_SEND, 1));
  EXPECT_CODE(KERN_SUCCESS, semaphore_destroy(mach_task_self(), there));
  EXPECT_CODE(KERN_TERMINATED, semaphore_wait_signal(here, there));
}

CHECK(Tasks, ASemaphoreDiesWithItsOwner) {
  Peer owner([](const Line& line) {
    line.tell(new_semaphore(0));
    line.wait();
  });
  const auto theirs = static_cast<mach_port_name_t>(owner.line().hear());
  mach_port_t s = MACH_PORT_NULL;
  mach_msg_type_name_t type = 0;
  EXPECT_CODE(KERN_SUCCESS,
              mach_port_extract_right(owner.task(), theirs, MACH_MSG_TYPE_COPY_SEND, &s, &type));
  EXPECT_CODE(KERN_SUCCESS, semaphore_signal(s));
  EXPECT_TRUE(take(s));
  Blocked one = waiter(s);
  owner.kill_hard();
  EXPECT_CODE(KERN_TERMINATED, one.code());
  EXPECT_EQ(0x10000u, type_of(s));
  EXPECT_CODE(KERN_TERMINATED, semaphore_signal(s));
}

CHECK(Tasks, ASemaphoreOutlivesAWaiterThatIsKilled) {
  const semaphore_t s = new_semaphore(0);
  Peer other([](const Line& line) { semaphore_wait(static_cast<semaphore_t>(line.hear())); });
  other.line().tell(other.give(s, MACH_MSG_TYPE_COPY_SEND));
  usleep(20000);
  other.kill_hard();
  EXPECT_CODE(KERN_SUCCESS, semaphore_signal(s));
  EXPECT_TRUE(take(s));
}

}  // namespace
}  // namespace checks
