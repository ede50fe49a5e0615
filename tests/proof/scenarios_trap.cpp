// SPDX-License-Identifier: Apache-2.0
// The C functions themselves, entered as a program enters them: the process that is stepped becomes one that
// has joined, as task `a`.
#include <string.h>
#include <sys/auxv.h>

#include <new>

#include "proof/messages.hpp"
#include "proof/scenario.hpp"
#include "traps/founder.hpp"
#include "traps/process.hpp"
#include "traps/runtime.hpp"
#include "traps/sites.hpp"
#include "traps/trap.hpp"

namespace portolan::proof {

namespace {

class Joined : public Scenario {
 public:
  using Scenario::Scenario;
  // The CPU that a thread last trapped on is noted.
  bool differs_each_time() const override { return true; }
  void stage() override {
    runtime_init();
    // Another one than it runs on, so that it is noted.
    a.thread().slot().cpu.store(UINT32_MAX);
    task_port = task_self(a.thread(), a.handle(), a.space());
    prepare();
  }
  void trap() override {
    join();
    call();
  }

 protected:
  virtual void prepare() {}
  virtual void call() = 0;
  // The page of Process is wiped in every child, so that this concerns none but the one that is stepped.
  void join() {
    Process& process = *g_process;
    new (&process.segment) Segment{};
    process.segment.view(w.segment().base(), w.segment().size());
    founder_install(process.segment);
    process.task = a.handle();
    process.space = a.space();
    process.task_port = w.segment().at(a.handle()).port;
    process.state = portolan::Joined::joined;
    process.epoch.store(kEpoch);
    memcpy(static_cast<void*>(&t_context.thread), &a.thread(), sizeof(Thread));
    t_context.epoch = kEpoch;
    // Not of this process, which may be a task of a real domain: a look after launchd, which nobody here is,
    // ends tasks that have no process.
    t_context.trap_count = 0;
  }
  static constexpr uint64_t kEpoch = 7;
  mach_port_name_t task_port = 0;
};

// In a handler that the library knows nothing of, on top of a trap that sleeps.
class Nested : public Joined {
 public:
  using Joined::Joined;
  std::vector<std::string> outcomes() const override { return {"before", "allocated"}; }
  unsigned outcome(Judge&) override { return w.names(a, ipc::kTypeReceive); }

 protected:
  void call() override {
    // The trap below lies beyond every frame of this stack, so that nothing tells that it is gone.
    auto* below = reinterpret_cast<uintptr_t*>((getauxval(AT_EXECFN) + 7) & ~uintptr_t{7});
    *below = reinterpret_cast<uintptr_t>(&t_context);
    t_context.section = 1;
    t_context.section_sp = reinterpret_cast<uintptr_t>(below);
    t_context.thread.sleeps = true;
    mach_port_name_t name = 0;
    mach_port_allocate(task_port, MACH_PORT_RIGHT_RECEIVE, &name);
    t_context.section = 0;
  }
};

// After a jump out of a trap that had something in hand.
class AfterJump : public Joined {
 public:
  using Joined::Joined;
  std::vector<std::string> outcomes() const override { return {"before", "allocated"}; }
  unsigned outcome(Judge& judge) override {
    const unsigned told = w.queued(w.port(b, reply), MACH_NOTIFY_SEND_ONCE);
    judge.expect(told == 1, "the right in hand has vanished");
    const unsigned allocated = w.names(a, ipc::kTypeReceive);
    return allocated;
  }

 protected:
  void prepare() override {
    reply = b.allocate();
    const mach_port_name_t once = b.give(reply, kMakeSendOnce, a);
    ipc::NakedRight right;
    World::require(
        ipc::right_take(a.thread(), a.space(), ipc::Name{once}, kMoveSendOnce, right) == KERN_SUCCESS,
        "a right in hand");
  }
  void call() override {
    t_context.section = 1;
    t_context.section_sp = 0;  // what lay there lies there no more
    mach_port_name_t name = 0;
    mach_port_allocate(task_port, MACH_PORT_RIGHT_RECEIVE, &name);
  }

 private:
  mach_port_name_t reply = 0;
};

// The stack that allocates is recorded: the first of this domain.
class Recorded : public Joined {
 public:
  using Joined::Joined;
  std::vector<std::string> outcomes() const override { return {"before", "allocated"}; }
  bool same_portraits() const override { return false; }
  bool keeps_elements() const override { return true; }
  unsigned outcome(Judge&) override { return w.names(a, ipc::kTypeReceive); }

 protected:
  void prepare() override {
    w.segment().header().flags.fetch_or(kDomainSites);
    g_record_site = record_site;
  }
  void call() override {
    mach_port_name_t name = 0;
    mach_port_allocate(task_port, MACH_PORT_RIGHT_RECEIVE, &name);
  }
};

// A thread of the process traps for the first time, and leaves.
class FirstTrap : public Joined {
 public:
  using Joined::Joined;
  std::vector<std::string> outcomes() const override { return {"before", "allocated"}; }
  uint32_t victim() override { return slot; }
  unsigned outcome(Judge& judge) override {
    judge.equal(1, w.segment().at(a.handle()).threads.get(), "threads of the task");
    return w.names(a, ipc::kTypeReceive);
  }

 protected:
  void prepare() override { slot = w.segment().header().threads_high.load(); }
  void call() override {
    new (&t_context.thread) Thread{};
    t_context.epoch = 0;
    mach_port_name_t name = 0;
    mach_port_allocate(task_port, MACH_PORT_RIGHT_RECEIVE, &name);
    runtime_leave(t_context);
  }

 private:
  uint32_t slot = 0;
};

// launchd is told that there is something to look at.
class Tell : public Joined {
 public:
  using Joined::Joined;
  std::vector<std::string> outcomes() const override { return {"before", "told"}; }
  bool same_portraits() const override { return false; }
  unsigned outcome(Judge&) override { return w.segment().header().deaths.load() != 0; }

 protected:
  void call() override { ring_launchd(w.segment()); }
};

constexpr Listed kTrap[] = {
    {"trap-nested", "on top of another trap", make_scenario<Nested>, "mach_port_allocate"},
    {"trap-after-jump", "after a jump out of another trap", make_scenario<AfterJump>, "mach_port_allocate"},
    {"trap-recorded", "with the stack recorded", make_scenario<Recorded>, "mach_port_allocate"},
    {"trap-first", "the first of a thread, and its end", make_scenario<FirstTrap>, "mach_port_allocate"},
    {"tell-launchd", "as a process joins", make_scenario<Tell>, "join"},
};

}  // namespace

std::span<const Listed> trap_scenarios() { return kTrap; }

}  // namespace portolan::proof
