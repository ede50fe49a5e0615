// SPDX-License-Identifier: Apache-2.0
// What kernel queues are told of: kqueue 7.10 below the queues themselves.
#include "ipc/watch.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "segment/futex.hpp"
#include "support/domain.hpp"

namespace portolan::test {
namespace {

using ipc::Arm;
using ipc::Armed;
using ipc::Name;
using ipc::Told;
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
  // Watched and armed: a port in eight sets, and these. What is queued on it fires nine watches.
  mach_port_name_t watched_nine_times(TestTask& task) {
    const mach_port_name_t p = task.allocate();
    std::vector<mach_port_name_t> names{p};
    for (int i = 0; i < 8; i++) {
      names.push_back(task.allocate(MACH_PORT_RIGHT_PORT_SET));
      EXPECT_EQ(KERN_SUCCESS,
                ipc::port_insert_member(task.thread(), task.space(), Name{p}, Name{names.back()}));
    }
    for (const mach_port_name_t name : names) {
      Ref<Watch> made;
      EXPECT_EQ(KERN_SUCCESS, ipc::watch_add(task.thread(), task.space(), Name{name}, made));
      EXPECT_EQ(Armed::armed, ipc::watch_arm(task.thread(), task.space(), made, Arm::if_empty));
    }
    settle(task.thread());
    return p;
  }
  unsigned waiting(TestTask& task) {
    const ipc::Space& space = domain.segment().at(task.space());
    unsigned count = 0;
    transact(a.thread(), Needs{}, [&](Txn& txn) {
      const Locked<ipc::Port> port = txn.lock(Handle<ipc::Port>{space.watch_port});
      count = 0;
      for (uint32_t walk = port->receiver_head; walk != 0; walk = domain.segment().frame(walk).next) count++;
      return 0;
    });
    return count;
  }
  Armed arm(Ref<Watch> watch, Arm how = Arm::if_empty) {
    return ipc::watch_arm(a.thread(), a.space(), watch, how);
  }
  // The names that have fired, in order.
  std::vector<mach_port_name_t> fired() {
    std::vector<mach_port_name_t> names;
    for (Name name; ipc::watch_take(a.thread(), a.space(), name);) names.push_back(name.value);
    return names;
  }
  Told wait(TestTask& task, uint64_t deadline_ns = kNever, bool first = false) {
    return ipc::watch_wait(task.thread(), task.space(), {deadline_ns, &called_off, first});
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
  std::atomic<bool> called_off{false};
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

// Looking at a set, which moves on to the next member, is not news; a message to a member that was drained
// directly is.
TEST_F(Watches, AnEdgeOfASetIsToldOfMessagesOnly) {
  const mach_port_name_t p = port(), set = set_of(p);
  const Ref<Watch> w = watch(set);
  for (const mach_port_name_t drained : {set, p, set}) {
    EXPECT_EQ(Armed::armed, arm(w, Arm::always));
    send(p);
    EXPECT_EQ(Names{set}, fired());
    EXPECT_EQ(Armed::armed, arm(w, Arm::always));
    EXPECT_EQ(MACH_RCV_TOO_LARGE, a.receive(set, MACH_RCV_LARGE, 0, 0).code);
    EXPECT_EQ(Names{}, fired());
    drain(drained);
    EXPECT_EQ(Names{}, fired());
  }
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
  EXPECT_EQ(Told::nothing, wait(b));
}

TEST_F(Watches, AWaitEnds) {
  const mach_port_name_t p = port();
  const Ref<Watch> w = watch(p);
  arm(w);
  EXPECT_EQ(Told::timed_out, wait(a, monotonic_ns() + 1'000'000));
  TestTask& sleeper = domain.thread_of(a);
  std::thread sleeps([&] { EXPECT_EQ(Told::called_off, wait(sleeper)); });
  const ipc::Space& space = domain.segment().at(a.space());
  while (domain.segment().at(Handle<ipc::Port>{space.watch_port}).receiver_head == 0)
    std::this_thread::yield();
  called_off = true;
  ipc::watch_call_off(a.thread(), a.space(), a.thread().index());  // who does not wait
  ipc::watch_call_off(a.thread(), a.space(), sleeper.thread().index());
  settle(a.thread());
  sleeps.join();
  EXPECT_EQ(Told::called_off, wait(a)) << "it does not even begin";
  send(p);
  EXPECT_EQ(Told::fired, wait(a)) << "what has fired comes first";
  domain.end_thread(sleeper);
}

// Of two that wait, the one that asked for it, though it came later.
TEST_F(Watches, WhoWantsItItselfIsWokenFirst) {
  const mach_port_name_t p = a.allocate(), to = a.give_send(p, b);
  const Ref<Watch> w = watch(p);
  arm(w);
  TestTask &patient = domain.thread_of(a), &eager = domain.thread_of(a);
  const ipc::Port& watch_port =
      domain.segment().at(Handle<ipc::Port>{domain.segment().at(a.space()).watch_port});
  std::thread waits([&] { EXPECT_EQ(Told::called_off, wait(patient)); });
  while (watch_port.receiver_head == 0) std::this_thread::yield();
  std::thread wants([&] { EXPECT_EQ(Told::fired, wait(eager, kNever, true)); });
  while (watch_port.receiver_head == watch_port.receiver_tail) std::this_thread::yield();
  EXPECT_EQ(MACH_MSG_SUCCESS, b.send(to, MACH_MSG_TYPE_COPY_SEND, 1));
  wants.join();
  EXPECT_EQ(Names{p}, fired());
  called_off = true;
  ipc::watch_call_off(a.thread(), a.space(), patient.thread().index());
  settle(a.thread());
  waits.join();
  domain.end_thread(patient);
  domain.end_thread(eager);
}

// One port's end tells two tasks of it by messages that fire nine watches each, with somebody to wake for
// each of them: more than one transaction can owe.
TEST_F(Watches, ManyFireAtOnce) {
  TestTask& owner = domain.task();
  const mach_port_name_t dies = owner.allocate();
  std::vector<std::pair<TestTask*, mach_port_name_t>> told;
  for (TestTask* task : {&a, &b}) {
    const mach_port_name_t name = owner.give_send(dies, *task), to = watched_nine_times(*task);
    ASSERT_EQ(KERN_SUCCESS, task->notify(name, MACH_NOTIFY_DEAD_NAME, 0, to));
    told.push_back({task, to});
  }
  std::vector<TestTask*> sleepers;
  std::vector<std::thread> threads;
  std::atomic<int> fired{0};
  for (auto& [task, to] : told)
    for (int i = 0; i < 9; i++) {
      TestTask& sleeper = domain.thread_of(*task);
      sleepers.push_back(&sleeper);
      threads.emplace_back([this, &sleeper, &fired] { fired += wait(sleeper) == Told::fired; });
      while (waiting(*task) != static_cast<unsigned>(i) + 1) std::this_thread::yield();
    }
  ASSERT_EQ(KERN_SUCCESS, owner.destroy(dies));
  settle(owner.thread());
  called_off = true;
  for (size_t i = 0; i < threads.size(); i++) {
    ipc::watch_call_off(told[i / 9].first->thread(), told[i / 9].first->space(),
                        sleepers[i]->thread().index());
    settle(told[i / 9].first->thread());
    threads[i].join();
  }
  EXPECT_LE(2, fired);
  for (auto& [task, to] : told) {
    unsigned count = 0;
    for (Name name; ipc::watch_take(task->thread(), task->space(), name);) count++;
    EXPECT_EQ(9u, count);
  }
  for (TestTask* sleeper : sleepers) domain.end_thread(*sleeper);
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
        ASSERT_EQ(Told::fired, wait(waiter));
        ASSERT_TRUE(ipc::watch_take(waiter.thread(), waiter.space(), name));
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
