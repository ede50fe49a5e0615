// SPDX-License-Identifier: Apache-2.0
// Jobs that programs make with bootstrap_create_server (bootstrap 5.2). The kernel has made them; launchd
// finds them there, runs their commands, and removes them when they are over.
#include <algorithm>

#include "launchd/kernel_job.hpp"
#include "launchd/manager.hpp"

namespace portolan::launchd {

namespace {

constexpr size_t kWordsMost = 100;

// White space parts words; one that begins with a double quote runs to the next; a backslash takes the next
// character as it is.
std::vector<std::string> command_words(const std::string& command) {
  std::vector<std::string> words;
  size_t at = 0;
  const auto space = [&](char c) { return c == ' ' || c == '\t' || c == '\n'; };
  while (words.size() < kWordsMost) {
    while (at < command.size() && space(command[at])) at++;
    if (at == command.size()) break;
    const bool quoted = command[at] == '"';
    if (quoted) at++;
    std::string word;
    while (at < command.size() && (quoted ? command[at] != '"' : !space(command[at]))) {
      if (command[at] == '\\' && at + 1 < command.size()) at++;
      word += command[at++];
    }
    if (quoted && at < command.size()) at++;
    words.push_back(word);
  }
  return words;
}

}  // namespace

void Manager::adopt_servers(Thread& self) {
  for (const Handle<ipc::Job> kernel : kernel_jobs(segment_)) {
    const ipc::Job& there = segment_.at(kernel);
    if ((there.flags & ipc::kJobServer) == 0 || shutting_down_) continue;
    if (std::any_of(jobs_.begin(), jobs_.end(), [&](const auto& job) { return job->kernel == kernel; }))
      continue;
    auto made = std::make_unique<Job>();
    const KernelJob is = kernel_job(segment_, kernel);
    made->server = true;
    made->kernel = kernel;
    made->generation = there.generation;
    made->spec.label = is.label;
    made->spec.arguments = command_words(is.command);
    made->spec.keep_alive.always = (is.flags & ipc::kJobKeepAlive) != 0;
    made->spec.abandons_group = true;
    made->standing.unthrottled = true;
    if (made->spec.arguments.empty()) made->standing.removing = true;
    go_on(self, *made);
    jobs_.push_back(std::move(made));
  }
}

// It goes with its namespace; when nobody can reach it and it serves nothing; and when it ran without
// checking in.
void Manager::look_at_server(Job& job) {
  if (!job.server || !job.kernel) return;
  const ipc::Job& there = segment_.at(job.kernel);
  if (there.generation != job.generation) job.kernel = {};
  if (!job.kernel || there.state != ipc::kJobLive) return remove(job);
  if (job.pid != 0) return;
  const bool ran = job.standing.runs != 0;
  const bool reached = bootstrap::job_demand(segment_, job.kernel).server_port;
  const bool silent = ran && (there.flags & ipc::kJobCheckedIn) == 0;
  const bool idle = !reached && there.services == 0 && (ran || job.spec.on_demand());
  if (silent || idle) remove(job);
}

}  // namespace portolan::launchd
