// SPDX-License-Identifier: Apache-2.0
// Exception ports: set, swapped and got, by calls and by messages; inherited; and gone with who had them.
#include <mach/exception_types.h>
#include <mach/task_special_ports.h>
#include <string.h>

#include "ipc/mach_port.hpp"
#include "proof/messages.hpp"
#include "proof/reaping.hpp"
#include "segment/recovery.hpp"
#include "task/exception.hpp"
#include "task/exception_ports.hpp"

namespace portolan::proof {

namespace {

constexpr uint32_t kTwo = EXC_MASK_BAD_ACCESS | EXC_MASK_GUARD;
constexpr ipc::ActionChange kChange = {kTwo, EXCEPTION_DEFAULT, 0};

// `a` sets two actions of somebody's, in place of the last rights to another port, whose holder is told.
class SetActions : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override { return {"before", "set"}; }
  void stage() override {
    target = whose();
    fresh = a.port_with_send();
    old = c.allocate();
    watch = c.allocate();
    const mach_port_name_t there = c.give_send(old, a);
    World::require(c.notify(old, MACH_NOTIFY_NO_SENDERS, 0, watch) == KERN_SUCCESS, "a request");
    if (others()) put(there);
    a.deallocate(there);
  }
  void trap() override { answer(exception_ports_set(a.thread(), target, a.space(), kChange, fresh)); }
  unsigned outcome(Judge& judge) override {
    const bool set = w.port(a, fresh)->srights == 3;
    judge.equal(set ? 3 : 1, w.port(a, fresh)->srights.get(), "rights to the new port");
    judge.equal(set || !others() ? 0 : 2, w.port(c, old)->srights.get(), "rights to the old port");
    judge.equal(set || !others() ? 1 : 0, w.queued(w.port(c, watch), MACH_NOTIFY_NO_SENDERS),
                "notifications");
    return set;
  }

 protected:
  virtual ExceptionTarget whose() { return ExceptionTarget::of(b.handle()); }
  // Is anything there before?
  virtual bool others() const { return true; }
  void put(mach_port_name_t port) {
    World::require(exception_ports_set(a.thread(), target, a.space(), kChange, port) == KERN_SUCCESS,
                   "actions");
  }

  ExceptionTarget target;
  mach_port_name_t fresh = 0, old = 0, watch = 0;
};

class SetFirst : public SetActions {
 public:
  using SetActions::SetActions;

 protected:
  ExceptionTarget whose() override {
    const uint32_t slot = b.thread().index();
    const Handle<Port> port = thread_port(b.thread(), slot);
    return {ExceptionTarget::Level::thread, {}, slot, w.segment().ref_of(w.segment().at(port))};
  }
  bool others() const override { return false; }
};

class SetHost : public SetActions {
 public:
  using SetActions::SetActions;
  // The host outlives its tasks; the rights do not.
  void clear_away() override {
    transact(w.reaper(), ipc::kActionNeeds,
             [&](Txn& txn) { return exception_ports_store(txn, target, kChange, ipc::kRightNull); });
    settle(w.reaper());
  }

 protected:
  ExceptionTarget whose() override { return {ExceptionTarget::Level::host, {}, 0, {}}; }
};

// Two ports that are alike in part, and one that has died.
class Swap : public SetActions {
 public:
  using SetActions::SetActions;
  std::vector<std::string> outcomes() const override { return {"before", "swapped"}; }
  void stage() override {
    SetActions::stage();
    const mach_port_name_t dying = c.allocate(), there = c.give_send(dying, a);
    World::require(exception_ports_set(a.thread(), target, a.space(), {EXC_MASK_SYSCALL, EXCEPTION_STATE, 7},
                                       there) == KERN_SUCCESS,
                   "another");
    a.deallocate(there);
    World::require(c.mod_refs(dying, MACH_PORT_RIGHT_RECEIVE, -1) == KERN_SUCCESS, "a death");
  }
  void trap() override {
    ipc::ActionList list;
    mach_port_name_t names[ipc::kExceptionTypes];
    answer(exception_ports_swap(a.thread(), target, a.space(), {EXC_MASK_ALL, EXCEPTION_DEFAULT, 0}, fresh,
                                list, names));
    settle(a.thread());
  }
  unsigned outcome(Judge& judge) override {
    const bool swapped = w.port(a, fresh)->srights != 1;
    judge.equal(swapped ? 12 : 1, w.port(a, fresh)->srights.get(), "rights to the new port");
    judge.equal(swapped ? 1 : 2, w.port(c, old)->srights.get(), "rights to the old port");
    judge.equal(0, w.queued(w.port(c, watch)), "notifications");
    judge.equal(swapped ? 1 : 0, w.names(a, ipc::kTypeSend) - 1, "names");
    return swapped;
  }
};

class Get : public Swap {
 public:
  using Swap::Swap;
  std::vector<std::string> outcomes() const override { return {"before", "told"}; }
  void trap() override {
    ipc::ActionList list;
    mach_port_name_t names[ipc::kExceptionTypes];
    answer(exception_ports_get(a.thread(), target, a.space(), EXC_MASK_ALL, list, names));
    settle(a.thread());
  }
  unsigned outcome(Judge& judge) override {
    const bool told = w.names(a, ipc::kTypeSend) == 2;
    judge.equal(told ? 3 : 2, w.port(c, old)->srights.get(), "rights to the port");
    return told;
  }
};

// -- by message

template <mach_msg_id_t kId>
class Ask : public Swap {
 public:
  using Swap::Swap;
  std::vector<std::string> outcomes() const override {
    return {"not asked", "lost", "lost, and counted", "done, not answered", "answered"};
  }
  void stage() override {
    Swap::stage();
    World::require(
        task_get_special_port(a.thread(), b.handle(), TASK_KERNEL_PORT, a.space(), way) == KERN_SUCCESS,
        "a task port");
    reply = a.allocate();
  }
  void trap() override {
    if (kId == 3414) {
      PlainMessage message({way, kCopySend, reply, kMakeSendOnce, kId});
      message.words[2] = EXC_MASK_ALL;
      message.header.msgh_size = sizeof message.header + 12;
      send(a, message, MACH_SEND_TIMEOUT, 0, message.header.msgh_size);
      return;
    }
    struct {
      mach_msg_header_t header{};
      mach_msg_body_t body{1};
      mach_msg_port_descriptor_t port{};
      uint32_t ndr[2] = {};
      uint32_t mask = EXC_MASK_ALL, behavior = EXCEPTION_DEFAULT, flavor = 0;
    } m;
    static_assert(sizeof m == 60);
    address(m.header, {way, kCopySend, reply, kMakeSendOnce, kId}, sizeof m);
    m.header.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
    m.port.name = fresh;
    m.port.disposition = static_cast<uint8_t>(kCopySend);
    m.port.type = MACH_MSG_PORT_DESCRIPTOR;
    send(a, m, MACH_SEND_TIMEOUT, 0, sizeof m);
  }
  unsigned outcome(Judge& judge) override {
    const auto& actions = w.segment().at(Handle<ipc::Actions>{w.segment().at(b.handle()).actions});
    const bool set = actions.of[EXC_BAD_ACCESS].port == w.entry(a, fresh)->object;
    const bool answered = w.queued(w.port(a, reply), kId + 100) != 0;
    const bool lost = w.queued(w.port(a, reply), MACH_NOTIFY_SEND_ONCE) != 0;
    judge.equal(set ? 12 : 1, w.port(a, fresh)->srights.get(), "rights to the new port");
    const bool given = answered && kId != 3413;
    judge.equal(set ? given : 2 + given, w.port(c, old)->srights.get(), "rights to the old port");
    judge.equal(set && !given ? 1 : 0, w.queued(w.port(c, watch), MACH_NOTIFY_NO_SENDERS), "notifications");
    if (answered) return 4;
    if (set) return 3;
    return w.port(a, way)->seqno != 0 ? 2 : lost;
  }

 private:
  mach_port_name_t way = 0, reply = 0;
};

// -- children

class Inherit : public Swap {
 public:
  using Swap::Swap;
  std::vector<std::string> outcomes() const override { return {"before", "an embryo"}; }
  bool differs_each_time() const override { return true; }
  void trap() override {
    Handle<ipc::Task> embryo;
    answer(embryo_make(a.thread(), b.handle(), 99, 0, embryo));
    settle(a.thread());
  }
  unsigned outcome(Judge& judge) override {
    const unsigned made = w.domain().in_use(ipc::kZoneTask) - 3;
    judge.equal(2 + 2 * made, w.port(c, old)->srights.get(), "rights to the port");
    return made;
  }
  void clear_away() override {
    for (uint32_t i = 1; i < w.segment().zone(ipc::kZoneTask).carved; i++)
      if (w.segment().at(Handle<ipc::Task>{i}).allocated()) embryo_free(w.reaper(), Handle<ipc::Task>{i}, 0);
    settle(w.reaper());
  }
};

// -- raised

uint32_t some_state(const void*, uint32_t, uint32_t* words) {
  for (uint32_t i = 0; i < 42; i++) words[i] = i;
  return 42;
}

// The thread tells of an exception: to a queue that is full, or to a receiver who sleeps, or to a port that
// takes none of this kind.
template <int kCase>
class Raise : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override {
    return kCase == kOwn ? std::vector<std::string>{"not sent"} : std::vector<std::string>{"before", "sent"};
  }
  void stage() override {
    to = kCase == kOwn ? a.allocate() : b.allocate();
    reply = a.allocate();
    const mach_port_name_t there = kCase == kOwn ? to : b.give_send(to, a);
    if (kCase == kOwn) World::require(a.insert_right(to, to, kMakeSend) == KERN_SUCCESS, "a send right");
    const ipc::ActionChange change = {
        kMask,
        kCase == kAsleep ? uint32_t{EXCEPTION_DEFAULT} : EXCEPTION_STATE_IDENTITY | MACH_EXCEPTION_CODES, 4};
    World::require(exception_ports_set(a.thread(), ExceptionTarget::of(a.handle()), a.space(), change,
                                       there) == KERN_SUCCESS,
                   "an action");
    thread_port(a.thread(), a.thread().index());
    if (kCase == kFull)
      for (mach_msg_id_t i = 0; i < 5; i++)
        World::require(b.send(to, kMakeSend, i) == MACH_MSG_SUCCESS, "a full queue");
    if (kCase == kAsleep) w.put_to_sleep(b, [&] { b.receive(to, 0); });
  }
  void trap() override {
    ExceptionReport report;
    report.type = EXC_CRASH;
    report.state = some_state;
    ExceptionRequest request;
    answer(exception_send(a.thread(), ExceptionTarget::of(a.handle()), report, a.space(), ipc::Name{reply},
                          request));
  }
  unsigned outcome(Judge& judge) override {
    TestTask& receiver = kCase == kOwn ? a : b;
    const unsigned queued = w.queued(w.port(receiver, to), kId) + (kCase == kAsleep && w.given(b) != nullptr);
    // The request's end tells the reply port.
    const unsigned ended = w.queued(w.port(a, reply), MACH_NOTIFY_SEND_ONCE);
    judge.equal(0, ended, "ends of requests");
    judge.equal(queued, w.port(a, reply)->sorights.get(), "send-once rights to the reply port");
    const unsigned before = kCase == kFull ? 7 : 2;  // the name, the action, and messages on their way
    judge.equal(before + queued, w.port(receiver, to)->srights.get(), "send rights");
    return queued;
  }

  enum { kFull, kAsleep, kOwn };

 private:
  static constexpr uint32_t kMask = EXC_MASK_CRASH;
  static constexpr mach_msg_id_t kId = kCase == kAsleep ? 2401 : 2407;
  mach_port_name_t to = 0, reply = 0;
};

// -- ends

// A task ends that has actions, as have its thread and an embryo of its.
class EndWithActions : public Reaping {
 public:
  using Reaping::Reaping;
  std::vector<std::string> outcomes() const override { return {"ended"}; }
  void stage() override {
    old = c.allocate();
    watch = c.allocate();
    const mach_port_name_t there = c.give_send(old, a);
    World::require(c.notify(old, MACH_NOTIFY_NO_SENDERS, 0, watch) == KERN_SUCCESS, "a request");
    const uint32_t slot = a.thread().index();
    const Handle<Port> port = thread_port(a.thread(), slot);
    const ExceptionTarget thread = {
        ExceptionTarget::Level::thread, {}, slot, w.segment().ref_of(w.segment().at(port))};
    for (const ExceptionTarget& target : {ExceptionTarget::of(a.handle()), thread})
      World::require(exception_ports_set(a.thread(), target, a.space(), kChange, there) == KERN_SUCCESS,
                     "actions");
    declare_dead(w.segment(), slot);
  }
  void trap() override { reap(other); }
  void afterwards() override { reap(w.reaper()); }
  unsigned outcome(Judge& judge) override {
    judge.equal(1, w.queued(w.port(c, watch), MACH_NOTIFY_NO_SENDERS), "notifications");
    judge.equal(1, w.domain().in_use(ipc::kZoneActions), "arrays but the host's");
    return 0;
  }

 private:
  void reap(Thread& by) {
    recover_dead_threads(by);
    task_terminate(by, a.handle());
    settle(by);
  }
  mach_port_name_t old = 0, watch = 0;
};

// A thread goes that has set actions of its own.
class ThreadGoes : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override { return {"nothing is left"}; }
  bool differs_each_time() const override { return true; }
  void stage() override {
    port = a.port_with_send();
    Thread probe;  // attach takes the first slot that is free
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
    const Handle<Port> own = thread_port(fresh, fresh.index());
    if (own) {
      const ExceptionTarget target = {
          ExceptionTarget::Level::thread, {}, fresh.index(), w.segment().ref_of(w.segment().at(own))};
      exception_ports_set(fresh, target, a.space(), kChange, port);
    }
    task_thread_gone(fresh, fresh.slot());
    fresh.detach();
  }
  void afterwards() override {
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
    judge.equal(1, w.port(a, port)->srights.get(), "send rights");
    judge.equal(1, w.domain().in_use(ipc::kZoneActions), "arrays but the host's");
    judge.equal(1, w.segment().at(a.handle()).threads.get(), "threads of the task");
    return 0;
  }

 private:
  static constexpr uint32_t kTid = 0x3fffffff;  // beyond what Linux gives out: nobody alive
  uint32_t slot = 0;
  mach_port_name_t port = 0;
};

constexpr Listed kScenarios[] = {
    {"exceptions-set", "in place of others, of another task", make_scenario<SetActions>,
     "task_set_exception_ports"},
    {"exceptions-first", "a thread's first", make_scenario<SetFirst>, "thread_set_exception_ports"},
    {"exceptions-host", "the host's", make_scenario<SetHost>, "host_set_exception_ports"},
    {"exceptions-swap", "a port, and one that has died", make_scenario<Swap>, "task_swap_exception_ports"},
    {"exceptions-get", "the same", make_scenario<Get>, "task_get_exception_ports"},
    {"kernel-set-exceptions", "another task's by message", make_scenario<Ask<3413>>,
     "mach_msg to the kernel"},
    {"kernel-get-exceptions", "the same", make_scenario<Ask<3414>>, "mach_msg to the kernel"},
    {"kernel-swap-exceptions", "the same", make_scenario<Ask<3415>>, "mach_msg to the kernel"},
    {"exceptions-inherit", "an embryo of a task that has some", make_scenario<Inherit>, "fork"},
    {"exception-raise", "the handler's queue is full", make_scenario<Raise<0>>, "an exception"},
    {"exception-raise-asleep", "the handler sleeps", make_scenario<Raise<1>>, "an exception"},
    {"exception-raise-own", "its own port", make_scenario<Raise<2>>, "an exception"},
    {"exceptions-end", "a task and a thread that have some, by a reaper that dies",
     make_scenario<EndWithActions>, "launchd"},
    {"exceptions-thread", "a thread sets some and goes", make_scenario<ThreadGoes>, "thread end"},
};

}  // namespace

std::span<const Listed> exception_scenarios() { return kScenarios; }

}  // namespace portolan::proof
