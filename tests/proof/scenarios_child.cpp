// SPDX-License-Identifier: Apache-2.0
// Children and what is handed on to them, special ports, and threads of which Linux alone knows that they are
// gone.
#include <mach/task_special_ports.h>
#include <unistd.h>

#include "proof/messages.hpp"
#include "proof/reaping.hpp"
#include "segment/recovery.hpp"
#include "task/reaper.hpp"

namespace portolan::proof {

namespace {

constexpr uint32_t kNobody = 0x3fffffff;  // beyond what Linux gives out: nobody alive
constexpr uint64_t kNonce = 99;

// -- embryos

class Embryos : public Scenario {
 public:
  using Scenario::Scenario;
  bool differs_each_time() const override { return true; }
  void clear_away() override {
    for (uint32_t i = 1; i < w.segment().zone(ipc::kZoneTask).carved; i++) {
      const Handle<ipc::Task> task{i};
      if (w.segment().at(task).allocated()) embryo_free(w.reaper(), task, 0);
    }
    settle(w.reaper());
  }

 protected:
  unsigned tasks() { return w.domain().in_use(ipc::kZoneTask); }
  void make() {
    World::require(embryo_make(a.thread(), a.handle(), kNonce, 0, embryo) == KERN_SUCCESS, "an embryo");
  }
  Handle<ipc::Task> embryo;
};

class MakeEmbryo : public Embryos {
 public:
  using Embryos::Embryos;
  std::vector<std::string> outcomes() const override { return {"before", "made"}; }
  void stage() override {}
  void trap() override {
    answer(embryo_make(a.thread(), a.handle(), kNonce, 0, embryo));
    settle(a.thread());
  }
  unsigned outcome(Judge&) override { return tasks() - 3; }
};

class NameEmbryo : public Embryos {
 public:
  using Embryos::Embryos;
  std::vector<std::string> outcomes() const override { return {"before", "its process is known"}; }
  void stage() override { make(); }
  void trap() override { embryo_set_pid(a.thread(), embryo, kNonce, 4711); }
  unsigned outcome(Judge&) override { return w.segment().at(embryo).credentials.pid == 4711; }
};

class FreeEmbryo : public Embryos {
 public:
  using Embryos::Embryos;
  std::vector<std::string> outcomes() const override { return {"before", "freed"}; }
  void stage() override { make(); }
  void trap() override {
    embryo_free(a.thread(), embryo, kNonce);
    answer(KERN_SUCCESS);  // the rest is work, which waits for its memory
    settle(a.thread());
  }
  unsigned outcome(Judge&) override { return 4 - tasks(); }
};

// -- tasks

// A task without a parent gets the namespace of the domain.
class CreateOrphan : public Reaping {
 public:
  using Reaping::Reaping;
  std::vector<std::string> outcomes() const override { return {"no task", "a task"}; }
  bool differs_each_time() const override { return true; }
  void stage() override {}
  void trap() override {
    ProcessFacts facts;
    facts.pid = 4711;
    Handle<ipc::Task> task;
    answer(task_create(other, facts, {}, task));
    settle(other);
  }
  unsigned outcome(Judge& judge) override {
    judge.equal(w.domain().in_use(ipc::kZoneTask), w.domain().in_use(ipc::kZoneSpace), "spaces");
    return w.domain().in_use(ipc::kZoneTask) - 3;
  }
  void clear_away() override {
    if (const Handle<ipc::Task> left = task_of_pid(w.segment(), 4711).handle)
      task_terminate(w.reaper(), left);
    settle(w.reaper());
  }
};

class Flag : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override { return {"before", "flagged"}; }
  void stage() override {}
  void trap() override { task_flag(a.thread(), a.handle(), ipc::kTaskExecing, true); }
  unsigned outcome(Judge&) override { return (w.segment().at(a.handle()).flags & ipc::kTaskExecing) != 0; }
};

// A process of the same id joins: the task that had it before was replaced by an exec.
class BuryPrevious : public Reaping {
 public:
  using Reaping::Reaping;
  std::vector<std::string> outcomes() const override {
    return {"before", "marked", "its threads are dead, too"};
  }
  void stage() override {
    ThreadSlot& slot = w.segment().slot(a.thread().index());
    slot.tid.store(kNobody);
    w.segment().life(a.thread().index()).word.store(kNobody);
  }
  void trap() override { task_bury_previous(other, w.segment().at(a.handle()).credentials.pid); }
  unsigned outcome(Judge& judge) override {
    const bool marked = (w.segment().at(a.handle()).flags & ipc::kTaskExecing) != 0;
    const bool dead = w.segment().slot(a.thread().index()).state.load() == kSlotFree;
    judge.expect(marked || !dead, "dead before it is marked");
    return marked + dead;
  }
};

// One round of launchd's: a slot that bears the id of a thread that died as it came, and another whose thread
// is gone without a mark.
class Sweep : public Reaping {
 public:
  using Reaping::Reaping;
  std::vector<std::string> outcomes() const override { return {"swept"}; }
  void stage() override {
    Segment& segment = w.segment();
    for (auto& task : w.tasks()) {
      auto& credentials = segment.at(task->handle()).credentials;
      credentials.pid.init(static_cast<uint32_t>(getpid()));
    }
    Thread probe;
    World::require(probe.attach(segment, 0), "a thread");
    free_slot = probe.index();
    probe.detach();
    segment.slot(free_slot).tid.store(kNobody);
    gone = w.task_thread(b)->thread().index();
    segment.slot(gone).tid.store(kNobody);
    segment.life(gone).word.store(kNobody);
  }
  void trap() override { Reaper{}.round(other); }
  void afterwards() override { Reaper{}.round(w.reaper()); }
  unsigned outcome(Judge& judge) override {
    judge.equal(0, w.segment().slot(free_slot).tid.load(), "whose the free slot is");
    judge.equal(kSlotFree, w.segment().slot(gone).state.load(), "the dead thread's slot");
    judge.equal(1, w.segment().at(b.handle()).threads.get(), "threads of the task");
    return 0;
  }

 private:
  uint32_t free_slot = 0, gone = 0;
};

// -- special ports

template <int kWhich>
class GetSpecial : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override { return {"before", "given"}; }
  void stage() override {}
  void trap() override {
    mach_port_name_t name = 0;
    answer(task_get_special_port(a.thread(), b.handle(), kWhich, a.space(), name));
    settle(a.thread());
  }
  unsigned outcome(Judge&) override { return w.names(a, ipc::kTypeSend); }
};

class SetSpecial : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override { return {"before", "set"}; }
  void stage() override { port = a.port_with_send(); }
  void trap() override {
    answer(task_set_special_port(a.thread(), b.handle(), TASK_ACCESS_PORT, a.space(), port));
    settle(a.thread());
  }
  unsigned outcome(Judge&) override { return w.port(a, port)->srights - 1; }

 private:
  mach_port_name_t port = 0;
};

class Register : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override { return {"before", "registered"}; }
  void stage() override {
    old = a.port_with_send();
    fresh = a.port_with_send();
    const mach_port_name_t names[] = {old, old};
    World::require(task_ports_register(a.thread(), b.handle(), a.space(), names, 2) == KERN_SUCCESS, "ports");
  }
  void trap() override {
    const mach_port_name_t names[] = {fresh, MACH_PORT_NULL, fresh};
    answer(task_ports_register(a.thread(), b.handle(), a.space(), names, 3));
  }
  unsigned outcome(Judge& judge) override {
    const unsigned after = w.port(a, fresh)->srights == 3;
    judge.equal(after != 0 ? 1 : 3, w.port(a, old)->srights.get(), "rights to the old port");
    judge.equal(after != 0 ? 3 : 1, w.port(a, fresh)->srights.get(), "rights to the new port");
    return after;
  }

 private:
  mach_port_name_t old = 0, fresh = 0;
};

constexpr Listed kChild[] = {
    {"embryo-make", "a task for a child", make_scenario<MakeEmbryo>, "fork"},
    {"embryo-pid", "the child's process is known", make_scenario<NameEmbryo>, "fork"},
    {"embryo-free", "there is no child", make_scenario<FreeEmbryo>, "fork"},
    {"task-orphan", "a task without a parent", make_scenario<CreateOrphan>, "join"},
    {"task-flag", "before an exec", make_scenario<Flag>, "execve"},
    {"task-bury", "after an exec", make_scenario<BuryPrevious>, "join"},
    {"sweep", "slots whose threads are gone without a mark", make_scenario<Sweep>, "launchd"},
    {"get-name-port", "made when asked for", make_scenario<GetSpecial<TASK_NAME_PORT>>,
     "task_get_special_port"},
    {"get-read-port", "the same", make_scenario<GetSpecial<TASK_READ_PORT>>, "task_get_special_port"},
    {"set-special-port", "of another task", make_scenario<SetSpecial>, "task_set_special_port"},
    {"ports-register", "in place of others", make_scenario<Register>, "mach_ports_register"},
};

}  // namespace

std::span<const Listed> child_scenarios() { return kChild; }

}  // namespace portolan::proof
