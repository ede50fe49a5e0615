// SPDX-License-Identifier: Apache-2.0
// The examples that are written on the C++ API: they do what they say, and leak nothing under `portolan
// check`.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <regex>

#include "process/user_harness.hpp"

namespace user {
namespace {

std::string example(const std::string& name) { return std::string(PORTOLAN_EXAMPLES_DIR) + "/" + name; }

// Under `portolan check`, in the shell's words; with both streams. `domain` null: check makes one.
Program checked(const Domain* domain, const std::string& command) {
  return Program(domain, "/bin/sh", {"-c", "exec " PORTOLAN_CLI " check -w " + command + " 2>&1"});
}

class UserApiExamples : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name :
         {"echo_server", "echo_client", "log_flood", "namespaces", "ticker", "ticker_client"}) {
      if (access(example(name).c_str(), X_OK) != 0) GTEST_SKIP() << name << " is not built";
    }
  }
};

TEST_F(UserApiExamples, EchoAnswersInCapitals) {
  const Domain domain;
  Program client(domain, example("echo_client"), {"hello", "and good bye"});
  Program server(domain, example("echo_server"), {});
  EXPECT_EQ("client: HELLO", client.line());
  EXPECT_EQ("client: AND GOOD BYE", client.line());
  EXPECT_EQ(0, client.wait());
  EXPECT_EQ("server: process " + std::to_string(client.pid()) + " told me to quit", server.line());
  EXPECT_EQ(0, server.wait());
}

TEST_F(UserApiExamples, EchoLeaksNothing) {
  Program both = checked(
      nullptr, "/bin/sh -c '" + example("echo_server") + " & " + example("echo_client") + " hello; wait'");
  const std::string text = both.rest();
  EXPECT_EQ(0, both.wait()) << text;
  EXPECT_NE(std::string::npos, text.find("client: HELLO")) << text;
  EXPECT_EQ(std::string::npos, text.find("LEAK ")) << text;
}

// Every event arrives or is counted as dropped; the right shape has few ports and little memory at any rate.
TEST_F(UserApiExamples, TheFloodIsAccountedFor) {
  const Domain domain;
  Program flood(domain, example("log_flood"), {"bounded", "300"});
  const std::string text = flood.rest();
  EXPECT_EQ(0, flood.wait()) << text;
  std::smatch match;
  ASSERT_TRUE(std::regex_search(text, match,
                                std::regex("bounded +([0-9]+) events, +([0-9]+) arrived, +([0-9]+) dropped; "
                                           "at most +([0-9]+) ports, +([0-9]+) KiB")))
      << text;
  EXPECT_EQ(std::stoul(match[1]), std::stoul(match[2]) + std::stoul(match[3]));
  EXPECT_GT(std::stoul(match[2]), 0u);
  EXPECT_LT(std::stoul(match[4]), 30u);
  EXPECT_LT(std::stoul(match[5]), 2048u);
}

TEST_F(UserApiExamples, TheOtherShapesPileUp) {
  const Domain domain;
  Program concurrent(domain, example("log_flood"), {"concurrent", "20000"});
  const std::string text = concurrent.rest();
  EXPECT_EQ(0, concurrent.wait()) << text;
  EXPECT_NE(std::string::npos, text.find("stopped, too many ports")) << text;
  Program serial(domain, example("log_flood"), {"serial", "20000"});
  const std::string more = serial.rest();
  EXPECT_EQ(0, serial.wait()) << more;
  EXPECT_NE(std::string::npos, more.find("stopped, too much memory")) << more;
}

TEST_F(UserApiExamples, TheFloodLeaksNothing) {
  Program flood = checked(nullptr, example("log_flood") + " bounded 200");
  const std::string text = flood.rest();
  EXPECT_EQ(0, flood.wait()) << text;
  EXPECT_EQ(std::string::npos, text.find("LEAK ")) << text;
}

// Nobody says how fast: only that it ticks, and no longer when the next tick is an hour away.
TEST_F(UserApiExamples, TheTickerTicksAnswersAndEndsInOrder) {
  const Domain domain;
  Program ticker(domain, example("ticker"), {"5"});
  const auto ask = [&](const std::vector<std::string>& arguments) {
    Program client(domain, example("ticker_client"), arguments);
    const std::string text = client.rest();
    EXPECT_EQ(0, client.wait()) << text;
    int ticks = -1;
    sscanf(text.c_str(), "client: %d ticks", &ticks);
    return ticks;
  };
  const int before = ask({});
  int questions = 1;
  for (int now = before; now == before && questions < 1000; questions++) {
    usleep(5000);
    now = ask({});
  }
  ask({"3600000"});  // an hour
  const int now = ask({});
  EXPECT_GT(now, 0);
  EXPECT_EQ(now, ask({}));
  questions += 2;
  Program waiting(domain, example("ticker_client"), {"--until-gone"});
  EXPECT_EQ("client: waiting", waiting.line());
  kill(ticker.pid(), SIGTERM);
  EXPECT_EQ("ticker: " + std::to_string(questions) + " questions answered", ticker.line());
  EXPECT_EQ(0, ticker.wait());
  EXPECT_EQ("client: it has gone", waiting.line());
  EXPECT_EQ(0, waiting.wait());
}

TEST_F(UserApiExamples, TheTickerReadsLinesAndLeaksNothing) {
  Program both =
      checked(nullptr, "/bin/sh -c '(" + example("ticker_client") + " 10 && " + example("ticker_client") +
                           " && echo ticks && echo quit) | " + example("ticker") + " 3600000'");
  const std::string text = both.rest();
  EXPECT_EQ(0, both.wait()) << text;
  EXPECT_NE(std::string::npos, text.find(" ticks")) << text;
  EXPECT_NE(std::string::npos, text.find("ticker: 1 questions answered")) << text;
  EXPECT_EQ(std::string::npos, text.find("LEAK ")) << text;
}

TEST_F(UserApiExamples, NamespacesHoldWhatTheySay) {
  const Domain domain;
  Program namespaces(domain, example("namespaces"), {});
  const std::string text = namespaces.rest();
  EXPECT_EQ(0, namespaces.wait()) << text;
  EXPECT_EQ(std::string::npos, text.find("unexpected")) << text;
  Program again = checked(nullptr, example("namespaces"));
  const std::string report = again.rest();
  EXPECT_EQ(0, again.wait()) << report;
  EXPECT_EQ(std::string::npos, report.find("LEAK ")) << report;
}

}  // namespace
}  // namespace user
