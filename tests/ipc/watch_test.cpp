// SPDX-License-Identifier: Apache-2.0
// What kernel queues are told of: kqueue 7.10 below the queues themselves.
#include "ipc/watch.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "support/domain.hpp"

namespace portolan::test {
namespace {

using ipc::Arm;
using ipc::Armed;
using ipc::Name;
using ipc::Watch;

class Watches : public testing::Test {
 protected:
  Ref<Watch> watch(mach_port_name_t name) {
    Ref<Watch> made;
    EXPECT_EQ(KERN_SUCCESS, ipc::watch_add(a.thread(), a.space(), Name{name}, made));
    settle(a.thread());
    return made;
  }
  kern_return_t refusal(mach_port_name_t name) {
    Ref<Watch> none;
    return ipc::watch_add(a.thread(), a.space(), Name{name}, none);
  }
  Armed arm(Ref<Watch> watch, Arm how = Arm::if_empty) {
    return ipc::watch_arm(a.thread(), a.space(), watch, how);
  }
  // The names that have fired, in order.
  std::vector<mach_port_name_t> fired() {
    std::vector<mach_port_name_t> names;
    ipc::watch_knock(a.thread(), a.space());
    // A knock is heard before what has fired.
    Name name;
    EXPECT_EQ(KERN_ABORTED, ipc::watch_wait(a.thread(), a.space(), name));
    const ipc::Space& space = domain.segment().at(a.space());
    while (space.fired_head != 0) {
      EXPECT_EQ(KERN_SUCCESS, ipc::watch_wait(a.thread(), a.space(), name));
      names.push_back(name.value);
    }
    return names;
  }
  mach_port_name_t port() {
    const mach_port_name_t name = a.port_with_send();
    return name;
  }
  mach_port_name_t set_of(mach_port_name_t member) {
    const mach_port_name_t set = a.allocate(MACH_PORT_RIGHT_PORT_SET);
    join(member, set);
    return set;
  }
  void join(mach_port_name_t member, mach_port_name_t set) {
    EXPECT_EQ(KERN_SUCCESS, ipc::port_insert_member(a.thread(), a.space(), Name{member}, Name{set}));
    settle(a.thread());
  }
  void send(mach_port_name_t name) { EXPECT_EQ(MACH_MSG_SUCCESS, a.send(name, MACH_MSG_TYPE_COPY_SEND, 1)); }
  void drain(mach_port_name_t name) { a.count(name, 1); }

  using Names = std::vector<mach_port_name_t>;
  TestDomain domain;
  TestTask& a = domain.task();
  TestTask& b = domain.task();
};

TEST_F(Watches, OneFiresOnceUntilItIsArmedAgain) {
  const mach_port_name_t p = port();
  const Ref<Watch> w = watch(p);
  send(p);
  EXPECT_EQ(Names{}, fired()) << "it rests until it is armed";
  EXPECT_EQ(Armed::ready, arm(w)) << "there is a message";
  drain(p);
  EXPECT_EQ(Armed::armed, arm(w));
  send(p);
  EXPECT_EQ(Armed::armed, arm(w)) << "it has fired and will be told";
  send(p);
  EXPECT_EQ(Names{p}, fired());
  send(p);
  EXPECT_EQ(Names{}, fired());
  ipc::watch_remove(a.thread(), a.space(), w);
  EXPECT_EQ(0u, domain.in_use(ipc::kZoneWatch));
}

TEST_F(Watches, AnEdgeIsToldOfEveryNewMessage) {
  const mach_port_name_t p = port();
  const Ref<Watch> w = watch(p);
  send(p);
  for (int i = 0; i < 3; i++) {
    EXPECT_EQ(Armed::armed, arm(w, Arm::always));
    send(p);
    EXPECT_EQ(Names{p}, fired());
  }
}

TEST_F(Watches, AReceiverThatWaitsGetsTheMessageItself) {
  const mach_port_name_t p = a.allocate(), to = a.give_send(p, b);
  const Ref<Watch> w = watch(p);
  arm(w);
  TestTask& receiver = domain.thread_of(a);
  std::thread waits([&] { EXPECT_EQ(MACH_MSG_SUCCESS, receiver.receive(p, MACH_RCV_TIMEOUT, 10'000).code); });
  while (domain.segment()
             .at(Handle<ipc::Port>{domain.segment().at(Handle<Watch>{w.index}).port})
             .receiver_head == 0)
    std::this_thread::yield();
  EXPECT_EQ(MACH_MSG_SUCCESS, b.send(to, MACH_MSG_TYPE_COPY_SEND, 1));
  waits.join();
  EXPECT_EQ(Names{}, fired());
  domain.end_thread(receiver);
}

TEST_F(Watches, ASetIsToldOfItsMembers) {
  const mach_port_name_t p = port(), q = port(), set = set_of(p);
  const Ref<Watch> on_set = watch(set), on_port = watch(p);
  arm(on_set);
  arm(on_port);
  send(p);
  EXPECT_EQ((Names{p, set}), fired());
  drain(p);
  EXPECT_EQ(Armed::ready, arm(on_set)) << "the member was drained directly: the set does not know yet";
  EXPECT_EQ(MACH_RCV_TIMED_OUT, a.receive(set).code);
  EXPECT_EQ(Armed::armed, arm(on_set));
  send(q);
  EXPECT_EQ(Names{}, fired());
  join(q, set);  // kqueue check 79
  EXPECT_EQ(Names{set}, fired());
}

// kqueue check 78
TEST_F(Watches, WhoLosesItsObjectIsTold) {
  const mach_port_name_t dies = port(), set = set_of(port()), moves = port(), resting = port();
  const mach_port_name_t way = b.allocate(), to_b = b.give_send(way, a);
  const Ref<Watch> watches[] = {watch(dies), watch(set), watch(moves), watch(resting)};
  for (const Ref<Watch>& w : watches)
    if (&w != &watches[3]) arm(w);
  a.destroy(dies);
  a.destroy(set);
  PortMessage message = port_message(to_b, MACH_MSG_TYPE_COPY_SEND, moves, MACH_MSG_TYPE_MOVE_RECEIVE);
  EXPECT_EQ(MACH_MSG_SUCCESS, a.msg(&message.header, MACH_SEND_MSG, sizeof message, 0, MACH_PORT_NULL));
  a.destroy(resting);
  EXPECT_EQ((Names{dies, set, moves, resting}), fired());
  for (const Ref<Watch>& w : watches) {
    EXPECT_EQ(Armed::gone, arm(w));
    ipc::watch_remove(a.thread(), a.space(), w);
  }
  EXPECT_EQ(0u, domain.in_use(ipc::kZoneWatch));
}

TEST_F(Watches, TwoUsersShareOne) {
  const mach_port_name_t p = port();
  const Ref<Watch> first = watch(p), second = watch(p);
  EXPECT_EQ(first.index, second.index);
  ipc::watch_remove(a.thread(), a.space(), first);
  arm(second);
  send(p);
  EXPECT_EQ(Names{p}, fired());
  ipc::watch_remove(a.thread(), a.space(), second);
  ipc::watch_remove(a.thread(), a.space(), second);  // once too often: nothing happens
  EXPECT_EQ(0u, domain.in_use(ipc::kZoneWatch));
}

// kqueue check 80
TEST_F(Watches, WhatCannotBeWatched) {
  EXPECT_EQ(KERN_INVALID_NAME, refusal(0x1403));
  EXPECT_EQ(KERN_INVALID_NAME, refusal(a.allocate(MACH_PORT_RIGHT_DEAD_NAME)));
  EXPECT_EQ(KERN_INVALID_RIGHT, refusal(b.give_send(b.allocate(), a)));
  Name name;
  EXPECT_EQ(KERN_INVALID_ARGUMENT, ipc::watch_wait(b.thread(), b.space(), name));
}

TEST_F(Watches, MessagesOfOtherTasksWakeWhoWaits) {
  const mach_port_name_t p = a.allocate(), to = a.give_send(p, b);
  const Ref<Watch> w = watch(p);
  TestTask& waiter = domain.thread_of(a);
  constexpr int kRounds = 500;
  std::atomic<int> told{0};
  std::thread waits([&] {
    for (int got = 0; got < kRounds;) {
      if (arm(w) == Armed::armed) {
        Name name;
        ASSERT_EQ(KERN_SUCCESS, ipc::watch_wait(waiter.thread(), waiter.space(), name));
        ASSERT_EQ(p, name.value);
        told++;
      }
      while (a.receive(p).code == MACH_MSG_SUCCESS) got++;
    }
  });
  for (int i = 0; i < kRounds; i++)
    ASSERT_EQ(MACH_MSG_SUCCESS,
              b.send(to, MACH_MSG_TYPE_COPY_SEND, 1, MACH_PORT_NULL, 0, MACH_SEND_TIMEOUT, 10'000));
  waits.join();
  EXPECT_LE(1, told);
  domain.end_thread(waiter);
}

}  // namespace
}  // namespace portolan::test
