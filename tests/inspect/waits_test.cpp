// SPDX-License-Identifier: Apache-2.0
// Who waits for whom, read from a segment in which threads are made to look as if they waited: chains, a
// recoverer in the way, circles that cannot be, and what each kind of lock is called.
#include "inspect/waits.hpp"

#include <memory>

#include "inspect/world.hpp"
#include "segment/recovery.hpp"

namespace portolan::test_inspect {

using inspect::lock_waits;
using inspect::locked_object;
using inspect::LockedObject;
using inspect::Wait;
using inspect::WaitTree;

class WaitsTest : public testing::Test {
 protected:
  Thread& thread(const Citizen& of, uint32_t tid) {
    auto made = std::make_unique<Thread>();
    EXPECT_TRUE(made->attach(world.segment, tid));
    made->slot().task.init(of.task.index);
    threads_.push_back(std::move(made));
    return *threads_.back();
  }
  uint64_t offset(LockWord& word) { return world.segment.offset_of(word.address()); }
  void note(Thread& thread, LockWord& word) {
    const uint32_t count = thread.slot().held_count.load();
    thread.slot().held[count].store(static_cast<uint32_t>(offset(word) >> 2));
    thread.slot().held_count.store(count + 1);
  }
  void hold(Thread& thread, LockWord& word) {
    note(thread, word);
    EXPECT_TRUE(word.try_acquire(thread.index()));
  }
  void want(Thread& thread, LockWord& word) {
    note(thread, word);
    thread.slot().waits_on.store(static_cast<uint32_t>(offset(word) >> 2));
  }
  ipc::Port& port_of(const Citizen& owner, ipc::Name name) {
    const auto* entries = reinterpret_cast<const ipc::Entry*>(world.segment.arena(owner.space.index));
    return world.segment.at(Handle<ipc::Port>{entries[name.index()].object});
  }

  World world;

 private:
  std::vector<std::unique_ptr<Thread>> threads_;
};

TEST_F(WaitsTest, AHolderAndItsWaiter) {
  const Citizen a = world.citizen("server", 70001), b = world.citizen("client", 70002);
  ipc::Port& port = port_of(a, world.receive(a));
  Thread &holder = thread(a, 70011), &waiter = thread(b, 70002);
  EXPECT_TRUE(lock_waits(world.segment).empty());
  hold(holder, port.lock);
  EXPECT_TRUE(lock_waits(world.segment).empty());
  want(waiter, port.lock);
  const std::vector<Wait> waits = lock_waits(world.segment);
  ASSERT_EQ(1u, waits.size());
  EXPECT_EQ(70002u, waits[0].waiter.pid);
  EXPECT_EQ(70002u, waits[0].waiter.tid);
  EXPECT_EQ("client", waits[0].waiter.program);
  EXPECT_EQ(70001u, waits[0].holder.pid);
  EXPECT_EQ(70011u, waits[0].holder.tid);
  EXPECT_EQ(0u, waits[0].dead.slot);
  EXPECT_EQ(offset(port.lock), waits[0].lock);
  // A word that names somebody who knows nothing of it names nobody.
  holder.slot().held_count.store(0);
  EXPECT_TRUE(lock_waits(world.segment).empty());
  note(holder, port.lock);
  EXPECT_EQ(1u, lock_waits(world.segment).size());
  port.lock.release();
  EXPECT_TRUE(lock_waits(world.segment).empty());
}

TEST_F(WaitsTest, AChainHasOneRoot) {
  const Citizen a = world.citizen("a", 70001), b = world.citizen("b", 70002), c = world.citizen("c", 70003);
  ipc::Port &first = port_of(a, world.receive(a)), &second = port_of(a, world.receive(a));
  // c waits for b, and b for a.
  Thread &of_a = thread(a, 70001), &of_b = thread(b, 70002), &of_c = thread(c, 70003);
  hold(of_a, first.lock);
  hold(of_b, second.lock);
  want(of_b, first.lock);
  want(of_c, second.lock);
  const std::vector<Wait> waits = lock_waits(world.segment);
  ASSERT_EQ(2u, waits.size());
  const WaitTree tree = tree_of(waits);
  ASSERT_EQ(1u, tree.roots.size());
  const size_t root = tree.roots[0];
  EXPECT_EQ(70001u, waits[root].holder.pid);
  EXPECT_EQ(70002u, waits[root].waiter.pid);
  EXPECT_EQ(static_cast<long>(root), tree.above[1 - root]);
  EXPECT_EQ(70003u, waits[1 - root].waiter.pid);
}

TEST_F(WaitsTest, ACircleIsOpenedSomewhere) {
  const Citizen a = world.citizen("a", 70001), b = world.citizen("b", 70002), c = world.citizen("c", 70003);
  ipc::Port &first = port_of(a, world.receive(a)), &second = port_of(a, world.receive(a));
  Thread &of_a = thread(a, 70001), &of_b = thread(b, 70002), &of_c = thread(c, 70003);
  hold(of_a, first.lock);
  hold(of_b, second.lock);
  want(of_a, second.lock);
  want(of_b, first.lock);
  want(of_c, first.lock);  // hangs on the circle
  const std::vector<Wait> waits = lock_waits(world.segment);
  ASSERT_EQ(3u, waits.size());
  const WaitTree tree = tree_of(waits);
  ASSERT_EQ(1u, tree.roots.size());
  for (size_t i = 0; i < waits.size(); i++) {
    long at = static_cast<long>(i);
    size_t steps = 0;
    while (tree.above[static_cast<size_t>(at)] >= 0 && steps++ < waits.size())
      at = tree.above[static_cast<size_t>(at)];
    EXPECT_EQ(static_cast<long>(tree.roots[0]), at) << i;
  }
}

TEST_F(WaitsTest, OneWhoRecoversIsTheHolder) {
  const Citizen a = world.citizen("dead", 70001), b = world.citizen("heir", 70002),
                c = world.citizen("client", 70003);
  ipc::Port& port = port_of(a, world.receive(a));
  Thread &victim = thread(a, 70001), &heir = thread(b, 70002), &waiter = thread(c, 70003);
  hold(victim, port.lock);
  want(waiter, port.lock);
  declare_dead(world.segment, victim.index());
  EXPECT_TRUE(lock_waits(world.segment).empty()) << "it is the waiter's own turn";
  victim.slot().claim.store(heir.index());
  const std::vector<Wait> waits = lock_waits(world.segment);
  ASSERT_EQ(1u, waits.size());
  EXPECT_EQ(70002u, waits[0].holder.tid);
  EXPECT_EQ(70001u, waits[0].dead.tid);
}

TEST_F(WaitsTest, LocksHaveNames) {
  const Citizen a = world.citizen("server", 70001);
  Segment& segment = world.segment;
  ipc::Port& port = port_of(a, world.receive(a));
  const LockedObject plain = locked_object(segment, offset(port.lock));
  EXPECT_EQ("port", plain.kind);
  EXPECT_EQ(port.identity, plain.identity);
  EXPECT_EQ(0u, plain.kobject);
  EXPECT_EQ(70001u, plain.pid);
  EXPECT_EQ("server", plain.program);
  ipc::Port& control = segment.at(Handle<ipc::Port>{segment.at(a.task).port});
  const LockedObject kernel = locked_object(segment, offset(control.lock));
  EXPECT_EQ(2u, kernel.kobject);
  EXPECT_EQ(70001u, kernel.pid);
  const LockedObject space = locked_object(segment, offset(segment.at(a.space).lock));
  EXPECT_EQ("space", space.kind);
  EXPECT_EQ("server", space.program);
  const LockedObject task = locked_object(segment, offset(segment.at(a.task).lock));
  EXPECT_EQ("task", task.kind);
  EXPECT_EQ(70001u, task.pid);
  Header& header = segment.header();
  EXPECT_EQ("receive rights in messages", locked_object(segment, offset(header.transit_lock)).kind);
  const LockedObject carve = locked_object(segment, offset(header.zones[ipc::kZonePort].carve_lock));
  EXPECT_EQ("free memory", carve.kind);
  EXPECT_EQ("port", carve.of);
  const LockedObject shard = locked_object(segment, offset(header.zones[ipc::kZoneKmsg].shards[3].lock));
  EXPECT_EQ("message", shard.of);
  // Nonsense is nothing in particular.
  EXPECT_EQ("object", locked_object(segment, header.slots_base).kind);
}

}  // namespace portolan::test_inspect
