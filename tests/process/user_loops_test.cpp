// SPDX-License-Identifier: Apache-2.0
// The examples that have ports in loops of others: epoll's, and asio's where that is installed.
#include <gtest/gtest.h>
#include <unistd.h>

#include "process/user_harness.hpp"

namespace user {
namespace {

std::string example(const std::string& name) { return std::string(PORTOLAN_EXAMPLES_DIR) + "/" + name; }

class UserLoops : public testing::TestWithParam<const char*> {};

// The server's input stays open until its client has gone.
TEST_P(UserLoops, RequestsAndInputInOneLoop) {
  const std::string server = example(GetParam());
  if (access(server.c_str(), X_OK) != 0) GTEST_SKIP() << server << " is not built";
  const Domain domain;
  Program both(domain, "/bin/sh", {"-c", example("loop_client") + " 500 | " + server});
  const std::string text = both.rest();
  EXPECT_EQ(0, both.wait()) << text;
  EXPECT_EQ(std::string(GetParam()) + ": waiting\n" + GetParam() + ": 500 requests answered\n", text);
}

TEST_P(UserLoops, LeakNothing) {
  const std::string server = example(GetParam());
  if (access(server.c_str(), X_OK) != 0) GTEST_SKIP() << server << " is not built";
  Program both(
      nullptr, "/bin/sh",
      {"-c",
       std::string("exec \"$0\" check /bin/sh -c '") + example("loop_client") + " 20 | " + server + "' 2>&1",
       PORTOLAN_CLI});
  const std::string text = both.rest();
  EXPECT_EQ(0, both.wait()) << text;
  EXPECT_NE(std::string::npos, text.find("20 requests answered")) << text;
  EXPECT_EQ(std::string::npos, text.find("LEAK ")) << text;
}

INSTANTIATE_TEST_SUITE_P(Servers, UserLoops, testing::Values("loop_epoll", "loop_asio"),
                         [](const auto& server) { return std::string(server.param); });

}  // namespace
}  // namespace user
