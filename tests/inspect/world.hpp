// SPDX-License-Identifier: Apache-2.0
// A small domain in anonymous memory with tasks that are only names: for tests that read a real segment.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>

#include "ipc/kernel.hpp"
#include "ipc/mach_port.hpp"
#include "task/task.hpp"
#include "traps/founder.hpp"

namespace portolan::test_inspect {

struct Citizen {
  Handle<ipc::Task> task;
  Handle<ipc::Space> space;
  uint32_t pid = 0;
};

class World {
 public:
  World() {
    const Geometry geometry = ipc::small_geometry();
    length_ = Segment::span(geometry);
    memory_ =
        mmap(nullptr, length_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    segment.format(memory_, geometry);
    founder_install(segment);
    EXPECT_TRUE(self.attach(segment, 0));
    EXPECT_EQ(KERN_SUCCESS, founder_furnish(self));
  }
  ~World() { munmap(memory_, length_); }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Citizen citizen(const char* program, uint32_t pid) {
    ProcessFacts facts;
    facts.pid = pid;
    std::strncpy(facts.program, program, sizeof facts.program - 1);
    Citizen made;
    made.pid = pid;
    EXPECT_EQ(KERN_SUCCESS, task_create(self, facts, {}, made.task));
    made.space = Handle<ipc::Space>{segment.at(made.task).space};
    return made;
  }
  // A receive right, and how many send rights to it `holder` has under one name.
  ipc::Name receive(const Citizen& owner) {
    ipc::Name name;
    EXPECT_EQ(KERN_SUCCESS, ipc::port_allocate(self, owner.space, MACH_PORT_RIGHT_RECEIVE, name));
    return name;
  }
  ipc::Name give_send(const Citizen& owner, ipc::Name port, const Citizen& holder) {
    ipc::Name name;
    mach_msg_type_name_t type = 0;
    EXPECT_EQ(KERN_SUCCESS, ipc::port_extract_right(self, owner.space, port, MACH_MSG_TYPE_MAKE_SEND,
                                                    holder.space, name, type));
    return name;
  }

  Segment segment;
  Thread self;

 private:
  void* memory_ = nullptr;
  uint64_t length_ = 0;
};

}  // namespace portolan::test_inspect
