// SPDX-License-Identifier: Apache-2.0
// A healthy task in a domain that is damaged under it: makes all kinds of traps, whatever they answer, for as
// many rounds as it is told. Exit status 0: it did them all; 3: its domain is lost, and says so; 4: somebody
// wrote into its memory. It is never to crash, nor to hang: an alarm ends it then.
#include <mach/mach.h>
#include <mach/mach_vm.h>
#include <mach/notify.h>
#include <pthread.h>
#include <servers/bootstrap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { kLost = 3, kOverwritten = 4, kCanary = 1 << 20 };
static unsigned char* canary;
static volatile int lost;

static kern_return_t seen(kern_return_t code) {
  if (code == KERN_TERMINATED) lost = 1;
  return code;
}

typedef struct {
  mach_msg_header_t header;
  mach_msg_body_t body;
  mach_msg_port_descriptor_t port;
  mach_msg_ool_descriptor_t memory;
  mach_msg_ool_ports_descriptor_t ports;
} Complex;

typedef union {
  mach_msg_header_t header;
  Complex complex;
  char room[4096];
} Buffer;

static void send_complex(mach_port_t to, mach_port_t reply) {
  char bytes[5000];
  mach_port_t names[3] = {reply, reply, reply};
  Complex m;
  memset(bytes, 7, sizeof bytes);
  memset(&m, 0, sizeof m);
  m.header.msgh_bits =
      MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE) | MACH_MSGH_BITS_COMPLEX;
  m.header.msgh_remote_port = to;
  m.header.msgh_local_port = reply;
  m.header.msgh_size = sizeof m;
  m.body.msgh_descriptor_count = 3;
  m.port.name = reply;
  m.port.disposition = MACH_MSG_TYPE_MAKE_SEND;
  m.port.type = MACH_MSG_PORT_DESCRIPTOR;
  m.memory.address = bytes;
  m.memory.size = sizeof bytes;
  m.memory.copy = MACH_MSG_PHYSICAL_COPY;
  m.memory.type = MACH_MSG_OOL_DESCRIPTOR;
  m.ports.address = names;
  m.ports.count = 3;
  m.ports.disposition = MACH_MSG_TYPE_MAKE_SEND;
  m.ports.type = MACH_MSG_OOL_PORTS_DESCRIPTOR;
  seen(
      mach_msg(&m.header, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof m, 0, MACH_PORT_NULL, 1, MACH_PORT_NULL));
}

static void send_simple(mach_port_t to, mach_port_t reply, unsigned size) {
  Buffer m;
  memset(&m, 5, sizeof m);
  m.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
  m.header.msgh_remote_port = to;
  m.header.msgh_local_port = reply;
  m.header.msgh_voucher_port = MACH_PORT_NULL;
  seen(mach_msg(&m.header, MACH_SEND_MSG | MACH_SEND_TIMEOUT, size, 0, MACH_PORT_NULL, 1, MACH_PORT_NULL));
}

// What comes is thrown away. Damage may make a message say anything: it is not believed.
static kern_return_t receive(mach_port_t from, mach_msg_timeout_t timeout) {
  Buffer m;
  const kern_return_t code =
      seen(mach_msg(&m.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof m, from, timeout, MACH_PORT_NULL));
  if (code == MACH_MSG_SUCCESS) seen(mach_port_deallocate(mach_task_self(), m.header.msgh_remote_port));
  return code;
}

static void* sleeper(void* argument) {
  const mach_port_t port = *(mach_port_t*)argument;
  while (!lost && receive(port, 20) != MACH_RCV_INVALID_NAME) continue;
  return NULL;
}

static void one_round(mach_port_t service, unsigned round) {
  const mach_port_t self = mach_task_self();
  mach_port_t port = 0, set = 0, previous = 0;
  seen(mach_port_allocate(self, MACH_PORT_RIGHT_RECEIVE, &port));
  seen(mach_port_allocate(self, MACH_PORT_RIGHT_PORT_SET, &set));
  seen(mach_port_insert_right(self, port, port, MACH_MSG_TYPE_MAKE_SEND));
  seen(mach_port_insert_member(self, port, set));
  seen(mach_port_request_notification(self, port, MACH_NOTIFY_NO_SENDERS, 0, port,
                                      MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous));
  send_simple(port, port, 64);
  send_simple(service, port, 64 + round % 32 * 64);
  send_complex(port, port);
  send_complex(service, port);
  for (int i = 0; i < 4; i++) receive(set, 0);
  mach_port_status_t status;
  mach_msg_type_number_t count = MACH_PORT_RECEIVE_STATUS_COUNT;
  seen(mach_port_get_attributes(self, port, MACH_PORT_RECEIVE_STATUS, (mach_port_info_t)&status, &count));
  if (round % 8 == 0) {
    mach_port_name_array_t names = NULL;
    mach_port_type_array_t types = NULL;
    mach_msg_type_number_t names_count = 0, types_count = 0;
    mach_port_t found = 0;
    if (seen(mach_port_names(self, &names, &names_count, &types, &types_count)) == KERN_SUCCESS) {
      seen(mach_vm_deallocate(self, (mach_vm_address_t)(uintptr_t)names, names_count * sizeof names[0]));
      seen(mach_vm_deallocate(self, (mach_vm_address_t)(uintptr_t)types, types_count * sizeof types[0]));
    }
    if (bootstrap_look_up(bootstrap_port, "damage", &found) == KERN_SUCCESS)
      seen(mach_port_deallocate(self, found));
  }
  seen(mach_port_deallocate(self, port));
  seen(mach_port_mod_refs(self, set, MACH_PORT_RIGHT_PORT_SET, -1));
  if (round % 16 != 1) seen(mach_port_mod_refs(self, port, MACH_PORT_RIGHT_RECEIVE, -1));
}

int main(int argc, char** argv) {
  const unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 100;
  alarm(30);
  canary = malloc(kCanary);
  memset(canary, 0x5a, kCanary);
  mach_port_t service = MACH_PORT_NULL, mine = MACH_PORT_NULL;
  if (bootstrap_check_in(bootstrap_port, "damage", &mine) != KERN_SUCCESS)
    seen(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &mine));
  pthread_t thread;
  const int threaded = pthread_create(&thread, NULL, sleeper, &mine) == 0;
  for (unsigned round = 0; round < rounds && !lost; round++) {
    if (service == MACH_PORT_NULL || round % 64 == 63) bootstrap_look_up(bootstrap_port, "damage", &service);
    one_round(service, round);
    usleep(500);
  }
  seen(mach_port_mod_refs(mach_task_self(), mine, MACH_PORT_RIGHT_RECEIVE, -1));
  lost |= 2;
  if (threaded) pthread_join(thread, NULL);
  for (unsigned i = 0; i < kCanary; i++)
    if (canary[i] != 0x5a) return kOverwritten;
  return (lost & 1) != 0 ? kLost : 0;
}
