// SPDX-License-Identifier: Apache-2.0
// Transactions on objects that two threads share: what is undone, what a restart does, and which element
// comes next.
#include "segment/txn.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "support/domain.hpp"

namespace portolan::test {
namespace {

using ipc::Port;

class Transactions : public testing::Test {
 protected:
  // A port of one of a's rights, as the kernel sees it.
  Handle<Port> port_of(mach_port_name_t name) {
    return Handle<Port>{ipc::entry_at(domain.segment(), a.space(), name >> 8).object};
  }
  Port& at(Handle<Port> port) { return domain.segment().at(port); }

  TestDomain domain;
  TestTask& a = domain.task();
  TestTask& b = domain.task();
  const Handle<Port> one = port_of(a.allocate()), two = port_of(a.allocate());
};

TEST_F(Transactions, WhatIsRolledBackIsAsItWas) {
  const uint32_t before = at(one).seqno;
  const int code = transact(a.thread(), Needs{}, [&](Txn& txn) {
    Locked<Port> port = txn.lock(one);
    txn.set(port->seqno, before + 7);
    txn.add(port->seqno, 1);
    return txn.roll_back(42);
  });
  EXPECT_EQ(42, code);
  EXPECT_EQ(before, at(one).seqno);
  EXPECT_EQ(0u, at(one).lock.load());
  EXPECT_EQ(0u, a.thread().slot().log_length.load());
  EXPECT_EQ(0u, a.thread().slot().held_count.load());
}

// Two that take the same two locks in opposite order: each restarts as often as it must, and no step is lost
// or done twice.
TEST_F(Transactions, LocksAreTakenInAnyOrder) {
  constexpr uint32_t kEach = 20'000;
  const auto count = [&](Thread& self, Handle<Port> first, Handle<Port> second) {
    for (uint32_t i = 0; i < kEach; i++) {
      transact(self, Needs{}, [&](Txn& txn) {
        Locked<Port> port = txn.lock(first);
        txn.add(port->seqno, 1);
        Locked<Port> other = txn.lock(second);
        txn.add(other->seqno, 1);
        return 0;
      });
    }
  };
  std::thread opposite([&] { count(b.thread(), two, one); });
  count(a.thread(), one, two);
  opposite.join();
  EXPECT_EQ(2 * kEach, at(one).seqno);
  EXPECT_EQ(2 * kEach, at(two).seqno);
}

TEST_F(Transactions, WhatWasFreedLastComesNext) {
  Handle<ipc::Kmsg> freed;
  transact(a.thread(), Needs{}.with<ipc::Kmsg>(), [&](Txn& txn) {
    freed = txn.allocate<ipc::Kmsg>();
    txn.release(freed);
    return 0;
  });
  Handle<ipc::Kmsg> first, second;
  transact(a.thread(), Needs{}.with<ipc::Kmsg>(2), [&](Txn& txn) {
    first = txn.allocate<ipc::Kmsg>();
    txn.release(first);
    second = txn.allocate<ipc::Kmsg>();  // not what this transaction freed: its bytes may have to come back
    txn.release(second);
    return 0;
  });
  EXPECT_EQ(freed.index, first.index);
  EXPECT_NE(first.index, second.index);
}

TEST_F(Transactions, AnUndoneAllocationLeavesTheMagazine) {
  const auto take = [&](int code) {
    Handle<ipc::Kmsg> taken;
    const int got = transact(a.thread(), Needs{}.with<ipc::Kmsg>(), [&](Txn& txn) {
      taken = txn.allocate<ipc::Kmsg>();
      if (code != 0) return txn.roll_back(code);
      txn.release(taken);
      return 0;
    });
    EXPECT_EQ(code, got);
    return taken.index;
  };
  const uint32_t undone = take(1);
  EXPECT_FALSE(domain.segment().at(Handle<ipc::Kmsg>{undone}).allocated());
  EXPECT_EQ(undone, take(0));
}

TEST_F(Transactions, AStaleReferenceLocksNothing) {
  const Ref<Port> gone{one.index, at(one).generation - 2};
  transact(a.thread(), Needs{}, [&](Txn& txn) {
    EXPECT_FALSE(txn.lock(gone));
    return 0;
  });
  EXPECT_EQ(0u, at(one).lock.load());
}

}  // namespace
}  // namespace portolan::test
