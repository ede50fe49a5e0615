// SPDX-License-Identifier: Apache-2.0
// For programs that do something to threads in the middle of their traps: threads that make traps of all
// kinds, each with ports of its own, so that what becomes of one is no other's business.
#ifndef USER_WORK_H_
#define USER_WORK_H_

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#include "user_common.h"

static inline double seconds_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline unsigned dice(unsigned* state, unsigned n) {
  *state = *state * 1103515245u + 12345u;
  return (*state >> 16) % n;
}

// How often, or how long: PORTOLAN_ROUNDS times as much as by default.
static inline int rounds(int by_default) {
  const char* times = getenv("PORTOLAN_ROUNDS");
  const int n = times != NULL ? atoi(times) : 1;
  return by_default * (n > 0 ? n : 1);
}

typedef struct {
  mach_msg_header_t header;
  mach_msg_body_t body;
  mach_msg_port_descriptor_t port;
  mach_msg_ool_descriptor_t memory;
  mach_msg_ool_ports_descriptor_t ports;
} everything_t;

// A message with a right, memory and an array of rights, to oneself, received and destroyed.
static inline void everything_round(mach_port_t port, unsigned size) {
  static uint8_t bytes[3 * 4096 + 100];
  mach_port_name_t names[3] = {port, MACH_PORT_NULL, port};
  union {
    everything_t message;
    char room[sizeof(everything_t) + MAX_TRAILER_SIZE];
  } buffer;
  memset(&buffer, 0, sizeof buffer);
  everything_t* message = &buffer.message;
  message->header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0) | MACH_MSGH_BITS_COMPLEX;
  message->header.msgh_remote_port = port;
  message->body.msgh_descriptor_count = 3;
  message->port.name = new_port();
  message->port.disposition = MACH_MSG_TYPE_MOVE_RECEIVE;
  message->port.type = MACH_MSG_PORT_DESCRIPTOR;
  message->memory.address = bytes;
  message->memory.size = size % sizeof bytes;
  message->memory.copy = MACH_MSG_VIRTUAL_COPY;
  message->memory.type = MACH_MSG_OOL_DESCRIPTOR;
  message->ports.address = names;
  message->ports.count = 3;
  message->ports.disposition = MACH_MSG_TYPE_MAKE_SEND;
  message->ports.type = MACH_MSG_OOL_PORTS_DESCRIPTOR;
  check(mach_msg(&message->header, MACH_SEND_MSG, sizeof *message, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL));
  check(mach_msg(&message->header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof buffer, port, PATIENCE,
                 MACH_PORT_NULL));
  mach_msg_destroy(&message->header);
}

static inline void set_round(mach_port_t port) {
  mach_port_t set = MACH_PORT_NULL;
  buffer_t buffer;
  check(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &set));
  check(mach_port_move_member(mach_task_self(), port, set));
  expect_code(MACH_RCV_TIMED_OUT, receive(&buffer, set, 0));
  check(mach_port_mod_refs(mach_task_self(), set, MACH_PORT_RIGHT_PORT_SET, -1));
}

// Traps of one kind, by chance; `port` is a receive right of the thread's own, with an empty queue before and
// after.
static inline void work_once(mach_port_t port, unsigned* state) {
  buffer_t buffer;
  switch (dice(state, 7)) {
    case 0:
      drop_receive(new_port());
      break;
    case 1:
      check(send_number(port, MACH_MSG_TYPE_MAKE_SEND_ONCE, 1, 1, -1));
      expect(receive_number(port, 1) == 1);
      break;
    case 2:
      everything_round(port, dice(state, 32768));
      break;
    case 3:
      expect_code(MACH_RCV_TIMED_OUT, receive(&buffer, port, dice(state, 2)));
      break;
    case 4:
      check(mach_port_deallocate(mach_task_self(), mach_thread_self()));
      break;
    case 5:
      set_round(port);
      break;
    default:
      check(mach_port_deallocate(mach_task_self(), task_self_trap()));
      break;
  }
}

// Threads that do so until they are told to stop.
static atomic_int work_stops;
static atomic_ulong work_done;

static inline void* work_thread(void* seed) {
  unsigned state = (unsigned)(uintptr_t)seed * 7919u + 1u;
  const mach_port_t port = new_port();
  while (!atomic_load(&work_stops)) {
    work_once(port, &state);
    atomic_fetch_add(&work_done, 1);
  }
  drop_receive(port);
  return NULL;
}

static inline void work_start(pthread_t* threads, int count) {
  atomic_store(&work_stops, 0);
  for (int i = 0; i < count; i++)
    expect(pthread_create(&threads[i], NULL, work_thread, (void*)(uintptr_t)(i + 1)) == 0);
}

static inline void work_stop(pthread_t* threads, int count) {
  atomic_store(&work_stops, 1);
  for (int i = 0; i < count; i++) expect(pthread_join(threads[i], NULL) == 0);
}

static inline unsigned names_in_use(void) {
  ipc_info_space_basic_t info;
  check(mach_port_space_basic_info(mach_task_self(), &info));
  return info.iisb_table_inuse;
}

// The case of a program that its first argument names.
typedef struct {
  const char* name;
  void (*run)(void);
} case_t;

static inline int run_case(const case_t* cases, size_t count, int argc, char** argv) {
  for (size_t i = 0; argc > 1 && i < count; i++) {
    if (strcmp(argv[1], cases[i].name) != 0) continue;
    cases[i].run();
    return 0;
  }
  return 2;
}

#endif
