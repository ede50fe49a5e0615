// SPDX-License-Identifier: Apache-2.0
// A whole domain inside one process: a small segment in anonymous memory, with as many tasks as a test wants.
// Each task has one kernel thread, driven by whichever test thread calls it; blocking calls therefore need a
// time-out or a thread of their own. Destroying the domain settles everything and runs fsck: every test ends
// with a sound kernel.
#pragma once

#include <mach/mach_port.h>
#include <mach/message.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "ipc/kernel.hpp"
#include "ipc/mach_msg.hpp"
#include "ipc/mach_port.hpp"
#include "segment/txn.hpp"

namespace portolan::test {

// The test's own memory, with faults where the test wants them.
class TestMemory final : public ipc::UserMemory {
 public:
  bool copy_in(void* kernel, uint64_t user, size_t size) override;
  bool copy_out(uint64_t user, const void* kernel, size_t size) override;
  uint64_t map(size_t size, size_t offset) override;
  void unmap(uint64_t address, uint64_t size) override;

  int maps_left = -1;  // -1: no limit
  uint64_t mapped_bytes = 0;
};

// Addresses in here are what a bad pointer is.
inline constexpr uint64_t kBadAddress = 0x1000;

class TestDomain;

// One task and its one thread; every call is a trap.
class TestTask {
 public:
  TestTask(TestDomain& domain, Handle<ipc::Task> task, Handle<ipc::Space> space);

  Thread& thread() { return *thread_; }
  Handle<ipc::Task> handle() const { return task_; }
  Handle<ipc::Space> space() const { return space_; }
  TestMemory& memory() { return memory_; }

  // -- rights; every call settles, as a trap does at its end
  mach_port_name_t allocate(mach_port_right_t right = MACH_PORT_RIGHT_RECEIVE);
  kern_return_t insert_right(mach_port_name_t name, mach_port_name_t poly, mach_msg_type_name_t disposition);
  kern_return_t deallocate(mach_port_name_t name);
  kern_return_t destroy(mach_port_name_t name);
  kern_return_t mod_refs(mach_port_name_t name, mach_port_right_t right, mach_port_delta_t delta);
  kern_return_t notify(mach_port_name_t name, mach_msg_id_t id, mach_port_mscount_t sync,
                       mach_port_name_t port, mach_port_name_t* previous = nullptr,
                       mach_msg_type_name_t disposition = MACH_MSG_TYPE_MAKE_SEND_ONCE);
  // A receive right with a send right under the same name.
  mach_port_name_t port_with_send();
  mach_port_type_t type(mach_port_name_t name);  // 0: no such name
  mach_port_urefs_t refs(mach_port_name_t name, mach_port_right_t right);
  mach_port_status_t status(mach_port_name_t name);
  // Gives another task a send right to one of our receive rights; its name there.
  mach_port_name_t give_send(mach_port_name_t name, TestTask& to);
  mach_port_name_t give(mach_port_name_t name, mach_msg_type_name_t disposition, TestTask& to);

  // -- messages
  mach_msg_return_t msg(mach_msg_header_t* message, mach_msg_option_t option, mach_msg_size_t send_size,
                        mach_msg_size_t receive_size, mach_port_name_t receive_name,
                        mach_msg_timeout_t timeout = 0);
  // A message of a header alone.
  mach_msg_return_t send(mach_port_name_t to, mach_msg_type_name_t disposition, mach_msg_id_t id,
                         mach_port_name_t reply = MACH_PORT_NULL, mach_msg_type_name_t reply_disposition = 0,
                         mach_msg_option_t option = MACH_SEND_TIMEOUT, mach_msg_timeout_t timeout = 0);
  struct Received {
    mach_msg_return_t code;
    alignas(8) char bytes[2048];
    mach_msg_header_t& header() { return *reinterpret_cast<mach_msg_header_t*>(bytes); }
    uint32_t word(size_t offset) const;
  };
  Received receive(mach_port_name_t from, mach_msg_option_t option = MACH_RCV_TIMEOUT,
                   mach_msg_timeout_t timeout = 0, mach_msg_size_t size = 2048);
  // Receives everything that waits, releases what it carries, and counts the messages with this id.
  unsigned count(mach_port_name_t from, mach_msg_id_t id);

  // The task dies: its thread like a killed one, then its space.
  void die();
  // Only this thread dies.
  void thread_dies();
  bool alive() const { return thread_ != nullptr; }

 private:
  template <class Call>
  auto trap(Call&& call);

  TestDomain& domain_;
  std::unique_ptr<Thread> thread_;
  Handle<ipc::Task> task_;
  Handle<ipc::Space> space_;
  TestMemory memory_;
};

class TestDomain {
 public:
  explicit TestDomain(const Geometry& geometry = ipc::small_geometry());
  ~TestDomain();
  TestDomain(const TestDomain&) = delete;
  TestDomain& operator=(const TestDomain&) = delete;

  TestTask& task();
  // Another thread of the same task. Ends with `end_thread`, before its task dies.
  TestTask& thread_of(TestTask& task);
  void end_thread(TestTask& thread);
  Segment& segment() { return segment_; }
  // What the last trap answered that a task made here.
  std::atomic<int> last_answer = 0;
  // Acts when a task is dead: what launchd does.
  Thread& launchd() { return launchd_; }

  // Every broken invariant, one a line; empty when sound.
  std::string fsck();
  // Elements of a zone that are allocated now.
  uint32_t in_use(unsigned zone) const;
  // No task is left, and nothing but what a fresh domain has is allocated.
  bool all_returned();

 private:
  void* memory_;
  uint64_t length_;
  Segment segment_;
  Thread launchd_;
  std::vector<std::unique_ptr<TestTask>> tasks_;
  std::vector<uint32_t> fresh_;
};

// A message with one port descriptor.
struct PortMessage {
  mach_msg_header_t header;
  mach_msg_body_t body;
  mach_msg_port_descriptor_t port;
};
PortMessage port_message(mach_port_name_t to, mach_msg_type_name_t disposition, mach_port_name_t carried,
                         mach_msg_type_name_t carried_disposition, mach_msg_id_t id = 100);

}  // namespace portolan::test
