// SPDX-License-Identifier: Apache-2.0
// File ports: made and found by tasks, ended by their last right or by a new launchd.
#include "ipc/fileport.hpp"

#include <kern/ipc_kobject.h>

#include "proof/reaping.hpp"

namespace portolan::proof {

namespace {

using ipc::Name;

mach_port_name_t made(TestTask& task) {
  Name name;
  ipc::FilePort port;
  World::require(ipc::fileport_make(task.thread(), task.space(), name, port) == KERN_SUCCESS, "a file port");
  settle(task.thread());
  return name.value;
}

class Make : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override { return {"before", "made"}; }
  void stage() override {}
  void trap() override {
    Name name;
    ipc::FilePort port;
    answer(ipc::fileport_make(a.thread(), a.space(), name, port));
    settle(a.thread());
  }
  unsigned outcome(Judge&) override { return w.names(a, ipc::kTypeSend); }
};

class Find : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override { return {"nothing has changed"}; }
  void stage() override { mine = made(a); }
  void trap() override {
    ipc::FilePort found;
    answer(ipc::fileport_find(a.thread(), a.space(), Name{mine}, found));
  }
  unsigned outcome(Judge& judge) override {
    judge.equal(IKOT_FILEPORT, w.port(a, mine)->kobject_type.get(), "the kind");
    return 0;
  }

 protected:
  mach_port_name_t mine = 0;
};

// The last send right: with it goes the port, and launchd is to look.
class LastRight : public Find {
 public:
  using Find::Find;
  std::vector<std::string> outcomes() const override { return {"before", "gone"}; }
  void trap() override { a.deallocate(mine); }
  unsigned outcome(Judge&) override { return 1 - w.names(a, ipc::kTypeSend); }
};

// A new launchd, which has not got the files of the last one's.
class End : public Reaping {
 public:
  using Reaping::Reaping;
  std::vector<std::string> outcomes() const override { return {"before", "one is dead", "both are"}; }
  void stage() override {
    for (mach_port_name_t& name : names) name = made(a);
  }
  void trap() override { ipc::fileports_end(other); }
  unsigned outcome(Judge& judge) override {
    unsigned dead = 0;
    for (const mach_port_name_t name : names) dead += !alive(name);
    judge.equal(2u, w.names(a, ipc::kTypeSend), "names");
    return dead;
  }

 private:
  bool alive(mach_port_name_t name) {
    const Port* port = w.port(a, name);
    return port != nullptr && port->active();
  }
  mach_port_name_t names[2] = {};
};

constexpr Listed kFileport[] = {
    {"fileport-make", "a port for a file", make_scenario<Make>, "fileport_makeport"},
    {"fileport-find", "which file port a name is", make_scenario<Find>, "fileport_makefd"},
    {"fileport-last", "its last send right goes", make_scenario<LastRight>, "mach_port_deallocate"},
    {"fileport-end", "launchd ends two whose files were the last one's", make_scenario<End>,
     "launchd begins"},
};

}  // namespace

std::span<const Listed> fileport_scenarios() { return kFileport; }

}  // namespace portolan::proof
