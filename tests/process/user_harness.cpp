// SPDX-License-Identifier: Apache-2.0
// Programs in private domains.
#include "process/user_harness.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

extern char** environ;

namespace user {

namespace {

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> all;
  for (std::string& string : strings) all.push_back(string.data());
  all.push_back(nullptr);
  return all;
}

}  // namespace

double now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

Domain::Domain() {
  char name[] = "/dev/shm/portolan-user-XXXXXX";
  if (mkdtemp(name) == nullptr) std::abort();
  path_ = name;
}

Domain::~Domain() {
  // It goes with its last task; launchd needs a moment for that.
  for (int i = 0; i < 200 && access(path_.c_str(), F_OK) == 0; i++) usleep(10000);
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

int Domain::fsck() const {
  Program fsck(nullptr, PORTOLAN_CLI, {"-d", path_, "fsck"});
  const std::string text = fsck.rest();
  const int status = fsck.wait();
  if (status != 0) ADD_FAILURE() << text;
  return status;
}

Program::Program(const Domain* domain, const std::string& path, const Arguments& arguments) {
  const bool has_slash = path.find('/') != std::string::npos;
  const std::string file = has_slash ? path : std::string(PORTOLAN_TEST_PROGRAMS_DIR) + "/" + path;
  std::vector<std::string> argv = {file};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables;
  for (char** at = environ; *at != nullptr; at++) {
    if (std::strncmp(*at, "PORTOLAN_DOMAIN=", 16) != 0) variables.emplace_back(*at);
  }
  if (domain != nullptr) variables.push_back("PORTOLAN_DOMAIN=" + domain->path());

  int input[2];
  int output[2];
  if (pipe2(input, O_CLOEXEC) != 0 || pipe2(output, O_CLOEXEC) != 0) std::abort();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
  const int error =
      posix_spawn(&pid_, file.c_str(), &actions, nullptr, pointers(argv).data(), pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  close(input[0]);
  close(output[1]);
  input_ = input[1];
  output_ = output[0];
  if (error != 0) {
    ADD_FAILURE() << "cannot start " << file << ": " << std::strerror(error);
    ended_ = true;
    status_ = 127;
  }
}

Program::~Program() {
  if (!ended_) kill_hard();
  close(input_);
  close(output_);
}

bool Program::fill(int milliseconds) {
  pollfd ready{output_, POLLIN, 0};
  const double deadline = now_ms() + milliseconds;
  int count = 0;
  do {
    count = poll(&ready, 1, std::max(0, static_cast<int>(deadline - now_ms())));
  } while (count < 0 && errno == EINTR);
  if (count <= 0) return false;
  char bytes[4096];
  const ssize_t n = read(output_, bytes, sizeof bytes);
  if (n <= 0) return false;
  buffer_.append(bytes, static_cast<size_t>(n));
  return true;
}

std::string Program::line(int milliseconds) {
  const double deadline = now_ms() + milliseconds;
  for (;;) {
    const size_t end = buffer_.find('\n');
    if (end != std::string::npos) {
      const std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    const double left = deadline - now_ms();
    if (left <= 0 || !fill(static_cast<int>(left) + 1)) return "";
  }
}

std::string Program::line_with(std::string_view begin) {
  for (;;) {
    const std::string next = line();
    if (next.empty() || next.compare(0, begin.size(), begin) == 0) return next;
  }
}

std::string Program::rest() {
  while (fill(kPatience)) {
  }
  return std::move(buffer_);
}

void Program::tell(const std::string& line) {
  const std::string text = line + "\n";
  if (write(input_, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    ADD_FAILURE() << "nobody reads";
}

void Program::kill_hard() {
  if (ended_) return;
  kill(pid_, SIGKILL);
  int status = 0;
  waitpid(pid_, &status, 0);
  ended_ = true;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int Program::wait(int milliseconds) {
  const double deadline = now_ms() + milliseconds;
  int status = 0;
  while (!ended_) {
    const pid_t pid = waitpid(pid_, &status, WNOHANG);
    if (pid == pid_) {
      ended_ = true;
      status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    } else if (now_ms() > deadline) {
      kill_hard();
      return -1;
    } else {
      usleep(1000);
    }
  }
  return status_;
}

}  // namespace user
