// SPDX-License-Identifier: Apache-2.0
// Full queues between processes:
//   user_queue receiver          does as its standard input says: a line `take N` or `limit N` or `die`
//   user_queue sender FROM N     sends the numbers from FROM on, N of them, however long it takes
//   user_queue filler            fills the queue and tries what is said of full ones
#include "user_common.h"

enum { kNumber = 600 };

static void receiver(void) {
  const mach_port_t service = check_in("user.queue");
  say("up");
  char line[64];
  while (fgets(line, sizeof line, stdin) != NULL) {
    int n = 0;
    if (sscanf(line, "take %d", &n) == 1) {
      for (int i = 0; i < n; i++) say("took %d", receive_number(service, kNumber));
    } else if (sscanf(line, "limit %d", &n) == 1) {
      set_queue_limit(service, (mach_port_msgcount_t)n);
      say("limit %d", n);
    } else if (strcmp(line, "count\n") == 0) {
      say("count %d", (int)status_of(service).mps_msgcount);
    } else {
      break;
    }
  }
}

static void sender(int from, int count) {
  const mach_port_t service = look_up("user.queue");
  say("up");
  for (int i = 0; i < count; i++) {
    check(send_number(service, MACH_MSG_TYPE_COPY_SEND, kNumber, from + i, -1));
    say("sent %d", from + i);
  }
  expect(refs_of(service, MACH_PORT_RIGHT_SEND) == 1);
}

static void filler(void) {
  const mach_port_t service = look_up("user.queue");
  for (int i = 0; i < MACH_PORT_QLIMIT_DEFAULT; i++)
    check(send_number(service, MACH_MSG_TYPE_COPY_SEND, kNumber, i, 0));
  // The sixth comes back, with all that is in it.
  expect_code(MACH_SEND_TIMED_OUT, send_number(service, MACH_MSG_TYPE_COPY_SEND, kNumber, 5, 0));
  expect(refs_of(service, MACH_PORT_RIGHT_SEND) == 1);
  expect_code(MACH_SEND_TIMED_OUT, send_number(service, MACH_MSG_TYPE_COPY_SEND, kNumber, 5, 50));

  number_message_t message;
  memset(&message, 0, sizeof message);
  const mach_port_t reply_port = new_port();
  message.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
  message.header.msgh_remote_port = service;
  message.header.msgh_local_port = reply_port;
  message.header.msgh_id = kNumber;
  message.number = 5;
  expect_code(MACH_SEND_TIMED_OUT, mach_msg(&message.header, MACH_SEND_MSG | MACH_SEND_TIMEOUT,
                                            sizeof message, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL));
  expect(MACH_MSGH_BITS_REMOTE(message.header.msgh_bits) == MACH_MSG_TYPE_MOVE_SEND);
  expect(MACH_MSGH_BITS_LOCAL(message.header.msgh_bits) == MACH_MSG_TYPE_MOVE_SEND_ONCE);
  expect(message.header.msgh_local_port != reply_port);
  expect(refs_of(service, MACH_PORT_RIGHT_SEND) == 2);
  say("full");
  await_line();  // one was taken
  check(mach_msg(&message.header, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof message, 0, MACH_PORT_NULL, 0,
                 MACH_PORT_NULL));
  expect(refs_of(service, MACH_PORT_RIGHT_SEND) == 1);
  say("sent");
  await_line();  // the receiver has died, and with it our reply right
  buffer_t buffer;
  check(receive(&buffer, reply_port, PATIENCE));
  expect(buffer.header.msgh_id == MACH_NOTIFY_SEND_ONCE);
}

int main(int argc, char** argv) {
  expect(argc >= 2);
  if (strcmp(argv[1], "receiver") == 0) receiver();
  if (strcmp(argv[1], "sender") == 0 && argc == 4) sender(atoi(argv[2]), atoi(argv[3]));
  if (strcmp(argv[1], "filler") == 0) filler();
  return 0;
}
