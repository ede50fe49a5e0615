// SPDX-License-Identifier: Apache-2.0
// What a property list says of a job (bootstrap 10), checked once, so that nobody else asks what type a key
// has. Keys are matched whatever the case of their letters. A mistake that leaves a job that can be run is
// named and the key ignored; any other refuses the job. Every mistake says where it is and what to do.
//
// Pure: looks at no file but, to warn, whether the program is there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "launchd/value.hpp"

namespace portolan::launchd {

struct Mistake {
  std::string file;  // where the list came from
  std::string key;   // "KeepAlive.SuccessfulExit"; empty: the list as a whole
  std::string problem;
  std::string remedy;
  bool fatal = false;  // the job is refused

  std::string text() const;  // "FILE: KEY: PROBLEM\n  remedy: REMEDY"
};

// One dictionary of StartCalendarInterval: -1 is any.
struct CalendarEntry {
  int minute = -1, hour = -1, day = -1, weekday = -1, month = -1;
};

struct KeepAlive {
  bool always = false;
  std::optional<bool> successful_exit, crashed, network;
  std::vector<std::pair<std::string, bool>> paths, enabled, active;  // each with what it has to be
  bool after_demand = false;                                         // AfterInitialDemand

  bool by_exit() const { return successful_exit.has_value() || crashed.has_value(); }
  bool conditions() const {
    return by_exit() || network || !paths.empty() || !enabled.empty() || !active.empty();
  }
};

enum class Drain { nothing, one, all };

struct MachService {
  std::string name;
  bool resets = false;  // ResetAtClose
  bool hides = false;   // HideUntilCheckIn
  Drain drain = Drain::nothing;
};

struct SocketSpec {
  std::string key;  // of the Sockets dictionary
  int type = 0;     // SOCK_STREAM …
  bool passive = true;
  std::string node, service;
  int family = 0;    // 0: any
  int protocol = 0;  // 0: the type's
  std::string path;  // a Unix socket
  std::optional<uint32_t> mode;
  std::string secure_key;  // SecureSocketWithKey: the variable that tells its path
};

struct ResourceLimit {
  int resource = 0;
  bool hard = false;
  uint64_t value = 0;
};

struct JobSpec {
  std::string label;
  std::string program;  // empty: arguments[0], by PATH
  std::vector<std::string> arguments;
  bool globbing = false;
  std::vector<std::pair<std::string, std::string>> environment;
  std::string user, group, root_directory;
  bool init_groups = true;
  std::string working_directory;
  std::optional<uint32_t> umask;
  std::optional<int> nice;
  bool low_priority_io = false;
  std::string standard_in, standard_out, standard_error;
  std::vector<ResourceLimit> limits;
  bool once = false;  // LaunchOnlyOnce
  bool abandons_group = false;
  bool waits_for_debugger = false;
  bool enable_transactions = false;

  bool run_at_load = false;
  KeepAlive keep_alive;
  uint64_t start_interval = 0;  // seconds; 0: none
  std::vector<CalendarEntry> calendar;
  bool start_on_mount = false;
  std::vector<std::string> watch_paths, queue_directories;
  uint64_t throttle = 10, exit_time_out = 20, time_out = 30;  // seconds

  std::vector<MachService> services;
  std::vector<SocketSpec> sockets;
  bool disabled = false;

  // Idle services of a job that is always kept alive are inactive, of others on demand (bootstrap 2.3).
  bool on_demand() const { return !keep_alive.always; }
};

// Empty: refused; `mistakes` says why.
std::optional<JobSpec> read_job(const Value& list, const std::string& file, std::vector<Mistake>& mistakes);

}  // namespace portolan::launchd
