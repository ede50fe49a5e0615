// SPDX-License-Identifier: Apache-2.0
#include "launchd/start.hpp"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "segment/text.hpp"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

namespace portolan::launchd {

namespace {

constexpr const char* kPath = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";
constexpr int kFirstPassed = 3;       // as sd_listen_fds(3) has it
constexpr int kIdleClass = 3 << 13;   // ioprio_set(2)
constexpr unsigned kCloseAtExec = 4;  // close_range(2)

// What the child needs, as plain memory.
struct Plan {
  const JobSpec* job = nullptr;
  const StartSettings* settings = nullptr;
  std::string program;
  std::vector<std::string> arguments, environment;
  std::vector<char*> argv, envp;
  char* pid_digits = nullptr;  // in `environment`: LISTEN_PID's
  std::vector<int> passed;     // descriptors for 3 and up
  int log = -1;
  bool switches = false;  // to another user
  uid_t uid = 0;
  gid_t gid = 0;
  bool to_group = false;
  std::vector<gid_t> groups;
};

std::string value_of(const Variables& variables, const std::string& name) {
  for (const auto& [known, value] : variables)
    if (known == name) return value;
  return {};
}

bool is_program(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && access(path.c_str(), X_OK) == 0;
}

std::vector<std::string> globbed(const JobSpec& job) {
  if (!job.globbing) return job.arguments;
  std::vector<std::string> all;
  for (const std::string& argument : job.arguments) {
    glob_t found{};
    if (glob(argument.c_str(), GLOB_NOCHECK | GLOB_TILDE, nullptr, &found) == 0)
      for (size_t i = 0; i < found.gl_pathc; i++) all.emplace_back(found.gl_pathv[i]);
    else
      all.push_back(argument);
    globfree(&found);
  }
  return all;
}

// Only root's launchd can; "root" and "wheel" change nothing there.
bool plan_user(Plan& plan, Variables& environment, std::string& problem) {
  const JobSpec& job = *plan.job;
  if (geteuid() != 0) return true;
  if (!job.group.empty() && job.group != "wheel" && job.group != "root") {
    const group* found = getgrnam(job.group.c_str());
    if (found == nullptr) return problem = "there is no group " + job.group, false;
    plan.to_group = true;
    plan.gid = found->gr_gid;
  }
  if (job.user.empty() || job.user == "root") return true;
  const passwd* user = getpwnam(job.user.c_str());
  if (user == nullptr) return problem = "there is no user " + job.user, false;
  plan.switches = true;
  plan.uid = user->pw_uid;
  if (!plan.to_group) plan.gid = user->pw_gid;
  plan.to_group = true;
  plan.groups = {plan.gid};
  if (job.init_groups) {
    int count = 256;
    plan.groups.resize(static_cast<size_t>(count));
    getgrouplist(user->pw_name, plan.gid, plan.groups.data(), &count);
    plan.groups.resize(static_cast<size_t>(std::clamp(count, 1, 256)));
  }
  for (const auto& [name, value] : {std::pair<const char*, const char*>{"HOME", user->pw_dir},
                                    {"SHELL", user->pw_shell},
                                    {"USER", user->pw_name},
                                    {"LOGNAME", user->pw_name}})
    set_variable(environment, name, value);
  return true;
}

void plan_descriptors(Plan& plan, Variables& environment) {
  const StartSettings& settings = *plan.settings;
  plan.passed = settings.sockets;
  if (!settings.sockets.empty()) {
    std::string names;
    for (const std::string& name : settings.names) names += (names.empty() ? "" : ":") + name;
    set_variable(environment, "LISTEN_FDS", std::to_string(settings.sockets.size()));
    set_variable(environment, "LISTEN_FDNAMES", names);
    set_variable(environment, "LISTEN_PID", "0000000000");
  }
  if (settings.channel >= 0) {
    set_variable(environment, "__LAUNCHD_FD",
                 std::to_string(kFirstPassed + static_cast<int>(plan.passed.size())));
    plan.passed.push_back(settings.channel);
  }
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

bool make_plan(Plan& plan, Birth& birth) {
  const JobSpec& job = *plan.job;
  Variables environment = plan.settings->environment;
  if (!plan_user(plan, environment, birth.problem)) return false;
  for (const auto& [name, value] : job.environment) set_variable(environment, name, value);
  plan_descriptors(plan, environment);
  plan.arguments = globbed(job);
  if (plan.arguments.empty()) plan.arguments.push_back(job.program);
  const std::string& wanted = job.program.empty() ? plan.arguments[0] : job.program;
  plan.program = job.root_directory.empty() ? find_program(wanted, environment) : wanted;
  if (plan.program.empty()) {
    birth.problem =
        wanted + ": " + (access(wanted.c_str(), F_OK) == 0 ? "cannot be executed" : "is not there");
    birth.absent = true;
    return false;
  }
  for (const auto& [name, value] : environment) plan.environment.push_back(name + "=" + value);
  plan.argv = pointers(plan.arguments);
  plan.envp = pointers(plan.environment);
  for (std::string& entry : plan.environment)
    if (entry.rfind("LISTEN_PID=", 0) == 0) plan.pid_digits = entry.data() + strlen("LISTEN_PID=");
  return true;
}

// -- in the child: system calls only

void complain(const Plan& plan, const char* what, const char* about) {
  const int problem = errno;
  char line[512];
  Text(line) << plan.job->label.c_str() << ": " << what << " " << about << ": " << strerrordesc_np(problem)
             << "\n";
  if (plan.log >= 0) (void)!write(plan.log, line, strlen(line));
  errno = problem;
}

// Nothing of launchd's stays open but what the child works with: the lock least of all.
void close_others(const Plan& plan, int gate) {
  int low = kFirstPassed;
  for (;;) {
    int next = -1;  // the lowest that stays
    const auto consider = [&](int fd) {
      if (fd >= low && (next < 0 || fd < next)) next = fd;
    };
    consider(gate);
    consider(plan.log);
    for (const int fd : plan.passed) consider(fd);
    const unsigned last = next < 0 ? ~0u : static_cast<unsigned>(next) - 1;
    if (next != low) syscall(SYS_close_range, static_cast<unsigned>(low), last, 0u);
    if (next < 0) return;
    low = next + 1;
  }
}

void wait_at(int gate) {
  char go = 0;
  ssize_t count = 0;
  while ((count = read(gate, &go, 1)) < 0 && errno == EINTR) {
  }
  if (count != 1) _exit(0);  // launchd is gone: this start never was
}

void set_limits(const Plan& plan) {
  setrlimit(RLIMIT_NOFILE, &plan.settings->files);
  for (const ResourceLimit& limit : plan.job->limits) {
    rlimit both{};
    getrlimit(static_cast<__rlimit_resource>(limit.resource), &both);
    (limit.hard ? both.rlim_max : both.rlim_cur) = limit.value;
    if (both.rlim_cur > both.rlim_max) both.rlim_cur = both.rlim_max;
    if (setrlimit(static_cast<__rlimit_resource>(limit.resource), &both) != 0)
      complain(plan, "cannot set", limit.hard ? "a hard limit" : "a soft limit");
  }
}

void become_user(const Plan& plan) {
  if (plan.switches && setgroups(plan.groups.size(), plan.groups.data()) != 0) _exit(EPERM);
  if (plan.to_group && setgid(plan.gid) != 0) _exit(EPERM);
  if (plan.switches && setuid(plan.uid) != 0) _exit(EPERM);
}

void open_as(const Plan& plan, const std::string& path, int flags, int as) {
  if (path.empty()) return;
  const int fd = open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY, 0666);
  if (fd < 0) return complain(plan, "cannot open", path.c_str());
  dup2(fd, as);
  if (fd != as) close(fd);
}

void set_standard_files(const Plan& plan) {
  const JobSpec& job = *plan.job;
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null >= 0) dup2(null, 0);
  if (null > 2) close(null);
  open_as(plan, job.standard_in, O_RDONLY | O_CREAT | O_NONBLOCK, 0);
  open_as(plan, job.standard_out, O_WRONLY | O_CREAT | O_APPEND, 1);
  open_as(plan, job.standard_error, O_WRONLY | O_CREAT | O_APPEND, 2);
  // Opened without waiting, for a pipe without a writer; read with.
  if (!job.standard_in.empty()) fcntl(0, F_SETFL, fcntl(0, F_GETFL) & ~O_NONBLOCK);
}

// Puts them at 3 and up, past whatever is there, and leaves nothing else for the program.
void place_descriptors(Plan& plan) {
  const int above = kFirstPassed + static_cast<int>(plan.passed.size());
  for (int& fd : plan.passed)
    if (fd < above) fd = fcntl(fd, F_DUPFD_CLOEXEC, above);
  if (plan.log >= 0 && plan.log < above) plan.log = fcntl(plan.log, F_DUPFD_CLOEXEC, above);
  for (size_t i = 0; i < plan.passed.size(); i++) dup2(plan.passed[i], kFirstPassed + static_cast<int>(i));
}

void default_signals() {
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

void write_pid(char* digits) {
  unsigned pid = static_cast<unsigned>(getpid());
  char text[12];
  Text(text) << uint64_t{pid};
  strcpy(digits, text);  // the place has ten
}

[[noreturn]] void live(Plan& plan, int gate) {
  const JobSpec& job = *plan.job;
  close_others(plan, gate);
  wait_at(gate);
  if (job.nice && setpriority(PRIO_PROCESS, 0, *job.nice) != 0) complain(plan, "cannot set", "Nice");
  if (job.low_priority_io) syscall(SYS_ioprio_set, 1, 0, kIdleClass);
  set_limits(plan);
  if (!job.root_directory.empty() && geteuid() == 0 &&
      (chroot(job.root_directory.c_str()) != 0 || chdir("/") != 0)) {
    complain(plan, "cannot change the root to", job.root_directory.c_str());
    _exit(errno);
  }
  become_user(plan);
  if (!job.working_directory.empty() && chdir(job.working_directory.c_str()) != 0)
    complain(plan, "cannot change to", job.working_directory.c_str());
  umask(job.umask.value_or(022));
  set_standard_files(plan);
  setsid();
  default_signals();
  place_descriptors(plan);
  const unsigned first = kFirstPassed + static_cast<unsigned>(plan.passed.size());
  syscall(SYS_close_range, first, ~0u, kCloseAtExec);
  if (plan.pid_digits != nullptr) write_pid(plan.pid_digits);
  if (job.waits_for_debugger) kill(getpid(), SIGSTOP);
  execve(plan.program.c_str(), plan.argv.data(), plan.envp.data());
  complain(plan, "cannot execute", plan.program.c_str());
  _exit(errno);
}

}  // namespace

Birth give_birth(const JobSpec& job, const StartSettings& settings) {
  Birth birth;
  Plan plan;
  plan.job = &job;
  plan.settings = &settings;
  plan.log = settings.log;
  if (!make_plan(plan, birth)) return birth;
  int gate[2];
  if (pipe2(gate, O_CLOEXEC) != 0)
    return birth.problem = std::string("no pipe: ") + strerror(errno), std::move(birth);
  const files::Descriptor inner(gate[0]);
  birth.gate.reset(gate[1]);
  // No handler of launchd's may run in the child.
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  birth.pid = fork();
  if (birth.pid == 0) live(plan, inner.get());
  const int problem = errno;
  sigprocmask(SIG_SETMASK, &before, nullptr);
  if (birth.pid < 0) birth.problem = std::string("cannot fork: ") + strerror(problem);
  return birth;
}

void let_go(Birth& birth) {
  (void)!write(birth.gate.get(), "g", 1);
  birth.gate.reset();
}

Variables user_variables() {
  Variables variables;
  set_variable(variables, "PATH", kPath);
  if (const passwd* user = getpwuid(geteuid())) {
    set_variable(variables, "HOME", user->pw_dir);
    set_variable(variables, "SHELL", user->pw_shell);
    set_variable(variables, "USER", user->pw_name);
    set_variable(variables, "LOGNAME", user->pw_name);
  }
  set_variable(variables, "TMPDIR", "/tmp");
  return variables;
}

void set_variable(Variables& variables, const std::string& name, const std::string& value) {
  for (auto& [known, old] : variables)
    if (known == name) {
      old = value;
      return;
    }
  variables.emplace_back(name, value);
}

std::string find_program(const std::string& name, const Variables& environment) {
  if (name.find('/') != std::string::npos) return is_program(name) ? name : std::string();
  const std::string path = value_of(environment, "PATH");
  for (size_t at = 0; at <= path.size();) {
    const size_t end = std::min(path.find(':', at), path.size());
    const std::string candidate = path.substr(at, end - at) + "/" + name;
    if (end > at && is_program(candidate)) return candidate;
    at = end + 1;
  }
  return {};
}

}  // namespace portolan::launchd
