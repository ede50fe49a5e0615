// SPDX-License-Identifier: Apache-2.0
// The namespace: names bound, found and taken down with their ports, their owners and their namespaces.
#include "ipc/space.hpp"
#include "proof/messages.hpp"
#include "proof/scenario.hpp"

namespace portolan::proof {

namespace {

using bootstrap::ServiceName;
using ipc::Name;

class Naming : public Scenario {
 public:
  using Scenario::Scenario;

 protected:
  bootstrap::Caller caller(TestTask& task) { return {task.handle(), task.space()}; }
  mach_port_name_t check_in(TestTask& task, mach_port_name_t bp, const char* service) {
    Name name;
    World::require(bootstrap::check_in(task.thread(), caller(task), Name{bp}, ServiceName(service), 0, name) ==
                       KERN_SUCCESS,
                   "a service");
    return name.value;
  }
  mach_port_name_t subset(TestTask& task, mach_port_name_t bp, mach_port_name_t requestor) {
    Name name;
    World::require(
        bootstrap::subset(task.thread(), caller(task), Name{bp}, Name{requestor}, name) == KERN_SUCCESS,
        "a subset");
    return name.value;
  }
  // The service of this name in the namespace of a port; nullptr: none.
  const ipc::Service* service(TestTask& task, mach_port_name_t bp, const char* text) {
    const Port* port = w.port(task, bp);
    if (port == nullptr || !port->active()) return nullptr;
    const ServiceName name(text);
    const ipc::Subset& at = w.segment().at(Handle<ipc::Subset>{port->kobject});
    for (uint32_t i = 1; i < w.segment().carved(ipc::kZoneService); i++) {
      const ipc::Service& it = w.segment().at(Handle<ipc::Service>{i});
      if (it.allocated() && &at == &w.segment().at(Handle<ipc::Subset>{it.subset}) && name.is(it)) return &it;
    }
    return nullptr;
  }
  unsigned services() { return w.domain().in_use(ipc::kZoneService); }
  unsigned namespaces() { return w.domain().in_use(ipc::kZoneSubset); }
};

class CheckIn : public Naming {
 public:
  using Naming::Naming;
  std::vector<std::string> outcomes() const override { return {"before", "checked in"}; }
  void stage() override {
    bp = w.bootstrap_port(a);
    check_in(b, w.bootstrap_port(b), "other");
  }
  void trap() override {
    Name name;
    answer(bootstrap::check_in(a.thread(), caller(a), Name{bp}, ServiceName("service"), 0, name));
  }
  unsigned outcome(Judge& judge) override {
    const bool bound = service(a, bp, "service") != nullptr;
    judge.equal(bound, w.names(a, ipc::kTypeReceive), "receive rights");
    judge.equal(1u + bound, services(), "services");
    return bound;
  }

 protected:
  mach_port_name_t bp = 0;
};

// The table has no room for the name: it grows first.
class CheckInGrows : public CheckIn {
 public:
  using CheckIn::CheckIn;
  std::vector<std::string> outcomes() const override { return {"before", "a larger table", "checked in"}; }
  void stage() override {
    CheckIn::stage();
    while (w.names(a, 0) + 1 < w.table_size(a)) a.allocate(MACH_PORT_RIGHT_DEAD_NAME);
    size = w.table_size(a);
  }
  unsigned outcome(Judge& judge) override {
    return CheckIn::outcome(judge) != 0 ? 2 : w.table_size(a) > size;
  }

 private:
  uint32_t size = 0;
};

class LookUp : public Naming {
 public:
  using Naming::Naming;
  std::vector<std::string> outcomes() const override { return {"before", "found"}; }
  void stage() override {
    bp = w.bootstrap_port(a);
    check_in(b, w.bootstrap_port(b), "service");
    // In a subset: the name is found further out.
    inner = subset(a, bp, a.port_with_send());
  }
  void trap() override {
    Name name;
    answer(bootstrap::look_up(a.thread(), caller(a), Name{inner}, ServiceName("service"), 0, 0, name));
  }
  unsigned outcome(Judge&) override {
    const ipc::Service* it = service(a, bp, "service");
    return it != nullptr && w.segment().at(Handle<Port>{it->port}).srights == 2;
  }

 private:
  mach_port_name_t bp = 0, inner = 0;
};

class Register : public Naming {
 public:
  using Naming::Naming;
  std::vector<std::string> outcomes() const override { return {"before", "registered"}; }
  void stage() override {
    bp = w.bootstrap_port(a);
    port = a.port_with_send();
  }
  void trap() override {
    answer(bootstrap::register_(a.thread(), caller(a), Name{bp}, ServiceName("service"), Name{port}, 0));
  }
  unsigned outcome(Judge& judge) override {
    const bool bound = service(a, bp, "service") != nullptr;
    judge.equal(1 + bound, w.port(a, port)->srights.get(), "send rights");
    return bound;
  }

 private:
  mach_port_name_t bp = 0, port = 0;
};

class MakeSubset : public Naming {
 public:
  using Naming::Naming;
  std::vector<std::string> outcomes() const override { return {"before", "made"}; }
  void stage() override {
    bp = w.bootstrap_port(a);
    requestor = b.allocate();
    way = b.give_send(requestor, a);
  }
  void trap() override {
    Name name;
    answer(bootstrap::subset(a.thread(), caller(a), Name{bp}, Name{way}, name));
  }
  unsigned outcome(Judge& judge) override {
    const bool made = namespaces() == 2;
    judge.equal(1 + made, w.port(b, requestor)->srights.get(), "send rights to the requestor");
    judge.equal(2u + made, w.names(a, ipc::kTypeSend), "names");
    return made;
  }

 private:
  mach_port_name_t bp = 0, requestor = 0, way = 0;
};

// The requestor dies: a namespace with services and a namespace below falls.
class SubsetFalls : public Naming {
 public:
  using Naming::Naming;
  std::vector<std::string> outcomes() const override { return {"before", "fallen"}; }
  void stage() override {
    bp = w.bootstrap_port(b);
    requestor = a.port_with_send();
    const mach_port_name_t theirs = a.give_send(requestor, b);
    inner = subset(b, bp, theirs);
    innermost = subset(b, inner, b.port_with_send());
    check_in(b, inner, "one");
    check_in(b, inner, "two");
    check_in(b, innermost, "three");
    watch = b.allocate();
    World::require(b.notify(innermost, MACH_NOTIFY_DEAD_NAME, 1, watch) == KERN_SUCCESS, "a request");
  }
  void trap() override { a.mod_refs(requestor, MACH_PORT_RIGHT_RECEIVE, -1); }
  unsigned outcome(Judge& judge) override {
    const bool lives = (w.type(a, requestor) & ipc::kTypeReceive) != 0;
    judge.equal(lives ? 3u : 0u, services(), "services");
    judge.equal(lives ? 3u : 1u, namespaces(), "namespaces");
    judge.equal(!lives, w.queued(w.port(b, watch), MACH_NOTIFY_DEAD_NAME), "DEAD_NAME notifications");
    return !lives;
  }

 private:
  mach_port_name_t bp = 0, requestor = 0, inner = 0, innermost = 0, watch = 0;
};

// A service's port is destroyed by its receiver: the name goes.
class ServiceDies : public Naming {
 public:
  using Naming::Naming;
  std::vector<std::string> outcomes() const override { return {"before", "unbound"}; }
  void stage() override {
    bp = w.bootstrap_port(a);
    port = check_in(a, bp, "service");
  }
  void trap() override { a.destroy(port); }
  unsigned outcome(Judge& judge) override {
    const bool there = w.entry(a, port) != nullptr;
    judge.equal(there ? 1u : 0u, services(), "services");
    return !there;
  }

 private:
  mach_port_name_t bp = 0, port = 0;
};

// There is one below already.
class MakeSecondSubset : public Naming {
 public:
  using Naming::Naming;
  std::vector<std::string> outcomes() const override { return {"before", "made"}; }
  void stage() override {
    bp = w.bootstrap_port(a);
    subset(b, w.bootstrap_port(b), b.port_with_send());
    requestor = a.port_with_send();
  }
  void trap() override {
    Name name;
    answer(bootstrap::subset(a.thread(), caller(a), Name{bp}, Name{requestor}, name));
  }
  unsigned outcome(Judge& judge) override {
    const bool made = namespaces() == 3;
    judge.equal(1 + made, w.port(a, requestor)->srights.get(), "send rights to the requestor");
    return made;
  }

 private:
  mach_port_name_t bp = 0, requestor = 0;
};

// The middle one of three falls.
class MiddleSubsetFalls : public Naming {
 public:
  using Naming::Naming;
  std::vector<std::string> outcomes() const override { return {"before", "fallen"}; }
  void stage() override {
    const mach_port_name_t theirs = w.bootstrap_port(b);
    subset(b, theirs, b.port_with_send());
    requestor = a.port_with_send();
    subset(b, theirs, a.give_send(requestor, b));
    subset(b, theirs, b.port_with_send());
  }
  void trap() override { a.mod_refs(requestor, MACH_PORT_RIGHT_RECEIVE, -1); }
  unsigned outcome(Judge& judge) override {
    const bool lives = (w.type(a, requestor) & ipc::kTypeReceive) != 0;
    judge.equal(lives ? 4u : 3u, namespaces(), "namespaces");
    return !lives;
  }

 private:
  mach_port_name_t requestor = 0;
};

constexpr Listed kBootstrap[] = {
    {"check-in", "a new service", make_scenario<CheckIn>, "bootstrap_check_in"},
    {"check-in-grow", "with a table that has to grow", make_scenario<CheckInGrows>, "bootstrap_check_in"},
    {"look-up", "from a subset", make_scenario<LookUp>, "bootstrap_look_up"},
    {"register", "a send right under a name", make_scenario<Register>, "bootstrap_register"},
    {"subset", "a namespace below", make_scenario<MakeSubset>, "bootstrap_subset"},
    {"subset-falls", "with services, and a namespace below, as its requestor dies",
     make_scenario<SubsetFalls>, "mach_port_mod_refs"},
    {"service-dies", "its port is destroyed", make_scenario<ServiceDies>, "mach_port_destroy"},
    {"subset-second", "a second namespace below", make_scenario<MakeSecondSubset>, "bootstrap_subset"},
    {"subset-middle", "the middle one of three falls", make_scenario<MiddleSubsetFalls>,
     "mach_port_mod_refs"},
};

}  // namespace

std::span<const Listed> bootstrap_scenarios() { return kBootstrap; }

}  // namespace portolan::proof
