// SPDX-License-Identifier: Apache-2.0
// Domains that a program may not or cannot join: it goes on without, after one line that says why and what to
// do.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace {

// Runs `life refused` in a shell that prepared something; its output and its complaints.
struct Outcome {
  std::string text;
  int status;
};
Outcome run(const std::string& domain, const std::string& before = "true", const std::string& by = "") {
  const std::string command = "exec 2>&1; unset PORTOLAN_DOMAIN; " + before + "; export PORTOLAN_DOMAIN='" +
                              domain + "'; exec " + by + "'" + std::string(PORTOLAN_TEST_PROGRAMS_DIR) +
                              "/life' refused";
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
  // A file of so many x.
  void put(const std::string& path, size_t size) {
    const int fd = open(path.c_str(), O_CREAT | O_WRONLY, 0600);
    ASSERT_EQ(static_cast<ssize_t>(size), write(fd, std::string(size, 'x').data(), size));
    close(fd);
  }
  std::string contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
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

TEST_F(Refusal, AFileInTheDirectorysPlace) {
  put(root_ + "/file", 10);
  refused("is no directory", run(root_ + "/file"));
}

// The directory of a user's domains, in a directory that all can write. Another user was there first.
TEST_F(Refusal, TheUsersDirectoryAsSomebodyElseMadeIt) {
  constexpr const char* kPlace = "/dev/shm/portolan-54321";
  constexpr const char* kAsUser = "setpriv --reuid=54321 --regid=54321 --clear-groups ";
  if (geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  if (access(kPlace, F_OK) == 0) GTEST_SKIP() << kPlace << " is there";
  if (run("a b", "true", kAsUser).text.find("not a name") == std::string::npos)
    GTEST_SKIP() << "the program is not to be reached by others";
  ASSERT_EQ(0, mkdir(kPlace, 0700));
  ASSERT_EQ(0, chown(kPlace, 12345, 12345));
  refused("belongs to another user", run("mine", "true", kAsUser));
  ASSERT_EQ(0, chmod(kPlace, 0777));
  refused("belongs to another user", run("mine", "true", kAsUser));
  ASSERT_EQ(0, chown(kPlace, 54321, 54321));
  refused("open to other users", run("mine", "true", kAsUser));
  ASSERT_EQ(0, rmdir(kPlace));
  ASSERT_EQ(0, symlink(root_.c_str(), kPlace));
  ASSERT_EQ(0, lchown(kPlace, 54321, 54321));
  refused("symbolic link", run("mine", "true", kAsUser));
  ASSERT_EQ(0, unlink(kPlace));
  const int file = open(kPlace, O_CREAT | O_EXCL | O_WRONLY, 0600);
  ASSERT_EQ(0, fchown(file, 54321, 54321));
  close(file);
  refused("is no directory", run("mine", "true", kAsUser));
  ASSERT_EQ(0, unlink(kPlace));
  EXPECT_EQ(0, system(("test -z \"$(ls '" + root_ + "')\"").c_str()));
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

// What another user put there is not believed, and nothing is written into it.
TEST_F(Refusal, ASegmentOfAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  const std::string file = root_ + "/segment.v1";
  put(file, 8192);
  ASSERT_EQ(0, chown(file.c_str(), 12345, 12345));
  refused("belongs to another user", run(root_));
}

TEST_F(Refusal, ASegmentThatIsOpenToOthers) {
  const std::string file = root_ + "/segment.v1";
  put(file, 8192);
  ASSERT_EQ(0, chmod(file.c_str(), 0666));
  refused("open to other users", run(root_));
}

TEST_F(Refusal, APipeInItsPlace) {
  ASSERT_EQ(0, mkfifo((root_ + "/segment.v1").c_str(), 0600));
  refused("no regular file", run(root_));
}

TEST_F(Refusal, ASocketInItsPlace) {
  sockaddr_un address{AF_UNIX, {}};
  snprintf(address.sun_path, sizeof address.sun_path, "%s/segment.v1", root_.c_str());
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(0, bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address));
  close(fd);
  refused("cannot open a file of the domain", run(root_));
}

TEST_F(Refusal, ADeviceInItsPlace) {
  if (mknod((root_ + "/segment.v1").c_str(), S_IFCHR | 0600, makedev(1, 5)) != 0)
    GTEST_SKIP() << "devices cannot be made here";
  refused("a file of the domain", run(root_));
}

TEST_F(Refusal, ADirectoryInItsPlace) {
  ASSERT_EQ(0, mkdir((root_ + "/segment.v1").c_str(), 0700));
  refused("cannot open a file of the domain", run(root_));
}

TEST_F(Refusal, AHardLinkToSomethingElse) {
  const std::string precious = root_ + "/precious", domain = root_ + "/domain";
  ASSERT_EQ(0, mkdir(domain.c_str(), 0700));
  put(precious, 8192);
  ASSERT_EQ(0, link(precious.c_str(), (domain + "/segment.v1").c_str()));
  refused("not a Portolan segment", run(domain));
  EXPECT_EQ(std::string(8192, 'x'), contents(precious));
}

// The lock is as little believed: without a launchd that holds it, nothing is recovered, but nothing is lost.
TEST_F(Refusal, ALockThatIsASymbolicLink) {
  const std::string precious = root_ + "/precious";
  put(precious, 100);
  ASSERT_EQ(0, symlink(precious.c_str(), (root_ + "/launchd.lock").c_str()));
  const Outcome outcome = run(root_);
  EXPECT_EQ(0u, occurrences(outcome.text, "portolan: ")) << outcome.text;
  EXPECT_EQ(std::string(100, 'x'), contents(precious));
}

TEST_F(Refusal, ALockOfAnotherKind) {
  const std::string lock = root_ + "/launchd.lock";
  const auto joined_without_launchd = [&] {
    const Outcome outcome = run(root_);
    EXPECT_EQ(0u, occurrences(outcome.text, "portolan: ")) << outcome.text;
    // Nobody holds a lock there: its domain is still there, since there is no launchd to remove it.
    usleep(500000);
    EXPECT_EQ(0, access((root_ + "/segment.v1").c_str(), F_OK));
    EXPECT_EQ(0, unlink((root_ + "/segment.v1").c_str()));
  };
  put(lock, 10);
  ASSERT_EQ(0, chmod(lock.c_str(), 0666));
  joined_without_launchd();
  EXPECT_EQ(std::string(10, 'x'), contents(lock));
  if (geteuid() == 0) {
    ASSERT_EQ(0, chmod(lock.c_str(), 0600));
    ASSERT_EQ(0, chown(lock.c_str(), 12345, 12345));
    joined_without_launchd();
    EXPECT_EQ(std::string(10, 'x'), contents(lock));
  }
  ASSERT_EQ(0, unlink(lock.c_str()));
  ASSERT_EQ(0, mkfifo(lock.c_str(), 0600));
  joined_without_launchd();
  ASSERT_EQ(0, unlink(lock.c_str()));
  ASSERT_EQ(0, mkdir(lock.c_str(), 0700));
  joined_without_launchd();
}

// launchd looks for itself, whoever starts it with whatever directory.
TEST_F(Refusal, LaunchdInAStrangeDirectory) {
  const auto launchd = [](const std::string& directory) {
    const std::string command = std::string(PORTOLAN_LAUNCHD) + " '" + directory + "' >/dev/null 2>&1";
    return system(command.c_str());
  };
  const std::string real = root_ + "/real", link = root_ + "/link";
  ASSERT_EQ(0, mkdir(real.c_str(), 0700));
  ASSERT_EQ(0, symlink(real.c_str(), link.c_str()));
  launchd(link);
  EXPECT_EQ(0, system(("test -z \"$(ls '" + real + "')\"").c_str()));
  ASSERT_EQ(0, chmod(real.c_str(), 0755));
  launchd(real);
  EXPECT_EQ(0, system(("test -z \"$(ls '" + real + "')\"").c_str()));
  ASSERT_EQ(0, chmod(real.c_str(), 0700));
  // A segment that is none: it takes its lock, says no, and writes nothing there.
  put(real + "/segment.v1", 8192);
  EXPECT_NE(0, launchd(real));
  EXPECT_EQ(std::string(8192, 'x'), contents(real + "/segment.v1"));
}

// What a builder left behind goes, whatever bears its name; what a link leads to does not.
TEST_F(Refusal, ATemporaryNameThatIsALink) {
  const std::string precious = root_ + "/precious", domain = root_ + "/domain";
  put(precious, 100);
  ASSERT_EQ(0, mkdir(domain.c_str(), 0700));
  ASSERT_EQ(0, symlink(precious.c_str(), (domain + "/segment.v1.1.1.new").c_str()));
  const Outcome outcome = run(domain);
  EXPECT_EQ(0u, occurrences(outcome.text, "portolan: ")) << outcome.text;
  EXPECT_EQ(std::string(100, 'x'), contents(precious));
}

// A directory above, in which others may put another in place of the domain's.
TEST_F(Refusal, AParentThatAllCanWrite) {
  ASSERT_EQ(0, mkdir((root_ + "/domain").c_str(), 0700));
  ASSERT_EQ(0, chmod(root_.c_str(), 0777));
  refused("lets other users replace it", run(root_ + "/domain"));
  refused("lets other users replace it", run(root_ + "/domain/"));
  ASSERT_EQ(0, chmod(root_.c_str(), 01777));
  const Outcome sticky = run(root_ + "/domain");
  EXPECT_EQ(0u, occurrences(sticky.text, "portolan: ")) << sticky.text;
}

TEST_F(Refusal, AParentOfAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a directory away";
  const std::string theirs = root_ + "/theirs";
  ASSERT_EQ(0, mkdir(theirs.c_str(), 0755));
  ASSERT_EQ(0, mkdir((theirs + "/domain").c_str(), 0700));
  ASSERT_EQ(0, chown(theirs.c_str(), 12345, 12345));
  refused("above the domain's belongs to another user", run(theirs + "/domain"));
  // By way of a link of theirs, to a directory of ours.
  ASSERT_EQ(0, chown(theirs.c_str(), 0, 0));
  ASSERT_EQ(0, symlink(theirs.c_str(), (root_ + "/way").c_str()));
  ASSERT_EQ(0, lchown((root_ + "/way").c_str(), 12345, 12345));
  refused("above the domain's belongs to another user", run(root_ + "/way/domain"));
}

// The same seen by somebody who is not root: root's directories are trusted, another user's are not.
TEST_F(Refusal, NobodyInRootsDomain) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  const std::string domain = root_ + "/domain";
  ASSERT_EQ(0, chmod(root_.c_str(), 01777));
  ASSERT_EQ(0, mkdir(domain.c_str(), 0700));
  refused("belongs to another user",
          run(domain, "true", "setpriv --reuid=65534 --regid=65534 --clear-groups "));
}

// While it is opened, it is replaced again and again: what is checked is what is used.
TEST_F(Refusal, AFileThatIsReplacedAllTheTime) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  const std::string file = root_ + "/segment.v1", foreign = root_ + "/foreign", link = root_ + "/link";
  put(foreign, 8192);
  ASSERT_EQ(0, chown(foreign.c_str(), 12345, 12345));
  const pid_t swapper = fork();
  if (swapper == 0) {
    for (;;) {
      (void)!symlink("/etc/hostname", link.c_str());
      rename(link.c_str(), file.c_str());
      (void)!::link(foreign.c_str(), link.c_str());
      rename(link.c_str(), file.c_str());
      mkfifo(link.c_str(), 0600);
      rename(link.c_str(), file.c_str());
    }
  }
  // Before that there is no file, and a domain may be made.
  struct stat status {};
  while (lstat(file.c_str(), &status) != 0) usleep(1000);
  for (unsigned i = 0; i < 30; i++) refused("a file of the domain", run(root_));
  kill(swapper, SIGKILL);
  waitpid(swapper, nullptr, 0);
  EXPECT_EQ(std::string(8192, 'x'), contents(foreign));
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
