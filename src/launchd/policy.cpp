// SPDX-License-Identifier: Apache-2.0
#include "launchd/policy.hpp"

#include <signal.h>
#include <sys/wait.h>

#include <algorithm>

namespace portolan::launchd {

namespace {

constexpr uint64_t kAfterKill = 4 * kSecond;

const char* kept_by_exit(const KeepAlive& keep, const Standing& standing) {
  if (standing.runs == 0) return nullptr;  // the start at load is a kick
  if (keep.successful_exit && *keep.successful_exit == successful(standing.status))
    return *keep.successful_exit ? "it exited successfully" : "it did not exit successfully";
  if (keep.crashed && *keep.crashed == crashed(standing.status, standing.was_stopped))
    return *keep.crashed ? "it crashed" : "it did not crash";
  return nullptr;
}

const char* kept_by_world(const KeepAlive& keep, const World& world) {
  if (keep.network && *keep.network == world.network_up()) return "the network's state";
  for (const auto& [path, there] : keep.paths)
    if (world.path_exists(path) == there) return there ? "a path is there" : "a path is not there";
  for (const auto& [label, wanted] : keep.enabled)
    if (world.job_loaded(label) == wanted)
      return wanted ? "another job is loaded" : "another job is not loaded";
  for (const auto& [label, wanted] : keep.active)
    if (world.job_active(label) == wanted)
      return wanted ? "another job is active" : "another job is not active";
  return nullptr;
}

const char* kept_alive(const KeepAlive& keep, const Standing& standing, const World& world) {
  if (keep.after_demand) {
    if (standing.runs == 0) return nullptr;  // waits for a first demand
    if (!keep.conditions()) return "it is kept alive after its first demand";
  }
  if (keep.always) return "it is kept alive";
  if (const char* reason = kept_by_exit(keep, standing)) return reason;
  return kept_by_world(keep, world);
}

const char* reason_to_run(const JobSpec& job, const Standing& standing, const World& world) {
  if (standing.kicked) return "it was asked for";
  if (standing.messages) return "a message waits";
  if (standing.connection) return "a socket is ready";
  if (std::any_of(job.queue_directories.begin(), job.queue_directories.end(),
                  [&](const std::string& path) { return world.directory_filled(path); }))
    return "a queue directory is not empty";
  return kept_alive(job.keep_alive, standing, world);
}

}  // namespace

Decision decide(const JobSpec& job, const Standing& standing, const World& world, uint64_t now_ns) {
  if (standing.running || standing.removing || standing.held || !standing.wanted) return {};
  const char* reason = reason_to_run(job, standing, world);
  if (reason == nullptr) return {};
  // From the start, not from the end (bootstrap 9.2).
  const uint64_t earliest = standing.started_ns + job.throttle * kSecond;
  if (standing.started_ns != 0 && !standing.unthrottled && now_ns < earliest)
    return {Decision::Act::later, earliest, reason};
  return {Decision::Act::start, now_ns, reason};
}

bool starts_at_load(const JobSpec& job) { return job.run_at_load || job.keep_alive.by_exit(); }

bool crashed(uint32_t status, bool was_stopped) {
  if (was_stopped || status == kStatusUnknown || !WIFSIGNALED(static_cast<int>(status))) return false;
  switch (WTERMSIG(static_cast<int>(status))) {
    case SIGILL:
    case SIGTRAP:
    case SIGABRT:
    case SIGFPE:
    case SIGBUS:
    case SIGSEGV:
    case SIGSYS:
      return true;
    default:
      return false;
  }
}

bool successful(uint32_t status) {
  const int word = static_cast<int>(status);
  return status != kStatusUnknown && WIFEXITED(word) && WEXITSTATUS(word) == 0;
}

NextStop next_stop(const JobSpec& job, const Stopping& stopping, uint64_t now_ns) {
  if (!stopping.asked) return {};
  if (stopping.terminated_ns == 0) return {StopStep::terminate, now_ns};
  if (stopping.killed_ns == 0) {
    if (job.exit_time_out == 0) return {};
    const uint64_t due = stopping.terminated_ns + job.exit_time_out * kSecond;
    return now_ns >= due ? NextStop{StopStep::kill, now_ns} : NextStop{StopStep::wait, due};
  }
  const uint64_t due = stopping.killed_ns + kAfterKill;
  return now_ns >= due ? NextStop{StopStep::give_up, now_ns} : NextStop{StopStep::wait, due};
}

}  // namespace portolan::launchd
