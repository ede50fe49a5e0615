// SPDX-License-Identifier: Apache-2.0
// What launchctl asks of launchd, and jobs of it: a function a verb (bootstrap 11). Each answers a dictionary
// with `Error`, an errno; what takes long is answered when it is done.
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "launchd/manager.hpp"
#include "launchd/process_end.hpp"
#include "segment/futex.hpp"

namespace portolan::launchd {

namespace {

Value failed(int problem, const std::string& message = {}) {
  Value answer = Value::dictionary();
  answer.set("Error", problem).set("Message", message.empty() ? strerror(problem) : message);
  return answer;
}
Value done() { return Value::dictionary().set("Error", 0); }

Value no_such_job(const std::string& label) { return failed(ESRCH, "there is no job " + label); }

Value mistakes_value(const std::vector<Mistake>& mistakes) {
  Value all = Value::array();
  for (const Mistake& mistake : mistakes)
    all.add(Value::dictionary()
                .set("File", mistake.file)
                .set("Key", mistake.key)
                .set("Problem", mistake.problem)
                .set("Remedy", mistake.remedy)
                .set("Fatal", mistake.fatal));
  return all;
}

Value strings(const std::vector<std::string>& texts) {
  Value all = Value::array();
  for (const std::string& text : texts) all.add(text);
  return all;
}

struct LimitName {
  const char* name;
  int resource;
};
constexpr LimitName kLimits[] = {
    {"cpu", RLIMIT_CPU},         {"filesize", RLIMIT_FSIZE}, {"data", RLIMIT_DATA},
    {"stack", RLIMIT_STACK},     {"core", RLIMIT_CORE},      {"rss", RLIMIT_RSS},
    {"memlock", RLIMIT_MEMLOCK}, {"maxproc", RLIMIT_NPROC},  {"maxfiles", RLIMIT_NOFILE},
};

}  // namespace

void Manager::serve(Thread& self, const Asker& asker, const Value& request) {
  const std::string verb = request.text("Verb");
  if (same_letters(verb, "checkin")) return check_in(asker);
  if (!asker.label.empty()) return control_.answer(asker.client, failed(EACCES));  // bootstrap 10.7
  bool later = false;
  const Value answer = answer_to(self, asker, request, later);
  if (!later) control_.answer(asker.client, answer);
}

Value Manager::answer_to(Thread& self, const Asker& asker, const Value& request, bool& later) {
  const std::string verb = request.text("Verb"), label = request.text("Label");
  if (verb == "load") return serve_load(self, request);
  if (verb == "unload") return serve_unload(asker, request, later);
  if (verb == "kickstart") return serve_kickstart(asker, request, later);
  if (verb == "list") return serve_list(request);
  if (verb == "print") return serve_print(request);
  if (verb == "setenv" || verb == "unsetenv" || verb == "getenv" || verb == "export")
    return serve_environment(request, verb);
  if (verb == "limit") return serve_limit(request);
  if (verb == "log") return serve_log(request);
  if (verb == "manager")
    return done().set("PID", int64_t{getpid()}).set("UID", int64_t{geteuid()}).set("Name", "System");
  if (verb == "overrides") return done().set("Overrides", overrides_);
  if (verb == "stand-down") {
    stands_down_ = true;
    return done();
  }
  if (verb != "start" && verb != "stop" && verb != "remove")
    return failed(ENOTSUP, "launchd does not know the verb " + verb);
  Job* job = find(label);
  if (job == nullptr) return no_such_job(label);
  if (verb == "start" && job->pid == 0) job->standing.kicked = true;
  if (verb == "stop") stop(*job);
  if (verb == "remove") remove(*job);
  return done();
}

// -- load and unload

bool Manager::overridden(const std::string& label, bool& disabled) const {
  const Value* entry = overrides_.find(label);
  if (entry == nullptr || entry->find("Disabled") == nullptr) return false;
  disabled = entry->flag("Disabled");
  return true;
}

bool Manager::override_label(const std::string& label, bool disabled) {
  Value changed = overrides_;
  changed.set(label, Value::dictionary().set("Disabled", disabled));
  if (!store_.write("overrides.plist", changed)) return false;
  overrides_ = changed;
  return true;
}

// Nothing is started before all are loaded: that is work()'s (bootstrap 9.1).
Value Manager::serve_load(Thread& self, const Value& request) {
  Value results = Value::array();
  const Value* list = request.find("Jobs");
  if (list == nullptr || list->items() == nullptr) return failed(EINVAL);
  if (shutting_down_) return failed(ESHUTDOWN, "launchd is shutting down");
  for (const Value& item : *list->items()) {
    const Value* dictionary = item.find("Job");
    const std::string file = item.text("File");
    std::vector<Mistake> mistakes;
    std::string label = dictionary == nullptr ? std::string() : dictionary->text("Label");
    bool disabled = dictionary != nullptr && dictionary->flag("Disabled");
    overridden(label, disabled);
    if (request.flag("Override") && !label.empty()) {
      override_label(label, false);
      disabled = false;
    }
    int problem = 0;
    if (disabled && !request.flag("Force"))
      problem = ECANCELED;
    else
      problem = load(self, dictionary == nullptr ? Value() : *dictionary, file, mistakes, label);
    tell(mistakes);
    results.add(Value::dictionary()
                    .set("Label", label)
                    .set("File", file)
                    .set("Error", problem)
                    .set("Mistakes", mistakes_value(mistakes)));
  }
  return done().set("Results", results);
}

// Of one job; answered when its process is gone.
Value Manager::serve_unload(const Asker& asker, const Value& request, bool& later) {
  const std::string label = request.text("Label");
  if (request.flag("Override")) override_label(label, true);
  Job* job = find(label);
  if (job == nullptr) return no_such_job(label);
  remove(*job);
  job->waiters.push_back(asker.client);
  later = true;
  return {};
}

Value Manager::serve_kickstart(const Asker& asker, const Value& request, bool& later) {
  const std::string label = request.text("Label");
  Job* job = find(label);
  if (job == nullptr) return no_such_job(label);
  const uint64_t now = monotonic_ns();
  const bool again = request.flag("Kill") && job->pid != 0;
  if (job->pid != 0 && !again) return done().set("PID", int64_t{job->pid});
  if (again) {
    job->standing.was_stopped = true;
    signal_process(job->process, SIGKILL);
  }
  job->standing.kicked = true;
  Standing as_ended = job->standing;
  as_ended.running = false;
  const Decision decision = decide(job->spec, as_ended, *this, now);
  if (decision.act == Decision::Act::later)
    return failed(EAGAIN,
                  "throttled: starts in " + std::to_string((decision.at_ns - now) / kSecond + 1) + " s")
        .set("Seconds", static_cast<int64_t>((decision.at_ns - now) / kSecond + 1));
  job->start_waiters.push_back(asker.client);
  later = true;
  return {};
}

// -- looking

Value Manager::job_dictionary(const Job& job) const {
  const JobSpec& spec = job.spec;
  Value it = Value::dictionary();
  it.set("Label", spec.label).set("LimitLoadToSessionType", "System").set("OnDemand", spec.on_demand());
  it.set("LastExitStatus", int64_t{job.standing.status});
  if (job.pid != 0) it.set("PID", int64_t{job.pid});
  it.set("TimeOut", static_cast<int64_t>(spec.time_out));
  const std::pair<const char*, const std::string*> texts[] = {{"Program", &spec.program},
                                                              {"StandardInPath", &spec.standard_in},
                                                              {"StandardOutPath", &spec.standard_out},
                                                              {"StandardErrorPath", &spec.standard_error}};
  for (const auto& [key, text] : texts)
    if (!text->empty()) it.set(key, *text);
  if (!spec.arguments.empty()) it.set("ProgramArguments", strings(spec.arguments));
  if (spec.enable_transactions) it.set("EnableTransactions", true);
  if (!spec.sockets.empty()) {
    Value sockets = Value::dictionary();
    for (const SocketSpec& one : spec.sockets) sockets.set(one.key, Value::array());
    for (auto& [key, list] : *sockets.members())
      for (size_t i = 0; i < job.sockets.size(); i++)
        if (job.sockets[i].key == key) list.add(static_cast<int64_t>(i));
    it.set("Sockets", sockets);
  }
  if (!spec.services.empty()) {
    Value services = Value::dictionary();
    for (const MachService& one : spec.services) services.set(one.name, 0);
    it.set("MachServices", services);
  }
  return it;
}

Value Manager::serve_list(const Value& request) {
  const std::string label = request.text("Label");
  if (!label.empty()) {
    const Job* job = find(label);
    return job == nullptr ? no_such_job(label) : done().set("Job", job_dictionary(*job));
  }
  Value all = Value::array();
  for (auto at = jobs_.rbegin(); at != jobs_.rend(); ++at) {  // newest first (bootstrap 11.4)
    const Job& job = **at;
    Value line = Value::dictionary();
    line.set("Label", job.spec.label).set("Status", int64_t{job.standing.status});
    if (job.pid != 0) line.set("PID", int64_t{job.pid});
    all.add(line);
  }
  for (uint32_t i = 1; i < segment_.carved(ipc::kZoneTask); i++) {
    const ipc::Task& task = segment_.at(Handle<ipc::Task>{i});
    const uint32_t state = task.state, pid = task.credentials.pid;
    const bool has_job = std::any_of(jobs_.begin(), jobs_.end(),
                                     [&](const auto& job) { return job->pid == static_cast<pid_t>(pid); });
    if (state != ipc::kTaskLive || pid == 0 || has_job) continue;
    char address[32];
    snprintf(address, sizeof address, "0x%x.anonymous.", i);
    const std::string program(task.program, strnlen(task.program, 15));
    all.add(Value::dictionary().set("Label", address + program).set("Status", 0).set("PID", int64_t{pid}));
  }
  return done().set("Jobs", all);
}

Value Manager::serve_print(const Value& request) {
  const std::string label = request.text("Label");
  const Job* job = find(label);
  if (job == nullptr) return no_such_job(label);
  const uint64_t now = monotonic_ns();
  const Standing& standing = job->standing;
  Value it = job_dictionary(*job);
  it.set("File", job->entry.file);
  it.set("State", job->pid != 0   ? job->stopping.asked ? "stopping" : "running"
                  : standing.held ? "held"
                                  : "waiting");
  it.set("Runs", int64_t{standing.runs});
  if (standing.started_ns != 0)
    it.set("SecondsSinceStart", static_cast<double>(now - standing.started_ns) / 1e9);
  it.set("ThrottleInterval", static_cast<int64_t>(job->spec.throttle));
  it.set("ExitTimeOut", static_cast<int64_t>(job->spec.exit_time_out));
  const Decision decision = decide(job->spec, standing, *this, now);
  if (decision.act == Decision::Act::later)
    it.set("Waits", std::string("for its throttle interval: ") + decision.reason);
  if (job->complained) it.set("Waits", "for its program");
  it.set("Dictionary", job->entry.job);
  return done().set("Job", it);
}

// -- the rest

Value Manager::serve_environment(const Value& request, const std::string& verb) {
  const std::string name = request.text("Name");
  if (verb == "getenv" || verb == "export") {
    Value all = Value::dictionary();
    for (const auto& [known, value] : environment_of_all())
      if (verb == "export" || known == name) all.set(known, value);
    return done().set("Variables", all);
  }
  if (name.empty() || name.find('=') != std::string::npos)
    return failed(EINVAL, "that is no variable's name");
  const Variables before = own_;
  if (verb == "setenv")
    set_variable(own_, name, request.text("Value"));
  else
    std::erase_if(own_, [&](const auto& variable) { return variable.first == name; });
  Value all = Value::dictionary();
  for (const auto& [known, value] : own_) all.set(known, value);
  if (store_.write("environment.plist", all)) return done();
  const int problem = errno;
  own_ = before;
  return failed(problem);
}

Value Manager::serve_limit(const Value& request) {
  const std::string name = request.text("Name");
  Value all = Value::array();
  bool known = false;
  for (const LimitName& limit : kLimits) {
    if (!name.empty() && name != limit.name) continue;
    known = true;
    const auto resource = static_cast<__rlimit_resource>(limit.resource);
    rlimit is = files_;  // ours is higher than what jobs get
    if (limit.resource != RLIMIT_NOFILE) getrlimit(resource, &is);
    if (request.find("Soft") != nullptr) {
      is.rlim_cur = static_cast<rlim_t>(request.number("Soft"));
      if (request.find("Hard") != nullptr) is.rlim_max = static_cast<rlim_t>(request.number("Hard"));
      if (is.rlim_cur > is.rlim_max) return failed(EINVAL, "the soft limit is above the hard one");
      if (limit.resource == RLIMIT_NOFILE)
        files_ = is;
      else if (setrlimit(resource, &is) != 0)
        return failed(errno);
    }
    all.add(Value::dictionary()
                .set("Name", limit.name)
                .set("Soft", static_cast<int64_t>(is.rlim_cur))
                .set("Hard", static_cast<int64_t>(is.rlim_max)));
  }
  return known ? done().set("Limits", all) : failed(EINVAL, "there is no limit " + name);
}

Value Manager::serve_log(const Value& request) {
  const std::string word = request.text("Level");
  Level level = log_.level();
  if (!word.empty() && !level_named(word, level))
    return failed(EINVAL, "there is no level " + word + ": debug, info, notice, warning, error");
  log_.from(level);
  return done().set("Path", log_.path()).set("Level", level_word(level));
}

// By the private channel, or by the process that asks.
void Manager::check_in(const Asker& asker) {
  const auto found = std::find_if(jobs_.begin(), jobs_.end(), [&](const auto& job) {
    return asker.label.empty() ? job->pid != 0 && job->pid == asker.pid : job->spec.label == asker.label;
  });
  if (found == jobs_.end()) return control_.answer(asker.client, failed(EACCES, "the process is no job"));
  const Job& job = **found;
  std::vector<int> passed;
  for (const OpenSocket& one : job.sockets) passed.push_back(one.descriptor.get());
  control_.answer(asker.client, done().set("Job", job_dictionary(job)), passed);
}

}  // namespace portolan::launchd
