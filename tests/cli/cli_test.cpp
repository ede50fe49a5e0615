// SPDX-License-Identifier: Apache-2.0
// The command as a user meets it: usage errors, exit codes, JSON; and check, lsmp and trace on real programs.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>
#include <tuple>

namespace {

using Json = nlohmann::json;

std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Result {
  int status = -1;
  std::string out, err;
};

// A domain of the test's own, so that tests and users do not meet.
class Cli : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "/portolan-cli-XXXXXX";
    ASSERT_NE(nullptr, mkdtemp(directory_.data()));
    domain_ = directory_ + "/domain";
    unsetenv("PORTOLAN_SITES");
    setenv("PORTOLAN_DOMAIN", domain_.c_str(), 1);
    setenv("NO_COLOR", "1", 1);
  }
  void TearDown() override {
    for (const pid_t pid : started_) {
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
    }
    if (std::system(("rm -rf '" + directory_ + "'").c_str()) != 0)
      ADD_FAILURE() << "cannot remove " << directory_;
  }

  Result run(const std::string& arguments) { return shell(std::string(PORTOLAN_CLI) + " " + arguments); }
  Result shell(const std::string& command) {
    const std::string out = directory_ + "/out", err = directory_ + "/err";
    const int status =
        std::system(("{ " + command + " ; } >'" + out + "' 2>'" + err + "' </dev/null").c_str());
    Result result;
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    result.out = slurp(out);
    result.err = slurp(err);
    return result;
  }
  // Starts a program of the tests in the test's domain and leaves it running.
  pid_t start(const std::string& program, const std::string& argument) {
    const pid_t pid = fork();
    if (pid == 0) {
      if (freopen("/dev/null", "w", stdout) == nullptr) _exit(126);
      execl(program.c_str(), program.c_str(), argument.c_str(), "20", nullptr);
      _exit(127);
    }
    started_.push_back(pid);
    return pid;
  }
  static std::string program(const char* name) {
    return std::string(PORTOLAN_TEST_PROGRAMS_DIR) + "/" + name;
  }
  static bool exists(const std::string& path) { return access(path.c_str(), X_OK) == 0; }

  std::string directory_, domain_;
  std::vector<pid_t> started_;
};

TEST_F(Cli, BareItShowsOneScreen) {
  const Result result = run("");
  EXPECT_EQ(0, result.status);
  for (const char* command : {"run", "check", "ps", "lsmp", "trace", "info", "fsck", "evict"})
    EXPECT_NE(std::string::npos, result.out.find("\n  " + std::string(command) + " ")) << command;
  EXPECT_LT(std::count(result.out.begin(), result.out.end(), '\n'), 31);
}

TEST_F(Cli, ErrorsSayWhoWhatAndARemedy) {
  struct Case {
    const char* arguments;
    int status;
    const char* error;
  };
  const Case cases[] = {
      {"chekc ./prog", 2, "portolan: there is no command chekc\n  remedy: portolan check\n"},
      {"check --pyle 3 true", 2, "portolan check: there is no option --pyle\n  remedy: --pile\n"},
      {"check", 2,
       "portolan check: no program given\n  remedy: portolan check [OPTION] PROGRAM [ARGUMENT...]\n"},
      {"check --kinds pilled true", 2, "portolan check: --kinds: there is no kind pilled\n"},
      {"check -d x true", 2, "portolan check: check makes a domain of its own"},
      {"trace", 2, "portolan trace: which task?\n"},
      {"ps", 3, "portolan ps: there is no domain "},
      {"lsmp nobody", 3, "portolan lsmp: there is no domain "},
      {"fsck -i /dev/null", 2, "portolan fsck: /dev/null: not a Portolan segment\n"},
      {"fsck -i /nonexistent", 3, "portolan fsck: cannot read /nonexistent: "},
      {"lsmp --right everything", 2, "portolan lsmp: --right: no such right in everything\n"},
      {"help chekc", 2,
       "portolan help: there is no command and no topic chekc\n  remedy: portolan help check\n"},
      {"run /nonexistent", 127, "portolan run: /nonexistent: No such file or directory\n"},
      {"run /etc/passwd", 126, "portolan run: /etc/passwd: Permission denied\n"},
      {"check /nonexistent", 127, "portolan check: /nonexistent: No such file or directory\n"},
      {"run example:nosuch", 127, "portolan run: there is no example called nosuch\n"},
  };
  for (const Case& one : cases) {
    const Result result = run(one.arguments);
    EXPECT_EQ(one.status, result.status) << one.arguments;
    EXPECT_EQ(0u, result.err.find(one.error)) << one.arguments << "\n" << result.err;
    EXPECT_EQ("", result.out) << one.arguments;
  }
}

TEST_F(Cli, HelpKnowsCommandsAndTopics) {
  for (const char* word :
       {"run", "check", "lsmp", "trace", "ps", "info", "fsck", "evict", "leaks", "codes", "divergences"}) {
    const Result result = run(std::string("help ") + word);
    EXPECT_EQ(0, result.status) << word;
    EXPECT_FALSE(result.out.empty()) << word;
  }
  EXPECT_EQ(0, run("check --help").status);
  // Whole, and no wider than a terminal.
  const std::string trace = run("trace --help").out;
  EXPECT_NE(std::string::npos, trace.find("\n  portolan trace [OPTION] TASK\n")) << trace;
  EXPECT_NE(std::string::npos, trace.find("\n  --sites SECONDS ")) << trace;
  for (const char* words :
       {"", "run -h", "check -h", "lsmp -h", "trace -h", "ps -h", "info -h", "fsck -h", "evict -h"}) {
    std::istringstream lines(run(words).out);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80u) << words << ": " << line;
  }
  EXPECT_EQ(0u, run("--version").out.find("portolan "));
}

TEST_F(Cli, InfoWorksWithoutADomain) {
  const Result result = run("info");
  EXPECT_EQ(0, result.status) << result.err;
  EXPECT_NE(std::string::npos, result.out.find("guard"));
  const Json json = Json::parse(run("info --json").out);
  EXPECT_EQ("portolan.info/1", json["schema"]);
  EXPECT_EQ(false, json["exists"]);
}

TEST_F(Cli, RunReturnsTheProgramsStatus) {
  EXPECT_EQ(0, run("run true").status);
  EXPECT_EQ(3, run("run sh -c 'exit 3'").status);
  const Result killed = run("run -- sh -c 'kill -9 $$'");
  EXPECT_EQ(137, killed.status);
  EXPECT_TRUE(std::regex_search(killed.err, std::regex("portolan run: sh \\(\\d+\\) killed by SIGKILL")))
      << killed.err;
  const Result said = run("run echo -v --json");  // the program's options are the program's
  EXPECT_EQ("-v --json\n", said.out);
  EXPECT_EQ("", said.err);
}

TEST_F(Cli, RunPassesTheDomainOn) {
  EXPECT_EQ(domain_ + "\n", run("run sh -c 'echo $PORTOLAN_DOMAIN'").out);
  EXPECT_EQ("named\n", run("run -d named sh -c 'echo $PORTOLAN_DOMAIN'").out);
  EXPECT_EQ("1\n", run("run --sites sh -c 'echo $PORTOLAN_SITES'").out);
  const Result fresh = run("run --fresh sh -c 'echo $PORTOLAN_DOMAIN'");
  ASSERT_FALSE(fresh.out.empty());
  EXPECT_NE(0, access(fresh.out.substr(0, fresh.out.size() - 1).c_str(), F_OK));
}

TEST_F(Cli, CheckOfAProgramThatIsNoTaskSaysSo) {
  const Result result = run("check sh -c 'exit 4'");
  EXPECT_EQ(4, result.status);
  EXPECT_NE(std::string::npos, result.err.find("never joined a domain")) << result.err;
}

class Check : public Cli {
 protected:
  void SetUp() override {
    Cli::SetUp();
    ASSERT_TRUE(exists(program("check_leaks")));
  }
  // The document of a run, its status and what the program printed.
  Json check(const std::string& options, const std::string& arguments) {
    const std::string file = directory_ + "/report.json";
    result_ =
        run("check --report json:" + file + " " + options + " " + program("check_leaks") + " " + arguments);
    return Json::parse(slurp(file), nullptr, false);
  }
  Result result_;
};

TEST_F(Check, ACleanRunIsOneLine) {
  const Json json = check("", "clean");
  EXPECT_EQ(0, result_.status);
  EXPECT_EQ("leaked 0\n", result_.out);
  EXPECT_TRUE(std::regex_match(result_.err, std::regex("SUMMARY: no leaks in 1 task, .*; exit 0\n")))
      << result_.err;
  EXPECT_TRUE(json["findings"].empty());
  EXPECT_EQ("portolan.check/1", json["schema"]);
}

TEST_F(Check, ALeakIsNamedWithItsLineAndCount) {
  const Json json = check("", "piled 37");
  EXPECT_EQ(23, result_.status);
  ASSERT_EQ(1u, json["findings"].size()) << result_.err;
  const Json& leak = json["findings"][0];
  EXPECT_EQ("piled", leak["kind"]);
  EXPECT_EQ(37, leak["urefs"]);
  EXPECT_EQ("mach_thread_self", leak["call"]);
  EXPECT_EQ("current_id", leak["guilty"]["function"]);
  EXPECT_NE(std::string::npos, leak["guilty"]["file"].get<std::string>().find("check_leaks.c"));
  EXPECT_GT(leak["guilty"]["line"].get<int>(), 0);
  EXPECT_EQ("THREAD-CONTROL", leak["kobject"]);
  EXPECT_TRUE(json["fsck"]["ran"]);
  EXPECT_TRUE(json["fsck"]["broken"].empty()) << json["fsck"];
}

TEST_F(Check, TheTextPutsTheGuiltyLineOnTop) {
  const Result result = run("check " + program("check_leaks") + " piled 37");
  EXPECT_EQ(23, result.status);
  EXPECT_EQ("leaked 37\n", result.out);
  EXPECT_TRUE(std::regex_search(
      result.err, std::regex("LEAK 1 of 1  check_leaks \\(\\d+\\): 37 references, 1 name +piled\n"
                             ">>  .*check_leaks\\.c:\\d+  current_id\\(\\)\n")))
      << result.err;
  EXPECT_TRUE(std::regex_search(
      result.err,
      std::regex("SUMMARY: 1 leak, worst .*check_leaks\\.c:\\d+ \\(37 references\\); exit 23\n$")))
      << result.err;
}

TEST_F(Check, FewAreNoLeakAndThePileIsAnOption) {
  EXPECT_TRUE(check("", "piled 9")["findings"].empty());
  EXPECT_EQ(0, result_.status);
  EXPECT_EQ(1u, check("--pile 9", "piled 9")["findings"].size());
  EXPECT_EQ(23, result_.status);
}

TEST_F(Check, EndedThreadsLeaveDeadNames) {
  const Json json = check("", "threads 25");
  ASSERT_EQ(1u, json["findings"].size()) << result_.err;
  EXPECT_EQ(25, json["findings"][0]["names"]);
  EXPECT_EQ(25, json["findings"][0]["rights"]["dead"]["names"]);
}

TEST_F(Check, RequestsWithoutAnAnswer) {
  const Json json = check("", "unanswered 7");
  ASSERT_EQ(1u, json["findings"].size()) << result_.err;
  const Json& leak = json["findings"][0];
  EXPECT_EQ("unanswered", leak["kind"]);
  EXPECT_EQ(7, leak["names"]);
  EXPECT_EQ(2003, leak["stacks"][0]["message"]["id"]);
  EXPECT_EQ("serve", leak["guilty"]["function"]);
}

TEST_F(Check, ChildrenAreCheckedToo) {
  const Json json = check("", "fork 30");
  ASSERT_EQ(1u, json["findings"].size()) << result_.err;
  EXPECT_EQ(30, json["findings"][0]["urefs"]);
  EXPECT_EQ(2u, json["tasks"].size());
}

TEST_F(Check, TheProgramsOwnFailureOutranksLeaks) {
  EXPECT_EQ(1u, check("", "exit 12")["findings"].size());
  EXPECT_EQ(3, result_.status);
  EXPECT_NE(std::string::npos, result_.err.find("the program exited 3; exit 3")) << result_.err;
  EXPECT_EQ(1u, check("", "crash 12")["findings"].size());
  EXPECT_EQ(128 + SIGSEGV, result_.status);
}

TEST_F(Check, TheExitCodeForLeaksIsAnOption) {
  EXPECT_EQ(7, run("check --error-exitcode 7 " + program("check_leaks") + " piled 20").status);
  EXPECT_EQ(0, run("check --error-exitcode 0 " + program("check_leaks") + " piled 20").status);
}

TEST_F(Check, SuppressionsAcceptAndUnusedOnesAreListed) {
  const std::string file = directory_ + "/accepted";
  std::ofstream(file) << "suppress \"known\"\n  kind piled\n  stack current_id\nleak:nothing_like_it\n";
  const Result result = run("check --suppressions " + file + " " + program("check_leaks") + " piled 20");
  EXPECT_EQ(0, result.status) << result.err;
  EXPECT_NE(std::string::npos, result.err.find("unused suppression: " + file + ":4")) << result.err;
  EXPECT_NE(std::string::npos, result.err.find("1 suppressed")) << result.err;
  std::ofstream(file) << "suppress \"known\"\n  kindly piled\n";
  EXPECT_EQ(2, run("check --suppressions " + file + " true").status);
}

TEST_F(Check, GeneratedSuppressionsWork) {
  const Result found = run("check --gen-suppressions " + program("check_leaks") + " piled 20");
  const size_t block = found.err.find("suppress \"");
  ASSERT_NE(std::string::npos, block) << found.err;
  const std::string file = directory_ + "/accepted";
  std::ofstream(file) << found.err.substr(block);
  EXPECT_EQ(0, run("check --suppressions " + file + " " + program("check_leaks") + " piled 20").status);
}

TEST_F(Check, IgnoredFunctionsAreNotToBlame) {
  const Json json = check("--ignore-fn 'current_*'", "piled 20");
  ASSERT_EQ(1u, json["findings"].size());
  EXPECT_EQ("pile_up", json["findings"][0]["guilty"]["function"]);
}

TEST_F(Check, JUnit) {
  const std::string file = directory_ + "/report.xml";
  run("check --report junit:" + file + " " + program("check_leaks") + " piled 20");
  const std::string xml = slurp(file);
  EXPECT_NE(std::string::npos, xml.find("tests=\"2\" failures=\"1\"")) << xml;
  EXPECT_NE(std::string::npos, xml.find("check_leaks.c:")) << xml;
}

TEST_F(Check, NothingIsLeftBehind) {
  const Result before = shell("ls -d /dev/shm/portolan-$(id -u)/check-* | wc -l");
  check("", "piled 20");
  const Result after = shell("ls -d /dev/shm/portolan-$(id -u)/check-* | wc -l");
  EXPECT_EQ(before.out, after.out);
}

// A program that keeps its rights while we look.
class Living : public Cli {
 protected:
  void SetUp() override {
    Cli::SetUp();
    ASSERT_TRUE(exists(program("check_leaks")));
    setenv("PORTOLAN_SITES", "1", 1);
    pid_ = start(program("check_leaks"), "linger");
    unsetenv("PORTOLAN_SITES");
    for (int i = 0; i < 500; i++) {
      const Json json = Json::parse(run("ps --json").out, nullptr, false);
      if (!json.is_discarded() && json["tasks"].size() == 1 && json["tasks"][0]["urefs"].get<int>() >= 20)
        return;
      usleep(10'000);
    }
    FAIL() << "the program never held its rights";
  }
  pid_t pid_ = 0;
};

TEST_F(Living, PsLsmpTraceInfoFsck) {
  const Json ps = Json::parse(run("ps --json").out);
  EXPECT_EQ(pid_, ps["tasks"][0]["pid"]);
  EXPECT_EQ("check_leaks", ps["tasks"][0]["program"]);
  EXPECT_NE(std::string::npos, run("ps").out.find("PID PROGRAM")) << run("ps").out;

  const Json lsmp = Json::parse(run("lsmp check_leaks --json").out);
  bool seen = false;
  for (const Json& name : lsmp["tasks"][0]["names"]) {
    if (name["kobject"] != "THREAD-CONTROL") continue;
    seen = true;
    EXPECT_EQ(20, name["urefs"]);
    EXPECT_EQ(pid_, name["behind"]);
    EXPECT_EQ("current_id", name["site"]["function"]);
  }
  EXPECT_TRUE(seen) << lsmp;
  const std::string text = run("lsmp check_leaks --fold").out;
  EXPECT_NE(std::string::npos, text.find("THREAD-CONTROL self, thread " + std::to_string(pid_))) << text;
  EXPECT_NE(std::string::npos, text.find("\ntotal ")) << text;
  const std::string classic = run("lsmp -p " + std::to_string(pid_) + " --classic").out;
  EXPECT_EQ(0u, classic.find("Process (" + std::to_string(pid_) + ") : check_leaks\n  name      ipc-object"))
      << classic;

  const Json trace = Json::parse(run("trace check_leaks --json").out);
  EXPECT_EQ(pid_, trace["target"]["pid"]);
  bool itself = false;
  for (const Json& holder : trace["holders"])
    itself = itself || (holder["self"] == true && holder["kobjects"].contains("THREAD-CONTROL"));
  EXPECT_TRUE(itself) << trace;
  EXPECT_EQ(0u, run("trace check_leaks").out.find("check_leaks (")) << run("trace check_leaks").err;

  EXPECT_EQ(0, run("info").status);
  EXPECT_EQ(true, Json::parse(run("info --json").out)["exists"]);
  const Result fsck = run("fsck");
  EXPECT_EQ(0, fsck.status) << fsck.out;
  EXPECT_NE(std::string::npos, fsck.out.find(": clean")) << fsck.out;
}

TEST_F(Living, ACopiedSegmentReadsTheSame) {
  const std::string copy = directory_ + "/copy";
  ASSERT_EQ(0, shell("cp --sparse=always " + domain_ + "/segment.v* " + copy).status);
  EXPECT_EQ(Json::parse(run("lsmp --json").out)["tasks"],
            Json::parse(run("lsmp --json -i " + copy).out)["tasks"]);
  EXPECT_EQ(0, run("fsck -i " + copy).status);
  ASSERT_EQ(0, shell("truncate -s 100000 " + copy).status);
  EXPECT_EQ(2, run("lsmp -i " + copy).status);
}

TEST_F(Living, AmbiguousNamesAreRefused) {
  const pid_t other = start(program("check_leaks"), "linger");
  for (int i = 0; i < 500 && Json::parse(run("ps --json").out)["tasks"].size() < 2; i++) usleep(10'000);
  const Result result = run("trace check_leaks");
  EXPECT_EQ(2, result.status);
  EXPECT_EQ(0u, result.err.find("portolan trace: two tasks are called check_leaks: ")) << result.err;
  EXPECT_NE(std::string::npos, result.err.find("(or 'check_leaks*' for both)")) << result.err;
  EXPECT_EQ(0, run("trace " + std::to_string(other)).status);
  EXPECT_EQ(2u, Json::parse(run("lsmp 'check_*' --json").out)["tasks"].size());
}

TEST_F(Living, WatchPrintsADocumentALine) {
  const Result result = shell("timeout 2 " + std::string(PORTOLAN_CLI) + " ps --json --watch=0.2");
  // Whole lines: it may be ended in the middle of one.
  std::istringstream lines(result.out.substr(0, result.out.rfind('\n') + 1));
  int count = 0;
  for (std::string line; std::getline(lines, line); count++)
    EXPECT_EQ("portolan.ps/1", Json::parse(line)["schema"]);
  EXPECT_GE(count, 2);
}

// The running example, held still while we look: what is looked at several times is the same then.
class Browser : public Cli {
 protected:
  void SetUp() override {
    Cli::SetUp();
    const std::string browser = std::string(PORTOLAN_EXAMPLES_DIR) + "/browser";
    if (!exists(browser)) GTEST_SKIP() << "built without examples (PORTOLAN_BUILD_EXAMPLES)";
    pid_ = start(browser, "--seconds");
    for (int i = 0; i < 1000 && !(shares_with_both() && dead_names() > 0); i++) usleep(10'000);
    ASSERT_TRUE(shares_with_both()) << run("ps").out;
  }
  void TearDown() override {
    stop(false);
    Cli::TearDown();
    // Its renderers end with it; they use the directory until then.
    for (int i = 0; i < 1000 && !renderers_.empty() && kill(renderers_[0], 0) == 0; i++) usleep(10'000);
  }
  void stop(bool stopped) {
    kill(pid_, stopped ? SIGSTOP : SIGCONT);
    for (const pid_t pid : renderers_) kill(pid, stopped ? SIGSTOP : SIGCONT);
  }

  // The tables of all tasks, by pid.
  std::map<pid_t, Json> tables() {
    std::map<pid_t, Json> tables;
    const Json document = Json::parse(run("lsmp -a --json").out);
    for (const Json& task : document["tasks"]) tables[task["pid"]] = task["names"];
    return tables;
  }
  // (port, name in `pid`, name in `other`) of every port that the two share, as trace has it.
  using Pairs = std::set<std::tuple<std::string, std::string, std::string>>;
  Pairs traced(pid_t pid, pid_t other) {
    Pairs pairs;
    const Json document = Json::parse(run("trace " + std::to_string(pid) + " --json").out);
    for (const Json& holder : document["holders"]) {
      if (holder["pid"] != other) continue;
      for (const Json& pair : holder["pairs"])
        if (!pair["holder_name"].is_null())
          pairs.emplace(pair["port"].get<std::string>(), pair["target_name"].get<std::string>(),
                        pair["holder_name"].get<std::string>());
    }
    return pairs;
  }

  pid_t pid_ = 0;
  std::vector<pid_t> renderers_;

 private:
  bool shares_with_both() {
    const Json ps = Json::parse(run("ps --json").out, nullptr, false);
    if (ps.is_discarded() || ps["tasks"].size() != 3) return false;
    renderers_.clear();
    for (const Json& task : ps["tasks"])
      if (task["program"] == "renderer") renderers_.push_back(task["pid"]);
    return renderers_.size() == 2 && traced(pid_, renderers_[0]).size() > 1 &&
           traced(pid_, renderers_[1]).size() > 1;
  }
  int dead_names() {
    const Json document = Json::parse(run("ps --json").out);
    for (const Json& task : document["tasks"])
      if (task["pid"] == pid_) return task["counts"]["dead"];
    return 0;
  }
};

// What lsmp shows as an end of a name is a name of the same port in the other task's table, and the other way
// round. Answers how many ports were compared, or -1 with what is wrong in `wrong`.
int compare_ends(const std::map<pid_t, Json>& tables, std::string& wrong) {
  std::map<std::pair<pid_t, std::string>, Json> all;
  std::map<std::string, std::set<std::pair<pid_t, std::string>>> of_port;
  for (const auto& [pid, names] : tables)
    for (const Json& name : names) {
      const std::string word = name["name"];
      all[{pid, word}] = name;
      if (!name["port"].is_null()) of_port[name["port"].get<std::string>()].emplace(pid, word);
    }
  int compared = 0;
  for (const auto& [where, name] : all) {
    if (name["port"].is_null()) continue;
    std::set<std::pair<pid_t, std::string>> ends{where};
    for (const Json& end : name["ends"]) {
      const std::pair<pid_t, std::string> other(end["pid"].get<pid_t>(), end["name"].get<std::string>());
      ends.insert(other);
      if (all.count(other) != 0 && all[other]["port"] == name["port"] &&
          all[other]["rights"] == end["rights"])
        continue;
      wrong = "of " + std::to_string(where.first) + ": " + name.dump() + "\nother end: " + end.dump();
      return -1;
    }
    if (ends != of_port[name["port"].get<std::string>()]) {
      wrong = "not all ends of " + std::to_string(where.first) + ": " + name.dump();
      return -1;
    }
    compared += ends.size() > 1 ? 1 : 0;
  }
  return compared;
}

TEST_F(Browser, BothEndsOfEveryPortHaveOneIdentity) {
  std::string wrong;
  int compared = -1;
  std::map<pid_t, Json> tables_now;
  // One of them may have been stopped in the middle of a change, which is then seen half done.
  for (int i = 0; i < 20 && compared < 0; i++) {
    stop(false);
    usleep(20'000);
    stop(true);
    tables_now = tables();
    compared = compare_ends(tables_now, wrong);
  }
  EXPECT_GE(compared, 8) << wrong;

  const std::string text = run("lsmp " + std::to_string(pid_)).out;
  for (const pid_t renderer : renderers_) {
    const Pairs ours = traced(pid_, renderer);
    EXPECT_GE(ours.size(), 4u);
    Pairs mirrored;
    for (const auto& [port, theirs, mine] : traced(renderer, pid_)) mirrored.insert({port, mine, theirs});
    EXPECT_EQ(ours, mirrored);
    for (const auto& [port, mine, theirs] : ours) {
      auto identity = [&](pid_t pid, const std::string& wanted) {
        for (const Json& name : tables_now[pid])
          if (name["name"] == wanted) return name["port"].get<std::string>();
        return std::string();
      };
      EXPECT_EQ(port, identity(pid_, mine));
      EXPECT_EQ(port, identity(renderer, theirs));
      EXPECT_TRUE(std::regex_search(text, std::regex("\n" + mine + " +" + port + " "))) << mine << "\n"
                                                                                        << text;
      EXPECT_NE(std::string::npos, text.find(" renderer " + std::to_string(renderer) + ":" + theirs)) << text;
    }
  }
}

TEST_F(Browser, DeadNamesSayWhatTheyWere) {
  stop(true);
  const Json trace = Json::parse(run("trace browser --json").out);
  ASSERT_FALSE(trace["holders"].empty());
  const Json& first = trace["holders"][0];
  EXPECT_EQ(true, first["self"]) << trace["holders"];
  EXPECT_GT(first["target_holds"]["dead"]["names"], 0) << first;
  const std::string text = run("lsmp browser --right dead --fold").out;
  EXPECT_NE(std::string::npos, text.find("was THREAD-CONTROL self")) << text;
}

// The example of scenario 1: the first row names the leaking line, the count is what the program says it
// leaked.
TEST_F(Cli, TheBrowsersLeak) {
  const std::string browser = std::string(PORTOLAN_EXAMPLES_DIR) + "/browser";
  if (!exists(browser)) GTEST_SKIP() << "built without examples (PORTOLAN_BUILD_EXAMPLES)";
  const std::string file = directory_ + "/report.json";
  const Result leaking = run("check --report json:" + file + " " + browser);
  EXPECT_EQ(23, leaking.status) << leaking.err;
  std::smatch said;
  ASSERT_TRUE(std::regex_search(leaking.out, said, std::regex("leaked (\\d+)"))) << leaking.out;
  const Json json = Json::parse(slurp(file));
  ASSERT_FALSE(json["findings"].empty());
  const Json& worst = json["findings"][0];
  EXPECT_EQ(std::stoi(said[1]), worst["urefs"]);
  EXPECT_EQ("mach_thread_self", worst["call"]);
  EXPECT_NE(std::string::npos, worst["guilty"]["file"].get<std::string>().find("thread_id.cc"));
  EXPECT_TRUE(json["fsck"]["broken"].empty()) << json["fsck"];
  const Result clean = run("check " + browser + " --clean");
  EXPECT_EQ(0, clean.status) << clean.err;
}

}  // namespace
