// SPDX-License-Identifier: Apache-2.0
// Memory and rights out of line, in both directions:
//   user_ool server NAME    sends back, inverted, what it gets, and the port that it is to use
//   user_ool client NAME
#include <errno.h>
#include <fcntl.h>

#include "user_common.h"

enum { kInvert = 400, kPorts = 401, kBye = 402 };

typedef struct {
  mach_msg_header_t header;
  mach_msg_body_t body;
  mach_msg_ool_descriptor_t content;
} ool_message_t;

typedef struct {
  mach_msg_header_t header;
  mach_msg_body_t body;
  mach_msg_ool_ports_descriptor_t ports;
} ports_message_t;

typedef union {
  mach_msg_header_t header;
  ool_message_t ool;
  ports_message_t ports;
  char room[sizeof(ool_message_t) + MAX_TRAILER_SIZE];
} ool_buffer_t;

static unsigned char pattern(size_t i) { return (unsigned char)(i * 13 + (i >> 10)); }

static mach_msg_ool_descriptor_t region(void* address, mach_msg_size_t size, boolean_t deallocate) {
  mach_msg_ool_descriptor_t descriptor;
  memset(&descriptor, 0, sizeof descriptor);
  descriptor.address = address;
  descriptor.size = size;
  descriptor.deallocate = deallocate & 1;
  descriptor.copy = MACH_MSG_VIRTUAL_COPY;
  descriptor.type = MACH_MSG_OOL_DESCRIPTOR;
  return descriptor;
}

// Is there memory? Asks Linux, which does not mind.
static int mapped(const void* address) {
  int ends[2];
  expect(pipe(ends) == 0);
  const ssize_t n = write(ends[1], address, 1);
  expect(n == 1 || errno == EFAULT);
  close(ends[0]);
  close(ends[1]);
  return n == 1;
}

static void serve(const char* name) {
  const mach_port_t service = check_in(name);
  say("serving");
  for (;;) {
    ool_buffer_t buffer;
    check(mach_msg(&buffer.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof buffer, service, PATIENCE,
                   MACH_PORT_NULL));
    if (buffer.header.msgh_id == kBye) break;
    if (buffer.header.msgh_id == kPorts) {
      expect(buffer.ports.ports.type == MACH_MSG_OOL_PORTS_DESCRIPTOR);
      mach_port_t* names = buffer.ports.ports.address;
      for (mach_msg_size_t i = 0; i < buffer.ports.ports.count; i++) {
        if (i % 7 == 3) {
          expect(names[i] == MACH_PORT_NULL);
        } else {
          check(send_number(names[i], MACH_MSG_TYPE_MOVE_SEND, kPorts + 100, (int)i, -1));
        }
      }
      check(vm_deallocate(mach_task_self(), (vm_address_t)names, buffer.ports.ports.count * sizeof *names));
      continue;
    }
    expect(buffer.header.msgh_id == kInvert);
    unsigned char* bytes = buffer.ool.content.address;
    const mach_msg_size_t size = buffer.ool.content.size;
    for (mach_msg_size_t i = 0; i < size; i++) bytes[i] = (unsigned char)~bytes[i];
    ool_message_t reply;
    memset(&reply, 0, sizeof reply);
    reply.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0) | MACH_MSGH_BITS_COMPLEX;
    reply.header.msgh_remote_port = buffer.header.msgh_remote_port;
    reply.header.msgh_id = kInvert + 100;
    reply.body.msgh_descriptor_count = 1;
    reply.content = region(bytes, size, TRUE);
    check(mach_msg(&reply.header, MACH_SEND_MSG, sizeof reply, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL));
    expect(!mapped(bytes));
  }
  drop_receive(service);
}

static void invert(mach_port_t service, mach_port_t reply_port, mach_msg_size_t size, boolean_t move) {
  vm_address_t address = 0;
  check(vm_allocate(mach_task_self(), &address, size, VM_FLAGS_ANYWHERE));
  unsigned char* bytes = (unsigned char*)address;
  for (mach_msg_size_t i = 0; i < size; i++) bytes[i] = pattern(i);
  ool_buffer_t buffer;
  memset(&buffer, 0, sizeof buffer);
  buffer.header.msgh_bits =
      MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE) | MACH_MSGH_BITS_COMPLEX;
  buffer.header.msgh_remote_port = service;
  buffer.header.msgh_local_port = reply_port;
  buffer.header.msgh_id = kInvert;
  buffer.ool.body.msgh_descriptor_count = 1;
  buffer.ool.content = region(bytes, size, move);
  check(mach_msg(&buffer.header, MACH_SEND_MSG, sizeof(ool_message_t), 0, MACH_PORT_NULL, 0, MACH_PORT_NULL));
  if (move) {
    expect(!mapped(bytes));
  } else {
    for (mach_msg_size_t i = 0; i < size; i++) expect(bytes[i] == pattern(i));
    memset(bytes, 0, size);  // what is written now does not show
  }
  check(mach_msg(&buffer.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof buffer, reply_port, PATIENCE,
                 MACH_PORT_NULL));
  expect(buffer.header.msgh_id == kInvert + 100);
  expect(buffer.ool.content.size == size);
  const unsigned char* back = buffer.ool.content.address;
  for (mach_msg_size_t i = 0; i < size; i++) expect(back[i] == (unsigned char)~pattern(i));
  check(vm_deallocate(mach_task_self(), (vm_address_t)back, size));
  expect(!mapped(back));
  if (!move) check(vm_deallocate(mach_task_self(), address, size));
}

static void send_ports(mach_port_t service) {
  enum { kCount = 100 };
  const mach_port_t port = new_port();
  set_queue_limit(port, kCount);
  mach_port_t names[kCount];
  for (int i = 0; i < kCount; i++) names[i] = i % 7 == 3 ? MACH_PORT_NULL : port;
  ports_message_t message;
  memset(&message, 0, sizeof message);
  message.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX;
  message.header.msgh_remote_port = service;
  message.header.msgh_id = kPorts;
  message.body.msgh_descriptor_count = 1;
  message.ports.address = names;
  message.ports.count = kCount;
  message.ports.copy = MACH_MSG_PHYSICAL_COPY;
  message.ports.disposition = MACH_MSG_TYPE_MAKE_SEND;
  message.ports.type = MACH_MSG_OOL_PORTS_DESCRIPTOR;
  check(mach_msg(&message.header, MACH_SEND_MSG, sizeof message, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL));
  for (int i = 0; i < kCount; i++) {
    if (i % 7 != 3) expect(receive_number(port, kPorts + 100) == i);
  }
  expect(!status_of(port).mps_srights);
  drop_receive(port);
}

int main(int argc, char** argv) {
  expect(argc == 3);
  if (strcmp(argv[1], "server") == 0) {
    serve(argv[2]);
    return 0;
  }
  const mach_port_t service = look_up(argv[2]);
  const mach_port_t reply_port = new_port();
  const mach_msg_size_t sizes[] = {1, 100, 4096, 5000, 65536, 1u << 20, (1u << 20) + 1, 8u << 20};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    invert(service, reply_port, sizes[i], FALSE);
    invert(service, reply_port, sizes[i], TRUE);
  }
  send_ports(service);
  check(send_number(service, MACH_MSG_TYPE_COPY_SEND, kBye, 0, -1));
  drop_receive(reply_port);
  drop_send(service);
  return 0;
}
