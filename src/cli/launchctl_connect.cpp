// SPDX-License-Identifier: Apache-2.0
// The way to a domain's launchd, which is started if there is none.
#include <errno.h>
#include <fcntl.h>
#include <portolan_config.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/launch.hpp"
#include "cli/launchctl.hpp"
#include "cli/source.hpp"
#include "segment/domain_files.hpp"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

namespace portolan::cli {

namespace {

using launchd::Connection;
using launchd::Value;

constexpr double kPatience = 10;      // seconds for a launchd to come
constexpr double kBetweenStarts = 1;  // it may lose the lock to one that is just leaving

// In the first child: only system calls.
[[noreturn]] void become_launchd(char* const* arguments) {
  setsid();
  if (fork() != 0) _exit(0);  // nobody's to wait for
  const int null = open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; fd++) dup2(null, fd);
  syscall(SYS_close_range, 3u, ~0u, 0u);
  if (chdir("/") != 0) _exit(127);
  umask(077);
  char* const nothing[] = {nullptr};
  execve(arguments[0], arguments, nothing);
  _exit(127);
}

void pause_a_little() {
  const timespec pause{0, 10'000'000};
  nanosleep(&pause, nullptr);
}

}  // namespace

std::string launchd_program() {
  namespace fs = std::filesystem;
  std::error_code none;
  const fs::path own = fs::read_symlink("/proc/self/exe", none).parent_path();
  for (const fs::path& program : {own / PORTOLAN_LAUNCHD_FROM_BIN, fs::path(PORTOLAN_LAUNCHD_PATH)})
    if (access(program.c_str(), X_OK) == 0) return fs::weakly_canonical(program, none).string();
  throw Failure{kRefused, std::string("there is no portolan-launchd at ") + PORTOLAN_LAUNCHD_PATH,
                "install Portolan again"};
}

void start_launchd(const std::string& directory) {
  std::string program = launchd_program(), make = "--make", path = directory;
  char* const arguments[] = {program.data(), make.data(), path.data(), nullptr};
  const pid_t pid = fork();
  if (pid == 0) become_launchd(arguments);
  if (pid < 0) throw Failure{kRefused, std::string("cannot start launchd: ") + std::strerror(errno), ""};
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Ctl::Ctl(const Globals& globals) : domain_(domain_name(globals)), json_(globals.json) {
  if (globals.input) throw Failure{kUsage, "a copied segment has no launchd", "portolan launchctl -d DOMAIN"};
  DomainError error;
  if (!domain_place(domain_.c_str(), place_, error)) throw failure_of(error);
  directory_ = place_.path;
}

void Ctl::connect() {
  if (connection_ || connection_.open(directory_)) return;
  DomainError error;
  if (!files::open_directory(place_, true, error)) throw failure_of(error);
  const double begun = seconds_now();
  double started = -kBetweenStarts;
  while (!connection_.open(directory_)) {
    const double now = seconds_now();
    if (now - begun > kPatience)
      throw Failure{kRefused, "launchd does not come up in " + directory_,
                    "see what it says: " + launchd_program() + " --make " + directory_};
    if (now - started >= kBetweenStarts) {
      start_launchd(directory_);
      started = now;
    }
    pause_a_little();
  }
}

Value Ctl::ask(const Value& request, bool repeatable) {
  constexpr int kTries = 5;
  for (int i = 0; i < kTries; i++) {
    connect();
    Value answer;
    const Connection::Outcome outcome = connection_.ask(request, answer);
    if (outcome == Connection::Outcome::answered) return answer;
    if (outcome == Connection::Outcome::no_answer && !repeatable) break;
  }
  throw Failure{kFound, "launchd ended before it answered; what was asked may have been done",
                "portolan launchctl list"};
}

Value Ctl::demand(const Value& request, bool repeatable) {
  Value answer = ask(request, repeatable);
  if (answer.number("Error") != 0) throw Failure{kFound, answer.text("Message"), answer.text("Remedy")};
  return answer;
}

Json Ctl::json_document() const {
  Globals globals;
  globals.domain = domain_;
  return document("launchctl", domain_, Source(globals).snapshot().boot);
}

}  // namespace portolan::cli
