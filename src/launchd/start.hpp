// SPDX-License-Identifier: Apache-2.0
// Starting a job's process (bootstrap 9.1). Everything is made ready before the fork; the child makes system
// calls only.
//
// The child first waits at a gate. launchd records the process in the domain and then opens it. If launchd
// dies here, the child reads the end of the pipe and exits: the program has not run, and the next launchd
// starts it.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "launchd/job_spec.hpp"
#include "segment/domain_files.hpp"

namespace portolan::launchd {

using Variables = std::vector<std::pair<std::string, std::string>>;

struct StartSettings {
  Variables environment;           // launchd's own and what setenv set; the job's goes over it
  std::vector<int> sockets;        // handed on as descriptors 3 and up …
  std::vector<std::string> names;  // … with these names
  int channel = -1;                // to launchd: the descriptor after them
  rlimit files{};                  // RLIMIT_NOFILE as it was before launchd raised its own
  int log = -1;                    // where the child says what went wrong
};

struct Birth {
  pid_t pid = -1;
  files::Descriptor gate;
  std::string problem;  // when there is no pid
  bool absent = false;  // the program is not there: wait for it

  explicit operator bool() const { return pid > 0; }
};

Birth give_birth(const JobSpec& job, const StartSettings& settings);
// Opens the gate.
void let_go(Birth& birth);

// The variables that every program may expect of its user.
Variables user_variables();
// Sets or replaces.
void set_variable(Variables& variables, const std::string& name, const std::string& value);
// Where a program is; empty: nowhere.
std::string find_program(const std::string& name, const Variables& environment);

}  // namespace portolan::launchd
