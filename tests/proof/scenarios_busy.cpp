// SPDX-License-Identifier: Apache-2.0
// Locks that somebody has, alive or dead, and thread slots that somebody still claims.
#include "proof/messages.hpp"
#include "proof/reaping.hpp"
#include "segment/futex.hpp"
#include "segment/recovery.hpp"
#include "segment/wait.hpp"
#include "segment/zone.hpp"

namespace portolan::proof {

namespace {

using ipc::Name;

constexpr uint32_t kTid = 0x3fffffff;  // beyond what Linux gives out: nobody alive

// A peer that has a lock in the middle of a transaction that has not changed anything yet.
void take_lock(World& w, Thread& holder, LockWord& word) {
  ThreadSlot& slot = holder.slot();
  slot.held[0].store(static_cast<uint32_t>(w.segment().offset_of(&word) >> 2));
  slot.held_count.store(1);
  World::require(word.try_acquire(holder.index()), "a lock");
}
void release_lock(Thread& holder, LockWord& word) {
  if (word.owner() == holder.index() && word.release()) futex_wake(word.address(), 1);
  holder.slot().held_count.store(0);
}

// The lock of a port of `c` is taken, and `a` wants it.
class WantsLock : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override { return {"before", "set"}; }
  bool staged_unsound() const override { return true; }
  void trap() override { answer(ipc::port_set_context(a.thread(), c.space(), Name{port}, 5)); }
  unsigned outcome(Judge&) override { return w.port(c, port)->context == 5; }

 protected:
  LockWord& lock() { return w.segment().at(Handle<Port>{w.entry(c, port)->object}).lock; }
  mach_port_name_t port = 0;
};

// Its holder is dead.
class LockOfDead : public WantsLock {
 public:
  using WantsLock::WantsLock;
  void stage() override {
    port = c.allocate();
    take_lock(w, b.thread(), lock());
    declare_dead(w.segment(), b.thread().index());
  }
};

// Its holder takes its time: `a` gives up what it has and sleeps.
class LockOfLiving : public WantsLock {
 public:
  using WantsLock::WantsLock;
  bool may_sleep() const override { return true; }
  void stage() override {
    port = c.allocate();
    take_lock(w, b.thread(), lock());
  }
  void asleep(unsigned) override { release_lock(b.thread(), lock()); }
  void afterwards() override { release_lock(b.thread(), lock()); }
};

// Elements go back to the depot: one shard has somebody alive, the next one somebody dead.
class BusyShards : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override { return {"nothing has changed"}; }
  bool staged_unsound() const override { return true; }
  void stage() override {
    a.allocate();
    World::require(magazine().count != 0, "elements");
    take_lock(w, b.thread(), shard(0).lock);
    take_lock(w, c.thread(), shard(1).lock);
    declare_dead(w.segment(), c.thread().index());
  }
  void trap() override { empty_magazines(a.thread(), a.thread().slot()); }
  void afterwards() override { release_lock(b.thread(), shard(0).lock); }
  unsigned outcome(Judge&) override { return 0; }

 private:
  Magazine& magazine() { return a.thread().slot().magazines[ipc::kZonePort]; }
  Shard& shard(unsigned n) {
    return w.segment().zone(ipc::kZonePort).shards[(a.thread().index() + n) % kShards];
  }
};

// -- slots

// A thread comes and goes.
class Coming : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override { return {"nothing is left"}; }
  bool differs_each_time() const override { return true; }
  uint32_t victim() override { return slot; }
  void trap() override {
    Thread fresh;
    if (!fresh.attach(w.segment(), tid)) return answer(KERN_RESOURCE_SHORTAGE);
    answer(KERN_SUCCESS);
    fresh.detach();
  }
  void afterwards() override {
    // As Reaper::sweep_slots does.
    ThreadSlot& it = w.segment().slot(slot);
    if (it.tid.load() == 0) return;
    if (it.state.load() == kSlotFree) {
      it.tid.store(0);
    } else {
      declare_dead(w.segment(), slot);
      recover_dead_threads(w.reaper());
    }
  }
  unsigned outcome(Judge& judge) override {
    judge.equal(kSlotFree, w.segment().slot(slot).state.load(), "the slot");
    judge.equal(0, w.segment().slot(slot).tid.load(), "whose slot it is");
    return 0;
  }

 protected:
  // A slot that is free.
  uint32_t free_slot(Thread& probe) {
    World::require(probe.attach(w.segment(), 0), "a thread");
    return probe.index();
  }
  uint32_t slot = 0, tid = kTid;
};

// All slots that there are have somebody: there is one more.
class ComesToNewSlot : public Coming {
 public:
  using Coming::Coming;
  void stage() override { slot = w.segment().header().threads_high.load(); }
};

// The only free slot bears its id: a thread of that id died there as it came.
class ComesAgain : public Coming {
 public:
  using Coming::Coming;
  void stage() override {
    Thread probe;
    slot = free_slot(probe);
    probe.detach();
    w.segment().slot(slot).tid.store(kTid);
  }
};

// One that no process stands behind, as tests have them.
class ComesWithoutId : public ComesAgain {
 public:
  using ComesAgain::ComesAgain;
  void stage() override {
    ComesAgain::stage();
    w.segment().slot(slot).tid.store(0);
    tid = 0;
  }
};

// Somebody alive still claims one free slot, somebody dead another.
class ComesAmongClaims : public Coming {
 public:
  using Coming::Coming;
  bool staged_unsound() const override { return true; }
  void stage() override {
    Thread first, second;
    const uint32_t claimed = free_slot(first);
    slot = free_slot(second);
    first.detach();
    second.detach();
    w.segment().slot(claimed).claim.store(b.thread().index());
    w.segment().slot(slot).claim.store(c.thread().index());
    declare_dead(w.segment(), c.thread().index());
  }
};

// There is no memory for what is left to do when it goes: launchd does it.
class GoesWithoutMemory : public Reaping {
 public:
  using Reaping::Reaping;
  std::vector<std::string> outcomes() const override { return {"the port is gone"}; }
  bool staged_without_messages() const override { return true; }
  void stage() override {
    port = b.port_with_send();
    reply = c.allocate();
    const mach_port_name_t way = b.give_send(port, c);
    World::require(c.send(way, kCopySend, 1, reply, kMakeSendOnce) == MACH_MSG_SUCCESS, "a message");
    World::require(ipc::port_destroy_name(other, b.space(), Name{port}) == KERN_SUCCESS, "a dying port");
    store_freed(other, other.slot());
    empty_magazines(other, other.slot());
    w.use_up_messages(a);
  }
  void trap() override { other.detach(); }
  void afterwards() override {
    w.allow_messages();
    recover_dead_threads(w.reaper());
    settle(w.reaper());
  }
  unsigned outcome(Judge& judge) override {
    judge.equal(1u, w.queued(w.port(c, reply), MACH_NOTIFY_SEND_ONCE), "SEND_ONCE notifications");
    judge.equal(kSlotFree, w.segment().slot(other.index()).state.load(), "the slot");
    return 0;
  }

 private:
  mach_port_name_t port = 0, reply = 0;
};

// A signal handler takes its own thread out of its sleep.
class Poke : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override { return {"nothing has changed"}; }
  void stage() override {}
  void trap() override { poke_own_frame(a.thread()); }
  unsigned outcome(Judge&) override { return 0; }
};

constexpr Listed kBusy[] = {
    {"lock-dead", "a lock of a dead thread", make_scenario<LockOfDead>, "mach_port_set_context"},
    {"lock-living", "a lock that is taken for long", make_scenario<LockOfLiving>, "mach_port_set_context"},
    {"shards", "elements go back to depots that are taken", make_scenario<BusyShards>, "thread exit"},
    {"attach-new", "a thread comes to a new slot", make_scenario<ComesToNewSlot>, "thread start"},
    {"attach-again", "to a slot where one of its id died", make_scenario<ComesAgain>, "thread start"},
    {"attach-test", "a thread without an id", make_scenario<ComesWithoutId>, "thread start"},
    {"attach-claims", "where slots are claimed still", make_scenario<ComesAmongClaims>, "thread start"},
    {"detach-no-memory", "a thread goes without finishing", make_scenario<GoesWithoutMemory>, "thread exit"},
    {"poke", "a thread is taken out of its sleep", make_scenario<Poke>, "signal handler"},
};

}  // namespace

std::span<const Listed> busy_scenarios() { return kBusy; }

}  // namespace portolan::proof
