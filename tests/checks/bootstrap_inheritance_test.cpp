// SPDX-License-Identifier: Apache-2.0
// Bootstrap checks 62 to 73 and 102: special ports, what children get, codes.
#include <kern/exc_resource.h>
#include <mach/task_special_ports.h>
#include <spawn_private.h>
#include <sys/reason.h>

#include "checks/bootstrap_words.hpp"

namespace checks {
namespace {

void set_bootstrap(mach_port_t port) {
  EXPECT_CODE(KERN_SUCCESS, task_set_bootstrap_port(mach_task_self(), port));
}

CHECK(Bootstrap, B062_TheVariableDoesNotFollow) {
  const mach_port_t before = bootstrap_port, subset = subset_of(new_port_with_sends(1));
  set_bootstrap(subset);
  EXPECT_EQ(before, bootstrap_port);
  mach_port_t read = MACH_PORT_NULL;
  EXPECT_CODE(KERN_SUCCESS, task_get_bootstrap_port(mach_task_self(), &read));
  EXPECT_EQ(subset, read);
}

CHECK(Bootstrap, B063_AForkedChildIsInIt) {
  const mach_port_t subset = subset_of(new_port_with_sends(1));
  set_bootstrap(subset);
  Peer child([](const Line& line) {
    line.tell(static_cast<uint64_t>(check_in_code("name")));
    line.wait();
  });
  EXPECT_EQ(0u, child.line().hear());
  EXPECT_CODE(BOOTSTRAP_SUCCESS, look_up_code("name", subset));
  EXPECT_CODE(BOOTSTRAP_UNKNOWN_SERVICE, look_up_code("name"));
}

CHECK(Bootstrap, B064_ASpawnedProgramIsInIt) {
  const mach_port_t subset = subset_of(new_port_with_sends(1));
  set_bootstrap(subset);
  Program child(Program::How::spawn, {"check-in", "name"});
  const std::vector<long> line = child.line();
  ASSERT_EQ(2u, line.size());
  EXPECT_EQ(0, line[0]);
  EXPECT_CODE(BOOTSTRAP_SUCCESS, look_up_code("name", subset));
  EXPECT_CODE(BOOTSTRAP_UNKNOWN_SERVICE, look_up_code("name"));
}

CHECK(Bootstrap, B065_AnExecKeepsThatAndNothingElse) {
  const mach_port_t subset = subset_of(new_port_with_sends(1));
  set_bootstrap(subset);
  long names = 0;
  {
    Program fresh(Program::How::spawn, {"check-in", "fresh"});
    const std::vector<long> line = fresh.line();
    ASSERT_EQ(2u, line.size());
    names = line[1];
  }
  Program child(Program::How::exec, {"check-in", "name"});
  const std::vector<long> line = child.line();
  ASSERT_EQ(2u, line.size());
  EXPECT_EQ(0, line[0]);
  EXPECT_EQ(names, line[1]) << "what any new program has";
  EXPECT_CODE(BOOTSTRAP_SUCCESS, look_up_code("name", subset));
  EXPECT_CODE(BOOTSTRAP_UNKNOWN_SERVICE, look_up_code("name"));
}

CHECK(Bootstrap, B066_NoBootstrapPortToInherit) {
  set_bootstrap(MACH_PORT_NULL);
  Peer child([](const Line& line) {
    line.tell(bootstrap_port);
    line.tell(static_cast<uint64_t>(look_up_code("name")));
  });
  EXPECT_EQ(uint64_t{MACH_PORT_NULL}, child.line().hear());
  EXPECT_EQ(uint64_t{MACH_SEND_INVALID_DEST}, child.line().hear());
}

CHECK(Bootstrap, B067_ASpawnAttributeIsForTheChildAlone) {
  const mach_port_t subset = subset_of(new_port_with_sends(1));
  const mach_port_t here = check_in("outside");
  Program child(Program::How::spawn, {"check-in", "name"}, subset);
  const std::vector<long> line = child.line();
  ASSERT_EQ(2u, line.size());
  EXPECT_EQ(0, line[0]);
  EXPECT_CODE(BOOTSTRAP_SUCCESS, look_up_code("name", subset));
  EXPECT_CODE(BOOTSTRAP_UNKNOWN_SERVICE, look_up_code("name"));
  mach_port_t read = MACH_PORT_NULL;
  EXPECT_CODE(KERN_SUCCESS, task_get_bootstrap_port(mach_task_self(), &read));
  EXPECT_EQ(bootstrap_port, read);
  EXPECT_EQ(MACH_PORT_TYPE_RECEIVE, type_of(here));
  Program none(Program::How::spawn, {"null"}, MACH_PORT_NULL);
  EXPECT_EQ(0, none.status());
}

CHECK(Bootstrap, B067_WhatASpawnRefuses) {
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  char program[] = PORTOLAN_TEST_PROGRAMS_DIR "/bootstrap_child", null[] = "null";
  char* arguments[] = {program, null, nullptr};
  pid_t pid = 0;
  EXPECT_EQ(0, posix_spawnattr_setspecialport_np(&attributes, new_port(), TASK_BOOTSTRAP_PORT));
  EXPECT_EQ(EINVAL, posix_spawn(&pid, program, nullptr, &attributes, arguments, environ)) << "no send right";
  posix_spawnattr_init(&attributes);
  EXPECT_EQ(0, posix_spawnattr_setspecialport_np(&attributes, MACH_PORT_NULL, TASK_NAME_PORT));
  EXPECT_EQ(EINVAL, posix_spawn(&pid, program, nullptr, &attributes, arguments, environ)) << "not to be set";
  posix_spawnattr_init(&attributes);
  mach_port_t ports[4] = {};
  EXPECT_EQ(EINVAL, posix_spawnattr_set_registered_ports_np(&attributes, ports, 4));
  EXPECT_EQ(0, posix_spawnattr_set_registered_ports_np(&attributes, ports, 3));
}

CHECK(Bootstrap, B068_SpecialPortsThatAreNone) {
  mach_port_t port = MACH_PORT_NULL;
  EXPECT_CODE(KERN_INVALID_ARGUMENT, task_get_special_port(mach_task_self(), 99, &port));
  EXPECT_CODE(KERN_INVALID_ARGUMENT, task_set_special_port(mach_task_self(), 3, new_port_with_sends(1)));
}

CHECK(Bootstrap, B069_TheAccessPortIsSetOnce) {
  EXPECT_CODE(KERN_SUCCESS, task_set_special_port(mach_task_self(), TASK_ACCESS_PORT, new_port_with_sends(1)));
  EXPECT_CODE(KERN_NO_ACCESS,
              task_set_special_port(mach_task_self(), TASK_ACCESS_PORT, new_port_with_sends(1)));
}

CHECK(Bootstrap, B070_RegisteredPorts) {
  mach_port_t ports[4] = {new_port_with_sends(1), new_port_with_sends(1), MACH_PORT_NULL, MACH_PORT_NULL};
  EXPECT_CODE(KERN_INVALID_ARGUMENT, mach_ports_register(mach_task_self(), ports, 4));
  EXPECT_CODE(KERN_SUCCESS, mach_ports_register(mach_task_self(), ports, 2));
  mach_port_array_t read = nullptr;
  mach_msg_type_number_t count = 0;
  EXPECT_CODE(KERN_SUCCESS, mach_ports_lookup(mach_task_self(), &read, &count));
  ASSERT_EQ(3u, count);
  EXPECT_EQ(ports[0], read[0]);
  EXPECT_EQ(ports[1], read[1]);
  EXPECT_EQ(mach_port_t{MACH_PORT_NULL}, read[2]);
  Peer child([](const Line& line) {
    mach_port_array_t theirs = nullptr;
    mach_msg_type_number_t n = 0;
    mach_ports_lookup(mach_task_self(), &theirs, &n);
    line.tell(n);
    send_id(theirs[0], 1, MACH_MSG_TYPE_COPY_SEND);
    send_id(theirs[1], 2, MACH_MSG_TYPE_COPY_SEND);
    line.tell(theirs[2]);
    line.wait();
  });
  EXPECT_EQ(3u, child.line().hear());
  EXPECT_EQ(1, await_id(ports[0]));
  EXPECT_EQ(2, await_id(ports[1]));
  EXPECT_EQ(uint64_t{MACH_PORT_NULL}, child.line().hear());
}

CHECK(Bootstrap, B071_AUserReferenceForEachLook) {
  mach_port_t port = MACH_PORT_NULL;
  EXPECT_CODE(KERN_SUCCESS, task_get_bootstrap_port(mach_task_self(), &port));
  const mach_port_urefs_t before = refs_of(port);
  for (unsigned i = 0; i < 5; i++)
    EXPECT_CODE(KERN_SUCCESS, task_get_bootstrap_port(mach_task_self(), &port));
  EXPECT_EQ(before + 5, refs_of(port));
}

CHECK(Bootstrap, B073_AChildHasAPictureOfItsBirth) {
  Peer child([](const Line& line) {
    line.wait();
    mach_port_t port = MACH_PORT_NULL;
    task_get_bootstrap_port(mach_task_self(), &port);
    line.tell(port == bootstrap_port);
  });
  set_bootstrap(subset_of(new_port_with_sends(1)));
  child.line().tell(1);
  EXPECT_EQ(1u, child.line().hear());
}

CHECK(Bootstrap, B102_WhyAPortSpaceWasFull) {
  constexpr uint64_t kCode = 0xc40000000004aaaa;
  EXPECT_EQ(30, OS_REASON_PORT_SPACE);
  EXPECT_EQ(uint64_t{RESOURCE_TYPE_PORTS}, EXC_RESOURCE_DECODE_RESOURCE_TYPE(kCode));
  EXPECT_EQ(6u, EXC_RESOURCE_DECODE_RESOURCE_TYPE(kCode));
  EXPECT_EQ(1u, EXC_RESOURCE_DECODE_FLAVOR(kCode));
  EXPECT_EQ(305834u, EXC_RESOURCE_THREADS_DECODE_PORTS(kCode));
}

}  // namespace
}  // namespace checks
