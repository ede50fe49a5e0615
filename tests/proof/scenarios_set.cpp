// SPDX-License-Identifier: Apache-2.0
// Port sets with several members, members of several sets, and the lists that lead through both.
#include "proof/messages.hpp"
#include "proof/scenario.hpp"

namespace portolan::proof {

namespace {

using ipc::Name;

class Sets : public Scenario {
 public:
  using Scenario::Scenario;

 protected:
  mach_port_name_t set() { return a.allocate(MACH_PORT_RIGHT_PORT_SET); }
  // A port with so many messages.
  mach_port_name_t port(unsigned messages = 0) {
    const mach_port_name_t name = a.port_with_send();
    for (unsigned i = 0; i < messages; i++)
      World::require(a.send(name, kCopySend, 1) == MACH_MSG_SUCCESS, "a message");
    return name;
  }
  void join(mach_port_name_t member, mach_port_name_t set) {
    World::require(ipc::port_insert_member(a.thread(), a.space(), Name{member}, Name{set}) == KERN_SUCCESS,
                   "a member");
  }
  const ipc::Pset& set_at(mach_port_name_t name) {
    return w.segment().at(Handle<ipc::Pset>{w.entry(a, name)->object});
  }
  bool is_member(mach_port_name_t member, mach_port_name_t set) {
    const uint32_t wanted = w.entry(a, set)->object;
    for (uint32_t walk = w.port(a, member)->links; walk != 0;) {
      const ipc::Link& link = w.segment().at(Handle<ipc::Link>{walk});
      if (link.pset == wanted) return true;
      walk = link.port_next;
    }
    return false;
  }
};

// A port with messages that is in one set joins another, which has a ready member.
class JoinSecond : public Sets {
 public:
  using Sets::Sets;
  std::vector<std::string> outcomes() const override { return {"before", "a member of both"}; }
  void stage() override {
    first = set();
    second = set();
    member = port(1);
    join(member, first);
    join(port(1), second);
  }
  void trap() override {
    answer(ipc::port_insert_member(a.thread(), a.space(), Name{member}, Name{second}));
    settle(a.thread());
  }
  unsigned outcome(Judge& judge) override {
    const bool joined = is_member(member, second);
    judge.expect(is_member(member, first), "not in the first set any more");
    judge.equal(1 + joined, set_at(second).count.get(), "members");
    return joined;
  }

 private:
  mach_port_name_t first = 0, second = 0, member = 0;
};

// The one in the middle leaves: of three sets, of three members, of three that are ready.
class LeaveMiddle : public Sets {
 public:
  using Sets::Sets;
  std::vector<std::string> outcomes() const override { return {"before", "left"}; }
  void stage() override {
    const mach_port_name_t others[] = {set(), set()};
    middle = set();
    member = port(1);
    join(port(1), middle);
    join(member, others[0]);
    join(member, middle);
    join(member, others[1]);
    join(port(1), middle);
  }
  void trap() override { leave(); }
  unsigned outcome(Judge& judge) override {
    const bool left = !is_member(member, middle);
    judge.equal(3 - left, set_at(middle).count.get(), "members");
    return left;
  }

 protected:
  virtual void leave() {
    answer(ipc::port_extract_member(a.thread(), a.space(), Name{member}, Name{middle}));
    settle(a.thread());
  }
  mach_port_name_t middle = 0, member = 0;
};

// All sets are left for none.
class LeaveAll : public LeaveMiddle {
 public:
  using LeaveMiddle::LeaveMiddle;

 protected:
  void leave() override {
    answer(ipc::port_move_member(a.thread(), a.space(), Name{member}, Name{}));
    settle(a.thread());
  }
};

// Nothing comes to any member until time is up.
class WaitOnSet : public Sets {
 public:
  using Sets::Sets;
  std::vector<std::string> outcomes() const override { return {"nothing has changed"}; }
  bool takes_time() const override { return true; }
  void stage() override {
    from = set();
    join(port(), from);
  }
  void trap() override { a.receive(from, MACH_RCV_TIMEOUT, 20); }
  unsigned outcome(Judge& judge) override {
    judge.equal(0, set_at(from).receiver_head.get(), "receivers");
    return 0;
  }

 private:
  mach_port_name_t from = 0;
};

constexpr Listed kSet[] = {
    {"insert-second", "a port with a message into its second set", make_scenario<JoinSecond>,
     "mach_port_insert_member"},
    {"extract-member", "the middle one of three, of three sets", make_scenario<LeaveMiddle>,
     "mach_port_extract_member"},
    {"move-member", "out of three sets into none", make_scenario<LeaveAll>, "mach_port_move_member"},
    {"receive-set-timeout", "from a set, until time is up", make_scenario<WaitOnSet>, "mach_msg"},
};

}  // namespace

std::span<const Listed> set_scenarios() { return kSet; }

}  // namespace portolan::proof
