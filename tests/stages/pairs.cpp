// SPDX-License-Identifier: Apache-2.0
#include "stages/pairs.hpp"

#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/mman.h>

#include <map>
#include <random>
#include <set>
#include <unordered_set>

#include "ipc/fsck.hpp"
#include "proof/describe.hpp"
#include "proof/portrait.hpp"
#include "proof/sound.hpp"
#include "proof/symbols.hpp"
#include "segment/recovery.hpp"
#include "stages/puppet.hpp"
#include "stages/stage.hpp"
#include "support/crash.hpp"

namespace portolan::stages {

namespace {

using proof::Judge;
using test::Image;
using Stop = Puppet::Stop;

constexpr unsigned kFirst = 1, kSecond = 2, kBoth = 3;  // sets of dead sides

Notes* make_notes() {
  void* memory = mmap(nullptr, sizeof(Notes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  World::require(memory != MAP_FAILED, "memory for notes");
  return new (memory) Notes{};
}

class Pair {
 public:
  Pair(const ListedMeeting& listed, bool swapped, const PairOptions& options, Tally& tally)
      : options_(options),
        tally_(tally),
        notes_(*make_notes()),
        w_(*new World),
        meeting_(listed.make(w_, notes_)),
        held_(swapped ? 1 : 0),
        random_(options.seed * 0x9e3779b97f4a7c15ull + swapped) {
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    meeting_->stage();
    World::require(!testing::UnitTest::GetInstance()->ad_hoc_test_result().Failed(), "what the pair needs");
    World::require(ipc::fsck(w_.segment()).clean(), "a sound world");
    start_[0] = Puppet::make([this] { meeting_->first(); });
    start_[1] = Puppet::make([this] { meeting_->second(); });
    // After the puppets, so that these need not be copied each time one branches.
    base_ = std::make_unique<Image>(w_.segment());
    slot_[0] = meeting_->first_thread().thread().index();
    slot_[1] = meeting_->second_thread().thread().index();
  }

  void run() {
    if (meeting_->ordered()) learn();
    const unsigned parked = held_, other = 1 - held_;
    begin(*base_);
    auto it = start_[parked]->twin();
    Image image(w_.segment());
    std::unordered_set<uint64_t> seen;
    unsigned nth = 0;
    std::unique_ptr<Puppet> spare;
    uint32_t noted = 0, notes = 0;
    for (Stop stop = Stop::parked; stop == Stop::parked; stop = it->step()) {
      if (options_.sabotage != 0) {
        Hint<uint32_t>& word = w_.segment().slot(slot_[parked]).held_count;
        if (word.load() > noted && ++notes == options_.sabotage) word.store(noted);
        noted = word.load();
      }
      tally_.count[kPairSteps]++;
      image.follow(w_.segment(), nullptr);
      const bool fresh = seen.insert(image.hash()).second;
      tally_.count[kPairStates] += fresh;
      const bool call = it->before_call();
      if (call) spare = it->twin();
      if (!(fresh && nth++ % options_.every == 0) && !call) continue;
      try_state(image, *it, parked, other, false);
      image.restore(w_.segment());
      if (tally_.violations > 20) return;
    }
    if (it->alive()) {  // asleep: not parked, but in the system call
      it->die();
      for (unsigned i = 0; i < 4 * options_.samples; i++) try_state(image, *spare, parked, other, true);
    }
    if (!it->failure().empty()) tally_.wrong("the parked one: " + it->failure());
  }

 private:
  using Sides = std::unique_ptr<Puppet>[2];

  void begin(const Image& image) { image.restore(w_.segment()); }
  bool rests(unsigned side, Puppet& puppet) {
    Segment& segment = w_.segment();
    const Stop stop = puppet.rest([&] { return waits(segment, slot_[side]); });
    if (stop == Stop::failed) broken_ = "side " + std::to_string(side) + ": " + puppet.failure();
    return stop != Stop::failed;
  }
  void died(unsigned side) { thread_died(w_.segment(), slot_[side]); }
  // By launchd, both stages.
  void recover() {
    recover_dead_threads(w_.launchd());
    settle(w_.launchd());
  }

  // ------------------------------------------------------------------------------------- what came of it

  // Recovers who is dead, lets the survivors come to rest, says what the world looks like then, and ends it.
  std::string finish(Sides& sides, unsigned dead, Judge* judge) {
    broken_.clear();
    for (unsigned side = 0; side < 2; side++)
      if (sides[side] && sides[side]->alive() && (dead & 1u << side) == 0) rests(side, *sides[side]);
    recover();
    std::string text;
    for (unsigned side = 0; side < 2; side++) {
      Puppet* puppet = sides[side].get();
      const bool alive = puppet != nullptr && puppet->alive() && (dead & 1u << side) == 0;
      if (alive) rests(side, *puppet);
      if ((dead & 1u << side) != 0)
        text += "died; ";
      else if (puppet != nullptr && puppet->alive())
        text += "waits; ";
      else
        text += "code " + std::to_string(notes_.code[side].load()) + " got " +
                std::to_string(notes_.got[side].load()) + "; ";
    }
    text += "\n" + proof::portrait(w_.segment());
    if (judge != nullptr) end_world(sides, *judge);
    for (unsigned side = 0; side < 2; side++) sides[side].reset();
    return text;
  }

  void end_world(Sides& sides, Judge& judge) {
    if (!broken_.empty()) judge.expect(false, broken_);
    for (unsigned side = 0; side < 2; side++)
      if (lock_wanted(w_.segment(), slot_[side]) != 0 && sides[side] && sides[side]->alive())
        judge.expect(false, "side " + std::to_string(side) + " waits for a lock and nobody has it");
    check_sound(w_.segment(), judge, "afterwards");
    for (unsigned side = 0; side < 2; side++)
      if (sides[side]) sides[side]->die();
    if (!judge.wrong().empty()) return;  // what is broken breaks who works on it
    for (auto& task : w_.tasks()) w_.end_task(*task);
    check_sound(w_.segment(), judge, "after all tasks' end");
    const std::vector<uint32_t> left = w_.census();
    for (size_t zone = 0; zone < left.size(); zone++)
      judge.equal(w_.fresh()[zone], left[zone],
                  zone < kMaxZones ? "elements of zone " + std::to_string(zone) + " in the end"
                                   : "threads in the end");
    judge.equal(0u, w_.segment().header().quarantined.load(), "things that recovery could not believe");
  }

  // -------------------------------------------------------------------------------------------- learning

  // As far as it goes by itself: what is returned stands before the call in which it would sleep; empty: it
  // has ended.
  std::unique_ptr<Puppet> advance(unsigned side) {
    auto it = start_[side]->twin();
    std::unique_ptr<Puppet> spare;
    Stop stop = Stop::parked;
    for (; stop == Stop::parked; stop = it->step())
      if (it->before_call()) spare = it->twin();
    return stop == Stop::asleep ? std::move(spare) : nullptr;
  }

  // The distinct states of one side, stepped from here.
  std::vector<std::unique_ptr<Image>> states_of(unsigned side) {
    std::vector<std::unique_ptr<Image>> states;
    auto it = start_[side]->twin();
    Image image(w_.segment());
    std::unordered_set<uint64_t> seen;
    Stop stop = Stop::parked;
    for (bool first = true; stop == Stop::parked; stop = it->step(), first = false) {
      if (!image.follow(w_.segment(), nullptr) && !first) continue;
      if (!seen.insert(image.hash()).second) continue;
      if (!worth_keeping(side, image)) continue;
      states.push_back(std::make_unique<Image>(w_.segment()));
    }
    return states;
  }

  // Of states that are recovered to the same one is enough.
  std::set<std::string> kept_;
  bool worth_keeping(unsigned side, const Image& now) {
    died(side);
    recover();
    const bool fresh = kept_.insert(proof::portrait(w_.segment())).second;
    now.restore(w_.segment());
    return fresh;
  }

  void learn_one(unsigned dead, Sides& sides) { legal_[dead].insert(finish(sides, dead, nullptr)); }

  // Both live, `one` first.
  void learn_order(unsigned one) {
    begin(*base_);
    Sides sides = {start_[0]->twin(), start_[1]->twin()};
    for (unsigned side : {one, 1 - one}) {
      sides[side]->go_on();
      rests(side, *sides[side]);
    }
    learn_one(0, sides);
  }

  // `one` dies somewhere in its trap, before or after the other's; and then the other, too.
  void learn_deaths(unsigned one) {
    const unsigned other = 1 - one, dead = 1u << one;
    kept_.clear();
    begin(*base_);
    for (auto& state : states_of(one)) {
      begin(*state);
      died(one);
      recover();
      const Image recovered(w_.segment());
      Sides sides;
      sides[other] = start_[other]->twin();
      sides[other]->go_on();
      learn_one(dead, sides);
      begin(recovered);
      learn_second_deaths(other);
    }
    begin(*base_);
    auto waiting = advance(other);
    kept_.clear();
    for (auto& state : states_of(one)) {
      begin(*state);
      died(one);
      recover();
      const Image recovered(w_.segment());
      Sides sides;
      if (waiting) {
        sides[other] = waiting->twin();
        sides[other]->go_on();
      }
      learn_one(dead, sides);
      begin(recovered);
      died(other);
      learn_one(kBoth, sides);
    }
    learn_after_waiting(one);
  }

  void learn_second_deaths(unsigned other) {
    std::set<std::string> kept;
    kept.swap(kept_);
    for (auto& state : states_of(other)) {
      begin(*state);
      died(other);
      Sides none;
      learn_one(kBoth, none);
    }
    kept.swap(kept_);
  }

  // It sleeps, the other's trap ends that, and it dies on its further way, or in its sleep; so may the other.
  void learn_after_waiting(unsigned one) {
    const unsigned other = 1 - one;
    begin(*base_);
    auto asleep = advance(one);
    if (!asleep) return;
    kept_.clear();
    for (auto& state : states_of(other)) {
      begin(*state);
      died(other);
      Sides sides;
      sides[one] = asleep->twin();
      sides[one]->go_on();
      learn_one(1u << other, sides);
      begin(*state);
      died(other);
      died(one);
      learn_one(kBoth, sides);
    }
    begin(*base_);
    asleep = advance(one);
    auto waiting = advance(other);
    const Image after(w_.segment());
    kept_.clear();
    for (unsigned both = 0; both < 2; both++) {
      begin(after);
      auto it = asleep->twin();
      Stop stop = Stop::parked;
      Image image(w_.segment());
      for (bool first = true; stop == Stop::parked; stop = it->step(), first = false) {
        if (!image.follow(w_.segment(), nullptr) && !first) continue;
        died(one);
        if (both != 0) died(other);
        Sides sides;
        if (waiting && both == 0) {
          sides[other] = waiting->twin();
          sides[other]->go_on();
        }
        learn_one(both != 0 ? kBoth : 1u << one, sides);
        begin(image);
      }
    }
  }

  void learn() {
    for (unsigned one = 0; one < 2; one++) {
      learn_order(one);
      learn_deaths(one);
    }
  }

  // ---------------------------------------------------------------------------------------------- trying

  void try_state(const Image& state, Puppet& at, unsigned parked, unsigned other, bool asleep) {
    for (unsigned dead = 0; dead <= kBoth && !asleep; dead++)
      try_once(state, at, parked, other, dead, UINT64_MAX, false);
    for (unsigned i = 0; i < options_.samples; i++)
      try_once(state, at, parked, other, static_cast<unsigned>(random_() % 4), random_() % length(other),
               asleep);
  }

  // How many instructions a side takes by itself: for samples.
  uint64_t length(unsigned side) {
    if (length_[side] != 0) return length_[side];
    const Image now(w_.segment());
    begin(*base_);
    auto it = start_[side]->twin();
    while (it->step() == Stop::parked) length_[side]++;
    it->die();
    begin(now);
    return ++length_[side];
  }

  void try_once(const Image& state, Puppet& at, unsigned parked, unsigned other, unsigned dead,
                uint64_t steps, bool asleep) {
    Segment& segment = w_.segment();
    begin(state);
    Judge judge;
    Sides sides;
    sides[parked] = at.twin();
    sides[other] = start_[other]->twin();
    tally_.count[kPairTried]++;
    if (asleep) {
      sides[parked]->go_on();
      rests(parked, *sides[parked]);
    }
    if (steps == UINT64_MAX) {
      sides[other]->go_on();
      if (!rests(other, *sides[other])) judge.expect(false, broken_);
      tally_.count[kPairWaited] += lock_wanted(segment, slot_[other]) != 0;
      if (sides[other]->alive())
        judge.expect(wrong_wait(segment, slot_[other], slot_[parked]).empty(),
                     wrong_wait(segment, slot_[other], slot_[parked]));
    } else {
      park(*sides[other], steps);
      tally_.count[kPairBothParked]++;
      if (!asleep) {
        sides[parked]->go_on();
        if (!rests(parked, *sides[parked])) judge.expect(false, broken_);
        if (sides[parked]->alive())
          judge.expect(wrong_wait(segment, slot_[parked], slot_[other]).empty(),
                       wrong_wait(segment, slot_[parked], slot_[other]));
      }
    }
    const bool parked_still = steps == UINT64_MAX;
    for (unsigned side = 0; side < 2; side++) {
      if ((dead & 1u << side) == 0 || !sides[side]) continue;
      if (!sides[side]->alive()) {
        dead &= ~(1u << side);  // it has ended before
        continue;
      }
      sides[side]->die();
      died(side);
    }
    if (parked_still && (dead & 1u << parked) == 0) sides[parked]->go_on();
    if (!parked_still && (dead & 1u << other) == 0 && sides[other]->alive()) sides[other]->go_on();
    const std::string text = finish(sides, dead, &judge);
    if (meeting_->ordered() && legal_[dead].count(text) == 0) judge.expect(false, unheard(text, dead));
    if (judge.wrong().empty()) return;
    report(state, at, parked, dead, steps, asleep, judge);
  }

  static void park(Puppet& puppet, uint64_t steps) {
    while (steps-- != 0 && puppet.step() == Stop::parked) {
    }
  }

  std::string unheard(const std::string& text, unsigned dead) {
    std::string best;
    for (const std::string& legal : legal_[dead]) {
      const std::string how = proof::difference(legal, text);
      if (best.empty() || how.size() < best.size()) best = how;
    }
    return "no order explains it; the nearest of " + std::to_string(legal_[dead].size()) + ":\n" + best;
  }

  void report(const Image& state, Puppet& at, unsigned parked, unsigned dead, uint64_t steps, bool asleep,
              const Judge& judge) {
    begin(state);
    std::string all;
    for (const std::string& one : judge.wrong()) all += (all.empty() ? "" : "; ") + one;
    static const char* const kDead[] = {"nobody died", "the first died", "the second died", "both died"};
    tally_.wrong(std::string(asleep ? "asleep" : "parked") + " in " + proof::symbol_at(at.instruction()) +
                 ", " + kDead[dead] +
                 (steps == UINT64_MAX ? "" : ", the other parked after " + std::to_string(steps)) + ": " +
                 all + "\n    " + proof::describe_thread(w_.segment(), slot_[parked]));
  }

  const PairOptions& options_;
  Tally& tally_;
  Notes& notes_;
  World& w_;
  std::unique_ptr<Meeting> meeting_;
  const unsigned held_;
  std::mt19937_64 random_;
  std::unique_ptr<Image> base_;
  std::unique_ptr<Puppet> start_[2];
  uint32_t slot_[2] = {};
  uint64_t length_[2] = {};
  std::set<std::string> legal_[4];
  std::string broken_;
};

}  // namespace

void prove_pair(const ListedMeeting& listed, bool swapped, const PairOptions& options, Tally& tally) {
  Pair(listed, swapped, options, tally).run();
}

}  // namespace portolan::stages
