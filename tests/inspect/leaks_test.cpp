// SPDX-License-Identifier: Apache-2.0
// The analysis on snapshots made by hand: no segment, no process, no symbols.
#include "inspect/leaks.hpp"

#include <gtest/gtest.h>
#include <mach/port.h>

namespace portolan::inspect {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

// A task with pid 42 that ended 100 s after it began, and a peer with pid 43.
struct Scene {
  Snapshot snapshot;
  Symbols symbols;
  std::vector<Suppression> suppressions;

  Scene() {
    snapshot.taken_ns = 1000 * kSecond;
    snapshot.tasks.resize(2);
    snapshot.tasks[0].index = 1;
    snapshot.tasks[0].pid = 42;
    snapshot.tasks[0].program = "browser";
    snapshot.tasks[0].joined_ns = 900 * kSecond;
    snapshot.tasks[1].index = 2;
    snapshot.tasks[1].pid = 43;
    snapshot.tasks[1].program = "renderer";
    snapshot.modules[1].path = "/opt/libportolan.so.1";  // not there: frames have modules and offsets only
    snapshot.modules[2].path = "/opt/browser";
    snapshot.modules[3].path = "/lib/libc.so.6";
  }
  TaskInfo& task() { return snapshot.tasks[0]; }

  // A stack with these addresses in the program, called from libc, calling the library.
  uint32_t site(std::initializer_list<uint64_t> offsets) {
    const auto index = static_cast<uint32_t>(snapshot.sites.size() + 1);
    SiteInfo& site = snapshot.sites[index];
    site.frames.push_back(uint64_t{1} << 48 | 0x100);
    for (const uint64_t offset : offsets) site.frames.push_back(uint64_t{2} << 48 | offset);
    site.frames.push_back(uint64_t{3} << 48 | 0x200);
    return index;
  }
  PortInfo& port(uint64_t identity) {
    PortInfo& port = snapshot.ports[identity];
    port.identity = identity;
    port.active = true;
    return port;
  }
  NameInfo& name(uint32_t type, uint64_t port_identity, uint32_t urefs) {
    NameInfo name;
    name.name = static_cast<uint32_t>((task().names.size() + 1) << 8 | 3);
    name.type = type;
    name.port = port_identity;
    name.urefs = urefs;
    task().names.push_back(name);
    return task().names.back();
  }
  Acquired got(uint32_t site, uint32_t count, uint64_t when = 950 * kSecond) const {
    Acquired record;
    record.site = site;
    record.count = record.acquired = count;
    record.thread = 42;
    record.when_ns = when;
    return record;
  }
  std::vector<Finding> find(LeakOptions options = {}, std::vector<std::string> ignored = {}) {
    stacks = std::make_unique<Stacks>(snapshot, symbols, std::move(ignored));
    return find_leaks(snapshot, task(), *stacks, options, suppressions);
  }
  std::unique_ptr<Stacks> stacks;
};

TEST(Leaks, NothingHeldIsNoFinding) {
  Scene scene;
  EXPECT_TRUE(scene.find().empty());
}

TEST(Leaks, NineReferencesAreHeldTenArePiled) {
  for (const uint32_t count : {9u, 10u}) {
    Scene scene;
    scene.port(7).kobject = 1;
    scene.name(MACH_PORT_TYPE_SEND, 7, count).acquired = {scene.got(scene.site({0x10, 0x20}), count)};
    const std::vector<Finding> findings = scene.find();
    ASSERT_EQ(1u, findings.size());
    EXPECT_EQ(count == 10 ? Kind::piled : Kind::held, findings[0].kind);
    EXPECT_EQ(count, findings[0].references);
    EXPECT_EQ(1u, findings[0].names);
    EXPECT_EQ("THREAD-CONTROL", findings[0].kobject);
  }
}

TEST(Leaks, ThePileIsAnOption) {
  Scene scene;
  scene.port(7);
  scene.name(MACH_PORT_TYPE_SEND, 7, 3).acquired = {scene.got(scene.site({0x10}), 3)};
  LeakOptions options;
  options.pile = 3;
  EXPECT_EQ(Kind::piled, scene.find(options)[0].kind);
}

TEST(Leaks, StacksWithOneGuiltyLineAreOneFinding) {
  Scene scene;
  scene.port(7);
  const uint32_t one = scene.site({0x10, 0x20}), other = scene.site({0x10, 0x30}),
                 elsewhere = scene.site({0x11, 0x20});
  scene.name(MACH_PORT_TYPE_SEND, 7, 17).acquired = {scene.got(one, 12), scene.got(other, 4),
                                                     scene.got(elsewhere, 1)};
  const std::vector<Finding> findings = scene.find();
  ASSERT_EQ(2u, findings.size());
  EXPECT_EQ(Kind::piled, findings[0].kind);
  EXPECT_EQ(16u, findings[0].references);
  ASSERT_EQ(2u, findings[0].stacks.size());
  EXPECT_EQ(12u, findings[0].stacks[0].references);
  EXPECT_EQ(Kind::held, findings[1].kind);
  EXPECT_EQ(1u, findings[1].references);
}

TEST(Leaks, WorstComesFirst) {
  Scene scene;
  for (const uint32_t count : {20u, 500u, 30u}) {
    scene.port(count);
    scene.name(MACH_PORT_TYPE_SEND, count, count).acquired = {scene.got(scene.site({count}), count)};
  }
  const std::vector<Finding> findings = scene.find();
  ASSERT_EQ(3u, findings.size());
  EXPECT_EQ(500u, findings[0].references);
  EXPECT_EQ(20u, findings[2].references);
}

TEST(Leaks, SendAndDeadOfOneLineAreOneFinding) {
  Scene scene;
  scene.port(7).kobject = 1;
  scene.snapshot.ports[7].kobject_pid = 42;
  const uint32_t site = scene.site({0x10});
  scene.name(MACH_PORT_TYPE_SEND, 7, 8).acquired = {scene.got(site, 8)};
  NameInfo& dead = scene.name(MACH_PORT_TYPE_DEAD_NAME, 0, 5);
  dead.was_kobject = 1;
  dead.was_pid = 42;
  dead.acquired = {scene.got(site, 5)};
  const std::vector<Finding> findings = scene.find();
  ASSERT_EQ(1u, findings.size());
  EXPECT_EQ(13u, findings[0].references);
  EXPECT_EQ(1u, findings[0].rights.at("send").names);
  EXPECT_EQ(5u, findings[0].rights.at("dead").urefs);
  ASSERT_FALSE(findings[0].others.empty());
  EXPECT_TRUE(findings[0].others[0].self);
}

TEST(Leaks, ADeadNameIsALeakAfterTheGrace) {
  for (const uint64_t ago : {kSecond / 2, 3 * kSecond}) {
    Scene scene;
    NameInfo& dead = scene.name(MACH_PORT_TYPE_DEAD_NAME, 0, 1);
    dead.died_ns = scene.snapshot.taken_ns - ago;
    dead.acquired = {scene.got(scene.site({0x10}), 1)};
    const std::vector<Finding> findings = scene.find();
    ASSERT_EQ(1u, findings.size());
    EXPECT_EQ(ago > kSecond ? Kind::dead : Kind::held, findings[0].kind);
  }
}

TEST(Leaks, ARequestsReplyRightIsUnanswered) {
  Scene scene;
  scene.port(7);
  NameInfo reply;
  reply.name = 0x503;
  reply.type = MACH_PORT_TYPE_RECEIVE;
  reply.port = 7;
  scene.snapshot.tasks[1].names.push_back(reply);
  Acquired record = scene.got(scene.site({0x10}), 1);
  record.message_id = 2003;
  record.sender_pid = 43;
  scene.name(MACH_PORT_TYPE_SEND_ONCE, 7, 1).acquired = {record};
  const std::vector<Finding> findings = scene.find();
  ASSERT_EQ(1u, findings.size());
  EXPECT_EQ(Kind::unanswered, findings[0].kind);
  ASSERT_TRUE(findings[0].message);
  EXPECT_EQ(2003, findings[0].message->id);
  EXPECT_EQ("renderer", findings[0].message->sender);
  ASSERT_EQ(1u, findings[0].others.size());
  EXPECT_EQ("renderer", findings[0].others[0].program);
  EXPECT_EQ(MACH_PORT_TYPE_RECEIVE, findings[0].others[0].right);
}

TEST(Leaks, ASendOnceRightOfOnesOwnIsHeld) {
  Scene scene;
  scene.port(7);
  scene.name(MACH_PORT_TYPE_SEND_ONCE, 7, 1).acquired = {scene.got(scene.site({0x10}), 1)};
  EXPECT_EQ(Kind::held, scene.find()[0].kind);
}

TEST(Leaks, ReferencesThatNobodySawComeAreCountedToo) {
  Scene scene;
  scene.port(7);
  scene.name(MACH_PORT_TYPE_SEND, 7, 25);
  const std::vector<Finding> findings = scene.find();
  ASSERT_EQ(1u, findings.size());
  EXPECT_EQ(Kind::piled, findings[0].kind);
  EXPECT_EQ(25u, findings[0].references);
  EXPECT_FALSE(findings[0].stacks[0].stack->known);
}

TEST(Leaks, ReleasedIsKnownWhereSitesCount) {
  Scene scene;
  scene.port(7);
  const uint32_t site = scene.site({0x10});
  scene.name(MACH_PORT_TYPE_SEND, 7, 20).acquired = {scene.got(site, 20)};
  EXPECT_FALSE(scene.find()[0].released);
  scene.snapshot.sites[site].acquired = 50;
  const std::vector<Finding> findings = scene.find();
  EXPECT_EQ(50u, findings[0].acquired);
  ASSERT_TRUE(findings[0].released);
  EXPECT_EQ(30u, *findings[0].released);
}

TEST(Leaks, SteadyGrowthIsSaid) {
  Scene scene;
  const uint32_t site = scene.site({0x10});
  for (uint64_t i = 0; i < 50; i++) {
    scene.port(100 + i);
    scene.name(MACH_PORT_TYPE_SEND, 100 + i, 1).acquired = {scene.got(site, 1, (901 + 2 * i) * kSecond)};
  }
  const std::vector<Finding> findings = scene.find();
  ASSERT_EQ(1u, findings.size());
  EXPECT_TRUE(findings[0].growing);
  ASSERT_TRUE(findings[0].rate);
  EXPECT_NEAR(0.5, findings[0].rate->names, 0.02);
  EXPECT_NEAR(1.0, findings[0].rate->from, 0.01);
}

TEST(Leaks, WhatCameAtOnceDoesNotGrow) {
  Scene scene;
  const uint32_t site = scene.site({0x10});
  for (uint64_t i = 0; i < 50; i++) {
    scene.port(100 + i);
    scene.name(MACH_PORT_TYPE_SEND, 100 + i, 1).acquired = {scene.got(site, 1, 901 * kSecond + i)};
  }
  EXPECT_FALSE(scene.find()[0].growing);
  EXPECT_FALSE(scene.find()[0].rate);
}

TEST(Leaks, IgnoredFunctionsAreNotToBlame) {
  Scene scene;
  scene.port(7);
  const uint32_t site = scene.site({0x10, 0x20});
  scene.name(MACH_PORT_TYPE_SEND, 7, 20).acquired = {scene.got(site, 20)};
  ASSERT_NE(nullptr, scene.find()[0].guilty());
  EXPECT_EQ(0x10u, scene.find()[0].guilty()->offset);
}

TEST(Leaks, SuppressedStacksAreTakenOut) {
  Scene scene;
  scene.port(7).kobject = 1;
  scene.name(MACH_PORT_TYPE_SEND, 7, 20).acquired = {scene.got(scene.site({0x10}), 20)};
  SuppressionError error;
  ASSERT_TRUE(parse_suppressions("suppress \"known\"\n  kind piled\n  kobject THREAD-*\n", "file",
                                 scene.suppressions, error));
  const std::vector<Finding> findings = scene.find();
  ASSERT_EQ(1u, findings.size());
  EXPECT_EQ("known", findings[0].suppressed_by);
  EXPECT_NE(0u, scene.suppressions[0].used);
}

TEST(Leaks, AFiredRequestsReferenceIsNobodysFault) {
  Scene scene;
  NameInfo& dead = scene.name(MACH_PORT_TYPE_DEAD_NAME, 0, 2);
  dead.acquired = {scene.got(scene.site({0x10}), 1)};
  const std::vector<Finding> findings = scene.find();
  ASSERT_EQ(1u, findings.size());
  EXPECT_EQ(1u, findings[0].references);
}

}  // namespace
}  // namespace portolan::inspect
