// SPDX-License-Identifier: Apache-2.0
// Bootstrap checks about what is declared: 21 to 23, 31, 32, 34, 36 to 46, and what launchctl shows of it: 87 to 90,
// 99. The jobs run tests/programs/bootstrap_service.c, which does what messages tell it to.
#include <signal.h>
#include <unistd.h>

#include "checks/bootstrap_words.hpp"
#include "checks/jobs.hpp"

namespace checks {
namespace {

using jobs::await;
using jobs::key;

enum Command : mach_msg_id_t { kExit = 900, kAbort, kHandOver, kExec, kChild, kExtra, kDrop };

constexpr char kService[] = "com.example.service", kLabel[] = "com.example.job";
const std::string kTrue = "<true/>";

std::string services(const std::string& value = kTrue, const char* name = kService) {
  return key("MachServices", "<dict>" + key(name, value) + "</dict>");
}
std::string throttle(int seconds) {
  return key("ThrottleInterval", "<integer>" + std::to_string(seconds) + "</integer>");
}
std::string program(const std::string& mode = {}) {
  return std::string("exec " PORTOLAN_TEST_PROGRAMS_DIR "/bootstrap_service ") + kService + " " + mode;
}

class Declared : public jobs::Bench {
 public:
  enum class Nothing { loaded };
  explicit Declared(Nothing) : Bench(getenv("PORTOLAN_DOMAIN")) {}
  explicit Declared(const std::string& mode = {}, const std::string& more = throttle(0))
      : Declared(Nothing::loaded) {
    load(kLabel, program(mode), services() + more);
  }

  bool wrote(const char* file, size_t count) {
    return await([&] { return lines(file).size() >= count; });
  }
  bool running() {
    return await([&] { return pid(kLabel) != 0; });
  }
  bool ended() {
    return await([&] { return pid(kLabel) == 0; });
  }
  // Runs, and has checked in.
  void start() {
    send_id(look_up(kService), 1, MACH_MSG_TYPE_COPY_SEND);
    EXPECT_TRUE(wrote("got", 1));
  }
  void tell(mach_msg_id_t id) { send_id(look_up(kService), id, MACH_MSG_TYPE_COPY_SEND); }
};

bool is(mach_port_t name, mach_port_type_t type) {
  return eventually([&] { return type_of(name) == type; });
}

CHECK(Bootstrap, B021_AForkOfTheJobIsNotTheJob) {
  Declared job;
  job.start();
  job.tell(kChild);
  ASSERT_TRUE(job.wrote("child", 1));
  EXPECT_EQ("1100", job.lines("child")[0]);
}

CHECK(Bootstrap, B022_AnUndeclaredNameGoesWithTheProcess) {
  Declared job;
  job.start();
  job.tell(kExtra);
  ASSERT_TRUE(job.wrote("codes", 2));
  EXPECT_EQ("0", job.lines("codes")[1]);
  EXPECT_CODE(BOOTSTRAP_SUCCESS, look_up_code("com.example.extra"));
  job.tell(kExit);
  EXPECT_TRUE(eventually([] { return look_up_code("com.example.extra") == BOOTSTRAP_UNKNOWN_SERVICE; }));
  EXPECT_CODE(BOOTSTRAP_SUCCESS, look_up_code(kService));
}

CHECK(Bootstrap, B023_NobodyElseChecksItIn) {
  Declared job;
  EXPECT_CODE(BOOTSTRAP_NOT_PRIVILEGED, check_in_code(kService));
  EXPECT_EQ(0, job.pid(kLabel));
}

CHECK(Bootstrap, B031_TheJobTakesItsIdleNameBack) {
  Declared job("idle", key("RunAtLoad", kTrue));
  // Looked up before the job has come so far, or not at all.
  mach_port_t right = MACH_PORT_NULL;
  bootstrap_look_up(bootstrap_port, kService, &right);
  ASSERT_TRUE(job.wrote("codes", 2));
  EXPECT_EQ("1100", job.lines("codes")[0]);
  EXPECT_EQ("0", job.lines("codes")[1]);
  EXPECT_CODE(BOOTSTRAP_UNKNOWN_SERVICE, look_up_code(kService));
  if (right != MACH_PORT_NULL && right != MACH_PORT_DEAD) {
    EXPECT_TRUE(is(right, MACH_PORT_TYPE_DEAD_NAME));
  }
}

CHECK(Bootstrap, B032_LookingUpStartsNothing) {
  Declared job;
  EXPECT_CODE(BOOTSTRAP_SUCCESS, look_up_code(kService));
  usleep(300'000);
  EXPECT_EQ(0, job.pid(kLabel));
  EXPECT_TRUE(job.lines("starts").empty());
}

CHECK(Bootstrap, B034_AServiceThatHides) {
  Declared job(Declared::Nothing::loaded);
  job.load(kLabel, program(), services("<dict>" + key("HideUntilCheckIn", kTrue) + "</dict>") + throttle(0));
  EXPECT_CODE(BOOTSTRAP_UNKNOWN_SERVICE, look_up_code(kService));
  EXPECT_CODE(BOOTSTRAP_NOT_PRIVILEGED, check_in_code(kService));
  EXPECT_EQ(0, job.ctl({"start", kLabel}).status);
  EXPECT_TRUE(eventually([] { return look_up_code(kService) == BOOTSTRAP_SUCCESS; }));
  EXPECT_CODE(BOOTSTRAP_NOT_PRIVILEGED, check_in_code(kService));
  job.tell(kExit);
  EXPECT_TRUE(eventually([] { return look_up_code(kService) == BOOTSTRAP_UNKNOWN_SERVICE; }));
  EXPECT_CODE(BOOTSTRAP_NOT_PRIVILEGED, check_in_code(kService));
}

CHECK(Bootstrap, B036_ClientsSeeNothingOfADeath) {
  Declared job;
  job.start();
  const mach_port_t right = look_up(kService), notify = new_port();
  request(right, MACH_NOTIFY_DEAD_NAME, 0, notify);
  kill(job.pid(kLabel), SIGKILL);
  EXPECT_TRUE(job.ended());
  EXPECT_EQ(MACH_PORT_TYPE_SEND, type_of(right) & MACH_PORT_TYPE_ALL_RIGHTS);
  EXPECT_TRUE(nothing_at(notify));
  send_id(right, 2, MACH_MSG_TYPE_COPY_SEND);
  EXPECT_TRUE(job.wrote("got", 2));
}

CHECK(Bootstrap, B037_WaitingMessagesAreKeptInOrder) {
  Declared job;
  job.start();
  const mach_port_t right = look_up(kService);
  const pid_t before = job.pid(kLabel);
  kill(before, SIGSTOP);
  for (const mach_msg_id_t id : {11, 12, 13}) send_id(right, id, MACH_MSG_TYPE_COPY_SEND);
  kill(before, SIGKILL);
  ASSERT_TRUE(job.wrote("got", 4));
  EXPECT_EQ((std::vector<std::string>{"1", "11", "12", "13"}), job.lines("got"));
  EXPECT_NE(before, job.pid(kLabel));
  EXPECT_EQ(right, look_up(kService));
}

CHECK(Bootstrap, B038_AMessageStartsTheJob) {
  Declared job;
  const mach_port_t right = look_up(kService);
  EXPECT_EQ(0, job.pid(kLabel));
  send_id(right, 42, MACH_MSG_TYPE_COPY_SEND);
  ASSERT_TRUE(job.wrote("got", 1));
  EXPECT_EQ("42", job.lines("got")[0]);
}

CHECK(Bootstrap, B039_FiveWaitAndTheSixthDoesNot) {
  Declared job("late");
  const mach_port_t right = look_up(kService);
  for (mach_msg_id_t id = 1; id <= 5; id++) send_id(right, id, MACH_MSG_TYPE_COPY_SEND);
  EXPECT_CODE(MACH_SEND_TIMED_OUT, send_empty(right, MACH_MSG_TYPE_COPY_SEND, 6, MACH_SEND_TIMEOUT, 0));
  job.write("go", "");
  EXPECT_TRUE(job.wrote("got", 5));
}

CHECK(Bootstrap, B040_AJobThatChecksNothingInStartsAgain) {
  Declared job("none", throttle(2));
  job.tell(1);
  EXPECT_TRUE(await([&] { return job.times(kLabel, "started").size() >= 3; }, 30'000));
  const std::vector<double> times = job.times(kLabel, "started");
  for (size_t i = 1; i < times.size(); i++) EXPECT_GE(times[i] - times[i - 1], 1.75);
}

CHECK(Bootstrap, B041_AServiceThatResets) {
  Declared job(Declared::Nothing::loaded);
  job.load(kLabel, program(), services("<dict>" + key("ResetAtClose", kTrue) + "</dict>") + throttle(0));
  job.start();
  const mach_port_t right = look_up(kService), notify = new_port();
  request(right, MACH_NOTIFY_DEAD_NAME, 0, notify);
  const pid_t before = job.pid(kLabel);
  kill(before, SIGSTOP);
  send_id(right, 2, MACH_MSG_TYPE_COPY_SEND);
  kill(before, SIGKILL);
  EXPECT_EQ(MACH_NOTIFY_DEAD_NAME, await_id(notify));
  const mach_port_t anew = look_up(kService);
  EXPECT_NE(right, anew);
  EXPECT_EQ(MACH_PORT_TYPE_SEND, type_of(anew));
  send_id(anew, 3, MACH_MSG_TYPE_COPY_SEND);
  ASSERT_TRUE(job.wrote("got", 2));
  EXPECT_EQ((std::vector<std::string>{"1", "3"}), job.lines("got"));
}

CHECK(Bootstrap, B042_AChildThatHoldsTheRight) {
  Declared job;
  job.start();
  job.tell(kHandOver);
  ASSERT_TRUE(job.wrote("handed", 1));
  EXPECT_TRUE(job.ended());
  EXPECT_NE(std::string::npos, job.ctl({"bslist"}).out.find(std::string("A  ") + kService + "\n"));
  job.tell(7);
  usleep(500'000);
  EXPECT_EQ(0, job.pid(kLabel));
  job.write("drop", "");
  ASSERT_TRUE(job.wrote("got", 3));
  EXPECT_EQ("7", job.lines("got")[2]);
}

CHECK(Bootstrap, B043_AnExecOfTheJob) {
  Declared job;
  job.start();
  const mach_port_t right = look_up(kService);
  const pid_t before = job.pid(kLabel);
  job.tell(kExec);
  send_id(right, 5, MACH_MSG_TYPE_COPY_SEND);
  ASSERT_TRUE(job.wrote("got", 3));
  EXPECT_EQ("5", job.lines("got")[2]);
  EXPECT_EQ(before, job.pid(kLabel));
  EXPECT_EQ("0", job.lines("codes").back());
}

CHECK(Bootstrap, B044_UnloadingEndsIdlePorts) {
  Declared job;
  const mach_port_t right = look_up(kService);
  EXPECT_EQ(0, job.ctl({"remove", kLabel}).status);
  EXPECT_TRUE(is(right, MACH_PORT_TYPE_DEAD_NAME));
  EXPECT_CODE(BOOTSTRAP_UNKNOWN_SERVICE, look_up_code(kService));
}

CHECK(Bootstrap, B045_ANameThatIsTaken) {
  const mach_port_t mine = check_in(kService);
  Declared job;
  EXPECT_TRUE(job.line(kLabel).there);
  EXPECT_EQ(mine, look_up(kService));
}

CHECK(Bootstrap, B046_FalseDeclaresToo) {
  Declared job(Declared::Nothing::loaded);
  job.load(kLabel, program(), services("<false/>"));
  EXPECT_CODE(BOOTSTRAP_SUCCESS, look_up_code(kService));
}

CHECK(Bootstrap, B087_LettersOfAList) {
  Declared job(Declared::Nothing::loaded);
  job.load("com.example.demand", "exit 0", services(kTrue, "idle"));
  job.load("com.example.alive", "exit 0", services(kTrue, "kept") + key("KeepAlive", kTrue) + throttle(60));
  check_in("mine");
  EXPECT_TRUE(await([&] { return job.pid("com.example.alive") == 0; }));
  EXPECT_EQ("D  idle\nI  kept\nA  mine\n", job.ctl({"bslist"}).out);
}

CHECK(Bootstrap, B088_OwnersOfAList) {
  Declared job;
  check_in("mine");
  const std::string text = job.ctl({"bslist", "-j"}).out;
  EXPECT_NE(std::string::npos, text.find(std::string("D  ") + kService + " (" + kLabel + ")\n"));
  EXPECT_NE(std::string::npos, text.find("A  mine (0x"));
}

CHECK(Bootstrap, B090_TheTree) {
  Declared job;
  const mach_port_t subset = subset_of(new_port_with_sends(1));
  check_in("inside", subset);
  const std::string text = job.ctl({"bstree"}).out;
  EXPECT_EQ(0u, text.find(std::string("System/\n    D  ") + kService + "\n    "));
  EXPECT_NE(std::string::npos, text.find(" (Explicit Subset)/\n        A  inside\n"));
}

CHECK(Bootstrap, B099_ACommandInAnothersNamespace) {
  Declared job(Declared::Nothing::loaded);
  const mach_port_t subset = subset_of(new_port_with_sends(1));
  check_in("inside", subset);
  EXPECT_CODE(KERN_SUCCESS, task_set_bootstrap_port(mach_task_self(), subset));
  const std::string child = PORTOLAN_TEST_PROGRAMS_DIR "/bootstrap_child";
  const std::string own = std::to_string(getpid());
  EXPECT_EQ(0, job.ctl({"bsexec", own, child, "look-up", "inside"}).status);
  EXPECT_EQ(1, job.ctl({"bsexec", own, child, "look-up", "nowhere"}).status);
  EXPECT_EQ(0, job.ctl({"bsexec", own, "true"}).status);
  EXPECT_EQ(1, job.ctl({"bsexec", own, "false"}).status);
  EXPECT_EQ(1, job.ctl({"bsexec", own, "/no/such/program"}).status);
  EXPECT_EQ(1, job.ctl({"bsexec", "1", "true"}).status) << "no task of the domain";
}

}  // namespace
}  // namespace checks
