// SPDX-License-Identifier: Apache-2.0
// Requests and replies between two processes, and a receive right that moves over:
//   user_rpc server NAME N    answers N requests, then takes over a port and reads what is in it
//   user_rpc client NAME N
#include "user_common.h"

enum { kSquare = 100, kTakeOver = 101, kQueued = 102 };

typedef struct {
  mach_msg_header_t header;
  mach_msg_body_t body;
  mach_msg_port_descriptor_t port;
} port_message_t;

static void serve(const char* name, int count) {
  const mach_port_t service = check_in(name);
  say("serving");
  for (int i = 0; i < count; i++) {
    buffer_t buffer;
    check(receive(&buffer, service, PATIENCE));
    expect(buffer.header.msgh_id == kSquare);
    expect(buffer.header.msgh_local_port == service);
    expect(MACH_MSGH_BITS_REMOTE(buffer.header.msgh_bits) == MACH_MSG_TYPE_PORT_SEND_ONCE);
    const int number = buffer.number.number;
    check(send_number(buffer.header.msgh_remote_port, MACH_MSG_TYPE_MOVE_SEND_ONCE, kSquare + 100,
                      number * number, -1));
    expect(type_of(buffer.header.msgh_remote_port) == 0);
  }

  union {
    port_message_t message;
    char room[sizeof(port_message_t) + MAX_TRAILER_SIZE];
  } buffer;
  check(mach_msg(&buffer.message.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof buffer, service, PATIENCE,
                 MACH_PORT_NULL));
  expect(buffer.message.header.msgh_id == kTakeOver);
  expect(buffer.message.port.disposition == MACH_MSG_TYPE_PORT_RECEIVE);
  const mach_port_t moved = buffer.message.port.name;
  expect(type_of(moved) == MACH_PORT_TYPE_RECEIVE);
  expect(status_of(moved).mps_seqno == 0);
  // Three were queued before it moved; the others come through the sender's old name.
  for (int i = 0; i < 6; i++) expect(receive_number(moved, kQueued) == i);
  drop_receive(moved);
  drop_receive(service);
  say("done");
}

static void ask(const char* name, int count) {
  const mach_port_t service = look_up(name);
  const mach_port_t reply_port = new_port();
  for (int i = 0; i < count; i++) {
    buffer_t buffer;
    memset(&buffer, 0, sizeof buffer);
    buffer.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
    buffer.header.msgh_remote_port = service;
    buffer.header.msgh_local_port = reply_port;
    buffer.header.msgh_id = kSquare;
    buffer.number.number = i;
    check(mach_msg(&buffer.header, MACH_SEND_MSG | MACH_RCV_MSG | MACH_RCV_TIMEOUT, sizeof(number_message_t),
                   sizeof buffer, reply_port, PATIENCE, MACH_PORT_NULL));
    expect(buffer.header.msgh_id == kSquare + 100);
    expect(buffer.number.number == i * i);
  }
  expect(refs_of(service, MACH_PORT_RIGHT_SEND) == 1);

  const mach_port_t port = new_port();
  check(mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND));
  for (int i = 0; i < 3; i++) check(send_number(port, MACH_MSG_TYPE_COPY_SEND, kQueued, i, 0));
  port_message_t message;
  memset(&message, 0, sizeof message);
  message.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX;
  message.header.msgh_remote_port = service;
  message.header.msgh_id = kTakeOver;
  message.body.msgh_descriptor_count = 1;
  message.port.name = port;
  message.port.disposition = MACH_MSG_TYPE_MOVE_RECEIVE;
  message.port.type = MACH_MSG_PORT_DESCRIPTOR;
  check(mach_msg(&message.header, MACH_SEND_MSG, sizeof message, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL));
  expect(type_of(port) == MACH_PORT_TYPE_SEND);
  for (int i = 3; i < 6; i++) check(send_number(port, MACH_MSG_TYPE_COPY_SEND, kQueued, i, -1));
  say("sent");
  // When the new owner is through with it the name goes dead.
  for (int i = 0; i < PATIENCE / 5 && type_of(port) != MACH_PORT_TYPE_DEAD_NAME; i++) usleep(5000);
  expect(type_of(port) == MACH_PORT_TYPE_DEAD_NAME);
  drop_send(port);
  drop_receive(reply_port);
  drop_send(service);
  say("done");
}

int main(int argc, char** argv) {
  expect(argc == 4);
  if (strcmp(argv[1], "server") == 0) {
    serve(argv[2], atoi(argv[3]));
  } else {
    ask(argv[2], atoi(argv[3]));
  }
  return 0;
}
