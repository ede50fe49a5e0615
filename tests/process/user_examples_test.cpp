// SPDX-License-Identifier: Apache-2.0
// The examples, run as a newcomer runs them: alone, and under `portolan check`.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <regex>

#include "process/user_harness.hpp"

namespace user {
namespace {

const std::string kBrowser = std::string(PORTOLAN_EXAMPLES_DIR) + "/browser";

struct Leaked {
  unsigned long references = 0;
  unsigned long names = 0;
};

// What the browser says in its last line.
Leaked leaked_by(const std::string& text) {
  std::smatch match;
  EXPECT_TRUE(std::regex_search(
      text, match, std::regex("browser: leaked ([0-9]+) thread port references in ([0-9]+) names\n")))
      << text;
  if (match.size() != 3) return {};
  return {std::stoul(match[1]), std::stoul(match[2])};
}

// A report has thousands separators.
unsigned long number(std::string text) {
  std::erase(text, ',');
  return std::stoul(text);
}

// The processes that `pid` has started and not waited for.
std::vector<pid_t> children_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children");
  std::vector<pid_t> children;
  for (pid_t child = 0; file >> child;) children.push_back(child);
  return children;
}

// Has it ended, reaped or not?
bool has_ended(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  const size_t name_end = text.rfind(')');
  return name_end == std::string::npos || text.compare(name_end, 3, ") Z") == 0;
}

// Waits until the browser has this many renderers.
std::vector<pid_t> renderers_of(pid_t browser, size_t count) {
  std::vector<pid_t> renderers;
  for (int i = 0; i < 500 && renderers.size() < count; i++) {
    usleep(10000);
    renderers = children_of(browser);
  }
  usleep(300'000);  // until they are at work
  return renderers;
}

// Runs the browser under check, with the report on the same pipe.
std::string check(const Program::Arguments& arguments, int& status) {
  Program::Arguments all = {"-c", "exec \"$@\" 2>&1", "sh", PORTOLAN_CLI, "check", "-w", kBrowser};
  all.insert(all.end(), arguments.begin(), arguments.end());
  Program program(nullptr, "/bin/sh", all);
  std::string text = program.rest();
  status = program.wait();
  return text;
}

// The sanitizer presets build only what their tests need, which the examples are not counted among.
class UserExamples : public testing::Test {
 protected:
  void SetUp() override {
    if (access(kBrowser.c_str(), X_OK) != 0) GTEST_SKIP() << kBrowser << " is not built";
  }
};

TEST_F(UserExamples, TheBrowserCountsItsLeak) {
  const Domain domain;
  Program clean(domain, kBrowser, {"--clean", "--seconds", "0.5"});
  const Leaked nothing = leaked_by(clean.rest());
  EXPECT_EQ(0, clean.wait());
  EXPECT_EQ(0u, nothing.references);
  EXPECT_EQ(0u, nothing.names);

  Program leaking(domain, kBrowser, {"--seconds", "0.5", "--renderers", "3"});
  const Leaked something = leaked_by(leaking.rest());
  EXPECT_EQ(0, leaking.wait());
  EXPECT_GT(something.references, 100u);
  EXPECT_GT(something.names, 24u);
}

// They asked to be told of its death.
TEST_F(UserExamples, RenderersGoWithTheirBrowser) {
  const Domain domain;
  Program browser(domain, kBrowser, {"--seconds", "60"});
  const std::vector<pid_t> renderers = renderers_of(browser.pid(), 2);
  if (renderers.size() != 2) GTEST_SKIP() << "this kernel does not list children";
  const double killed = now_ms();
  browser.kill_hard();
  for (pid_t renderer : renderers) {
    while (!has_ended(renderer) && now_ms() - killed < kPatience) usleep(2000);
  }
  EXPECT_LT(now_ms() - killed, 2000.0 * kSlower);
}

TEST_F(UserExamples, TheBrowserOutlivesARenderer) {
  const Domain domain;
  Program browser(domain, kBrowser, {"--seconds", "5", "--clean"});
  const std::vector<pid_t> renderers = renderers_of(browser.pid(), 2);
  if (renderers.size() != 2) GTEST_SKIP() << "this kernel does not list children";
  kill(renderers[0], SIGKILL);
  usleep(700'000);
  EXPECT_EQ(0, domain.fsck());
  const std::string text = browser.rest();
  EXPECT_EQ(1, browser.wait());
  EXPECT_NE(std::string::npos, text.find("browser: 1 renderers failed")) << text;
  EXPECT_EQ(0u, leaked_by(text).references);
}

TEST_F(UserExamples, CheckFindsNothingInTheCleanBrowser) {
  int status = -1;
  const std::string text = check({"--clean", "--seconds", "1"}, status);
  EXPECT_EQ(0, status) << text;
  EXPECT_EQ(std::string::npos, text.find("LEAK ")) << text;
}

// Its main job: the first finding is the guilty line, with the number that the program counted itself.
TEST_F(UserExamples, CheckFindsTheLeakOfTheBrowser) {
  int status = -1;
  const std::string text = check({"--seconds", "1"}, status);
  EXPECT_EQ(23, status) << text;
  const Leaked leaked = leaked_by(text);
  std::smatch match;
  ASSERT_TRUE(std::regex_search(
      text, match,
      std::regex("LEAK 1 of [0-9]+ +browser \\([0-9]+\\): ([0-9,]+) references, ([0-9,]+) names")))
      << text;
  EXPECT_EQ(leaked.references, number(match[1]));
  EXPECT_EQ(leaked.names, number(match[2]));
  EXPECT_NE(std::string::npos, text.find("base::CurrentId()")) << text;
  EXPECT_NE(std::string::npos, text.find("base/thread_id.cc:")) << text;
}

TEST_F(UserExamples, CheckFindsRequestsThatNobodyAnswered) {
  int status = -1;
  const std::string text = check({"--clean", "--unanswered", "--renderers", "1", "--seconds", "2.5"}, status);
  EXPECT_EQ(23, status) << text;
  std::smatch match;
  ASSERT_TRUE(std::regex_search(text, match, std::regex("renderer 0 .*: left ([0-9]+) requests unanswered")))
      << text;
  const unsigned long left = std::stoul(match[1]);
  // Dead names, where who asked has come to its end before its renderer was looked at.
  ASSERT_TRUE(std::regex_search(
      text, match,
      std::regex("LEAK 1 of 1 .*: ([0-9,]+) (send-once rights +unanswered|dead names +piled)")))
      << text;
  EXPECT_EQ(left, number(match[1]));
}

TEST_F(UserExamples, TheHelloPairExchangesARightAndAMegabyte) {
  const Domain domain;
  Program server(domain, std::string(PORTOLAN_EXAMPLES_DIR) + "/hello_server", {});
  Program client(domain, std::string(PORTOLAN_EXAMPLES_DIR) + "/hello_client", {});
  EXPECT_EQ("client: \"hello, client\" to the reply port, sum right", client.line());
  EXPECT_EQ("client: \"hello, client\" through the right that was sent, sum right", client.line());
  EXPECT_EQ(0, client.wait());
  EXPECT_EQ("server: waiting at com.example.hello", server.line());
  EXPECT_EQ("server: \"hello, server\", a port right and 1048576 bytes out of line, 0 of them wrong",
            server.line());
  EXPECT_EQ(0, server.wait());
}

}  // namespace
}  // namespace user
