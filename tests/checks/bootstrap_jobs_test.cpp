// SPDX-License-Identifier: Apache-2.0
// Bootstrap checks 74 to 86, 100, 101: the lives of jobs.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "checks/harness.hpp"
#include "checks/jobs.hpp"

namespace checks {
namespace {

using jobs::await;
using jobs::Bench;
using jobs::key;

const std::string kTrue = "<true/>", kFalse = "<false/>";

std::string seconds(const char* name, int value) {
  return key(name, "<integer>" + std::to_string(value) + "</integer>");
}
std::string domain() { return getenv("PORTOLAN_DOMAIN"); }

// Times are those that launchd wrote down, a moment after it started the job.
constexpr double kInexact = 0.25;

std::vector<double> gaps(const std::vector<double>& times) {
  std::vector<double> between;
  for (size_t i = 1; i < times.size(); i++) between.push_back(times[i] - times[i - 1]);
  return between;
}

CHECK(Bootstrap, B074_KeptAliveItStartsEveryTenSeconds) {
  Bench bench(domain());
  bench.load("com.example.fails", "exit 1", key("KeepAlive", kTrue));
  await([&] { return bench.times("com.example.fails", "started").size() >= 3; }, 60000);
  for (const double gap : gaps(bench.times("com.example.fails", "started"))) EXPECT_GE(gap, 10 - kInexact);
}

CHECK(Bootstrap, B075_AThrottleIntervalOfTwo) {
  Bench bench(domain());
  bench.load("com.example.fails", "exit 1", key("KeepAlive", kTrue) + seconds("ThrottleInterval", 2));
  await([&] { return bench.times("com.example.fails", "started").size() >= 5; });
  const std::vector<double> all = gaps(bench.times("com.example.fails", "started"));
  for (const double gap : all) EXPECT_GE(gap, 2 - kInexact);
  // A loaded machine may be late now and then.
  EXPECT_LT(*std::min_element(all.begin(), all.end()), 3.5);
}

CHECK(Bootstrap, B076_WhatRanLongerIsRestartedAtOnce) {
  Bench bench(domain());
  bench.load("com.example.long", "sleep 2", key("KeepAlive", kTrue) + seconds("ThrottleInterval", 1));
  await([&] { return bench.times("com.example.long", "started").size() >= 3; });
  const std::vector<double> started = bench.times("com.example.long", "started"),
                            ended = bench.times("com.example.long", "exited");
  double least = 100;
  for (size_t i = 0; i < ended.size() && i + 1 < started.size(); i++)
    least = std::min(least, started[i + 1] - ended[i]);
  EXPECT_LT(least, 0.5);
}

CHECK(Bootstrap, B077_StartOfAThrottledJob) {
  Bench bench(domain());
  bench.load("com.example.short", "exit 0", key("RunAtLoad", kTrue) + seconds("ThrottleInterval", 3));
  await([&] {
    return bench.line("com.example.short").pid == "-" &&
           bench.times("com.example.short", "exited").size() == 1;
  });
  EXPECT_EQ(0, bench.ctl({"start", "com.example.short"}).status);
  await([&] { return bench.times("com.example.short", "started").size() == 2; });
  EXPECT_GE(gaps(bench.times("com.example.short", "started"))[0], 3 - kInexact);
}

constexpr const char* kStubborn =
    "trap 'echo term >> term' TERM; echo ready > ready; while :; do sleep 0.05; done";

CHECK(Bootstrap, B078_KilledWhenItsTimeIsUp) {
  Bench bench(domain());
  bench.load("com.example.stubborn", kStubborn, key("RunAtLoad", kTrue) + seconds("ExitTimeOut", 2));
  await([&] { return !bench.read("ready").empty(); });
  const pid_t pid = bench.pid("com.example.stubborn");
  const double begun = user::now_ms();
  EXPECT_EQ(0, bench.ctl({"stop", "com.example.stubborn"}).status);
  await([&] { return !bench.read("term").empty(); });
  await([&] { return !jobs::lives(pid); });
  EXPECT_GE(user::now_ms() - begun, 2000);
  await([&] { return bench.line("com.example.stubborn").status == "-9"; });
  EXPECT_EQ("-", bench.line("com.example.stubborn").pid);
}

CHECK(Bootstrap, B079_WithoutATimeOutItIsNeverKilled) {
  Bench bench(domain());
  bench.load("com.example.stubborn", kStubborn, key("RunAtLoad", kTrue) + seconds("ExitTimeOut", 0));
  await([&] { return !bench.read("ready").empty(); });
  const pid_t pid = bench.pid("com.example.stubborn");
  EXPECT_EQ(0, bench.ctl({"stop", "com.example.stubborn"}).status);
  await([&] { return !bench.read("term").empty(); });
  sleep(3);
  EXPECT_TRUE(jobs::lives(pid));
  EXPECT_EQ(1u, bench.lines("term").size());
}

CHECK(Bootstrap, B080_RestartedUnlessItExitsWell) {
  Bench bench(domain());
  // Runs at load; exits with 1 the first time, with 0 the second.
  bench.load("com.example.again", "echo x >> runs; [ $(wc -l < runs) -ge 2 ]",
             key("KeepAlive", "<dict>" + key("SuccessfulExit", kFalse) + "</dict>") +
                 seconds("ThrottleInterval", 1));
  await([&] { return bench.lines("runs").size() == 2; });
  sleep(3);
  EXPECT_EQ(2u, bench.lines("runs").size());
  EXPECT_EQ("0", bench.line("com.example.again").status);
}

CHECK(Bootstrap, B081_RestartedWhenItCrashes) {
  Bench bench(domain());
  bench.load("com.example.crash", "echo x >> runs; [ $(wc -l < runs) = 1 ] && kill -SEGV $$; exec sleep 600",
             key("KeepAlive", "<dict>" + key("Crashed", kTrue) + "</dict>") + seconds("ThrottleInterval", 1));
  await([&] { return bench.lines("runs").size() == 2 && bench.pid("com.example.crash") != 0; });
  EXPECT_EQ(1u, bench.times("com.example.crash", "SIGSEGV").size());
  kill(bench.pid("com.example.crash"), SIGKILL);
  await([&] { return bench.line("com.example.crash").status == "-9"; });
  sleep(3);
  EXPECT_EQ(2u, bench.lines("runs").size());
}

CHECK(Bootstrap, B082_RunAtLoadIsOneStart) {
  Bench bench(domain());
  bench.load("com.example.once", "echo x >> runs", key("RunAtLoad", kTrue) + seconds("ThrottleInterval", 1));
  await([&] { return bench.times("com.example.once", "exited").size() == 1; });
  sleep(3);
  EXPECT_EQ(1u, bench.lines("runs").size());
  EXPECT_TRUE(bench.line("com.example.once").there);
}

CHECK(Bootstrap, B083_LaunchedOnlyOnceItIsGone) {
  Bench bench(domain());
  bench.ctl({"load", bench.job("com.example.once", "echo x >> runs",
                               key("RunAtLoad", kTrue) + key("LaunchOnlyOnce", kTrue))});
  await([&] { return bench.lines("runs").size() == 1; });
  await([&] { return bench.ctl({"list", "com.example.once"}).status == 1; });
  EXPECT_FALSE(bench.line("com.example.once").there);
}

CHECK(Bootstrap, B084_WhatIsLeftOfItsGroupIsTerminated) {
  Bench bench(domain());
  const std::string leaves =
      "(trap 'echo term >> term-NAME; exit' TERM; echo ready > ready-NAME; while :; do sleep 0.05; done) & "
      "while [ ! -e ready-NAME ]; do sleep 0.05; done; echo $! > pid-NAME";
  for (const std::string& name : {std::string("a"), std::string("b")}) {
    std::string command = leaves;
    for (size_t at = 0; (at = command.find("NAME", at)) != std::string::npos;) command.replace(at, 4, name);
    bench.load("com.example." + name, command,
               key("RunAtLoad", kTrue) + (name == "b" ? key("AbandonProcessGroup", kTrue) : ""));
  }
  await([&] { return !bench.read("term-a").empty(); });
  await([&] { return bench.times("com.example.b", "exited").size() == 1; });
  usleep(500000);
  EXPECT_TRUE(bench.read("term-b").empty());
  const pid_t left = std::atoi(bench.read("pid-b").c_str());
  EXPECT_TRUE(left > 0 && jobs::lives(left));
  kill(left, SIGKILL);
}

CHECK(Bootstrap, B085_OutputIsAppended) {
  Bench bench(domain());
  bench.load("com.example.speaks", "echo spoken",
             key("RunAtLoad", kTrue) + seconds("ThrottleInterval", 0) + seconds("Umask", 027) +
                 key("StandardOutPath", "<string>" + bench.path("out") + "</string>"));
  await([&] { return bench.lines("out").size() == 1; });
  struct stat status {};
  ASSERT_EQ(0, stat(bench.path("out").c_str(), &status));
  EXPECT_EQ(0666u & ~027u, status.st_mode & 0777u);
  await([&] { return bench.pid("com.example.speaks") == 0; });
  EXPECT_EQ(0, bench.ctl({"start", "com.example.speaks"}).status);
  await([&] { return bench.lines("out").size() == 2; });
  EXPECT_EQ((std::vector<std::string>{"spoken", "spoken"}), bench.lines("out"));
}

CHECK(Bootstrap, B086_ItsOwnEnvironmentComesLast) {
  Bench bench(domain());
  EXPECT_EQ(0, bench.ctl({"setenv", "COLOUR", "of launchd"}).status);
  bench.load("com.example.at-home", "echo \"$HOME $COLOUR $PORTOLAN_DOMAIN\" > out",
             key("RunAtLoad", kTrue) + key("EnvironmentVariables",
                                           "<dict>" + key("HOME", "<string>/nowhere</string>") + "</dict>"));
  await([&] { return !bench.read("out").empty(); });
  EXPECT_EQ("/nowhere of launchd " + domain() + "\n", bench.read("out"));
}

CHECK(Bootstrap, B100_RefusedAtImport) {
  Bench bench(domain());
  const jobs::Ran reserved = bench.ctl({"load", bench.job("com.apple.launchd.mine", "exit 0")});
  EXPECT_NE(std::string::npos, reserved.err.find("Label: ")) << reserved.err;
  const std::string nothing = bench.write(
      "nothing.plist", "<plist version=\"1.0\"><dict>" +
                           key("Label", "<string>com.example.nothing</string>") + "</dict></plist>");
  const jobs::Ran empty = bench.ctl({"load", nothing});
  EXPECT_NE(std::string::npos, empty.err.find("Program: ")) << empty.err;
  EXPECT_FALSE(bench.line("com.apple.launchd.mine").there);
  EXPECT_FALSE(bench.line("com.example.nothing").there);
}

CHECK(Bootstrap, B101_ADirectoryIsImportedBeforeAnyStarts) {
  Bench bench(domain());
  ASSERT_EQ(0, mkdir(bench.path("d").c_str(), 0755));
  // The one that looks comes first by name.
  const std::string looks = PORTOLAN_TEST_PROGRAMS_DIR "/bootstrap_child";
  bench.write("d/a.plist",
              "<plist version=\"1.0\"><dict>" + key("Label", "<string>com.example.looks</string>") +
                  key("ProgramArguments", "<array><string>" + looks + "</string><string>look-up</string>" +
                                              "<string>com.example.found</string></array>") +
                  key("RunAtLoad", kTrue) + "</dict></plist>");
  bench.write("d/b.plist", "<plist version=\"1.0\"><dict>" +
                               key("Label", "<string>com.example.serves</string>") +
                               key("Program", "<string>/bin/true</string>") +
                               key("MachServices", "<dict>" + key("com.example.found", kTrue) + "</dict>") +
                               "</dict></plist>");
  const jobs::Ran ran = bench.ctl({"load", bench.path("d")});
  EXPECT_EQ(0, ran.status) << ran.err;
  await([&] { return bench.times("com.example.looks", "exited").size() == 1; });
  EXPECT_EQ("0", bench.line("com.example.looks").status);
}

}  // namespace
}  // namespace checks
