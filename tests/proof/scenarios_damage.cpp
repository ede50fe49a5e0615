// SPDX-License-Identifier: Apache-2.0
// Recovery that meets what it cannot believe, has no memory, or is overtaken by another: it counts what it
// has set aside, and goes on.
#include "proof/messages.hpp"
#include "proof/reaping.hpp"
#include "segment/recovery.hpp"
#include "segment/zone.hpp"

namespace portolan::proof {

namespace {

using ipc::Name;

// `a` has died; `other` recovers it.
class RecoverDead : public Reaping {
 public:
  using Reaping::Reaping;
  std::vector<std::string> outcomes() const override { return {"recovered"}; }
  bool staged_unsound() const override { return true; }
  void stage() override {
    prepare();
    declare_dead(w.segment(), a.thread().index());
  }
  void trap() override { recover_dead_threads(other); }
  unsigned outcome(Judge& judge) override {
    judge.equal(kSlotFree, dead().state.load(), "the dead thread's slot");
    return 0;
  }

 protected:
  virtual void prepare() = 0;
  ThreadSlot& dead() { return w.segment().slot(a.thread().index()); }
};

// Counts that are too large.
class BadCounts : public RecoverDead {
 public:
  using RecoverDead::RecoverDead;
  bool staged_damage() const override { return true; }

 protected:
  void prepare() override {
    store_freed(a.thread(), dead());
    empty_magazines(a.thread(), dead());
    dead().log_length.store(kLogMax + 1);
    dead().held_count.store(kHeldMax + 1);
    for (Hint<uint32_t>& held : dead().held) held.store(0xffffffff);
    dead().owed_count.init(kOwedMax + 1);
    dead().pending_count.init(kPendingMax + 1);
    dead().magazines[ipc::kZonePort].count.init(kMagazineMax + 1);
  }
};

// Entries that name nothing; among them two old values of odd sizes that are sound.
class BadEntries : public RecoverDead {
 public:
  using RecoverDead::RecoverDead;
  bool staged_damage() const override { return true; }
  unsigned outcome(Judge& judge) override {
    judge.equal('x', program()[0], "a byte that is undone");
    judge.equal('y', program()[2], "two bytes that are undone");
    return RecoverDead::outcome(judge);
  }

 protected:
  char* program() { return w.segment().at(b.handle()).program; }
  void prepare() override {
    store_freed(a.thread(), dead());
    empty_magazines(a.thread(), dead());
    note(0, w.segment().offset_of(&program()[0]) << 4 | 1, 'x');
    note(1, w.segment().offset_of(&program()[2]) << 4 | 2, 'y');
    note(2, w.segment().size() << 4 | 8, 0);
    dead().log_length.store(3);
    dead().owed[0].init(0xffffffff);
    dead().owed_count.init(1);
    dead().pending[0].init(uint64_t{ipc::kZonePort} << 32 | 0xffffff);
    dead().pending_count.init(1);
    dead().magazines[ipc::kZonePort].item[0].init(0xffffff);
    dead().magazines[ipc::kZonePort].count.init(1);
  }
  void note(unsigned n, uint64_t where, uint64_t old) {
    dead().log[n].where.store(where);
    dead().log[n].old.store(old);
  }
};

// Both the dead one and its recoverer have work left: one list is made of the two.
class AdoptMore : public RecoverDead {
 public:
  using RecoverDead::RecoverDead;
  unsigned outcome(Judge& judge) override {
    judge.expect(w.entry(b, names[0]) == nullptr && w.entry(b, names[1]) == nullptr, "a name");
    return RecoverDead::outcome(judge);
  }

 protected:
  void prepare() override {
    for (unsigned i = 0; i < 2; i++) {
      names[i] = b.allocate();
      World::require(
          ipc::port_destroy_name(i == 0 ? other : a.thread(), b.space(), Name{names[i]}) == KERN_SUCCESS,
          "a dying port");
    }
    World::require(dead().work_head != 0 && other.slot().work_head != 0, "two lists of work");
  }
  mach_port_name_t names[2] = {};
};

// There is no memory for a message: what was in hand waits until there is.
class NoMemory : public RecoverDead {
 public:
  using RecoverDead::RecoverDead;
  bool staged_without_messages() const override { return true; }
  void afterwards() override {
    w.allow_messages();
    recover_dead_threads(w.reaper());
  }
  unsigned outcome(Judge& judge) override {
    judge.equal(1u, w.queued(w.port(b, reply), MACH_NOTIFY_SEND_ONCE), "send-once rights whose end was told");
    return RecoverDead::outcome(judge);
  }

 protected:
  // A send-once right is in hand; its end takes a message to tell.
  void prepare() override {
    reply = b.allocate();
    const mach_port_name_t once = b.give(reply, kMakeSendOnce, a);
    ipc::NakedRight right;
    World::require(ipc::right_take(a.thread(), a.space(), Name{once}, kMoveSendOnce, right) == KERN_SUCCESS,
                   "a right in hand");
    store_freed(a.thread(), dead());
    empty_magazines(a.thread(), dead());
    w.use_up_messages(c);
  }

  mach_port_name_t reply = 0;
};

// Somebody else recovers the dead thread between the recoverer's look at it and its claim.
class Overtaken : public RecoverDead {
 public:
  using RecoverDead::RecoverDead;
  bool differs_each_time() const override { return true; }
  void meanwhile() override {
    if (done || dead().claim.load() != other.index()) return;
    done = true;
    dead().claim.store(0);
    recover_thread(w.launchd(), a.thread().index());
    dead().claim.store(other.index());
  }

 protected:
  void prepare() override { a.port_with_send(); }

 private:
  bool done = false;
};

constexpr Listed kDamage[] = {
    {"recover-bad-counts", "a slot with counts that are too large", make_scenario<BadCounts>, "launchd"},
    {"recover-bad-entries", "a slot with entries that name nothing", make_scenario<BadEntries>, "launchd"},
    {"recover-adopt", "work, by a reaper that has some already", make_scenario<AdoptMore>, "launchd"},
    {"recover-no-memory", "a right in hand, without memory at first", make_scenario<NoMemory>, "launchd"},
    {"recover-overtaken", "a thread that another has recovered just now", make_scenario<Overtaken>,
     "launchd"},
};

}  // namespace

std::span<const Listed> damage_scenarios() { return kDamage; }

}  // namespace portolan::proof
