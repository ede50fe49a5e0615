// SPDX-License-Identifier: Apache-2.0
// What makes a job start besides being asked to: messages, timers, files, mounts, other jobs
// (bootstrap 10.3).
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "launchd/calendar.hpp"
#include "launchd/manager.hpp"
#include "segment/futex.hpp"

namespace portolan::launchd {

namespace {

constexpr uint64_t kLookAgain = 10'000'000;  // whether a process has been reaped
constexpr int64_t kJump = 60;  // seconds that the wall clock may go back without calendars being made anew

}  // namespace

void Manager::look_around(Job& job, uint64_t now) {
  look_at_timers(job, now);
  look_at_paths(job);
  if (job.pid != 0 || !job.kernel) return;
  const bootstrap::Demand demand = bootstrap::job_demand(segment_, job.kernel);
  job.standing.messages = demand.messages;
  job.standing.held = demand.held;
  job.standing.wanted = !demand.server_port;
}

// What fires while the job runs is over with it.
void Manager::look_at_timers(Job& job, uint64_t now) {
  if (job.interval_ns != 0 && now >= job.interval_ns) {
    const uint64_t interval = job.spec.start_interval * kSecond;
    job.interval_ns += (now - job.interval_ns) / interval * interval + interval;
    if (job.pid == 0) job.standing.kicked = true;
  }
  if (job.spec.calendar.empty()) return;
  const time_t wall = time(nullptr);
  if (wall < wall_clock_ - kJump)
    for (const auto& other : jobs_)
      if (!other->spec.calendar.empty()) other->calendar = next_firing(other->spec.calendar, wall);
  wall_clock_ = wall;
  if (job.calendar < 0 || wall < job.calendar) return;
  job.calendar = next_firing(job.spec.calendar, wall);
  if (job.pid == 0) job.standing.kicked = true;
}

void Manager::look_at_paths(Job& job) {
  for (size_t i = 0; i < job.stamps.size(); i++) {
    const Stamp now = stamp_of(job.spec.watch_paths[i]);
    if (now == job.stamps[i]) continue;
    job.stamps[i] = now;
    if (job.pid == 0) job.standing.kicked = true;
  }
}

void Manager::watch_paths() {
  std::vector<std::string> paths;
  for (const auto& job : jobs_) {
    const JobSpec& spec = job->spec;
    paths.insert(paths.end(), spec.watch_paths.begin(), spec.watch_paths.end());
    paths.insert(paths.end(), spec.queue_directories.begin(), spec.queue_directories.end());
    for (const auto& [path, there] : spec.keep_alive.paths) paths.push_back(path);
    if (job->complained && !spec.program.empty()) paths.push_back(spec.program);
  }
  paths_.want(paths);
}

void Manager::look_at_mounts(const std::vector<pollfd>& fds) {
  for (const pollfd& ready : fds)
    if (mounts_ && ready.fd == mounts_.get() && (ready.revents & (POLLPRI | POLLERR)) != 0)
      for (const auto& job : jobs_)
        if (job->spec.start_on_mount && job->pid == 0) job->standing.kicked = true;
}

uint64_t Manager::next_due(const Job& job, uint64_t now) const {
  uint64_t next = 0;
  const auto consider = [&](uint64_t due) {
    if (due != 0 && (next == 0 || due < next)) next = due;
  };
  consider(job.interval_ns);
  if (job.calendar >= 0) {
    const int64_t left = job.calendar - time(nullptr);
    consider(now + static_cast<uint64_t>(std::max<int64_t>(left, 0)) * kSecond);
  }
  if (job.pid != 0) {
    if (job.over_ns != 0) consider(now + kLookAgain);
    consider(next_stop(job.spec, job.stopping, now).at_ns);
    return next;
  }
  const Decision decision = decide(job.spec, job.standing, *this, now);
  if (decision.act != Decision::Act::stay) consider(std::max(decision.at_ns, job.retry_ns));
  return next;
}

bool Manager::path_exists(const std::string& path) const { return access(path.c_str(), F_OK) == 0; }
bool Manager::directory_filled(const std::string& path) const { return launchd::directory_filled(path); }
bool Manager::job_loaded(const std::string& label) const { return find(label) != nullptr; }
bool Manager::job_active(const std::string& label) const {
  const Job* job = find(label);
  return job != nullptr && (job->pid != 0 || job->standing.held);
}

// Looked up once a second at most: several jobs may ask in each round.
bool Manager::network_up() const {
  const uint64_t now = monotonic_ns();
  if (network_looked_ == 0 || now - network_looked_ >= kSecond) {
    network_up_ = network_is_up();
    network_looked_ = now;
  }
  return network_up_;
}

}  // namespace portolan::launchd
