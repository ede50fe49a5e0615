// SPDX-License-Identifier: Apache-2.0
// The domain that a scenario plays in: the whole kernel, namespace and tasks included, with three tasks of
// one thread each, a launchd, and an heir that takes over where launchd or a peer is to act besides. And
// eyes: functions that look at the kernel's objects by the names that tasks have for them, without touching
// anything.
//
// By custom, `a` is the task that dies.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bootstrap/namespace.hpp"
#include "ipc/objects.hpp"
#include "support/domain.hpp"
#include "task/task.hpp"

namespace portolan::proof {

using ipc::Port;
using test::TestTask;

class World {
 public:
  World();
  ~World() = delete;  // its process ends first
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  test::TestDomain& domain() { return *domain_; }
  Segment& segment() { return domain_->segment(); }
  Thread& launchd() { return domain_->launchd(); }
  Thread& heir() { return heir_; }
  // Who recovers and ends tasks: launchd, or the heir once launchd is dead too.
  Thread& reaper() { return *reaper_; }
  void set_reaper(Thread& thread) { reaper_ = &thread; }
  std::vector<std::unique_ptr<TestTask>>& tasks() { return tasks_; }

  // -- staging; every failure is fatal, for a scenario that does not come about proves nothing
  TestTask& task();
  // Another thread of the same task, to be handled like a task of its own.
  TestTask* task_thread(TestTask& task);
  // The task sleeps in this call from now on: a process of its own makes the call and is stopped for good.
  void put_to_sleep(TestTask& task, const std::function<void()>& call);
  // Another process makes this call, and dies in it.
  static void die_in(const std::function<void()>& call);
  // Its name for its bootstrap port.
  mach_port_name_t bootstrap_port(TestTask& task);
  // No name more for it: its table may not grow, and is full of dead names.
  void fill_table(TestTask& task);
  // No message can be made any more, until they are allowed again: all that there are wait in a queue of this
  // task's.
  void use_up_messages(TestTask& task);
  void allow_messages();
  static void require(bool staged, const char* what);

  // -- ending
  // The reaper brings a task to its end, its dead thread first.
  void end_task(TestTask& task);
  // How many elements of each zone are allocated, and how many thread slots are taken.
  std::vector<uint32_t> census();
  const std::vector<uint32_t>& fresh() const { return fresh_; }  // of the domain without tasks

  // -- looking
  const Segment& segment() const { return domain_->segment(); }
  // The element behind a name; nullptr: no such name, or not of that kind.
  const ipc::Entry* entry(TestTask& task, mach_port_name_t name);
  const Port* port(TestTask& task, mach_port_name_t name);
  uint32_t type(TestTask& task, mach_port_name_t name);
  uint32_t urefs(TestTask& task, mach_port_name_t name);
  unsigned names(TestTask& task, uint32_t type);  // how many names with all these rights
  uint32_t table_size(TestTask& task);
  bool space_alive(TestTask& task);
  // Messages in a queue, by id; -1: any.
  unsigned queued(const Port* port, int32_t id = -1);
  const ipc::Kmsg* first_queued(const Port* port);
  const Frame& frame(TestTask& task);
  bool sleeps(TestTask& task);  // still on a list
  // Of messages: bodies, and memory out of line.
  unsigned pieces();
  // The message that a waiting task was given; nullptr: none yet.
  const ipc::Kmsg* given(TestTask& task);

 private:
  std::unique_ptr<test::TestDomain> domain_;
  Thread heir_;
  Thread* reaper_ = nullptr;
  std::vector<std::unique_ptr<TestTask>> tasks_;
  std::vector<uint32_t> fresh_;
  uint32_t capacity_ = 0;  // of the zone of messages, while they are used up
};

// Small: copied and compared thousands of times.
Geometry proof_geometry();

}  // namespace portolan::proof
