// SPDX-License-Identifier: Apache-2.0
// A process that does what it is told: it is stepped, instruction by instruction, parked, let go on, killed;
// and where it is parked it can be made to branch into twins, each of which goes on from that instruction
// with private memory of its own. The segment is shared by all: whoever lets a twin go on has put the
// segment to where it was when the twin was parked.
//
// Puppets die with their master.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace portolan::stages {

class Puppet {
 public:
  enum class Stop {
    parked,  // has done one more instruction
    asleep,  // in a system call that does not return
    ended,
    failed,  // `failure` says why
  };

  // Parked right before `body`.
  static std::unique_ptr<Puppet> make(const std::function<void()>& body);
  ~Puppet();
  Puppet(const Puppet&) = delete;
  Puppet& operator=(const Puppet&) = delete;

  // One instruction. After `asleep` another call waits for the same one to end.
  Stop step();
  std::unique_ptr<Puppet> twin();
  void go_on();
  // Of one that goes on: until it has ended, or `waits` says that it waits and Linux that it sleeps. A step
  // that sleeps is no case for this.
  Stop rest(const std::function<bool()>& waits);
  void die();

  bool alive() const { return pid_ > 0; }
  // Would the next instruction be a system call?
  bool before_call() const;
  uintptr_t instruction() const;
  const std::string& failure() const { return failure_; }

 private:
  explicit Puppet(pid_t pid) : pid_(pid) {}
  Stop fail(const std::string& what);
  Stop ended(int status);

  pid_t pid_;
  bool stepping_ = false;  // has not come back from its step
  std::string failure_;
};

}  // namespace portolan::stages
