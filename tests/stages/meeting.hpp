// SPDX-License-Identifier: Apache-2.0
// Two traps that meet on the same objects. What may come of them is not said here: it is what comes of them
// one after the other, in either order, each of them whole or dead at any of its instructions (pairs.hpp).
#pragma once

#include <atomic>
#include <span>

#include "proof/messages.hpp"
#include "proof/world.hpp"

namespace portolan::stages {

using proof::World;
using test::TestTask;

// What the traps report, in memory that outlives them.
struct Notes {
  std::atomic<int32_t> code[2];
  std::atomic<uint32_t> got[2];
};

class Meeting {
 public:
  Meeting(World& world, Notes& notes)
      : w(world), notes_(notes), a(world.task()), b(world.task()), c(world.task()) {}
  virtual ~Meeting() = default;
  Meeting(const Meeting&) = delete;
  Meeting& operator=(const Meeting&) = delete;

  virtual void stage() = 0;
  virtual void first() = 0;
  virtual void second() = 0;
  // Whose threads they run on.
  virtual TestTask& first_thread() { return a; }
  virtual TestTask& second_thread() { return b; }
  // Outcomes that no order explains are legal where a trap is several transactions by contract; which and why
  // is said where this is overridden.
  virtual bool ordered() const { return true; }

 protected:
  void note(unsigned side, int code, uint32_t got = 0) {
    notes_.code[side] = code;
    notes_.got[side] = got;
  }
  void note(unsigned side, TestTask::Received& received) {
    note(side, received.code,
         received.code == MACH_MSG_SUCCESS ? static_cast<uint32_t>(received.header().msgh_id) : 0);
  }

  World& w;
  Notes& notes_;
  TestTask &a, &b, &c;
};

struct ListedMeeting {
  const char* name;
  const char* about;
  std::unique_ptr<Meeting> (*make)(World& world, Notes& notes);
};
std::span<const ListedMeeting> meetings();

}  // namespace portolan::stages
