// SPDX-License-Identifier: Apache-2.0
// A server with a port set, and several clients:
//   user_set server CLIENTS MESSAGES    two threads serve one port for each client
//   user_set client INDEX MESSAGES
#include <pthread.h>

#include "user_common.h"

enum { kCount = 500, kStop = 501, kMost = 16 };

static mach_port_t g_set;
static mach_port_t g_ports[kMost];
static int g_clients;
static pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;
static int g_answered[kMost];  // under the lock

static void* serve(void* unused) {
  (void)unused;
  for (;;) {
    buffer_t buffer;
    check(receive(&buffer, g_set, PATIENCE));
    if (buffer.header.msgh_id == kStop) return NULL;
    expect(buffer.header.msgh_id == kCount);
    int index = 0;
    while (index < g_clients && g_ports[index] != buffer.header.msgh_local_port) index++;
    expect(index < g_clients);
    pthread_mutex_lock(&g_lock);
    g_answered[index]++;
    pthread_mutex_unlock(&g_lock);
    check(send_number(buffer.header.msgh_remote_port, MACH_MSG_TYPE_MOVE_SEND_ONCE, kCount + 100,
                      buffer.number.number * 100 + index, -1));
  }
}

static void server(int clients, int messages) {
  g_clients = clients;
  check(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &g_set));
  for (int i = 0; i < clients; i++) {
    char name[32];
    snprintf(name, sizeof name, "user.set.%d", i);
    g_ports[i] = check_in(name);
    check(mach_port_insert_member(mach_task_self(), g_ports[i], g_set));
  }
  const mach_port_t stop = new_port();
  check(mach_port_insert_member(mach_task_self(), stop, g_set));
  pthread_t threads[2];
  for (int i = 0; i < 2; i++) expect(pthread_create(&threads[i], NULL, serve, NULL) == 0);
  say("serving");
  await_line();  // the clients are done
  for (int i = 0; i < 2; i++) check(send_number(stop, MACH_MSG_TYPE_MAKE_SEND, kStop, 0, -1));
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < clients; i++) expect(g_answered[i] == messages);
  // A set that goes leaves its members alone.
  check(mach_port_mod_refs(mach_task_self(), g_set, MACH_PORT_RIGHT_PORT_SET, -1));
  for (int i = 0; i < clients; i++) {
    expect(status_of(g_ports[i]).mps_pset == 0);
    drop_receive(g_ports[i]);
  }
}

static void client(int index, int messages) {
  char name[32];
  snprintf(name, sizeof name, "user.set.%d", index);
  const mach_port_t service = look_up(name);
  const mach_port_t reply_port = new_port();
  for (int i = 0; i < messages; i++) {
    buffer_t buffer;
    memset(&buffer, 0, sizeof buffer);
    buffer.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
    buffer.header.msgh_remote_port = service;
    buffer.header.msgh_local_port = reply_port;
    buffer.header.msgh_id = kCount;
    buffer.number.number = i;
    check(mach_msg(&buffer.header, MACH_SEND_MSG | MACH_RCV_MSG | MACH_RCV_TIMEOUT, sizeof(number_message_t),
                   sizeof buffer, reply_port, PATIENCE, MACH_PORT_NULL));
    expect(buffer.header.msgh_id == kCount + 100);
    expect(buffer.number.number == i * 100 + index);
  }
}

int main(int argc, char** argv) {
  expect(argc == 4);
  const int number = atoi(argv[2]);
  expect(number >= 0 && number <= kMost);
  if (strcmp(argv[1], "server") == 0) {
    server(number, atoi(argv[3]));
  } else {
    client(number, atoi(argv[3]));
  }
  return 0;
}
