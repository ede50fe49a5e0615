// SPDX-License-Identifier: Apache-2.0
#include "support/domain.hpp"

#include <gtest/gtest.h>
#include <string.h>
#include <sys/mman.h>

#if __has_include("ipc/fsck.hpp")
#include "ipc/fsck.hpp"
#else
#include "segment/fsck.hpp"
#endif
#include "segment/recovery.hpp"

namespace portolan::test {

namespace {

const ipc::Layers& layers() {
  static const ipc::Layers kLayers = ipc::make_layers({});
  return kLayers;
}

}  // namespace

bool TestMemory::copy_in(void* kernel, uint64_t user, size_t size) {
  if (user < 2 * kBadAddress) return false;
  memcpy(kernel, reinterpret_cast<const void*>(user), size);
  return true;
}

bool TestMemory::copy_out(uint64_t user, const void* kernel, size_t size) {
  if (user < 2 * kBadAddress) return false;
  memcpy(reinterpret_cast<void*>(user), kernel, size);
  return true;
}

uint64_t TestMemory::map(size_t size, size_t offset) {
  if (maps_left == 0) return 0;
  if (maps_left > 0) maps_left--;
  void* address = mmap(nullptr, offset + size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) return 0;
  mapped_bytes += (offset + size + kPage - 1) / kPage * kPage;
  return reinterpret_cast<uint64_t>(address) + offset;
}

void TestMemory::unmap(uint64_t address, uint64_t size) {
  const uint64_t first = address / kPage * kPage, last = (address + size + kPage - 1) / kPage * kPage;
  munmap(reinterpret_cast<void*>(first), last - first);
  mapped_bytes -= last - first;
}

TestTask::TestTask(TestDomain& domain, Handle<ipc::Task> task, Handle<ipc::Space> space)
    : domain_(domain), thread_(std::make_unique<Thread>()), task_(task), space_(space) {
  EXPECT_TRUE(thread_->attach(domain.segment(), 0));
  thread_->slot().task.init(task.index);
}

template <class Call>
auto TestTask::trap(Call&& call) {
  const auto result = call();
  domain_.last_answer = result;
  if (thread_->left_in_hand) ipc::put_away(*thread_);
  settle(*thread_);
  return result;
}

mach_port_name_t TestTask::allocate(mach_port_right_t right) {
  ipc::Name name;
  trap([&] { return ipc::port_allocate(*thread_, space_, right, name); });
  return name.value;
}

kern_return_t TestTask::insert_right(mach_port_name_t name, mach_port_name_t poly,
                                     mach_msg_type_name_t disposition) {
  return trap([&] {
    return ipc::port_insert_right(*thread_, space_, ipc::Name{name}, space_, ipc::Name{poly}, disposition);
  });
}

kern_return_t TestTask::deallocate(mach_port_name_t name) {
  return trap([&] { return ipc::port_deallocate(*thread_, space_, ipc::Name{name}); });
}

kern_return_t TestTask::destroy(mach_port_name_t name) {
  return trap([&] { return ipc::port_destroy_name(*thread_, space_, ipc::Name{name}); });
}

kern_return_t TestTask::mod_refs(mach_port_name_t name, mach_port_right_t right, mach_port_delta_t delta) {
  return trap([&] { return ipc::port_mod_refs(*thread_, space_, ipc::Name{name}, right, delta); });
}

kern_return_t TestTask::notify(mach_port_name_t name, mach_msg_id_t id, mach_port_mscount_t sync,
                               mach_port_name_t port, mach_port_name_t* previous,
                               mach_msg_type_name_t disposition) {
  ipc::Name old;
  const kern_return_t code = trap([&] {
    return ipc::port_request_notification(*thread_, space_, ipc::Name{name}, id, sync, space_,
                                          ipc::Name{port}, disposition, old);
  });
  if (previous != nullptr) *previous = old.value;
  return code;
}

mach_port_name_t TestTask::port_with_send() {
  const mach_port_name_t name = allocate();
  EXPECT_EQ(KERN_SUCCESS, insert_right(name, name, MACH_MSG_TYPE_MAKE_SEND));
  return name;
}

mach_port_type_t TestTask::type(mach_port_name_t name) {
  mach_port_type_t type = 0;
  const kern_return_t code = trap([&] { return ipc::port_type(*thread_, space_, ipc::Name{name}, type); });
  return code == KERN_SUCCESS ? type : 0;
}

mach_port_urefs_t TestTask::refs(mach_port_name_t name, mach_port_right_t right) {
  mach_port_urefs_t refs = 0;
  trap([&] { return ipc::port_get_refs(*thread_, space_, ipc::Name{name}, right, refs); });
  return refs;
}

mach_port_status_t TestTask::status(mach_port_name_t name) {
  mach_port_status_t status{};
  mach_msg_type_number_t count = MACH_PORT_RECEIVE_STATUS_COUNT;
  EXPECT_EQ(KERN_SUCCESS, trap([&] {
              return ipc::port_get_attributes(*thread_, space_, ipc::Name{name}, MACH_PORT_RECEIVE_STATUS,
                                              reinterpret_cast<integer_t*>(&status), count);
            }));
  return status;
}

mach_port_name_t TestTask::give(mach_port_name_t name, mach_msg_type_name_t disposition, TestTask& to) {
  ipc::Name there;
  mach_msg_type_name_t type = 0;
  EXPECT_EQ(KERN_SUCCESS, trap([&] {
              return ipc::port_extract_right(*thread_, space_, ipc::Name{name}, disposition, to.space_, there,
                                             type);
            }));
  return there.value;
}

mach_port_name_t TestTask::give_send(mach_port_name_t name, TestTask& to) {
  return give(name, MACH_MSG_TYPE_MAKE_SEND, to);
}

mach_msg_return_t TestTask::msg(mach_msg_header_t* message, mach_msg_option_t option,
                                mach_msg_size_t send_size, mach_msg_size_t receive_size,
                                mach_port_name_t receive_name, mach_msg_timeout_t timeout) {
  const auto buffer = reinterpret_cast<uint64_t>(message);
  if ((option & MACH_SEND_MSG) != 0) {
    const mach_msg_return_t code = trap([&] {
      return ipc::msg_send(*thread_, task_, space_, memory_, {buffer, option, send_size, timeout});
    });
    if (code != MACH_MSG_SUCCESS) return code;
  }
  if ((option & MACH_RCV_MSG) == 0) return MACH_MSG_SUCCESS;
  return trap([&] {
    return ipc::msg_receive(*thread_, space_, memory_, {buffer, option, receive_size, receive_name, timeout});
  });
}

mach_msg_return_t TestTask::send(mach_port_name_t to, mach_msg_type_name_t disposition, mach_msg_id_t id,
                                 mach_port_name_t reply, mach_msg_type_name_t reply_disposition,
                                 mach_msg_option_t option, mach_msg_timeout_t timeout) {
  mach_msg_header_t header{};
  header.msgh_bits = MACH_MSGH_BITS(disposition, reply_disposition);
  header.msgh_remote_port = to;
  header.msgh_local_port = reply;
  header.msgh_id = id;
  return msg(&header, MACH_SEND_MSG | option, sizeof header, 0, MACH_PORT_NULL, timeout);
}

uint32_t TestTask::Received::word(size_t offset) const {
  uint32_t value;
  memcpy(&value, bytes + offset, sizeof value);
  return value;
}

TestTask::Received TestTask::receive(mach_port_name_t from, mach_msg_option_t option,
                                     mach_msg_timeout_t timeout, mach_msg_size_t size) {
  Received received{};
  received.code = msg(&received.header(), MACH_RCV_MSG | option, 0, size, from, timeout);
  return received;
}

unsigned TestTask::count(mach_port_name_t from, mach_msg_id_t id) {
  unsigned n = 0;
  for (;;) {
    Received received = receive(from);
    if (received.code != MACH_MSG_SUCCESS) return n;
    if (received.header().msgh_id == id) n++;
    deallocate(received.header().msgh_remote_port);
  }
}

void TestTask::thread_dies() {
  declare_dead(domain_.segment(), thread_->index());
  EXPECT_TRUE(recover_thread(domain_.launchd(), thread_->index()));
  thread_.reset();
}

void TestTask::die() {
  Thread& reaper = domain_.launchd();
  thread_dies();
  transact(reaper, Needs{}, [&](Txn& txn) {
    Locked<ipc::Space> space = txn.lock(space_);
    ipc::space_destroy(txn, space);
    txn.release(task_);
    return 0;
  });
  settle(reaper);
}

TestDomain::TestDomain(const Geometry& geometry) : length_(Segment::span(geometry)) {
  memory_ = mmap(nullptr, length_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  EXPECT_NE(MAP_FAILED, memory_);
  segment_.format(memory_, geometry);
  ipc::install(segment_, layers());
  EXPECT_TRUE(launchd_.attach(segment_, 0));
  EXPECT_EQ(KERN_SUCCESS, ipc::make_roots(launchd_));
  for (unsigned zone = 0; zone < kMaxZones; zone++) fresh_.push_back(in_use(zone));
}

TestDomain::~TestDomain() {
  const std::string before = fsck();
  EXPECT_EQ("", before) << "at the end of the test";
  for (auto& task : tasks_)
    if (task->alive()) task->die();
  EXPECT_EQ("", fsck()) << "after all tasks have died";
  EXPECT_TRUE(all_returned());
  munmap(memory_, length_);
}

TestTask& TestDomain::task() {
  Handle<ipc::Task> task;
  Handle<ipc::Space> space;
  EXPECT_TRUE(ipc::space_reserve(launchd_));
  const int code = transact(launchd_, Needs{}.with<ipc::Task>().with<ipc::Space>(), [&](Txn& txn) {
    task = txn.allocate<ipc::Task>();
    ipc::Task& fresh = segment_.at(task);
    memset(reinterpret_cast<char*>(&fresh) + sizeof(Element), 0, sizeof fresh - sizeof(Element));
    space = ipc::space_make(txn, task, 12345 + task.index);
    fresh.state.init(ipc::kTaskLive);
    fresh.space.init(space.index);
    fresh.credentials.uid.init(501);
    fresh.credentials.gid.init(20);
    fresh.credentials.ruid.init(501);
    fresh.credentials.rgid.init(20);
    fresh.credentials.pid.init(1000 + task.index);
    return 0;
  });
  EXPECT_EQ(0, code);
  tasks_.push_back(std::make_unique<TestTask>(*this, task, space));
  return *tasks_.back();
}

TestTask& TestDomain::thread_of(TestTask& task) {
  tasks_.push_back(std::make_unique<TestTask>(*this, task.handle(), task.space()));
  return *tasks_.back();
}

void TestDomain::end_thread(TestTask& thread) { thread.thread_dies(); }

std::string TestDomain::fsck() {
#if __has_include("ipc/fsck.hpp")
  return ipc::fsck(segment_, FsckOptions{}).text();
#else
  Report report;
  fsck_segment(segment_, FsckOptions{}, report);
  return report.text();
#endif
}

uint32_t TestDomain::in_use(unsigned zone) const {
  uint32_t used = 0;
  for (uint32_t i = 1; i < segment_.zone(zone).carved; i++)
    if (segment_.element(zone, i).allocated()) used++;
  return used;
}

bool TestDomain::all_returned() {
  bool all = true;
  for (unsigned zone = 0; zone < kMaxZones; zone++) {
    if (in_use(zone) == fresh_[zone]) continue;
    ADD_FAILURE() << in_use(zone) << " elements of zone " << zone << " are in use, " << fresh_[zone]
                  << " expected";
    all = false;
  }
  return all;
}

PortMessage port_message(mach_port_name_t to, mach_msg_type_name_t disposition, mach_port_name_t carried,
                         mach_msg_type_name_t carried_disposition, mach_msg_id_t id) {
  PortMessage message{};
  message.header.msgh_bits = MACH_MSGH_BITS(disposition, 0) | MACH_MSGH_BITS_COMPLEX;
  message.header.msgh_remote_port = to;
  message.header.msgh_id = id;
  message.body.msgh_descriptor_count = 1;
  message.port.name = carried;
  message.port.disposition = static_cast<uint8_t>(carried_disposition);
  message.port.type = MACH_MSG_PORT_DESCRIPTOR;
  return message;
}

}  // namespace portolan::test
