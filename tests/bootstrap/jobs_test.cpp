// SPDX-License-Identifier: Apache-2.0
// Jobs and what is declared for them: ports that come home with their messages, and who may check them in
// (bootstrap 2.2, 5.1, 5.2, 5.4, 6). And names by the thousand.
#include "bootstrap/job.hpp"

#include <servers/bootstrap_priv.h>

#include "bootstrap/tests_namespace.hpp"

namespace portolan::test {
namespace {

using bootstrap::job_demand;
using ipc::Job;

constexpr uint64_t kNow = 1'000'000'000;

class Jobs : public Namespace {
 protected:
  Jobs() {
    EXPECT_EQ(KERN_SUCCESS, bootstrap::job_make(launchd(), "com.example.job", 0, job));
    EXPECT_EQ(KERN_SUCCESS, declare("service"));
  }
  ~Jobs() override { EXPECT_TRUE(bootstrap::job_remove(launchd(), job)); }

  Thread& launchd() { return domain.launchd(); }
  const Job& it() { return domain.segment().at(job); }
  kern_return_t declare(const char* name, uint32_t flags = 0) {
    return bootstrap::job_declare(launchd(), job, ServiceName(name), flags);
  }
  // The task is what launchd has started for the job.
  void run_as_job(TestTask& task) {
    Thread& self = launchd();
    const uint32_t pid = domain.segment().at(task.handle()).credentials.pid;
    bootstrap::job_started(self, job, pid, 0, kNow);
    transact(self, Needs{}, [&](Txn& txn) {
      Locked<ipc::Task> locked = txn.lock(task.handle());
      txn.set(locked->job, job.index);
      return 0;
    });
  }
  kern_return_t check_in_with(TestTask& task, mach_port_name_t bp, const char* name, uint64_t flags,
                              mach_port_name_t* sp = nullptr) {
    ipc::Name out;
    const kern_return_t code =
        bootstrap::check_in(task.thread(), caller(task), {bp}, ServiceName(name), flags, out);
    if (sp != nullptr) *sp = out.value;
    settle(task.thread());
    return code;
  }
  mach_port_name_t client_right(const char* name = "service") {
    mach_port_name_t found = 0;
    EXPECT_EQ(BOOTSTRAP_SUCCESS, look_up(b, root_b, name, &found));
    return found;
  }

  Handle<Job> job;
};

TEST_F(Jobs, LabelsAreUnique) {
  Handle<Job> other;
  EXPECT_EQ(KERN_NAME_EXISTS, bootstrap::job_make(launchd(), "com.example.job", 0, other));
  ASSERT_EQ(KERN_SUCCESS, bootstrap::job_make(launchd(), "com.example.other", 0, other));
  EXPECT_EQ(other.index, bootstrap::job_find(domain.segment(), "com.example.other").index);
  EXPECT_TRUE(bootstrap::job_remove(launchd(), other));
  EXPECT_FALSE(bootstrap::job_find(domain.segment(), "com.example.other"));
}

TEST_F(Jobs, ADeclaredServiceIsFoundAndQueuesWithoutAHolder) {
  EXPECT_EQ(BOOTSTRAP_NAME_IN_USE, declare("service"));
  const mach_port_name_t right = client_right();
  EXPECT_EQ(MACH_PORT_TYPE_SEND, b.type(right));
  EXPECT_FALSE(job_demand(domain.segment(), job).messages);
  EXPECT_EQ(MACH_MSG_SUCCESS, b.send(right, MACH_MSG_TYPE_COPY_SEND, 1));
  EXPECT_TRUE(job_demand(domain.segment(), job).messages);
  EXPECT_FALSE(job_demand(domain.segment(), job).held);
  bootstrap_status_t state = -1;
  EXPECT_EQ(BOOTSTRAP_SUCCESS, status(b, root_b, "service", &state));
  EXPECT_EQ(BOOTSTRAP_STATUS_ON_DEMAND, state);
}

TEST_F(Jobs, OnlyTheJobChecksItIn) {
  EXPECT_EQ(BOOTSTRAP_NOT_PRIVILEGED, check_in(a, root_a, "service"));
  run_as_job(a);
  mach_port_name_t sp = 0;
  EXPECT_EQ(BOOTSTRAP_NOT_PRIVILEGED, check_in(b, root_b, "service"));
  ASSERT_EQ(BOOTSTRAP_SUCCESS, check_in(a, root_a, "service", &sp));
  EXPECT_EQ(MACH_PORT_TYPE_RECEIVE, a.type(sp));
  EXPECT_EQ(BOOTSTRAP_SERVICE_ACTIVE, check_in(a, root_a, "service"));
  EXPECT_TRUE(job_demand(domain.segment(), job).held);
  EXPECT_NE(0u, it().flags & ipc::kJobCheckedIn);
  bootstrap_status_t state = -1;
  EXPECT_EQ(BOOTSTRAP_SUCCESS, status(b, root_b, "service", &state));
  EXPECT_EQ(BOOTSTRAP_STATUS_ACTIVE, state);
}

// bootstrap 6: however it is lost
TEST_F(Jobs, ALostRightComesHomeWithItsMessages) {
  run_as_job(a);
  const mach_port_name_t right = client_right();
  mach_port_name_t sp = 0;
  unsigned sent = 0;
  for (const auto& lose : std::vector<std::function<void()>>{
           [&] { EXPECT_EQ(KERN_SUCCESS, a.destroy(sp)); },
           [&] { EXPECT_EQ(KERN_SUCCESS, a.mod_refs(sp, MACH_PORT_RIGHT_RECEIVE, -1)); },
           [&] {
             const mach_port_name_t moved = a.give(sp, MACH_MSG_TYPE_MOVE_RECEIVE, b);
             EXPECT_EQ(right, moved);
             EXPECT_EQ(KERN_SUCCESS, b.mod_refs(moved, MACH_PORT_RIGHT_RECEIVE, -1));
           }}) {
    ASSERT_EQ(BOOTSTRAP_SUCCESS, check_in(a, root_a, "service", &sp));
    EXPECT_EQ(sent, a.status(sp).mps_msgcount);
    EXPECT_EQ(0u, a.status(sp).mps_seqno);
    EXPECT_EQ(MACH_MSG_SUCCESS, b.send(right, MACH_MSG_TYPE_COPY_SEND, 1));
    sent++;
    lose();
    EXPECT_EQ(MACH_PORT_TYPE_SEND, b.type(right)) << "clients see nothing of it";
    EXPECT_TRUE(job_demand(domain.segment(), job).messages);
    EXPECT_FALSE(job_demand(domain.segment(), job).held);
  }
  ASSERT_EQ(BOOTSTRAP_SUCCESS, check_in(a, root_a, "service", &sp));
  EXPECT_EQ(sent, a.count(sp, 1));
}

TEST_F(Jobs, AHolderThatDiesBringsItHome) {
  run_as_job(a);
  mach_port_name_t sp = 0;
  ASSERT_EQ(BOOTSTRAP_SUCCESS, check_in(a, root_a, "service", &sp));
  const mach_port_name_t right = client_right();
  const mach_port_name_t set = a.allocate(MACH_PORT_RIGHT_PORT_SET);
  EXPECT_EQ(KERN_SUCCESS,
            ipc::port_move_member(a.thread(), a.space(), ipc::Name{sp}, ipc::Name{set}));
  a.die();
  bootstrap::job_ended(launchd(), job, 9);
  EXPECT_EQ(MACH_PORT_TYPE_SEND, b.type(right));
  EXPECT_EQ(MACH_MSG_SUCCESS, b.send(right, MACH_MSG_TYPE_COPY_SEND, 1));
  EXPECT_TRUE(job_demand(domain.segment(), job).messages);
}

TEST_F(Jobs, NoSecondPortDestroyedRequest) {
  run_as_job(a);
  mach_port_name_t sp = 0;
  ASSERT_EQ(BOOTSTRAP_SUCCESS, check_in(a, root_a, "service", &sp));
  EXPECT_EQ(KERN_FAILURE, a.notify(sp, MACH_NOTIFY_PORT_DESTROYED, 0, a.allocate()));
}

TEST_F(Jobs, OneThatResetsDiesAndIsMadeAnew) {
  ASSERT_EQ(KERN_SUCCESS, declare("fresh", ipc::kServiceResets));
  run_as_job(a);
  mach_port_name_t sp = 0;
  ASSERT_EQ(BOOTSTRAP_SUCCESS, check_in(a, root_a, "fresh", &sp));
  const mach_port_name_t right = client_right("fresh");
  EXPECT_EQ(MACH_MSG_SUCCESS, b.send(right, MACH_MSG_TYPE_COPY_SEND, 1));
  EXPECT_EQ(KERN_SUCCESS, a.destroy(sp));
  EXPECT_EQ(MACH_PORT_TYPE_DEAD_NAME, b.type(right));
  const mach_port_name_t anew = client_right("fresh");
  EXPECT_EQ(MACH_PORT_TYPE_SEND, b.type(anew));
  EXPECT_EQ(MACH_MSG_SUCCESS, b.send(anew, MACH_MSG_TYPE_COPY_SEND, 2));
  ASSERT_EQ(BOOTSTRAP_SUCCESS, check_in(a, root_a, "fresh", &sp));
  EXPECT_EQ(1u, a.count(sp, 2));
}

TEST_F(Jobs, OneThatHidesIsFoundWhileHeld) {
  ASSERT_EQ(KERN_SUCCESS, declare("hidden", ipc::kServiceHides));
  EXPECT_EQ(BOOTSTRAP_UNKNOWN_SERVICE, look_up(b, root_b, "hidden"));
  EXPECT_EQ(BOOTSTRAP_NOT_PRIVILEGED, check_in(b, root_b, "hidden"));
  run_as_job(a);
  mach_port_name_t sp = 0;
  ASSERT_EQ(BOOTSTRAP_SUCCESS, check_in(a, root_a, "hidden", &sp));
  EXPECT_EQ(BOOTSTRAP_SUCCESS, look_up(b, root_b, "hidden"));
  EXPECT_EQ(KERN_SUCCESS, a.destroy(sp));
  EXPECT_EQ(BOOTSTRAP_UNKNOWN_SERVICE, look_up(b, root_b, "hidden"));
}

TEST_F(Jobs, RemovingEndsWhatIsAtHomeAtOnceAndTheOthersLater) {
  ASSERT_EQ(KERN_SUCCESS, declare("idle"));
  run_as_job(a);
  mach_port_name_t sp = 0;
  ASSERT_EQ(BOOTSTRAP_SUCCESS, check_in(a, root_a, "service", &sp));
  const mach_port_name_t idle = client_right("idle"), held = client_right();
  EXPECT_TRUE(bootstrap::job_remove(launchd(), job));
  EXPECT_EQ(MACH_PORT_TYPE_DEAD_NAME, b.type(idle));
  EXPECT_EQ(MACH_PORT_TYPE_SEND, b.type(held));
  EXPECT_EQ(BOOTSTRAP_UNKNOWN_SERVICE, look_up(b, root_b, "service"));
  EXPECT_EQ(KERN_SUCCESS, a.destroy(sp));
  EXPECT_EQ(MACH_PORT_TYPE_DEAD_NAME, b.type(held));
  ASSERT_EQ(KERN_SUCCESS, bootstrap::job_make(launchd(), "com.example.job", 0, job));
}

TEST_F(Jobs, TheJobTakesBackAnIdleName) {
  run_as_job(a);
  const mach_port_name_t right = client_right(), port = a.port_with_send();
  EXPECT_EQ(BOOTSTRAP_NOT_PRIVILEGED, register_port(a, root_a, "service", port));
  EXPECT_EQ(BOOTSTRAP_SUCCESS, register_port(a, root_a, "service", MACH_PORT_NULL));
  EXPECT_EQ(MACH_PORT_TYPE_DEAD_NAME, b.type(right));
  EXPECT_EQ(BOOTSTRAP_UNKNOWN_SERVICE, look_up(b, root_b, "service"));
  // What it registers stays its own, though its process ends.
  EXPECT_EQ(BOOTSTRAP_SUCCESS, register_port(a, root_a, "service", port));
  EXPECT_EQ(BOOTSTRAP_SERVICE_ACTIVE, register_port(a, root_a, "service", port));
}

TEST_F(Jobs, ANameThatNobodyDeclaredGoesWithTheProcess) {
  run_as_job(a);
  EXPECT_EQ(BOOTSTRAP_UNKNOWN_SERVICE, check_in_with(a, root_a, "extra", BOOTSTRAP_STRICT_CHECKIN));
  ASSERT_EQ(BOOTSTRAP_SUCCESS, check_in(a, root_a, "extra"));
  EXPECT_EQ(BOOTSTRAP_SUCCESS, look_up(b, root_b, "extra"));
  EXPECT_TRUE(bootstrap::owner_gone(launchd(), a.handle()));
  EXPECT_EQ(BOOTSTRAP_UNKNOWN_SERVICE, look_up(b, root_b, "extra"));
  EXPECT_EQ(BOOTSTRAP_SUCCESS, look_up(b, root_b, "service"));
}

TEST_F(Jobs, StrictCheckInMakesNothing) {
  EXPECT_EQ(BOOTSTRAP_UNKNOWN_SERVICE, check_in_with(b, root_b, "x", BOOTSTRAP_STRICT_CHECKIN));
  EXPECT_EQ(BOOTSTRAP_NOT_PRIVILEGED, check_in_with(b, root_b, "service", BOOTSTRAP_STRICT_CHECKIN));
  ASSERT_EQ(BOOTSTRAP_SUCCESS, check_in(b, root_b, "x"));
  EXPECT_EQ(BOOTSTRAP_SERVICE_ACTIVE, check_in_with(b, root_b, "x", BOOTSTRAP_STRICT_CHECKIN));
}

TEST_F(Jobs, APrivateNameIsTheProcesssOwn) {
  ASSERT_EQ(BOOTSTRAP_SUCCESS, check_in_with(a, root_a, "mine", BOOTSTRAP_PER_PID_SERVICE));
  EXPECT_EQ(BOOTSTRAP_UNKNOWN_SERVICE, look_up(b, root_b, "mine"));
  ASSERT_EQ(BOOTSTRAP_SUCCESS, check_in(b, root_b, "mine")) << "the same name, for everybody";
  ASSERT_EQ(BOOTSTRAP_SUCCESS, check_in_with(b, root_b, "mine", BOOTSTRAP_PER_PID_SERVICE));
  ipc::Name found;
  const uint32_t pid = domain.segment().at(a.handle()).credentials.pid;
  EXPECT_EQ(BOOTSTRAP_SUCCESS, bootstrap::look_up(b.thread(), caller(b), {root_b}, ServiceName("mine"), pid,
                                                  BOOTSTRAP_PER_PID_SERVICE, found));
  EXPECT_EQ(MACH_PORT_TYPE_SEND, b.type(found.value)) << "a's, not b's own";
}

TEST_F(Jobs, DrainingThrowsAwayWhatEachServiceAsksFor) {
  ASSERT_EQ(KERN_SUCCESS, declare("one", ipc::kServiceDrainsOne));
  ASSERT_EQ(KERN_SUCCESS, declare("all", ipc::kServiceDrainsAll));
  run_as_job(a);
  for (const char* name : {"service", "one", "all"})
    for (int i = 0; i < 3; i++)
      EXPECT_EQ(MACH_MSG_SUCCESS, b.send(client_right(name), MACH_MSG_TYPE_COPY_SEND, i));
  EXPECT_TRUE(bootstrap::job_drain(launchd(), job));
  const std::pair<const char*, unsigned> kLeft[] = {{"service", 3}, {"one", 2}, {"all", 0}};
  for (const auto& [name, left] : kLeft) {
    mach_port_name_t sp = 0;
    ASSERT_EQ(BOOTSTRAP_SUCCESS, check_in(a, root_a, name, &sp));
    EXPECT_EQ(left, a.status(sp).mps_msgcount) << name;
  }
}

// bootstrap 5.2
TEST_F(Jobs, AServerPortStandsForItsJob) {
  ipc::Name port;
  const bootstrap::ServerCommand command{"/usr/bin/example -x"};
  ASSERT_EQ(BOOTSTRAP_SUCCESS,
            bootstrap::create_server(a.thread(), caller(a), {root_a}, command, 0, true, port));
  Handle<Job> server;
  for (uint32_t i = 1; i < domain.segment().carved(ipc::kZoneJob); i++)
    if ((domain.segment().at(Handle<Job>{i}).flags & ipc::kJobServer) != 0) server = {i};
  ASSERT_TRUE(server);
  EXPECT_TRUE(job_demand(domain.segment(), server).server_port);
  // What is checked in through it is declared: dropped, it comes home.
  mach_port_name_t sp = 0;
  ASSERT_EQ(BOOTSTRAP_SUCCESS, check_in(a, port.value, "legacy", &sp));
  EXPECT_EQ(KERN_SUCCESS, a.mod_refs(sp, MACH_PORT_RIGHT_RECEIVE, -1));
  const mach_port_name_t right = client_right("legacy");
  EXPECT_EQ(MACH_PORT_TYPE_SEND, b.type(right));
  EXPECT_EQ(KERN_SUCCESS, a.deallocate(port.value));
  EXPECT_FALSE(job_demand(domain.segment(), server).server_port);
  EXPECT_TRUE(bootstrap::job_remove(launchd(), server));
  EXPECT_EQ(MACH_PORT_TYPE_DEAD_NAME, b.type(right));
}

TEST_F(Jobs, ListsAndChildren) {
  ASSERT_EQ(BOOTSTRAP_SUCCESS, check_in(a, root_a, "mine"));
  ASSERT_EQ(BOOTSTRAP_SUCCESS, check_in_with(a, root_a, "private", BOOTSTRAP_PER_PID_SERVICE));
  mach_port_name_t subset = 0;
  ASSERT_EQ(BOOTSTRAP_SUCCESS, make_subset(a, root_a, a.port_with_send(), &subset));
  ASSERT_EQ(BOOTSTRAP_SUCCESS, check_in(a, subset, "inner"));
  bootstrap::Row rows[bootstrap::kRowsAtOnce];
  unsigned found = 0;
  uint32_t cursor = 0;
  ASSERT_EQ(KERN_SUCCESS, bootstrap::list(b.thread(), caller(b), {root_b}, cursor, rows, found));
  ASSERT_EQ(2u, found);
  EXPECT_STREQ("service", rows[0].name);
  EXPECT_STREQ("com.example.job", rows[0].owner);
  EXPECT_EQ(BOOTSTRAP_STATUS_ON_DEMAND, rows[0].status);
  EXPECT_STREQ("mine", rows[1].name);
  EXPECT_NE(nullptr, strstr(rows[1].owner, ".anonymous."));
  EXPECT_EQ(BOOTSTRAP_STATUS_ACTIVE, rows[1].status);
  ASSERT_EQ(KERN_SUCCESS, bootstrap::list(b.thread(), caller(b), {root_b}, cursor, rows, found));
  EXPECT_EQ(0u, found);
  bootstrap::Child child;
  ASSERT_EQ(BOOTSTRAP_SUCCESS, bootstrap::child(a.thread(), caller(a), {root_a}, 0, child));
  EXPECT_EQ(subset, child.port.value);
  EXPECT_NE(nullptr, strstr(child.name, "].subset."));
  EXPECT_EQ(BOOTSTRAP_NO_CHILDREN, bootstrap::child(a.thread(), caller(a), {root_a}, 1, child));
  ipc::Name root;
  EXPECT_EQ(BOOTSTRAP_SUCCESS, bootstrap::root(a.thread(), caller(a), {subset}, root));
  EXPECT_EQ(root_a, root.value);
}

// A tree of names is what a map is, whatever the order.
TEST_F(Jobs, ManyNamesComeAndGo) {
  const mach_port_name_t port = a.port_with_send();
  std::vector<std::string> bound;
  uint64_t random = 42;
  for (unsigned round = 0; round < 400; round++) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    const std::string name = "name " + std::to_string(random >> 33 & 63);
    const auto known = std::find(bound.begin(), bound.end(), name);
    if (known == bound.end() && bound.size() < 40) {
      ASSERT_EQ(BOOTSTRAP_SUCCESS, register_port(a, root_a, name.c_str(), port));
      bound.push_back(name);
    } else if (known != bound.end()) {
      ASSERT_EQ(BOOTSTRAP_SERVICE_ACTIVE, register_port(a, root_a, name.c_str(), port));
    }
    if (round % 50 == 49) {  // all of them go with their port
      ASSERT_EQ("", domain.fsck());
      for (const std::string& each : bound) ASSERT_EQ(BOOTSTRAP_SUCCESS, look_up(b, root_b, each.c_str()));
    }
  }
  EXPECT_EQ(KERN_SUCCESS, a.destroy(port));
  EXPECT_EQ(1u, services());
}

// A look-up that fails leaves nothing behind, and one among many costs what one among few does.
TEST(ManyNames, AHundredThousandAndTenThousandThatAreNotThere) {
  constexpr unsigned kNames = 100'000;
  Geometry geometry = ipc::small_geometry();
  geometry.zones[ipc::kZoneService].capacity = 1u << 18;
  TestDomain domain(geometry);
  TestTask& task = domain.task();
  static const bootstrap::Layers layers =
      bootstrap::make_layers(ipc::make_layers({reap_in_namespace, nullptr, task_finish_thread}));
  ipc::install(domain.segment(), layers);
  ASSERT_EQ(KERN_SUCCESS, bootstrap::make_root(domain.launchd()));
  const mach_port_name_t root = Namespace::root_of(task), port = task.port_with_send();
  const bootstrap::Caller caller{task.handle(), task.space()};
  for (unsigned i = 0; i < kNames; i++)
    ASSERT_EQ(BOOTSTRAP_SUCCESS, bootstrap::register_(task.thread(), caller, {root},
                                                      ServiceName(("name " + std::to_string(i)).c_str()),
                                                      {port}, 0));
  ipc::Name found;
  for (unsigned i = 0; i < kNames; i += 997) {
    ASSERT_EQ(BOOTSTRAP_SUCCESS, bootstrap::look_up(task.thread(), caller, {root},
                                                    ServiceName(("name " + std::to_string(i)).c_str()), 0, 0,
                                                    found));
    ASSERT_EQ(port, found.value);
  }
  std::vector<uint32_t> before, after;
  auto census = [&](std::vector<uint32_t>& into) {
    for (unsigned zone = 1; zone <= ipc::kZoneJob; zone++) into.push_back(domain.in_use(zone));
  };
  census(before);
  for (unsigned i = 0; i < 10'000; i++)
    ASSERT_EQ(BOOTSTRAP_UNKNOWN_SERVICE,
              bootstrap::look_up(task.thread(), caller, {root},
                                 ServiceName(("absent " + std::to_string(i)).c_str()), 0, 0, found));
  census(after);
  EXPECT_EQ(before, after);
  EXPECT_EQ("", domain.fsck());
  EXPECT_EQ(KERN_SUCCESS, task.destroy(port));
  EXPECT_EQ(0u, domain.in_use(ipc::kZoneService));
  task.die();
  close_namespace(domain.launchd());
}

}  // namespace
}  // namespace portolan::test
