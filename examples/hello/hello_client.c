// SPDX-License-Identifier: Apache-2.0
// Sends a greeting with a port right and a megabyte out of line, and waits for two answers: one to its reply
// port, one through the right that it sent. Needs <mach/mach.h> and <servers/bootstrap.h> only:
//   cc -o hello_client hello_client.c $(pkg-config --cflags --libs portolan)
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hello.h"

static void check(kern_return_t result, const char* what) {
  if (result == KERN_SUCCESS) return;
  fprintf(stderr, "hello_client: %s: 0x%x %s\n", what, (unsigned)result, mach_error_string(result));
  exit(1);
}

static mach_port_t new_port(void) {
  mach_port_t port = MACH_PORT_NULL;
  check(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port), "mach_port_allocate");
  return port;
}

// The server may not be there yet.
static mach_port_t look_up(void) {
  mach_port_t service = MACH_PORT_NULL;
  kern_return_t result = bootstrap_look_up(bootstrap_port, HELLO_SERVICE, &service);
  for (int i = 0; result == BOOTSTRAP_UNKNOWN_SERVICE && i < 500; i++) {
    usleep(10000);
    result = bootstrap_look_up(bootstrap_port, HELLO_SERVICE, &service);
  }
  check(result, "bootstrap_look_up");
  return service;
}

// Returns whether the answer has this sum.
static int receive_answer(mach_port_t port, mach_msg_id_t id, unsigned int sum, const char* how) {
  union {
    hello_reply_t reply;
    char room[sizeof(hello_reply_t) + MAX_TRAILER_SIZE];
  } buffer;
  check(mach_msg(&buffer.reply.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof buffer, port, 10000,
                 MACH_PORT_NULL),
        "receiving an answer");
  const int good = buffer.reply.header.msgh_id == id && buffer.reply.sum == sum;
  printf("client: \"%s\" %s, sum %s\n", buffer.reply.greeting, how, good ? "right" : "wrong");
  return good;
}

int main(void) {
  vm_address_t content = 0;
  check(vm_allocate(mach_task_self(), &content, HELLO_BYTES, VM_FLAGS_ANYWHERE), "vm_allocate");
  unsigned char* bytes = (unsigned char*)content;
  for (unsigned int i = 0; i < HELLO_BYTES; i++) bytes[i] = hello_byte(i);
  const unsigned int sum = hello_sum(bytes, HELLO_BYTES);

  const mach_port_t service = look_up();
  const mach_port_t reply_port = new_port();
  const mach_port_t own = new_port();
  hello_request_t request;
  memset(&request, 0, sizeof request);
  request.header.msgh_bits =
      MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE) | MACH_MSGH_BITS_COMPLEX;
  request.header.msgh_remote_port = service;
  request.header.msgh_local_port = reply_port;
  request.header.msgh_id = HELLO_ID;
  request.body.msgh_descriptor_count = 2;
  request.port.name = own;
  request.port.disposition = MACH_MSG_TYPE_MAKE_SEND;
  request.port.type = MACH_MSG_PORT_DESCRIPTOR;
  request.content.address = bytes;
  request.content.size = HELLO_BYTES;
  request.content.deallocate = TRUE;  // ours no longer once it is sent
  request.content.copy = MACH_MSG_VIRTUAL_COPY;
  request.content.type = MACH_MSG_OOL_DESCRIPTOR;
  strcpy(request.greeting, "hello, server");
  check(mach_msg(&request.header, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof request, 0, MACH_PORT_NULL, 10000,
                 MACH_PORT_NULL),
        "sending");

  int good = receive_answer(reply_port, HELLO_ID + 100, sum, "to the reply port");
  good &= receive_answer(own, HELLO_ID + 200, sum, "through the right that was sent");
  check(mach_port_mod_refs(mach_task_self(), own, MACH_PORT_RIGHT_RECEIVE, -1), "mach_port_mod_refs");
  check(mach_port_mod_refs(mach_task_self(), reply_port, MACH_PORT_RIGHT_RECEIVE, -1), "mach_port_mod_refs");
  check(mach_port_deallocate(mach_task_self(), service), "mach_port_deallocate");
  return good ? 0 : 1;
}
