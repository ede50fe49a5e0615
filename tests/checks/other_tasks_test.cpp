// SPDX-License-Identifier: Apache-2.0
// Every call that takes a task, on a task that is another process (ports 6, 7; tasks 1, 5).
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "checks/words.hpp"

namespace checks {
namespace {

CHECK(OtherTasks, NamesAreMadeAndDroppedThere) {
  Peer peer;
  const ipc_space_t task = peer.task();
  const uint32_t mine = space_of().iisb_table_inuse;
  mach_port_name_t name = 0, set = 0;
  EXPECT_CODE(KERN_SUCCESS, mach_port_allocate(task, MACH_PORT_RIGHT_RECEIVE, &name));
  EXPECT_CODE(KERN_SUCCESS, mach_port_allocate(task, MACH_PORT_RIGHT_PORT_SET, &set));
  EXPECT_CODE(KERN_SUCCESS, mach_port_allocate_name(task, MACH_PORT_RIGHT_RECEIVE, 0x5003));
  EXPECT_CODE(KERN_NAME_EXISTS, mach_port_allocate_name(task, MACH_PORT_RIGHT_RECEIVE, 0x5003));
  mach_port_qos_t qos{};
  qos.name = 1;
  mach_port_name_t chosen = 0x6003;
  EXPECT_CODE(KERN_SUCCESS,
              mach_port_allocate_full(task, MACH_PORT_RIGHT_RECEIVE, MACH_PORT_NULL, &qos, &chosen));
  qos = {};
  mach_port_name_t some = 0;
  EXPECT_CODE(KERN_SUCCESS, mach_port_allocate_qos(task, MACH_PORT_RIGHT_DEAD_NAME, &qos, &some));
  EXPECT_EQ(MACH_PORT_TYPE_DEAD_NAME, type_of(some, task));
  EXPECT_CODE(KERN_SUCCESS, mach_port_deallocate(task, some));
  mach_port_options_t options{};
  options.flags = MPO_INSERT_SEND_RIGHT;
  EXPECT_CODE(KERN_SUCCESS, mach_port_construct(task, &options, 0, &some));
  EXPECT_EQ(MACH_PORT_TYPE_SEND_RECEIVE, type_of(some, task));
  EXPECT_CODE(KERN_SUCCESS, mach_port_mod_refs(task, some, MACH_PORT_RIGHT_SEND, 4));
  EXPECT_EQ(5u, refs_of(some, MACH_PORT_RIGHT_SEND, task));
  EXPECT_CODE(KERN_SUCCESS, mach_port_destruct(task, some, -5, 0));
  EXPECT_EQ(0u, type_of(some, task));

  EXPECT_CODE(KERN_SUCCESS, mach_port_insert_member(task, name, set));
  mach_port_name_array_t members = nullptr;
  mach_msg_type_number_t count = 0;
  EXPECT_CODE(KERN_SUCCESS, mach_port_get_set_status(task, set, &members, &count));
  ASSERT_EQ(1u, count);
  EXPECT_EQ(name, members[0]);
  vm_deallocate(mach_task_self(), reinterpret_cast<vm_address_t>(members), sizeof name);
  EXPECT_CODE(KERN_SUCCESS, mach_port_extract_member(task, name, set));
  EXPECT_CODE(KERN_SUCCESS, mach_port_move_member(task, name, set));
  EXPECT_CODE(KERN_SUCCESS, mach_port_destroy(task, set));

  mach_port_type_array_t types = nullptr;
  mach_msg_type_number_t type_count = 0;
  EXPECT_CODE(KERN_SUCCESS, mach_port_names(task, &members, &count, &types, &type_count));
  EXPECT_EQ(space_of(task).iisb_table_inuse, count);
  EXPECT_EQ(count, type_count);
  ipc_info_space_t info;
  ipc_info_name_array_t table = nullptr;
  ipc_info_tree_name_array_t tree = nullptr;
  EXPECT_CODE(KERN_SUCCESS, mach_port_space_info(task, &info, &table, &count, &tree, &type_count));
  EXPECT_EQ(space_of(task).iisb_table_size, count);
  EXPECT_EQ(mine, space_of().iisb_table_inuse);
}

CHECK(OtherTasks, AttributesAndRightsThere) {
  Peer peer;
  const ipc_space_t task = peer.task();
  mach_port_name_t name = 0;
  EXPECT_CODE(KERN_SUCCESS, mach_port_allocate(task, MACH_PORT_RIGHT_RECEIVE, &name));
  EXPECT_CODE(KERN_SUCCESS, mach_port_set_mscount(task, name, 7));
  EXPECT_CODE(KERN_SUCCESS, mach_port_set_seqno(task, name, 8));
  mach_port_limits_t limits{3};
  EXPECT_CODE(KERN_SUCCESS, mach_port_set_attributes(task, name, MACH_PORT_LIMITS_INFO,
                                                     reinterpret_cast<mach_port_info_t>(&limits), 1));
  EXPECT_EQ(7u, status_of(name, task).mps_mscount);
  EXPECT_EQ(3u, status_of(name, task).mps_qlimit);
  EXPECT_CODE(KERN_SUCCESS, mach_port_guard(task, name, 5, FALSE));
  EXPECT_CODE(KERN_SUCCESS, mach_port_swap_guard(task, name, 5, 6));
  mach_port_context_t context = 0;
  EXPECT_CODE(KERN_SUCCESS, mach_port_get_context(task, name, &context));
  EXPECT_EQ(6u, context);
  EXPECT_CODE(KERN_SUCCESS, mach_port_unguard(task, name, 6));
  EXPECT_CODE(KERN_SUCCESS, mach_port_set_context(task, name, 9));
  natural_t type = 1;
  mach_vm_address_t address = 1;
  EXPECT_CODE(KERN_SUCCESS, mach_port_kobject(task, name, &type, &address));
  EXPECT_EQ(0u, type);
  unsigned total = 0, used = 1;
  EXPECT_CODE(KERN_SUCCESS, mach_port_dnrequest_info(task, name, &total, &used));
  EXPECT_EQ(0u, used);

  // Rights go from one space to the other and back.
  mach_port_t mine = MACH_PORT_NULL;
  mach_msg_type_name_t kind = 0;
  EXPECT_CODE(KERN_SUCCESS, mach_port_extract_right(task, name, MACH_MSG_TYPE_MAKE_SEND, &mine, &kind));
  EXPECT_EQ(unsigned{MACH_MSG_TYPE_PORT_SEND}, kind);
  mach_port_rights_t senders = 0;
  EXPECT_CODE(KERN_SUCCESS, mach_port_get_srights(task, name, &senders));
  EXPECT_EQ(1u, senders);
  send_id(mine, 70, MACH_MSG_TYPE_COPY_SEND);
  mach_port_seqno_t seqno = 0;
  mach_msg_size_t size = 0;
  mach_msg_id_t id = 0;
  mach_msg_trailer_t trailer;
  mach_msg_type_number_t room = sizeof trailer;
  EXPECT_CODE(KERN_SUCCESS, mach_port_peek(task, name, 0, &seqno, &size, &id,
                                           reinterpret_cast<mach_msg_trailer_info_t>(&trailer), &room));
  EXPECT_EQ(70, id);
  const mach_port_t notify = new_port();
  mach_port_t previous = 1;
  EXPECT_CODE(KERN_SUCCESS, mach_port_request_notification(task, name, MACH_NOTIFY_NO_SENDERS, 0, notify,
                                                           MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous));
  EXPECT_EQ(MACH_PORT_NULL, previous);
  drop_send(mine);
  EXPECT_CODE(KERN_SUCCESS, mach_port_insert_right(task, 0x7003, notify, MACH_MSG_TYPE_MAKE_SEND));
  EXPECT_EQ(MACH_PORT_TYPE_SEND, type_of(0x7003, task));
  EXPECT_CODE(KERN_RIGHT_EXISTS, mach_port_insert_right(task, 0x8003, notify, MACH_MSG_TYPE_MAKE_SEND));
  EXPECT_CODE(KERN_SUCCESS, mach_port_extract_right(task, name, MACH_MSG_TYPE_MOVE_RECEIVE, &mine, &kind));
  EXPECT_EQ(70, next_id(mine));
  EXPECT_EQ(MACH_NOTIFY_NO_SENDERS, next_id(notify));
  EXPECT_EQ(0u, type_of(name, task));
}

CHECK(OtherTasks, NamesOfNoTaskAndOfDeadOnes) {
  const mach_port_t host = mach_host_self(), port = new_port();
  mach_port_name_t name = 0;
  mach_port_context_t context = 0;
  EXPECT_CODE(MACH_SEND_INVALID_DEST, mach_port_allocate(0x7703, MACH_PORT_RIGHT_RECEIVE, &name));
  EXPECT_CODE(MACH_SEND_INVALID_DEST, mach_port_allocate(port, MACH_PORT_RIGHT_RECEIVE, &name));
  EXPECT_CODE(KERN_INVALID_TASK, mach_port_allocate(host, MACH_PORT_RIGHT_RECEIVE, &name));
  EXPECT_CODE(KERN_INVALID_ARGUMENT, mach_port_get_context(host, port, &context));
  EXPECT_CODE(MACH_SEND_INVALID_DEST, task_terminate(0x7703));
  EXPECT_CODE(KERN_INVALID_ARGUMENT, task_terminate(host));
  vm_address_t address = 0;
  EXPECT_CODE(MACH_SEND_INVALID_DEST, vm_allocate(0x7703, &address, 10, VM_FLAGS_ANYWHERE));
  EXPECT_CODE(KERN_INVALID_ARGUMENT, vm_allocate(host, &address, 10, VM_FLAGS_ANYWHERE));
  auto peer = std::make_unique<Peer>();
  const mach_port_t task = peer->task();
  mach_port_mod_refs(mach_task_self(), task, MACH_PORT_RIGHT_SEND, 1);
  peer->kill_hard();
  EXPECT_TRUE(eventually([=] { return type_of(task) == MACH_PORT_TYPE_DEAD_NAME; }));
  EXPECT_CODE(MACH_SEND_INVALID_DEST, mach_port_allocate(task, MACH_PORT_RIGHT_RECEIVE, &name));
  EXPECT_CODE(MACH_SEND_INVALID_DEST, task_terminate(task));
}

CHECK(OtherTasks, MemoryIsReadWrittenAndDescribed) {
  static char bytes[40000];
  static char* pages;
  pages =
      static_cast<char*>(mmap(nullptr, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  std::memset(bytes, 'p', sizeof bytes);
  Peer peer([](const Line& line) {
    std::memset(bytes, 'c', sizeof bytes);
    munmap(pages + 4096, 4096);
    mprotect(pages + 2 * 4096, 4096, PROT_READ);
    line.tell(1);
    line.wait();  // the parent has written
    line.tell(static_cast<uint64_t>(bytes[100]) << 8 | static_cast<uint64_t>(bytes[20000]));
    line.wait();
  });
  peer.line().hear();
  const mach_port_t task = peer.task();
  const auto at = reinterpret_cast<mach_vm_address_t>(bytes),
             holes = reinterpret_cast<mach_vm_address_t>(pages);
  vm_offset_t data = 0;
  mach_msg_type_number_t count = 0;
  const kern_return_t looked = mach_vm_read(task, at + 1, 39000, &data, &count);
  if (looked == KERN_NOT_SUPPORTED) GTEST_SKIP() << "Linux lets nobody look at another process here";
  EXPECT_CODE(KERN_SUCCESS, looked);
  EXPECT_EQ(39000u, count);
  EXPECT_EQ(std::string(39000, 'c'), std::string(reinterpret_cast<char*>(data), count));
  vm_deallocate(mach_task_self(), data, count);
  EXPECT_EQ('p', bytes[1]);
  EXPECT_CODE(KERN_INVALID_ADDRESS, mach_vm_read(task, holes, 8192, &data, &count));
  EXPECT_CODE(KERN_INVALID_ADDRESS, mach_vm_read(task, ~0ull - 10, 100, &data, &count));
  char here[10] = {};
  mach_vm_size_t got = 0;
  EXPECT_CODE(KERN_SUCCESS,
              mach_vm_read_overwrite(task, at, sizeof here, reinterpret_cast<mach_vm_address_t>(here), &got));
  EXPECT_EQ(sizeof here, got);
  EXPECT_EQ(std::string(10, 'c'), std::string(here, sizeof here));
  EXPECT_CODE(KERN_INVALID_ADDRESS, mach_vm_read_overwrite(task, at, 10, 8, &got));

  EXPECT_CODE(KERN_SUCCESS, mach_vm_write(task, at + 100, reinterpret_cast<vm_offset_t>("w"), 1));
  EXPECT_CODE(KERN_SUCCESS, mach_vm_copy(task, at + 100, 1, at + 20000));
  EXPECT_CODE(KERN_INVALID_ADDRESS, mach_vm_write(task, holes + 2 * 4096, at, 100));
  EXPECT_CODE(KERN_INVALID_ADDRESS, mach_vm_write(task, holes + 4096, at, 20000));
  peer.line().tell(1);
  EXPECT_EQ(uint64_t{'w'} << 8 | 'w', peer.line().hear());

  vm_region_basic_info_data_64_t info;
  auto* words = reinterpret_cast<vm_region_info_t>(&info);
  mach_vm_address_t address = holes + 2 * 4096 + 7;
  mach_vm_size_t size = 0;
  mach_port_t name = 1;
  count = VM_REGION_BASIC_INFO_COUNT_64;
  EXPECT_CODE(KERN_SUCCESS,
              mach_vm_region(task, &address, &size, VM_REGION_BASIC_INFO_64, words, &count, &name));
  EXPECT_EQ(holes + 2 * 4096, address);
  EXPECT_EQ(VM_PROT_READ, info.protection);
  EXPECT_EQ(MACH_PORT_NULL, name);
  count = 8;
  EXPECT_CODE(KERN_INVALID_ARGUMENT,
              mach_vm_region(task, &address, &size, VM_REGION_BASIC_INFO_64, words, &count, &name));
  address = uint64_t{1} << 60;
  count = 9;
  EXPECT_CODE(KERN_INVALID_ADDRESS,
              mach_vm_region(task, &address, &size, VM_REGION_BASIC_INFO_64, words, &count, &name));
  EXPECT_CODE(KERN_NOT_SUPPORTED, mach_vm_protect(task, at, 1, FALSE, VM_PROT_READ));
  EXPECT_CODE(KERN_NOT_SUPPORTED, mach_vm_deallocate(task, holes, 4096));
  EXPECT_CODE(KERN_NOT_SUPPORTED, mach_vm_allocate(task, &address, 4096, VM_FLAGS_ANYWHERE));
}

// What is read must not be given the place where nothing is.
CHECK(OtherTasks, OnesOwnMemoryThatWasGivenBackCannotBeRead) {
  vm_address_t memory = 0;
  vm_offset_t data = 0;
  mach_msg_type_number_t count = 0;
  EXPECT_CODE(KERN_SUCCESS, vm_allocate(mach_task_self(), &memory, 4096, VM_FLAGS_ANYWHERE));
  EXPECT_CODE(KERN_SUCCESS, vm_deallocate(mach_task_self(), memory, 4096));
  for (int i = 0; i < 3; i++)
    EXPECT_CODE(KERN_INVALID_ADDRESS, vm_read(mach_task_self(), memory, 5, &data, &count));
}

CHECK(OtherTasks, RegionsOfOnesOwnMemory) {
  vm_address_t memory = 0;
  EXPECT_CODE(KERN_SUCCESS, vm_allocate(mach_task_self(), &memory, 3 * 4096, VM_FLAGS_ANYWHERE));
  vm_protect(mach_task_self(), memory + 4096, 4096, FALSE, VM_PROT_READ);
  vm_region_basic_info_data_64_t info;
  vm_address_t address = memory + 4096 + 1;
  vm_size_t size = 0;
  mach_port_t name = 1;
  mach_msg_type_number_t count = VM_REGION_BASIC_INFO_COUNT_64;
  EXPECT_CODE(KERN_SUCCESS, vm_region_64(mach_task_self(), &address, &size, VM_REGION_BASIC_INFO,
                                         reinterpret_cast<vm_region_info_t>(&info), &count, &name));
  EXPECT_EQ(memory + 4096, address);
  EXPECT_EQ(4096u, size);
  EXPECT_EQ(VM_PROT_READ, info.protection);
  EXPECT_EQ(9u, count);
  address = 0;  // tasks check 100: the next one above
  EXPECT_CODE(KERN_SUCCESS, vm_region_64(mach_task_self(), &address, &size, VM_REGION_BASIC_INFO_64,
                                         reinterpret_cast<vm_region_info_t>(&info), &count, &name));
  EXPECT_NE(0u, address);
}

CHECK(OtherTasks, AreFoundByPid) {
  const mach_port_t self = mach_task_self();
  mach_port_t task = 1;
  EXPECT_CODE(KERN_FAILURE, task_for_pid(self, 0, &task));
  EXPECT_EQ(MACH_PORT_NULL, task);
  EXPECT_CODE(KERN_FAILURE, task_for_pid(new_port(), getpid(), &task));
  const mach_port_urefs_t refs = refs_of(self);
  EXPECT_CODE(KERN_SUCCESS, task_for_pid(self, getpid(), &task));
  EXPECT_EQ(self, task);
  EXPECT_EQ(refs + 1, refs_of(self));
  EXPECT_CODE(KERN_FAILURE, task_for_pid(self, 0x7ffffff0, &task));
  int pid = 0;
  EXPECT_CODE(KERN_SUCCESS, pid_for_task(self, &pid));
  EXPECT_EQ(getpid(), pid);
  EXPECT_CODE(KERN_FAILURE, pid_for_task(new_port(), &pid));
  EXPECT_EQ(-1, pid);
  Peer peer;
  EXPECT_CODE(KERN_SUCCESS, pid_for_task(peer.task(), &pid));
  EXPECT_EQ(peer.pid(), pid);
  EXPECT_CODE(KERN_SUCCESS, task_name_for_pid(self, peer.pid(), &task));
  EXPECT_NE(peer.task(), task);
  EXPECT_CODE(KERN_SUCCESS, pid_for_task(task, &pid));
  EXPECT_EQ(peer.pid(), pid);
  EXPECT_CODE(KERN_INVALID_ARGUMENT, task_terminate(task));
}

CHECK(OtherTasks, TellAboutThemselvesAndEnd) {
  Peer peer([](const Line& line) {
    mach_thread_self();
    line.wait();
  });
  mach_task_basic_info_data_t basic{};
  mach_msg_type_number_t count = MACH_TASK_BASIC_INFO_COUNT + 3;
  EXPECT_CODE(KERN_SUCCESS,
              task_info(peer.task(), MACH_TASK_BASIC_INFO, reinterpret_cast<task_info_t>(&basic), &count));
  EXPECT_EQ(MACH_TASK_BASIC_INFO_COUNT, count);
  EXPECT_GT(basic.resident_size, 4096u);
  EXPECT_GT(basic.virtual_size, basic.resident_size);
  EXPECT_GE(basic.resident_size_max, basic.resident_size / 2);
  count = 3;
  EXPECT_CODE(KERN_INVALID_ARGUMENT,
              task_info(peer.task(), TASK_BASIC_INFO, reinterpret_cast<task_info_t>(&basic), &count));
  audit_token_t token{};
  count = TASK_AUDIT_TOKEN_COUNT;
  EXPECT_CODE(KERN_SUCCESS,
              task_info(peer.task(), TASK_AUDIT_TOKEN, reinterpret_cast<task_info_t>(&token), &count));
  EXPECT_EQ(static_cast<uint32_t>(peer.pid()), token.val[5]);
  EXPECT_EQ(getuid(), token.val[3]);
  count = 1;
  EXPECT_CODE(KERN_INVALID_ARGUMENT,
              task_info(peer.task(), 9999, reinterpret_cast<task_info_t>(&token), &count));

  thread_act_array_t threads = nullptr;
  EXPECT_CODE(KERN_SUCCESS, task_threads(peer.task(), &threads, &count));
  EXPECT_EQ(1u, count);
  EXPECT_EQ(MACH_PORT_TYPE_SEND, type_of(threads[0]));
  EXPECT_NE(mach_thread_self(), threads[0]);
  EXPECT_CODE(KERN_SUCCESS, task_threads(mach_task_self(), &threads, &count));
  ASSERT_EQ(1u, count);
  EXPECT_EQ(mach_thread_self(), threads[0]);

  const mach_port_t gone = new_port();
  request(peer.task(), MACH_NOTIFY_DEAD_NAME, 0, gone);
  EXPECT_CODE(KERN_SUCCESS, task_terminate(peer.task()));
  EXPECT_EQ(MACH_NOTIFY_DEAD_NAME, await_id(gone));
  peer.kill_hard();
}

CHECK(OtherTasks, OneCanEndOneself) {
  Peer peer([](const Line& line) {
    line.wait();
    task_terminate(mach_task_self());
    ADD_FAILURE() << "still here";
  });
  const mach_port_t gone = new_port();
  request(peer.task(), MACH_NOTIFY_DEAD_NAME, 0, gone);
  peer.line().tell(1);
  EXPECT_EQ(MACH_NOTIFY_DEAD_NAME, await_id(gone));
  peer.kill_hard();
}

}  // namespace
}  // namespace checks
