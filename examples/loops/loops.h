// SPDX-License-Identifier: Apache-2.0
// What the two servers and their client have agreed on: a number each way.
#ifndef LOOPS_H_
#define LOOPS_H_

#include <mach/mach.h>
#include <servers/bootstrap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOPS_SERVICE "com.example.loops"
#define LOOPS_ID      2000

typedef struct {
  mach_msg_header_t header;
  int number;
} loops_message_t;

typedef union {
  loops_message_t message;
  char room[sizeof(loops_message_t) + MAX_TRAILER_SIZE];
} loops_buffer_t;

static inline void check(kern_return_t result, const char* what) {
  if (result == KERN_SUCCESS) return;
  fprintf(stderr, "loops: %s: 0x%x %s\n", what, (unsigned)result, mach_error_string(result));
  exit(1);
}

// Answers everything that waits at the port, without waiting itself. Returns how many there were.
static inline int answer_all(mach_port_t port) {
  int count = 0;
  for (;; count++) {
    loops_buffer_t buffer;
    mach_msg_return_t result = mach_msg(&buffer.message.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0,
                                        sizeof buffer, port, 0, MACH_PORT_NULL);
    if (result == MACH_RCV_TIMED_OUT) return count;
    check(result, "receiving");
    loops_message_t reply;
    memset(&reply, 0, sizeof reply);
    reply.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0);
    reply.header.msgh_remote_port = buffer.message.header.msgh_remote_port;
    reply.header.msgh_id = buffer.message.header.msgh_id + 100;
    reply.number = buffer.message.number * 2;
    result = mach_msg(&reply.header, MACH_SEND_MSG, sizeof reply, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
    if (result != MACH_SEND_INVALID_DEST) check(result, "answering");  // who asked may be gone
  }
}

#endif
