// SPDX-License-Identifier: Apache-2.0
#include "checks/packet.hpp"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

namespace checks {

namespace {

size_t length_of(unsigned type) {
  return type == MACH_MSG_PORT_DESCRIPTOR ? sizeof(mach_msg_port_descriptor_t)
                                          : sizeof(mach_msg_ool_descriptor_t);
}

}  // namespace

Packet::Packet(mach_port_t to, mach_msg_type_name_t disposition, mach_msg_id_t id) {
  header().msgh_bits = MACH_MSGH_BITS(disposition, 0);
  header().msgh_remote_port = to;
  header().msgh_id = id;
}

Packet& Packet::reply(mach_port_t port, mach_msg_type_name_t disposition) {
  header().msgh_bits = (bits() & ~MACH_MSGH_BITS_LOCAL_MASK) | MACH_MSGH_BITS(0, disposition);
  header().msgh_local_port = port;
  return *this;
}

template <class Descriptor>
Descriptor& Packet::add(unsigned type) {
  if ((bits() & MACH_MSGH_BITS_COMPLEX) == 0) {
    header().msgh_bits |= MACH_MSGH_BITS_COMPLEX;
    size = sizeof(mach_msg_base_t);
  }
  auto& descriptor = *reinterpret_cast<Descriptor*>(bytes + size);
  size += static_cast<mach_msg_size_t>(length_of(type));
  body().msgh_descriptor_count++;
  bytes[size - length_of(type) + 11] = static_cast<char>(type);
  return descriptor;
}

Packet& Packet::port(mach_port_t name, mach_msg_type_name_t disposition) {
  auto& descriptor = add<mach_msg_port_descriptor_t>(MACH_MSG_PORT_DESCRIPTOR);
  descriptor.name = name;
  descriptor.disposition = disposition & 0xff;
  return *this;
}

Packet& Packet::memory(const void* address, mach_msg_size_t length, unsigned copy, bool deallocate) {
  auto& descriptor = add<mach_msg_ool_descriptor_t>(MACH_MSG_OOL_DESCRIPTOR);
  descriptor.address = const_cast<void*>(address);
  descriptor.size = length;
  descriptor.copy = copy & 0xff;
  descriptor.deallocate = deallocate;
  return *this;
}

Packet& Packet::array(const mach_port_t* names, mach_msg_size_t n, mach_msg_type_name_t disposition,
                      bool deallocate) {
  auto& descriptor = add<mach_msg_ool_ports_descriptor_t>(MACH_MSG_OOL_PORTS_DESCRIPTOR);
  descriptor.address = const_cast<mach_port_t*>(names);
  descriptor.count = n;
  descriptor.disposition = disposition & 0xff;
  descriptor.deallocate = deallocate;
  return *this;
}

Packet& Packet::guarded(mach_port_t name, mach_port_context_t context, unsigned flags) {
  auto& descriptor = add<mach_msg_guarded_port_descriptor_t>(MACH_MSG_GUARDED_PORT_DESCRIPTOR);
  descriptor.context = context;
  descriptor.flags = flags & 0xffff;
  descriptor.disposition = MACH_MSG_TYPE_MOVE_RECEIVE;
  descriptor.name = name;
  return *this;
}

Packet& Packet::data(const void* from, mach_msg_size_t length) {
  memcpy(bytes + size, from, length);
  size += length;
  return *this;
}

kern_return_t Packet::send(mach_msg_option_t option, mach_msg_timeout_t timeout) {
  return mach_msg(&header(), MACH_SEND_MSG | option, size, 0, MACH_PORT_NULL, timeout, MACH_PORT_NULL);
}

kern_return_t Packet::receive(mach_port_t from, mach_msg_option_t option, mach_msg_timeout_t timeout,
                              mach_msg_size_t room) {
  return mach_msg(&header(), MACH_RCV_MSG | MACH_RCV_TIMEOUT | option, 0, room, from, timeout,
                  MACH_PORT_NULL);
}

char* Packet::descriptor(unsigned n) {
  char* walk = bytes + sizeof(mach_msg_base_t);
  while (n-- != 0) walk += length_of(static_cast<unsigned char>(walk[11]));
  return walk;
}

uint32_t Packet::word(size_t offset) const {
  uint32_t value;
  memcpy(&value, bytes + offset, sizeof value);
  return value;
}

size_t page_size() { return static_cast<size_t>(getpagesize()); }

Pages::Pages(size_t size, char fill) : size_(size) {
  vm_address_t address = 0;
  EXPECT_CODE(KERN_SUCCESS, vm_allocate(mach_task_self(), &address, size, VM_FLAGS_ANYWHERE));
  start_ = reinterpret_cast<char*>(address);
  memset(start_, fill, size);
}

Pages::~Pages() {
  if (size_ != 0) free_memory(start_, size_);
}

bool readable(const void* address) {
  int ends[2];
  if (pipe(ends) != 0) abort();
  const bool can = write(ends[1], address, 1) == 1;
  if (!can) {
    EXPECT_EQ(EFAULT, errno);
  }
  close(ends[0]);
  close(ends[1]);
  return can;
}

void free_memory(const void* address, size_t size) {
  EXPECT_CODE(KERN_SUCCESS, vm_deallocate(mach_task_self(), reinterpret_cast<vm_address_t>(address), size));
}

void fill_queue(mach_port_t to, int n, mach_msg_type_name_t disposition) {
  for (int id = 1; id <= n; id++) send_id(to, id, disposition);
}

mach_port_t send_right_to(Peer& peer, mach_port_name_t& there, mach_port_urefs_t urefs) {
  const mach_port_t port = new_port_with_sends(urefs);
  there = peer.give(port, MACH_MSG_TYPE_MOVE_RECEIVE);
  return port;
}

mach_port_t take_back(Peer& peer, mach_port_name_t there) {
  mach_port_t port = MACH_PORT_NULL;
  mach_msg_type_name_t type = 0;
  EXPECT_CODE(KERN_SUCCESS,
              mach_port_extract_right(peer.task(), there, MACH_MSG_TYPE_MOVE_RECEIVE, &port, &type));
  return port;
}

}  // namespace checks
