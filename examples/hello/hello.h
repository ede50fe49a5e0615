// SPDX-License-Identifier: Apache-2.0
// What hello_client and hello_server have agreed on.
#ifndef HELLO_H_
#define HELLO_H_

#include <mach/mach.h>
#include <servers/bootstrap.h>

#define HELLO_SERVICE "com.example.hello"
#define HELLO_ID      1000
#define HELLO_BYTES   (1u << 20)

// Client to server: a greeting, a port to answer on, a megabyte.
typedef struct {
  mach_msg_header_t header;
  mach_msg_body_t body;
  mach_msg_port_descriptor_t port;    // a send right, for the server to keep
  mach_msg_ool_descriptor_t content;  // HELLO_BYTES
  char greeting[64];
} hello_request_t;

// Server to client, as reply (HELLO_ID + 100) and then once more through the port (HELLO_ID + 200).
typedef struct {
  mach_msg_header_t header;
  unsigned int sum;  // of the megabyte
  char greeting[64];
} hello_reply_t;

// Byte number i of the megabyte.
static inline unsigned char hello_byte(unsigned int i) { return (unsigned char)(i * 7 + (i >> 8)); }

static inline unsigned int hello_sum(const unsigned char* bytes, unsigned int count) {
  unsigned int sum = 0;
  for (unsigned int i = 0; i < count; i++) sum = sum * 31 + bytes[i];
  return sum;
}

#endif
