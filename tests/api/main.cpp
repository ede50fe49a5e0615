// SPDX-License-Identifier: Apache-2.0
// Runs the tests in a domain of their own, and fsck over it at the end. A program joins its domain before
// main, so the tests run in a second process, which is told the domain in its environment.
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

extern char** environ;

namespace {

constexpr char kInside[] = "PORTOLAN_INSIDE_DOMAIN";

// Exit status, 128 + N for signal N.
int run(const char* program, char* const* arguments) {
  pid_t pid = -1;
  if (posix_spawn(&pid, program, nullptr, nullptr, arguments, environ) != 0) return 127;
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int run_in_domain(char** argv) {
  char path[] = "/dev/shm/portolan-tests-XXXXXX";
  if (mkdtemp(path) == nullptr) return 1;
  setenv("PORTOLAN_DOMAIN", path, 1);
  setenv(kInside, "1", 1);
  int status = run("/proc/self/exe", argv);
  if (access(PORTOLAN_CLI, X_OK) == 0 && access((std::string(path) + "/segment.v1").c_str(), F_OK) == 0) {
    char* fsck[] = {const_cast<char*>(PORTOLAN_CLI), const_cast<char*>("-d"), path, const_cast<char*>("fsck"),
                    nullptr};
    const int found = run(PORTOLAN_CLI, fsck);
    // Its launchd removes a domain that nobody is in any more.
    if (found != 0 && access((std::string(path) + "/segment.v1").c_str(), F_OK) == 0) {
      std::fprintf(stderr, "fsck ended with %d\n", found);
      if (status == 0) status = 1;
    }
  }
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  if (std::getenv(kInside) == nullptr) return run_in_domain(argv);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
