// SPDX-License-Identifier: Apache-2.0
// A process that is stopped in the middle of a call of the kernel, with the lock of a port in its hands, and
// another that wants the port: `portolan info` says so, `portolan evict` ends it, and so does launchd where
// it is asked to. Nobody is evicted who is in nobody's way.
#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <regex>

#include "inspect/run_state.hpp"
#include "inspect/waits.hpp"
#include "inspect/world.hpp"
#include "launchd/evict.hpp"
#include "process/user_harness.hpp"
#include "segment/domain.hpp"
#include "segment/slot.hpp"

namespace {

using Json = nlohmann::json;
using portolan::inspect::RunState;

constexpr const char* kService = "com.example.waits";
constexpr unsigned kSteps = 200'000;  // no call takes so many instructions

// The program that has the port, led by us as by a debugger until it is stopped for real.
class Server {
 public:
  explicit Server(const user::Domain& domain, const char* evict_after = nullptr) {
    const std::string program = std::string(PORTOLAN_TEST_PROGRAMS_DIR) + "/waits";
    pid_ = fork();
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setenv("PORTOLAN_DOMAIN", domain.path().c_str(), 1);
    if (evict_after != nullptr) setenv("PORTOLAN_EVICT_STOPPED", evict_after, 1);
    const int null = open("/dev/null", O_RDWR);
    dup2(null, 1);
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    execl(program.c_str(), program.c_str(), "serve", kService, nullptr);
    _exit(3);
  }
  ~Server() { end(); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  pid_t pid() const { return pid_; }

  // To where it stops itself: ready, and outside the kernel.
  bool to_stop() {
    while (wait()) {
      if (WSTOPSIG(status_) == SIGSTOP) return true;
      ptrace(PTRACE_CONT, pid_, nullptr, WSTOPSIG(status_) == SIGTRAP ? 0 : WSTOPSIG(status_));
    }
    return false;
  }
  // On from there, an instruction at a time, until it holds the port's lock.
  bool to_lock(const portolan::Segment& segment) {
    for (unsigned i = 0; i < kSteps; i++) {
      if (ptrace(PTRACE_SINGLESTEP, pid_, nullptr, nullptr) != 0 || !wait()) return false;
      if (holds_port(segment)) return true;
    }
    return false;
  }
  // No more debugger: stopped by a signal, where it is.
  bool leave_stopped() {
    if (ptrace(PTRACE_DETACH, pid_, nullptr, SIGSTOP) != 0) return false;
    for (int i = 0; i < user::kPatience; i++, usleep(1000))
      if (state() == RunState::stopped) return true;
    return false;
  }
  RunState state() const {
    const auto pid = static_cast<uint32_t>(pid_);
    return portolan::inspect::look_at_thread(pid, pid).state;
  }
  // The signal that it was killed by, 0: it lives, even after so long.
  int killed_by(int milliseconds) {
    for (const double end = user::now_ms() + milliseconds; user::now_ms() < end; usleep(1000)) {
      if (ended_ || waitpid(pid_, &status_, WNOHANG) != pid_) continue;
      if (WIFSTOPPED(status_)) continue;
      ended_ = true;
      return WIFSIGNALED(status_) ? WTERMSIG(status_) : -1;
    }
    return 0;
  }

 private:
  bool wait() {
    while (waitpid(pid_, &status_, __WALL) < 0)
      if (errno != EINTR) return false;
    ended_ = !WIFSTOPPED(status_);
    return !ended_;
  }
  bool holds_port(const portolan::Segment& segment) const {
    for (uint32_t i = 1; i < segment.threads_high(); i++) {
      const portolan::ThreadSlot& slot = segment.slot(i);
      if (slot.tid.load() != static_cast<uint32_t>(pid_)) continue;
      for (uint32_t n = 0; n < slot.held_count.load(); n++) {
        const uint64_t lock = uint64_t{slot.held[n].load()} << 2;
        const auto& word = *reinterpret_cast<const portolan::LockWord*>(segment.base() + lock);
        if (word.owner() == i && portolan::inspect::locked_object(segment, lock).service == kService)
          return true;
      }
    }
    return false;
  }
  void end() {
    if (ended_) return;
    kill(pid_, SIGKILL);
    while (waitpid(pid_, &status_, __WALL) == pid_ && WIFSTOPPED(status_)) {
    }
    ended_ = true;
  }

  pid_t pid_;
  int status_ = 0;
  bool ended_ = false;
};

// As a sparse file.
bool save(const portolan::Segment& segment, const std::string& path) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  bool well = file >= 0 && ftruncate(file, static_cast<off_t>(segment.size())) == 0;
  const std::vector<std::byte> nothing(portolan::kPage);
  for (uint64_t at = 0; well && at < segment.size(); at += portolan::kPage)
    if (std::memcmp(segment.base() + at, nothing.data(), portolan::kPage) != 0)
      well = pwrite(file, segment.base() + at, portolan::kPage, static_cast<off_t>(at)) ==
             ssize_t{portolan::kPage};
  close(file);
  return well;
}

struct Result {
  int status = -1;
  std::string text;
};

class WaitsTest : public testing::Test {
 protected:
  void SetUp() override {
    setenv("NO_COLOR", "1", 1);
    // Whatever hangs is ended.
    alarm(static_cast<unsigned>(240 * user::kSlower));
  }
  void TearDown() override {
    alarm(0);
    client_.reset();
    server_.reset();
    if (segment_.base() != nullptr) portolan::domain_unmap(segment_);
  }

  // Server and client, the server stopped where it stops itself.
  void begin(const char* evict_after = nullptr) {
    server_ = std::make_unique<Server>(domain_, evict_after);
    ASSERT_TRUE(server_->to_stop());
    portolan::DomainPlace place;
    portolan::DomainError error;
    ASSERT_TRUE(portolan::domain_place(domain_.path().c_str(), place, error));
    ASSERT_TRUE(portolan::domain_open_readonly(place, segment_, error)) << error.message;
    client_ = std::make_unique<user::Program>(domain_, "waits", user::Program::Arguments{"want", kService});
    ASSERT_EQ("ready", client_->line());
  }
  // The server is stopped with the port's lock, and the client waits for it.
  void jam(bool by_signal = true) {
    ASSERT_TRUE(server_->to_lock(segment_));
    ASSERT_TRUE(!by_signal || server_->leave_stopped());
    client_->tell("");
    for (int i = 0; i < user::kPatience && !client_waits(); i++) usleep(1000);
    ASSERT_TRUE(client_waits());
  }
  bool client_waits() const {
    for (const portolan::inspect::Wait& wait : portolan::inspect::lock_waits(segment_))
      if (wait.waiter.pid == static_cast<uint32_t>(client_->pid())) return true;
    return false;
  }

  Result run(const std::string& words) {
    const std::string command =
        std::string(PORTOLAN_CLI) + " -d " + domain_.path() + " " + words + " 2>&1 </dev/null";
    user::Program program(nullptr, "/bin/sh", {"-c", command});
    Result result;
    result.text = program.rest();
    result.status = program.wait();
    return result;
  }
  Json json(const std::string& words) { return Json::parse(run(words + " --json").text, nullptr, false); }
  // On a terminal, with this answer to its question.
  Result on_terminal(const std::string& words, const std::string& answer) {
    int terminal = -1;
    const pid_t pid = forkpty(&terminal, nullptr, nullptr, nullptr);
    if (pid == 0) {
      const std::string command = std::string(PORTOLAN_CLI) + " -d " + domain_.path() + " " + words;
      execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
      _exit(127);
    }
    Result result;
    bool answered = false;
    char bytes[512];
    for (ssize_t n; (n = read(terminal, bytes, sizeof bytes)) > 0;) {
      result.text.append(bytes, static_cast<size_t>(n));
      if (answered || result.text.find("[y/N] ") == std::string::npos) continue;
      answered = write(terminal, answer.data(), answer.size()) == static_cast<ssize_t>(answer.size());
    }
    int status = 0;
    waitpid(pid, &status, 0);
    close(terminal);
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return result;
  }

  std::string name_of(pid_t pid) const { return "waits (" + std::to_string(pid) + ")"; }
  std::string server() const { return std::to_string(server_->pid()); }

  user::Domain domain_;
  portolan::Segment segment_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<user::Program> client_;
};

TEST_F(WaitsTest, InfoNamesWhoWaitsForWhom) {
  begin();
  EXPECT_EQ(std::string::npos, run("info").text.find("waits")) << run("info").text;
  EXPECT_TRUE(json("info")["waits"].empty());
  jam();
  const std::string text = run("info").text;
  const std::string begin = "waits    " + name_of(server_->pid()) +
                            " is STOPPED by a signal; it holds port p\\d+ com\\.example\\.waits\n"
                            "           " +
                            name_of(client_->pid()) + " waits for it\n";
  const std::string remedy = "         remedy: kill -CONT " + server() + ", or: portolan evict -d " +
                             domain_.path() + " " + server() + "\n";
  EXPECT_TRUE(std::regex_search(text, std::regex(std::regex_replace(begin, std::regex("[()]"), "\\$&"))))
      << text;
  EXPECT_NE(std::string::npos, text.find(remedy)) << text;

  const Json document = json("info");
  EXPECT_EQ("portolan.info/1", document["schema"]);
  EXPECT_TRUE(document["evict_stopped"].is_null());
  ASSERT_EQ(1u, document["waits"].size()) << document["waits"];
  const Json& wait = document["waits"][0];
  EXPECT_EQ("port", wait["object"]["kind"]);
  EXPECT_EQ(kService, wait["object"]["service"]);
  EXPECT_TRUE(std::regex_match(wait["object"]["port"].get<std::string>(), std::regex("p\\d+"))) << wait;
  EXPECT_EQ(client_->pid(), wait["waiter"]["pid"]);
  EXPECT_EQ(client_->pid(), wait["waiter"]["tid"]);
  EXPECT_EQ("waits", wait["waiter"]["program"]);
  EXPECT_EQ("sleeping", wait["waiter"]["state"]);
  EXPECT_EQ(server_->pid(), wait["holder"]["pid"]);
  EXPECT_EQ("stopped", wait["holder"]["state"]);
  EXPECT_EQ(Json({client_->pid(), server_->pid()}), wait["chain"]);
  EXPECT_GT(wait["seconds"].get<double>(), 0);
  EXPECT_TRUE(wait["recovers"].is_null());
  // A copy tells who waits for whom, too; what they are doing now is not in it.
  const std::string copy = domain_.path() + "-copy";
  ASSERT_EQ(0, std::system(("cp --sparse=always " + domain_.path() + "/segment.v* " + copy).c_str()));
  const Json copied = json("info -i " + copy);
  unlink(copy.c_str());
  ASSERT_EQ(1u, copied["waits"].size()) << copied;
  EXPECT_EQ("unknown", copied["waits"][0]["holder"]["state"]);

  // The remedy.
  kill(server_->pid(), SIGCONT);
  EXPECT_EQ("went on", client_->line());
  EXPECT_TRUE(json("info")["waits"].empty());
  EXPECT_EQ(0, domain_.fsck());
}

TEST_F(WaitsTest, EvictKillsTheHolderAndTheWaiterGoesOn) {
  begin();
  jam();
  const Result dry = run("evict --dry-run");
  EXPECT_EQ(0, dry.status);
  EXPECT_TRUE(std::regex_search(
      dry.text, std::regex("^waits \\(" + server() +
                           "\\) is stopped; it holds port p\\d+ com\\.example\\.waits\n  waits \\(" +
                           std::to_string(client_->pid()) + "\\) waits for it\nwould kill 1 task\n$")))
      << dry.text;
  const Json planned = json("evict --dry-run");
  EXPECT_EQ("portolan.evict/1", planned["schema"]);
  ASSERT_EQ(1u, planned["tasks"].size()) << planned;
  EXPECT_EQ(server_->pid(), planned["tasks"][0]["pid"]);
  EXPECT_EQ(client_->pid(), planned["tasks"][0]["waiters"][0]["pid"]);
  EXPECT_TRUE(planned["tasks"][0]["result"].is_null());
  EXPECT_EQ(0, server_->killed_by(200));

  const Result done = run("evict --yes");
  EXPECT_EQ(0, done.status);
  EXPECT_NE(std::string::npos, done.text.find(name_of(server_->pid()) + ": killed; 1 thread goes on\n"))
      << done.text;
  EXPECT_EQ(SIGKILL, server_->killed_by(user::kPatience));
  EXPECT_EQ("went on", client_->line());
  EXPECT_EQ("nobody who is stopped is in anybody's way\n", run("evict --yes").text);
  EXPECT_EQ(0, domain_.fsck());
}

TEST_F(WaitsTest, EvictByPidSaysSoInJson) {
  begin();
  jam();
  const Json done = json("evict --yes --stopped-for 1 " + server());
  ASSERT_EQ(1u, done["tasks"].size()) << done;
  const Json& task = done["tasks"][0];
  EXPECT_EQ(server_->pid(), task["pid"]);
  EXPECT_EQ("killed", task["result"]);
  EXPECT_EQ(true, task["freed"]);
  EXPECT_EQ("stopped", task["state"]);
  EXPECT_EQ(kService, task["object"]["service"]);
  EXPECT_GE(task["seconds"].get<double>(), 1);
  EXPECT_EQ(SIGKILL, server_->killed_by(user::kPatience));
  EXPECT_EQ("went on", client_->line());
  EXPECT_EQ(0, domain_.fsck());
}

TEST_F(WaitsTest, EvictEndsOneThatADebuggerHolds) {
  begin();
  jam(false);
  EXPECT_EQ("traced", json("info")["waits"][0]["holder"]["state"]);
  EXPECT_NE(std::string::npos, run("info").text.find(" is STOPPED by a debugger; it holds port "));
  EXPECT_EQ(SIGKILL, [&] {
    user::Program evict(nullptr, PORTOLAN_CLI, {"-d", domain_.path(), "evict", "--yes"});
    return server_->killed_by(user::kPatience);
  }());
  EXPECT_EQ("went on", client_->line());
  EXPECT_EQ(0, domain_.fsck());
}

TEST_F(WaitsTest, EvictAsks) {
  begin();
  jam();
  const Result refused = run("evict");
  EXPECT_EQ(2, refused.status);
  EXPECT_EQ("portolan evict: there is nobody to ask: this is no terminal\n  remedy: portolan evict --yes\n",
            refused.text);
  const Result no = on_terminal("evict", "n\n");
  EXPECT_EQ(1, no.status) << no.text;
  EXPECT_NE(std::string::npos, no.text.find("nobody was killed")) << no.text;
  EXPECT_EQ(0, server_->killed_by(200));
  const Result yes = on_terminal("evict", "y\n");
  EXPECT_EQ(0, yes.status) << yes.text;
  EXPECT_EQ(SIGKILL, server_->killed_by(user::kPatience));
  EXPECT_EQ("went on", client_->line());
  EXPECT_EQ(0, domain_.fsck());
}

TEST_F(WaitsTest, WhoIsInNobodysWayIsNotEvicted) {
  begin();
  // Stopped outside the kernel.
  ASSERT_TRUE(server_->leave_stopped());
  const Result idle = run("evict --yes " + server());
  EXPECT_EQ(1, idle.status);
  EXPECT_EQ("portolan evict: " + name_of(server_->pid()) +
                " is stopped, but nobody waits for what it holds\n  remedy: portolan info\n",
            idle.text);
  EXPECT_EQ(0, run("evict --yes").status);
  // Not stopped.
  const Result busy = run("evict --yes " + std::to_string(client_->pid()));
  EXPECT_EQ(1, busy.status);
  EXPECT_EQ("portolan evict: " + name_of(client_->pid()) + " is not stopped\n  remedy: portolan info\n",
            busy.text);
  EXPECT_EQ(0, server_->killed_by(300));
  const Result nobody = run("evict --yes 1");
  EXPECT_EQ(3, nobody.status);
  EXPECT_EQ(0u, nobody.text.find("portolan evict: no task 1 in this domain\n")) << nobody.text;
  const Result two = run("evict --yes waits");
  EXPECT_EQ(2, two.status);
  EXPECT_EQ(0u, two.text.find("portolan evict: two tasks are called waits: ")) << two.text;
  EXPECT_EQ(2, run("evict --yes --stopped-for soon").status);
  EXPECT_EQ(2, run("evict --yes --stopped-for -1").status);
  EXPECT_EQ(2, run("evict --yes -i /dev/null").status);
  EXPECT_EQ(0, domain_.fsck());
}

// What was seen a moment ago may not be so any more: the process is another of the same pid, or it has run.
TEST_F(WaitsTest, NobodyElseIsKilledInItsPlace) {
  begin();
  jam();
  portolan::Obstacles obstacles;
  obstacles.look(segment_);
  ASSERT_EQ(1u, obstacles.all().size());
  const portolan::Obstacle seen = obstacles.all()[0];
  portolan::Obstacle other = seen;
  other.holder.started++;
  EXPECT_EQ(portolan::Eviction::gone, evict(segment_, other));
  other = seen;
  other.holder.started = 0;
  EXPECT_EQ(portolan::Eviction::unknown, evict(segment_, other));
  other = seen;
  other.look.switches++;
  EXPECT_EQ(portolan::Eviction::changed, evict(segment_, other));
  other = seen;
  other.holder.incarnation++;
  EXPECT_EQ(portolan::Eviction::changed, evict(segment_, other));
  other = seen;
  other.holder.pid = 0;
  EXPECT_EQ(portolan::Eviction::no_task, evict(segment_, other));
  EXPECT_EQ(0, server_->killed_by(200));
  // As long as it has not run, it has been in the way since then.
  obstacles.look(segment_);
  EXPECT_EQ(seen.since_ns, obstacles.all()[0].since_ns);
  EXPECT_EQ(portolan::Eviction::killed, evict(segment_, seen));
  EXPECT_EQ(SIGKILL, server_->killed_by(user::kPatience));
  EXPECT_EQ("went on", client_->line());
  obstacles.look(segment_);
  EXPECT_TRUE(obstacles.none());
  EXPECT_EQ(0, domain_.fsck());
}

TEST_F(WaitsTest, WhereAllAreStoppedNobodyIsEvicted) {
  begin();
  jam();
  kill(client_->pid(), SIGSTOP);
  const auto pid = static_cast<uint32_t>(client_->pid());
  for (int i = 0; i < user::kPatience && !portolan::inspect::look_at_thread(pid, pid).stopped(); i++)
    usleep(1000);
  EXPECT_NE(std::string::npos, run("info").text.find(" waits for it, stopped itself\n")) << run("info").text;
  EXPECT_EQ(1, run("evict --yes " + server()).status);
  EXPECT_EQ(0, server_->killed_by(200));
  kill(client_->pid(), SIGCONT);
  EXPECT_EQ(0, run("evict --yes " + server()).status);
  EXPECT_EQ("went on", client_->line());
  EXPECT_EQ(0, domain_.fsck());
}

TEST_F(WaitsTest, LaunchdEvictsWhereItIsAskedTo) {
  begin("1");
  EXPECT_NE(std::string::npos,
            run("info").text.find(
                "\nevict    launchd kills a task that is stopped and lets others wait for 1 s\n"));
  EXPECT_EQ(1, json("info")["evict_stopped"]);
  jam();
  EXPECT_EQ(SIGKILL, server_->killed_by(user::kPatience * user::kSlower));
  EXPECT_EQ("went on", client_->line());
  // Counted right after the kill.
  for (int i = 0; i < 500 && json("info")["evicted"] == 0; i++) usleep(10'000);
  EXPECT_EQ(1, json("info")["evicted"]);
  EXPECT_NE(std::string::npos, run("info").text.find("; 1 stopped task evicted\n")) << run("info").text;
  EXPECT_EQ(0, domain_.fsck());
}

// Its standard error is the null device where a task has started it.
TEST_F(WaitsTest, LaunchdSaysWhomItEvicts) {
  begin("1");
  const pid_t first = json("info")["launchd"]["pid"];
  kill(first, SIGKILL);
  // Ours ends at once as long as the lock of the first is not gone with it: then another of ours begins.
  user::Program launchd(
      nullptr, "/bin/sh",
      {"-c", "for i in $(seq 300); do " PORTOLAN_LAUNCHD " " + domain_.path() + " 2>&1; sleep 0.1; done"});
  auto serves = [&] {
    const Json now = json("info")["launchd"];
    return now.is_object() && now["pid"] != first && now["pid"] != 0;
  };
  for (int i = 0; i < 1000 && !serves(); i++) usleep(10'000);
  ASSERT_TRUE(serves());
  jam();
  EXPECT_TRUE(
      std::regex_match(launchd.line(user::kPatience * user::kSlower),
                       std::regex("portolan-launchd: evicted waits \\(" + server() +
                                  "\\): stopped in a call of the kernel, and others waited for it for "
                                  "\\d+ s")));
  EXPECT_EQ(SIGKILL, server_->killed_by(user::kPatience));
  EXPECT_EQ("went on", client_->line());
  EXPECT_EQ(0, domain_.fsck());
}

// The burial of another wants the port, too.
TEST_F(WaitsTest, LaunchdItselfMayBeTheOneWhoWaits) {
  begin();
  ASSERT_TRUE(server_->to_lock(segment_));
  ASSERT_TRUE(server_->leave_stopped());
  client_->kill_hard();
  std::string text;
  const std::regex wanted("\n           launchd \\(\\d+\\) waits for it");
  for (int i = 0; i < 300 && !std::regex_search(text, wanted); i++, usleep(10'000)) text = run("info").text;
  EXPECT_TRUE(std::regex_search(text, wanted)) << text;
  const Json waiter = json("info")["waits"][0]["waiter"];
  EXPECT_TRUE(waiter["pid"].is_null());
  EXPECT_EQ(json("info")["launchd"]["pid"], waiter["tid"]);
  const Result done = run("evict --yes");
  EXPECT_EQ(0, done.status) << done.text;
  EXPECT_EQ(SIGKILL, server_->killed_by(user::kPatience));
}

TEST_F(WaitsTest, LaunchdEvictsWhileItWaitsItself) {
  begin("1");
  ASSERT_TRUE(server_->to_lock(segment_));
  ASSERT_TRUE(server_->leave_stopped());
  client_->kill_hard();
  EXPECT_EQ(SIGKILL, server_->killed_by(user::kPatience * user::kSlower));
}

TEST_F(WaitsTest, TheLastWhoAsksDecides) {
  begin("1");
  const std::string program = std::string(PORTOLAN_TEST_PROGRAMS_DIR) + "/waits want x";
  run("run " + program);
  EXPECT_EQ(1, json("info")["evict_stopped"]);
  run("run --evict-stopped 2.5 " + program);
  EXPECT_EQ(3, json("info")["evict_stopped"]);
  run("run --evict-stopped 0 " + program);
  EXPECT_TRUE(json("info")["evict_stopped"].is_null());
  EXPECT_EQ(2, run("run --evict-stopped -1 true").status);
  setenv("PORTOLAN_EVICT_STOPPED", "soon", 1);
  EXPECT_EQ(0u,
            run("run " + program)
                .text.find("portolan: PORTOLAN_EVICT_STOPPED=soon is no whole number of seconds: ignored\n"));
  unsetenv("PORTOLAN_EVICT_STOPPED");
  EXPECT_TRUE(json("info")["evict_stopped"].is_null());
}

TEST_F(WaitsTest, LaunchdEvictsNobodyOtherwise) {
  begin();
  jam();
  EXPECT_EQ(0, server_->killed_by(3000));
  // Whoever joins may ask for it; and one that holds nothing is left alone.
  const Result asked =
      run("run --evict-stopped 1 " + std::string(PORTOLAN_TEST_PROGRAMS_DIR) + "/waits want x");
  EXPECT_NE(0, asked.status);  // there is no service x
  EXPECT_EQ(SIGKILL, server_->killed_by(user::kPatience * user::kSlower));
  EXPECT_EQ("went on", client_->line());
  kill(client_->pid(), SIGSTOP);
  usleep(3'000'000);
  kill(client_->pid(), SIGCONT);
  client_->tell("");
  EXPECT_EQ("went on", client_->line());
  EXPECT_EQ(0, domain_.fsck());
}

// Who asks for it stores what it asks, wakes launchd, and may die between the two.
TEST_F(WaitsTest, LaunchdHearsWhatADeadProgramHasAsked) {
  begin();
  usleep(1'000'000);  // launchd sleeps by now: nobody has asked it
  const int file = open((domain_.path() + "/segment.v1").c_str(), O_WRONLY | O_CLOEXEC);
  const uint32_t seconds = 1;
  EXPECT_EQ(ssize_t{sizeof seconds},
            pwrite(file, &seconds, sizeof seconds,
                   static_cast<off_t>(segment_.offset_of(&segment_.header().evict_after))));
  close(file);
  jam();
  EXPECT_EQ(SIGKILL, server_->killed_by(user::kPatience * user::kSlower));
}

// Nobody sleeps on a lock while holding another, so that a chain of locks is nothing that a sound domain
// makes: here is one made by hand, as a copy of a segment.
TEST_F(WaitsTest, AChainIsShownAsSuch) {
  portolan::test_inspect::World world;
  portolan::Segment& segment = world.segment;
  const auto a = world.citizen("first", 70001), b = world.citizen("second", 70002),
             c = world.citizen("third", 70003);
  portolan::Thread threads[3];
  const portolan::test_inspect::Citizen* const owners[] = {&a, &b, &c};
  const uint32_t tids[] = {70001, 70012, 70003};
  for (unsigned i = 0; i < 3; i++) {
    ASSERT_TRUE(threads[i].attach(segment, tids[i]));
    threads[i].slot().task.init(owners[i]->task.index);
  }
  auto note = [&](portolan::Thread& thread, portolan::LockWord& word) {
    const auto at = static_cast<uint32_t>(segment.offset_of(word.address()) >> 2);
    thread.slot().held[thread.slot().held_count.load()].store(at);
    thread.slot().held_count.store(thread.slot().held_count.load() + 1);
    return at;
  };
  portolan::LockWord &outer = segment.at(a.space).lock, &inner = segment.at(b.space).lock;
  note(threads[0], outer);
  outer.try_acquire(threads[0].index());
  note(threads[1], inner);
  inner.try_acquire(threads[1].index());
  threads[1].slot().waits_on.store(note(threads[1], outer));
  threads[2].slot().waits_on.store(note(threads[2], inner));
  const std::string copy = domain_.path() + "-chain";
  ASSERT_TRUE(save(segment, copy));
  const std::string text = run("info -i " + copy).text;
  const Json document = json("info -i " + copy);
  unlink(copy.c_str());
  EXPECT_NE(std::string::npos,
            text.find("waits    first (70001) is in a state unknown; it holds space of first (70001)\n"
                      "           second (70002), thread 70012, waits for it\n"
                      "             and holds space of second (70002)\n"
                      "               third (70003) waits for it\n"))
      << text;
  ASSERT_EQ(2u, document["waits"].size()) << document;
  EXPECT_EQ(Json({70012, 70001}), document["waits"][0]["chain"]);
  EXPECT_EQ(Json({70003, 70012, 70001}), document["waits"][1]["chain"]);
}

}  // namespace
