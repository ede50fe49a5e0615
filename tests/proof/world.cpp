// SPDX-License-Identifier: Apache-2.0
#include "proof/world.hpp"

#include <gtest/gtest.h>
#include <mach/task_special_ports.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/kernel.hpp"
#include "ipc/space.hpp"
#include "segment/futex.hpp"
#include "segment/recovery.hpp"
#include "segment/zone.hpp"
#include "traps/founder.hpp"

namespace portolan::proof {

Geometry proof_geometry() {
  Geometry geometry = ipc::small_geometry();
  geometry.arena_size = 4 * kPage;
  geometry.max_threads = 32;  // a dozen that sleep, and as many that meet them
  return geometry;
}

void World::require(bool staged, const char* what) {
  if (staged) return;
  fprintf(stderr, "cannot be staged: %s\n", what);
  _exit(2);
}

World::World() : domain_(std::make_unique<test::TestDomain>(proof_geometry())) {
  founder_install(segment());
  require(founder_furnish(launchd()) == KERN_SUCCESS, "the first objects");
  require(heir_.attach(segment(), 0), "a second thread for launchd");
  reaper_ = &launchd();
  fresh_ = census();
}

TestTask& World::task() {
  ProcessFacts facts;
  facts.pid = static_cast<uint32_t>(1001 + tasks_.size());
  facts.uid = facts.ruid = 501;
  facts.gid = facts.rgid = 20;
  snprintf(facts.program, sizeof facts.program, "task-%c", static_cast<char>('a' + tasks_.size()));
  Handle<ipc::Task> handle;
  require(task_create(launchd(), facts, {}, handle) == KERN_SUCCESS, "a task");
  settle(launchd());
  const Handle<ipc::Space> space{segment().at(handle).space};
  tasks_.push_back(std::make_unique<TestTask>(*domain_, handle, space));
  TestTask& task = *tasks_.back();
  require(task_thread_attach(task.thread(), handle), "a task's thread");
  // How long a wait spins is a matter of time, and would differ from run to run.
  task.thread().spin.limit_ns = 0;
  return task;
}

TestTask* World::task_thread(TestTask& task) {
  tasks_.push_back(std::make_unique<TestTask>(*domain_, task.handle(), task.space()));
  require(task_thread_attach(tasks_.back()->thread(), task.handle()), "a second thread");
  tasks_.back()->thread().spin.limit_ns = 0;
  return tasks_.back().get();
}

void World::put_to_sleep(TestTask& task, const std::function<void()>& call) {
  const pid_t pid = fork();
  require(pid >= 0, "a process for a sleeper");
  if (pid == 0) {
    call();
    _exit(0);
  }
  const uint64_t until = monotonic_ns() + 60'000'000'000;
  while (!sleeps(task) || frame(task).sleeping.load() == 0) {
    require(monotonic_ns() < until, "a sleeper");
    usleep(100);
  }
  usleep(1000);
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
}

void World::die_in(const std::function<void()>& call) {
  const pid_t pid = fork();
  require(pid >= 0, "a process that dies");
  if (pid == 0) {
    call();
    _exit(1);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  require(status == 0, "a death");
}

mach_port_name_t World::bootstrap_port(TestTask& task) {
  mach_port_name_t name = MACH_PORT_NULL;
  require(task_get_special_port(task.thread(), task.handle(), TASK_BOOTSTRAP_PORT, task.space(), name) ==
              KERN_SUCCESS,
          "a bootstrap port");
  return name;
}

void World::fill_table(TestTask& task) {
  segment().at(task.space()).table_limit.init(table_size(task));
  while (names(task, 0) + 1 < table_size(task)) task.allocate(MACH_PORT_RIGHT_DEAD_NAME);
}

void World::use_up_messages(TestTask& task) {
  const mach_port_name_t hoard = task.allocate();
  const integer_t limit = 1000;
  require(ipc::port_set_attributes(task.thread(), task.space(), ipc::Name{hoard}, MACH_PORT_LIMITS_INFO,
                                   &limit, 1) == KERN_SUCCESS,
          "a long queue");
  for (Thread* thread : {&launchd(), &heir_}) {
    store_freed(*thread, thread->slot());
    empty_magazines(*thread, thread->slot());
  }
  ZoneState& zone = segment().zone(ipc::kZoneKmsg);
  capacity_ = zone.capacity;
  zone.capacity = zone.carved;
  while (task.send(hoard, MACH_MSG_TYPE_MAKE_SEND, 1) == MACH_MSG_SUCCESS) {
  }
}

void World::allow_messages() { segment().zone(ipc::kZoneKmsg).capacity = capacity_; }

void World::end_task(TestTask& task) {
  const uint32_t index = task.thread().index();
  ThreadSlot& slot = segment().slot(index);
  if (slot.state.load() != kSlotFree && slot.task == task.handle().index) {
    declare_dead(segment(), index);
    recover_thread(reaper(), index);
  }
  task_terminate(reaper(), task.handle());
  settle(reaper());
}

std::vector<uint32_t> World::census() {
  std::vector<uint32_t> counts;
  for (unsigned zone = 0; zone < kMaxZones; zone++) counts.push_back(domain_->in_use(zone));
  uint32_t slots = 0;
  for (uint32_t i = 1; i < segment().header().threads_high.load(); i++)
    slots += segment().slot(i).state.load() != kSlotFree;
  counts.push_back(slots);
  return counts;
}

// -------------------------------------------------------------------------------------------------------
// looking

const ipc::Entry* World::entry(TestTask& task, mach_port_name_t value) {
  const ipc::Name name{value};
  const ipc::Space& space = segment().at(task.space());
  if (!name.valid() || name.index() == 0 || name.index() >= space.table_size) return nullptr;
  const ipc::Entry& entry = ipc::entry_at(segment(), task.space(), name.index());
  return entry.type() != 0 && entry.generation() == name.generation() ? &entry : nullptr;
}

const Port* World::port(TestTask& task, mach_port_name_t name) {
  const ipc::Entry* found = entry(task, name);
  if (found == nullptr || found->has(ipc::kTypeDead | ipc::kTypePset)) return nullptr;
  return &segment().at(Handle<Port>{found->object});
}

uint32_t World::type(TestTask& task, mach_port_name_t name) {
  const ipc::Entry* found = entry(task, name);
  return found == nullptr ? 0 : found->type();
}

uint32_t World::urefs(TestTask& task, mach_port_name_t name) {
  const ipc::Entry* found = entry(task, name);
  return found == nullptr ? 0 : found->urefs.get();
}

unsigned World::names(TestTask& task, uint32_t type) {
  unsigned n = 0;
  for (uint32_t i = 1; i < table_size(task); i++) {
    const uint32_t has = ipc::entry_at(segment(), task.space(), i).type();
    n += has != 0 && (has & type) == type;
  }
  return n;
}

uint32_t World::table_size(TestTask& task) { return segment().at(task.space()).table_size; }

bool World::space_alive(TestTask& task) {
  const ipc::Space& space = segment().at(task.space());
  return space.allocated() && space.state == ipc::kSpaceActive;
}

unsigned World::queued(const Port* port, int32_t id) {
  if (port == nullptr) return 0;
  unsigned n = 0;
  uint32_t walk = port->queue_head;
  for (unsigned i = 0; walk != 0 && i < 1000; i++) {
    const ipc::Kmsg& kmsg = segment().at(Handle<ipc::Kmsg>{walk});
    n += id == -1 || kmsg.id == id;
    walk = kmsg.link;
  }
  return n;
}

const ipc::Kmsg* World::first_queued(const Port* port) {
  return port == nullptr || port->queue_head == 0 ? nullptr
                                                  : &segment().at(Handle<ipc::Kmsg>{port->queue_head});
}

const Frame& World::frame(TestTask& task) { return segment().slot(task.thread().index()).frames[0]; }

bool World::sleeps(TestTask& task) {
  const uint32_t state = frame(task).state;
  return state == ipc::kWaitPort || state == ipc::kWaitPset || state == ipc::kWaitSend;
}

// The domain itself has some from the start.
unsigned World::pieces() { return domain_->in_use(ipc::kZoneData) - fresh_[ipc::kZoneData]; }

const ipc::Kmsg* World::given(TestTask& task) {
  const Frame& it = frame(task);
  return it.state == ipc::kGrantMessage ? &segment().at(Handle<ipc::Kmsg>{it.grant}) : nullptr;
}

}  // namespace portolan::proof
