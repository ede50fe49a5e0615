// SPDX-License-Identifier: Apache-2.0
// For the programs of tests/process/user_*_test.cpp: plain Mach programs that say on their standard output
// how far they are, one line at a time, wait for lines on their standard input, and exit with 1 where
// something is not as it should be.
#ifndef USER_COMMON_H_
#define USER_COMMON_H_

#include <mach/mach.h>
#include <servers/bootstrap.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE 20000  // milliseconds, for what is expected to come

// Ends the program unless `result` is `wanted`.
#define expect_code(wanted, result) expect_code_at((wanted), (result), #result, __FILE__, __LINE__)
#define check(result)               expect_code_at(KERN_SUCCESS, (result), #result, __FILE__, __LINE__)

static inline void expect_code_at(kern_return_t wanted, kern_return_t result, const char* what,
                                  const char* file, int line) {
  if (result == wanted) return;
  fprintf(stderr, "%s:%d: %s\n  is 0x%x %s, not 0x%x\n", file, line, what, (unsigned)result,
          mach_error_string(result), (unsigned)wanted);
  exit(1);
}

// Ends the program unless it is so.
#define expect(truth) expect_at((truth) ? 1 : 0, #truth, __FILE__, __LINE__)

static inline void expect_at(int truth, const char* what, const char* file, int line) {
  if (truth) return;
  fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
  exit(1);
}

// One line for the test to read.
__attribute__((format(printf, 1, 2))) static inline void say(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  putchar('\n');
  fflush(stdout);
}

// Waits until the test has written a line.
static inline void await_line(void) {
  char line[64];
  if (fgets(line, sizeof line, stdin) == NULL) exit(1);
}

static inline mach_port_t new_port(void) {
  mach_port_t port = MACH_PORT_NULL;
  check(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port));
  return port;
}

static inline void drop_receive(mach_port_t port) {
  check(mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1));
}

static inline void drop_send(mach_port_t port) { check(mach_port_deallocate(mach_task_self(), port)); }

static inline mach_port_type_t type_of(mach_port_t port) {
  mach_port_type_t type = 0;
  return mach_port_type(mach_task_self(), port, &type) == KERN_SUCCESS ? type : 0;
}

static inline mach_port_urefs_t refs_of(mach_port_t port, mach_port_right_t right) {
  mach_port_urefs_t refs = 0;
  return mach_port_get_refs(mach_task_self(), port, right, &refs) == KERN_SUCCESS ? refs : 0;
}

static inline void set_queue_limit(mach_port_t port, mach_port_msgcount_t limit) {
  mach_port_limits_t limits = {limit};
  check(mach_port_set_attributes(mach_task_self(), port, MACH_PORT_LIMITS_INFO, (mach_port_info_t)&limits,
                                 MACH_PORT_LIMITS_INFO_COUNT));
}

static inline mach_port_status_t status_of(mach_port_t port) {
  mach_port_status_t status;
  memset(&status, 0, sizeof status);
  mach_msg_type_number_t count = MACH_PORT_RECEIVE_STATUS_COUNT;
  check(mach_port_get_attributes(mach_task_self(), port, MACH_PORT_RECEIVE_STATUS, (mach_port_info_t)&status,
                                 &count));
  return status;
}

// The server may be slower than we are.
static inline mach_port_t look_up(const char* name) {
  mach_port_t port = MACH_PORT_NULL;
  kern_return_t result = bootstrap_look_up(bootstrap_port, name, &port);
  for (int i = 0; result == BOOTSTRAP_UNKNOWN_SERVICE && i < PATIENCE / 5; i++) {
    usleep(5000);
    result = bootstrap_look_up(bootstrap_port, name, &port);
  }
  check(result);
  return port;
}

// A process that held the name and was killed holds it until that is seen, a second at the most.
static inline mach_port_t check_in(const char* name) {
  mach_port_t port = MACH_PORT_NULL;
  kern_return_t result = bootstrap_check_in(bootstrap_port, name, &port);
  for (int i = 0; result == BOOTSTRAP_NOT_PRIVILEGED && i < PATIENCE / 5; i++) {
    usleep(5000);
    result = bootstrap_check_in(bootstrap_port, name, &port);
  }
  check(result);
  return port;
}

// A simple message with one number.
typedef struct {
  mach_msg_header_t header;
  int number;
} number_message_t;

typedef union {
  mach_msg_header_t header;
  number_message_t number;
  mach_dead_name_notification_t dead_name;
  mach_no_senders_notification_t no_senders;
  char room[256 + MAX_TRAILER_SIZE];
} buffer_t;

// Sends a number; `timeout` < 0 waits however long it takes.
static inline kern_return_t send_number(mach_port_t port, mach_msg_type_name_t disposition, mach_msg_id_t id,
                                        int number, int timeout) {
  number_message_t message;
  memset(&message, 0, sizeof message);
  message.header.msgh_bits = MACH_MSGH_BITS(disposition, 0);
  message.header.msgh_remote_port = port;
  message.header.msgh_id = id;
  message.number = number;
  const mach_msg_option_t option = timeout < 0 ? MACH_SEND_MSG : MACH_SEND_MSG | MACH_SEND_TIMEOUT;
  const kern_return_t result = mach_msg(&message.header, option, sizeof message, 0, MACH_PORT_NULL,
                                        timeout < 0 ? 0 : (mach_msg_timeout_t)timeout, MACH_PORT_NULL);
  if (result == MACH_SEND_TIMED_OUT) mach_msg_destroy(&message.header);  // what came back
  return result;
}

static inline kern_return_t receive(buffer_t* buffer, mach_port_t port, mach_msg_timeout_t timeout) {
  return mach_msg(&buffer->header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof *buffer, port, timeout,
                  MACH_PORT_NULL);
}

// Receives a number that must have this id.
static inline int receive_number(mach_port_t port, mach_msg_id_t id) {
  buffer_t buffer;
  check(receive(&buffer, port, PATIENCE));
  expect(buffer.header.msgh_id == id);
  expect(buffer.header.msgh_size == sizeof(number_message_t));
  return buffer.number.number;
}

#endif
