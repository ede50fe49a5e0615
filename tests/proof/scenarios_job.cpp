// SPDX-License-Identifier: Apache-2.0
// Jobs and what is declared for them: made, started, ended and removed by launchd, checked in and lost by
// their processes (bootstrap 5.2, 6).
#include <servers/bootstrap_priv.h>

#include "bootstrap/job.hpp"
#include "ipc/mqueue.hpp"
#include "ipc/space.hpp"
#include "proof/reaping.hpp"

namespace portolan::proof {

namespace {

using bootstrap::ServiceName;
using ipc::Job;
using ipc::Name;
using ipc::Service;

// The job, whose process is `a` if the scenario says so; `b` is a client.
template <class Base>
class WithJob : public Base {
 public:
  using Base::a;
  using Base::b;
  using Base::Base;
  using Base::w;
  void clear_away() override {
    for (uint32_t i = 1; i < w.segment().carved(ipc::kZoneJob); i++) {
      if (!w.segment().at(Handle<Job>{i}).allocated()) continue;
      World::require(bootstrap::job_remove(w.reaper(), Handle<Job>{i}), "the job removed");
    }
  }

 protected:
  bootstrap::Caller caller(TestTask& task) { return {task.handle(), task.space()}; }
  void make_job() {
    World::require(bootstrap::job_make(w.launchd(), "com.example.job", 0, job) == KERN_SUCCESS, "a job");
  }
  void declare(const char* name, uint32_t flags = 0) {
    World::require(bootstrap::job_declare(w.launchd(), job, ServiceName(name), flags) == KERN_SUCCESS,
                   "a declared service");
  }
  void run_as_job() {
    const uint32_t pid = w.segment().at(a.handle()).credentials.pid;
    bootstrap::job_started(w.launchd(), job, pid, 0, 1);
    transact(w.launchd(), Needs{}, [&](Txn& txn) {
      Locked<ipc::Task> task = txn.lock(a.handle());
      txn.set(task->job, job.index);
      return 0;
    });
  }
  mach_port_name_t check_in(TestTask& task, mach_port_name_t bp, const char* service) {
    Name name;
    World::require(bootstrap::check_in(task.thread(), caller(task), Name{bp}, ServiceName(service), 0,
                                       name) == KERN_SUCCESS,
                   "a service");
    return name.value;
  }
  mach_port_name_t look_up(TestTask& task, const char* service) {
    Name name;
    World::require(bootstrap::look_up(task.thread(), caller(task), Name{w.bootstrap_port(task)},
                                      ServiceName(service), 0, 0, name) == KERN_SUCCESS,
                   "a service found");
    return name.value;
  }
  unsigned jobs() { return w.domain().in_use(ipc::kZoneJob); }
  unsigned services() { return w.domain().in_use(ipc::kZoneService); }
  bool at_home(mach_port_name_t clients) {
    const Port* port = w.port(b, clients);
    return port != nullptr && port->active() && port->is(ipc::kPortAtHome);
  }

  Handle<Job> job;
};

// -- launchd's calls

class MakeJob : public WithJob<Reaping> {
 public:
  using WithJob::WithJob;
  std::vector<std::string> outcomes() const override { return {"before", "made"}; }
  void stage() override {}
  void trap() override { answer(bootstrap::job_make(other, "com.example.job", 0, job)); }
  unsigned outcome(Judge& judge) override {
    const bool found = static_cast<bool>(bootstrap::job_find(w.segment(), "com.example.job"));
    judge.equal(found ? 1u : 0u, jobs(), "jobs");
    return found;
  }
};

class Declare : public WithJob<Reaping> {
 public:
  using WithJob::WithJob;
  std::vector<std::string> outcomes() const override { return {"before", "declared"}; }
  void stage() override {
    make_job();
    declare("other");
  }
  void trap() override { answer(bootstrap::job_declare(other, job, ServiceName("service"), 0)); }
  unsigned outcome(Judge&) override { return services() - 1; }
};

class Started : public WithJob<Reaping> {
 public:
  using WithJob::WithJob;
  std::vector<std::string> outcomes() const override { return {"before", "noted"}; }
  void stage() override { make_job(); }
  void trap() override { bootstrap::job_started(other, job, 4711, 5, 6); }
  unsigned outcome(Judge& judge) override {
    const Job& it = w.segment().at(job);
    judge.equal(it.pid == 4711, it.runs == 1, "runs");
    return it.pid == 4711;
  }
};

class Ended : public WithJob<Reaping> {
 public:
  using WithJob::WithJob;
  std::vector<std::string> outcomes() const override { return {"before", "noted"}; }
  void stage() override {
    make_job();
    bootstrap::job_started(w.launchd(), job, 4711, 5, 6);
  }
  void trap() override { bootstrap::job_ended(other, job, 9); }
  unsigned outcome(Judge& judge) override {
    const Job& it = w.segment().at(job);
    judge.equal(it.pid == 0, it.status == 9, "the status");
    return it.pid == 0;
  }
};

// One service at home with a message, one held outside; what is left is the work.
class Remove : public WithJob<Reaping> {
 public:
  using WithJob::WithJob;
  std::vector<std::string> outcomes() const override {
    return {"before", "being removed", "one service left", "none left", "removed"};
  }
  void stage() override {
    make_job();
    declare("idle");
    declare("held");
    run_as_job();
    check_in(a, w.bootstrap_port(a), "held");
    b.send(look_up(b, "idle"), MACH_MSG_TYPE_COPY_SEND, 7);
  }
  void trap() override { bootstrap::job_remove(other, job); }
  unsigned outcome(Judge& judge) override {
    judge.expect(services() <= 2, "more services than there were");
    if (jobs() == 0) return 4;
    return w.segment().at(job).state == ipc::kJobLive ? 0 : 3 - services();
  }
};

class Drain : public WithJob<Reaping> {
 public:
  using WithJob::WithJob;
  std::vector<std::string> outcomes() const override { return {"before", "one gone", "drained"}; }
  void stage() override {
    make_job();
    declare("service", ipc::kServiceDrainsAll);
    right = look_up(b, "service");
    for (int i = 0; i < 2; i++) b.send(right, MACH_MSG_TYPE_COPY_SEND, 7);
  }
  void trap() override { bootstrap::job_drain(other, job); }
  unsigned outcome(Judge&) override { return 2 - w.queued(w.port(b, right)); }

 private:
  mach_port_name_t right = 0;
};

// -- its process

class CheckInFromHome : public WithJob<Scenario> {
 public:
  using WithJob::WithJob;
  std::vector<std::string> outcomes() const override { return {"before", "checked in"}; }
  void stage() override {
    make_job();
    declare("service");
    run_as_job();
    right = look_up(b, "service");
    b.send(right, MACH_MSG_TYPE_COPY_SEND, 7);
    bp = w.bootstrap_port(a);
  }
  void trap() override {
    Name name;
    answer(bootstrap::check_in(a.thread(), caller(a), Name{bp}, ServiceName("service"), 0, name));
  }
  unsigned outcome(Judge& judge) override {
    const bool held = w.names(a, ipc::kTypeReceive) == 1;
    judge.equal(!held, at_home(right), "at home");
    judge.equal(1u, w.queued(w.port(b, right), 7), "messages");
    return held;
  }

 private:
  mach_port_name_t right = 0, bp = 0;
};

// The holder destroys the right: it is at home again, with what is queued.
class ComesHome : public WithJob<Scenario> {
 public:
  using WithJob::WithJob;
  std::vector<std::string> outcomes() const override { return {"before", "at home"}; }
  void stage() override {
    make_job();
    declare("service");
    run_as_job();
    port = check_in(a, w.bootstrap_port(a), "service");
    right = look_up(b, "service");
    b.send(right, MACH_MSG_TYPE_COPY_SEND, 7);
  }
  void trap() override { a.destroy(port); }
  unsigned outcome(Judge& judge) override {
    judge.equal(1u, w.queued(w.port(b, right), 7), "messages");
    return at_home(right);
  }

 protected:
  mach_port_name_t port = 0, right = 0;
};

// It is in more sets than one transaction takes it out of.
class ComesHomeFromSets : public ComesHome {
 public:
  using ComesHome::ComesHome;
  std::vector<std::string> outcomes() const override {
    return {"before", "at home, and still in some sets", "at home"};
  }
  void stage() override {
    ComesHome::stage();
    for (unsigned i = 0; i < ipc::kSetsAtOnce + 2; i++)
      World::require(ipc::port_insert_member(a.thread(), a.space(), Name{port},
                                             Name{a.allocate(MACH_PORT_RIGHT_PORT_SET)}) == KERN_SUCCESS,
                     "a member");
  }
  unsigned outcome(Judge& judge) override {
    if (ComesHome::outcome(judge) == 0) return 0;
    return w.port(b, right)->links != 0 ? 1 : 2;
  }
};

// It had a send right, too: that stays.
class ReceiveGoesHome : public ComesHome {
 public:
  using ComesHome::ComesHome;
  void stage() override {
    ComesHome::stage();
    World::require(a.insert_right(port, port, MACH_MSG_TYPE_MAKE_SEND) == KERN_SUCCESS, "a send right");
  }
  void trap() override { a.mod_refs(port, MACH_PORT_RIGHT_RECEIVE, -1); }
};

// One that resets dies with its messages, and there is another.
class Resets : public WithJob<Scenario> {
 public:
  using WithJob::WithJob;
  std::vector<std::string> outcomes() const override { return {"before", "made anew"}; }
  void stage() override {
    make_job();
    declare("service", ipc::kServiceResets);
    run_as_job();
    port = check_in(a, w.bootstrap_port(a), "service");
    right = look_up(b, "service");
    b.send(right, MACH_MSG_TYPE_COPY_SEND, 7);
  }
  void trap() override { a.destroy(port); }
  unsigned outcome(Judge& judge) override {
    judge.equal(1u, services(), "services");
    return w.entry(a, port) == nullptr;
  }

 protected:
  mach_port_name_t port = 0, right = 0;
};

// A message to a port at home.
class SendHome : public WithJob<Scenario> {
 public:
  using WithJob::WithJob;
  std::vector<std::string> outcomes() const override { return {"before", "queued"}; }
  void stage() override {
    make_job();
    declare("service");
    right = look_up(b, "service");
    own = look_up(a, "service");
  }
  void trap() override { a.send(own, MACH_MSG_TYPE_COPY_SEND, 7); }
  unsigned outcome(Judge&) override { return w.queued(w.port(b, right), 7); }

 private:
  mach_port_name_t right = 0, own = 0;
};

class Undeclare : public WithJob<Scenario> {
 public:
  using WithJob::WithJob;
  std::vector<std::string> outcomes() const override { return {"before", "taken back"}; }
  void stage() override {
    make_job();
    declare("service");
    run_as_job();
    right = look_up(b, "service");
    bp = w.bootstrap_port(a);
  }
  void trap() override {
    answer(bootstrap::register_(a.thread(), caller(a), Name{bp}, ServiceName("service"), Name{}, 0));
  }
  unsigned outcome(Judge&) override { return services() == 0; }

 private:
  mach_port_name_t right = 0, bp = 0;
};

// -- legacy servers

class CreateServer : public WithJob<Scenario> {
 public:
  using WithJob::WithJob;
  std::vector<std::string> outcomes() const override { return {"before", "made"}; }
  void stage() override { bp = w.bootstrap_port(a); }
  void trap() override {
    Name name;
    static constexpr bootstrap::ServerCommand kCommand{"/bin/true"};
    answer(bootstrap::create_server(a.thread(), caller(a), Name{bp}, kCommand, 0, true, name));
  }
  unsigned outcome(Judge& judge) override {
    // Its caller's death leaves the job, without anybody who could use its port.
    judge.expect(w.names(a, ipc::kTypeSend) <= 2, "more rights than one");
    return jobs();
  }
  bool same_portraits() const override { return false; }  // the label has a number of its own each time

 private:
  mach_port_name_t bp = 0;
};

class ServerChecksIn : public WithJob<Scenario> {
 public:
  using WithJob::WithJob;
  std::vector<std::string> outcomes() const override { return {"before", "checked in"}; }
  void stage() override {
    Name name;
    static constexpr bootstrap::ServerCommand kCommand{"/bin/true"};
    World::require(bootstrap::create_server(a.thread(), caller(a), Name{w.bootstrap_port(a)}, kCommand, 0,
                                            true, name) == KERN_SUCCESS,
                   "a server");
    server = name.value;
  }
  void trap() override {
    Name name;
    answer(bootstrap::check_in(a.thread(), caller(a), Name{server}, ServiceName("service"), 0, name));
  }
  unsigned outcome(Judge&) override { return services(); }

 protected:
  mach_port_name_t server = 0;
};

class ServerPortGoes : public ServerChecksIn {
 public:
  using ServerChecksIn::ServerChecksIn;
  std::vector<std::string> outcomes() const override { return {"before", "released"}; }
  void trap() override { a.deallocate(server); }
  unsigned outcome(Judge& judge) override {
    judge.equal(1u, jobs(), "jobs");
    return w.entry(a, server) == nullptr;
  }
};

// Removed with its port, which somebody still has.
class RemoveServer : public WithJob<Reaping> {
 public:
  using WithJob::WithJob;
  std::vector<std::string> outcomes() const override {
    return {"before", "being removed", "without its port", "removed"};
  }
  void stage() override {
    Name name;
    static constexpr bootstrap::ServerCommand kCommand{"/bin/true"};
    World::require(bootstrap::create_server(a.thread(), caller(a), Name{w.bootstrap_port(a)}, kCommand, 0,
                                            true, name) == KERN_SUCCESS,
                   "a server");
    server = name.value;
    job = Handle<Job>{w.port(a, server)->kobject};
  }
  void trap() override { bootstrap::job_remove(other, job); }
  unsigned outcome(Judge&) override {
    if (jobs() == 0) return 3;
    if (w.segment().at(job).state == ipc::kJobLive) return 0;
    return w.segment().at(job).port != 0 ? 1 : 2;
  }

 private:
  mach_port_name_t server = 0;
};

// Its namespace falls: launchd has to remove it.
class ServerLosesItsNamespace : public WithJob<Scenario> {
 public:
  using WithJob::WithJob;
  std::vector<std::string> outcomes() const override { return {"before", "fallen"}; }
  void stage() override {
    requestor = a.port_with_send();
    Name inner, name;
    World::require(bootstrap::subset(b.thread(), caller(b), Name{w.bootstrap_port(b)},
                                     Name{a.give_send(requestor, b)}, inner) == KERN_SUCCESS,
                   "a subset");
    static constexpr bootstrap::ServerCommand kCommand{"/bin/true"};
    World::require(
        bootstrap::create_server(b.thread(), caller(b), inner, kCommand, 0, true, name) == KERN_SUCCESS,
        "a server");
    check_in(b, name.value, "service");
  }
  void trap() override { a.mod_refs(requestor, MACH_PORT_RIGHT_RECEIVE, -1); }
  unsigned outcome(Judge& judge) override {
    const bool lives = (w.type(a, requestor) & ipc::kTypeReceive) != 0;
    judge.equal(lives ? 1u : 0u, services(), "services");
    return !lives;
  }

 private:
  mach_port_name_t requestor = 0;
};

// -- chains and trees

// Names whose ways in the tree run through one another: the one in the middle goes, and another takes its
// place.
class TreeCloses : public WithJob<Scenario> {
 public:
  using WithJob::WithJob;
  std::vector<std::string> outcomes() const override { return {"before", "unbound"}; }
  void stage() override {
    const mach_port_name_t bp = w.bootstrap_port(a);
    uint64_t first = 0;
    char name[16];
    for (unsigned i = 0; names < 3; i++) {
      snprintf(name, sizeof name, "n%u", i);
      const uint64_t hash = ServiceName(name).hash();
      // One bucket, and one way below the first.
      if (names == 0)
        first = hash;
      else if (((hash ^ first) & 0x7ff) != 0)
        continue;
      const mach_port_name_t port = check_in(a, bp, name);
      if (names++ == 0) root = port;
    }
  }
  void trap() override { a.destroy(root); }
  unsigned outcome(Judge& judge) override {
    const bool there = w.entry(a, root) != nullptr;
    judge.equal(there ? 3u : 2u, services(), "services");
    return !there;
  }

 private:
  unsigned names = 0;
  mach_port_name_t root = 0;
};

// The older of two names of one port is unbound by its owner's end, the newer stays.
class OneNameOfTwo : public WithJob<Scenario> {
 public:
  using WithJob::WithJob;
  std::vector<std::string> outcomes() const override { return {"before", "one is left"}; }
  void stage() override {
    make_job();
    run_as_job();
    bp = w.bootstrap_port(a);
    const mach_port_name_t port = a.port_with_send();
    for (const char* name : {"one", "two", "three"})
      World::require(bootstrap::register_(a.thread(), caller(a), Name{bp}, ServiceName(name), Name{port},
                                          0) == KERN_SUCCESS,
                     "a name");
    declare("declared");
  }
  void trap() override {
    answer(bootstrap::register_(a.thread(), caller(a), Name{bp}, ServiceName("declared"), Name{}, 0));
  }
  unsigned outcome(Judge& judge) override {
    judge.expect(services() == 3 || services() == 4, "services");
    return services() == 3;
  }

 private:
  mach_port_name_t bp = 0;
};

class ListChildren : public WithJob<Scenario> {
 public:
  using WithJob::WithJob;
  std::vector<std::string> outcomes() const override { return {"before", "a right to the child"}; }
  void stage() override {
    bp = w.bootstrap_port(a);
    Name inner;
    World::require(bootstrap::subset(b.thread(), caller(b), Name{w.bootstrap_port(b)},
                                     Name{b.port_with_send()}, inner) == KERN_SUCCESS,
                   "a subset");
  }
  void trap() override {
    bootstrap::Child child;
    answer(bootstrap::child(a.thread(), caller(a), Name{bp}, 0, child));
  }
  unsigned outcome(Judge&) override { return w.names(a, ipc::kTypeSend) - 1; }

 private:
  mach_port_name_t bp = 0;
};

constexpr Listed kJob[] = {
    {"job-make", "a label", make_scenario<MakeJob>, "launchd"},
    {"job-declare", "a service at home", make_scenario<Declare>, "launchd"},
    {"job-started", "its process is noted", make_scenario<Started>, "launchd"},
    {"job-ended", "its status is noted", make_scenario<Ended>, "launchd"},
    {"job-remove", "one service at home, one held", make_scenario<Remove>, "launchd"},
    {"job-drain", "two messages", make_scenario<Drain>, "launchd"},
    {"check-in-home", "a declared service with a message", make_scenario<CheckInFromHome>,
     "bootstrap_check_in"},
    {"comes-home", "destroyed by its holder", make_scenario<ComesHome>, "mach_port_destroy"},
    {"comes-home-sets", "out of many sets", make_scenario<ComesHomeFromSets>, "mach_port_destroy"},
    {"comes-home-send", "a send right stays", make_scenario<ReceiveGoesHome>, "mach_port_mod_refs"},
    {"resets", "a new port for the same name", make_scenario<Resets>, "mach_port_destroy"},
    {"send-home", "nobody holds the service", make_scenario<SendHome>, "mach_msg"},
    {"undeclare", "register with no port", make_scenario<Undeclare>, "bootstrap_register"},
    {"create-server", "a legacy server", make_scenario<CreateServer>, "bootstrap_create_server"},
    {"server-checks-in", "by its own port", make_scenario<ServerChecksIn>, "bootstrap_check_in"},
    {"server-port", "the last right to it", make_scenario<ServerPortGoes>, "mach_port_deallocate"},
    {"server-remove", "a legacy server with its port", make_scenario<RemoveServer>, "launchd"},
    {"server-falls", "with its namespace", make_scenario<ServerLosesItsNamespace>, "mach_port_mod_refs"},
    {"tree-closes", "an inner name goes", make_scenario<TreeCloses>, "mach_port_destroy"},
    {"chain", "one of many of a job's", make_scenario<OneNameOfTwo>, "bootstrap_register"},
    {"children", "the first namespace below", make_scenario<ListChildren>, "bootstrap_lookup_children"},
};

}  // namespace

std::span<const Listed> job_scenarios() { return kJob; }

}  // namespace portolan::proof
