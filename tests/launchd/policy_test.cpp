// SPDX-License-Identifier: Apache-2.0
// When a job starts and how it is stopped, rule by rule, without a process.
#include "launchd/policy.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <set>

#include "launchd/calendar.hpp"

namespace portolan::launchd {
namespace {

using Act = Decision::Act;

class Fake : public World {
 public:
  std::set<std::string> paths, filled, loaded, active;
  bool network = false;
  bool path_exists(const std::string& path) const override { return paths.count(path) != 0; }
  bool directory_filled(const std::string& path) const override { return filled.count(path) != 0; }
  bool job_loaded(const std::string& label) const override { return loaded.count(label) != 0; }
  bool job_active(const std::string& label) const override { return active.count(label) != 0; }
  bool network_up() const override { return network; }
};

constexpr uint64_t kNow = 1000 * kSecond;
constexpr uint32_t exited(int code) { return static_cast<uint32_t>(code) << 8; }

class Policy : public testing::Test {
 protected:
  Act act() const { return decide(job, standing, world, kNow).act; }
  // It ran once, long ago.
  void ran(uint32_t status) {
    standing.runs = 1;
    standing.started_ns = kNow - 100 * kSecond;
    standing.status = status;
  }
  JobSpec job;
  Standing standing;
  Fake world;
};

TEST_F(Policy, WithoutAReasonItStays) { EXPECT_EQ(Act::stay, act()); }

TEST_F(Policy, ReasonsToStart) {
  standing.kicked = true;
  EXPECT_EQ(Act::start, act());
  standing.kicked = false;
  standing.messages = true;
  EXPECT_EQ(Act::start, act());
  standing.messages = false;
  standing.connection = true;
  EXPECT_EQ(Act::start, act());
  standing.connection = false;
  job.keep_alive.always = true;
  EXPECT_EQ(Act::start, act());
}

TEST_F(Policy, ReasonsToStayAllTheSame) {
  job.keep_alive.always = true;
  for (bool Standing::*reason : {&Standing::running, &Standing::removing, &Standing::held}) {
    standing.*reason = true;
    EXPECT_EQ(Act::stay, act());
    standing.*reason = false;
  }
  standing.wanted = false;
  EXPECT_EQ(Act::stay, act());
}

TEST_F(Policy, ThrottledFromItsStart) {
  job.keep_alive.always = true;
  standing.runs = 1;
  standing.started_ns = kNow - 9 * kSecond;
  const Decision decision = decide(job, standing, world, kNow);
  EXPECT_EQ(Act::later, decision.act);
  EXPECT_EQ(kNow + kSecond, decision.at_ns);
  EXPECT_EQ(Act::start, decide(job, standing, world, kNow + kSecond).act);
}

TEST_F(Policy, NotThrottled) {
  job.keep_alive.always = true;
  EXPECT_EQ(Act::start, act());  // the first start
  standing.started_ns = kNow - 1;
  standing.unthrottled = true;
  EXPECT_EQ(Act::start, act());
  standing.unthrottled = false;
  job.throttle = 0;
  EXPECT_EQ(Act::start, act());
}

TEST_F(Policy, BySuccessfulExit) {
  job.keep_alive.successful_exit = false;
  EXPECT_TRUE(starts_at_load(job));
  EXPECT_EQ(Act::stay, act());  // that start is a kick
  ran(exited(0));
  EXPECT_EQ(Act::stay, act());
  ran(exited(1));
  EXPECT_EQ(Act::start, act());
  ran(SIGKILL);
  EXPECT_EQ(Act::start, act());
  job.keep_alive.successful_exit = true;
  EXPECT_EQ(Act::stay, act());
  ran(exited(0));
  EXPECT_EQ(Act::start, act());
}

TEST_F(Policy, ByCrash) {
  job.keep_alive.crashed = true;
  EXPECT_TRUE(starts_at_load(job));
  ran(SIGSEGV);
  EXPECT_EQ(Act::start, act());
  ran(SIGSEGV | 0x80);  // with a core
  EXPECT_EQ(Act::start, act());
  ran(SIGKILL);
  EXPECT_EQ(Act::stay, act());
  ran(exited(139));
  EXPECT_EQ(Act::stay, act());
}

TEST_F(Policy, NobodySawItEnd) {
  EXPECT_FALSE(crashed(kStatusUnknown, false));
  EXPECT_FALSE(successful(kStatusUnknown));
}

TEST_F(Policy, StoppedIsNotCrashed) {
  for (const int signal : {SIGILL, SIGTRAP, SIGABRT, SIGFPE, SIGBUS, SIGSEGV, SIGSYS}) {
    EXPECT_TRUE(crashed(static_cast<uint32_t>(signal), false)) << signal;
    EXPECT_FALSE(crashed(static_cast<uint32_t>(signal), true)) << signal;
  }
  EXPECT_FALSE(crashed(SIGTERM, false));
}

TEST_F(Policy, ByPath) {
  job.keep_alive.paths = {{"/a", true}};
  EXPECT_EQ(Act::stay, act());
  world.paths = {"/a"};
  EXPECT_EQ(Act::start, act());
  job.keep_alive.paths = {{"/a", false}};
  EXPECT_EQ(Act::stay, act());
  job.keep_alive.paths = {{"/a", false}, {"/b", false}};  // either will do
  EXPECT_EQ(Act::start, act());
}

TEST_F(Policy, ByOtherJobs) {
  job.keep_alive.enabled = {{"o", true}};
  EXPECT_EQ(Act::stay, act());
  world.loaded = {"o"};
  EXPECT_EQ(Act::start, act());
  job.keep_alive.enabled.clear();
  job.keep_alive.active = {{"o", false}};
  EXPECT_EQ(Act::start, act());
  world.active = {"o"};
  EXPECT_EQ(Act::stay, act());
}

TEST_F(Policy, ByNetwork) {
  job.keep_alive.network = true;
  EXPECT_EQ(Act::stay, act());
  world.network = true;
  EXPECT_EQ(Act::start, act());
}

TEST_F(Policy, AfterInitialDemand) {
  job.keep_alive.after_demand = true;
  EXPECT_EQ(Act::stay, act());
  standing.messages = true;
  EXPECT_EQ(Act::start, act());
  standing.messages = false;
  ran(exited(0));
  EXPECT_EQ(Act::start, act());  // and for ever
  job.keep_alive.paths = {{"/a", true}};
  EXPECT_EQ(Act::stay, act());  // unless there are conditions
}

TEST_F(Policy, QueueDirectories) {
  job.queue_directories = {"/q"};
  EXPECT_EQ(Act::stay, act());
  world.filled = {"/q"};
  EXPECT_EQ(Act::start, act());
}

TEST_F(Policy, RunAtLoad) {
  EXPECT_FALSE(starts_at_load(job));
  job.run_at_load = true;
  EXPECT_TRUE(starts_at_load(job));
}

TEST_F(Policy, Stopping) {
  Stopping stopping;
  EXPECT_EQ(StopStep::wait, next_stop(job, stopping, kNow).step);
  stopping.asked = true;
  EXPECT_EQ(StopStep::terminate, next_stop(job, stopping, kNow).step);
  stopping.terminated_ns = kNow;
  EXPECT_EQ(StopStep::wait, next_stop(job, stopping, kNow + 19 * kSecond).step);
  EXPECT_EQ(kNow + 20 * kSecond, next_stop(job, stopping, kNow).at_ns);
  EXPECT_EQ(StopStep::kill, next_stop(job, stopping, kNow + 20 * kSecond).step);
  stopping.killed_ns = kNow + 20 * kSecond;
  EXPECT_EQ(StopStep::wait, next_stop(job, stopping, kNow + 23 * kSecond).step);
  EXPECT_EQ(StopStep::give_up, next_stop(job, stopping, kNow + 24 * kSecond).step);
  job.exit_time_out = 0;
  stopping.killed_ns = 0;
  EXPECT_EQ(StopStep::wait, next_stop(job, stopping, kNow + 9999 * kSecond).step);
  EXPECT_EQ(0u, next_stop(job, stopping, kNow).at_ns);
}

// -- the calendar, in UTC

class Calendar : public testing::Test {
 protected:
  void SetUp() override {
    setenv("TZ", "UTC", 1);
    tzset();
  }
  static time_t at(const char* text) {
    tm parts{};
    strptime(text, "%Y-%m-%d %H:%M:%S", &parts);
    return timegm(&parts);
  }
  static std::string next(const CalendarEntry& entry, const char* after) {
    const time_t found = next_firing(entry, at(after));
    tm parts{};
    gmtime_r(&found, &parts);
    char text[32];
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
    return found < 0 ? "never" : text;
  }
};

TEST_F(Calendar, EveryMinute) { EXPECT_EQ("2026-03-01 12:35:00", next({}, "2026-03-01 12:34:56")); }
TEST_F(Calendar, NotTheMinuteThatIs) {
  EXPECT_EQ("2026-03-01 13:34:00", next({.minute = 34}, "2026-03-01 12:34:00"));
}
TEST_F(Calendar, OnceADay) {
  EXPECT_EQ("2026-03-02 03:15:00", next({.minute = 15, .hour = 3}, "2026-03-01 12:00:00"));
  EXPECT_EQ("2026-03-01 03:15:00", next({.minute = 15, .hour = 3}, "2026-03-01 02:00:00"));
}
TEST_F(Calendar, OnceAMonth) {
  EXPECT_EQ("2026-03-31 00:00:00", next({.minute = 0, .hour = 0, .day = 31}, "2026-02-01 00:00:00"));
}
TEST_F(Calendar, ByWeekday) {
  EXPECT_EQ("2026-03-08 00:00:00", next({.minute = 0, .hour = 0, .weekday = 0}, "2026-03-02 00:00:00"));
}
TEST_F(Calendar, DayOrWeekday) {
  EXPECT_EQ("2026-03-05 00:00:00",
            next({.minute = 0, .hour = 0, .day = 5, .weekday = 0}, "2026-03-02 00:00:00"));
}
TEST_F(Calendar, LeapDay) {
  EXPECT_EQ("2028-02-29 00:00:00",
            next({.minute = 0, .hour = 0, .day = 29, .month = 2}, "2026-03-01 00:00:00"));
}
TEST_F(Calendar, Never) { EXPECT_EQ("never", next({.day = 31, .month = 2}, "2026-03-01 00:00:00")); }
TEST_F(Calendar, TheFirstOfSeveral) {
  const std::vector<CalendarEntry> entries = {{.hour = 5}, {.hour = 3}};
  EXPECT_EQ(at("2026-03-01 03:00:00"), next_firing(entries, at("2026-03-01 02:00:00")));
}

}  // namespace
}  // namespace portolan::launchd
