// SPDX-License-Identifier: Apache-2.0
// Tasks in a segment: birth with and without an embryo, special and registered ports, threads' ports, and the
// end, with nothing left over. Several tasks in one process; every test ends with a sound kernel and every
// element returned.
#include "task/task.hpp"

#include <gtest/gtest.h>
#include <mach/exception_types.h>
#include <mach/mach_port.h>
#include <mach/notify.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bootstrap/namespace.hpp"
#include "ipc/fsck.hpp"
#include "ipc/mach_port.hpp"
#include "ipc/semaphore.hpp"
#include "ipc/space.hpp"
#include "segment/recovery.hpp"
#include "task/exception_ports.hpp"
#include "task/info.hpp"
#include "task/reaper.hpp"

namespace portolan::test {
namespace {

using ipc::Name;
using ipc::Port;
using ipc::Space;
using ipc::Task;

bool reap(Thread& self, uint32_t item) {
  if (work_zone(item) == ipc::kZoneTask) return task_reap_step(self, Handle<Task>{work_index(item)});
  return bootstrap::reap_step(self, item);
}

class Tasks : public testing::Test {
 protected:
  Tasks() : length_(Segment::span(ipc::small_geometry())) {
    static const bootstrap::Layers layers =
        bootstrap::make_layers(ipc::make_layers({reap, nullptr, task_finish_thread}));
    memory_ =
        mmap(nullptr, length_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    segment_.format(memory_, ipc::small_geometry());
    ipc::install(segment_, layers);
    EXPECT_TRUE(self_.attach(segment_, 0));
    EXPECT_EQ(KERN_SUCCESS, ipc::make_roots(self_));
    EXPECT_EQ(KERN_SUCCESS, bootstrap::make_root(self_));
    for (unsigned zone = 0; zone < kMaxZones; zone++) fresh_[zone] = in_use(zone);
  }
  ~Tasks() override {
    EXPECT_EQ("", ipc::fsck(segment_).text());
    for (uint32_t i = 1; i < segment_.zone(ipc::kZoneTask).carved; i++) {
      const Task& task = segment_.at(Handle<Task>{i});
      if (task.state == ipc::kTaskLive) terminate(Handle<Task>{i});
      if (task.state == ipc::kTaskEmbryo) embryo_free(self_, Handle<Task>{i}, 0);
    }
    settle(self_);
    EXPECT_EQ("", ipc::fsck(segment_).text());
    for (unsigned zone = 0; zone < kMaxZones; zone++)
      EXPECT_EQ(fresh_[zone], in_use(zone)) << "zone " << zone;
    munmap(memory_, length_);
  }

  uint32_t in_use(unsigned zone) const {
    uint32_t used = 0;
    for (uint32_t i = 1; i < segment_.zone(zone).carved; i++)
      used += segment_.element(zone, i).allocated() ? 1 : 0;
    return used;
  }
  Handle<Task> make(uint32_t pid = 4711, const Inheritance& from = {}) {
    ProcessFacts facts;
    facts.pid = pid;
    facts.uid = facts.ruid = 501;
    strcpy(facts.program, "test");
    Handle<Task> task;
    EXPECT_EQ(KERN_SUCCESS, task_create(self_, facts, from, task));
    return task;
  }
  Handle<Space> space(Handle<Task> task) const { return Handle<Space>{segment_.at(task).space}; }
  Name port_in(Handle<Task> task) {
    Name name;
    EXPECT_EQ(KERN_SUCCESS, ipc::port_allocate(self_, space(task), MACH_PORT_RIGHT_RECEIVE, name));
    EXPECT_EQ(KERN_SUCCESS,
              ipc::port_insert_right(self_, space(task), name, space(task), name, MACH_MSG_TYPE_MAKE_SEND));
    return name;
  }
  mach_port_type_t type(Handle<Task> task, mach_port_name_t name) {
    mach_port_type_t type = 0;
    return ipc::port_type(self_, space(task), Name{name}, type) == KERN_SUCCESS ? type : 0;
  }
  mach_port_name_t special(Handle<Task> task, int which, kern_return_t wanted = KERN_SUCCESS) {
    mach_port_name_t name = 0;
    EXPECT_EQ(wanted, task_get_special_port(self_, task, which, space(task), name)) << which;
    return name;
  }
  void terminate(Handle<Task> task) { task_terminate(self_, segment_.ref_of(segment_.at(task))); }
  uint32_t state(Handle<Task> task) const { return segment_.at(task).state; }

  void* memory_;
  uint64_t length_;
  Segment segment_;
  Thread self_;
  uint32_t fresh_[kMaxZones];
};

TEST_F(Tasks, ATaskHasASpaceAndAPortAndTheRootNamespace) {
  const Handle<Task> task = make();
  EXPECT_EQ(0x103u, task_self(self_, task, space(task)));
  EXPECT_EQ(0x103u, task_self(self_, task, space(task)));
  EXPECT_EQ(task, task_of_name(self_, space(task), Name{0x103}, Strength::control).handle);
  const mach_port_name_t bootstrap = special(task, 4);
  EXPECT_EQ(uint32_t{MACH_PORT_TYPE_SEND}, type(task, bootstrap));
  EXPECT_FALSE(task_of_name(self_, space(task), Name{bootstrap}, Strength::name));
  EXPECT_EQ(task, task_of_pid(segment_, 4711).handle);
  EXPECT_FALSE(task_of_pid(segment_, 4712));
}

// Tasks 1.3: a stronger port is good wherever a weaker one is, and not the other way round.
TEST_F(Tasks, FlavoursConvertDownwards) {
  const Handle<Task> task = make();
  const int which[] = {1, 6, 5, 3};  // kernel, read, inspect, name, strongest first
  for (unsigned have = 0; have < 4; have++) {
    const Name name{special(task, which[have])};
    for (unsigned want = 0; want < 4; want++)
      EXPECT_EQ(have <= want,
                static_cast<bool>(task_of_name(self_, space(task), name, static_cast<Strength>(want))));
  }
  EXPECT_EQ(special(task, 3), special(task, 3));
}

TEST_F(Tasks, AChildInheritsWhatIsThereThen) {
  const Handle<Task> parent = make(1);
  const Name kept = port_in(parent), dead = port_in(parent), registered = port_in(parent);
  EXPECT_EQ(KERN_SUCCESS, task_set_special_port(self_, parent, 4, space(parent), kept.value));
  EXPECT_EQ(KERN_SUCCESS, task_set_special_port(self_, parent, 9, space(parent), dead.value));
  EXPECT_EQ(KERN_SUCCESS, task_set_special_port(self_, parent, 10, space(parent), kept.value));
  EXPECT_EQ(KERN_SUCCESS, task_ports_register(self_, parent, space(parent), &registered.value, 1));
  Handle<Task> embryo;
  EXPECT_EQ(KERN_SUCCESS, embryo_make(self_, parent, 77, 0, embryo));
  // Later changes of the parent's do not reach the embryo.
  EXPECT_EQ(KERN_SUCCESS, task_set_special_port(self_, parent, 4, space(parent), MACH_PORT_NULL));
  EXPECT_EQ(KERN_SUCCESS, ipc::port_mod_refs(self_, space(parent), dead, MACH_PORT_RIGHT_RECEIVE, -1));
  settle(self_);
  const Handle<Task> child = make(2, {embryo, 77, {}});
  EXPECT_EQ(embryo, child);
  const mach_port_name_t bootstrap = special(child, 4);
  EXPECT_EQ(uint32_t{MACH_PORT_TYPE_SEND}, type(child, bootstrap));
  EXPECT_EQ(MACH_PORT_DEAD, special(child, 9));
  EXPECT_EQ(MACH_PORT_NULL, special(child, 10));
  mach_port_name_t names[3];
  EXPECT_EQ(KERN_SUCCESS, task_ports_lookup(self_, child, space(child), names));
  EXPECT_EQ(uint32_t{MACH_PORT_TYPE_SEND}, type(child, names[0]));
  EXPECT_EQ(MACH_PORT_NULL, names[1]);
  // A dead port is inherited as dead, without an embryo, too.
  const Handle<Task> other = make(3, {{}, 0, parent});
  EXPECT_EQ(MACH_PORT_DEAD, special(other, 9));
  EXPECT_EQ(MACH_PORT_NULL, special(other, 4));
}

TEST_F(Tasks, AnEmbryoIsClaimedOnceAndByItsNonce) {
  const Handle<Task> parent = make(1);
  Handle<Task> embryo;
  EXPECT_EQ(KERN_SUCCESS, embryo_make(self_, parent, 77, 0, embryo));
  EXPECT_NE(embryo, make(2, {embryo, 78, parent}));
  embryo_free(self_, embryo, 78);
  EXPECT_EQ(uint32_t{ipc::kTaskEmbryo}, state(embryo));
  EXPECT_EQ(embryo, make(3, {embryo, 77, parent}));
  EXPECT_NE(embryo, make(4, {embryo, 77, parent}));
  embryo_free(self_, embryo, 77);
  EXPECT_EQ(uint32_t{ipc::kTaskLive}, state(embryo));
  EXPECT_NE(Handle<Task>{9999}, make(5, {Handle<Task>{9999}, 77, {}}));
  Handle<Task> dropped;
  EXPECT_EQ(KERN_SUCCESS, embryo_make(self_, parent, 5, 0, dropped));
  embryo_free(self_, dropped, 5);
  settle(self_);
  EXPECT_EQ(uint32_t{ipc::kTaskFree}, state(dropped));
}

// Tasks 1.6.
TEST_F(Tasks, SpecialPortsAnswerTheirCodes) {
  const Handle<Task> task = make();
  const Name port = port_in(task);
  for (const int which : {0, 7, 8, 11, 12, -1, 1000}) special(task, which, KERN_INVALID_ARGUMENT);
  const auto set = [&](int which, mach_port_name_t name) {
    return task_set_special_port(self_, task, which, space(task), name);
  };
  EXPECT_EQ(KERN_NO_ACCESS, set(1, port.value));
  EXPECT_EQ(KERN_NO_ACCESS, set(2, port.value));
  for (const int which : {0, 3, 5, 6, 7, 11, 99})
    EXPECT_EQ(KERN_INVALID_ARGUMENT, set(which, port.value)) << which;
  EXPECT_EQ(MACH_SEND_INVALID_RIGHT, set(4, 0xdead03));
  const mach_port_name_t root = special(task, 4);
  EXPECT_EQ(KERN_SUCCESS, set(4, port.value));
  EXPECT_EQ(port.value, special(task, 4));
  EXPECT_EQ(KERN_SUCCESS, set(4, MACH_PORT_DEAD));
  EXPECT_EQ(MACH_PORT_DEAD, special(task, 4));
  EXPECT_EQ(KERN_SUCCESS, set(4, MACH_PORT_NULL));
  EXPECT_EQ(MACH_PORT_NULL, special(task, 4));
  EXPECT_EQ(KERN_SUCCESS, set(4, root));
  EXPECT_EQ(KERN_SUCCESS, set(9, port.value));
  EXPECT_EQ(KERN_NO_ACCESS, set(9, root));
  // A task that has ended.
  const Handle<Task> ended = make(2);
  const Handle<Space> its = space(ended);
  terminate(ended);
  mach_port_name_t name = 0;
  EXPECT_EQ(KERN_FAILURE, task_get_special_port(self_, ended, 4, space(task), name));
  EXPECT_EQ(KERN_FAILURE, task_set_special_port(self_, ended, 4, its, MACH_PORT_NULL));
  EXPECT_EQ(KERN_NO_ACCESS, task_set_special_port(self_, ended, 1, its, MACH_PORT_NULL));
  EXPECT_EQ(KERN_INVALID_ARGUMENT, task_ports_register(self_, ended, its, nullptr, 0));
  EXPECT_EQ(KERN_INVALID_ARGUMENT, task_ports_lookup(self_, ended, space(task), &name));
  settle(self_);
}

// A port set as special is held: its no-senders notice waits for the task.
TEST_F(Tasks, TheTaskHoldsASendRight) {
  const Handle<Task> server = make(1), client = make(2);
  const Name port = port_in(server);
  EXPECT_EQ(KERN_SUCCESS, task_set_special_port(self_, client, 4, space(server), port.value));
  EXPECT_EQ(KERN_SUCCESS, ipc::port_deallocate(self_, space(server), port));
  mach_port_status_t status{};
  const auto look = [&] {
    mach_msg_type_number_t count = MACH_PORT_RECEIVE_STATUS_COUNT;
    EXPECT_EQ(KERN_SUCCESS, ipc::port_get_attributes(self_, space(server), port, MACH_PORT_RECEIVE_STATUS,
                                                     reinterpret_cast<integer_t*>(&status), count));
  };
  look();
  EXPECT_TRUE(status.mps_srights);
  terminate(client);
  settle(self_);
  look();
  EXPECT_FALSE(status.mps_srights);
}

TEST_F(Tasks, RegisteringReplacesAllThreeOrNothing) {
  const Handle<Task> task = make();
  const mach_port_name_t three[] = {port_in(task).value, MACH_PORT_NULL, port_in(task).value};
  EXPECT_EQ(KERN_SUCCESS, task_ports_register(self_, task, space(task), three, 3));
  const mach_port_name_t bad[] = {port_in(task).value, 0xbad03};
  EXPECT_EQ(MACH_SEND_INVALID_RIGHT, task_ports_register(self_, task, space(task), bad, 2));
  EXPECT_EQ(KERN_INVALID_ARGUMENT, task_ports_register(self_, task, space(task), three, 4));
  mach_port_name_t names[3];
  EXPECT_EQ(KERN_SUCCESS, task_ports_lookup(self_, task, space(task), names));
  for (unsigned i = 0; i < 3; i++) EXPECT_EQ(three[i], names[i]);
  // The same port twice, and what was there before.
  const mach_port_name_t twice[] = {three[0], three[0]};
  EXPECT_EQ(KERN_SUCCESS, task_ports_register(self_, task, space(task), twice, 2));
  EXPECT_EQ(KERN_SUCCESS, task_ports_lookup(self_, task, space(task), names));
  EXPECT_EQ(three[0], names[1]);
  EXPECT_EQ(MACH_PORT_NULL, names[2]);
  EXPECT_EQ("", ipc::fsck(segment_).text());
}

// Between a call's look at a name and its first lock the task may end, and another may take its element and
// its space's: the call is on a task that is gone, not on the other.
TEST_F(Tasks, ACallOnATaskThatWasReplacedMeanwhileFails) {
  const Handle<Task> victim = make(1), caller = make(2);
  const Name control{task_self(self_, victim, space(caller))}, theirs = port_in(victim),
                                                               own = port_in(caller);
  const Target<Task> target = task_of_name(self_, space(caller), control, Strength::control);
  const Target<Space> its = space_of_task(self_, target);
  ASSERT_EQ(victim, target.handle);
  ASSERT_EQ(space(victim), its.handle);
  terminate(victim);
  settle(self_);
  const Handle<Task> next = make(3);
  ASSERT_EQ(victim, next);
  ASSERT_EQ(its.handle, space(next));
  port_in(next);
  const uint32_t used = segment_.at(space(next)).used;

  EXPECT_TRUE(segment_.is_gone(target));
  EXPECT_FALSE(space_of_task(self_, target));
  Name name;
  EXPECT_EQ(KERN_INVALID_TASK, ipc::port_allocate(self_, its, MACH_PORT_RIGHT_RECEIVE, name));
  EXPECT_EQ(KERN_INVALID_TASK, ipc::port_destroy_name(self_, its, theirs));
  EXPECT_EQ(KERN_INVALID_TASK,
            ipc::port_insert_right(self_, its, Name{0x2003}, space(caller), own, MACH_MSG_TYPE_MAKE_SEND));
  mach_msg_type_name_t disposition = 0;
  EXPECT_EQ(KERN_INVALID_TASK, ipc::port_extract_right(self_, its, theirs, MACH_MSG_TYPE_MAKE_SEND,
                                                       space(caller), name, disposition));
  EXPECT_EQ(KERN_INVALID_TASK, ipc::space_grow(self_, its, 1000));
  EXPECT_EQ(KERN_INVALID_TASK, ipc::semaphore_create(self_, target, space(caller), 0, 0, name));
  mach_port_name_t special = 0;
  EXPECT_EQ(KERN_FAILURE, task_get_special_port(self_, target, 4, space(caller), special));
  EXPECT_EQ(KERN_FAILURE, task_set_special_port(self_, target, 4, space(caller), own.value));
  EXPECT_EQ(KERN_INVALID_ARGUMENT, task_ports_register(self_, target, space(caller), &own.value, 1));
  mach_msg_type_number_t count = kTaskInfoWords;
  integer_t info[kTaskInfoWords];
  EXPECT_EQ(KERN_INVALID_ARGUMENT, task_describe(segment_, target, TASK_SECURITY_TOKEN, info, count));
  EXPECT_EQ(KERN_INVALID_ARGUMENT, task_kill(segment_, target));

  EXPECT_EQ(used, segment_.at(space(next)).used);
  EXPECT_EQ(KERN_SUCCESS, ipc::port_destroy_name(self_, space(caller), own));
  EXPECT_EQ("", ipc::fsck(segment_).text());
}

// Tasks 1.9.
TEST_F(Tasks, AThreadsPortDiesWithIt) {
  const Handle<Task> task = make();
  Thread thread;
  ASSERT_TRUE(thread.attach(segment_, 0));
  ASSERT_TRUE(task_thread_attach(thread, task));
  EXPECT_EQ(1u, segment_.at(task).threads);
  const mach_port_name_t name = thread_self(thread, space(task));
  EXPECT_EQ(name, thread_self(thread, space(task)));
  EXPECT_EQ(thread.index(), thread_of_name(self_, space(task), Name{name}));
  EXPECT_EQ(name, name_of_port(self_, space(task), thread_port(self_, thread.index())));
  EXPECT_FALSE(task_of_name(self_, space(task), Name{name}, Strength::name));
  task_thread_gone(thread, thread.slot());
  task_thread_gone(thread, thread.slot());
  EXPECT_EQ(0u, segment_.at(task).threads);
  settle(thread);
  thread.detach();
  EXPECT_EQ(uint32_t{MACH_PORT_TYPE_DEAD_NAME}, type(task, name));
}

TEST_F(Tasks, AKilledThreadsPortDiesByRecovery) {
  const Handle<Task> task = make();
  Thread thread;
  ASSERT_TRUE(thread.attach(segment_, 0));
  ASSERT_TRUE(task_thread_attach(thread, task));
  const mach_port_name_t name = thread_self(thread, space(task));
  declare_dead(segment_, thread.index());
  EXPECT_TRUE(recover_thread(self_, thread.index()));
  settle(self_);
  EXPECT_EQ(0u, segment_.at(task).threads);
  EXPECT_EQ(uint32_t{MACH_PORT_TYPE_DEAD_NAME}, type(task, name));
}

// Between a call's look at a name and its first lock the thread may end, and another may take its slot: the
// call is on a thread that is gone. Its actions went with it.
TEST_F(Tasks, ACallOnAThreadThatWasReplacedMeanwhileFails) {
  const Handle<Task> task = make();
  const Name port = port_in(task);
  const Port& it = segment_.at(Handle<Port>{ipc::entry_at(segment_, space(task), port.index()).object});
  const ipc::ActionChange change = {EXC_MASK_GUARD | EXC_MASK_SYSCALL, EXCEPTION_DEFAULT, 0};
  Thread first, second;
  ASSERT_TRUE(first.attach(segment_, 0) && task_thread_attach(first, task));
  const uint32_t slot = first.index();
  const ExceptionTarget target =
      exception_target_thread(self_, space(task), Name{thread_self(first, space(task))});
  ASSERT_TRUE(target);
  EXPECT_EQ(KERN_SUCCESS, exception_ports_set(self_, target, space(task), change, port.value));
  EXPECT_EQ(3u, it.srights);
  declare_dead(segment_, slot);
  EXPECT_TRUE(recover_thread(self_, slot));
  settle(self_);
  EXPECT_EQ(1u, it.srights);
  ASSERT_TRUE(second.attach(segment_, 0) && task_thread_attach(second, task));
  ASSERT_EQ(slot, second.index());
  thread_self(second, space(task));
  ipc::ActionList list;
  mach_port_name_t names[ipc::kExceptionTypes];
  EXPECT_EQ(KERN_FAILURE, exception_ports_set(self_, target, space(task), change, port.value));
  EXPECT_EQ(KERN_FAILURE, exception_ports_get(self_, target, space(task), EXC_MASK_ALL, list, names));
  EXPECT_EQ(KERN_FAILURE, exception_ports_swap(self_, target, space(task), change, port.value, list, names));
  EXPECT_EQ(1u, it.srights);
  EXPECT_FALSE(exception_target_thread(self_, space(task), port));
  EXPECT_FALSE(exception_target_host(self_, space(task), Name{special(task, 2)})) << "not root's";
  task_thread_gone(second, second.slot());
  second.detach();
}

// Tasks 4.4: without room for the names nothing is swapped.
TEST_F(Tasks, ASwapThatCannotNameWhatWasThereChangesNothing) {
  const Handle<Task> task = make(1), other = make(2);
  const Name mine = port_in(task), theirs = port_in(other);
  const ExceptionTarget target = ExceptionTarget::of(task);
  const ipc::ActionChange change = {EXC_MASK_GUARD, EXCEPTION_DEFAULT, 0};
  EXPECT_EQ(KERN_SUCCESS, exception_ports_set(self_, target, space(other), change, theirs.value));
  const uint32_t before = segment_.at(Handle<ipc::Actions>{segment_.at(task).actions}).of[EXC_GUARD].port;
  transact(self_, Needs{}, [&](Txn& txn) {
    Locked<Space> table = txn.lock(space(task));
    txn.set(table->table_limit, table->table_size);
    return 0;
  });
  Name name;
  while (ipc::port_allocate(self_, space(task), MACH_PORT_RIGHT_DEAD_NAME, name) == KERN_SUCCESS) {
  }
  ipc::ActionList list;
  mach_port_name_t names[ipc::kExceptionTypes];
  EXPECT_EQ(KERN_NO_SPACE, exception_ports_swap(self_, target, space(task), change, mine.value, list, names));
  EXPECT_EQ(KERN_NO_SPACE, exception_ports_get(self_, target, space(task), EXC_MASK_GUARD, list, names));
  const ipc::Actions& actions = segment_.at(Handle<ipc::Actions>{segment_.at(task).actions});
  EXPECT_EQ(before, actions.of[EXC_GUARD].port);
  EXPECT_EQ(2u, segment_.at(Handle<Port>{before}).srights);
  EXPECT_EQ("", ipc::fsck(segment_).text());
}

// The next owner of its slot is not taken for launchd.
TEST_F(Tasks, ARecoveredLaunchdIsNone) {
  Thread launchd;
  ASSERT_TRUE(launchd.attach(segment_, 0));
  segment_.header().launchd.store(launchd.index());
  declare_dead(segment_, launchd.index());
  EXPECT_TRUE(recover_thread(self_, launchd.index()));
  EXPECT_EQ(0u, segment_.header().launchd.load());
}

// Tasks 1.9: what is told of lost rights comes before what is told of the task.
TEST_F(Tasks, TheControlPortDiesLast) {
  const Handle<Task> victim = make(1), watcher = make(2);
  const Name inbox = port_in(watcher), lost = port_in(victim);
  Name seen, control;
  mach_msg_type_name_t disposition = 0;
  ASSERT_EQ(KERN_SUCCESS, ipc::port_extract_right(self_, space(victim), lost, MACH_MSG_TYPE_MAKE_SEND,
                                                  space(watcher), seen, disposition));
  control.value = task_self(self_, victim, space(watcher));
  for (const Name watched : {control, seen}) {
    Name old;
    ASSERT_EQ(KERN_SUCCESS,
              ipc::port_request_notification(self_, space(watcher), watched, MACH_NOTIFY_DEAD_NAME, 0,
                                             space(watcher), inbox, MACH_MSG_TYPE_MAKE_SEND_ONCE, old));
  }
  terminate(victim);
  EXPECT_FALSE(task_of_name(self_, space(watcher), control, Strength::name));
  settle(self_);
  EXPECT_EQ(uint32_t{MACH_PORT_TYPE_DEAD_NAME}, type(watcher, control.value));
  EXPECT_EQ(uint32_t{MACH_PORT_TYPE_DEAD_NAME}, type(watcher, seen.value));
  // The notices in the order of their arrival.
  const ipc::Entry& entry = ipc::entry_at(segment_, space(watcher), inbox.index());
  uint32_t kmsg = segment_.at(Handle<Port>{entry.object}).queue_head;
  for (const Name expected : {seen, control}) {
    ASSERT_NE(0u, kmsg);
    const ipc::Kmsg& notice = segment_.at(Handle<ipc::Kmsg>{kmsg});
    uint32_t name = 0;
    memcpy(&name, notice.inline_body + sizeof(NDR_record_t), sizeof name);
    EXPECT_EQ(expected.value, name);
    kmsg = notice.link;
  }
}

TEST_F(Tasks, EndingATaskTwiceOrWithALivingThreadDoesNoHarm) {
  const Handle<Task> task = make();
  Thread thread;
  ASSERT_TRUE(thread.attach(segment_, 0));
  ASSERT_TRUE(task_thread_attach(thread, task));
  terminate(task);
  terminate(task);
  settle(self_);
  // It waits for its thread, which finds its task ending.
  EXPECT_EQ(uint32_t{ipc::kTaskDying}, state(task));
  Thread late;
  ASSERT_TRUE(late.attach(segment_, 0));
  EXPECT_FALSE(task_thread_attach(late, task));
  late.detach();
  task_thread_gone(thread, thread.slot());
  thread.detach();
  settle(self_);
  EXPECT_EQ(uint32_t{ipc::kTaskFree}, state(task));
}

TEST_F(Tasks, NoMemoryIsACodeAndChangesNothing) {
  const Handle<Task> parent = make(1);
  segment_.populate_budget = 0;
  Handle<Task> task;
  kern_return_t code = KERN_SUCCESS;
  for (unsigned i = 0; i < 100 && code == KERN_SUCCESS; i++)
    code = task_create(self_, {}, {{}, 0, parent}, task);
  EXPECT_EQ(KERN_RESOURCE_SHORTAGE, code);
  EXPECT_EQ("", ipc::fsck(segment_).text());
  segment_.populate_budget = -1;
}

// One's own pid lives; a pid that nobody has does not.
TEST_F(Tasks, TheReaperEndsTasksOfProcessesThatAreGone) {
  uint32_t parent = 0;
  uint64_t start = 0;
  const auto own = static_cast<uint32_t>(getpid());
  ASSERT_TRUE(process_times(own, parent, start));
  EXPECT_EQ(static_cast<uint32_t>(getppid()), parent);
  EXPECT_FALSE(process_gone(own, start));
  EXPECT_TRUE(process_gone(own, start + 1));  // the pid is another's now
  const pid_t child = fork();
  if (child == 0) _exit(0);
  siginfo_t ended;
  ASSERT_EQ(0, waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT));
  EXPECT_TRUE(process_gone(static_cast<uint32_t>(child), 0));  // a zombie
  const Handle<Task> living = make(own), gone = make(static_cast<uint32_t>(child));
  Handle<Task> embryo;
  EXPECT_EQ(KERN_SUCCESS, embryo_make(self_, living, 5, static_cast<uint32_t>(child), embryo));
  const Reaper::Census census = Reaper{}.round(self_);
  EXPECT_EQ(1u, census.tasks);
  EXPECT_EQ(1u, census.ended);
  EXPECT_EQ(uint32_t{ipc::kTaskLive}, state(living));
  EXPECT_EQ(uint32_t{ipc::kTaskFree}, state(gone));
  EXPECT_EQ(uint32_t{ipc::kTaskFree}, state(embryo));
  EXPECT_TRUE(tasks_live(segment_));
}

}  // namespace
}  // namespace portolan::test
