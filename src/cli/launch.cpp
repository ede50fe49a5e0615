// SPDX-License-Identifier: Apache-2.0
#include "cli/launch.hpp"

#include <errno.h>
#include <fcntl.h>
#include <portolan_config.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "cli/command.hpp"
#include "cli/source.hpp"
#include "inspect/words.hpp"

namespace portolan::cli {

namespace {

namespace fs = std::filesystem;

volatile sig_atomic_t g_passed_on = 0;

void pass_on(int number) { g_passed_on = number; }

std::string example_path(const std::string& name) {
  std::error_code none;
  const fs::path own = fs::read_symlink("/proc/self/exe", none).parent_path();
  for (const fs::path& directory : {own / PORTOLAN_EXAMPLES_FROM_BIN, fs::path(PORTOLAN_EXAMPLES_PATH)}) {
    const fs::path program = directory / name;
    if (access(program.c_str(), X_OK) == 0) return fs::weakly_canonical(program, none).string();
  }
  std::string known;
  for (const fs::path& directory : {own / PORTOLAN_EXAMPLES_FROM_BIN, fs::path(PORTOLAN_EXAMPLES_PATH)}) {
    for (const auto& entry : fs::directory_iterator(directory, none))
      if (entry.is_regular_file(none)) known += " example:" + entry.path().filename().string();
    if (!known.empty()) break;
  }
  throw Failure{kNoProgram, "there is no example called " + name, known.empty() ? "" : "one of" + known};
}

// In the child: only async-signal-safe calls.
[[noreturn]] void become(const char* file, char* const* arguments, char* const* environment, int report,
                         const sigset_t& mask) {
  for (const int number : {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE}) signal(number, SIG_DFL);
  sigprocmask(SIG_SETMASK, &mask, nullptr);
  execvpe(file, arguments, environment);
  const int problem = errno;
  (void)!write(report, &problem, sizeof problem);
  _exit(127);
}

std::vector<std::string> environment_with(const Environment& settings) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; entry++) {
    const std::string text = *entry;
    bool replaced = false;
    for (const auto& [name, value] : settings) replaced = replaced || text.rfind(name + "=", 0) == 0;
    if (!replaced) all.push_back(text);
  }
  for (const auto& [name, value] : settings) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

}  // namespace

double seconds_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

std::string signal_word(int number) {
  const char* name = sigabbrev_np(number);
  return name == nullptr ? "signal " + std::to_string(number) : "SIG" + std::string(name);
}

std::string Ending::text() const {
  return (signalled ? "killed by " + signal_word(value) : "exited " + std::to_string(value)) + " after " +
         inspect::decimal(seconds) + " s";
}

Child::Child(std::vector<std::string> program, const Environment& settings) {
  if (program[0].rfind("example:", 0) == 0) program[0] = example_path(program[0].substr(8));
  std::vector<std::string> environment = environment_with(settings);
  const std::vector<char*> arguments = pointers(program), variables = pointers(environment);
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0)
    throw Failure{kCannotStart, std::string("cannot make a pipe: ") + std::strerror(errno), ""};
  sigset_t children, before;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  sigprocmask(SIG_BLOCK, &children, &before);
  started_ = seconds_now();
  pid_ = fork();
  if (pid_ == 0) become(arguments[0], arguments.data(), variables.data(), report[1], before);
  const int fork_problem = errno;
  close(report[1]);
  int problem = 0;
  const bool failed = pid_ > 0 && read(report[0], &problem, sizeof problem) == sizeof problem;
  close(report[0]);
  if (pid_ < 0)
    throw Failure{kCannotStart, std::string("cannot start a process: ") + std::strerror(fork_problem), ""};
  if (failed) {
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
    const bool absent = problem == ENOENT || problem == ENOTDIR;
    throw Failure{absent ? kNoProgram : kCannotExecute, program[0] + ": " + std::strerror(problem), ""};
  }
}

Child::~Child() = default;

Ending Child::wait(const std::function<void()>& meanwhile) {
  struct sigaction action {};
  action.sa_handler = pass_on;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGHUP, &action, nullptr);
  signal(SIGINT, SIG_IGN);  // the terminal sends these to the program too
  signal(SIGQUIT, SIG_IGN);
  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  int status = 0;
  for (;;) {
    const pid_t ended = waitpid(pid_, &status, WNOHANG);
    if (ended == pid_ || (ended < 0 && errno != EINTR)) break;
    const timespec pause{0, 50'000'000};
    sigtimedwait(&children, nullptr, &pause);
    if (g_passed_on != 0) {
      kill(pid_, g_passed_on);
      g_passed_on = 0;
    }
    if (meanwhile) meanwhile();
  }
  Ending ending;
  ending.seconds = seconds_now() - started_;
  ending.signalled = WIFSIGNALED(status);
  ending.value = ending.signalled ? WTERMSIG(status) : WEXITSTATUS(status);
  return ending;
}

PrivateDomain::PrivateDomain(const char* prefix) {
  DomainPlace place;
  DomainError error;
  if (!domain_place("default", place, error)) throw failure_of(error);
  const fs::path parent = fs::path(place.path).parent_path();
  if (mkdir(parent.c_str(), 0700) != 0 && errno != EEXIST)
    throw Failure{kCannotStart, "cannot make " + parent.string() + ": " + std::strerror(errno), ""};
  std::string path = (parent / (std::string(prefix) + "-XXXXXX")).string();
  if (mkdtemp(path.data()) == nullptr)
    throw Failure{kCannotStart, "cannot make a directory in " + parent.string() + ": " + std::strerror(errno),
                  ""};
  path_ = path;
}

PrivateDomain::~PrivateDomain() {
  std::error_code none;
  if (!keep_) fs::remove_all(path_, none);
}

}  // namespace portolan::cli
