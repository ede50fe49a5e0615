// SPDX-License-Identifier: Apache-2.0
// damage: flips random bits of a live domain under tasks that run, that sleep and that join, and looks what
// becomes of them. Usage: docs/proof.md.
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "segment/domain.hpp"
#include "segment/futex.hpp"

namespace portolan::damage {

namespace {

const char* const kTask = PORTOLAN_TEST_PROGRAMS_DIR "/damage_task";
const char* const kTool = PORTOLAN_CLI;
constexpr uint64_t kSecond = 1'000'000'000;

struct Arguments {
  uint64_t seed = 1;
  unsigned flips = 2000, each = 10;
  bool verbose = false;
};

// A part of the segment that is in use.
struct Part {
  const char* name;
  uint64_t offset, length;
};

std::vector<Part> parts_of(const Segment& segment) {
  static const char* const kZones[] = {
      "",         "tasks",      "spaces", "ports",        "sets",    "links",    "messages", "data",
      "services", "namespaces", "sites",  "acquisitions", "modules", "requests", "jobs",     "watches",
      "actions"};
  const Header& header = segment.header();
  const uint64_t slots = std::min(segment.threads_high(), 8u);
  std::vector<Part> parts = {{"header", 0, sizeof(Header)},
                             {"life words", header.life_base, slots * sizeof(LifeWord)},
                             {"slots", header.slots_base, slots * sizeof(ThreadSlot)}};
  for (unsigned id = 1; id < kMaxZones; id++)
    if (segment.carved(id) > 1)
      parts.push_back({id < std::size(kZones) ? kZones[id] : "others", segment.offset_of(&segment.element(id, 0)),
                       uint64_t{segment.carved(id)} * segment.element_size(id)});
  for (uint32_t i = 1; i < segment.carved(header.arena_zone); i++)
    parts.push_back({"entries", segment.offset_of(segment.arena(i)), kPage});
  return parts;
}

pid_t start(const std::vector<const char*>& words, const char* domain, bool quiet) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setenv("PORTOLAN_DOMAIN", domain, 1);
  const int nothing = open("/dev/null", O_RDWR);
  dup2(nothing, 1);
  if (quiet) dup2(nothing, 2);
  std::vector<char*> list;
  for (const char* word : words) list.push_back(const_cast<char*>(word));
  list.push_back(nullptr);
  execv(list[0], list.data());
  _exit(127);
}

// Its exit status, or -1 after it was killed for taking too long.
int end_of(pid_t pid, uint64_t patience) {
  const uint64_t until = monotonic_ns() + patience;
  int status = 0;
  while (waitpid(pid, &status, WNOHANG) == 0) {
    if (monotonic_ns() > until) {
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
      return -1;
    }
    usleep(1000);
  }
  return status;
}

// The launchds of a domain, by their command line.
std::vector<pid_t> launchds(const char* domain) {
  std::vector<pid_t> found;
  DIR* list = opendir("/proc");
  while (const dirent* entry = list == nullptr ? nullptr : readdir(list)) {
    const pid_t pid = atoi(entry->d_name);
    if (pid <= 0) continue;
    char path[64], text[512] = {};
    snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    if (length <= 0 || strstr(text, "launchd") == nullptr) continue;
    if (strcmp(text + strlen(text) + 1, domain) == 0) found.push_back(pid);
  }
  if (list != nullptr) closedir(list);
  return found;
}

class Damage {
 public:
  explicit Damage(const Arguments& arguments) : arguments_(arguments), random_(arguments.seed) {}

  int run() {
    while (flips_ < arguments_.flips && violations_ < 20) round();
    for (const auto& [what, count] : outcomes_) printf("  %-44s %7u\n", what.c_str(), count);
    for (const auto& [what, count] : where_) printf("  flipped in %-33s %7u\n", what.c_str(), count);
    printf("damage: %u bits flipped in %u domains, %u violations\n", flips_, rounds_, violations_);
    return violations_ == 0 ? 0 : 1;
  }

 private:
  void round() {
    rounds_++;
    char domain[] = "/dev/shm/portolan-damage-XXXXXX";
    if (mkdtemp(domain) == nullptr) exit(2);
    flipped_.clear();
    std::vector<pid_t> tasks;
    for (unsigned i = 0; i < 3; i++) tasks.push_back(start({kTask, "150"}, domain, !arguments_.verbose));
    if (hurt(domain)) {
      const pid_t joiner = start({kTask, "20"}, domain, !arguments_.verbose);
      judge("a tool", end_of(start({kTool, "fsck"}, domain, true), 20 * kSecond));
      judge("a tool", end_of(start({kTool, "lsmp"}, domain, true), 20 * kSecond));
      judge("who joins", end_of(joiner, 60 * kSecond));
    }
    for (const pid_t task : tasks) judge("who runs", end_of(task, 60 * kSecond));
    clear_away(domain);
  }

  // False: the domain did not come about.
  bool hurt(const char* domain) {
    DomainPlace place;
    DomainError error;
    Segment view;
    const std::string file = std::string(domain) + "/segment.v1";
    for (unsigned i = 0; i < 5000; i++) {
      if (domain_place(domain, place, error) && domain_open_readonly(place, view, error)) break;
      usleep(1000);
    }
    const int fd = open(file.c_str(), O_RDWR | O_CLOEXEC);
    if (view.base() == nullptr || fd < 0) {
      violation("a domain", "did not come about");
      return false;
    }
    for (unsigned i = 0; i < 2000 && view.carved(1) < 4; i++) usleep(1000);  // three tasks
    usleep(static_cast<useconds_t>(random_() % 20000));
    for (unsigned i = 0; i < arguments_.each; i++) {
      flip(view, fd);
      usleep(static_cast<useconds_t>(random_() % 3000));
    }
    close(fd);
    domain_unmap(view);
    return true;
  }

  void flip(const Segment& view, int fd) {
    const std::vector<Part> parts = parts_of(view);
    const Part& part = parts[random_() % parts.size()];
    // Half of them where words are that are not zero: most of what is in use is.
    uint64_t at = part.offset + random_() % part.length;
    uint8_t byte = 0;
    const bool used = random_() % 4 != 0;
    for (unsigned tries = 0; tries < 200; tries++) {
      if (pread(fd, &byte, 1, static_cast<off_t>(at)) != 1) return;
      if (!used || byte != 0) break;
      at = part.offset + random_() % part.length;
    }
    const auto bit = static_cast<unsigned>(random_() % 8);
    byte = static_cast<uint8_t>(byte ^ 1u << bit);
    if (pwrite(fd, &byte, 1, static_cast<off_t>(at)) != 1) return;
    flips_++;
    where_[part.name]++;
    char text[64];
    snprintf(text, sizeof text, "%s+%#llx.%u ", part.name, static_cast<unsigned long long>(at - part.offset),
             bit);
    flipped_ += text;
  }

  void judge(const std::string& who, int status) {
    if (status == -1 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM))
      violation(who, "hangs");
    else if (WIFSIGNALED(status))
      violation(who, std::string("ended by ") + strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) == 4)
      violation(who, "was written to");
    else if (who == "a tool")
      outcomes_[who + ": " + (WEXITSTATUS(status) == 0 ? "finds nothing" : "says that something is wrong")]++;
    else
      outcomes_[who + ": " +
                (WEXITSTATUS(status) == 0   ? "goes on"
                 : WEXITSTATUS(status) == 3 ? "its domain is lost, and says so"
                                            : "status " + std::to_string(WEXITSTATUS(status)))]++;
  }

  void violation(const std::string& who, const std::string& what) {
    violations_++;
    outcomes_[who + ": " + what]++;
    printf("VIOLATION in domain %u: %s %s, after %s\n", rounds_, who.c_str(), what.c_str(), flipped_.c_str());
    fflush(stdout);
  }

  // launchd has seen the last task end, or is told to.
  void clear_away(const char* domain) {
    const uint64_t until = monotonic_ns() + 5 * kSecond;
    while (!launchds(domain).empty() && monotonic_ns() < until) usleep(5000);
    const std::vector<pid_t> left = launchds(domain);
    outcomes_[left.empty() ? "launchd: ends with its domain"
                           : "launchd: stays, for a task that seems to live"]++;
    for (const pid_t pid : left) kill(pid, SIGKILL);
    for (const char* name : {"/segment.v1", "/launchd.lock"}) unlink((std::string(domain) + name).c_str());
    rmdir(domain);
  }

  const Arguments& arguments_;
  std::mt19937_64 random_;
  unsigned flips_ = 0, rounds_ = 0, violations_ = 0;
  std::string flipped_;
  std::map<std::string, unsigned> outcomes_, where_;
};

int go(int count, char** words) {
  Arguments arguments;
  for (int i = 1; i < count; i++) {
    const std::string word = words[i];
    const char* value = i + 1 < count ? words[i + 1] : nullptr;
    if (word == "--verbose") {
      arguments.verbose = true;
    } else if (value != nullptr && (word == "--seed" || word == "--flips" || word == "--each")) {
      const auto number = strtoull(value, nullptr, 10);
      if (word == "--seed") arguments.seed = number;
      if (word == "--flips") arguments.flips = static_cast<unsigned>(number);
      if (word == "--each") arguments.each = static_cast<unsigned>(number);
      i++;
    } else {
      fputs("usage: damage [--flips N] [--each N] [--seed N] [--verbose]\n",
            word == "--help" ? stdout : stderr);
      return word == "--help" ? 0 : 2;
    }
  }
  return Damage(arguments).run();
}

}  // namespace

}  // namespace portolan::damage

int main(int argc, char** argv) { return portolan::damage::go(argc, argv); }
