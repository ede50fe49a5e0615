// SPDX-License-Identifier: Apache-2.0
// A scenario: what is staged, the trap whose caller dies, and what may have come of it. One class each,
// listed in a table of its family; main.cpp knows the families.
//
// The outcomes are said in the order in which they can come about: recovery of a later state never leads to
// an earlier one, the first state to the first and the last to the last. Of the copies that lead to the same
// outcome all must look the same to every program (portrait.hpp), notifications included.
#pragma once

#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "proof/world.hpp"

namespace portolan::proof {

// Collects what is wrong with a recovered copy.
class Judge {
 public:
  void expect(bool holds, const std::string& what) {
    if (!holds) wrong_.push_back(what);
  }
  template <class T, class U>
  void equal(const T& wanted, const U& found, const std::string& what) {
    if (static_cast<long long>(wanted) == static_cast<long long>(found)) return;
    wrong_.push_back(what + ": " + std::to_string(found) + ", not " + std::to_string(wanted));
  }
  const std::vector<std::string>& wrong() const { return wrong_; }

 private:
  std::vector<std::string> wrong_;
};

class Scenario {
 public:
  explicit Scenario(World& world) : w(world), a(world.task()), b(world.task()), c(world.task()) {}
  virtual ~Scenario() = default;
  Scenario(const Scenario&) = delete;
  Scenario& operator=(const Scenario&) = delete;

  virtual std::vector<std::string> outcomes() const = 0;
  // Before the trap.
  virtual void stage() = 0;
  // What is stepped, in a process of its own.
  virtual void trap() = 0;
  // The trap sleeps for good: a peer does what ends that. The n-th time, from 0.
  virtual void asleep(unsigned) {}
  virtual bool may_sleep() const { return false; }
  // The clock decides how many instructions it takes.
  virtual bool takes_time() const { return false; }
  // The segment holds times, or the like, that are others in each run: real kills are recovered, but not
  // compared.
  virtual bool differs_each_time() const { return false; }
  // What is staged is unsound by itself: somebody has died in it.
  virtual bool staged_unsound() const { return false; }
  // It cannot be believed: recovery has to count that.
  virtual bool staged_damage() const { return false; }
  // No message can be made until afterwards(): who needs one is refused.
  virtual bool staged_without_messages() const { return false; }
  // After each step of the trap: what a peer does at that very moment.
  virtual void meanwhile() {}
  // The slot of the thread that runs the trap.
  virtual uint32_t victim() { return a.thread().index(); }
  // What is to be recovered besides the victim, by launchd's ordinary means: a task of which the victim was
  // the reaper.
  virtual void afterwards() {}
  // In the end: what the scenario has made besides the world's own tasks.
  virtual void clear_away() {}
  // What is made is never freed: recorded stacks.
  virtual bool keeps_elements() const { return false; }
  // Index into outcomes(), seen in a recovered copy; complaints go to the judge. Looks, and changes nothing.
  virtual unsigned outcome(Judge& judge) = 0;
  // Is the portrait decided by the outcome? Not where recovery may legally notice something early or late.
  virtual bool same_portraits() const { return true; }

 protected:
  // What a trap answered that no TestTask makes.
  void answer(int code) { w.domain().last_answer = code; }

  World& w;
  TestTask &a, &b, &c;
};

struct Listed {
  const char* name;
  const char* about;
  std::unique_ptr<Scenario> (*make)(World& world);
  const char* trap = nullptr;  // the C function, or what else its caller does
};

template <class T>
std::unique_ptr<Scenario> make_scenario(World& world) {
  return std::make_unique<T>(world);
}

// The families.
std::span<const Listed> send_scenarios();
std::span<const Listed> receive_scenarios();
std::span<const Listed> right_scenarios();
std::span<const Listed> notify_scenarios();
std::span<const Listed> bootstrap_scenarios();
std::span<const Listed> job_scenarios();
std::span<const Listed> task_scenarios();
std::span<const Listed> semaphore_scenarios();
std::span<const Listed> fileport_scenarios();
std::span<const Listed> kernel_scenarios();
std::span<const Listed> port_scenarios();
std::span<const Listed> set_scenarios();
std::span<const Listed> watch_scenarios();
std::span<const Listed> guarded_scenarios();
std::span<const Listed> room_scenarios();
std::span<const Listed> child_scenarios();
std::span<const Listed> damage_scenarios();
std::span<const Listed> busy_scenarios();
std::span<const Listed> site_scenarios();
std::span<const Listed> exception_scenarios();
// All of these: what every proof that is about scenarios is about.
std::vector<Listed> all_scenarios();
// Through the library's own functions, which only killpoints has inside.
std::span<const Listed> trap_scenarios();

}  // namespace portolan::proof
