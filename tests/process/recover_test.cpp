// SPDX-License-Identifier: Apache-2.0
// `portolan fsck --recover`: what launchd would do, where there is no launchd. Dead tasks are ended, damage
// is told of, and what is lost is said to be lost.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <memory>

#include "process/census.hpp"
#include "segment/domain.hpp"

namespace user {
namespace {

using portolan::Header;
using portolan::ThreadSlot;

// A bystander, who makes no trap and so starts no launchd anew, and a task that is dead with launchd.
class Recover : public testing::Test {
 protected:
  void SetUp() override {
    // launchd may be on its way: the last one to come sees it.
    for (int i = 0; i < 100 && launchd_ <= 1; i++) {
      bystander_ = std::make_unique<Program>(domain_, "life", Program::Arguments{"stays"});
      launchd_ = std::atoi(bystander_->line().c_str());
      if (launchd_ > 1) break;
      bystander_->tell("");
      EXPECT_EQ(0, bystander_->wait());
      usleep(20000);
    }
    ASSERT_GT(launchd_, 1);
    Census last;
    for (int i = 0; i < 100 && (before_ = census(domain_)) != last; i++) {
      last = before_;
      usleep(50000);
    }
    // Of launchd's own threads one has a slot.
    before_.back()--;
    victim_ = std::make_unique<Program>(domain_, "user_death", Program::Arguments{"victim"});
    EXPECT_EQ("up", victim_->line());
    victim_pid_ = victim_->pid();
    kill(launchd_, SIGKILL);
    for (int i = 0; i < 500 && kill(launchd_, 0) == 0 && !is_zombie(launchd_); i++) usleep(10000);
    victim_->kill_hard();
  }
  static bool is_zombie(pid_t pid) {
    const std::string command = "grep -q '^State:.Z' /proc/" + std::to_string(pid) + "/status 2>/dev/null";
    return std::system(command.c_str()) == 0;
  }

  struct Result {
    int status;
    std::string text;
  };
  Result portolan(const Program::Arguments& words, bool here = true) const {
    std::string command = std::string("'") + PORTOLAN_CLI + "'";
    if (here) command += " -d '" + domain_.path() + "'";
    for (const std::string& word : words) command += " '" + word + "'";
    Program shell(nullptr, "/bin/sh", {"-c", "exec 2>&1; " + command});
    Result result;
    result.text = shell.rest();
    result.status = shell.wait();
    return result;
  }
  static bool has(const Result& result, const std::string& what) {
    return result.text.find(what) != std::string::npos;
  }

  std::string file() const { return domain_.path() + "/segment.v1"; }
  template <class T>
  void overwrite(size_t at, T value) const {
    const int fd = open(file().c_str(), O_WRONLY | O_CLOEXEC);
    EXPECT_EQ(static_cast<ssize_t>(sizeof value), pwrite(fd, &value, sizeof value, static_cast<off_t>(at)));
    close(fd);
  }
  // Where the slot of the victim's thread lies in the file.
  size_t victims_slot() const {
    portolan::DomainPlace place;
    portolan::DomainError error;
    portolan::Segment segment;
    size_t found = 0;
    EXPECT_TRUE(portolan::domain_place((domain_.path() + "/").c_str(), place, error));
    EXPECT_TRUE(portolan::domain_open_readonly(place, segment, error)) << error.message;
    for (uint32_t i = 1; i < segment.threads_high(); i++)
      if (segment.slot(i).tid.load() == static_cast<uint32_t>(victim_pid_))
        found = segment.offset_of(&segment.slot(i));
    portolan::domain_unmap(segment);
    EXPECT_NE(0u, found);
    return found;
  }
  void leave() {
    bystander_->tell("");
    EXPECT_EQ(0, bystander_->wait());
  }

  Domain domain_;
  std::unique_ptr<Program> bystander_, victim_;
  pid_t launchd_ = 0, victim_pid_ = 0;
  Census before_;
};

TEST_F(Recover, ADeadTaskIsEnded) {
  EXPECT_NE(before_, census(domain_));
  const Result result = portolan({"fsck", "--recover"});
  EXPECT_EQ(0, result.status) << result.text;
  EXPECT_TRUE(has(result, "2 dead threads recovered, 1 task ended whose process was gone\n")) << result.text;
  EXPECT_TRUE(has(result, ", 1 task, ")) << result.text;
  EXPECT_TRUE(has(result, ": clean")) << result.text;
  EXPECT_EQ(before_, census(domain_));
  const Result again = portolan({"fsck", "--recover"});
  EXPECT_EQ(0, again.status);
  EXPECT_TRUE(has(again, "0 dead threads recovered, 0 tasks ended")) << again.text;
  // A launchd may have begun meanwhile: that is one thread more, and no leak.
  Census after = census(domain_);
  EXPECT_GE(after.back(), before_.back());
  after.back() = before_.back();
  EXPECT_EQ(before_, after);
  leave();
}

TEST_F(Recover, AsJson) {
  const Result result = portolan({"fsck", "--recover", "--json"});
  EXPECT_EQ(0, result.status) << result.text;
  EXPECT_EQ('{', result.text[0]) << result.text;
  EXPECT_TRUE(has(result, "\"recovered\"")) << result.text;
  EXPECT_TRUE(has(result, "\"tasks\": 1")) << result.text;
  EXPECT_TRUE(has(result, "\"broken\": []")) << result.text;
  EXPECT_EQ(before_, census(domain_));
  leave();
}

// What the dead thread is said to have been doing cannot be: the rest is recovered, and that is told.
TEST_F(Recover, WhatCannotBeBelievedIsTold) {
  overwrite(victims_slot() + offsetof(ThreadSlot, log_length), uint32_t{0x7fffffff});
  const Result result = portolan({"fsck", "--recover"});
  EXPECT_EQ(0, result.status) << result.text;
  EXPECT_TRUE(has(result, "1 task ended")) << result.text;
  EXPECT_TRUE(has(result, "note: recovery met 1 value that it could not believe\n")) << result.text;
  EXPECT_TRUE(has(result, ": clean")) << result.text;
  EXPECT_EQ(before_, census(domain_));
  const Result json = portolan({"fsck", "--json"});
  EXPECT_TRUE(has(json, "\"quarantined\": 1")) << json.text;
  leave();
}

// As long as a task lives in it, a lost domain is not touched; after that it goes.
TEST_F(Recover, ALostDomainGoesWhenNobodyUsesIt) {
  overwrite(offsetof(Header, lost), uint32_t{1});
  for (const bool json : {false, true}) {
    const Result refused = portolan(json ? Program::Arguments{"fsck", "--recover", "--json"}
                                         : Program::Arguments{"fsck", "--recover"});
    EXPECT_EQ(1, refused.status) << refused.text;
    EXPECT_TRUE(has(refused, "the domain is lost: nothing in it can be recovered")) << refused.text;
    EXPECT_TRUE(has(refused, "end its programs: portolan ps")) << refused.text;
    EXPECT_EQ(0, access(file().c_str(), F_OK));
  }
  leave();
  const Result removed = portolan({"fsck", "--recover"});
  EXPECT_EQ(0, removed.status) << removed.text;
  EXPECT_EQ("removed: it was lost, and nobody used it\n", removed.text);
  EXPECT_NE(0, access(domain_.path().c_str(), F_OK));
  EXPECT_EQ(3, portolan({"fsck", "--recover"}).status);
}

TEST_F(Recover, ALostDomainThatGoesAsJson) {
  overwrite(offsetof(Header, lost), uint32_t{1});
  leave();
  const Result removed = portolan({"fsck", "--recover", "--json"});
  EXPECT_EQ(0, removed.status) << removed.text;
  EXPECT_TRUE(has(removed, "\"removed\": true")) << removed.text;
}

TEST_F(Recover, AFileThatIsCutShortIsRefused) {
  ASSERT_EQ(0, truncate(file().c_str(), 4096));
  const Result result = portolan({"fsck", "--recover"});
  EXPECT_NE(0, result.status);
  EXPECT_TRUE(has(result, "the domain is lost: its file was cut short")) << result.text;
  bystander_->kill_hard();
}

TEST_F(Recover, ACopyIsRefused) {
  const Result result = portolan({"fsck", "-i", file(), "--recover"}, false);
  EXPECT_EQ(2, result.status) << result.text;
  EXPECT_TRUE(has(result, "a copy cannot be recovered")) << result.text;
  EXPECT_EQ(0, portolan({"fsck", "--recover"}).status);
  leave();
}

}  // namespace
}  // namespace user
