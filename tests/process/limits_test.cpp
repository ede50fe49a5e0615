// SPDX-License-Identifier: Apache-2.0
// Linux's own limits under running tasks: descriptors, processes, threads, address space, a memory cgroup, a
// file system that fills. Each ends with fsck, and with as much allocated as before.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>

#include "process/census.hpp"

namespace user {
namespace {

// Runs a case, which may find that it cannot be run here.
void passes_or_skips(const char* what) {
  const SoundDomain domain;
  Program running(*domain, "limits", {what});
  const std::string said = running.rest();
  EXPECT_EQ(0, running.wait(2 * kPatience * kSlower)) << what << ": " << said;
  if (said.compare(0, 7, "skipped") == 0) GTEST_SKIP() << said;
}

TEST(Limits, ATaskNeedsNoDescriptorAndAChildThatDoesSaysSo) { passes("limits", "descriptors"); }
TEST(Limits, LaunchdWithoutDescriptorsBuriesTheDead) { passes("limits", "launchds-descriptors"); }
TEST(Limits, WhereLaunchdHasNoDescriptorsTheLivingStandIn) { passes("limits", "no-launchd"); }
TEST(Limits, WithoutProcessesThereIsNoLaunchd) { passes_or_skips("processes"); }

TEST(Limits, NoAddressSpaceForWhatIsReceived) {
#ifdef PORTOLAN_SANITIZED
  GTEST_SKIP() << "sanitizers need address space of their own";
#endif
  passes("limits", "address-space");
}

TEST(Limits, MoreThreadsThanADomainHasSlots) {
#ifdef PORTOLAN_SANITIZED
  GTEST_SKIP() << "sanitizers make threads big";
#endif
  passes_or_skips("threads");
}

class Cgroup {
 public:
  Cgroup() : path_("/sys/fs/cgroup/memory/portolan-test-" + std::to_string(getpid())) {
    made_ = mkdir(path_.c_str(), 0700) == 0;
  }
  ~Cgroup() {
    for (int i = 0; made_ && rmdir(path_.c_str()) != 0 && i < 100; i++) usleep(20000);
  }
  Cgroup(const Cgroup&) = delete;
  Cgroup& operator=(const Cgroup&) = delete;
  bool write(const char* file, long value) const {
    if (!made_) return false;
    std::ofstream out(path_ + "/" + file);
    out << value << std::flush;
    return out.good();
  }

 private:
  std::string path_;
  bool made_;
};

// It kills, as documented; and that is a death like any other.
TEST(Limits, AFullMemoryCgroupKills) {
  const Cgroup group;
  if (!group.write("memory.limit_in_bytes", 32 << 20))
    GTEST_SKIP() << "no memory cgroup can be made here (cgroup v1): " << strerror(errno);
  const SoundDomain domain;
  for (int i = 0; i < 3; i++) {
    Program running(*domain, "limits", {"grows"});
    EXPECT_EQ("up", running.line());
    ASSERT_TRUE(group.write("cgroup.procs", running.pid()));
    running.tell("");
    EXPECT_EQ(128 + SIGKILL, running.wait());
  }
}

// A small file system in the place of a domain's directory, as long as this lives.
class SmallFileSystem {
 public:
  explicit SmallFileSystem(const Domain& domain) : path_(domain.path()) {
    mounted_ = mount("none", path_.c_str(), "tmpfs", 0, "size=24m,mode=700") == 0;
  }
  ~SmallFileSystem() {
    if (mounted_) umount2(path_.c_str(), MNT_DETACH);
    rmdir(path_.c_str());
  }
  SmallFileSystem(const SmallFileSystem&) = delete;
  SmallFileSystem& operator=(const SmallFileSystem&) = delete;
  bool mounted() const { return mounted_; }

 private:
  std::string path_;
  bool mounted_;
};
std::optional<SmallFileSystem> g_small;

TEST(Limits, AFileSystemThatFillsUnderRunningTasks) {
  {
    const Domain probe;
    if (geteuid() != 0 || !SmallFileSystem(probe).mounted()) GTEST_SKIP() << "mounting is not allowed here";
  }
  {
    const SoundDomain domain([](const Domain& place) { g_small.emplace(place); });
    ASSERT_TRUE(g_small->mounted());
    for (int i = 0; i < 2; i++) {
      Program running(*domain, "limits", {"full"});
      EXPECT_EQ(0, running.wait(2 * kPatience * kSlower)) << running.rest();
    }
  }
  g_small.reset();
}

}  // namespace
}  // namespace user
