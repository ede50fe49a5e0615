// SPDX-License-Identifier: Apache-2.0
#include "launchd/kernel_job.hpp"

#include <string.h>

namespace portolan::launchd {

KernelJob kernel_job(const Segment& segment, Handle<ipc::Job> handle) {
  const ipc::Job& job = segment.at(handle);
  KernelJob is;
  is.pid = job.pid;
  is.status = job.status;
  is.runs = job.runs;
  is.flags = job.flags;
  is.process_start = job.process_start;
  is.started_ns = job.started_ns;
  is.label.assign(job.label, strnlen(job.label, sizeof job.label));
  is.command.assign(job.command, strnlen(job.command, sizeof job.command));
  return is;
}

std::vector<Handle<ipc::Job>> kernel_jobs(const Segment& segment) {
  std::vector<Handle<ipc::Job>> all;
  for (uint32_t i = 1; i < segment.carved(ipc::kZoneJob); i++) {
    const Handle<ipc::Job> handle{i};
    if (segment.at(handle).allocated() && segment.at(handle).state != ipc::kJobFree) all.push_back(handle);
  }
  return all;
}

}  // namespace portolan::launchd
