// SPDX-License-Identifier: Apache-2.0
// portolan run --darwin-poll and portolan doctor poll, on programs that know nothing of them; and the daemon
// that would not die.
#include <elf.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "process/user_harness.hpp"

namespace {

using Json = nlohmann::json;

const std::string kProgram = std::string(PORTOLAN_TEST_PROGRAMS_DIR) + "/unlinked_polls";
const std::string kEver = std::to_string(user::kPatience);
constexpr const char* kLittle = "1000";  // milliseconds, for what never comes

std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class DarwinPoll : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "/portolan-poll-XXXXXX";
    ASSERT_NE(nullptr, mkdtemp(directory_.data()));
    setenv("PORTOLAN_DOMAIN", (directory_ + "/domain").c_str(), 1);
    setenv("NO_COLOR", "1", 1);
#ifdef PORTOLAN_SANITIZED
    GTEST_SKIP() << "nothing can be preloaded before a sanitizer's runtime";
#endif
  }
  void TearDown() override {
    if (std::system(("rm -rf '" + directory_ + "'").c_str()) != 0) ADD_FAILURE() << directory_;
  }

  struct Result {
    int status = -1;
    std::string out, err;
  };
  Result shell(const std::string& command) const {
    const std::string out = directory_ + "/out", err = directory_ + "/err";
    const int status =
        std::system(("{ " + command + " ; } >'" + out + "' 2>'" + err + "' </dev/null").c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, slurp(out), slurp(err)};
  }
  Result portolan(const std::string& words) const { return shell(std::string(PORTOLAN_CLI) + " " + words); }
  std::string write_file(const std::string& name, const std::string& bytes, mode_t mode) const {
    std::string path = directory_ + "/" + name;
    std::ofstream(path, std::ios::binary) << bytes;
    EXPECT_EQ(0, chmod(path.c_str(), mode));
    return path;
  }

  std::string directory_;
};

TEST_F(DarwinPoll, RunGivesAProgramDarwinsPoll) {
  EXPECT_EQ("told\n", portolan("run " + kProgram + " hup " + kEver).out);
  EXPECT_EQ("silent\n", portolan("run --darwin-poll " + kProgram + " hup " + kLittle).out);
  EXPECT_EQ("early\n", portolan("run --darwin-poll=old " + kProgram + " hup " + kEver).out);
  EXPECT_EQ("told\n", portolan("run --darwin-poll " + kProgram + " in " + kEver).out);
  EXPECT_EQ("silent\n", portolan("run --darwin-poll " + kProgram + " none " + kLittle).out);
}

TEST_F(DarwinPoll, RunKeepsWhatIsPreloadedAlready) {
  const Result result = shell("LD_PRELOAD=libm.so.6 " PORTOLAN_CLI
                              " run --darwin-poll sh -c 'echo $LD_PRELOAD $PORTOLAN_DARWIN_POLL'");
  EXPECT_NE(std::string::npos, result.out.find("/libportolan-darwin-poll.so")) << result.out;
  EXPECT_NE(std::string::npos, result.out.find(":libm.so.6 darwin\n")) << result.out;
  EXPECT_EQ(2, portolan("run --darwin-poll=young true").status);
}

TEST_F(DarwinPoll, RunSaysWhatCannotHaveIt) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
#ifdef __aarch64__
  header.e_machine = EM_AARCH64;
#else
  header.e_machine = EM_X86_64;
#endif
  const std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  const std::string lonely = write_file("lonely", bytes, 0755);
  Result result = portolan("run --darwin-poll " + lonely);
  EXPECT_EQ(125, result.status);
  EXPECT_NE(std::string::npos, result.err.find("is linked statically")) << result.err;
  result = portolan("run --darwin-poll " + write_file("script", "#!" + lonely + " -x\n", 0755));
  EXPECT_NE(std::string::npos, result.err.find("is linked statically")) << result.err;
  header.e_ident[EI_CLASS] = ELFCLASS32;
  result = portolan(
      "run --darwin-poll " +
      write_file("narrow", std::string(reinterpret_cast<const char*>(&header), sizeof header), 0755));
  EXPECT_NE(std::string::npos, result.err.find("another architecture")) << result.err;

  std::string mighty = "/usr/bin/su";
  if (getuid() == 0) {
    mighty = write_file("mighty", "", 0755);
    ASSERT_EQ(0, chown(mighty.c_str(), 65534, 65534));
    ASSERT_EQ(0, chmod(mighty.c_str(), 04755));
  }
  struct stat status {};
  if (stat(mighty.c_str(), &status) != 0 || (status.st_mode & S_ISUID) == 0)
    GTEST_SKIP() << "no set-uid program";
  result = portolan("run --darwin-poll " + mighty);
  EXPECT_EQ(125, result.status);
  EXPECT_NE(std::string::npos, result.err.find("set-uid")) << result.err;
}

TEST_F(DarwinPoll, DoctorTellsWhichHangUpWasLost) {
  const Result result = portolan("doctor poll " + kProgram + " hup " + kLittle);
  EXPECT_EQ(1, result.status) << result.err;
  EXPECT_EQ("silent\n", result.out);
  for (const char* words : {" POLLHUP}, {", "unlinked_polls.cpp:", " POLLIN}, -1), never returned", "monitor",
                            "no longer watches fd ", "POLLIN was not asked for", "nobody was told",
                            "next  ask for POLLIN too", "SUMMARY: 1 lost hang-up, "})
    EXPECT_NE(std::string::npos, result.err.find(words)) << words << "\n" << result.err;
}

TEST_F(DarwinPoll, DoctorTellsWhatWasNeverWatched) {
  const Result result = portolan("doctor poll " + kProgram + " none " + kLittle);
  EXPECT_EQ(1, result.status) << result.err;
  for (const char* words : {" (socket:[", "events 0", "nobody was told", "next  ask for POLLIN or"})
    EXPECT_NE(std::string::npos, result.err.find(words)) << words << "\n" << result.err;
}

TEST_F(DarwinPoll, DoctorIsContentWithWhoAsksForInput) {
  const Result result = portolan("doctor poll " + kProgram + " in " + kEver);
  EXPECT_EQ(0, result.status) << result.err;
  EXPECT_EQ("told\n", result.out);
  EXPECT_EQ(0u, result.err.find("SUMMARY: 0 lost hang-ups")) << result.err;
  EXPECT_EQ(0, portolan("doctor poll --old " + kProgram + " hup " + kEver).status);
}

TEST_F(DarwinPoll, DoctorWritesJson) {
  const Result result = portolan("doctor poll --json " + kProgram + " hup " + kLittle);
  EXPECT_EQ(1, result.status);
  const Json json = Json::parse(result.err, nullptr, false);
  ASSERT_FALSE(json.is_discarded()) << result.err;
  EXPECT_EQ("portolan.doctor/1", json["schema"]);
  EXPECT_EQ(0, json["exit"]);
  const Json& process = json["processes"][0];
  EXPECT_EQ("unlinked_polls", process["program"].get<std::string>());
  ASSERT_EQ(1u, process["findings"].size());
  const Json& finding = process["findings"][0];
  EXPECT_EQ("lost hang-up", finding["kind"]);
  EXPECT_EQ(finding["fd"], finding["call"]["entries"][0]["fd"]);
  EXPECT_EQ("POLLHUP", finding["events"]);
  EXPECT_EQ(2, finding["call"]["count"]);
  EXPECT_TRUE(finding["hung_up"].is_string());
  EXPECT_LT(finding["lost"].get<std::string>(), finding["hung_up"].get<std::string>());
}

TEST_F(DarwinPoll, DoctorLooksAtARunningProgram) {
  user::Program run(nullptr, PORTOLAN_CLI, {"run", "--darwin-poll", kProgram, "hup", kLittle});
  EXPECT_EQ("silent", run.line());
  const Result children = shell("cat /proc/" + std::to_string(run.pid()) + "/task/*/children");
  // The hang-up is written down by the thread that is not told of it, when it gets to run.
  Result result;
  const double deadline = user::now_ms() + user::kPatience;
  do {
    result = portolan("doctor poll -p " + children.out);
  } while (result.out.find("nobody was told") == std::string::npos && user::now_ms() < deadline);
  EXPECT_EQ(1, result.status) << result.err;
  EXPECT_NE(std::string::npos, result.out.find("asleep ")) << result.out;
  EXPECT_NE(std::string::npos, result.out.find("nobody was told")) << result.out;
  EXPECT_EQ(3, portolan("doctor poll -p " + std::to_string(getpid())).status);
  run.tell("");
  EXPECT_EQ(1, run.wait());
}

TEST_F(DarwinPoll, DoctorRefusesWhatItDoesNotUnderstand) {
  for (const char* words :
       {"doctor", "doctor select true", "doctor poll", "doctor poll -p 1 true", "doctor poll -p 0"})
    EXPECT_EQ(2, portolan(words).status) << words;
  EXPECT_EQ(127, portolan("doctor poll ./nothing").status);
}

// tail waits for the end of its reader with no events asked for.
TEST_F(DarwinPoll, TailDoesNotSeeItsReaderGo) {
  const Result version = shell("tail --version");
  if (version.out.find("tail (GNU coreutils) 9.1\n") != 0) GTEST_SKIP() << "known of another tail only";
  const std::string file = write_file("lines", "1\n2\n", 0644);
  EXPECT_EQ("1\n", shell("tail -f " + file + " | head -n 1").out);  // ends by itself
  const Result result =
      shell("{ " PORTOLAN_CLI " doctor poll --seconds 2 tail -f " + file + "; echo $? >&2; } | head -n 1");
  EXPECT_EQ("1\n", result.out);
  EXPECT_NE(std::string::npos, result.err.find("does not watch fd 1 (pipe:[")) << result.err;
  EXPECT_NE(std::string::npos, result.err.find("hung up: nobody was told")) << result.err;
  EXPECT_NE(std::string::npos, result.err.find("\n1\n")) << result.err;
}

// Lines of the table: profile, descriptors, runs, seen, lost, early.
struct Row {
  int runs = 0, seen = 0, lost = 0, early = 0;
};
class Hangup : public DarwinPoll {
 protected:
  void SetUp() override {
    DarwinPoll::SetUp();
    if (access((std::string(PORTOLAN_EXAMPLES_DIR) + "/hangup").c_str(), X_OK) != 0)
      GTEST_SKIP() << "built without examples (PORTOLAN_BUILD_EXAMPLES)";
  }
  std::vector<Row> measure(const std::string& profile, const std::string& options) const {
    const Result result =
        shell(std::string(PORTOLAN_EXAMPLES_DIR) + "/hangup --profile " + profile + " " + options);
    EXPECT_EQ(0, result.status) << result.err;
    std::vector<Row> rows;
    std::istringstream lines(result.out);
    std::string line, word;
    std::getline(lines, line);
    while (std::getline(lines, line)) {
      std::istringstream cells(line);
      Row row;
      int descriptors = 0;
      cells >> word >> descriptors >> row.runs >> row.seen >> row.lost >> row.early;
      EXPECT_EQ(row.runs, row.seen + row.lost) << line;
      rows.push_back(row);
    }
    EXPECT_EQ(2u, rows.size()) << result.out;  // with one descriptor and with two
    return rows;
  }
};

TEST_F(Hangup, LinuxAndQueuesSeeAll) {
  for (const char* profile : {"host", "kqueue"})
    for (const Row& row : measure(profile, "--runs 50 --late --limit " + kEver)) {
      EXPECT_EQ(50, row.seen) << profile;
      EXPECT_EQ(0, row.early) << profile;
    }
}

// Portolan's own library is made for Linux's poll, and has it in a program that has Darwin's.
TEST_F(Hangup, QueuesSeeAllUnderDarwinsPollToo) {
  const Result result =
      portolan("run --darwin-poll " + std::string(PORTOLAN_EXAMPLES_DIR) +
               "/hangup --profile kqueue --descriptors 2 --runs 20 --late --limit " + kEver);
  EXPECT_EQ(0, result.status) << result.err;
  EXPECT_NE(std::string::npos, result.out.find("20     20      0       0")) << result.out;
}

TEST_F(Hangup, DarwinLosesThem) {
  for (const Row& row : measure("darwin", "--runs 50 --late --limit 300 --at-once 10")) {
    EXPECT_GT(row.lost, 0);
    EXPECT_EQ(0, row.early);
  }
}

TEST_F(Hangup, OldDarwinReturnsEarly) {
  for (const Row& row : measure("darwin-old", "--runs 50 --late --limit " + kEver)) {
    EXPECT_EQ(50, row.seen);
    EXPECT_GT(row.early, 0);
  }
}

}  // namespace
