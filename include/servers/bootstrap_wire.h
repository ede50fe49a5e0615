// SPDX-License-Identifier: Apache-2.0
// What the bootstrap calls send when bp is a program's own port rather than the kernel's namespace, and what they
// want to be answered. Darwin's messages are private and change; these are Portolan's, and stay.
//
// A request goes with a send-once right for the reply, which has its id and 100. Names are cut at 127 bytes and end
// with NUL. `port` is null where a call has none. Whoever does not know a request answers a mig_reply_error_t with
// MIG_BAD_ID, as MIG servers do. <servers/bootstrap_server.h> does all this for a server.
#ifndef PORTOLAN_SERVERS_BOOTSTRAP_WIRE_H_
#define PORTOLAN_SERVERS_BOOTSTRAP_WIRE_H_

#include <mach/message.h>
#include <mach/ndr.h>
#include <servers/bootstrap_defs.h>
#include <stdint.h>

#define BOOTSTRAP_ID_CHECK_IN 402  // the reply carries the receive right
#define BOOTSTRAP_ID_REGISTER 403  // the request carries a send right; the reply nothing
#define BOOTSTRAP_ID_LOOK_UP  404  // the reply carries a send right
#define BOOTSTRAP_ID_PARENT   406  // the reply carries a send right; no name
#define BOOTSTRAP_ID_SUBSET   409  // the request carries the requestor, the reply a send right; no name
#define BOOTSTRAP_ID_ROOT     436  // the reply carries a send right; no name

#pragma pack(push, 4)
typedef struct {
  mach_msg_header_t header;
  mach_msg_body_t body;  // one descriptor
  mach_msg_port_descriptor_t port;
  NDR_record_t ndr;
  uint64_t flags;      // BOOTSTRAP_STRICT_CHECKIN and others
  int32_t target_pid;  // of a look-up; else 0
  name_t name;
} bootstrap_request_t;

typedef struct {
  mach_msg_header_t header;
  mach_msg_body_t body;  // one descriptor
  mach_msg_port_descriptor_t port;
  NDR_record_t ndr;
  kern_return_t code;  // `port` is null unless this is BOOTSTRAP_SUCCESS
} bootstrap_reply_t;
#pragma pack(pop)

#endif  // PORTOLAN_SERVERS_BOOTSTRAP_WIRE_H_
