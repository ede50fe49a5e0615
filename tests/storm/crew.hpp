// SPDX-License-Identifier: Apache-2.0
// The processes in the ring's places, as their master has them: fills each place anew when its process is
// gone, strikes at random, and watches for who hangs.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <random>
#include <vector>

#include "storm/ledger.hpp"
#include "storm/view.hpp"

namespace portolan::storm {

struct Struck {
  uint64_t kills = 0, launchd_kills = 0;  // the kills with launchd's among them
  uint64_t stops = 0, launchd_stops = 0;
  uint64_t killed_stopped = 0;  // killed while stopped
  uint64_t hung = 0, failed = 0;
};

class Crew {
 public:
  Crew(Ledger& ledger, const View& view, uint64_t seed);

  void fill();
  // One kill or stop, of a process or launchd.
  void strike();
  // Goes on with who was stopped long enough; looks after who has ended, and who hangs. To be called often.
  void watch();
  // Everybody goes on.
  void continue_all();
  bool all(const std::function<bool(const Place&)>& holds) const;
  bool anybody() const {
    return !all([](const Place&) { return false; });
  }
  // Whoever is left has not come to its end.
  void end_the_rest();

  // Called when somebody hangs, who is still there.
  std::function<void()> on_hang;
  const Struck& struck() const { return struck_; }

 private:
  struct Stopped {
    pid_t pid;
    uint64_t until;
  };

  void spawn(unsigned index);
  void begin(unsigned index, uint32_t life);
  void gone(unsigned index);
  void kill_one(unsigned index);
  void strike_launchd();
  bool stop(pid_t pid);
  bool is_stopped(pid_t pid) const;
  void reap();
  void tick();
  void look_for_hangs();
  bool running() const { return ledger_.stage == kRunning; }

  Ledger& ledger_;
  const View& view_;
  std::mt19937_64 random_;
  std::vector<Stopped> stopped_;
  uint64_t last_tick_;
  Struck struck_;
};

}  // namespace portolan::storm
