// SPDX-License-Identifier: Apache-2.0
// The memory guard (docs/guard.md): wild stores of a program do not change the domain, and nothing else of
// what programs do is harmed by the guard. The kind of guard is that by mprotect, which every machine has,
// unless PORTOLAN_TEST_GUARD says otherwise (scripts/test-pkeys).
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "process/user_harness.hpp"
#include "segment/layout.hpp"
#include "segment/slot.hpp"

namespace {

using portolan::Header;
using portolan::kPage;
using user::Domain;
using user::Program;

// Programs that are started while this lives have that guard.
class WithGuard {
 public:
  explicit WithGuard(const char* kind) { setenv("PORTOLAN_GUARD", kind, 1); }
  ~WithGuard() { unsetenv("PORTOLAN_GUARD"); }
};
const char* guard_under_test() {
  const char* kind = getenv("PORTOLAN_TEST_GUARD");
  return kind == nullptr ? "mprotect" : kind;
}

// The domain's memory, as a file.
class Memory {
 public:
  explicit Memory(const Domain& domain) {
    const std::string path = domain.path() + "/segment.v" + std::to_string(portolan::kLayoutVersion);
    file_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (pread(file_, &header_, sizeof header_, 0) != sizeof header_) ADD_FAILURE() << "no domain: " << path;
  }
  ~Memory() { close(file_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  pid_t launchd() const {
    uint32_t tid = 0;
    const uint64_t slot = header_.slots_base + header_.launchd.load() * sizeof(portolan::ThreadSlot);
    const auto at = static_cast<off_t>(slot + offsetof(portolan::ThreadSlot, tid));
    if (pread(file_, &tid, sizeof tid, at) != sizeof tid) ADD_FAILURE() << "no slot of launchd";
    return static_cast<pid_t>(tid);
  }

  // FNV-1a of all that is not zero, with where it is: header, slots, zones and tables. The life words are
  // left out: Linux writes them, and nothing guards them.
  uint64_t hash() const {
    uint64_t sum = 0xcbf29ce484222325;
    for (off_t at = 0; (at = lseek(file_, at, SEEK_DATA)) >= 0; at += static_cast<off_t>(kPage)) {
      const auto offset = static_cast<uint64_t>(at);
      if (offset >= header_.life_base && offset < header_.slots_base) continue;
      uint64_t words[kPage / 8];
      if (pread(file_, words, sizeof words, at) != sizeof words) ADD_FAILURE() << "cannot read the domain";
      for (size_t i = 0; i < kPage / 8; i++) {
        if (words[i] == 0) continue;
        sum = (sum ^ (offset + i)) * 0x100000001b3;
        sum = (sum ^ words[i]) * 0x100000001b3;
      }
    }
    return sum;
  }

 private:
  int file_ = -1;
  Header header_;
};

// Nothing changes by itself while launchd is stopped and everybody else waits for us.
class Still {
 public:
  explicit Still(pid_t launchd) : launchd_(launchd) {
    kill(launchd_, SIGSTOP);
    while (state() != 'T' && state() != 0) usleep(1000);
  }
  ~Still() { kill(launchd_, SIGCONT); }
  Still(const Still&) = delete;
  Still& operator=(const Still&) = delete;

 private:
  char state() const {
    char path[64], text[128] = {};
    std::snprintf(path, sizeof path, "/proc/%d/stat", launchd_);
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (file >= 0) close(file);
    const char* end = length > 0 ? std::strrchr(text, ')') : nullptr;
    return end == nullptr ? char{0} : end[2];
  }
  pid_t launchd_;
};

// Somebody with something to lose.
class Holder {
 public:
  Holder(const Domain& domain, const char* service) : program_(domain, "wild", {"hold", service}) {
    EXPECT_EQ("ready", program_.line_with("ready"));
  }
  void is_whole() {
    program_.tell("");
    EXPECT_EQ("whole", program_.line_with("whole"));
    EXPECT_EQ(0, program_.wait());
  }

 private:
  Program program_;
};

TEST(Guard, ASweepOfAllPagesChangesNothing) {
  const WithGuard guard(guard_under_test());
  const Domain domain;
  Holder first(domain, "com.example.first"), second(domain, "com.example.second");
  Program wild(domain, "wild", {"sweep"});
  ASSERT_EQ("ready", wild.line_with("ready"));
  const Memory memory(domain);
  {
    const Still still(memory.launchd());
    const uint64_t before = memory.hash();
    wild.tell("");
    const std::string swept = wild.line_with("swept");
    unsigned long pages = 0, stores = 0, done = 1;
    ASSERT_EQ(3, std::sscanf(swept.c_str(), "swept %lu pages: %lu stores, %lu done", &pages, &stores, &done));
    EXPECT_GT(stores, 10000u) << swept;
    EXPECT_EQ(0u, done) << swept;
    EXPECT_EQ(before, memory.hash());
    std::printf("%s; the same hash before and after: %016llx\n", swept.c_str(),
                static_cast<unsigned long long>(before));
  }
  wild.tell("");
  EXPECT_EQ(0, wild.wait()) << "its own traps are as good as before";
  EXPECT_EQ(0, domain.fsck());
  first.is_whole();
  second.is_whole();
}

TEST(Guard, AWildPointerDiesBySegv) {
  const WithGuard guard(guard_under_test());
  const Domain domain;
  Holder holder(domain, "com.example.holder");
  for (int seed = 1; seed <= 40 / user::kSlower; seed++) {
    Program wild(domain, "wild", {"die", std::to_string(seed)});
    ASSERT_EQ("ready", wild.line_with("ready"));
    const Memory memory(domain);
    const Still still(memory.launchd());
    const uint64_t before = memory.hash();
    wild.tell("");
    EXPECT_EQ(128 + SIGSEGV, wild.wait()) << "seed " << seed;
    EXPECT_EQ(before, memory.hash()) << "seed " << seed;
  }
  EXPECT_EQ(0, domain.fsck());
  holder.is_whole();
}

// Without it the store is one like any other: the two tests above test something.
TEST(Guard, WithoutItAStoreGoesThrough) {
  for (const char* kind : {"off", guard_under_test()}) {
    const WithGuard guard(kind);
    const Domain domain;
    Program wild(domain, "wild", {"unguarded"});
    ASSERT_EQ("ready", wild.line_with("ready"));
    wild.tell("");
    EXPECT_EQ(std::strcmp(kind, "off") == 0 ? "stored" : "", wild.line());
    EXPECT_EQ(std::strcmp(kind, "off") == 0 ? 0 : 128 + SIGSEGV, wild.wait());
  }
}

// What programs do with threads, signals, forks and execs goes on as it did.
class GuardedPrograms : public testing::TestWithParam<std::pair<const char*, const char*>> {};
TEST_P(GuardedPrograms, AreNotDisturbed) {
  const WithGuard guard(guard_under_test());
  const Domain domain;
  Program program(domain, GetParam().first, {GetParam().second});
  const std::string text = program.rest();
  EXPECT_EQ(0, program.wait()) << text;
}
INSTANTIATE_TEST_SUITE_P(Guard, GuardedPrograms,
                         testing::Values(std::pair{"signals", "actions"}, std::pair{"signals", "dies"},
                                         std::pair{"joins", "2"}));

}  // namespace
