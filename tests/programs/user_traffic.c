// SPDX-License-Identifier: Apache-2.0
// One of several processes that send each other random messages from many threads:
//   user_traffic INDEX PROCESSES THREADS MILLISECONDS SEED
// Every message has a number, one up from that sender's last one to that receiver. The receiver insists on
// that (nothing lost, nothing twice, each sender's order kept), on the contents of memory, and on what waits
// at ports that it is given. When all is quiet it insists that it has as many names and rights as before.
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "user_common.h"

enum { kMostProcesses = 8, kMostThreads = 8, kData = 700, kLast = 701, kEcho = 702, kGift = 703 };
enum { kNothing, kSendRight, kFreshPort, kReceiveRight, kMemory, kPorts, kForms };

typedef struct {
  uint32_t process, thread, number, form;
} stamp_t;

static int g_me, g_processes, g_threads;
static unsigned g_seed;
static double g_end;
static mach_port_t g_mine, g_service[kMostProcesses];
static uint32_t g_sent[kMostProcesses][kMostThreads];  // by receiver and thread; each thread writes its own
static uint32_t g_received[kMostProcesses][kMostThreads];  // by sender; the receiving thread's
static _Atomic int g_echoes;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static unsigned dice(unsigned* state, unsigned n) {
  *state = *state * 1103515245u + 12345u;
  return (*state >> 16) % n;
}

static uint8_t content(uint32_t number, uint32_t i) { return (uint8_t)(number * 31 + i * 7); }

static unsigned in_use(void) {
  ipc_info_space_basic_t info;
  check(mach_port_space_basic_info(mach_task_self(), &info));
  return info.iisb_table_inuse;
}

// -------------------------------------------------------------------------------------------------------
// sending

typedef struct {
  mach_msg_header_t header;
  mach_msg_body_t body;
  union {
    mach_msg_port_descriptor_t port;
    mach_msg_ool_descriptor_t memory;
    mach_msg_ool_ports_descriptor_t ports;
    char room[16];
  } item;
  char stamp_room[sizeof(stamp_t)];
} complex_t;

static void put_stamp(void* at, uint32_t thread, uint32_t number, uint32_t form) {
  const stamp_t stamp = {(uint32_t)g_me, thread, number, form};
  memcpy(at, &stamp, sizeof stamp);
}

// A port of ours with two messages in its queue.
static mach_port_t gift(uint32_t number) {
  const mach_port_t port = new_port();
  check(send_number(port, MACH_MSG_TYPE_MAKE_SEND, kGift, (int)number, -1));
  check(send_number(port, MACH_MSG_TYPE_MAKE_SEND_ONCE, kGift, (int)number + 1, -1));
  return port;
}

static void attach(complex_t* message, uint32_t form, uint32_t number, mach_port_t* keep) {
  switch (form) {
    case kSendRight:
    case kFreshPort:
    case kReceiveRight:
      message->item.port.name = form == kSendRight   ? g_mine
                                : form == kFreshPort ? (*keep = new_port())
                                                     : gift(number);
      message->item.port.disposition =
          form == kReceiveRight ? MACH_MSG_TYPE_MOVE_RECEIVE : MACH_MSG_TYPE_MAKE_SEND;
      message->item.port.type = MACH_MSG_PORT_DESCRIPTOR;
      break;
    case kPorts: {
      static _Thread_local mach_port_name_t names[3];
      names[0] = names[2] = g_mine;
      names[1] = MACH_PORT_NULL;
      message->item.ports.address = names;
      message->item.ports.count = 3;
      message->item.ports.disposition = MACH_MSG_TYPE_MAKE_SEND;
      message->item.ports.type = MACH_MSG_OOL_PORTS_DESCRIPTOR;
      break;
    }
    default: {
      static _Thread_local uint8_t bytes[20000];
      const uint32_t size = number * 97 % sizeof bytes;
      for (uint32_t i = 0; i < size; i++) bytes[i] = content(number, i);
      message->item.memory.address = bytes;
      message->item.memory.size = size;
      message->item.memory.copy = MACH_MSG_VIRTUAL_COPY;
      message->item.memory.type = MACH_MSG_OOL_DESCRIPTOR;
      break;
    }
  }
}

// Returns the size, without the space that the form does not use.
static mach_msg_size_t fill(complex_t* message, uint32_t thread, uint32_t number, uint32_t form,
                            mach_port_t* keep) {
  memset(message, 0, sizeof *message);
  if (form == kNothing) {
    put_stamp(&message->body, thread, number, form);
    return sizeof message->header + sizeof(stamp_t);
  }
  attach(message, form, number, keep);
  message->header.msgh_bits = MACH_MSGH_BITS_COMPLEX;
  message->body.msgh_descriptor_count = 1;
  const size_t item = form == kMemory || form == kPorts ? 16 : 12;
  put_stamp(message->item.room + item, thread, number, form);
  return (mach_msg_size_t)(sizeof(mach_msg_base_t) + item + sizeof(stamp_t));
}

static void send_one(uint32_t thread, unsigned* state, mach_port_t reply, int to, mach_msg_id_t id) {
  complex_t message;
  mach_port_t keep = MACH_PORT_NULL;
  const uint32_t form = id == kLast ? (uint32_t)kNothing : dice(state, kForms);
  const mach_msg_size_t size = fill(&message, thread, g_sent[to][thread]++, form, &keep);
  const int echo = id == kData && dice(state, 3) == 0;
  message.header.msgh_bits |=
      MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, echo ? MACH_MSG_TYPE_MAKE_SEND_ONCE : 0);
  message.header.msgh_remote_port = g_service[to];
  message.header.msgh_local_port = echo ? reply : MACH_PORT_NULL;
  message.header.msgh_id = id;
  check(mach_msg(&message.header, MACH_SEND_MSG, size, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL));
  if (echo) {
    expect(receive_number(reply, kEcho) == (int)(g_sent[to][thread] - 1));
    atomic_fetch_add(&g_echoes, 1);
  }
  if (keep != MACH_PORT_NULL) drop_receive(keep);
}

static void* send_all(void* argument) {
  const uint32_t thread = (uint32_t)(uintptr_t)argument;
  unsigned state = g_seed + thread * 7919u + (unsigned)g_me * 104729u;
  const mach_port_t reply = new_port();
  while (now() < g_end) send_one(thread, &state, reply, (int)dice(&state, (unsigned)g_processes), kData);
  for (int to = 0; to < g_processes; to++) send_one(thread, &state, reply, to, kLast);
  drop_receive(reply);
  return NULL;
}

// ------------------------------------------------------------------------------------------------------
// receiving

static void look_into_gift(mach_port_t port, uint32_t number) {
  expect(receive_number(port, kGift) == (int)number);
  expect(receive_number(port, kGift) == (int)number + 1);
  expect(status_of(port).mps_msgcount == 0);
}

static void look_at(const complex_t* message, const stamp_t* stamp) {
  switch (stamp->form) {
    case kReceiveRight:
      look_into_gift(message->item.port.name, stamp->number);
      break;
    case kPorts: {
      const mach_port_name_t* names = message->item.ports.address;
      expect(message->item.ports.count == 3);
      expect(names[0] == g_service[stamp->process] && names[1] == MACH_PORT_NULL && names[2] == names[0]);
      break;
    }
    case kSendRight:
      expect(message->item.port.name == g_service[stamp->process]);
      break;
    case kMemory: {
      const uint8_t* bytes = message->item.memory.address;
      for (uint32_t i = 0; i < message->item.memory.size; i++) expect(bytes[i] == content(stamp->number, i));
      break;
    }
    default:
      break;
  }
}

// One message, whose number must be the next. True: it was the last of its sender.
static int receive_one(void) {
  union {
    complex_t message;
    char room[sizeof(complex_t) + MAX_TRAILER_SIZE];
  } buffer;
  check(mach_msg(&buffer.message.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof buffer, g_mine, PATIENCE,
                 MACH_PORT_NULL));
  const mach_msg_header_t* header = &buffer.message.header;
  stamp_t stamp;
  memcpy(&stamp, (const char*)header + header->msgh_size - sizeof stamp, sizeof stamp);
  expect(stamp.process < (uint32_t)g_processes && stamp.thread < (uint32_t)g_threads);
  expect(stamp.number == g_received[stamp.process][stamp.thread]);
  g_received[stamp.process][stamp.thread]++;
  look_at(&buffer.message, &stamp);
  const int last = header->msgh_id == kLast;
  if (header->msgh_remote_port != MACH_PORT_NULL) {
    check(send_number(header->msgh_remote_port, MACH_MSG_TYPE_MOVE_SEND_ONCE, kEcho, (int)stamp.number, -1));
    buffer.message.header.msgh_remote_port = MACH_PORT_NULL;
  }
  mach_msg_destroy(&buffer.message.header);
  return last;
}

static void* receive_all(void* unused) {
  (void)unused;
  for (int left = g_processes * g_threads; left > 0;) left -= receive_one();
  return NULL;
}

int main(int argc, char** argv) {
  expect(argc == 6);
  g_me = atoi(argv[1]);
  g_processes = atoi(argv[2]);
  g_threads = atoi(argv[3]);
  g_seed = (unsigned)atoi(argv[5]);
  expect(g_processes <= kMostProcesses && g_threads <= kMostThreads);
  char name[32];
  snprintf(name, sizeof name, "user.traffic.%d", g_me);
  g_mine = check_in(name);
  for (int i = 0; i < g_processes; i++) {
    snprintf(name, sizeof name, "user.traffic.%d", i);
    g_service[i] = look_up(name);
  }
  expect(g_service[g_me] == g_mine);
  say("ready");
  await_line();
  const unsigned names = in_use();
  mach_port_rights_t before = 0, after = 0;
  check(mach_port_get_srights(mach_task_self(), g_mine, &before));
  say("counted");
  await_line();
  g_end = now() + atof(argv[4]);
  pthread_t threads[kMostThreads], receiver;
  expect(pthread_create(&receiver, NULL, receive_all, NULL) == 0);
  for (int i = 0; i < g_threads; i++)
    expect(pthread_create(&threads[i], NULL, send_all, (void*)(uintptr_t)i) == 0);
  for (int i = 0; i < g_threads; i++) pthread_join(threads[i], NULL);
  pthread_join(receiver, NULL);
  uint64_t sent = 0, received = 0;
  for (int i = 0; i < g_processes; i++)
    for (int j = 0; j < g_threads; j++) sent += g_sent[i][j], received += g_received[i][j];
  say("quiet %llu %llu", (unsigned long long)sent, (unsigned long long)received);
  await_line();  // all are
  expect(in_use() == names);
  const mach_port_status_t status = status_of(g_mine);
  expect(status.mps_msgcount == 0 && status.mps_sorights == 0 && status.mps_srights == 1);
  expect(refs_of(g_mine, MACH_PORT_RIGHT_SEND) == 1);
  check(mach_port_get_srights(mach_task_self(), g_mine, &after));
  expect(before == after);
  for (int i = 0; i < g_processes; i++) expect(refs_of(g_service[i], MACH_PORT_RIGHT_SEND) == 1);
  say("exact");
  await_line();
  return 0;
}
