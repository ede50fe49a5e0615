// SPDX-License-Identifier: Apache-2.0
// random --seed 29: code 0x11, expected 0x14; 
#include <mach/mach.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

// What all tasks see: whose turn it is, and the names that each step brought.
static struct { volatile unsigned step, failed; pid_t pid[8]; mach_port_name_t n[96][64]; } *s;
static unsigned me;
static inline int turn(unsigned step, unsigned task) { while (s->step != step) usleep(50); return me == task; }
#define STEP(number, task) for (int go_ = turn(number, task); go_; go_ = 0, s->step = (number) + 1)
static inline void check(int line, unsigned got, unsigned expected) {
  if (got == expected) return;
  printf("line %d: %#x, expected %#x\n", line, got, expected);
  s->failed = 1;
}
#define CHECK(got, expected) check(__LINE__, (unsigned)(got), (unsigned)(expected))
static inline mach_port_t task_port(unsigned task) {
  mach_port_t port = MACH_PORT_NULL;
  if (task == me) return mach_task_self();
  CHECK(task_for_pid(mach_task_self(), s->pid[task], &port), KERN_SUCCESS);
  return port;
}

// A message in the making, or received.
static char m[16384] __attribute__((aligned(8)));
static unsigned at;
static inline void put(const void *data, unsigned size) { memcpy(m + at, data, size); at += size; }
static inline void begin(unsigned bits, unsigned remote, unsigned local, unsigned voucher, int id) {
  const mach_msg_header_t header = {bits, 0, remote, local, voucher, id};
  at = 0;
  put(&header, sizeof header);
}
static inline void word(unsigned value) { put(&value, sizeof value); }
static inline void port(unsigned name, unsigned disposition) {
  mach_msg_port_descriptor_t d = {0};
  d.name = name, d.disposition = disposition & 0xff, d.type = MACH_MSG_PORT_DESCRIPTOR;
  put(&d, sizeof d);
}
static inline void guarded(unsigned name, unsigned disposition, unsigned flags, unsigned long context) {
  mach_msg_guarded_port_descriptor_t d = {0};
  d.context = context, d.flags = flags & 0xffff, d.disposition = disposition & 0xff, d.name = name;
  d.type = MACH_MSG_GUARDED_PORT_DESCRIPTOR;
  put(&d, sizeof d);
}
static inline void memory(unsigned type, void *address, unsigned size, unsigned copy, int deallocate) {
  mach_msg_ool_descriptor_t d = {0};
  d.address = address, d.size = size, d.copy = copy & 0xff, d.deallocate = deallocate != 0, d.type = type & 0xff;
  put(&d, sizeof d);
}
static inline void ports(void *address, unsigned count, unsigned disposition, unsigned copy, int deallocate) {
  memory(MACH_MSG_OOL_PORTS_DESCRIPTOR, address, count, copy, deallocate);
  m[at - 6] = (char)disposition;
}
static inline void *fresh(unsigned size) {
  return mmap(NULL, size + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
// Keeps the names in the message in the buffer.
static inline void brought(unsigned step) {
  const mach_msg_base_t *base = (const mach_msg_base_t *)m;
  const char *d = m + sizeof *base;
  unsigned k = 0;
#define NAME(name) if (MACH_PORT_VALID(name)) s->n[step][k++ & 63] = (name)
  NAME(base->header.msgh_remote_port);
  NAME(base->header.msgh_local_port);
  if (!(base->header.msgh_bits & MACH_MSGH_BITS_COMPLEX)) return;
  for (unsigned i = 0; i < base->body.msgh_descriptor_count; i++) {
    const mach_msg_descriptor_t *any = (const mach_msg_descriptor_t *)d;
    d += any->type.type == MACH_MSG_PORT_DESCRIPTOR ? 12 : 16;
    if (any->type.type == MACH_MSG_PORT_DESCRIPTOR) NAME(any->port.name);
    if (any->type.type == MACH_MSG_GUARDED_PORT_DESCRIPTOR) NAME(any->guarded_port.name);
    if (any->type.type == MACH_MSG_OOL_PORTS_DESCRIPTOR)
      for (unsigned j = 0; j < any->ool_ports.count; j++) NAME(((mach_port_name_t *)any->ool_ports.address)[j]);
  }
}

static inline void run(void) {
  STEP(0, 1) {
    mach_port_t task = task_port(1);
    unsigned values[20] = {0};
    (void)task, (void)values;
    mach_port_options_t options = {.flags = 0x81, .mpl = {2u}};
    CHECK(mach_port_construct(task, &options, 1, &s->n[8][0]), 0);
  }
  STEP(1, 1) {
    mach_port_t task = task_port(1);
    unsigned values[20] = {0};
    (void)task, (void)values;
    CHECK((s->n[95][0] = s->n[8][0], mach_port_insert_right(task, s->n[95][0], s->n[8][0], 16)), 0x14);
  }
}

int main(void) {
  s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  s->step = ~0u;
  for (me = 0; me < 2; me++) {
    s->pid[me] = fork();
    if (s->pid[me] == 0) {
      turn(0, 0);
      run();
      fflush(stdout);
      _exit(0);
    }
  }
  s->step = 0;
  while (wait(NULL) > 0) continue;
  return (int)s->failed;
}
