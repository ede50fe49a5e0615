// SPDX-License-Identifier: Apache-2.0
// Bootstrap checks 91 to 98: launchctl.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checks/harness.hpp"
#include "checks/jobs.hpp"

namespace checks {
namespace {

using jobs::await;
using jobs::Bench;
using jobs::key;
using jobs::Ran;

const std::string kTrue = "<true/>";
std::string domain() { return getenv("PORTOLAN_DOMAIN"); }
bool says(const Ran& ran, const char* words) { return ran.err.find(words) != std::string::npos; }

CHECK(Bootstrap, B091_AListOfJobs) {
  Bench bench(domain());
  bench.load("com.example.three", "exit 3", key("RunAtLoad", kTrue));
  await([&] { return bench.times("com.example.three", "exited 3").size() == 1; });
  const std::string list = bench.ctl({"list"}).out;
  EXPECT_EQ(0u, list.find("PID\tStatus\tLabel\n")) << list;
  EXPECT_NE(std::string::npos, list.find("\n-\t3\tcom.example.three\n")) << list;
}

CHECK(Bootstrap, B092_ARunningJobHasItsPid) {
  Bench bench(domain());
  bench.load("com.example.sleeps", "echo $$ > pid; exec sleep 600", key("RunAtLoad", kTrue));
  await([&] { return !bench.read("pid").empty(); });
  const jobs::Line line = bench.line("com.example.sleeps");
  EXPECT_EQ(bench.lines("pid")[0], line.pid);
  EXPECT_EQ("-", line.status);
}

CHECK(Bootstrap, B093_UnknownLabels) {
  Bench bench(domain());
  for (const char* verb : {"start", "stop", "remove"}) {
    const Ran ran = bench.ctl({verb, "com.example.nobody"});
    EXPECT_EQ(1, ran.status) << verb;
    EXPECT_TRUE(says(ran, "com.example.nobody")) << ran.err;
  }
}

CHECK(Bootstrap, B094_WhatOthersMayWriteIsSkipped) {
  Bench bench(domain());
  const std::string file = bench.job("com.example.open", "exit 0");
  ASSERT_EQ(0, chmod(file.c_str(), 0664));
  const Ran skipped = bench.ctl({"load", file});
  EXPECT_TRUE(says(skipped, "can be written by others")) << skipped.err;
  EXPECT_TRUE(says(skipped, "chmod go-w")) << skipped.err;
  EXPECT_FALSE(bench.line("com.example.open").there);
  EXPECT_EQ(0, bench.ctl({"load", "-F", file}).status);
  EXPECT_TRUE(bench.line("com.example.open").there);
}

CHECK(Bootstrap, B095_LoadedTwice) {
  Bench bench(domain());
  const std::string file = bench.load("com.example.twice", "exit 0");
  const Ran again = bench.ctl({"load", file});
  EXPECT_EQ(0, again.status);
  EXPECT_TRUE(says(again, "com.example.twice: already loaded")) << again.err;
  const std::string list = bench.ctl({"list"}).out;
  EXPECT_EQ(list.find("com.example.twice"), list.rfind("com.example.twice")) << list;
}

CHECK(Bootstrap, B096_NothingToLoad) {
  Bench bench(domain());
  const Ran ran = bench.ctl({"load", bench.path("missing.plist")});
  EXPECT_EQ(1, ran.status);
  EXPECT_TRUE(says(ran, "missing.plist")) << ran.err;
}

CHECK(Bootstrap, B097_DisabledUntilLoadedWithW) {
  Bench bench(domain());
  const std::string file = bench.load("com.example.off", "exit 0");
  EXPECT_EQ(0, bench.ctl({"unload", "-w", file}).status);
  EXPECT_FALSE(bench.line("com.example.off").there);
  const Ran refused = bench.ctl({"load", file});
  EXPECT_TRUE(says(refused, "is disabled")) << refused.err;
  EXPECT_FALSE(bench.line("com.example.off").there);
  EXPECT_EQ(0, bench.ctl({"load", "-w", file}).status);
  EXPECT_TRUE(bench.line("com.example.off").there);
}

CHECK(Bootstrap, B098_UnloadReturnsWhenTheProcessIsGone) {
  Bench bench(domain());
  // Takes a while to end, with SIGTERM ignored by what it leaves to do.
  const std::string file = bench.load(
      "com.example.slow", "trap 'sleep 1; exit 0' TERM; echo $$ > pid; while :; do sleep 0.05; done",
      key("RunAtLoad", kTrue));
  await([&] { return !bench.read("pid").empty(); });
  const pid_t pid = bench.pid("com.example.slow");
  ASSERT_TRUE(pid > 0 && jobs::lives(pid));
  EXPECT_EQ(0, bench.ctl({"unload", file}).status);
  EXPECT_FALSE(jobs::lives(pid));
  EXPECT_FALSE(bench.line("com.example.slow").there);
}

}  // namespace
}  // namespace checks
