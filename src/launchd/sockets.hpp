// SPDX-License-Identifier: Apache-2.0
// A job's sockets (bootstrap 10.6): launchd makes them, watches them while the job does not run, and hands
// them on at each start. They are launchd's own and end with it: its successor makes those of jobs that do
// not run anew at once, the others when they have ended. Addresses are numbers or localhost: nobody is asked.
#pragma once

#include <string>
#include <vector>

#include "launchd/job_spec.hpp"
#include "segment/domain_files.hpp"

namespace portolan::launchd {

struct OpenSocket {
  std::string key;  // of the Sockets dictionary
  files::Descriptor descriptor;
  std::string path;                              // a Unix socket that we bound
  std::string directory;                         // made for it
  std::pair<std::string, std::string> variable;  // tells the job where it is; empty name: none
};

// What cannot be made is left out, with a line in `problems`.
std::vector<OpenSocket> open_sockets(const JobSpec& job, std::vector<std::string>& problems);
// Their files go, too.
void close_sockets(std::vector<OpenSocket>& sockets);

}  // namespace portolan::launchd
