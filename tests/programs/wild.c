// SPDX-License-Identifier: Apache-2.0
// A trusted but broken program, for tests/process/guard_test.cpp:
//
//   hold SERVICE   has rights, messages and a service, and says at the end whether all of it is still so
//   sweep          survives its wild stores, so that every page of the domain gets every kind of them
//   die SEED       a wild pointer from some place on: ends by SIGSEGV, unless it was not stopped
//   unguarded      stores into the domain what is there already: says whether it could
//
// Each says "ready" when it has joined and has had some traffic, and goes on at a line. The life words, which
// lie on pages of their own in the middle of the domain, are left out: nothing guards them.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "user_common.h"

enum { PAGE = 4096, STRIDE = 2 << 20, SEEN_MAX = 16, FUTEX_WAITV = 449 };

typedef struct {
  uintptr_t from, to;
} range_t;
typedef struct {
  range_t range[SEEN_MAX];
  int count;
  char path[256];
} ranges_t;

static ranges_t domain;

// The mappings of the domain, by address.
static void find_domain(void) {
  FILE* maps = fopen("/proc/self/maps", "r");
  expect(maps != NULL);
  char line[512];
  while (fgets(line, sizeof line, maps) != NULL) {
    unsigned long from = 0, to = 0;
    char path[256];
    if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %255s", &from, &to, path) != 3) continue;
    char* end = strstr(path, "/segment.v");
    if (end == NULL) continue;
    // Whoever made it mapped it before it had its name.
    end += strlen("/segment.v");
    end[strspn(end, "0123456789")] = 0;
    expect(domain.count < SEEN_MAX);
    strcpy(domain.path, path);
    domain.range[domain.count++] = (range_t){from, to};
  }
  fclose(maps);
  expect(domain.count != 0);
}

// Everything but the life words, which are the second of three ranges when there is a guard.
static int is_guarded(int i) { return domain.count == 1 || i != 1; }

static void traffic(void) {
  const mach_port_t port = new_port();
  for (int i = 0; i < 4; i++) check(send_number(port, MACH_MSG_TYPE_MAKE_SEND, 7, i, 0));
  for (int i = 0; i < 4; i++) expect(receive_number(port, 7) == i);
  drop_receive(port);
}

static volatile pid_t waiter_tid;
static void* waits_for_long(void* port) {
  buffer_t buffer;
  waiter_tid = (pid_t)syscall(SYS_gettid);
  const kern_return_t result =
      mach_msg(&buffer.header, MACH_RCV_MSG, 0, sizeof buffer, *(mach_port_t*)port, 0, MACH_PORT_NULL);
  check(result);
  return NULL;
}

// The waiter first sleeps for a moment, then for seconds, and is awake for an instant between the two.
static void await_deep_sleep(void) {
  for (int i = 0; i < PATIENCE; i++) {
    char path[64];
    int number = -1;
    snprintf(path, sizeof path, "/proc/self/task/%d/syscall", (int)waiter_tid);
    FILE* file = fopen(path, "r");
    if (file != NULL && fscanf(file, "%d", &number) != 1) number = -1;
    if (file != NULL) fclose(file);
    if (number == FUTEX_WAITV) return;
    usleep(1000);
  }
  expect(!"the waiter sleeps");
}

// -- stores

typedef int vector_t __attribute__((vector_size(16)));
enum { KINDS = 10 };
static char junk[PAGE];
static int zeros;

// One store of a kind. Linux's own, on the program's behalf, fails instead of faulting.
static int store(volatile char* page, int kind) {
  volatile char* at = page + 64 * kind;
  uint64_t expected = ~0ull;
  switch (kind) {
    case 0:
      *at = 0x5a;
      return 1;
    case 1:
      *(volatile uint16_t*)at = 0x5a5a;
      return 1;
    case 2:
      *(volatile uint32_t*)at = 0x5a5a5a5a;
      return 1;
    case 3:
      *(volatile uint64_t*)at = 0x5a5a5a5a5a5a5a5aull;
      return 1;
    case 4:
      *(volatile vector_t*)at = (vector_t){1, 2, 3, 4};
      return 1;
    case 5:
      __atomic_fetch_add((volatile uint32_t*)at, 1, __ATOMIC_SEQ_CST);
      return 1;
    case 6:
      __atomic_compare_exchange_n((volatile uint64_t*)at, &expected, 1, 0, __ATOMIC_SEQ_CST,
                                  __ATOMIC_SEQ_CST);
      return 1;
    case 7:
      memset((char*)page, 0x5a, PAGE);
      return 1;
    case 8:
      memcpy((char*)page, junk, PAGE);
      return 1;
    default:
      return read(zeros, (char*)at, 8) == 8;
  }
}

static sigjmp_buf away;
static volatile unsigned long faults;
static void faulted(int signal) {
  (void)signal;
  faults++;
  siglongjmp(away, 1);
}

static volatile unsigned long tried, stored, pages;
static void store_all(uintptr_t page, int kinds) {
  pages++;
  for (volatile int kind = 0; kind < kinds; kind++) {
    tried++;
    if (sigsetjmp(away, 0) == 0) stored += (unsigned)store((volatile char*)page, kind);
  }
}

// Pages that have something in them, and of the rest every 512th: the domain is mostly holes.
static void sweep_range(int file, uintptr_t start, const range_t* range) {
  const off_t base = (off_t)(range->from - start), end = (off_t)(range->to - start);
  off_t at = base;
  while (at < end) {
    off_t data = lseek(file, at, SEEK_DATA);
    if (data < 0 || data > end) data = end;
    for (; at < data; at += STRIDE) store_all(start + (uintptr_t)at, 1);
    at = data;
    off_t hole = at < end ? lseek(file, at, SEEK_HOLE) : end;
    if (hole < 0 || hole > end) hole = end;
    for (; at < hole; at += PAGE) store_all(start + (uintptr_t)at, KINDS);
  }
}

static volatile sig_atomic_t hits;
static void traps(int signal) {
  (void)signal;
  traffic();
  hits++;
}

static int sweep(void) {
  // One thread sleeps in a trap meanwhile: that must not hold the domain open, not even after a handler of
  // its own has been in traps on top of it.
  mach_port_t port = new_port();
  pthread_t waiter;
  expect(pthread_create(&waiter, NULL, waits_for_long, &port) == 0);
  expect(signal(SIGUSR1, traps) != SIG_ERR);
  await_deep_sleep();
  expect(pthread_kill(waiter, SIGUSR1) == 0);
  while (hits == 0) usleep(1000);
  await_deep_sleep();
  find_domain();
  const int file = open(domain.path, O_RDONLY);
  zeros = open("/dev/zero", O_RDONLY);
  expect(file >= 0 && zeros >= 0);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = faulted;
  action.sa_flags = SA_NODEFER;
  expect(sigaction(SIGSEGV, &action, NULL) == 0);
  say("ready");
  await_line();
  for (int i = 0; i < domain.count; i++)
    if (is_guarded(i)) sweep_range(file, domain.range[0].from, &domain.range[i]);
  say("swept %lu pages: %lu stores, %lu done", pages, tried, stored);
  await_line();
  check(send_number(port, MACH_MSG_TYPE_MAKE_SEND, 8, 1, 0));
  expect(pthread_join(waiter, NULL) == 0);
  traffic();
  return 0;
}

// -- a pointer that is not what it should be

static uint64_t random_state;
static uint64_t next_random(void) {
  random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
  return random_state >> 20;
}

__attribute__((noreturn)) static void die(const char* seed) {
  find_domain();
  random_state = strtoull(seed, NULL, 10) * 7919 + 1;
  next_random();
  const int i = domain.count == 1 || next_random() % 2 != 0 ? domain.count - 1 : 0;
  const range_t* range = &domain.range[i];
  uintptr_t at = range->from + next_random() % (range->to - range->from);
  const uint64_t kind = next_random() % 4;
  if (kind == 1) at = range->from;
  if (kind == 2) at = range->from - (i == 0 ? 4 * PAGE : 0);  // what lies before it
  if (kind == 3) at = next_random() << 12 & 0x7ffffffff000;   // anywhere
  say("ready");
  await_line();
  const size_t step = 8u << next_random() % 12;
  for (volatile char* p = (volatile char*)at;; p += step) *p = 0x5a;
}

static int unguarded(void) {
  find_domain();
  say("ready");
  await_line();
  volatile char* last = (volatile char*)domain.range[domain.count - 1].from;
  *last = *last;
  say("stored");
  return 0;
}

// -- state that must stay

static int hold(const char* name) {
  enum { PORTS = 24, MESSAGES = 5, MEMORY = 70000 };
  mach_port_t ports[PORTS], set = MACH_PORT_NULL;
  const mach_port_t service = check_in(name);
  check(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &set));
  for (int i = 0; i < PORTS; i++) {
    ports[i] = new_port();
    if (i % 3 == 0) check(mach_port_move_member(mach_task_self(), ports[i], set));
    for (int n = 0; n < MESSAGES; n++)
      check(send_number(ports[i], MACH_MSG_TYPE_MAKE_SEND, 1, 100 * i + n, 0));
    check(mach_port_insert_right(mach_task_self(), ports[i], ports[i], MACH_MSG_TYPE_MAKE_SEND));
  }
  say("ready");
  await_line();
  for (int i = 0; i < PORTS; i++) {
    expect(refs_of(ports[i], MACH_PORT_RIGHT_SEND) == 1);
    expect(status_of(ports[i]).mps_msgcount == MESSAGES);
    if (i % 3 == 0) check(mach_port_move_member(mach_task_self(), ports[i], MACH_PORT_NULL));
    for (int n = 0; n < MESSAGES; n++) expect(receive_number(ports[i], 1) == 100 * i + n);
  }
  expect(type_of(service) == MACH_PORT_TYPE_RECEIVE);
  drop_receive(service);
  say("whole");
  return 0;
}

int main(int argc, char** argv) {
  expect(argc >= 2);
  traffic();
  if (strcmp(argv[1], "hold") == 0 && argc == 3) return hold(argv[2]);
  if (strcmp(argv[1], "sweep") == 0) return sweep();
  if (strcmp(argv[1], "unguarded") == 0) return unguarded();
  expect(strcmp(argv[1], "die") == 0 && argc == 3);
  die(argv[2]);
}
