// SPDX-License-Identifier: Apache-2.0
// Messages between real processes: requests and replies, rights that move, memory out of line, port sets,
// full queues. Every program is an ordinary user of the C functions; what it expects it checks itself
// (tests/programs/user_*.c).
#include <gtest/gtest.h>

#include <memory>

#include "process/user_harness.hpp"

namespace user {
namespace {

// Requests with a reply port; then a receive right with messages in its queue changes hands (messages checks
// 36, 52).
TEST(UserMessages, RequestsRepliesAndAReceiveRightThatMoves) {
  const Domain domain;
  Program server(domain, "user_rpc", {"server", "user.rpc", "1000"});
  EXPECT_EQ("serving", server.line());
  Program client(domain, "user_rpc", {"client", "user.rpc", "1000"});
  EXPECT_EQ("sent", client.line());
  EXPECT_EQ(0, server.wait());
  EXPECT_EQ(0, client.wait());
}

TEST(UserMessages, TheClientMayBeThereFirst) {
  const Domain domain;
  Program client(domain, "user_rpc", {"client", "user.rpc", "10"});
  Program server(domain, "user_rpc", {"server", "user.rpc", "10"});
  EXPECT_EQ(0, client.wait());
  EXPECT_EQ(0, server.wait());
}

// From a byte to 8 MiB, copied and moved, there and back (messages checks 31, 32, 33, 35).
TEST(UserMessages, MemoryAndRightsOutOfLineInBothDirections) {
  const Domain domain;
  Program server(domain, "user_ool", {"server", "user.ool"});
  EXPECT_EQ("serving", server.line());
  Program client(domain, "user_ool", {"client", "user.ool"});
  EXPECT_EQ(0, client.wait(kPatience * kSlower));
  EXPECT_EQ(0, server.wait());
}

TEST(UserMessages, APortSetServesSeveralClients) {
  constexpr int kClients = 6;
  const Domain domain;
  Program server(domain, "user_set", {"server", std::to_string(kClients), "300"});
  EXPECT_EQ("serving", server.line());
  std::vector<std::unique_ptr<Program>> clients;
  for (int i = 0; i < kClients; i++) {
    clients.push_back(std::make_unique<Program>(domain, "user_set",
                                                Program::Arguments{"client", std::to_string(i), "300"}));
  }
  for (auto& client : clients) EXPECT_EQ(0, client->wait());
  EXPECT_EQ(0, domain.fsck());
  server.tell("done");
  EXPECT_EQ(0, server.wait());
}

// Messages checks 40, 41, and 71's notice for a reply right that dies with its message.
TEST(UserMessages, AFullQueueHandsMessagesBack) {
  const Domain domain;
  Program receiver(domain, "user_queue", {"receiver"});
  EXPECT_EQ("up", receiver.line());
  Program filler(domain, "user_queue", {"filler"});
  EXPECT_EQ("full", filler.line());
  receiver.tell("take 1");
  EXPECT_EQ("took 0", receiver.line());
  filler.tell("one was taken");
  EXPECT_EQ("sent", filler.line());
  receiver.tell("count");
  EXPECT_EQ("count 5", receiver.line());
  receiver.kill_hard();
  filler.tell("it has died");
  EXPECT_EQ(0, filler.wait());
}

// Messages checks 43, 45, 48: order, and who goes on when there is room.
TEST(UserMessages, BlockedSendersGoOnAsThereIsRoom) {
  const Domain domain;
  Program receiver(domain, "user_queue", {"receiver"});
  EXPECT_EQ("up", receiver.line());
  Program sender(domain, "user_queue", {"sender", "0", "8"});
  EXPECT_EQ("up", sender.line());
  for (int i = 0; i < 5; i++) EXPECT_EQ("sent " + std::to_string(i), sender.line());
  EXPECT_EQ("", sender.line(200));  // the sixth waits
  receiver.tell("take 1");
  EXPECT_EQ("took 0", receiver.line());
  EXPECT_EQ("sent 5", sender.line());
  EXPECT_EQ("", sender.line(200));
  receiver.tell("limit 6");
  EXPECT_EQ("limit 6", receiver.line());
  EXPECT_EQ("sent 6", sender.line());
  EXPECT_EQ("", sender.line(200));
  receiver.tell("take 7");
  for (int i = 1; i < 8; i++) EXPECT_EQ("took " + std::to_string(i), receiver.line());
  EXPECT_EQ("sent 7", sender.line());
  EXPECT_EQ(0, sender.wait());
  receiver.tell("end");
  EXPECT_EQ(0, receiver.wait());
}

TEST(UserMessages, ABlockedSenderThatIsKilledLeavesNothing) {
  const Domain domain;
  Program receiver(domain, "user_queue", {"receiver"});
  EXPECT_EQ("up", receiver.line());
  Program first(domain, "user_queue", {"sender", "0", "6"});
  for (const char* line : {"up", "sent 0", "sent 1", "sent 2", "sent 3", "sent 4"})
    EXPECT_EQ(line, first.line());
  Program second(domain, "user_queue", {"sender", "100", "1"});
  EXPECT_EQ("up", second.line());
  EXPECT_EQ("", second.line(100));
  first.kill_hard();
  receiver.tell("take 6");  // the five that were queued, and the one of the second sender
  for (const char* line : {"took 0", "took 1", "took 2", "took 3", "took 4", "took 100"})
    EXPECT_EQ(line, receiver.line());
  EXPECT_EQ("sent 100", second.line());
  EXPECT_EQ(0, second.wait());
  EXPECT_EQ(0, domain.fsck());
  receiver.tell("end");
  EXPECT_EQ(0, receiver.wait());
}

}  // namespace
}  // namespace user
