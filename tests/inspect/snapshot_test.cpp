// SPDX-License-Identifier: Apache-2.0
#include "inspect/snapshot.hpp"

#include <gtest/gtest.h>
#include <mach/port.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <random>
#include <sstream>

#include "inspect/corpse.hpp"
#include "inspect/ends.hpp"
#include "inspect/world.hpp"

namespace portolan::inspect {
namespace {

using test_inspect::Citizen;
using test_inspect::World;

const NameInfo* find(const TaskInfo& task, uint32_t name) {
  for (const NameInfo& info : task.names)
    if (info.name == name) return &info;
  return nullptr;
}

TEST(Snapshot, ShowsBothEndsOfAPortWithOneIdentity) {
  World world;
  const Citizen server = world.citizen("server", 100), client = world.citizen("client", 200);
  const ipc::Name port = world.receive(server);
  const ipc::Name first = world.give_send(server, port, client);
  const ipc::Name second = world.give_send(server, port, client);
  EXPECT_EQ(first.value, second.value);

  const Snapshot seen = snapshot(world.segment);
  const TaskInfo* owner = seen.task_of_pid(100);
  const TaskInfo* holder = seen.task_of_pid(200);
  ASSERT_NE(nullptr, owner);
  ASSERT_NE(nullptr, holder);
  EXPECT_EQ("server", owner->program);
  const NameInfo* receive = find(*owner, port.value);
  const NameInfo* send = find(*holder, first.value);
  ASSERT_NE(nullptr, receive);
  ASSERT_NE(nullptr, send);
  EXPECT_EQ(receive->port, send->port);
  EXPECT_EQ(MACH_PORT_TYPE_RECEIVE, receive->type);
  EXPECT_EQ(MACH_PORT_TYPE_SEND, send->type);
  EXPECT_EQ(2u, send->urefs);
  EXPECT_EQ(0u, receive->urefs);
  const PortInfo* info = seen.port(send->port);
  ASSERT_NE(nullptr, info);
  EXPECT_EQ(owner->index, info->receiver_task);
  EXPECT_EQ(port.value, info->receiver_name);
  EXPECT_EQ(1u, info->srights);
  EXPECT_EQ(static_cast<uint32_t>(MACH_PORT_QLIMIT_DEFAULT), info->limit);

  const Ends ends(seen);
  ASSERT_NE(nullptr, ends.receiver(send->port));
  EXPECT_EQ(owner, ends.receiver(send->port)->task);
  EXPECT_EQ(0u, ends.in_transit(*info));
}

TEST(Snapshot, ARightWhosePortHasDiedIsADeadName) {
  World world;
  const Citizen server = world.citizen("server", 100), client = world.citizen("client", 200);
  const ipc::Name port = world.receive(server);
  const ipc::Name send = world.give_send(server, port, client);
  ASSERT_EQ(KERN_SUCCESS, ipc::port_destroy_name(world.self, server.space, port));
  settle(world.self);

  const Snapshot seen = snapshot(world.segment);
  const NameInfo* dead = find(*seen.task_of_pid(200), send.value);
  ASSERT_NE(nullptr, dead);
  EXPECT_EQ(MACH_PORT_TYPE_DEAD_NAME, dead->type);
  EXPECT_EQ(0u, dead->port);
  EXPECT_EQ(0u, dead->was_kobject);
  EXPECT_EQ(100u, dead->was_pid);
  EXPECT_EQ(nullptr, find(*seen.task_of_pid(100), port.value));
}

TEST(Snapshot, SetsHaveMembers) {
  World world;
  const Citizen server = world.citizen("server", 100);
  const ipc::Name port = world.receive(server);
  ipc::Name set;
  ASSERT_EQ(KERN_SUCCESS, ipc::port_allocate(world.self, server.space, MACH_PORT_RIGHT_PORT_SET, set));
  ASSERT_EQ(KERN_SUCCESS, ipc::port_insert_member(world.self, server.space, port, set));

  const Snapshot seen = snapshot(world.segment);
  const TaskInfo& task = *seen.task_of_pid(100);
  const PortInfo* info = seen.port(find(task, set.value)->port);
  ASSERT_NE(nullptr, info);
  EXPECT_TRUE(info->is_set);
  ASSERT_EQ(1u, info->members.size());
  EXPECT_EQ(find(task, port.value)->port, info->members[0]);
}

TEST(Snapshot, TaskPortsAreKnownByTheTaskBehind) {
  World world;
  const Citizen one = world.citizen("one", 100);
  mach_port_name_t name = task_self(world.self, one.task, one.space);
  ASSERT_NE(MACH_PORT_NULL, name);
  const Snapshot seen = snapshot(world.segment);
  const NameInfo* self = find(*seen.task_of_pid(100), name);
  ASSERT_NE(nullptr, self);
  const PortInfo* port = seen.port(self->port);
  ASSERT_NE(nullptr, port);
  EXPECT_EQ(2u, port->kobject);
  EXPECT_EQ(100u, port->kobject_pid);

  const Ends ends(seen);
  const std::vector<Holder> holders = trace(seen, ends, *seen.task_of_pid(100));
  ASSERT_FALSE(holders.empty());
  bool itself = false;
  for (const Holder& holder : holders)
    itself = itself || (holder.self && holder.kobjects.contains("TASK-CONTROL"));
  EXPECT_TRUE(itself);
}

TEST(Snapshot, OneTaskAloneComesWithTheNamesThatItShares) {
  World world;
  const Citizen server = world.citizen("server", 100), client = world.citizen("client", 200);
  const ipc::Name shared = world.receive(server), own = world.receive(client);
  world.give_send(server, shared, client);
  Wanted wanted;
  wanted.only_task = server.task.index;
  const Snapshot seen = snapshot(world.segment, wanted);
  ASSERT_NE(nullptr, seen.task_of_pid(200));
  EXPECT_EQ(nullptr, find(*seen.task_of_pid(200), own.value));
  EXPECT_EQ(1u, seen.task_of_pid(200)->names.size());
}

TEST(Snapshot, ACorpseReadsBackAsItWasWritten) {
  World world;
  const Citizen server = world.citizen("ser\"v\xe4r", 100), client = world.citizen("client", 200);
  const ipc::Name port = world.receive(server);
  const ipc::Name send = world.give_send(server, port, client);
  const std::string path = testing::TempDir() + "/" + corpse_name(100, server.task.index);
  ASSERT_TRUE(write_corpse(world.segment, server.task.index, path.c_str()));
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  std::remove(path.c_str());
  std::string problem;
  const std::optional<Corpse> corpse = read_corpse(text.str(), problem);
  ASSERT_TRUE(corpse) << problem;
  ASSERT_NE(nullptr, corpse->dead());
  EXPECT_EQ("ser\"v\xe4r", corpse->dead()->program);
  const NameInfo* receive = find(*corpse->dead(), port.value);
  ASSERT_NE(nullptr, receive);
  const Ends ends(corpse->snapshot);
  ASSERT_EQ(2u, ends.of(receive->port).size());
  EXPECT_EQ(send.value, ends.of(receive->port)[1].name->name);
  EXPECT_EQ(text.str(), corpse_text(corpse->snapshot, corpse->task));
}

TEST(Snapshot, WhatIsNoCorpseIsAProblemInWords) {
  for (const char* text :
       {"", "{", "[]", "{}", "{\"schema\":\"portolan.corpse/9\"}", "{\"schema\":\"portolan.corpse/1\"}",
        "{\"schema\":\"portolan.corpse/1\",\"boot\":3}"}) {
    std::string problem;
    EXPECT_FALSE(read_corpse(text, problem)) << text;
    EXPECT_FALSE(problem.empty()) << text;
  }
}

TEST(Snapshot, AFileThatCannotBeWrittenIsNoDeath) {
  World world;
  const Citizen one = world.citizen("one", 100);
  EXPECT_FALSE(write_corpse(world.segment, one.task.index, "/nonexistent/directory/corpse.json"));
  // Nor is a link followed that has its temporary name.
  const std::string corpse = testing::TempDir() + "corpse-by-link.json", precious = corpse + ".precious";
  std::ofstream(precious) << "precious";
  ASSERT_EQ(0, symlink(precious.c_str(), (corpse + ".part").c_str()));
  EXPECT_FALSE(write_corpse(world.segment, one.task.index, corpse.c_str()));
  std::string kept;
  std::ifstream(precious) >> kept;
  EXPECT_EQ("precious", kept);
  unlink((corpse + ".part").c_str());
  unlink(precious.c_str());
}

// Damage may yield anything but a crash or an endless loop. The header stays whole: a view checks it.
TEST(Snapshot, SurvivesDamage) {
  for (unsigned seed = 1; seed <= 60; seed++) {
    World world;
    const Citizen server = world.citizen("server", 100), client = world.citizen("client", 200);
    for (int i = 0; i < 5; i++) world.give_send(server, world.receive(server), client);
    std::minstd_rand random(seed);
    const uint64_t first = world.segment.header().slots_base;
    std::vector<uint64_t> places;
    for (unsigned id = 1; id < kMaxZones; id++) {
      const ZoneState& zone = world.segment.zone(id);
      for (uint32_t i = 1; zone.element_size != 0 && i < zone.carved; i++)
        for (unsigned word = 0; word + 4 <= zone.element_size && word < 256; word += 4)
          places.push_back(zone.base + uint64_t{i} * zone.element_size + word);
    }
    for (unsigned i = 0; i < 400; i++) {
      const uint64_t at = i % 8 == 0 ? first + random() % 40000 / 4 * 4 : places[random() % places.size()];
      const uint32_t junk =
          i % 3 == 0 ? static_cast<uint32_t>(random()) : static_cast<uint32_t>(random() % 64);
      std::memcpy(world.segment.base() + at, &junk, sizeof junk);
    }
    const Snapshot seen = snapshot(world.segment);
    const Ends ends(seen);
    for (const TaskInfo& task : seen.tasks) trace(seen, ends, task);
    corpse_text(seen, 1);
  }
}

}  // namespace
}  // namespace portolan::inspect
