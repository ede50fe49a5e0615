// SPDX-License-Identifier: Apache-2.0
// Domains that a program may not or cannot join: it goes on without, after one line that says why and what to
// do.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

// Runs `life refused` in a shell that prepared something; its output and its complaints.
struct Outcome {
  std::string text;
  int status;
};
Outcome run(const std::string& domain, const std::string& before = "true") {
  const std::string command = "exec 2>&1; unset PORTOLAN_DOMAIN; " + before + "; PORTOLAN_DOMAIN='" + domain +
                              "' exec '" + std::string(PORTOLAN_TEST_PROGRAMS_DIR) + "/life' refused";
  Outcome outcome{"", -1};
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return outcome;
  std::array<char, 512> buffer{};
  while (fgets(buffer.data(), buffer.size(), pipe) != nullptr) outcome.text += buffer.data();
  const int status = pclose(pipe);
  outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

size_t occurrences(const std::string& text, const std::string& what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) count++;
  return count;
}

class Refusal : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/dev/shm/portolan-refusal-XXXXXX";
    ASSERT_NE(nullptr, mkdtemp(name));
    root_ = name;
  }
  void TearDown() override {
    const std::string command = "rm -rf '" + root_ + "'";
    EXPECT_EQ(0, system(command.c_str()));
  }
  void refused(const std::string& why, const Outcome& outcome) {
    EXPECT_EQ(0, outcome.status) << outcome.text;
    EXPECT_EQ(1u, occurrences(outcome.text, "portolan: ")) << outcome.text;
    EXPECT_NE(std::string::npos, outcome.text.find(why)) << outcome.text;
    EXPECT_NE(std::string::npos, outcome.text.find("allocate 0x10000003\n")) << outcome.text;
    // MACH_SEND_INVALID_DEST, from calls and from messages
    EXPECT_NE(std::string::npos, outcome.text.find("send 0x10000003\n")) << outcome.text;
  }
  std::string root_;
};

TEST_F(Refusal, AnotherUsersDirectory) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a directory away";
  ASSERT_EQ(0, chown(root_.c_str(), 12345, 12345));
  refused("belongs to another user", run(root_));
}

TEST_F(Refusal, ADirectoryThatIsOpenToOthers) {
  ASSERT_EQ(0, chmod(root_.c_str(), 0755));
  refused("open to other users", run(root_));
}

TEST_F(Refusal, ASymbolicLink) {
  const std::string link = root_ + "/link";
  ASSERT_EQ(0, mkdir((root_ + "/real").c_str(), 0700));
  ASSERT_EQ(0, symlink((root_ + "/real").c_str(), link.c_str()));
  refused("symbolic link", run(link));
  refused("symbolic link", run(link + "/"));
}

TEST_F(Refusal, ASegmentThatIsASymbolicLink) {
  ASSERT_EQ(0, symlink("/etc/hostname", (root_ + "/segment.v1").c_str()));
  refused("symbolic link", run(root_));
}

TEST_F(Refusal, SomethingElseUnderItsName) {
  const int fd = open((root_ + "/segment.v1").c_str(), O_CREAT | O_WRONLY, 0600);
  ASSERT_EQ(8192, write(fd, std::string(8192, 'x').data(), 8192));
  close(fd);
  refused("not a Portolan segment", run(root_));
}

TEST_F(Refusal, AnotherLayoutVersion) {
  // A header as another version would have written it, up to where the versions may differ.
  struct {
    uint64_t magic;
    uint32_t version, order;
    char rest[4096 - 16];
  } header{};
  header.magic = 0x314e414c4f54524full;
  header.version = 77;
  header.order = 0x01020304;
  const int fd = open((root_ + "/segment.v1").c_str(), O_CREAT | O_WRONLY, 0600);
  ASSERT_EQ(4096, write(fd, &header, sizeof header));
  close(fd);
  refused("layout version 77, this library has 1", run(root_));
}

TEST_F(Refusal, ALimitOnAddressSpace) {
#ifdef PORTOLAN_SANITIZED
  GTEST_SKIP() << "sanitizers map terabytes of shadow memory before anything of ours runs";
#endif
  refused("ulimit -v", run(root_, "ulimit -v 1000000"));
}

TEST_F(Refusal, ALimitOnFiles) { refused("ulimit -f", run(root_, "ulimit -f 1000")); }

TEST_F(Refusal, AFullFileSystem) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can mount a small one";
  const std::string small = root_ + "/small";
  ASSERT_EQ(0, mkdir(small.c_str(), 0700));
  const std::string mounted = "mount -t tmpfs -o size=16k,mode=700 none '" + small + "' 2>/dev/null";
  if (system(mounted.c_str()) != 0) GTEST_SKIP() << "mounting is not allowed here";
  const Outcome outcome = run(small);
  EXPECT_EQ(0, system(("umount '" + small + "'").c_str()));
  refused("no memory", outcome);
}

TEST_F(Refusal, ABadName) { refused("not a name for a domain", run("a b")); }

}  // namespace
