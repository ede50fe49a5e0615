// SPDX-License-Identifier: Apache-2.0
// The namespace in a segment: checking in, looking up, registering, subsets, and what deaths do to them
// (bootstrap 5 to 7).
#include "bootstrap/tests_namespace.hpp"

#include <mach/mig_errors.h>
#include <mach/notify.h>

#include <string>
#include <thread>

#include "ipc/fsck.hpp"
#include "segment/recovery.hpp"
#include "segment/zone.hpp"
#include "support/domain.hpp"
#include "support/namespace.hpp"
#include "task/task.hpp"

namespace portolan::test {
namespace {

// bootstrap 3.1
TEST(ServiceNameTest, TheFirst127BytesCount) {
  const std::string same(127, 'x');
  EXPECT_EQ(ServiceName((same + "y").c_str()).hash(), ServiceName((same + "z").c_str()).hash());
  EXPECT_EQ(127u, strlen(ServiceName((same + "y").c_str()).bytes()));
  EXPECT_NE(ServiceName("a").hash(), ServiceName("b").hash());
  EXPECT_EQ(ServiceName().hash(), ServiceName("").hash());
  EXPECT_EQ(ServiceName("ab").hash(), ServiceName("ab\0cd", 5).hash());
}

TEST_F(Namespace, CheckInGivesExactlyAReceiveRight) {
  mach_port_name_t sp = 0;
  ASSERT_EQ(BOOTSTRAP_SUCCESS, check_in(a, root_a, "com.example.echo", &sp));
  EXPECT_EQ(MACH_PORT_TYPE_RECEIVE, a.type(sp));
  const mach_port_status_t info = a.status(sp);
  EXPECT_EQ(0u, info.mps_mscount);
  EXPECT_TRUE(info.mps_srights) << "the namespace keeps a send right";
  EXPECT_EQ(1u, services());
}

TEST_F(Namespace, CheckInTwiceIsActiveAndAnothersIsNotPrivileged) {
  EXPECT_EQ(BOOTSTRAP_SUCCESS, check_in(a, root_a, "one"));
  EXPECT_EQ(BOOTSTRAP_SERVICE_ACTIVE, check_in(a, root_a, "one"));
  EXPECT_EQ(BOOTSTRAP_NOT_PRIVILEGED, check_in(b, root_b, "one"));
  EXPECT_EQ(BOOTSTRAP_SUCCESS, check_in(b, root_b, "One")) << "case counts";
  EXPECT_EQ(BOOTSTRAP_SUCCESS, check_in(b, root_b, "")) << "any name will do";
  EXPECT_EQ(3u, services());
}

TEST_F(Namespace, LookUpGivesASendRightAndAUserReferenceEachTime) {
  mach_port_name_t sp = 0, found = 0, again = 0;
  check_in(a, root_a, "echo", &sp);
  EXPECT_EQ(BOOTSTRAP_UNKNOWN_SERVICE, look_up(b, root_b, "ech"));
  ASSERT_EQ(BOOTSTRAP_SUCCESS, look_up(b, root_b, "echo", &found));
  EXPECT_EQ(MACH_PORT_TYPE_SEND, b.type(found));
  ASSERT_EQ(BOOTSTRAP_SUCCESS, look_up(b, root_b, "echo", &again));
  EXPECT_EQ(found, again);
  EXPECT_EQ(2u, b.refs(found, MACH_PORT_RIGHT_SEND));
  // The server's own look-up merges with its receive right.
  ASSERT_EQ(BOOTSTRAP_SUCCESS, look_up(a, root_a, "echo", &again));
  EXPECT_EQ(sp, again);
  EXPECT_EQ(MACH_PORT_TYPE_SEND_RECEIVE, a.type(sp));
  // It leads to the server.
  EXPECT_EQ(MACH_MSG_SUCCESS, b.send(found, MACH_MSG_TYPE_COPY_SEND, 77));
  EXPECT_EQ(1u, a.count(sp, 77));
}

TEST_F(Namespace, AFailedCallStoresNothing) {
  mach_port_name_t sp = 4711;
  ipc::Name out{4711};
  EXPECT_EQ(BOOTSTRAP_UNKNOWN_SERVICE,
            bootstrap::look_up(b.thread(), caller(b), {root_b}, ServiceName("no"), 0, 0, out));
  EXPECT_EQ(4711u, out.value);
  (void)sp;
}

TEST_F(Namespace, OnlyASendRightToANamespaceWillDo) {
  const mach_port_name_t own = a.port_with_send(), receive_only = a.allocate();
  const mach_port_name_t once = a.give(own, MACH_MSG_TYPE_MAKE_SEND_ONCE, a);
  for (const mach_port_name_t bad : {mach_port_name_t{MACH_PORT_NULL}, mach_port_name_t{MACH_PORT_DEAD},
                                     receive_only, once, mach_port_name_t{0xabcd03}})
    EXPECT_EQ(MACH_SEND_INVALID_DEST, check_in(a, bad, "x")) << std::hex << bad;
  EXPECT_EQ(bootstrap::kServedByProgram, check_in(a, own, "x"));
  // A kernel object of another kind.
  ipc::Name host;
  transact(a.thread(), ipc::kCopyoutNeeds, [&](Txn& txn) {
    Locked<ipc::Space> space = txn.lock(a.space());
    Locked<ipc::Port> port = txn.lock(Handle<ipc::Port>{txn.segment().header().roots[ipc::kRootHostPort]});
    ipc::send_right_make(txn, port);
    return ipc::right_copyout(txn, space, {port.handle().index, MACH_MSG_TYPE_PORT_SEND}, host);
  });
  EXPECT_EQ(MIG_BAD_ID, look_up(a, host.value, "x"));
  EXPECT_EQ(0u, services());
}

TEST_F(Namespace, ANameGoesWithItsPort) {
  mach_port_name_t sp = 0, found = 0;
  check_in(a, root_a, "echo", &sp);
  look_up(b, root_b, "echo", &found);
  EXPECT_EQ(KERN_SUCCESS, a.mod_refs(sp, MACH_PORT_RIGHT_RECEIVE, -1));
  EXPECT_EQ(0u, services()) << "at once, not when somebody looks";
  EXPECT_EQ(BOOTSTRAP_UNKNOWN_SERVICE, look_up(b, root_b, "echo"));
  EXPECT_EQ(MACH_PORT_TYPE_DEAD_NAME, b.type(found));
  // Checking in again makes a new port, for anybody.
  EXPECT_EQ(BOOTSTRAP_SUCCESS, check_in(b, root_b, "echo"));
}

TEST_F(Namespace, AMovedReceiveRightKeepsItsNameUntilTheOwnerEnds) {
  mach_port_name_t sp = 0;
  check_in(a, root_a, "echo", &sp);
  const mach_port_name_t moved = a.give(sp, MACH_MSG_TYPE_MOVE_RECEIVE, b);
  mach_port_name_t found = 0;
  EXPECT_EQ(BOOTSTRAP_SUCCESS, look_up(b, root_b, "echo", &found));
  EXPECT_EQ(moved, found);
  EXPECT_EQ(BOOTSTRAP_SERVICE_ACTIVE, check_in(a, root_a, "echo"));
  EXPECT_TRUE(bootstrap::owner_gone(a.thread(), a.handle()));
  EXPECT_EQ(BOOTSTRAP_UNKNOWN_SERVICE, look_up(b, root_b, "echo"));
  EXPECT_EQ(MACH_PORT_TYPE_SEND_RECEIVE, b.type(moved)) << "the port itself lives on";
}

TEST_F(Namespace, RegisterCopiesASendRight) {
  const mach_port_name_t port = a.port_with_send(), other = a.port_with_send();
  EXPECT_EQ(BOOTSTRAP_SUCCESS, register_port(a, root_a, "one", port));
  EXPECT_EQ(BOOTSTRAP_SUCCESS, register_port(a, root_a, "two", port)) << "one port, two names";
  EXPECT_EQ(1u, a.refs(port, MACH_PORT_RIGHT_SEND));
  EXPECT_EQ(BOOTSTRAP_SERVICE_ACTIVE, register_port(a, root_a, "one", other));
  EXPECT_EQ(BOOTSTRAP_SERVICE_ACTIVE, register_port(a, root_a, "one", MACH_PORT_NULL));
  EXPECT_EQ(BOOTSTRAP_NOT_PRIVILEGED, register_port(b, root_b, "one", b.port_with_send()));
  EXPECT_EQ(BOOTSTRAP_SUCCESS, register_port(a, root_a, "none", MACH_PORT_NULL)) << "nothing to take back";
  EXPECT_EQ(BOOTSTRAP_NO_MEMORY, register_port(a, root_a, "dead", MACH_PORT_DEAD));
  EXPECT_EQ(MACH_SEND_INVALID_RIGHT, register_port(a, root_a, "bad", a.allocate())) << "no send right";
  EXPECT_EQ(MACH_SEND_INVALID_RIGHT, register_port(a, root_a, "bad", 0xabcd03));
  EXPECT_EQ(MACH_SEND_INVALID_DEST, register_port(a, MACH_PORT_NULL, "bad", 0xabcd03))
      << "the destination comes first";
  EXPECT_EQ(2u, services());
  mach_port_name_t found = 0;
  EXPECT_EQ(BOOTSTRAP_SUCCESS, look_up(b, root_b, "two", &found));
  EXPECT_EQ(KERN_SUCCESS, a.destroy(port));
  EXPECT_EQ(0u, services()) << "all names of a dead port go";
}

TEST_F(Namespace, AnyBodysPortCanBeRegistered) {
  mach_port_name_t theirs = b.give_send(b.port_with_send(), a);
  EXPECT_EQ(BOOTSTRAP_SUCCESS, register_port(a, root_a, "theirs", theirs));
  EXPECT_TRUE(bootstrap::owner_gone(a.thread(), a.handle()));
  EXPECT_EQ(0u, services()) << "the owner ends, the port lives";
  EXPECT_EQ(MACH_PORT_TYPE_SEND, a.type(theirs));
}

TEST_F(Namespace, SubsetsSeeOutwardAndNobodySeesIn) {
  const mach_port_name_t lifeline = a.port_with_send();
  mach_port_name_t inner = 0, deep = 0, found = 0;
  ASSERT_EQ(BOOTSTRAP_SUCCESS, make_subset(a, root_a, lifeline, &inner));
  EXPECT_EQ(MACH_PORT_TYPE_SEND, a.type(inner));
  ASSERT_EQ(BOOTSTRAP_SUCCESS, make_subset(a, inner, lifeline, &deep));
  mach_port_name_t outer_port = 0, inner_port = 0;
  check_in(a, root_a, "outer", &outer_port);
  EXPECT_EQ(BOOTSTRAP_SUCCESS, look_up(a, deep, "outer", &found));
  EXPECT_EQ(outer_port, found);
  check_in(a, inner, "inner", &inner_port);
  EXPECT_EQ(BOOTSTRAP_SUCCESS, look_up(a, deep, "inner"));
  EXPECT_EQ(BOOTSTRAP_UNKNOWN_SERVICE, look_up(a, root_a, "inner"));
  // The nearer one wins; checking in never looks outward.
  mach_port_name_t shadow = 0;
  EXPECT_EQ(BOOTSTRAP_SUCCESS, check_in(a, deep, "outer", &shadow));
  look_up(a, deep, "outer", &found);
  EXPECT_EQ(shadow, found);
  look_up(a, inner, "outer", &found);
  EXPECT_EQ(outer_port, found);
  // Up, and the root is its own parent.
  mach_port_name_t above = 0;
  EXPECT_EQ(BOOTSTRAP_SUCCESS, parent(a, deep, &above));
  EXPECT_EQ(inner, above);
  EXPECT_EQ(BOOTSTRAP_SUCCESS, parent(a, inner, &above));
  EXPECT_EQ(root_a, above);
  EXPECT_EQ(BOOTSTRAP_SUCCESS, parent(a, root_a, &above));
  EXPECT_EQ(root_a, above);
  EXPECT_EQ("", domain.fsck());
  a.destroy(lifeline);
}

TEST_F(Namespace, SubsetsRefuseBadRequestors) {
  EXPECT_EQ(BOOTSTRAP_NOT_PRIVILEGED, make_subset(a, root_a, MACH_PORT_NULL));
  EXPECT_EQ(BOOTSTRAP_NO_MEMORY, make_subset(a, root_a, MACH_PORT_DEAD));
  EXPECT_EQ(MACH_SEND_INVALID_RIGHT, make_subset(a, root_a, a.allocate()));
  EXPECT_EQ(MACH_SEND_INVALID_RIGHT, make_subset(a, root_a, 0xabcd03));
  const mach_port_name_t doomed = b.port_with_send(), mine = b.give_send(doomed, a);
  b.destroy(doomed);
  EXPECT_EQ(BOOTSTRAP_NO_MEMORY, make_subset(a, root_a, mine));
  EXPECT_EQ(1u, domain.in_use(ipc::kZoneSubset));
}

TEST_F(Namespace, ASubsetFallsWithItsRequestor) {
  const mach_port_name_t lifeline = a.port_with_send(), other = a.port_with_send();
  mach_port_name_t inner = 0, deep = 0, sp = 0, deep_sp = 0, sibling = 0;
  make_subset(a, root_a, lifeline, &inner);
  make_subset(a, inner, other, &deep);
  make_subset(a, root_a, other, &sibling);
  check_in(a, inner, "inner", &sp);
  check_in(a, deep, "deep", &deep_sp);
  check_in(a, root_a, "outer");
  const mach_port_name_t theirs = a.give(inner, MACH_MSG_TYPE_COPY_SEND, b);
  // A port that a program still has in a subset that falls is not harmed; its name is.
  EXPECT_EQ(KERN_SUCCESS, a.destroy(lifeline));
  EXPECT_EQ(2u, domain.in_use(ipc::kZoneSubset)) << "the root and the sibling";
  EXPECT_EQ(1u, services());
  EXPECT_EQ(MACH_PORT_TYPE_RECEIVE, a.type(sp));
  EXPECT_FALSE(a.status(sp).mps_srights);
  EXPECT_EQ(MACH_PORT_TYPE_DEAD_NAME, a.type(inner));
  EXPECT_EQ(MACH_PORT_TYPE_DEAD_NAME, a.type(deep)) << "what lies within falls first";
  EXPECT_EQ(MACH_PORT_TYPE_SEND, a.type(sibling));
  EXPECT_EQ(MACH_SEND_INVALID_DEST, look_up(b, theirs, "outer"));
  EXPECT_EQ(BOOTSTRAP_SUCCESS, look_up(b, root_b, "outer"));
  a.destroy(other);
  EXPECT_EQ(1u, domain.in_use(ipc::kZoneSubset));
}

TEST_F(Namespace, TwoWaysOfStatus) {
  bootstrap_status_t state = 99;
  EXPECT_EQ(BOOTSTRAP_UNKNOWN_SERVICE, status(a, root_a, "echo", &state));
  EXPECT_EQ(99, state);
  const mach_port_name_t lifeline = a.port_with_send();
  mach_port_name_t inner = 0;
  make_subset(a, root_a, lifeline, &inner);
  check_in(a, root_a, "echo");
  EXPECT_EQ(BOOTSTRAP_SUCCESS, status(b, root_b, "echo", &state));
  EXPECT_EQ(BOOTSTRAP_STATUS_ACTIVE, state);
  state = 99;
  EXPECT_EQ(BOOTSTRAP_SUCCESS, status(a, inner, "echo", &state)) << "ancestors are searched";
  EXPECT_EQ(BOOTSTRAP_STATUS_ACTIVE, state);
  EXPECT_EQ(1u, services()) << "nothing is checked in to find out";
  a.destroy(lifeline);
}

TEST_F(Namespace, SubsetsAreHundredAndOneLevelsDeepAtTheMost) {
  Geometry geometry = ipc::small_geometry();
  geometry.zones[ipc::kZoneSubset].capacity = 128;
  TestDomain large(geometry);
  const ipc::Layers* layers = static_cast<const ipc::Layers*>(domain.segment().upper);
  ipc::install(large.segment(), *layers);
  ASSERT_EQ(KERN_SUCCESS, bootstrap::make_root(large.launchd()));
  TestTask& task = large.task();
  mach_port_name_t at = root_of(task), next = 0;
  const mach_port_name_t lifeline = task.port_with_send();
  unsigned levels = 0;
  kern_return_t code = BOOTSTRAP_SUCCESS;
  while ((code = make_subset(task, at, lifeline, &next)) == BOOTSTRAP_SUCCESS) {
    at = next;
    levels++;
  }
  EXPECT_EQ(BOOTSTRAP_NO_MEMORY, code);
  EXPECT_EQ(101u, levels);
  mach_port_name_t sp = 0, found = 0;
  check_in(task, root_of(task), "far", &sp);
  EXPECT_EQ(BOOTSTRAP_SUCCESS, look_up(task, at, "far", &found));
  EXPECT_EQ(sp, found);
  task.destroy(lifeline);
  EXPECT_EQ(1u, large.in_use(ipc::kZoneSubset));
  close_namespace(large.launchd());
}

TEST_F(Namespace, WithoutMemoryNothingChanges) {
  // Elements of ports and services run out; what is there is not harmed.
  unsigned made = 0;
  kern_return_t code = BOOTSTRAP_SUCCESS;
  for (; code == BOOTSTRAP_SUCCESS; made++)
    code = check_in(a, root_a, ("service " + std::to_string(made)).c_str());
  EXPECT_EQ(BOOTSTRAP_NO_MEMORY, code);
  EXPECT_GT(made, 30u);
  EXPECT_EQ("", domain.fsck());
  EXPECT_EQ(BOOTSTRAP_SUCCESS, look_up(b, root_b, "service 7"));
  EXPECT_EQ(made - 1, services());
}

TEST_F(Namespace, AFullTableIsNoMemory) {
  transact(b.thread(), Needs{}, [&](Txn& txn) {
    Locked<ipc::Space> space = txn.lock(b.space());
    txn.set(space->table_limit, space->table_size);
    return 0;
  });
  check_in(a, root_a, "echo");
  while (b.allocate() != MACH_PORT_NULL) continue;
  EXPECT_EQ(BOOTSTRAP_NO_MEMORY, look_up(b, root_b, "echo"));
  EXPECT_EQ(BOOTSTRAP_NO_MEMORY, check_in(b, root_b, "other"));
  EXPECT_EQ(1u, services());
  EXPECT_EQ("", domain.fsck());
}

TEST_F(Namespace, TheEndOfATaskTakesItsNames) {
  ProcessFacts facts;
  facts.pid = 4242;
  Handle<ipc::Task> task;
  ASSERT_EQ(KERN_SUCCESS, task_create(domain.launchd(), facts, {}, task));
  Segment& segment = domain.segment();
  const Handle<ipc::Space> space{segment.at(task).space};
  {
    Thread thread;
    ASSERT_TRUE(thread.attach(segment, 0));
    ASSERT_TRUE(task_thread_attach(thread, task));
    mach_port_name_t bp = 0;
    ASSERT_EQ(KERN_SUCCESS, task_get_special_port(thread, task, 4, space, bp));
    ipc::Name sp, requestor{task_self(thread, task, space)}, inner;
    const bootstrap::Caller caller{task, space};
    EXPECT_EQ(BOOTSTRAP_SUCCESS, bootstrap::check_in(thread, caller, {bp}, ServiceName("gone"), 0, sp));
    // Somebody else's port, under a name of this task's; and a subset that hangs on the task port.
    ipc::Name theirs;
    mach_msg_type_name_t kind = 0;
    const mach_port_name_t port = b.port_with_send();
    EXPECT_EQ(KERN_SUCCESS, ipc::port_extract_right(b.thread(), b.space(), {port}, MACH_MSG_TYPE_MAKE_SEND,
                                                    space, theirs, kind));
    EXPECT_EQ(BOOTSTRAP_SUCCESS, bootstrap::register_(thread, caller, {bp}, ServiceName("theirs"), theirs, 0));
    EXPECT_EQ(BOOTSTRAP_SUCCESS, bootstrap::subset(thread, caller, {bp}, requestor, inner));
    EXPECT_EQ(2u, services());
    EXPECT_EQ(2u, domain.in_use(ipc::kZoneSubset));
    settle(thread);
    declare_dead(segment, thread.index());
    EXPECT_TRUE(recover_thread(domain.launchd(), thread.index()));
  }
  EXPECT_EQ(BOOTSTRAP_SUCCESS, look_up(b, root_b, "gone"));
  task_terminate(domain.launchd(), task);
  settle(domain.launchd());
  EXPECT_FALSE(segment.at(task).allocated());
  EXPECT_EQ(0u, services());
  EXPECT_EQ(1u, domain.in_use(ipc::kZoneSubset));
  EXPECT_EQ(BOOTSTRAP_UNKNOWN_SERVICE, look_up(b, root_b, "gone"));
}

TEST_F(Namespace, AnExecKeepsWhatTheProcessRegistered) {
  transact(a.thread(), Needs{}, [&](Txn& txn) {
    Locked<ipc::Task> task = txn.lock(a.handle());
    txn.set(task->flags, ipc::kTaskExecing);
    return 0;
  });
  const mach_port_name_t theirs = b.give_send(b.port_with_send(), a);
  EXPECT_EQ(BOOTSTRAP_SUCCESS, register_port(a, root_a, "theirs", theirs));
  EXPECT_TRUE(bootstrap::owner_gone(a.thread(), a.handle()));
  EXPECT_EQ(BOOTSTRAP_SUCCESS, look_up(b, root_b, "theirs"));
}

TEST_F(Namespace, AnEmbryoThatNobodyClaimedTakesNothing) {
  check_in(b, root_b, "echo");
  const uint32_t pid = domain.segment().at(b.handle()).credentials.pid;
  Handle<ipc::Task> embryo;
  ASSERT_EQ(KERN_SUCCESS, embryo_make(a.thread(), a.handle(), 4711, pid, embryo));
  embryo_free(a.thread(), embryo, 4711);
  settle(a.thread());
  EXPECT_FALSE(domain.segment().at(embryo).allocated());
  EXPECT_EQ(1u, services());
}

TEST_F(Namespace, AnEndingTaskOwnsNothing) {
  transact(a.thread(), Needs{}, [&](Txn& txn) {
    Locked<ipc::Task> task = txn.lock(a.handle());
    txn.set(task->state, ipc::kTaskDying);
    return 0;
  });
  EXPECT_EQ(BOOTSTRAP_NO_MEMORY, check_in(a, root_a, "late"));
  EXPECT_EQ(BOOTSTRAP_NO_MEMORY, look_up(a, root_a, "late"));
  EXPECT_EQ(BOOTSTRAP_NO_MEMORY, register_port(a, root_a, "late", MACH_PORT_NULL));
  mach_port_name_t above = 0;
  EXPECT_EQ(BOOTSTRAP_NO_MEMORY, parent(a, root_a, &above));
  transact(a.thread(), Needs{}, [&](Txn& txn) {
    Locked<ipc::Task> task = txn.lock(a.handle());
    txn.set(task->state, ipc::kTaskLive);
    return 0;
  });
}

// Two threads fight over a few names and lifelines; nothing is lost, and every code is one that the rules
// know.
TEST_F(Namespace, ManyAtOnce) {
  auto work = [&](TestTask& task, mach_port_name_t root, unsigned seed) {
    for (unsigned i = 0; i < 400; i++) {
      const std::string name = "name " + std::to_string((i * seed + i / 7) % 5);
      mach_port_name_t sp = 0, found = 0;
      const kern_return_t code = check_in(task, root, name.c_str(), &sp);
      ASSERT_TRUE(code == BOOTSTRAP_SUCCESS || code == BOOTSTRAP_NOT_PRIVILEGED ||
                  code == BOOTSTRAP_SERVICE_ACTIVE)
          << code;
      const kern_return_t looked = look_up(task, root, name.c_str(), &found);
      ASSERT_TRUE(looked == BOOTSTRAP_SUCCESS || looked == BOOTSTRAP_UNKNOWN_SERVICE) << looked;
      if (code == BOOTSTRAP_SUCCESS && i % 3 != 0) task.destroy(sp);
      const mach_port_name_t lifeline = task.port_with_send();
      mach_port_name_t inner = 0;
      if (make_subset(task, root, lifeline, &inner) == BOOTSTRAP_SUCCESS) {
        check_in(task, inner, name.c_str(), &sp);
        task.destroy(sp);
        task.destroy(lifeline);
        task.deallocate(inner);
      } else {
        task.destroy(lifeline);
      }
      // Everything that piled up goes.
      if (found != 0 && found != MACH_PORT_DEAD && (task.type(found) & MACH_PORT_TYPE_RECEIVE) == 0)
        task.deallocate(found);
      if (i % 40 == 39) bootstrap::owner_gone(task.thread(), task.handle());
      if (i % 40 == 39) {
        transact(task.thread(), Needs{}, [&](Txn& txn) {
          Locked<ipc::Task> locked = txn.lock(task.handle());
          txn.set(locked->flags, 0);
          return 0;
        });
      }
    }
  };
  std::thread first([&] { work(a, root_a, 3); }), second([&] { work(b, root_b, 5); });
  first.join();
  second.join();
  EXPECT_EQ("", domain.fsck());
  EXPECT_EQ(1u, domain.in_use(ipc::kZoneSubset));
}

}  // namespace
}  // namespace portolan::test
