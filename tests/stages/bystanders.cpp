// SPDX-License-Identifier: Apache-2.0
#include "stages/bystanders.hpp"

#include <mach/notify.h>
#include <mach/task_special_ports.h>
#include <stdio.h>
#include <stdlib.h>

#include "ipc/semaphore.hpp"
#include "ipc/space.hpp"
#include "proof/messages.hpp"

namespace portolan::stages {

namespace {

using ipc::Name;
using proof::World;
using test::TestTask;

// A trap that answers otherwise than it must: the process ends badly, which is noticed.
void must(bool holds, int line = __builtin_LINE()) {
  if (holds) return;
  fprintf(stderr, "bystanders.cpp:%d: not as it must be\n", line);
  abort();
}

void rights(TestTask& task) {
  const mach_port_name_t port = task.port_with_send(), notify = task.allocate();
  must(task.mod_refs(port, MACH_PORT_RIGHT_SEND, 3) == KERN_SUCCESS);
  must(task.notify(port, MACH_NOTIFY_DEAD_NAME, 1, notify) == KERN_SUCCESS);
  must(task.deallocate(port) == KERN_SUCCESS);
  must(task.refs(port, MACH_PORT_RIGHT_SEND) == 3);
  must(task.mod_refs(port, MACH_PORT_RIGHT_RECEIVE, -1) == KERN_SUCCESS);
  must(task.type(port) == MACH_PORT_TYPE_DEAD_NAME);
  must(task.destroy(port) == KERN_SUCCESS);
  must(task.count(notify, MACH_NOTIFY_DEAD_NAME) == 1);
  must(task.destroy(notify) == KERN_SUCCESS);
}

void messages(TestTask& task) {
  const mach_port_name_t port = task.port_with_send(), set = task.allocate(MACH_PORT_RIGHT_PORT_SET);
  must(ipc::port_insert_member(task.thread(), task.space(), Name{port}, Name{set}) == KERN_SUCCESS);
  settle(task.thread());
  must(task.send(port, MACH_MSG_TYPE_COPY_SEND, 1, port, MACH_MSG_TYPE_MAKE_SEND_ONCE) == MACH_MSG_SUCCESS);
  TestTask::Received plain = task.receive(set);
  must(plain.code == MACH_MSG_SUCCESS);
  must(task.deallocate(plain.header().msgh_remote_port) == KERN_SUCCESS);
  TestTask::Received told = task.receive(set);
  must(told.code == MACH_MSG_SUCCESS && told.header().msgh_id == MACH_NOTIFY_SEND_ONCE);
  must(task.receive(set).code == MACH_RCV_TIMED_OUT);
  // With a receive right, in transit meanwhile.
  proof::PortsMessage moved({port, MACH_MSG_TYPE_COPY_SEND, 0, 0, 2});
  moved.carry(task.allocate(), MACH_MSG_TYPE_MOVE_RECEIVE);
  must(proof::send(task, moved) == MACH_MSG_SUCCESS);
  must(task.receive(set).code == MACH_MSG_SUCCESS);
  char bytes[5000] = {};
  proof::MemoryMessage memory({port, MACH_MSG_TYPE_COPY_SEND, 0, 0, 3}, bytes, sizeof bytes);
  must(proof::send(task, memory) == MACH_MSG_SUCCESS);
  must(task.mod_refs(port, MACH_PORT_RIGHT_RECEIVE, -1) == KERN_SUCCESS);
  must(task.destroy(set) == KERN_SUCCESS);
}

void names(World& world, TestTask& task) {
  const bootstrap::Caller caller{task.handle(), task.space()};
  const Name bp{world.bootstrap_port(task)};
  Name service, found;
  must(bootstrap::check_in(task.thread(), caller, bp, bootstrap::ServiceName("bystander"), 0, service) ==
       KERN_SUCCESS);
  must(bootstrap::look_up(task.thread(), caller, bp, bootstrap::ServiceName("bystander"), 0, 0, found) ==
       KERN_SUCCESS);
  settle(task.thread());
  must(task.destroy(service.value) == KERN_SUCCESS);
  must(task.deallocate(bp.value) == KERN_SUCCESS);
}

void semaphores(TestTask& task) {
  Name name;
  must(ipc::semaphore_create(task.thread(), task.handle(), task.space(), 0, 1, name) == KERN_SUCCESS);
  must(ipc::semaphore_signal(task.thread(), task.space(), name) == KERN_SUCCESS);
  must(ipc::semaphore_wait(task.thread(), task.space(), name, {.polls = true}) == KERN_SUCCESS);
  must(ipc::semaphore_destroy(task.thread(), task.handle(), task.space(), name) == KERN_SUCCESS);
  settle(task.thread());
}

// Whatever has a name with any of the scenario's tasks.
void look(TestTask& task, const std::vector<Handle<ipc::Space>>& spaces) {
  for (const Handle<ipc::Space> space : spaces) {
    ipc::NameInfo found[32];
    uint32_t filled = 0, size = 0;
    if (ipc::space_scan(task.thread(), space, 0, found, std::size(found), filled, size, false) !=
        KERN_SUCCESS)
      continue;
    for (uint32_t i = 0; i < filled; i++) {
      mach_port_type_t type = 0;
      ipc::port_type(task.thread(), space, found[i].name, type);
      mach_port_status_t status{};
      mach_msg_type_number_t count = MACH_PORT_RECEIVE_STATUS_COUNT;
      ipc::port_get_attributes(task.thread(), space, found[i].name, MACH_PORT_RECEIVE_STATUS,
                               reinterpret_cast<integer_t*>(&status), count);
      mach_port_name_t members[8];
      uint32_t members_count = 0;
      ipc::set_scan(task.thread(), space, found[i].name, members, std::size(members), members_count);
      settle(task.thread());
    }
  }
}

}  // namespace

std::vector<Bystander> bystanders(World& world, const std::vector<Handle<ipc::Space>>& spaces) {
  std::vector<Bystander> all;
  auto add = [&](const char* name, bool related, bool needs_messages,
                 const std::function<void(TestTask&)>& business) {
    TestTask& task = world.task();
    all.push_back(
        {name, task.thread().index(), related, needs_messages, [&task, business] { business(task); }});
  };
  add("rights", false, true, rights);
  add("messages", false, true, messages);
  add("names", false, true, [&world](TestTask& task) { names(world, task); });
  add("semaphores", false, true, semaphores);
  add("looks", true, false, [&spaces](TestTask& task) { look(task, spaces); });
  return all;
}

}  // namespace portolan::stages
