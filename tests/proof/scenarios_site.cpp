// SPDX-License-Identifier: Apache-2.0
// While call stacks are recorded, each name remembers where its references came in.
#include "proof/messages.hpp"
#include "proof/scenario.hpp"

namespace portolan::proof {

namespace {

// What `a` acquires is noted with the stack that its thread says it has.
class Noting : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override { return {"before", "done"}; }

 protected:
  void at_site(uint32_t site) { a.thread().site = site; }
  unsigned noted() { return w.domain().in_use(ipc::kZoneAcquisition); }
  kern_return_t more(mach_port_delta_t delta) { return a.mod_refs(name, MACH_PORT_RIGHT_SEND, delta); }
  void stage_more(mach_port_delta_t delta) { World::require(more(delta) == KERN_SUCCESS, "references"); }
  void stage_name() {
    at_site(1);
    name = b.give_send(b.allocate(), a);
    at_site(0);
  }
  mach_port_name_t name = 0;
};

class NoteFirst : public Noting {
 public:
  using Noting::Noting;
  void stage() override { at_site(1); }
  void trap() override { a.allocate(); }
  unsigned outcome(Judge& judge) override {
    judge.equal(w.names(a, ipc::kTypeReceive), noted(), "acquisitions");
    return noted();
  }
};

class NoteAgain : public Noting {
 public:
  using Noting::Noting;
  void stage() override {
    stage_name();
    at_site(1);
    stage_more(1);
  }
  void trap() override { more(1); }
  unsigned outcome(Judge& judge) override {
    judge.equal(1u, noted(), "acquisitions");
    return w.urefs(a, name) == 3;
  }
};

class NoteRelease : public Noting {
 public:
  using Noting::Noting;
  void stage() override {
    stage_name();
    at_site(1);
    stage_more(2);
  }
  void trap() override { more(-1); }
  unsigned outcome(Judge& judge) override {
    judge.equal(1u, noted(), "acquisitions");
    return w.urefs(a, name) == 2;
  }
};

// The name goes, and what was noted of it: more than one transaction frees.
class NoteCleared : public Noting {
 public:
  using Noting::Noting;
  void stage() override {
    stage_name();
    for (uint32_t site = 1; site <= kSites; site++) {
      at_site(site);
      stage_more(1);
    }
  }
  void trap() override { a.destroy(name); }
  unsigned outcome(Judge& judge) override {
    const bool there = w.entry(a, name) != nullptr;
    judge.expect(there ? noted() == kSites : noted() < kSites, "acquisitions");
    return !there;
  }

 private:
  static constexpr uint32_t kSites = 40;
};

constexpr Listed kSite[] = {
    {"site-first", "a name, and where it came from", make_scenario<NoteFirst>, "mach_port_allocate"},
    {"site-again", "one more reference, from there, too", make_scenario<NoteAgain>, "mach_port_mod_refs"},
    {"site-release", "one reference less", make_scenario<NoteRelease>, "mach_port_mod_refs"},
    {"site-clear", "a name that came from many places", make_scenario<NoteCleared>, "mach_port_destroy"},
};

}  // namespace

std::span<const Listed> site_scenarios() { return kSite; }

}  // namespace portolan::proof
