// SPDX-License-Identifier: Apache-2.0
// Who waits for whom, for info and evict: looked at several times, in words and in JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/json.hpp"
#include "cli/source.hpp"
#include "inspect/run_state.hpp"
#include "inspect/waits.hpp"

namespace portolan::cli {

// The domain's pids and tids mean here what they mean there.
bool in_our_pid_namespace(const Segment& segment);

struct SeenWait {
  inspect::Wait wait;
  inspect::LockedObject object;
  inspect::ThreadLook waiter, holder;
  double since = 0;    // seconds_now() of the first look that saw it
  double seconds = 0;  // how long it has been seen
};

class Waits {
 public:
  explicit Waits(const Source& source);
  // The waits that a second look a moment later sees, too: those that are part of every traffic do not last.
  const std::vector<SeenWait>& look();

 private:
  void look_once();

  const Source& source_;
  bool tids_are_ours_;  // not those of another time, or of another pid namespace
  std::vector<SeenWait> seen_;
};

// "echo (4260)", "echo (4260), thread 4261", "launchd (4240)".
std::string party_text(const Segment& segment, const inspect::Party& party);
// The same before a verb: "echo (4260), thread 4261,".
std::string subject_text(const Segment& segment, const inspect::Party& party);
// "port p88 com.example.echo". `width`: of the terminal, 0: nothing is cut.
std::string object_text(const inspect::LockedObject& object, unsigned width);
// The lines of info, its first column included; empty when nobody waits. `evict`: the command to paste.
std::string waits_text(const Segment& segment, const std::vector<SeenWait>& waits, const std::string& evict,
                       unsigned width);

Json party_json(const inspect::Party& party, inspect::RunState state);
Json object_json(const inspect::LockedObject& object);
Json waits_json(const std::vector<SeenWait>& waits);

}  // namespace portolan::cli
