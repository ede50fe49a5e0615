// SPDX-License-Identifier: Apache-2.0
// launchd with real jobs: killed, asked by broken clients, waited for by a supervisor; and what starts a job
// besides being asked to. The kernel's invariants are checked after each test.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>

#include "checks/jobs.hpp"
#include "launchd/ask.hpp"

namespace {

using jobs::await;
using jobs::Bench;
using jobs::key;
using portolan::launchd::Connection;
using portolan::launchd::Value;

const std::string kTrue = "<true/>";
std::string integer(int value) { return "<integer>" + std::to_string(value) + "</integer>"; }
std::string strings(const std::string& text) { return "<array><string>" + text + "</string></array>"; }

class Living : public testing::Test {
 protected:
  void SetUp() override { bench = std::make_unique<Bench>(domain.path()); }
  void TearDown() override {
    EXPECT_EQ(0, domain.fsck());
    bench.reset();
  }
  pid_t launchd() const { return std::atoi(bench->ctl({"managerpid"}).out.c_str()); }
  void kill_launchd() const {
    const pid_t pid = launchd();
    ASSERT_GT(pid, 0);
    kill(pid, SIGKILL);
    await([&] { return !jobs::lives(pid); });
  }
  size_t starts(const std::string& label) const { return bench->times(label, "started").size(); }
  // Nobody else is in the domain of these tests: somebody has to hold it open for fsck.
  user::Domain domain;
  std::unique_ptr<Bench> bench;
};

// -- its own death

TEST_F(Living, FiftyRunningJobsAreAdopted) {
  constexpr int kJobs = 50;
  ASSERT_EQ(0, mkdir(bench->path("d").c_str(), 0755));
  const auto label = [](int i) { return "com.example.job" + std::to_string(i); };
  for (int i = 0; i < kJobs; i++) {
    const std::string file =
        bench->job(label(i), "exec sleep 600",
                   key("KeepAlive", kTrue) +
                       key("MachServices",
                           "<dict>" + key("com.example.service" + std::to_string(i), kTrue) + "</dict>"));
    ASSERT_EQ(0, rename(file.c_str(), bench->path("d/" + label(i) + ".plist").c_str()));
  }
  const jobs::Ran loaded = bench->ctl({"load", bench->path("d")});
  ASSERT_EQ(0, loaded.status) << loaded.err;
  std::vector<pid_t> before(kJobs);
  await([&] {
    for (int i = 0; i < kJobs; i++)
      if ((before[static_cast<size_t>(i)] = bench->pid(label(i))) == 0) return false;
    return true;
  });
  kill_launchd();
  const double begun = user::now_ms();
  const std::string list = bench->ctl({"list"}).out;  // which starts the next
  const double took = user::now_ms() - begun;
  for (int i = 0; i < kJobs; i++) {
    const std::string line = std::to_string(before[static_cast<size_t>(i)]) + "\t-\t" + label(i) + "\n";
    EXPECT_NE(std::string::npos, list.find(line)) << line;
    EXPECT_TRUE(jobs::lives(before[static_cast<size_t>(i)]));
    EXPECT_EQ(1u, starts(label(i)));
    // Nobody else can have its name: it is still the job's.
    const jobs::Ran again = bench->ctl({"list", label(i)});
    EXPECT_NE(std::string::npos, again.out.find("com.example.service" + std::to_string(i)));
  }
  printf("launchd killed with %d jobs running: the next one answers for all of them after %.0f ms\n", kJobs,
         took);
  EXPECT_LT(took, 2000 * user::kSlower);
}

TEST_F(Living, WhatEndedMeanwhileIsStartedAgain) {
  bench->load("com.example.kept", "exec sleep 600",
              key("KeepAlive", kTrue) + key("ThrottleInterval", integer(1)));
  bench->load("com.example.once", "echo x >> runs", key("RunAtLoad", kTrue));
  await([&] { return bench->pid("com.example.kept") != 0 && bench->lines("runs").size() == 1; });
  const pid_t pid = bench->pid("com.example.kept");
  kill_launchd();
  kill(pid, SIGKILL);
  await([&] { return !jobs::lives(pid); });
  await([&] {
    const pid_t now = bench->pid("com.example.kept");
    return now != 0 && now != pid;
  });
  // Nobody saw how, unless it still waited for its new parent.
  EXPECT_EQ(1u, bench->times("com.example.kept", "nobody saw how").size() +
                    bench->times("com.example.kept", "SIGKILL").size());
  EXPECT_EQ(1u, bench->lines("runs").size());  // RunAtLoad was at load
}

// An adopted process is nobody's child here: what Linux keeps for its descriptor tells how it ended.
TEST_F(Living, AnAdoptedJobsEndIsSeen) {
  bench->load("com.example.waits", "while [ ! -e go ]; do sleep 0.05; done; exit 7", key("RunAtLoad", kTrue));
  await([&] { return bench->pid("com.example.waits") != 0; });
  kill_launchd();
  await([&] { return bench->pid("com.example.waits") != 0; });
  bench->write("go", "");
  await([&] { return bench->pid("com.example.waits") == 0; });
  const std::string status = bench->line("com.example.waits").status;
  EXPECT_TRUE(status == "7" || status == "???") << status;
}

TEST_F(Living, UnloadGoesOnUnderTheNext) {
  const std::string file = bench->load(
      "com.example.slow", "trap 'sleep 2; exit 0' TERM; echo x > ready; while :; do sleep 0.05; done",
      key("RunAtLoad", kTrue));
  await([&] { return !bench->read("ready").empty(); });
  const pid_t job = bench->pid("com.example.slow"), old = launchd();
  const pid_t unload = fork();
  if (unload == 0) _exit(bench->ctl({"unload", file}).status);
  await([&] { return bench->ctl({"print", "com.example.slow"}).out.find("stopping") != std::string::npos; });
  kill(old, SIGKILL);
  int status = -1;
  ASSERT_EQ(unload, waitpid(unload, &status, 0));
  EXPECT_EQ(0, status);
  EXPECT_FALSE(jobs::lives(job));
  EXPECT_FALSE(bench->line("com.example.slow").there);
}

TEST_F(Living, KilledAgainAndAgain) {
  bench->load("com.example.kept", "exec sleep 600", key("KeepAlive", kTrue));
  await([&] { return bench->pid("com.example.kept") != 0; });
  const pid_t pid = bench->pid("com.example.kept");
  for (int i = 0; i < 10; i++) kill_launchd();
  EXPECT_EQ(pid, bench->pid("com.example.kept"));
  EXPECT_EQ(1u, starts("com.example.kept"));
}

TEST_F(Living, SettingsOutliveIt) {
  EXPECT_EQ(0, bench->ctl({"setenv", "COLOUR", "blue"}).status);
  const std::string file = bench->load("com.example.off", "exit 0");
  EXPECT_EQ(0, bench->ctl({"unload", "-w", file}).status);
  bench->load("com.example.holds-it-open", "exec sleep 600", key("RunAtLoad", kTrue));
  kill_launchd();
  EXPECT_EQ("blue\n", bench->ctl({"getenv", "COLOUR"}).out);
  EXPECT_EQ(1, bench->ctl({"load", file}).status);
  EXPECT_EQ(0, bench->ctl({"unsetenv", "COLOUR"}).status);
  EXPECT_EQ("", bench->ctl({"getenv", "COLOUR"}).out);
}

// -- clients

int raw_client(const std::string& directory) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  strncpy(address.sun_path, (directory + "/launchd.sock").c_str(), sizeof address.sun_path - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    ADD_FAILURE() << "no socket";
  return fd;
}

TEST_F(Living, BrokenClientsStopNobody) {
  bench->load("com.example.kept", "exec sleep 600", key("KeepAlive", kTrue));
  struct stat status {};
  ASSERT_EQ(0, stat((domain.path() + "/launchd.sock").c_str(), &status));
  EXPECT_EQ(0600u, status.st_mode & 0777u);
  const pid_t before = launchd();
  std::vector<int> slow;
  for (int i = 0; i < 200; i++) {  // more than it keeps
    const int fd = raw_client(domain.path());
    (void)!write(fd, "\x40\0\0", 3);  // the beginning of a frame
    slow.push_back(fd);
  }
  for (const std::string& garbage : {std::string("\xff\xff\xff\xff"), std::string("\x04\0\0\0abcd", 8),
                                     std::string("GET / HTTP/1.0\r\n\r\n")}) {
    const int fd = raw_client(domain.path());
    (void)!write(fd, garbage.data(), garbage.size());
    char byte;
    EXPECT_EQ(0, read(fd, &byte, 1));  // hung up on
    close(fd);
  }
  const int asks_and_leaves = raw_client(domain.path());
  const std::string list = portolan::launchd::frame(Value::dictionary().set("Verb", "list"));
  (void)!write(asks_and_leaves, list.data(), list.size());
  close(asks_and_leaves);
  EXPECT_EQ(before, launchd());
  EXPECT_TRUE(bench->line("com.example.kept").there);
  for (const int fd : slow) close(fd);
}

TEST_F(Living, RequestsThatMakeNoSense) {
  Connection client;
  bench->load("com.example.kept", "exec sleep 600", key("KeepAlive", kTrue));
  ASSERT_TRUE(client.open(domain.path()));
  for (const Value& request :
       {Value::dictionary(), Value::dictionary().set("Verb", 7), Value::dictionary().set("Verb", "fly"),
        Value::dictionary().set("Verb", "load"), Value::dictionary().set("Verb", "load").set("Jobs", "x"),
        Value::dictionary().set("Verb", "unload"), Value::dictionary().set("Verb", "start"),
        Value::dictionary().set("Verb", "setenv").set("Name", "a=b"),
        Value::dictionary().set("Verb", "CheckIn")}) {
    Value answer;
    ASSERT_EQ(Connection::Outcome::answered, client.ask(request, answer));
    EXPECT_NE(0, answer.number("Error"));
  }
}

// -- what starts a job

TEST_F(Living, SubmitAndRemove) {
  EXPECT_EQ(0, bench
                   ->ctl({"submit", "-l", "com.example.submitted", "-o", bench->path("out"), "--", "sh", "-c",
                          "echo hello; exec sleep 600"})
                   .status);
  await([&] { return bench->read("out") == "hello\n"; });
  const pid_t pid = bench->pid("com.example.submitted");
  EXPECT_EQ(1, bench->ctl({"submit", "-l", "com.example.submitted", "--", "true"}).status);
  EXPECT_EQ(0, bench->ctl({"remove", "com.example.submitted"}).status);
  await([&] { return !jobs::lives(pid) && !bench->line("com.example.submitted").there; });
}

TEST_F(Living, Kickstart) {
  bench->load("com.example.idle", "exec sleep 600", key("ThrottleInterval", integer(0)));
  EXPECT_EQ(0, bench->pid("com.example.idle"));
  const pid_t first = std::atoi(bench->ctl({"kickstart", "-p", "com.example.idle"}).out.c_str());
  EXPECT_TRUE(first > 0 && first == bench->pid("com.example.idle"));
  EXPECT_EQ(std::to_string(first) + "\n", bench->ctl({"kickstart", "-p", "com.example.idle"}).out);
  const pid_t second = std::atoi(bench->ctl({"kickstart", "-kp", "com.example.idle"}).out.c_str());
  EXPECT_TRUE(second > 0 && second != first && !jobs::lives(first));
  EXPECT_EQ(1, bench->ctl({"kickstart", "com.example.nobody"}).status);
}

TEST_F(Living, AnInterval) {
  bench->load("com.example.often", "echo x >> runs",
              key("StartInterval", integer(1)) + key("ThrottleInterval", integer(0)));
  await([&] { return bench->lines("runs").size() >= 3; });
}

TEST_F(Living, AWatchedPath) {
  bench->write("watched", "");
  bench->load("com.example.watches", "echo x >> runs",
              key("WatchPaths", strings(bench->path("watched"))) + key("ThrottleInterval", integer(0)));
  usleep(300000);
  EXPECT_EQ("", bench->read("runs"));
  bench->write("watched", "changed");
  // Once or twice: the file is emptied, and written.
  await([&] { return !bench->lines("runs").empty(); });
}

TEST_F(Living, AQueueDirectory) {
  ASSERT_EQ(0, mkdir(bench->path("queue").c_str(), 0755));
  bench->load("com.example.queue", "rm -f queue/*; echo x >> runs",
              key("QueueDirectories", strings(bench->path("queue"))) + key("ThrottleInterval", integer(0)));
  bench->write("queue/letter", "");
  await([&] {
    return bench->lines("runs").size() >= 1 && access(bench->path("queue/letter").c_str(), F_OK) != 0;
  });
}

TEST_F(Living, APathThatHasToBeThere) {
  bench->load(
      "com.example.path", "exec sleep 600",
      key("KeepAlive",
          "<dict>" + key("PathState", "<dict>" + key(bench->path("flag"), kTrue) + "</dict>") + "</dict>"));
  EXPECT_EQ(0, bench->pid("com.example.path"));
  bench->write("flag", "");
  await([&] { return bench->pid("com.example.path") != 0; });
}

TEST_F(Living, AProgramThatComesLater) {
  const std::string program = bench->path("later");
  const std::string file = bench->write("it.plist", "<plist version=\"1.0\"><dict>" +
                                                        key("Label", "<string>com.example.later</string>") +
                                                        key("Program", "<string>" + program + "</string>") +
                                                        key("RunAtLoad", kTrue) + "</dict></plist>");
  const jobs::Ran ran = bench->ctl({"load", file});
  EXPECT_EQ(0, ran.status);
  EXPECT_NE(std::string::npos, ran.err.find(program + " is not there")) << ran.err;
  EXPECT_TRUE(bench->line("com.example.later").there);
  bench->write("later", "#!/bin/sh\nexec sleep 600\n");
  chmod(program.c_str(), 0755);
  await([&] { return bench->pid("com.example.later") != 0; });
}

TEST_F(Living, ASocketsFirstClient) {
  const std::string path = bench->path("s");
  bench->load(
      "com.example.socket", "echo \"$LISTEN_FDS $LISTEN_FDNAMES $LISTEN_PID $$\" > out; exec sleep 600",
      key("Sockets", "<dict>" +
                         key("Listeners", "<dict>" + key("SockPathName", "<string>" + path + "</string>") +
                                              key("SockPathMode", integer(0600)) + "</dict>") +
                         "</dict>"));
  EXPECT_EQ(0, bench->pid("com.example.socket"));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(0, connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address));
  await([&] { return !bench->read("out").empty(); });
  const std::string pid = std::to_string(bench->pid("com.example.socket"));
  EXPECT_EQ("1 Listeners " + pid + " " + pid + "\n", bench->read("out"));
  close(fd);
}

TEST_F(Living, CommandsFromStandardInput) {
  bench->load("com.example.idle", "exec sleep 600");
  const std::string commands =
      bench->write("commands", "managername\n# a remark\n\nstart \"com.example.idle\"\nfly\n");
  const std::string out = bench->path("out");
  const int status = std::system((std::string(PORTOLAN_CLI) + " -d '" + domain.path() + "' launchctl <'" +
                                  commands + "' >'" + out + "' 2>&1")
                                     .c_str());
  EXPECT_EQ(1, WEXITSTATUS(status));
  EXPECT_EQ(0u, bench->read("out").find("System\n")) << bench->read("out");
  EXPECT_NE(std::string::npos, bench->read("out").find("there is no verb fly"));
  await([&] { return bench->pid("com.example.idle") != 0; });
}

// -- the domain

TEST_F(Living, ItLeavesWhenNothingIsLoaded) {
  const std::string file = bench->load("com.example.idle", "exit 0");
  const pid_t pid = launchd();
  sleep(1);
  EXPECT_TRUE(jobs::lives(pid));  // nobody is in the domain, and it stays
  EXPECT_EQ(0, domain.fsck());
  EXPECT_EQ(0, bench->ctl({"unload", file}).status);
  await([&] { return !jobs::lives(pid); });
  EXPECT_NE(0, access((domain.path() + "/jobs").c_str(), F_OK));
  EXPECT_NE(0, access((domain.path() + "/launchd.sock").c_str(), F_OK));
  bench->load("com.example.idle", "exit 0");  // for the end of the test
}

TEST_F(Living, ForASupervisor) {
  const std::string file = bench->load("com.example.kept", "exec sleep 600", key("KeepAlive", kTrue));
  await([&] { return bench->pid("com.example.kept") != 0; });
  const pid_t job = bench->pid("com.example.kept"), before = launchd();
  const std::string told = bench->path("notify");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  strncpy(address.sun_path, told.c_str(), sizeof address.sun_path - 1);
  const int supervisor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(0, bind(supervisor, reinterpret_cast<const sockaddr*>(&address), sizeof address));
  const pid_t pid = fork();
  if (pid == 0) {
    setenv("NOTIFY_SOCKET", told.c_str(), 1);
    execl(PORTOLAN_CLI, PORTOLAN_CLI, "-d", domain.path().c_str(), "launchd", "--foreground", nullptr);
    _exit(127);
  }
  char text[64] = {};
  EXPECT_GT(recv(supervisor, text, sizeof text - 1, 0), 0);
  EXPECT_STREQ("READY=1", text);
  EXPECT_FALSE(jobs::lives(before));  // it has given way
  EXPECT_EQ(pid, launchd());
  EXPECT_EQ(job, bench->pid("com.example.kept"));
  EXPECT_EQ(0, domain.fsck());
  kill(pid, SIGTERM);
  int status = -1;
  ASSERT_EQ(pid, waitpid(pid, &status, 0));
  EXPECT_EQ(0, status);
  EXPECT_FALSE(jobs::lives(job));
  // What was loaded is written down, and the next launchd loads it.
  await([&] { return bench->pid("com.example.kept") != 0; });
  close(supervisor);
}

}  // namespace
