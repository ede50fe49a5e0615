// SPDX-License-Identifier: Apache-2.0
#include "stages/stops.hpp"

#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <unordered_set>

#include "proof/describe.hpp"
#include "proof/sound.hpp"
#include "proof/symbols.hpp"
#include "segment/recovery.hpp"
#include "segment/txn.hpp"
#include "stages/bystanders.hpp"
#include "stages/puppet.hpp"
#include "stages/stage.hpp"
#include "support/crash.hpp"

namespace portolan::stages {

namespace {

using proof::Judge;
using proof::World;
using test::Image;
using Stop = Puppet::Stop;

constexpr unsigned kClaimants = 4;
constexpr unsigned kFirst = 16;  // the first states of a trap hold no lock

// A lock that cannot be had now, and who will free it.
struct Busy {
  uint64_t offset;
  uint32_t holder;
};

class Stops {
 public:
  Stops(const proof::Listed& listed, const StopOptions& options, Tally& tally)
      : options_(options), tally_(tally), w_(*new World), scenario_(listed.make(w_)) {
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    // Before the scenario is staged, which may count on the next free slot.
    others_ = bystanders(w_, spaces_);
    for (unsigned i = 0; i < kClaimants; i++) {
      test::TestTask& task = *w_.task_thread(*w_.tasks().back());
      others_.push_back(
          {"claimant", task.thread().index(), true, false, [this, i, &task] { claim(task, i); }});
    }
    const auto none_of_its = static_cast<std::ptrdiff_t>(w_.tasks().size());
    scenario_->stage();
    victim_ = scenario_->victim();
    for (auto it = w_.tasks().begin(); it != w_.tasks().end(); ++it)
      if (it - w_.tasks().begin() < 3 || it - w_.tasks().begin() >= none_of_its)
        spaces_.push_back((*it)->space());
    void* memory = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    World::require(memory != MAP_FAILED, "shared memory");
    wanted_ = static_cast<uint64_t*>(memory);
    World::require(!testing::UnitTest::GetInstance()->ad_hoc_test_result().Failed(),
                   "what the scenario needs");
    for (const Bystander& one : others_) start_.push_back(Puppet::make(one.business));
  }

  void run() {
    auto it = Puppet::make([this] { scenario_->trap(); });
    Image image(w_.segment());
    std::unordered_set<uint64_t> seen;
    unsigned naps = 0, nth = 0;
    const auto first = static_cast<unsigned>((options_.seed + kFirst) % options_.every);
    Stop stop = Stop::parked;
    while (stop == Stop::parked || (stop == Stop::asleep && scenario_->may_sleep() && naps < 100)) {
      if (stop == Stop::asleep) scenario_->asleep(naps++);
      if (stop == Stop::parked) {
        tally_.count[kStopSteps]++;
        image.follow(w_.segment(), nullptr);
        const bool fresh = seen.insert(image.hash()).second;
        tally_.count[kStopStates] += fresh;
        if (fresh && nth++ % options_.every == first) try_state(image, *it);
        if (tally_.violations > 20) return;
      }
      stop = it->step();
    }
    // One that sleeps for good holds nothing, and is no state of its own.
    if (stop == Stop::failed) tally_.wrong("the parked one: " + it->failure());
  }

 private:
  void claim(test::TestTask& task, unsigned i) {
    auto& word = *reinterpret_cast<LockWord*>(w_.segment().base() + wanted_[i]);
    section(task.thread(), [&](Txn& txn) {
      txn.acquire(word);
      return 0;
    });
  }

  // What the parked thread holds, and what dead ones hold whom it is recovering.
  std::vector<Busy> busy() {
    std::vector<Busy> all;
    const Segment& segment = w_.segment();
    for (uint32_t i = 1; i < segment.header().threads_high.load(); i++) {
      const ThreadSlot& slot = segment.slot(i);
      const bool its = i == victim_ || (slot.state.load() != kSlotFree && slot.claim.load() == victim_);
      if (!its) continue;
      for (uint32_t n = 0; n < std::min(slot.held_count.load(), kHeldMax); n++) {
        const uint64_t offset = uint64_t{slot.held[n].load()} << 2;
        if (offset >= segment.size()) continue;  // of a dead one that is damaged
        if (lock_holder(segment, offset) == i) all.push_back({offset, i});
      }
    }
    return all;
  }

  // Belongs to nobody in particular: who stands by may want it, too.
  bool everybodys(uint64_t offset) {
    const Segment& segment = w_.segment();
    switch (lock_kind(segment, offset)) {
      case LockKind::shard:
      case LockKind::carve:
      case LockKind::transit:
      case LockKind::name_space:
      case LockKind::other_element:
        return true;
      case LockKind::port: {
        const ipc::Port& first = segment.at(Handle<ipc::Port>{1});
        const auto index = (offset - segment.offset_of(&first)) / sizeof(ipc::Port) + 1;
        return segment.at(Handle<ipc::Port>{static_cast<uint32_t>(index)}).kobject_type != 0;
      }
      default:
        return false;
    }
  }

  void try_state(const Image& state, Puppet& at) {
    Segment& segment = w_.segment();
    state.restore(segment);
    Judge judge;
    const std::vector<Busy> locks = busy();
    if (options_.sabotage && !locks.empty())
      *reinterpret_cast<LockWord*>(segment.base() + locks[0].offset)->address() = w_.heir().index();
    for (const Busy& lock : locks)
      tally_.kind[static_cast<unsigned>(lock_kind(segment, lock.offset))][kKindStates]++;
    auto parked = at.twin();
    std::vector<std::unique_ptr<Puppet>> puppets(others_.size());
    const size_t claimants = others_.size() - kClaimants;
    for (size_t i = 0; i < others_.size(); i++) {
      const bool claims = i >= claimants;
      if (claims && i - claimants >= locks.size()) continue;
      if (others_[i].needs_messages && scenario_->staged_without_messages()) continue;
      if (claims) wanted_[i - claimants] = locks[locks.size() - 1 - (i - claimants)].offset;
      puppets[i] = start_[i]->twin();
      puppets[i]->go_on();
      look(*puppets[i], others_[i], claims ? wanted_[i - claimants] : 0, locks, judge);
    }
    tally_.count[kStopTried]++;
    go_on(*parked, puppets, judge);
    end_world(*parked, puppets, judge);
    state.restore(segment);
    if (judge.wrong().empty()) return;
    std::string all;
    for (const std::string& one : judge.wrong()) all += (all.empty() ? "" : "; ") + one;
    tally_.wrong("stopped in " + proof::symbol_at(at.instruction()) + ": " + all + "\n    " +
                 proof::describe_thread(segment, victim_));
  }

  bool rests(Puppet& puppet, uint32_t slot, const char* name, Judge& judge) {
    const bool well = puppet.rest([&] { return waits(w_.segment(), slot); }) != Stop::failed;
    if (!well) judge.expect(false, std::string(name) + ": " + puppet.failure());
    return well;
  }

  // While one is parked: who has ended, and who waits, and may it?
  void look(Puppet& puppet, const Bystander& who, uint64_t claimed, const std::vector<Busy>& locks,
            Judge& judge) {
    Segment& segment = w_.segment();
    if (!rests(puppet, who.slot, who.name.c_str(), judge)) return;
    if (!puppet.alive()) {
      judge.expect(claimed == 0, who.name + " got a lock that is held");
      tally_.count[kStopWentOn]++;
      for (const Busy& lock : locks)
        tally_.kind[static_cast<unsigned>(lock_kind(segment, lock.offset))][kKindWentOn]++;
      return;
    }
    tally_.count[kStopWaited]++;
    const uint64_t wanted = lock_wanted(segment, who.slot);
    if (wanted == 0) return judge.expect(false, who.name + " sleeps on something else than a lock");
    tally_.kind[static_cast<unsigned>(lock_kind(segment, wanted))][kKindWaited]++;
    const auto lock =
        std::find_if(locks.begin(), locks.end(), [&](const Busy& it) { return it.offset == wanted; });
    const std::string what = who.name + " waits for a " + lock_kind_name(lock_kind(segment, wanted));
    if (lock == locks.end()) return judge.expect(false, what + " that the stopped thread does not hold");
    judge.expect(claimed == 0 || claimed == wanted, what + " and not for the lock that it wants");
    judge.expect(who.related || everybodys(wanted), what + " that is none of its business");
    const std::string wrong = wrong_wait(segment, who.slot, lock->holder);
    judge.expect(wrong.empty(), who.name + " " + wrong);
  }

  void go_on(Puppet& parked, std::vector<std::unique_ptr<Puppet>>& puppets, Judge& judge) {
    parked.go_on();
    // It may meet those who waited for it.
    rests(parked, victim_, "the stopped one", judge);
    for (size_t i = 0; i < others_.size(); i++) {
      if (!puppets[i] || !puppets[i]->alive()) continue;
      const uint32_t slot = others_[i].slot;
      if (puppets[i]->rest([] { return false; }) == Stop::failed)
        judge.expect(false, others_[i].name + " does not go on with it, but " + puppets[i]->failure() +
                                (lock_wanted(w_.segment(), slot) != 0 ? ", waiting for a lock" : ""));
    }
    if (!parked.alive()) return;
    const bool well = parked.rest([&] {
      return waits(w_.segment(), victim_) && lock_wanted(w_.segment(), victim_) == 0;
    }) != Stop::failed;
    if (!well) judge.expect(false, "the stopped one does not come to rest: " + parked.failure());
  }

  void end_world(Puppet& parked, std::vector<std::unique_ptr<Puppet>>& puppets, Judge& judge) {
    if (!scenario_->staged_unsound()) check_sound(w_.segment(), judge, "with everybody gone on");
    parked.die();
    for (auto& puppet : puppets)
      if (puppet) puppet->die();
    if (!judge.wrong().empty()) return;  // what is broken breaks who works on it
    w_.set_reaper(victim_ == w_.launchd().index() ? w_.heir() : w_.launchd());
    thread_died(w_.segment(), victim_);
    recover_dead_threads(w_.reaper());
    scenario_->afterwards();
    settle(w_.reaper());
    scenario_->clear_away();
    for (auto& task : w_.tasks()) w_.end_task(*task);
    check_sound(w_.segment(), judge, "after all tasks' end");
    std::vector<uint32_t> left = w_.census(), fresh = w_.fresh();
    if (victim_ == w_.launchd().index() || victim_ == w_.heir().index()) fresh.back()--;
    for (size_t zone = 0; zone < left.size(); zone++)
      judge.equal(fresh[zone], left[zone],
                  zone < kMaxZones ? "elements of zone " + std::to_string(zone) + " in the end"
                                   : "threads in the end");
  }

  const StopOptions& options_;
  Tally& tally_;
  World& w_;
  std::unique_ptr<proof::Scenario> scenario_;
  uint32_t victim_ = 0;
  uint64_t* wanted_ = nullptr;
  std::vector<Handle<ipc::Space>> spaces_;  // of the scenario's tasks
  std::vector<Bystander> others_;
  std::vector<std::unique_ptr<Puppet>> start_;
};

}  // namespace

void prove_stops(const proof::Listed& listed, const StopOptions& options, Tally& tally) {
  Stops(listed, options, tally).run();
}

}  // namespace portolan::stages
