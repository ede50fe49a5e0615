// SPDX-License-Identifier: Apache-2.0
// Bootstrap checks 1 to 35, but for those that need a job: names, checking in, registering, looking up.
#include <mach/mach_error.h>

#include "checks/bootstrap_words.hpp"

namespace checks {
namespace {

const std::string k127(127, 'n');

CHECK(Bootstrap, B001_ANameOf127Bytes) {
  const mach_port_t port = check_in(k127.c_str());
  Peer client([](const Line& line) { line.tell(static_cast<uint64_t>(look_up_code(k127.c_str()))); });
  EXPECT_EQ(0u, client.line().hear());
  EXPECT_EQ(port, look_up(k127.c_str()));
}

CHECK(Bootstrap, B002_WhatFollowsIsNotLookedAt) {
  const mach_port_t port = check_in((k127 + "one").c_str());
  EXPECT_EQ(port, look_up((k127 + "two").c_str()));
}

CHECK(Bootstrap, B003_ALongerNameIsTheSame) {
  check_in(k127.c_str());
  EXPECT_CODE(BOOTSTRAP_SERVICE_ACTIVE, check_in_code((k127 + std::string(73, 'x')).c_str()));
}

CHECK(Bootstrap, B004_NoBootstrapPort) {
  mach_port_t sp = 4711;
  EXPECT_CODE(MACH_SEND_INVALID_DEST, bootstrap_look_up(MACH_PORT_NULL, "name", &sp));
  EXPECT_EQ(4711u, sp);
}

CHECK(Bootstrap, B005_ADeadBootstrapPort) {
  EXPECT_CODE(MACH_SEND_INVALID_DEST, check_in_code("name", new_dead_name()));
  EXPECT_CODE(MACH_SEND_INVALID_DEST, check_in_code("name", MACH_PORT_DEAD));
}

CHECK(Bootstrap, B006_AnUnknownName) {
  mach_port_t sp = 4711;
  EXPECT_CODE(BOOTSTRAP_UNKNOWN_SERVICE, bootstrap_look_up(bootstrap_port, "name", &sp));
  EXPECT_EQ(4711u, sp);
}

CHECK(Bootstrap, B007_ExactlyAReceiveRight) { EXPECT_EQ(MACH_PORT_TYPE_RECEIVE, type_of(check_in("name"))); }

CHECK(Bootstrap, B008_OneNameWithAUserReferenceEachTime) {
  check_in("name");
  Peer client([](const Line& line) {
    const mach_port_t first = look_up("name");
    bool same = true;
    for (unsigned i = 1; i < 5; i++) same = look_up("name") == first && same;
    line.tell(same ? refs_of(first) : 0);
    line.wait();
  });
  EXPECT_EQ(5u, client.line().hear());
}

CHECK(Bootstrap, B009_TheHoldersOwnLookUp) {
  const mach_port_t port = check_in("name");
  EXPECT_EQ(port, look_up("name"));
  EXPECT_EQ(MACH_PORT_TYPE_SEND_RECEIVE, type_of(port));
}

CHECK(Bootstrap, B010_Texts) {
  EXPECT_STREQ(bootstrap_strerror(BOOTSTRAP_NAME_IN_USE), bootstrap_strerror(BOOTSTRAP_SERVICE_ACTIVE));
  EXPECT_STREQ(mach_error_string(BOOTSTRAP_NO_CHILDREN), bootstrap_strerror(BOOTSTRAP_NO_CHILDREN));
}

CHECK(Bootstrap, B011_TheNamespaceIsASender) {
  const mach_port_t port = check_in("name"), notify = new_port();
  request(port, MACH_NOTIFY_NO_SENDERS, 0, notify);
  drop_send(look_up("name"));
  EXPECT_TRUE(nothing_at(notify));
}

CHECK(Bootstrap, B012_CaseCounts) { EXPECT_NE(check_in("Svc"), check_in("svc")); }

CHECK(Bootstrap, B013_AnybodyChecksInANewName) {
  check_in("name");
  name_array_t names = nullptr, jobs = nullptr;
  bootstrap_status_array_t states = nullptr;
  mach_msg_type_number_t n = 0, m = 0, k = 0;
  ASSERT_EQ(BOOTSTRAP_SUCCESS, bootstrap_info(bootstrap_port, &names, &n, &jobs, &m, &states, &k, 0));
  ASSERT_EQ(1u, n);
  EXPECT_EQ(1u, m);
  EXPECT_EQ(1u, k);
  EXPECT_STREQ("name", names[0]);
  EXPECT_NE(nullptr, strstr(jobs[0], ".anonymous."));
  EXPECT_EQ(BOOTSTRAP_STATUS_ACTIVE, states[0]);
  EXPECT_CODE(KERN_SUCCESS, mach_vm_deallocate(mach_task_self(), reinterpret_cast<mach_vm_address_t>(names),
                                               n * sizeof names[0]));
}

CHECK(Bootstrap, B014_WhatAnotherHolds) {
  Peer holder([](const Line& line) {
    line.tell(static_cast<uint64_t>(check_in_code("name")));
    line.wait();
  });
  EXPECT_EQ(0u, holder.line().hear());
  EXPECT_CODE(BOOTSTRAP_NOT_PRIVILEGED, check_in_code("name"));
}

CHECK(Bootstrap, B015_WhatOneHoldsOneself) {
  check_in("name");
  EXPECT_CODE(BOOTSTRAP_SERVICE_ACTIVE, check_in_code("name"));
}

CHECK(Bootstrap, B016_AForkedChildIsAnother) {
  check_in("name");
  Peer child([](const Line& line) { line.tell(static_cast<uint64_t>(check_in_code("name"))); });
  EXPECT_EQ(1100u, child.line().hear());
}

CHECK(Bootstrap, B017_CheckingInAnewMakesAnotherPort) {
  const mach_port_t first = check_in("name");
  Peer client([](const Line& line) {
    const mach_port_t right = look_up("name");
    line.tell(1);
    line.wait();
    line.tell(type_of(right));
  });
  client.line().hear();
  drop_receive(first);
  EXPECT_TRUE(eventually([] { return look_up_code("name") == BOOTSTRAP_UNKNOWN_SERVICE; }));
  check_in("name");
  client.line().tell(1);
  EXPECT_EQ(uint64_t{MACH_PORT_TYPE_DEAD_NAME}, client.line().hear());
}

CHECK(Bootstrap, B018_Strict) {
  auto strict = [](const char* name) {
    mach_port_t sp = MACH_PORT_NULL;
    return bootstrap_check_in2(bootstrap_port, name, &sp, BOOTSTRAP_STRICT_CHECKIN);
  };
  EXPECT_CODE(BOOTSTRAP_UNKNOWN_SERVICE, strict("name"));
  Peer holder([](const Line& line) {
    line.tell(static_cast<uint64_t>(check_in_code("theirs")));
    line.wait();
  });
  EXPECT_EQ(0u, holder.line().hear());
  EXPECT_CODE(BOOTSTRAP_NOT_PRIVILEGED, strict("theirs"));
  check_in("mine");
  EXPECT_CODE(BOOTSTRAP_SERVICE_ACTIVE, strict("mine"));
}

// P checks in and moves the receive right here.
class Mover {
 public:
  Mover() {
    const mach_port_t inbox = check_in("inbox");
    p_ = std::make_unique<Peer>([](const Line& line) {
      const mach_port_t port = check_in("name");
      send_rights(look_up("inbox"), MACH_MSG_TYPE_COPY_SEND, 1, {{port, MACH_MSG_TYPE_MOVE_RECEIVE}});
      line.wait();
    });
    Received message;
    EXPECT_CODE(MACH_MSG_SUCCESS, receive(message, inbox));
    moved_ = message.rights.port.name;
    EXPECT_EQ(MACH_PORT_TYPE_RECEIVE, type_of(moved_));
  }
  Peer& p() { return *p_; }
  mach_port_t moved() const { return moved_; }

 private:
  std::unique_ptr<Peer> p_;
  mach_port_t moved_ = MACH_PORT_NULL;
};

CHECK(Bootstrap, B019_AMovedRightOutlivesItsName) {
  Mover mover;
  const mach_port_t right = look_up("name");
  mover.p().end();
  EXPECT_TRUE(eventually([] { return look_up_code("name") == BOOTSTRAP_UNKNOWN_SERVICE; }));
  EXPECT_TRUE(leads_to(right, mover.moved()));
}

CHECK(Bootstrap, B020_AMovedRightTakesItsNameAlong) {
  Mover mover;
  drop_receive(mover.moved());
  EXPECT_TRUE(eventually([] { return look_up_code("name") == BOOTSTRAP_UNKNOWN_SERVICE; }));
}

CHECK(Bootstrap, B024_ARegisteredPort) {
  const mach_port_t port = new_port_with_sends(1);
  EXPECT_CODE(BOOTSTRAP_SUCCESS, register_code("name", port));
  EXPECT_EQ(1u, refs_of(port));
  Peer client([](const Line& line) {
    send_id(look_up("name"), 42, MACH_MSG_TYPE_COPY_SEND);
    line.wait();
  });
  EXPECT_EQ(42, await_id(port));
}

CHECK(Bootstrap, B025_RegisteredOnce) {
  const mach_port_t port = new_port_with_sends(1);
  EXPECT_CODE(BOOTSTRAP_SUCCESS, register_code("name", port));
  EXPECT_CODE(BOOTSTRAP_SERVICE_ACTIVE, register_code("name", port));
  Peer other([](const Line& line) {
    line.tell(static_cast<uint64_t>(register_code("name", new_port_with_sends(1))));
  });
  EXPECT_EQ(1100u, other.line().hear());
}

CHECK(Bootstrap, B026_NothingUnderAnUnknownName) {
  EXPECT_CODE(BOOTSTRAP_SUCCESS, register_code("name", MACH_PORT_NULL));
  EXPECT_CODE(BOOTSTRAP_UNKNOWN_SERVICE, look_up_code("name"));
}

CHECK(Bootstrap, B027_ADeadPort) { EXPECT_CODE(BOOTSTRAP_NO_MEMORY, register_code("name", MACH_PORT_DEAD)); }

CHECK(Bootstrap, B028_NoSendRight) {
  EXPECT_CODE(MACH_SEND_INVALID_RIGHT, register_code("name", new_port()));
}

CHECK(Bootstrap, B029_BothNamesOfAPort) {
  const mach_port_t port = new_port_with_sends(1);
  EXPECT_CODE(BOOTSTRAP_SUCCESS, register_code("one", port));
  EXPECT_CODE(BOOTSTRAP_SUCCESS, register_code("two", port));
  drop_receive(port);
  for (const char* name : {"one", "two"})
    EXPECT_TRUE(eventually([&] { return look_up_code(name) == BOOTSTRAP_UNKNOWN_SERVICE; })) << name;
}

CHECK(Bootstrap, B030_AnotherProcesssPort) {
  const mach_port_t port = check_in("theirs");
  Peer registrant([](const Line& line) {
    line.tell(static_cast<uint64_t>(register_code("name", look_up("theirs"))));
    line.wait();
  });
  EXPECT_EQ(0u, registrant.line().hear());
  EXPECT_CODE(BOOTSTRAP_SUCCESS, look_up_code("name"));
  registrant.end();
  EXPECT_TRUE(eventually([] { return look_up_code("name") == BOOTSTRAP_UNKNOWN_SERVICE; }));
  EXPECT_CODE(BOOTSTRAP_SUCCESS, look_up_code("theirs"));
  EXPECT_EQ(MACH_PORT_TYPE_RECEIVE, type_of(port) & MACH_PORT_TYPE_RECEIVE);
}

CHECK(Bootstrap, B033_AHolderThatDiedJustNow) {
  for (unsigned round = 0; round < 10; round++) {
    Peer holder([](const Line& line) {
      line.tell(static_cast<uint64_t>(check_in_code("name")));
      line.wait();
    });
    EXPECT_EQ(0u, holder.line().hear());
    kill(holder.pid(), SIGKILL);
    mach_port_t sp = MACH_PORT_NULL;
    const kern_return_t code = bootstrap_look_up(bootstrap_port, "name", &sp);
    if (code == KERN_SUCCESS && sp != MACH_PORT_DEAD) {
      drop_send(sp);  // it was not dead yet
    } else if (code != KERN_SUCCESS) {
      EXPECT_CODE(BOOTSTRAP_UNKNOWN_SERVICE, code);
    }
    holder.kill_hard();
    EXPECT_TRUE(eventually([] { return look_up_code("name") == BOOTSTRAP_UNKNOWN_SERVICE; }));
  }
}

}  // namespace
}  // namespace checks
