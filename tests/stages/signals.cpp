// SPDX-License-Identifier: Apache-2.0
#include "stages/signals.hpp"

#include <signal.h>

#include <algorithm>

#include "process/user_harness.hpp"
#include "stages/traced.hpp"

namespace portolan::stages {

const char* const kSignalTraps[] = {
    "allocate",          "mod_refs",        "send",        "receive",
    "receive-interrupt", "receive-timeout", "move_member", "request_notification",
    "semaphore_signal",  "look_up",         nullptr};

void prove_signals(const std::string& trap, const std::string& how, const SignalOptions& options,
                   Tally& tally) {
  interrupt_each_second();
  const std::string program = std::string(PORTOLAN_TEST_PROGRAMS_DIR) + "/signal_steps";
  const user::Domain domain;
  uint64_t length = 0, apart = 1, next = 0;
  while (length == 0 || next < length) {
    Traced it(domain.path(), {program, trap, how}, Tracing::from_start);
    bool well = it.to_stop();
    if (well && length == 0) {
      for (length = 1; it.step();) length++;
      apart = std::max<uint64_t>(1, length / options.most);
      next = options.seed % apart;
    } else if (well) {
      well = it.to_stop();
    }
    tally.count[kSignalSteps] = length;
    // Where the trap takes fewer instructions than the first time, the signal comes right behind it.
    for (bool behind = false; well && next < length; next += apart) {
      well = behind || it.to_stop();
      uint64_t steps = 0;
      while (well && steps < next && it.step()) steps++;
      behind = steps < next;
      well = well && it.alive() && it.to_stop(SIGUSR1);
      tally.count[kSignalSent]++;
    }
    // The last round is looked at by the program before it stops for the next one.
    well = well && it.to_stop();
    if (well && domain.fsck() != 0) tally.wrong("the domain is not sound");
    tally.count[kSignalChecked]++;
    if (well) continue;
    tally.wrong("with a signal after instruction " + std::to_string(next) + " it " + it.failure());
    if (tally.violations > 5) return;
    next += apart;
  }
}

}  // namespace portolan::stages
