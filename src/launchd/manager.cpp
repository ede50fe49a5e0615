// SPDX-License-Identifier: Apache-2.0
#include "launchd/manager.hpp"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "launchd/calendar.hpp"
#include "launchd/kernel_job.hpp"
#include "launchd/process_end.hpp"
#include "segment/futex.hpp"

namespace portolan::launchd {

namespace {

constexpr uint64_t kUntilReaped = kSecond;

constexpr const char* kOverrides = "overrides.plist";
constexpr const char* kEnvironment = "environment.plist";

std::string ending_text(uint32_t status) {
  const int word = static_cast<int>(status);
  if (status == kStatusUnknown) return "ended; nobody saw how";
  if (WIFEXITED(word)) return "exited " + std::to_string(WEXITSTATUS(word));
  if (WIFSIGNALED(word)) {
    const char* name = sigabbrev_np(WTERMSIG(word));
    return "was killed by SIG" + std::string(name == nullptr ? std::to_string(WTERMSIG(word)) : name);
  }
  return "ended with status " + std::to_string(status);
}

Variables variables_of(const Value& dictionary) {
  Variables variables;
  if (dictionary.members() != nullptr)
    for (const auto& [name, value] : *dictionary.members())
      if (value.string() != nullptr) set_variable(variables, name, *value.string());
  return variables;
}

}  // namespace

Manager::Manager(Segment& segment, const DomainPlace& place)
    : segment_(segment), directory_(place.path), store_(directory_), control_(directory_), log_(directory_) {
  getrlimit(RLIMIT_NOFILE, &files_);
  rlimit most = files_;
  most.rlim_cur = most.rlim_max;
  setrlimit(RLIMIT_NOFILE, &most);  // a pidfd, a channel and sockets for each job
}

Manager::~Manager() = default;

void Manager::note(Level level, const Job& job, const std::string& text) {
  log_.say(level, job.spec.label + (job.pid != 0 ? "[" + std::to_string(job.pid) + "]" : ""), text);
}

void Manager::tell(const std::vector<Mistake>& mistakes) {
  for (const Mistake& mistake : mistakes)
    log_.say(mistake.fatal ? Level::error : Level::warning, "launchd", mistake.text());
}

Job* Manager::find(const std::string& label) {
  const auto found =
      std::find_if(jobs_.begin(), jobs_.end(), [&](const auto& job) { return job->spec.label == label; });
  return found == jobs_.end() ? nullptr : found->get();
}
const Job* Manager::find(const std::string& label) const { return const_cast<Manager*>(this)->find(label); }

// -- the last launchd's jobs

void Manager::begin(Thread& self) {
  overrides_ = store_.read(kOverrides);
  if (overrides_.members() == nullptr) overrides_ = Value::dictionary();
  own_ = variables_of(store_.read(kEnvironment));
  std::vector<std::string> unreadable;
  for (Store::Entry& entry : store_.all(unreadable)) restore(self, std::move(entry));
  for (const std::string& file : unreadable)
    log_.say(Level::error, "launchd", file + " cannot be read; its job is not loaded");
  remove_unwritten(self);
  if (!control_.open())
    log_.say(Level::error, "launchd", std::string("no socket for launchctl: ") + strerror(errno));
}

// The process is adopted if it lives, and not started again; a job that the kernel does not have is loaded.
void Manager::restore(Thread& self, Store::Entry entry) {
  std::vector<Mistake> mistakes;
  std::optional<JobSpec> spec = read_job(entry.job, entry.file, mistakes);
  if (!spec) return tell(mistakes);
  auto made = std::make_unique<Job>();
  Job& job = *made;
  job.spec = std::move(*spec);
  job.entry = std::move(entry);
  job.kernel = bootstrap::job_find(segment_, job.spec.label.c_str());
  const bool known = static_cast<bool>(job.kernel);
  mistakes.clear();
  if (!enlist(self, job, mistakes, known)) return tell(mistakes);
  jobs_.push_back(std::move(made));
  if (known) go_on(self, job);
  prepare(job);
  job.standing.kicked = job.standing.runs == 0 && starts_at_load(job.spec);
  if (job.entry.removing) remove(job);
}

// What the kernel knows of its last run.
void Manager::go_on(Thread& self, Job& job) {
  const KernelJob was = kernel_job(segment_, job.kernel);
  job.standing.runs = was.runs;
  job.standing.started_ns = was.started_ns;
  job.standing.status = was.status;
  job.process_start = was.process_start;
  job.pid = static_cast<pid_t>(was.pid);
  if (job.pid == 0) return;
  job.process = open_process(job.pid, job.process_start);
  job.standing.running = true;
  if (job.process)
    note(Level::info, job, "goes on under a new launchd");
  else
    ended(self, job, kStatusUnknown);
}

// Jobs that a launchd was about to forget, or never got to write down.
void Manager::remove_unwritten(Thread& self) {
  for (const Handle<ipc::Job> kernel : kernel_jobs(segment_)) {
    const auto known =
        std::find_if(jobs_.begin(), jobs_.end(), [&](const auto& job) { return job->kernel == kernel; });
    const bool server = (segment_.at(kernel).flags & ipc::kJobServer) != 0;
    if (known == jobs_.end() && !server) to_remove_.push_back(kernel);
  }
  strike_out(self);
}

// -- loading

int Manager::load(Thread& self, const Value& dictionary, const std::string& file,
                  std::vector<Mistake>& mistakes, std::string& label) {
  std::optional<JobSpec> spec = read_job(dictionary, file, mistakes);
  label = spec ? spec->label : dictionary.text("Label");
  if (!spec) return EINVAL;
  if (find(label) != nullptr) return EEXIST;
  auto made = std::make_unique<Job>();
  made->spec = std::move(*spec);
  made->entry = {dictionary, file, false};
  if (!store_.keep(label, made->entry)) {
    const int problem = errno;
    mistakes.push_back(
        {file, "", std::string("cannot be written down: ") + strerror(problem), "make room", true});
    return problem;
  }
  if (!enlist(self, *made, mistakes, false)) {
    store_.forget(label);
    return ENOMEM;
  }
  prepare(*made);
  made->standing.kicked = starts_at_load(made->spec);
  note(Level::info, *made, "loaded" + (file.empty() ? std::string() : " from " + file));
  jobs_.push_back(std::move(made));
  return 0;
}

// The kernel gets to know it and its services. `again`: it does, from the launchd before, but that one may
// have died between two services.
bool Manager::enlist(Thread& self, Job& job, std::vector<Mistake>& mistakes, bool again) {
  const uint32_t flags = job.spec.keep_alive.always ? uint32_t{ipc::kJobKeepAlive} : 0u;
  if (!job.kernel) {
    if (bootstrap::job_make(self, job.spec.label.c_str(), flags, job.kernel) != KERN_SUCCESS) {
      job.kernel = {};
      mistakes.push_back({job.entry.file, "", "the domain has no room for another job", "unload some", true});
      return false;
    }
  }
  for (const MachService& service : job.spec.services) {
    const bootstrap::ServiceName name(service.name.c_str());
    const uint32_t service_flags =
        (service.hides ? ipc::kServiceHides : 0u) | (service.resets ? ipc::kServiceResets : 0u) |
        (service.drain == Drain::one ? ipc::kServiceDrainsOne : 0u) |
        (service.drain == Drain::all ? ipc::kServiceDrainsAll : 0u);
    const kern_return_t code = bootstrap::job_declare(self, job.kernel, name, service_flags);
    if (code == KERN_SUCCESS || (again && code == BOOTSTRAP_NAME_IN_USE)) continue;
    mistakes.push_back({job.entry.file, "MachServices." + service.name,
                        code == BOOTSTRAP_NAME_IN_USE ? "the name is taken; the job does without"
                                                      : "the domain has no room for it",
                        "portolan launchctl bslist -j", false});
  }
  return true;
}

// What starts it.
void Manager::prepare(Job& job) {
  const uint64_t now = monotonic_ns();
  if (job.spec.start_interval != 0) job.interval_ns = now + job.spec.start_interval * kSecond;
  if (!job.spec.calendar.empty()) job.calendar = next_firing(job.spec.calendar, time(nullptr));
  job.stamps.clear();
  for (const std::string& path : job.spec.watch_paths) job.stamps.push_back(stamp_of(path));
  if (job.spec.start_on_mount && !mounts_) mounts_.reset(open("/proc/self/mounts", O_RDONLY | O_CLOEXEC));
  make_sockets(job);
}

// Not while a process lives that got them from the launchd before: it has the addresses.
void Manager::make_sockets(Job& job) {
  if (job.spec.sockets.empty() || !job.sockets.empty() || job.pid != 0) return;
  std::vector<std::string> problems;
  job.sockets = open_sockets(job.spec, problems);
  for (const std::string& problem : problems) note(Level::warning, job, problem);
}

// -- starting

Variables Manager::environment_of_all() const {
  Variables all = user_variables();
  for (const Variables* more : {&inherited_, &own_})
    for (const auto& [name, value] : *more) set_variable(all, name, value);
  set_variable(all, "PORTOLAN_DOMAIN", directory_);
  return all;
}

void Manager::start_if_due(Thread& self, Job& job, uint64_t now) {
  if (shutting_down_ || job.pid != 0 || now < job.retry_ns) return;
  const Decision decision = decide(job.spec, job.standing, *this, now);
  if (decision.act == Decision::Act::start) start(self, job, decision.reason, now);
  // Once it waits for the end of its interval it starts then, whatever holds by that time (bootstrap 9.2).
  if (decision.act == Decision::Act::later) {
    if (!job.standing.kicked)
      note(Level::info, job, std::string("waits for its throttle interval: ") + decision.reason);
    job.standing.kicked = true;
  }
}

void Manager::start(Thread& self, Job& job, const char* reason, uint64_t now) {
  StartSettings settings;
  settings.environment = environment_of_all();
  settings.files = files_;
  const files::Descriptor log(
      open(log_.path().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  settings.log = log.get();
  for (const OpenSocket& one : job.sockets) {
    settings.sockets.push_back(one.descriptor.get());
    settings.names.push_back(one.key);
    if (!one.variable.first.empty())
      set_variable(settings.environment, one.variable.first, one.variable.second);
  }
  files::Descriptor channel;
  if (!job.spec.services.empty() || !job.spec.sockets.empty())
    channel = control_.make_channel(job.spec.label, job.channel);
  settings.channel = channel.get();

  Birth birth = give_birth(job.spec, settings);
  if (!birth) {
    if (!job.complained || !birth.absent) note(Level::error, job, birth.problem);
    job.complained = birth.absent;
    job.retry_ns = now + kSecond;
    if (job.channel != 0) control_.drop(job.channel);
    job.channel = 0;
    return;
  }
  job.complained = false;
  job.pid = birth.pid;
  job.child = true;
  job.process_start = process_start(birth.pid);
  job.process = open_process(birth.pid, 0);
  bootstrap::job_started(self, job.kernel, static_cast<uint32_t>(birth.pid), job.process_start, now);
  let_go(birth);
  job.standing.running = true;
  job.standing.kicked = false;
  job.standing.was_stopped = false;
  job.standing.connection = false;
  job.standing.runs++;
  job.standing.started_ns = now;
  job.stopping = {};
  note(Level::info, job, std::string("started: ") + reason);
  for (const uint64_t client : job.start_waiters)
    control_.answer(client, Value::dictionary().set("Error", 0).set("PID", int64_t{job.pid}));
  job.start_waiters.clear();
}

// -- stopping

void Manager::stop(Job& job) {
  if (job.pid == 0 || job.stopping.asked) return;  // once a run (bootstrap 9.3)
  job.stopping.asked = true;
}

void Manager::stop_further(Thread& self, Job& job, uint64_t now) {
  if (job.pid == 0) return;
  switch (next_stop(job.spec, job.stopping, now).step) {
    case StopStep::wait:
      return;
    case StopStep::terminate:
      job.stopping.terminated_ns = now;
      job.standing.was_stopped = true;
      signal_process(job.process, SIGTERM);
      return;
    case StopStep::kill:
      job.stopping.killed_ns = now;
      note(Level::notice, job, "did not end in time; killed");
      signal_process(job.process, SIGKILL);
      return;
    case StopStep::give_up:
      note(Level::error, job, "does not even die of SIGKILL; given up");
      ended(self, job, SIGSEGV);
      return;
  }
}

void Manager::look_at_process(Thread& self, Job& job) {
  if (job.pid == 0) return;
  pollfd ready{job.process.get(), POLLIN, 0};
  if (!job.process) {
    // No descriptor to be had for it: by looking.
    if (job.child ? waitpid(job.pid, nullptr, WNOHANG | WNOWAIT) == 0
                  : process_start(job.pid) == job.process_start)
      return;
  } else if (poll(&ready, 1, 0) <= 0) {
    return;
  }
  if (!job.spec.abandons_group && job.over_ns == 0) signal_group(job.pid, SIGTERM, job.child);
  const std::optional<uint32_t> status = exit_status(job.pid, job.process);
  // An adopted one may be on its way from its end to its new parent.
  const uint64_t now = monotonic_ns();
  if (job.over_ns == 0) job.over_ns = now;
  if (!status && job.process && now - job.over_ns < kUntilReaped) return;
  ended(self, job, status.value_or(kStatusUnknown));
}

void Manager::ended(Thread& self, Job& job, uint32_t status) {
  if (job.kernel) bootstrap::job_ended(self, job.kernel, status);
  note(Level::info, job, ending_text(status));
  job.pid = 0;
  job.over_ns = 0;
  job.process.reset();
  job.standing.running = false;
  job.standing.status = status;
  job.stopping = {};
  if (job.channel != 0) control_.drop(job.channel);
  job.channel = 0;
  if (job.kernel && crashed(status, job.standing.was_stopped)) bootstrap::job_drain(self, job.kernel);
  if (job.spec.once) job.standing.removing = true;
  if (!job.standing.removing) make_sockets(job);
}

// -- removing

void Manager::remove(Job& job) {
  if (!job.standing.removing) {
    job.standing.removing = true;
    job.entry.removing = true;
    if (job.pid != 0 && !job.server) store_.keep(job.spec.label, job.entry);
  }
  stop(job);
}

// Its process is gone: so is it. The file goes first: what the kernel has and no file names is removed.
void Manager::take_out(Thread& self, Job& job) {
  close_sockets(job.sockets);
  if (!shutting_down_ && !job.server) store_.forget(job.spec.label);
  if (job.kernel) to_remove_.push_back(job.kernel);
  note(Level::info, job, "removed");
  for (const uint64_t client : job.waiters)
    control_.answer(client, Value::dictionary().set("Error", 0).set("Label", job.spec.label));
  for (const uint64_t client : job.start_waiters)
    control_.answer(client, Value::dictionary().set("Error", ESRCH).set("Message", "the job was removed"));
  strike_out(self);
}

void Manager::strike_out(Thread& self) {
  while (!to_remove_.empty() && bootstrap::job_remove(self, to_remove_.back())) to_remove_.pop_back();
}

void Manager::shut_down() {
  if (shutting_down_) return;
  shutting_down_ = true;
  log_.say(Level::notice, "launchd", "stops all jobs");
  for (const auto& job : jobs_) {
    job->standing.removing = true;
    stop(*job);
  }
}

void Manager::abandon() {
  for (const auto& job : jobs_) {
    if (job->pid == 0) continue;
    signal_process(job->process, SIGTERM);
    signal_process(job->process, SIGCONT);
  }
}

// -- a round

uint64_t Manager::work(Thread& self) {
  const uint64_t now = monotonic_ns();
  strike_out(self);
  adopt_servers(self);
  for (size_t i = 0; i < jobs_.size(); i++) look_at_process(self, *jobs_[i]);
  for (size_t i = 0; i < jobs_.size(); i++) {
    Job& job = *jobs_[i];
    look_at_server(job);
    stop_further(self, job, now);
    if (job.standing.removing && job.pid == 0) {
      take_out(self, job);
      jobs_.erase(jobs_.begin() + static_cast<std::ptrdiff_t>(i--));
    }
  }
  for (size_t i = 0; i < jobs_.size(); i++) {
    look_around(*jobs_[i], now);
    start_if_due(self, *jobs_[i], now);
  }
  watch_paths();
  uint64_t next = 0;
  for (const auto& job : jobs_)
    if (const uint64_t due = next_due(*job, now); due != 0 && (next == 0 || due < next)) next = due;
  return next;
}

bool Manager::in_use() const { return !jobs_.empty() || !to_remove_.empty() || control_.busy(); }

bool Manager::close() {
  if (in_use()) return false;
  control_.close();
  store_.tidy();
  return true;
}

void Manager::reopen() {
  if (!control_.is_open()) control_.open();
}

void Manager::descriptors(std::vector<pollfd>& fds) {
  control_.descriptors(fds);
  if (paths_.descriptor() >= 0) fds.push_back({paths_.descriptor(), POLLIN, 0});
  if (mounts_) fds.push_back({mounts_.get(), POLLPRI, 0});
  for (const auto& job : jobs_) {
    if (job->process && job->over_ns == 0) fds.push_back({job->process.get(), POLLIN, 0});
    if (job->pid == 0 && !job->standing.connection)
      for (const OpenSocket& one : job->sockets) fds.push_back({one.descriptor.get(), POLLIN, 0});
  }
}

void Manager::attend(Thread& self, const std::vector<pollfd>& fds) {
  for (const pollfd& ready : fds) {
    if (ready.revents == 0) continue;
    if (ready.fd == paths_.descriptor()) paths_.drain();
    for (const auto& job : jobs_)
      for (const OpenSocket& one : job->sockets)
        if (job->pid == 0 && one.descriptor.get() == ready.fd) job->standing.connection = true;
  }
  look_at_mounts(fds);
  control_.attend(fds, [&](const Asker& asker, const Value& request) { serve(self, asker, request); });
}

}  // namespace portolan::launchd
