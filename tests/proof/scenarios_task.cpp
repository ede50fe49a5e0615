// SPDX-License-Identifier: Apache-2.0
// Tasks and threads begin and end. The victim is often a reaper: launchd's work, done by a thread that is
// itself killed at every step, and finished by another.
#include <mach/task_special_ports.h>

#include "ipc/kernel.hpp"
#include "ipc/kmsg.hpp"
#include "ipc/mqueue.hpp"
#include "proof/messages.hpp"
#include "proof/reaping.hpp"
#include "segment/recovery.hpp"
#include "segment/txn.hpp"

namespace portolan::proof {

namespace {

using ipc::Name;

// A task ends that has a name of every kind, messages with rights in its queues, special ports, a service,
// requests, and others who watch.
class Terminate : public Reaping {
 public:
  using Reaping::Reaping;
  std::vector<std::string> outcomes() const override { return {"ended"}; }
  void stage() override {
    bp = w.bootstrap_port(a);
    const mach_port_name_t port = a.port_with_send(), quiet = a.allocate();
    const mach_port_name_t to_port = a.give_send(port, b), to_quiet = a.give_send(quiet, c);
    watch_b = b.allocate();
    watch_c = c.allocate();
    require_request(b, to_port, MACH_NOTIFY_DEAD_NAME, watch_b);
    require_request(c, to_quiet, MACH_NOTIFY_DEAD_NAME, watch_c);
    // A queue with a reply right, a send right that is somebody's last, and a receive right.
    reply = b.allocate();
    gift = b.allocate();
    moved = b.port_with_send();
    const mach_port_name_t to_moved = b.give_send(moved, c);
    require_request(c, to_moved, MACH_NOTIFY_DEAD_NAME, watch_c);
    World::require(b.notify(gift, MACH_NOTIFY_NO_SENDERS, 1, watch_b) == KERN_SUCCESS, "a request");
    PortsMessage message({to_port, kCopySend, reply, kMakeSendOnce});
    message.carry(gift, kMakeSend).carry(moved, kMoveReceive);
    World::require(send(b, message) == MACH_MSG_SUCCESS, "a message");
    // What it holds of others: the last send right, a send-once right, a dead name.
    last = b.allocate();
    b.give_send(last, a);
    World::require(b.notify(last, MACH_NOTIFY_NO_SENDERS, 0, watch_b) == KERN_SUCCESS, "a request");
    b.give(reply, kMakeSendOnce, a);
    a.allocate(MACH_PORT_RIGHT_DEAD_NAME);
    // Sets, requests of its own, a service.
    const mach_port_name_t set = a.allocate(MACH_PORT_RIGHT_PORT_SET);
    World::require(ipc::port_insert_member(a.thread(), a.space(), Name{port}, Name{set}) == KERN_SUCCESS,
                   "a member");
    const mach_port_name_t held = b.give_send(b.allocate(), a);
    require_request(a, held, MACH_NOTIFY_DEAD_NAME, quiet);
    Name service;
    World::require(bootstrap::check_in(a.thread(), {a.handle(), a.space()}, Name{bp},
                                       bootstrap::ServiceName("service"), 0, service) == KERN_SUCCESS,
                   "a service");
    World::require(
        task_set_special_port(a.thread(), a.handle(), TASK_ACCESS_PORT, a.space(), port) == KERN_SUCCESS,
        "a special port");
    const mach_port_name_t registered[] = {port};
    World::require(task_ports_register(a.thread(), a.handle(), a.space(), registered, 1) == KERN_SUCCESS,
                   "a registered port");
    // A thread of `a` is asleep when the end comes: it is dead, like all its threads.
    w.put_to_sleep(a, [&] { a.receive(quiet, 0); });
    declare_dead(w.segment(), a.thread().index());
  }
  void trap() override { reap(other); }
  void afterwards() override { reap(w.reaper()); }
  unsigned outcome(Judge& judge) override {
    judge.equal(1u, w.queued(w.port(b, watch_b), MACH_NOTIFY_DEAD_NAME), "DEAD_NAME notifications to one");
    judge.equal(2u, w.queued(w.port(b, watch_b), MACH_NOTIFY_NO_SENDERS), "NO_SENDERS notifications");
    judge.equal(2u, w.queued(w.port(c, watch_c), MACH_NOTIFY_DEAD_NAME),
                "DEAD_NAME notifications to the other");
    judge.equal(2u, w.queued(w.port(b, reply), MACH_NOTIFY_SEND_ONCE), "send-once rights whose end was told");
    judge.equal(0u, w.domain().in_use(ipc::kZoneService), "services");
    judge.equal(2u, w.domain().in_use(ipc::kZoneTask), "tasks");
    judge.equal(2u, w.domain().in_use(ipc::kZoneSpace), "spaces");
    return 0;
  }

 protected:
  void require_request(TestTask& task, mach_port_name_t name, mach_msg_id_t id, mach_port_name_t watch) {
    World::require(task.notify(name, id, 1, watch) == KERN_SUCCESS, "a request");
  }
  // As launchd does it, once it knows that the process is gone.
  void reap(Thread& by) {
    recover_dead_threads(by);
    task_terminate(by, a.handle());
    settle(by);
  }

  mach_port_name_t bp = 0, watch_b = 0, watch_c = 0, reply = 0, gift = 0, moved = 0, last = 0;
};

// The recoverer dies: a thread died in the middle of a transaction, with a message in hand and locks held.
class Recover : public Reaping {
 public:
  using Reaping::Reaping;
  std::vector<std::string> outcomes() const override { return {"recovered"}; }
  bool staged_unsound() const override { return true; }
  void stage() override {
    to = b.allocate();
    const mach_port_name_t way = b.give_send(to, a);
    // A message with a long body is in hand, and a transaction is open.
    w.put_to_sleep(b, [&] { b.receive(to, 0); });
    Thread& dying = a.thread();
    auto half = [&] {
      section(dying, [&](Txn& txn) {
        Locked<ipc::Space> space = txn.lock(a.space());
        Locked<Port> port = txn.lock(Handle<Port>{w.entry(a, way)->object});
        txn.add(port->refs, 5);
        txn.add(port->srights, 5);
        txn.set(space->used, 77);
        _exit(0);
        return 0;
      });
    };
    World::die_in([&] {
      ipc::kmsg_alloc(dying, 3000);
      half();
    });
    declare_dead(w.segment(), dying.index());
  }
  void trap() override {
    recover_dead_threads(other);
    settle(other);
  }
  unsigned outcome(Judge& judge) override {
    judge.equal(0u, w.domain().in_use(ipc::kZoneKmsg), "messages");
    judge.equal(0u, w.pieces(), "pieces");
    judge.expect(w.sleeps(b), "the receiver");
    judge.equal(kSlotFree, w.segment().slot(a.thread().index()).state.load(), "the slot");
    return 0;
  }

 private:
  mach_port_name_t to = 0;
};

// The recoverer of a granted receiver, with another one behind.
class RecoverGranted : public Reaping {
 public:
  using Reaping::Reaping;
  std::vector<std::string> outcomes() const override { return {"the next one has it"}; }
  void stage() override {
    from = a.allocate();
    const mach_port_name_t way = a.give_send(from, b);
    second = w.task_thread(a);
    w.put_to_sleep(a, [&] { a.receive(from, 0); });
    w.put_to_sleep(*second, [&] { second->receive(from, 0); });
    World::require(b.send(way, kCopySend, 5) == MACH_MSG_SUCCESS, "a message");
    declare_dead(w.segment(), a.thread().index());
  }
  void trap() override {
    recover_dead_threads(other);
    settle(other);
  }
  unsigned outcome(Judge& judge) override {
    judge.expect(w.given(*second) != nullptr, "the second receiver has no message");
    judge.equal(1, w.port(a, from)->seqno.get(), "the sequence number");
    return 0;
  }

 private:
  mach_port_name_t from = 0;
  TestTask* second = nullptr;
};

// The recoverer of a sender that was promised a slot, with another one behind.
class RecoverPromised : public Reaping {
 public:
  using Reaping::Reaping;
  std::vector<std::string> outcomes() const override { return {"the next one has the slot"}; }
  void stage() override {
    to = b.allocate();
    const mach_port_name_t way = b.give_send(to, a), other_way = b.give_send(to, c);
    for (mach_msg_id_t i = 0; i < 5; i++)
      World::require(b.send(to, kMakeSend, i) == MACH_MSG_SUCCESS, "a full queue");
    w.put_to_sleep(a, [&] { a.send(way, kCopySend, 50, MACH_PORT_NULL, 0, 0); });
    w.put_to_sleep(c, [&] { c.send(other_way, kCopySend, 51, MACH_PORT_NULL, 0, 0); });
    b.receive(to);
    declare_dead(w.segment(), a.thread().index());
  }
  void trap() override {
    recover_dead_threads(other);
    settle(other);
  }
  unsigned outcome(Judge& judge) override {
    judge.expect(!w.sleeps(c), "the second sender has no slot");
    judge.equal(5, w.port(b, to)->msgcount.get(), "the queue's count");
    judge.equal(4u, w.queued(w.port(b, to)), "messages");
    return 0;
  }

 private:
  mach_port_name_t to = 0;
};

// A task is made, as a process joins.
class Create : public Reaping {
 public:
  using Reaping::Reaping;
  std::vector<std::string> outcomes() const override { return {"no task", "a task"}; }
  bool differs_each_time() const override { return true; }
  void stage() override {}
  void trap() override {
    ProcessFacts facts;
    facts.pid = 4711;
    Handle<ipc::Task> task;
    answer(task_create(other, facts, {{}, 0, a.handle()}, task));
    settle(other);
  }
  // Whose process is gone: launchd would find it.
  void afterwards() override {}
  unsigned outcome(Judge& judge) override {
    const unsigned tasks = w.domain().in_use(ipc::kZoneTask);
    judge.equal(tasks, w.domain().in_use(ipc::kZoneSpace), "spaces");
    return tasks - 3;
  }
  void clear_away() override {
    const Handle<ipc::Task> left = task_of_pid(w.segment(), 4711).handle;
    if (!left) return;
    task_terminate(w.reaper(), left);
    settle(w.reaper());
  }
};

// A task is made for a child, and claimed by it.
class Claim : public Reaping {
 public:
  using Reaping::Reaping;
  std::vector<std::string> outcomes() const override { return {"an embryo", "a task"}; }
  bool differs_each_time() const override { return true; }
  void stage() override {
    Handle<ipc::Task> embryo;
    World::require(embryo_make(a.thread(), a.handle(), 99, 4711, embryo) == KERN_SUCCESS, "an embryo");
    made = embryo;
  }
  void trap() override {
    ProcessFacts facts;
    facts.pid = 4711;
    Handle<ipc::Task> task;
    answer(task_create(other, facts, {made, 99, {}}, task));
    settle(other);
  }
  unsigned outcome(Judge& judge) override {
    const bool live = w.segment().at(made).state == ipc::kTaskLive;
    judge.equal(4u, w.domain().in_use(ipc::kZoneTask), "tasks");
    judge.equal(3u + live, w.domain().in_use(ipc::kZoneSpace), "spaces");
    return live;
  }
  void clear_away() override {
    embryo_free(w.reaper(), made, 0);
    task_terminate(w.reaper(), made);
    settle(w.reaper());
  }

 private:
  Handle<ipc::Task> made;
};

// A thread comes and goes: attach, its port, detach. Linux marks a dying thread's word if that bears its id;
// launchd finds by their ids those it could not mark.
class AttachDetach : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override { return {"nothing is left"}; }
  bool differs_each_time() const override { return true; }
  void stage() override {
    // Attach takes the first slot that is free.
    Thread probe;
    World::require(probe.attach(w.segment(), 0), "a thread");
    slot = probe.index();
    probe.detach();
  }
  uint32_t victim() override { return slot; }
  void trap() override {
    Thread fresh;
    if (!fresh.attach(w.segment(), kTid)) return answer(KERN_RESOURCE_SHORTAGE);
    answer(KERN_SUCCESS);
    task_thread_attach(fresh, a.handle());
    thread_port(fresh, fresh.index());
    task_thread_gone(fresh, fresh.slot());
    fresh.detach();
  }
  void afterwards() override {
    // As Reaper::sweep_slots does.
    ThreadSlot& it = w.segment().slot(slot);
    uint32_t gone = kTid;
    if (it.tid.load() != kTid) return;
    if (it.state.load() == kSlotFree) {
      it.tid.compare_exchange(gone, 0);
    } else {
      declare_dead(w.segment(), slot);
      recover_dead_threads(w.reaper());
    }
  }
  unsigned outcome(Judge& judge) override {
    judge.equal(1, w.segment().at(a.handle()).threads.get(), "threads of the task");
    judge.equal(kSlotFree, w.segment().slot(slot).state.load(), "the slot");
    judge.equal(0, w.segment().slot(slot).tid.load(), "whose slot it is");
    return 0;
  }

 private:
  static constexpr uint32_t kTid = 0x3fffffff;  // beyond what Linux gives out: nobody alive
  uint32_t slot = 0;
};

constexpr Listed kTask[] = {
    {"terminate", "a task with names of every kind, by a reaper that dies", make_scenario<Terminate>,
     "launchd"},
    {"recover", "a thread that died in a transaction, by a reaper that dies", make_scenario<Recover>,
     "launchd"},
    {"recover-granted", "a receiver that had been given a message", make_scenario<RecoverGranted>, "launchd"},
    {"recover-promised", "a sender that had been promised a slot", make_scenario<RecoverPromised>, "launchd"},
    {"task-create", "as a process joins", make_scenario<Create>, "join"},
    {"task-claim", "made for a child, and claimed", make_scenario<Claim>, "join"},
    {"attach-detach", "a thread comes, gets a port, and goes", make_scenario<AttachDetach>, "thread start"},
};

}  // namespace

std::span<const Listed> task_scenarios() { return kTask; }

}  // namespace portolan::proof
