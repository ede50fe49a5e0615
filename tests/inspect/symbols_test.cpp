// SPDX-License-Identifier: Apache-2.0
// Symbols of this very program; and recording its stacks.
#include "inspect/symbols.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "inspect/stacks.hpp"
#include "inspect/world.hpp"
// The recorder is part of the traps, which are not linked here: they would put themselves in front of libc.
#include "traps/sites.cpp"
#include "traps/sites_modules.cpp"

// Not Portolan's own, whose frames a stack leaves out.
namespace recording {

using portolan::record_site;
using portolan::Thread;

__attribute__((noinline)) uint32_t record_here(Thread& self) {
  const uint32_t site = record_site(self);
  __asm__ volatile("");
  return site;
}
constexpr int kRecordLine = __LINE__ - 4;

__attribute__((noinline)) uint32_t record_deep(Thread& self, int depth) {
  const uint32_t site = depth == 0 ? record_here(self) : record_deep(self, depth - 1);
  __asm__ volatile("");
  return site;
}

}  // namespace recording

namespace portolan::inspect {
namespace {

using recording::kRecordLine;
using recording::record_deep;
using recording::record_here;

using test_inspect::World;

// Gives a name this site, so that a snapshot takes the stack along.
Snapshot with_site(World& world, uint32_t site) {
  const test_inspect::Citizen one = world.citizen("one", static_cast<uint32_t>(getpid()));
  world.self.site = site;
  world.receive(one);
  world.self.site = 0;
  return snapshot(world.segment);
}

TEST(Sites, TheSameStackIsTheSameSite) {
  World world;
  std::vector<uint32_t> sites;
  for (int i = 0; i < 4; i++) {
    __asm__ volatile("" : "+r"(i));  // not unrolled: one place that calls
    if (i == 2) sites_forget();      // the segment knows it, too
    sites.push_back(record_here(world.self));
  }
  EXPECT_NE(0u, sites[0]);
  for (const uint32_t site : sites) EXPECT_EQ(sites[0], site);
  EXPECT_NE(sites[0], record_here(world.self));  // another line
}

TEST(Sites, AnotherSegmentHasItsOwn) {
  for (int i = 0; i < 3; i++) {
    World world;
    sites_forget();
    const uint32_t site = record_here(world.self);
    ASSERT_NE(0u, site);
    EXPECT_FALSE(with_site(world, site).sites.empty());
  }
}

TEST(Sites, LeadBackToTheLine) {
  World world;
  sites_forget();
  const uint32_t site = record_here(world.self);
  const Snapshot seen = with_site(world, site);
  Symbols symbols;
  Stacks stacks(seen, symbols);
  const Stack& stack = stacks.of(site);
  ASSERT_TRUE(stack.known);
  EXPECT_FALSE(stack.cut);
  bool found = false;
  for (const Frame& frame : stack.frames) {
    if (function_name(frame).find("record_here") == std::string::npos) continue;
    found = true;
    EXPECT_EQ("symbols_test.cpp", base_name(frame.file));
    EXPECT_NEAR(kRecordLine, static_cast<int>(frame.line), 1);
    EXPECT_FALSE(frame.build_id.empty());
  }
  std::string all;
  for (const Frame& frame : stack.frames) all += frame.function + " " + frame.file + "\n";
  EXPECT_TRUE(found) << all;
}

TEST(Sites, DeepStacksAreCutAndSaySo) {
  World world;
  sites_forget();
  const uint32_t deep = record_deep(world.self, 100);
  ASSERT_NE(0u, deep);
  const Snapshot seen = with_site(world, deep);
  ASSERT_TRUE(seen.sites.contains(deep));
  EXPECT_TRUE(seen.sites.at(deep).cut);
  EXPECT_EQ(size_t{ipc::kSiteFrames}, seen.sites.at(deep).frames.size());
}

TEST(Sites, WithoutMemoryThereIsNoSite) {
  World world;
  sites_forget();
  world.segment.populate_budget = 0;
  EXPECT_EQ(0u, record_here(world.self));
  world.segment.populate_budget = -1;
  EXPECT_NE(0u, record_here(world.self));
}

TEST(Symbols, UnknownModulesSayWhereTheyLie) {
  Symbols symbols;
  const std::vector<Frame> frames = symbols.resolve({"/nonexistent/libfoo.so", "00ff"}, 0x12ab);
  ASSERT_EQ(1u, frames.size());
  EXPECT_EQ("libfoo.so+0x12ab", function_text(frames[0]));
  EXPECT_EQ("", place_text(frames[0]));
}

TEST(Symbols, AFileThatHasChangedIsNotAsked) {
  char path[512];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  ASSERT_GT(length, 0);
  path[length] = 0;
  Symbols symbols;
  const std::vector<Frame> frames =
      symbols.resolve({path, "0123456789abcdef0123456789abcdef01234567"}, 0x2000);
  EXPECT_EQ("", frames[0].function);
  ASSERT_EQ(1u, symbols.changed().size());
  EXPECT_EQ(path, symbols.changed()[0]);
}

}  // namespace
}  // namespace portolan::inspect
