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

// Nobody waits: it is counted.
class SignalCounted : public Semaphore {
 public:
  using Semaphore::Semaphore;
  std::vector<std::string> outcomes() const override { return {"before", "counted"}; }
  void stage() override { stage_shared(); }
  void trap() override {
    answer(ipc::semaphore_signal(a.thread(), a.space(), mine));
    settle(a.thread());
  }
  unsigned outcome(Judge&) override { return static_cast<unsigned>(it()->context.get()); }
};

// All that wait.
class SignalAll : public Semaphore {
 public:
  using Semaphore::Semaphore;
  std::vector<std::string> outcomes() const override { return {"before", "six were woken", "all were"}; }
  void stage() override {
    stage_shared();
    for (TestTask*& sleeper : sleepers) {
      sleeper = w.task_thread(b);
      w.put_to_sleep(*sleeper, [&] { wait(*sleeper, theirs); });
    }
  }
  void trap() override {
    answer(ipc::semaphore_signal_all(a.thread(), a.space(), mine));
    settle(a.thread());
  }
  unsigned outcome(Judge& judge) override {
    unsigned woken = 0;
    for (TestTask* sleeper : sleepers) woken += !w.sleeps(*sleeper);
    judge.equal(0, it()->context.get(), "the count");
    return (woken + 1) / 6;
  }

 private:
  static constexpr unsigned kSleepers = 11;
  TestTask* sleepers[kSleepers] = {};
};

// The last but one of those that wait is chosen.
class SignalThread : public Semaphore {
 public:
  using Semaphore::Semaphore;
  std::vector<std::string> outcomes() const override { return {"before", "woken"}; }
  void stage() override {
    stage_shared();
    for (TestTask*& sleeper : sleepers) {
      sleeper = w.task_thread(b);
      w.put_to_sleep(*sleeper, [&] { wait(*sleeper, theirs); });
    }
  }
  void trap() override {
    answer(ipc::semaphore_signal_thread(a.thread(), a.space(), mine, sleepers[1]->thread().index()));
    settle(a.thread());
  }
  unsigned outcome(Judge& judge) override {
    judge.expect(w.sleeps(*sleepers[0]) && w.sleeps(*sleepers[2]), "another one was woken");
    return !w.sleeps(*sleepers[1]);
  }

 private:
  TestTask* sleepers[3] = {};
};

// There is one to take.
class WaitTakes : public Semaphore {
 public:
  using Semaphore::Semaphore;
  std::vector<std::string> outcomes() const override { return {"before", "taken"}; }
  void stage() override {
    stage_shared();
    ipc::semaphore_signal(a.thread(), a.space(), mine);
  }
  void trap() override { answer(ipc::semaphore_wait(a.thread(), a.space(), mine, {.deadline_ns = kNever})); }
  unsigned outcome(Judge&) override { return 1 - static_cast<unsigned>(it()->context.get()); }
};

// Sleeps until it is signalled, and signals another as it lies down. Who was signalled and did not come to
// know gives the signal back.
class WaitSleeps : public Semaphore {
 public:
  using Semaphore::Semaphore;
  std::vector<std::string> outcomes() const override {
    return {"before", "was to wait", "given back", "taken"};
  }
  bool may_sleep() const override { return true; }
  void stage() override {
    stage_shared();
    other = made(a);
  }
  void asleep(unsigned) override {
    ipc::semaphore_signal(b.thread(), b.space(), theirs);
    settle(b.thread());
    b.allocate();
  }
  void trap() override {
    answer(ipc::semaphore_wait(a.thread(), a.space(), mine,
                               {.deadline_ns = kNever, .signals = true, .signal = other}));
    settle(a.thread());
  }
  unsigned outcome(Judge& judge) override {
    const auto lay_down = static_cast<unsigned>(w.port(a, other.value)->context.get());
    const bool signalled = w.names(b, ipc::kTypeReceive) != 0, back = it()->context != 0;
    judge.expect(lay_down != 0 || !signalled, "signalled, and had not lain down");
    judge.expect(signalled || !back, "a signal that nobody gave");
    return !signalled ? lay_down : back ? 2 : 3;
  }

 private:
  ipc::Name other;
};

// Time is up.
class WaitTimesOut : public Semaphore {
 public:
  using Semaphore::Semaphore;
  std::vector<std::string> outcomes() const override { return {"nothing has changed"}; }
  bool takes_time() const override { return true; }
  void stage() override { stage_shared(); }
  void trap() override {
    answer(ipc::semaphore_wait(a.thread(), a.space(), mine, {.deadline_ns = monotonic_ns() + 20'000'000}));
    settle(a.thread());
  }
  unsigned outcome(Judge& judge) override {
    judge.equal(0, it()->context.get(), "the count");
    return 0;
  }
};

constexpr Listed kSemaphore[] = {
    {"semaphore-create", "a semaphore is made", make_scenario<Create>, "semaphore_create"},
    {"semaphore-signal", "one waits for it", make_scenario<Signal>, "semaphore_signal"},
    {"semaphore-destroy", "the same", make_scenario<Destroy>, "semaphore_destroy"},
    {"semaphore-last", "its last send right goes", make_scenario<LastRight>, "mach_port_deallocate"},
    {"semaphore-count", "a signal that nobody waits for", make_scenario<SignalCounted>, "semaphore_signal"},
    {"semaphore-all", "a signal to eleven that wait", make_scenario<SignalAll>, "semaphore_signal_all"},
    {"semaphore-thread", "a signal to one that waits behind another", make_scenario<SignalThread>,
     "semaphore_signal_thread"},
    {"semaphore-wait", "there is one to take", make_scenario<WaitTakes>, "semaphore_wait"},
    {"semaphore-sleep", "until it is signalled", make_scenario<WaitSleeps>, "semaphore_wait_signal"},
    {"semaphore-timeout", "until time is up", make_scenario<WaitTimesOut>, "semaphore_timedwait"},
};

}  // namespace

std::span<const Listed> semaphore_scenarios() { return kSemaphore; }

}  // namespace portolan::proof
