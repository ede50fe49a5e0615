// SPDX-License-Identifier: Apache-2.0
// Semaphores: a signal reaches one waiter or the count, and never both; who waits when a semaphore ends is
// told.
#include "ipc/semaphore.hpp"
#include "proof/scenario.hpp"
#include "segment/futex.hpp"

namespace portolan::proof {

namespace {

class Semaphore : public Scenario {
 public:
  using Scenario::Scenario;

 protected:
  ipc::Name made(TestTask& owner) {
    ipc::Name name;
    World::require(
        ipc::semaphore_create(owner.thread(), owner.handle(), owner.space(), 0, 0, name) == KERN_SUCCESS,
        "a semaphore");
    settle(owner.thread());
    return name;
  }
  // `b` has a name for the semaphore of `a`.
  void stage_shared() {
    mine = made(a);
    theirs = ipc::Name{a.give(mine.value, MACH_MSG_TYPE_COPY_SEND, b)};
  }
  void b_sleeps() {
    w.put_to_sleep(b, [this] { wait(b, theirs); });
  }
  static void wait(TestTask& task, ipc::Name name) {
    ipc::semaphore_wait(task.thread(), task.space(), name, {.deadline_ns = kNever});
  }
  const Port* it() { return w.port(b, theirs.value); }

  ipc::Name mine, theirs;
};

class Create : public Semaphore {
 public:
  using Semaphore::Semaphore;
  std::vector<std::string> outcomes() const override { return {"before", "made"}; }
  void stage() override {}
  void trap() override {
    ipc::Name name;
    answer(ipc::semaphore_create(a.thread(), a.handle(), a.space(), 0, 3, name));
    settle(a.thread());
  }
  unsigned outcome(Judge& judge) override {
    const unsigned owned = w.segment().at(a.handle()).semaphores;
    judge.equal(owned, w.names(a, ipc::kTypeSend), "names");
    return owned;
  }
};

class Signal : public Semaphore {
 public:
  using Semaphore::Semaphore;
  std::vector<std::string> outcomes() const override { return {"before", "woken"}; }
  void stage() override {
    stage_shared();
    b_sleeps();
  }
  void trap() override {
    answer(ipc::semaphore_signal(a.thread(), a.space(), mine));
    settle(a.thread());
  }
  unsigned outcome(Judge& judge) override {
    judge.equal(0, it()->context.get(), "the count");
    if (w.sleeps(b)) return 0;
    judge.equal(KERN_SUCCESS, w.frame(b).result.get(), "what the waiter is told");
    return 1;
  }
};

class Destroy : public Semaphore {
 public:
  using Semaphore::Semaphore;
  std::vector<std::string> outcomes() const override { return {"before", "the right is gone", "destroyed"}; }
  void stage() override {
    stage_shared();
    b_sleeps();
  }
  void trap() override {
    answer(ipc::semaphore_destroy(a.thread(), a.handle(), a.space(), mine));
    settle(a.thread());
  }
  unsigned outcome(Judge& judge) override {
    const bool destroyed = it()->kobject == 0;
    judge.equal(destroyed, !w.sleeps(b), "waiters that were told");
    judge.equal(destroyed ? 0 : 1, w.segment().at(a.handle()).semaphores.get(), "semaphores");
    if (destroyed) return 2;
    return w.type(a, mine.value) == 0 ? 1 : 0;
  }
};

// The last send right: with it goes the semaphore.
class LastRight : public Semaphore {
 public:
  using Semaphore::Semaphore;
  std::vector<std::string> outcomes() const override { return {"before", "gone"}; }
  void stage() override { mine = made(a); }
  void trap() override { a.deallocate(mine.value); }
  unsigned outcome(Judge& judge) override {
    const unsigned owned = w.segment().at(a.handle()).semaphores;
    judge.equal(owned, w.names(a, ipc::kTypeSend), "names");
    return 1 - owned;
  }
};

constexpr Listed kSemaphore[] = {
    {"semaphore-create", "a semaphore is made", make_scenario<Create>},
    {"semaphore-signal", "one waits for it", make_scenario<Signal>},
    {"semaphore-destroy", "the same", make_scenario<Destroy>},
    {"semaphore-last", "its last send right goes", make_scenario<LastRight>},
};

}  // namespace

std::span<const Listed> semaphore_scenarios() { return kSemaphore; }

}  // namespace portolan::proof
