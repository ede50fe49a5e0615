// SPDX-License-Identifier: Apache-2.0
#include "stages/lives.hpp"

#include <signal.h>

#include <algorithm>
#include <memory>

#include "stages/follower.hpp"

namespace portolan::stages {

namespace {

constexpr uint64_t kApart = 101;  // places where nothing is known of the segment

class Lives {
 public:
  Lives(const Life& life, const LifeOptions& options, Tally& tally)
      : life_(life), options_(options), tally_(tally), launchd_(life.begins == Begins::launchd) {}

  void run() {
    if (!life_.founds) scene_ = std::make_unique<Scene>();
    if (scene_ && !scene_->failure().empty()) return tally_.wrong(scene_->failure());
    std::vector<uint64_t> places = record();
    if (places.empty()) return tally_.wrong("nothing is recorded");
    const size_t apart = std::max<size_t>(options_.every, places.size() / options_.most);
    unsigned nth = 0;
    for (size_t i = options_.seed % apart; i < places.size() && tally_.violations < 5; i += apart)
      round(places[i], nth++ % 3 == 1);
  }

 private:
  std::unique_ptr<Traced> start(const user::Domain& domain) {
    if (launchd_ && !bereave(*scene_)) tally_.wrong("nobody to leave anything behind");
    std::string failure;
    auto it = begin_life(life_, domain.path(), failure);
    if (!it) tally_.wrong(failure);
    return it;
  }

  // The instructions after which the segment is what it never was before, and those around system calls.
  std::vector<uint64_t> record() {
    const auto alone = life_.founds ? std::make_unique<user::Domain>() : nullptr;
    const user::Domain& domain = alone ? *alone : scene_->domain();
    auto it = start(domain);
    if (!it) return {};
    std::unique_ptr<Follower> follower;
    if (!life_.founds) follower = std::make_unique<Follower>(domain.path());
    std::vector<uint64_t> places;
    uint64_t steps = 0;
    bool called = true;
    for (;; steps++) {
      Call call;
      const bool calls = it->at_call(call);
      const bool fresh = follower && follower->fresh();
      if (fresh || calls || called || (life_.founds && steps % kApart == 0)) places.push_back(steps);
      called = calls;
      if (calls) tally_.count[kLifeCalls]++;
      if (calls && launchd_ && launchd_rests(call)) break;
      if (!it->step() || it->execed()) break;
    }
    tally_.count[kLifeSteps] = steps;
    if (follower) tally_.count[kLifeStates] = follower->states();
    it->kill();
    it->finish();
    if (launchd_) scene_->release();
    const std::string wrong = scene_ ? scene_->wrong() : "";
    if (!wrong.empty()) tally_.wrong("when it was only stepped: " + wrong);
    return places;
  }

  void round(uint64_t place, bool both) {
    const auto alone = life_.founds ? std::make_unique<user::Domain>() : nullptr;
    auto it = start(alone ? *alone : scene_->domain());
    if (!it) return;
    for (uint64_t i = 0; i < place && it->step() && !it->execed(); i++) {
    }
    const pid_t launchd = both && scene_ && !launchd_ ? scene_->launchd() : 0;
    if (launchd > 0) kill(launchd, SIGKILL);
    if (options_.sabotage && !scene_->wrong().empty()) return tally_.wrong("one that nobody killed");
    it->kill();
    const int status = it->finish();
    tally_.count[kLifeKills]++;
    tally_.count[kLifeBoth] += launchd > 0;
    if (launchd_) scene_->release();
    std::string wrong = alone ? wrong_alone(*alone) : scene_->wrong();
    if (status == 1 || status == -1) wrong += "; it exits with " + std::to_string(status) + " " + it->said();
    if (!wrong.empty())
      tally_.wrong("killed after " + std::to_string(place) + " instructions" +
                   (launchd > 0 ? " with launchd: " : ": ") + wrong);
  }

  const Life& life_;
  const LifeOptions& options_;
  Tally& tally_;
  const bool launchd_;
  std::unique_ptr<Scene> scene_;
};

}  // namespace

void prove_life(const Life& life, const LifeOptions& options, Tally& tally) {
  interrupt_each_second();
  Lives(life, options, tally).run();
}

}  // namespace portolan::stages
