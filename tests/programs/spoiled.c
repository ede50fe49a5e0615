// SPDX-License-Identifier: Apache-2.0
// Tasks whose domain's file is spoiled under them; see tests/process/spoiled_test.cpp.
//   spoiled traps      makes traps of all kinds until a line comes
//   spoiled sleeps     sleeps in a receive without limit; a line wakes it
//   spoiled forks      forks children that make traps, until a line comes
//   spoiled joins      says whether it is a task
// Each says "up", and in the end "fine", or "lost" when every trap says so.
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <sys/wait.h>
#include <time.h>

#include "user_common.h"

#ifdef __SANITIZE_ADDRESS__
// The faults of these programs are theirs to handle.
const char* __asan_default_options(void);
const char* __asan_default_options(void) { return "handle_segv=0:handle_sigbus=0:detect_leaks=0"; }
#endif

static int told_to_stop(void) {
  struct pollfd ready = {0, POLLIN, 0};
  return poll(&ready, 1, 0) != 0;
}

// Is that how a trap of a lost domain answers?
static int is_lost(kern_return_t code) {
  return code == KERN_TERMINATED || code == MACH_SEND_INVALID_DEST || code == MACH_RCV_INVALID_NAME;
}

static int one_round(void) {
  mach_port_t port = MACH_PORT_NULL;
  kern_return_t code = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port);
  if (code == KERN_SUCCESS)
    code = mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND);
  if (code == KERN_SUCCESS) code = send_number(port, MACH_MSG_TYPE_COPY_SEND, 1, 1, 0);
  buffer_t buffer;
  if (code == KERN_SUCCESS) code = receive(&buffer, port, 0);
  if (code == KERN_SUCCESS) code = mach_port_deallocate(mach_task_self(), port);
  if (code == KERN_SUCCESS) code = mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1);
  if (code == KERN_SUCCESS) return 1;
  if (!is_lost(code)) check(code);
  return 0;
}

// Once lost, always lost.
static void end(int fine) {
  for (int i = 0; !fine && i < 20; i++) expect(!one_round());
  say(fine ? "fine" : "lost");
  exit(0);
}

static void makes_traps(void) {
  int fine = one_round();
  say("up");
  while (fine && !told_to_stop()) fine = one_round();
  end(fine);
}

static mach_port_t g_port;
static kern_return_t g_code;
static void* sleeps(void* unused) {
  buffer_t buffer;
  g_code = mach_msg(&buffer.header, MACH_RCV_MSG, 0, sizeof buffer, g_port, 0, MACH_PORT_NULL);
  return unused;
}

static void sleeps_until_told(void) {
  g_port = new_port();
  check(mach_port_insert_right(mach_task_self(), g_port, g_port, MACH_MSG_TYPE_MAKE_SEND));
  pthread_t sleeper;
  expect(pthread_create(&sleeper, NULL, sleeps, NULL) == 0);
  usleep(400000);  // it is past its first, short sleep
  say("up");
  int joined = 0;
  while (!joined && !told_to_stop()) {
    struct timespec soon;
    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_nsec += 50000000;
    if (soon.tv_nsec >= 1000000000) soon.tv_sec++, soon.tv_nsec -= 1000000000;
    joined = pthread_timedjoin_np(sleeper, NULL, &soon) == 0;
  }
  if (!joined) {
    check(send_number(g_port, MACH_MSG_TYPE_COPY_SEND, 1, 1, 0));
    expect(pthread_join(sleeper, NULL) == 0);
  }
  if (g_code != KERN_SUCCESS) expect(is_lost(g_code));
  end(g_code == KERN_SUCCESS);
}

static void makes_children(void) {
  int fine = one_round();
  say("up");
  while (fine && !told_to_stop()) {
    const pid_t child = fork();
    expect(child >= 0);
    if (child == 0) {
      expect(freopen("/dev/null", "w", stderr) != NULL);  // many of them may be refused
      one_round();
      _exit(0);
    }
    int status = 0;
    expect(waitpid(child, &status, 0) == child);
    expect(status == 0);
    fine = one_round();
  }
  end(fine);
}

int main(int argc, char** argv) {
  expect(argc == 2);
  if (strcmp(argv[1], "traps") == 0) makes_traps();
  if (strcmp(argv[1], "sleeps") == 0) sleeps_until_told();
  if (strcmp(argv[1], "forks") == 0) makes_children();
  expect(strcmp(argv[1], "joins") == 0);
  say(mach_task_self() != MACH_PORT_NULL && one_round() ? "joined" : "refused");
  return 0;
}
