// SPDX-License-Identifier: Apache-2.0
// What the kernel keeps of a job, as a picture without locks.
#pragma once

#include <string>
#include <vector>

#include "bootstrap/job.hpp"

namespace portolan::launchd {

struct KernelJob {
  uint32_t pid = 0, status = 0, runs = 0, flags = 0;
  uint64_t process_start = 0, started_ns = 0;
  std::string label, command;  // the latter of a legacy server
};
KernelJob kernel_job(const Segment& segment, Handle<ipc::Job> job);
// All that there are, those that are being removed too.
std::vector<Handle<ipc::Job>> kernel_jobs(const Segment& segment);

}  // namespace portolan::launchd
