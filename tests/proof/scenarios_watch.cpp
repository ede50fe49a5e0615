// SPDX-License-Identifier: Apache-2.0
// What kernel queues watch: a watch is told of a message once, by whoever queues it, or of the loss of its
// object; and both whole or not at all.
#include "ipc/watch.hpp"
#include "proof/messages.hpp"
#include "proof/reaping.hpp"
#include "segment/futex.hpp"
#include "segment/recovery.hpp"

namespace portolan::proof {

namespace {

using ipc::Arm;
using ipc::Armed;
using ipc::Name;
using ipc::Watch;

class Watching : public Scenario {
 public:
  using Scenario::Scenario;

 protected:
  Ref<Watch> watch(TestTask& task, mach_port_name_t name) {
    Ref<Watch> made;
    World::require(ipc::watch_add(task.thread(), task.space(), Name{name}, made) == KERN_SUCCESS, "a watch");
    settle(task.thread());
    return made;
  }
  Ref<Watch> armed(TestTask& task, mach_port_name_t name) {
    const Ref<Watch> made = watch(task, name);
    World::require(ipc::watch_arm(task.thread(), task.space(), made, Arm::if_empty) == Armed::armed,
                   "an armed watch");
    return made;
  }
  // Its own port, with a send right, and what another calls it.
  mach_port_name_t shared(TestTask& owner, TestTask& other, mach_port_name_t& theirs) {
    const mach_port_name_t name = owner.port_with_send();
    theirs = owner.give(name, MACH_MSG_TYPE_COPY_SEND, other);
    return name;
  }
  void send(TestTask& task, mach_port_name_t to, mach_msg_id_t id = 1) {
    World::require(task.send(to, kCopySend, id) == MACH_MSG_SUCCESS, "a message");
  }
  mach_port_name_t set_of(TestTask& task, mach_port_name_t member) {
    const mach_port_name_t set = task.allocate(MACH_PORT_RIGHT_PORT_SET);
    World::require(
        ipc::port_insert_member(task.thread(), task.space(), Name{member}, Name{set}) == KERN_SUCCESS,
        "a member");
    return set;
  }
  void sleeps_waiting(TestTask& task) {
    w.put_to_sleep(task, [&task] { wait(task); });
  }
  static ipc::Told wait(TestTask& task) {
    static const std::atomic<bool> never{false};
    return ipc::watch_wait(task.thread(), task.space(), {kNever, &never, true});
  }
  const ipc::Space& space(TestTask& task) { return w.segment().at(task.space()); }
  const Watch& at(Ref<Watch> ref) { return w.segment().at(Handle<Watch>{ref.index}); }
  unsigned fired(TestTask& task) {
    unsigned count = 0;
    for (uint32_t walk = space(task).fired_head; walk != 0; count++)
      walk = w.segment().at(Handle<Watch>{walk}).fired_next;
    return count;
  }
};

// The first of a task: its watch port is made.
class AddFirst : public Watching {
 public:
  using Watching::Watching;
  std::vector<std::string> outcomes() const override { return {"before", "watched"}; }
  void stage() override { name = subject(); }
  void trap() override {
    Ref<Watch> made;
    answer(ipc::watch_add(a.thread(), a.space(), Name{name}, made));
    settle(a.thread());
  }
  unsigned outcome(Judge& judge) override {
    const bool watched = space(a).watches != 0;
    judge.equal(watched, space(a).watch_port != 0, "watch ports");
    return watched;
  }

 protected:
  virtual mach_port_name_t subject() { return a.allocate(); }
  mach_port_name_t name = 0;
};

// One more: a set.
class AddSet : public AddFirst {
 public:
  using AddFirst::AddFirst;
  unsigned outcome(Judge&) override { return w.domain().in_use(ipc::kZoneWatch) - 1; }

 protected:
  mach_port_name_t subject() override {
    watch(a, a.allocate());
    return a.allocate(MACH_PORT_RIGHT_PORT_SET);
  }
};

// Of a name that is watched, with another watch in the chain.
class AddAgain : public Watching {
 public:
  using Watching::Watching;
  std::vector<std::string> outcomes() const override { return {"before", "for two"}; }
  void stage() override {
    name = a.allocate();
    made = watch(a, name);
    watch(a, a.allocate());
  }
  void trap() override {
    Ref<Watch> same;
    answer(ipc::watch_add(a.thread(), a.space(), Name{name}, same));
    settle(a.thread());
  }
  unsigned outcome(Judge&) override { return at(made).users - 1; }

 private:
  mach_port_name_t name = 0;
  Ref<Watch> made;
};

// The middle one of three, and all have fired: of the first, of the second of its two users, of a set.
class RemoveMiddle : public Watching {
 public:
  using Watching::Watching;
  std::vector<std::string> outcomes() const override { return {"before", "removed"}; }
  void stage() override {
    const mach_port_name_t one = a.port_with_send(), two = a.port_with_send(), three = a.port_with_send();
    const mach_port_name_t middle = watched(two);
    armed(a, one);
    made = armed(a, middle);
    armed(a, three);
    for (const mach_port_name_t name : {one, two, three}) send(a, name);
  }
  void trap() override {
    ipc::watch_remove(a.thread(), a.space(), made);
    settle(a.thread());
  }
  unsigned outcome(Judge& judge) override {
    const unsigned left = fired(a);
    judge.equal(left, w.domain().in_use(ipc::kZoneWatch), "watches");
    return 3 - left;
  }

 protected:
  virtual mach_port_name_t watched(mach_port_name_t port) { return port; }
  Ref<Watch> made;
};

class RemoveSet : public RemoveMiddle {
 public:
  using RemoveMiddle::RemoveMiddle;

 protected:
  mach_port_name_t watched(mach_port_name_t port) override { return set_of(a, port); }
};

class RemoveOneOfTwo : public Watching {
 public:
  using Watching::Watching;
  std::vector<std::string> outcomes() const override { return {"before", "for one"}; }
  void stage() override {
    const mach_port_name_t name = a.allocate();
    made = watch(a, name);
    watch(a, name);
  }
  void trap() override {
    ipc::watch_remove(a.thread(), a.space(), made);
    settle(a.thread());
  }
  unsigned outcome(Judge&) override { return 2 - at(made).users; }

 private:
  Ref<Watch> made;
};

class ArmEmpty : public Watching {
 public:
  using Watching::Watching;
  std::vector<std::string> outcomes() const override { return {"before", "armed"}; }
  void stage() override { made = watch(a, a.allocate()); }
  void trap() override {
    answer(static_cast<int>(ipc::watch_arm(a.thread(), a.space(), made, Arm::if_empty)));
    settle(a.thread());
  }
  unsigned outcome(Judge&) override { return at(made).state == ipc::kWatchArmed; }

 protected:
  Ref<Watch> made;
};

// A set with a message, whatever there is.
class ArmEdge : public Watching {
 public:
  using Watching::Watching;
  std::vector<std::string> outcomes() const override { return {"before", "armed"}; }
  void stage() override {
    const mach_port_name_t port = a.port_with_send();
    made = watch(a, set_of(a, port));
    send(a, port);
  }
  void trap() override {
    answer(static_cast<int>(ipc::watch_arm(a.thread(), a.space(), made, Arm::always)));
    settle(a.thread());
  }
  unsigned outcome(Judge&) override { return at(made).state == ipc::kWatchEdge; }

 private:
  Ref<Watch> made;
};

// The victim sends to what another task watches and waits for.
class Fire : public Watching {
 public:
  using Watching::Watching;
  std::vector<std::string> outcomes() const override { return {"before", "told"}; }
  void stage() override {
    const mach_port_name_t mine = shared(b, a, theirs);
    made = armed(b, watched(mine));
    sleeps_waiting(b);
  }
  void trap() override { a.send(theirs, kCopySend, 7); }
  unsigned outcome(Judge& judge) override {
    const bool sent = w.queued(w.port(a, theirs)) != 0;
    judge.equal(sent, fired(b), "fired watches");
    judge.equal(sent, !w.sleeps(b), "threads that were woken");
    return sent;
  }

 protected:
  virtual mach_port_name_t watched(mach_port_name_t port) { return port; }
  mach_port_name_t theirs = 0;
  Ref<Watch> made;
};

class FireSet : public Fire {
 public:
  using Fire::Fire;

 protected:
  mach_port_name_t watched(mach_port_name_t port) override { return set_of(b, port); }
};

// Nobody waits, and another watch has fired before: it is on the ring behind that.
class FireSecond : public Watching {
 public:
  using Watching::Watching;
  std::vector<std::string> outcomes() const override { return {"before", "told"}; }
  void stage() override {
    mach_port_name_t first = 0;
    armed(b, shared(b, a, first));
    armed(b, shared(b, a, second));
    send(a, first);
  }
  void trap() override { a.send(second, kCopySend, 7); }
  unsigned outcome(Judge& judge) override {
    const unsigned sent = w.queued(w.port(a, second));
    judge.equal(1 + sent, fired(b), "fired watches");
    return sent;
  }

 private:
  mach_port_name_t second = 0;
};

// The first of two that have fired.
class Take : public Watching {
 public:
  using Watching::Watching;
  std::vector<std::string> outcomes() const override { return {"before", "taken"}; }
  void stage() override {
    for (int i = 0; i < 2; i++) {
      const mach_port_name_t port = a.port_with_send();
      armed(a, port);
      send(a, port);
    }
  }
  void trap() override {
    Name name;
    answer(ipc::watch_take(a.thread(), a.space(), name));
    settle(a.thread());
  }
  unsigned outcome(Judge&) override { return 2 - fired(a); }
};

// Waits until a message comes.
class Wait : public Watching {
 public:
  using Watching::Watching;
  std::vector<std::string> outcomes() const override { return {"before", "fired"}; }
  bool may_sleep() const override { return true; }
  void stage() override { made = armed(a, shared(a, b, theirs)); }
  void asleep(unsigned) override { send(b, theirs); }
  void trap() override {
    answer(static_cast<int>(wait(a)));
    settle(a.thread());
  }
  unsigned outcome(Judge& judge) override {
    const unsigned sent = w.queued(w.port(b, theirs));
    judge.equal(0, w.segment().at(Handle<Port>{space(a).watch_port}).receiver_head.get(),
                "threads that wait");
    judge.equal(sent, at(made).state == ipc::kWatchFired, "fired watches");
    return sent;
  }

 private:
  mach_port_name_t theirs = 0;
  Ref<Watch> made;
};

// One of three that wait, not the first.
class CallOff : public Watching {
 public:
  using Watching::Watching;
  std::vector<std::string> outcomes() const override { return {"before", "called off"}; }
  void stage() override {
    armed(a, a.allocate());
    for (TestTask*& sleeper : sleepers) {
      sleeper = w.task_thread(a);
      sleeps_waiting(*sleeper);
    }
  }
  void trap() override {
    ipc::watch_call_off(a.thread(), a.space(), sleepers[1]->thread().index());
    settle(a.thread());
  }
  unsigned outcome(Judge& judge) override {
    judge.expect(w.sleeps(*sleepers[0]) && w.sleeps(*sleepers[2]), "another one was woken");
    return !w.sleeps(*sleepers[1]);
  }

 private:
  TestTask* sleepers[3] = {};
};

// Nothing fires until time is up.
class WaitTimesOut : public Watching {
 public:
  using Watching::Watching;
  std::vector<std::string> outcomes() const override { return {"nothing has changed"}; }
  bool takes_time() const override { return true; }
  void stage() override { armed(a, a.allocate()); }
  void trap() override {
    static const std::atomic<bool> never{false};
    answer(static_cast<int>(
        ipc::watch_wait(a.thread(), a.space(), {monotonic_ns() + 20'000'000, &never, false})));
    settle(a.thread());
  }
  unsigned outcome(Judge& judge) override {
    judge.equal(0, w.segment().at(Handle<Port>{space(a).watch_port}).receiver_head.get(),
                "threads that wait");
    return 0;
  }
};

// The object goes; what it said before does not matter any more.
class Lose : public Watching {
 public:
  using Watching::Watching;
  std::vector<std::string> outcomes() const override { return {"before", "lost"}; }
  void stage() override {
    name = subject();
    made = armed(a, name);
    sleeper = w.task_thread(a);
    sleeps_waiting(*sleeper);
  }
  void trap() override { lose(); }
  unsigned outcome(Judge& judge) override {
    const bool lost = at(made).port == 0 && at(made).pset == 0;
    judge.equal(lost, fired(a), "fired watches");
    judge.equal(lost, !w.sleeps(*sleeper), "threads that were woken");
    return lost;
  }

 protected:
  virtual mach_port_name_t subject() { return a.allocate(); }
  virtual void lose() { a.destroy(name); }
  mach_port_name_t name = 0;
  Ref<Watch> made;
  TestTask* sleeper = nullptr;
};

class LoseSet : public Lose {
 public:
  using Lose::Lose;

 protected:
  mach_port_name_t subject() override { return set_of(a, a.port_with_send()); }
};

// In a message.
class LoseByMoving : public Lose {
 public:
  using Lose::Lose;
  std::vector<std::string> outcomes() const override { return {"before", "lost with the message", "sent"}; }
  unsigned outcome(Judge& judge) override { return Lose::outcome(judge) + w.queued(w.port(a, way)); }

 protected:
  mach_port_name_t subject() override {
    shared(b, a, way);
    return a.port_with_send();
  }
  void lose() override {
    PortsMessage message({way, kCopySend});
    message.carry(name, kMoveReceive);
    proof::send(a, message);
  }
  mach_port_name_t way = 0;
};

// The task ends, with five watches: an armed one, two that fired, one that lost its object, and a set's.
class End : public Reaping {
 public:
  using Reaping::Reaping;
  std::vector<std::string> outcomes() const override { return {"ended"}; }
  void stage() override {
    const mach_port_name_t ports[] = {a.port_with_send(), a.port_with_send(), a.port_with_send(),
                                      a.port_with_send()};
    const mach_port_name_t set = a.allocate(MACH_PORT_RIGHT_PORT_SET);
    for (const mach_port_name_t name : {ports[0], ports[1], ports[2], ports[3], set}) {
      Ref<Watch> made;
      World::require(ipc::watch_add(a.thread(), a.space(), Name{name}, made) == KERN_SUCCESS, "a watch");
      World::require(ipc::watch_arm(a.thread(), a.space(), made, Arm::if_empty) == Armed::armed, "armed");
    }
    settle(a.thread());
    World::require(a.send(ports[1], kCopySend, 1) == MACH_MSG_SUCCESS, "a message");
    World::require(a.send(ports[2], kCopySend, 1) == MACH_MSG_SUCCESS, "a message");
    World::require(a.destroy(ports[3]) == KERN_SUCCESS, "a loss");
    declare_dead(w.segment(), a.thread().index());
  }
  void trap() override { reap(other); }
  void afterwards() override { reap(w.reaper()); }
  unsigned outcome(Judge& judge) override {
    judge.equal(0u, w.domain().in_use(ipc::kZoneWatch), "watches");
    judge.equal(2u, w.domain().in_use(ipc::kZoneSpace), "spaces");
    return 0;
  }

 private:
  void reap(Thread& by) {
    recover_dead_threads(by);
    task_terminate(by, a.handle());
    settle(by);
  }
};

constexpr Listed kWatch[] = {
    {"watch-first", "a port, and the first watch of its task", make_scenario<AddFirst>, "kevent"},
    {"watch-set", "a set, and another watch is there", make_scenario<AddSet>, "kevent"},
    {"watch-again", "a port that is watched", make_scenario<AddAgain>, "kevent"},
    {"unwatch", "the middle one of three that have fired", make_scenario<RemoveMiddle>, "kevent"},
    {"unwatch-set", "the same, a set", make_scenario<RemoveSet>, "kevent"},
    {"unwatch-shared", "a port that is watched twice", make_scenario<RemoveOneOfTwo>, "kevent"},
    {"watch-arm", "an empty port", make_scenario<ArmEmpty>, "kevent"},
    {"watch-arm-edge", "a set with a message", make_scenario<ArmEdge>, "kevent"},
    {"watch-fire", "to a watched port", make_scenario<Fire>, "mach_msg"},
    {"watch-fire-set", "to a member of a watched set", make_scenario<FireSet>, "mach_msg"},
    {"watch-fire-second", "to a watched port, and another has fired", make_scenario<FireSecond>, "mach_msg"},
    {"watch-take", "the first of two that have fired", make_scenario<Take>, "kevent"},
    {"watch-wait", "until one fires", make_scenario<Wait>, "kevent"},
    {"watch-call-off", "one of three that wait", make_scenario<CallOff>, "kevent"},
    {"watch-timeout", "until time is up", make_scenario<WaitTimesOut>, "kevent"},
    {"watch-lose", "a watched port", make_scenario<Lose>, "mach_port_destroy"},
    {"watch-lose-set", "a watched set", make_scenario<LoseSet>, "mach_port_destroy"},
    {"watch-lose-moving", "a watched receive right in a message", make_scenario<LoseByMoving>, "mach_msg"},
    {"watch-end", "a task with five watches, by a reaper that dies", make_scenario<End>, "launchd"},
};

}  // namespace

std::span<const Listed> watch_scenarios() { return kWatch; }

}  // namespace portolan::proof
