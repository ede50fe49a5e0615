// SPDX-License-Identifier: Apache-2.0
// Two processes, one of which is killed; a third word names the service:
//   user_death victim         checks in, receives a send right and keeps it
//   user_death watcher        holds a right to the victim, is held by the victim, and says when it hears of
//                             its end
//   user_death sender         is blocked in a send to the victim's full queue
#include <time.h>

#include "user_common.h"

enum { kKeep = 300 };

typedef struct {
  mach_msg_header_t header;
  mach_msg_body_t body;
  mach_msg_port_descriptor_t port;
} port_message_t;

static const char* g_service = "user.victim";

static void victim(void) {
  const mach_port_t service = check_in(g_service);
  say("up");
  union {
    port_message_t message;
    char room[sizeof(port_message_t) + MAX_TRAILER_SIZE];
  } buffer;
  check(mach_msg(&buffer.message.header, MACH_RCV_MSG, 0, sizeof buffer, service, 0, MACH_PORT_NULL));
  say("holding");
  for (;;) pause();
}

static void watch(void) {
  const mach_port_t service = look_up(g_service);
  const mach_port_t notify = new_port();
  const mach_port_t given = new_port();
  mach_port_t previous = MACH_PORT_NULL;
  check(mach_port_request_notification(mach_task_self(), service, MACH_NOTIFY_DEAD_NAME, 1, notify,
                                       MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous));
  expect(previous == MACH_PORT_NULL);
  check(mach_port_request_notification(mach_task_self(), given, MACH_NOTIFY_NO_SENDERS, 1, notify,
                                       MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous));
  // The victim's reply right in the header of what it receives: it dies unused, and says so.
  const mach_port_t reply_port = new_port();
  port_message_t message;
  memset(&message, 0, sizeof message);
  message.header.msgh_bits =
      MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE) | MACH_MSGH_BITS_COMPLEX;
  message.header.msgh_remote_port = service;
  message.header.msgh_local_port = reply_port;
  message.header.msgh_id = kKeep;
  message.body.msgh_descriptor_count = 1;
  message.port.name = given;
  message.port.disposition = MACH_MSG_TYPE_MAKE_SEND;
  message.port.type = MACH_MSG_PORT_DESCRIPTOR;
  check(mach_msg(&message.header, MACH_SEND_MSG, sizeof message, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL));
  say("armed");

  int dead_names = 0;
  int no_senders = 0;
  while (dead_names + no_senders < 2) {
    buffer_t buffer;
    check(receive(&buffer, notify, PATIENCE));
    if (buffer.header.msgh_id == MACH_NOTIFY_DEAD_NAME) {
      expect(buffer.dead_name.not_port == service);
      dead_names++;
    } else {
      expect(buffer.header.msgh_id == MACH_NOTIFY_NO_SENDERS);
      expect(buffer.no_senders.not_count == 1);
      no_senders++;
    }
  }
  buffer_t buffer;
  check(receive(&buffer, reply_port, PATIENCE));
  expect(buffer.header.msgh_id == MACH_NOTIFY_SEND_ONCE);
  say("told");
  expect(dead_names == 1 && no_senders == 1);
  expect_code(MACH_RCV_TIMED_OUT, receive(&buffer, notify, 0));
  expect(type_of(service) == MACH_PORT_TYPE_DEAD_NAME);
  expect_code(MACH_SEND_INVALID_DEST, send_number(service, MACH_MSG_TYPE_COPY_SEND, kKeep, 0, 0));
  say("done");
}

static void block(void) {
  const mach_port_t service = look_up(g_service);
  kern_return_t result = KERN_SUCCESS;
  int sent = 0;
  while ((result = send_number(service, MACH_MSG_TYPE_COPY_SEND, kKeep + 1, sent, 0)) == KERN_SUCCESS) sent++;
  expect_code(MACH_SEND_TIMED_OUT, result);
  say("full %d", sent);
  // The port dies under the wait: the message is swallowed.
  check(send_number(service, MACH_MSG_TYPE_COPY_SEND, kKeep + 1, sent, -1));
  say("told");
  expect_code(MACH_SEND_INVALID_DEST, send_number(service, MACH_MSG_TYPE_COPY_SEND, kKeep + 1, 0, 0));
  say("done");
}

int main(int argc, char** argv) {
  expect(argc == 2 || argc == 3);
  if (argc == 3) g_service = argv[2];
  if (strcmp(argv[1], "victim") == 0) victim();
  if (strcmp(argv[1], "watcher") == 0) watch();
  if (strcmp(argv[1], "sender") == 0) block();
  return 0;
}
