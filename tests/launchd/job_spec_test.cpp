// SPDX-License-Identifier: Apache-2.0
// Property lists of jobs: what is read, and what is said of each kind of mistake.
#include "launchd/job_spec.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

namespace portolan::launchd {
namespace {

std::string key(const std::string& name, const std::string& xml) { return "<key>" + name + "</key>" + xml; }
std::string string(const std::string& text) { return "<string>" + text + "</string>"; }
std::string integer(int64_t number) { return "<integer>" + std::to_string(number) + "</integer>"; }
std::string dictionary(const std::string& members) { return "<dict>" + members + "</dict>"; }
const std::string kLabel = key("Label", string("com.example.it"));
const std::string kProgram = key("Program", string("/bin/sh"));

Value list(const std::string& members) {
  return parse("<?xml version=\"1.0\"?><plist version=\"1.0\"><dict>" + members + "</dict></plist>");
}

struct Outcome {
  std::optional<JobSpec> job;
  std::vector<Mistake> mistakes;
};
Outcome read(const Value& value) {
  Outcome outcome;
  outcome.job = read_job(value, "/a/file.plist", outcome.mistakes);
  return outcome;
}
Outcome read_with(const std::string& members) { return read(list(kLabel + kProgram + members)); }

// One mistake, at this key, with file and remedy in its text.
testing::AssertionResult one_mistake(const Outcome& outcome, const std::string& at, bool refused) {
  if (outcome.mistakes.size() != 1)
    return testing::AssertionFailure() << outcome.mistakes.size() << " mistakes";
  const Mistake& mistake = outcome.mistakes[0];
  const std::string text = mistake.text();
  if (mistake.key != at) return testing::AssertionFailure() << "the key is " << mistake.key;
  if (text.find("/a/file.plist: ") != 0) return testing::AssertionFailure() << "no file: " << text;
  if (!at.empty() && text.find(at + ": ") == std::string::npos)
    return testing::AssertionFailure() << "no key: " << text;
  if (mistake.remedy.empty() || text.find("remedy: " + mistake.remedy) == std::string::npos)
    return testing::AssertionFailure() << "no remedy: " << text;
  if (mistake.fatal != refused || outcome.job.has_value() == refused)
    return testing::AssertionFailure() << (refused ? "not refused: " : "refused: ") << text;
  return testing::AssertionSuccess();
}

TEST(JobSpec, WhatItSays) {
  const Outcome outcome = read_with(
      key("ProgramArguments", "<array><string>sh</string><string>-c</string></array>") +
      key("KEEPALIVE", "<true/>") + key("throttleinterval", integer(3)) + key("Umask", string("027")) +
      key("MachServices",
          dictionary(key("a", "<false/>") +
                     key("b", dictionary(key("ResetAtClose", "<true/>") + key("HideUntilCheckIn", "<true/>") +
                                         key("DrainMessagesOnCrash", string("All")))))) +
      key("StartCalendarInterval", "<array><dict><key>Weekday</key><integer>7</integer></dict></array>") +
      key("SoftResourceLimits", dictionary(key("NumberOfFiles", integer(77)))));
  ASSERT_TRUE(outcome.job);
  EXPECT_TRUE(outcome.mistakes.empty());
  const JobSpec& job = *outcome.job;
  EXPECT_EQ("com.example.it", job.label);
  EXPECT_EQ((std::vector<std::string>{"sh", "-c"}), job.arguments);
  EXPECT_TRUE(job.keep_alive.always);
  EXPECT_FALSE(job.on_demand());
  EXPECT_EQ(3u, job.throttle);
  EXPECT_EQ(027u, *job.umask);
  ASSERT_EQ(2u, job.services.size());  // false declares, too
  EXPECT_FALSE(job.services[0].resets);
  EXPECT_TRUE(job.services[1].resets && job.services[1].hides);
  EXPECT_EQ(Drain::all, job.services[1].drain);
  ASSERT_EQ(1u, job.calendar.size());
  EXPECT_EQ(0, job.calendar[0].weekday);  // 7 is Sunday as well
  ASSERT_EQ(1u, job.limits.size());
  EXPECT_EQ(RLIMIT_NOFILE, job.limits[0].resource);
}

TEST(JobSpec, Defaults) {
  const Outcome outcome = read_with("");
  ASSERT_TRUE(outcome.job);
  EXPECT_EQ(10u, outcome.job->throttle);
  EXPECT_EQ(20u, outcome.job->exit_time_out);
  EXPECT_EQ(30u, outcome.job->time_out);
  EXPECT_TRUE(outcome.job->on_demand());
}

TEST(JobSpec, ConditionsOfKeepAlive) {
  const Outcome outcome = read_with(
      key("KeepAlive",
          dictionary(key("SuccessfulExit", "<false/>") + key("PathState", dictionary(key("/x", "<true/>"))) +
                     key("OtherJobEnabled", dictionary(key("com.example.o", "<false/>"))))));
  ASSERT_TRUE(outcome.job);
  EXPECT_TRUE(outcome.job->on_demand());
  EXPECT_EQ(false, *outcome.job->keep_alive.successful_exit);
  EXPECT_EQ((std::vector<std::pair<std::string, bool>>{{"/x", true}}), outcome.job->keep_alive.paths);
  EXPECT_EQ((std::vector<std::pair<std::string, bool>>{{"com.example.o", false}}),
            outcome.job->keep_alive.enabled);
}

TEST(JobSpec, OnDemandIsTheOldInverse) {
  EXPECT_TRUE(read_with(key("OnDemand", "<false/>")).job->keep_alive.always);
  EXPECT_FALSE(read_with(key("OnDemand", "<true/>")).job->keep_alive.always);
}

TEST(JobSpec, Sockets) {
  const Outcome outcome = read_with(key(
      "Sockets", dictionary(key("Listeners", "<array>" + dictionary(key("SockServiceName", integer(1234))) +
                                                 dictionary(key("SockPathName", string("/x/s")) +
                                                            key("SockPathMode", integer(384))) +
                                                 "</array>") +
                            key("Other", dictionary(key("SockServiceName", string("1235")) +
                                                    key("SockType", string("dgram")) +
                                                    key("SockFamily", string("IPv4")) +
                                                    key("SockNodeName", string("127.0.0.1")))))));
  ASSERT_TRUE(outcome.job);
  EXPECT_TRUE(outcome.mistakes.empty());
  ASSERT_EQ(3u, outcome.job->sockets.size());
  EXPECT_EQ("1234", outcome.job->sockets[0].service);
  EXPECT_EQ(0600u, *outcome.job->sockets[1].mode);
  EXPECT_EQ(SOCK_DGRAM, outcome.job->sockets[2].type);
  EXPECT_EQ(AF_INET, outcome.job->sockets[2].family);
  EXPECT_EQ("Listeners", outcome.job->sockets[1].key);
}

// -- mistakes that refuse a job

TEST(JobMistakes, NotAPropertyList) { EXPECT_TRUE(one_mistake(read(parse("hello")), "", true)); }
TEST(JobMistakes, CutOff) {
  EXPECT_TRUE(
      one_mistake(read(parse("<?xml version=\"1.0\"?><plist><dict><key>Label</key><string>x")), "", true));
}
TEST(JobMistakes, NotADictionary) {
  EXPECT_TRUE(one_mistake(read(parse("<plist><array/></plist>")), "", true));
}
TEST(JobMistakes, NoLabel) { EXPECT_TRUE(one_mistake(read(list(kProgram)), "Label", true)); }
TEST(JobMistakes, LabelOfAnotherType) {
  EXPECT_TRUE(one_mistake(read(list(kProgram + key("Label", integer(1)))), "Label", true));
}
TEST(JobMistakes, LabelsThatCannotBe) {
  for (const char* label : {"", "com.apple.launchd.x", "COM.APPLE.LAUNCHCTL",
                            "a\x01"
                            "b"}) {
    Value value = list(kProgram);
    value.set("Label", label);
    EXPECT_TRUE(one_mistake(read(value), "Label", true)) << label;
  }
}
TEST(JobMistakes, NoProgram) {
  EXPECT_TRUE(one_mistake(read(list(kLabel)), "Program", true));
  EXPECT_TRUE(one_mistake(read(list(kLabel + key("ProgramArguments", "<array/>"))), "Program", true));
}
TEST(JobMistakes, ArgumentsThatAreNoStrings) {
  EXPECT_TRUE(
      one_mistake(read(list(kLabel + key("ProgramArguments", string("/bin/sh")))), "ProgramArguments", true));
  EXPECT_TRUE(one_mistake(read(list(kLabel + key("ProgramArguments", "<array><integer>1</integer></array>"))),
                          "ProgramArguments", true));
}
TEST(JobMistakes, ProgramThatIsNoAbsolutePath) {
  EXPECT_TRUE(one_mistake(read(list(kLabel + key("Program", string("bin/sh")))), "Program", true));
  EXPECT_TRUE(
      one_mistake(read(list(kLabel + key("ProgramArguments", "<array><string>./sh</string></array>"))),
                  "ProgramArguments", true));
}

// -- mistakes that a job lives with

TEST(JobMistakes, ProgramThatIsNotThere) {
  EXPECT_TRUE(one_mistake(read(list(kLabel + key("Program", string("/nowhere/it")))), "Program", false));
}
TEST(JobMistakes, UnknownKey) {
  EXPECT_TRUE(one_mistake(read_with(key("RunAtLoads", "<true/>")), "RunAtLoads", false));
}
TEST(JobMistakes, WrongTypesAreIgnored) {
  const std::pair<const char*, std::string> wrong[] = {{"RunAtLoad", integer(1)},
                                                       {"ThrottleInterval", string("10")},
                                                       {"StartInterval", "<true/>"},
                                                       {"KeepAlive", string("yes")},
                                                       {"EnvironmentVariables", "<array/>"},
                                                       {"MachServices", "<array/>"},
                                                       {"WatchPaths", string("/x")},
                                                       {"StandardOutPath", "<true/>"},
                                                       {"Sockets", "<true/>"},
                                                       {"Nice", "<real>1.5</real>"},
                                                       {"SoftResourceLimits", integer(1)},
                                                       {"StartCalendarInterval", integer(1)},
                                                       {"Umask", "<true/>"},
                                                       {"Disabled", integer(1)}};
  for (const auto& [name, xml] : wrong)
    EXPECT_TRUE(one_mistake(read_with(key(name, xml)), name, false)) << name;
}
TEST(JobMistakes, RelativePathsAreIgnored) {
  for (const char* name : {"StandardOutPath", "StandardErrorPath", "StandardInPath", "WorkingDirectory"})
    EXPECT_TRUE(one_mistake(read_with(key(name, string("out"))), name, false)) << name;
  const Outcome outcome =
      read_with(key("WatchPaths", "<array><string>x</string><string>/y</string></array>"));
  EXPECT_TRUE(one_mistake(outcome, "WatchPaths", false));
  EXPECT_EQ(std::vector<std::string>{"/y"}, outcome.job->watch_paths);
}
TEST(JobMistakes, NumbersOutOfRange) {
  EXPECT_TRUE(one_mistake(read_with(key("ThrottleInterval", integer(-1))), "ThrottleInterval", false));
  EXPECT_TRUE(one_mistake(read_with(key("StartInterval", integer(0))), "StartInterval", false));
  EXPECT_TRUE(one_mistake(read_with(key("ExitTimeOut", integer(-5))), "ExitTimeOut", false));
  EXPECT_TRUE(one_mistake(read_with(key("Nice", integer(99))), "Nice", false));
  EXPECT_TRUE(one_mistake(read_with(key("StartCalendarInterval", dictionary(key("Hour", integer(24))))),
                          "StartCalendarInterval.Hour", false));
}
TEST(JobMistakes, UnknownConditionsAndOptions) {
  EXPECT_TRUE(one_mistake(read_with(key("KeepAlive", dictionary(key("Weather", "<true/>")))),
                          "KeepAlive.Weather", false));
  EXPECT_TRUE(one_mistake(
      read_with(key("MachServices", dictionary(key("a", dictionary(key("kUNCServer", "<true/>")))))),
      "MachServices.a.kUNCServer", false));
  EXPECT_TRUE(one_mistake(read_with(key("HardResourceLimits", dictionary(key("Patience", integer(1))))),
                          "HardResourceLimits.Patience", false));
  EXPECT_TRUE(
      one_mistake(read_with(key("Sockets", dictionary(key("s", dictionary(""))))), "Sockets.s", false));
}
TEST(JobMistakes, ALongServiceName) {
  const std::string name(200, 'n');
  const Outcome outcome = read_with(key("MachServices", dictionary(key(name, "<true/>"))));
  EXPECT_TRUE(one_mistake(outcome, "MachServices." + name, false));
  EXPECT_EQ(std::string(127, 'n'), outcome.job->services[0].name);
}

}  // namespace
}  // namespace portolan::launchd
