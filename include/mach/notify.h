// SPDX-License-Identifier: Apache-2.0
// The notification messages that the kernel sends (ports 8).
//
// Each structure ends with the trailer as a receiver that asks for the sender's token gets it; msgh_size
// does not count the trailer. Ports in them are names in the space in which the request was made, without a
// right; only the port-destroyed notification carries one.
#ifndef PORTOLAN_MACH_NOTIFY_H_
#define PORTOLAN_MACH_NOTIFY_H_

#include <mach/message.h>
#include <mach/ndr.h>
#include <mach/port.h>

#define MACH_NOTIFY_FIRST          0100
#define MACH_NOTIFY_PORT_DELETED   (MACH_NOTIFY_FIRST + 001)  // a name with a request went away
#define MACH_NOTIFY_SEND_POSSIBLE  (MACH_NOTIFY_FIRST + 002)  // the queue has room again
#define MACH_NOTIFY_PORT_DESTROYED (MACH_NOTIFY_FIRST + 005)  // carries the receive right
#define MACH_NOTIFY_NO_SENDERS     (MACH_NOTIFY_FIRST + 006)  // carries the make-send count
#define MACH_NOTIFY_SEND_ONCE      (MACH_NOTIFY_FIRST + 007)  // a send-once right died unused
#define MACH_NOTIFY_DEAD_NAME      (MACH_NOTIFY_FIRST + 010)  // the name is dead, with one more user reference
#define MACH_NOTIFY_LAST           (MACH_NOTIFY_FIRST + 015)

typedef mach_port_t notify_port_t;

typedef struct {
  mach_msg_header_t not_header;
  NDR_record_t NDR;
  mach_port_name_t not_port;
  mach_msg_format_0_trailer_t trailer;
} mach_port_deleted_notification_t;

typedef struct {
  mach_msg_header_t not_header;
  NDR_record_t NDR;
  mach_port_name_t not_port;
  mach_msg_format_0_trailer_t trailer;
} mach_send_possible_notification_t;

typedef struct {
  mach_msg_header_t not_header;
  mach_msg_body_t not_body;
  mach_msg_port_descriptor_t not_port;
  mach_msg_format_0_trailer_t trailer;
} mach_port_destroyed_notification_t;

typedef struct {
  mach_msg_header_t not_header;
  NDR_record_t NDR;
  mach_msg_type_number_t not_count;
  mach_msg_format_0_trailer_t trailer;
} mach_no_senders_notification_t;

typedef struct {
  mach_msg_header_t not_header;
  mach_msg_format_0_trailer_t trailer;
} mach_send_once_notification_t;

typedef struct {
  mach_msg_header_t not_header;
  NDR_record_t NDR;
  mach_port_name_t not_port;
  mach_msg_format_0_trailer_t trailer;
} mach_dead_name_notification_t;

#endif  // PORTOLAN_MACH_NOTIFY_H_
