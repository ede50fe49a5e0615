// SPDX-License-Identifier: Apache-2.0
// Checks a service in, answers one request, and exits. Needs <mach/mach.h> and <servers/bootstrap.h> only:
//   cc -o hello_server hello_server.c $(pkg-config --cflags --libs portolan)
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hello.h"

static void check(kern_return_t result, const char* what) {
  if (result == KERN_SUCCESS) return;
  fprintf(stderr, "hello_server: %s: 0x%x %s\n", what, (unsigned)result, mach_error_string(result));
  exit(1);
}

// Takes over `port`: sends through it and releases it.
static void answer(mach_port_t port, mach_msg_type_name_t disposition, mach_msg_id_t id, unsigned int sum) {
  hello_reply_t reply;
  memset(&reply, 0, sizeof reply);
  reply.header.msgh_bits = MACH_MSGH_BITS(disposition, 0);
  reply.header.msgh_remote_port = port;
  reply.header.msgh_id = id;
  reply.sum = sum;
  strcpy(reply.greeting, "hello, client");
  check(mach_msg(&reply.header, MACH_SEND_MSG, sizeof reply, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL),
        "answering");
}

int main(void) {
  mach_port_t service = MACH_PORT_NULL;
  check(bootstrap_check_in(bootstrap_port, HELLO_SERVICE, &service), "bootstrap_check_in");
  printf("server: waiting at " HELLO_SERVICE "\n");
  fflush(stdout);

  union {
    hello_request_t request;
    char room[sizeof(hello_request_t) + MAX_TRAILER_SIZE];
  } buffer;
  check(mach_msg(&buffer.request.header, MACH_RCV_MSG, 0, sizeof buffer, service, 0, MACH_PORT_NULL),
        "receiving");
  hello_request_t* request = &buffer.request;
  if (request->header.msgh_id != HELLO_ID || request->header.msgh_size != sizeof *request ||
      request->body.msgh_descriptor_count != 2 || request->content.size != HELLO_BYTES) {
    fprintf(stderr, "hello_server: not the message that was agreed on\n");
    mach_msg_destroy(&request->header);
    return 1;
  }
  const unsigned char* bytes = request->content.address;
  unsigned int wrong = 0;
  for (unsigned int i = 0; i < HELLO_BYTES; i++) wrong += bytes[i] != hello_byte(i);
  printf("server: \"%s\", a port right and %u bytes out of line, %u of them wrong\n", request->greeting,
         (unsigned)request->content.size, wrong);

  const unsigned int sum = hello_sum(bytes, HELLO_BYTES);
  answer(request->header.msgh_remote_port, MACH_MSG_TYPE_MOVE_SEND_ONCE, HELLO_ID + 100, sum);
  answer(request->port.name, MACH_MSG_TYPE_MOVE_SEND, HELLO_ID + 200, sum);
  check(vm_deallocate(mach_task_self(), (vm_address_t)request->content.address, request->content.size),
        "vm_deallocate");
  check(mach_port_mod_refs(mach_task_self(), service, MACH_PORT_RIGHT_RECEIVE, -1), "mach_port_mod_refs");
  return wrong == 0 ? 0 : 1;
}
