// SPDX-License-Identifier: Apache-2.0
// Threads that end in the middle of what they do, and processes that go on without them. `threads CASE`; see
// tests/process/threads_test.cpp.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "user_work.h"

enum { kThreads = 3 };

// A handler that the library does not see.
struct raw_action {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)(void);
  uint64_t mask;
};
static void install_raw(int signal, void (*handler)(int)) {
  const struct raw_action action = {handler, 0x04000000 /* SA_RESTORER */, NULL, 0};  // never returns
  expect(syscall(SYS_rt_sigaction, signal, &action, NULL, sizeof(uint64_t)) == 0);
}

static void start(pthread_t* thread, void* (*run)(void*), void* argument) {
  expect(pthread_create(thread, NULL, run, argument) == 0);
}
static void end(pthread_t thread) { expect(pthread_join(thread, NULL) == 0); }

// Everything still works here, whatever became of other threads.
static void all_is_well(void) {
  const mach_port_t port = new_port();
  unsigned state = 1;
  for (int i = 0; i < 50; i++) work_once(port, &state);
  drop_receive(port);
}

static void until(atomic_int* flag) {
  for (const double limit = seconds_now() + 20; !atomic_load(flag); usleep(200))
    expect(seconds_now() < limit);
}

// ----------------------------------------------------------------------------------------------------------
// many

static void* traps_and_ends(void* unused) {
  (void)unused;
  const mach_port_t thread = mach_thread_self();
  expect(MACH_PORT_VALID(thread));
  drop_receive(new_port());
  return NULL;
}
// Made and ended by the thousand: their slots come back, and so do their ports' names.
static void thousands(void) {
  enum { kAtOnce = 16 };
  for (int i = 0; i < rounds(4000) / kAtOnce; i++) {
    pthread_t threads[kAtOnce];
    for (int j = 0; j < kAtOnce; j++) start(&threads[j], traps_and_ends, NULL);
    for (int j = 0; j < kAtOnce; j++) end(threads[j]);
  }
  all_is_well();
}

// --------------------------------------------------------------------------------------------------------
// that end anywhere

static void ends_here(int signal) {
  (void)signal;
  syscall(SYS_exit, 0);
}
// A thread ends by a bare system call at an arbitrary instruction: in the middle of a message half received,
// of memory half copied, asleep, in a transaction. Nobody tells the library; its process goes on.
static void end_anywhere(void) {
  install_raw(SIGUSR1, ends_here);
  pthread_t others[2];
  unsigned state = 1;
  work_start(others, 2);
  for (int i = 0; i < rounds(400); i++) {
    pthread_t thread;
    start(&thread, work_thread, (void*)(uintptr_t)(100 + i));
    usleep(dice(&state, 800));
    pthread_kill(thread, SIGUSR1);
    end(thread);
  }
  work_stop(others, 2);
  all_is_well();
}

typedef struct {
  mach_port_t port, full;
  atomic_int asleep;
  int sends;
} waiter_t;

// Never ends by itself.
static void* waits(void* argument) {
  waiter_t* waiter = argument;
  buffer_t buffer;
  atomic_store(&waiter->asleep, 1);
  if (waiter->sends)
    (void)send_number(waiter->full, MACH_MSG_TYPE_MAKE_SEND, 1, 2, -1);
  else
    (void)mach_msg(&buffer.header, MACH_RCV_MSG, 0, sizeof buffer, waiter->port, 0, MACH_PORT_NULL);
  return NULL;
}
static void make_waiter(waiter_t* waiter, int sends) {
  memset(waiter, 0, sizeof *waiter);
  waiter->port = new_port();
  waiter->full = new_port();
  waiter->sends = sends;
  set_queue_limit(waiter->full, 1);
  check(send_number(waiter->full, MACH_MSG_TYPE_MAKE_SEND, 1, 1, 0));
}
// Nobody waits any more: what is sent stays, and what was to be sent was not.
static void no_waiter_left(const waiter_t* waiter) {
  for (int i = 0; i < 2; i++) {
    check(send_number(waiter->port, MACH_MSG_TYPE_MAKE_SEND, 3, i, 0));
    expect(receive_number(waiter->port, 3) == i);
  }
  expect(receive_number(waiter->full, 1) == 1);
  buffer_t buffer;
  expect_code(MACH_RCV_TIMED_OUT, receive(&buffer, waiter->full, 0));
  drop_receive(waiter->port);
  drop_receive(waiter->full);
}
// The same while it is blocked, or just about to be. What is sent before launchd has found out, which takes a
// second at the worst, is granted to the dead, and passed on: so there are many at once.
static void end_blocked(void) {
  enum { kAtOnce = 24 };
  static waiter_t waiters[kAtOnce];
  pthread_t threads[kAtOnce];
  install_raw(SIGUSR1, ends_here);
  unsigned state = 1;
  for (int i = 0; i < rounds(6); i++) {
    for (int j = 0; j < kAtOnce; j++) {
      make_waiter(&waiters[j], j % 2);
      start(&threads[j], waits, &waiters[j]);
      until(&waiters[j].asleep);
      if (j % 3 == 0) usleep(dice(&state, 400));
      pthread_kill(threads[j], SIGUSR1);
    }
    for (int j = 0; j < kAtOnce; j++) end(threads[j]);
    for (int j = 0; j < kAtOnce; j++) no_waiter_left(&waiters[j]);
  }
}

// ------------------------------------------------------------------------------------------------------------
// that are cancelled

// Traps are no cancellation points: a thread in traffic goes on until it comes to one, and leaves nothing
// behind.
static void* works_until_cancelled(void* argument) {
  atomic_int* passed = argument;
  unsigned state = 5;
  const mach_port_t port = new_port();
  for (;;) {
    for (int i = 0; i < 20; i++) work_once(port, &state);
    atomic_fetch_add(passed, 1);
    pthread_testcancel();
  }
  return NULL;
}
static void cancel_deferred(void) {
  for (int i = 0; i < rounds(200); i++) {
    atomic_int passed = 0;
    pthread_t thread;
    void* result = NULL;
    start(&thread, works_until_cancelled, &passed);
    if (i % 2 == 0) until(&passed);
    expect(pthread_cancel(thread) == 0);
    expect(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
  }
  all_is_well();
}

static void* receives_number_once(void* argument) {
  waiter_t* waiter = argument;
  pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, NULL);
  atomic_store(&waiter->asleep, 1);
  // However long it takes, and although it is cancelled meanwhile.
  buffer_t buffer;
  check(mach_msg(&buffer.header, MACH_RCV_MSG, 0, sizeof buffer, waiter->port, 0, MACH_PORT_NULL));
  expect(buffer.number.number == 7);
  return NULL;
}
static void cancel_deferred_blocked(void) {
  for (int i = 0; i < rounds(100); i++) {
    waiter_t waiter;
    pthread_t thread;
    void* result = PTHREAD_CANCELED;
    make_waiter(&waiter, 0);
    start(&thread, receives_number_once, &waiter);
    until(&waiter.asleep);
    if (i % 2 == 0) usleep(300);
    expect(pthread_cancel(thread) == 0);
    check(send_number(waiter.port, MACH_MSG_TYPE_MAKE_SEND, 1, 7, 0));
    expect(pthread_join(thread, &result) == 0 && result == NULL);
    no_waiter_left(&waiter);
  }
}

// The seldom ways of a trap make calls that are cancellation points of the C library: joining, ...
static void* joins_cancelled(void* unused) {
  (void)unused;
  pthread_cancel(pthread_self());
  const mach_port_t port = mach_reply_port();
  if (port == MACH_PORT_NULL || mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1) != 0)
    _exit(4);
  // ... looking into /proc, ...
  task_basic_info_64_data_t info;
  mach_msg_type_number_t count = TASK_BASIC_INFO_64_COUNT;
  if (task_info(mach_task_self(), TASK_BASIC_INFO_64, (task_info_t)&info, &count) != KERN_SUCCESS) _exit(5);
  // ... and making a child.
  const pid_t child = fork();
  if (child == 0) _exit(mach_task_self() == MACH_PORT_NULL);
  int status = 1;
  if (syscall(SYS_wait4, child, &status, 0, NULL) != child || status != 0) _exit(6);
  _exit(0);
}
static void cancel_joining(void) {
  for (int i = 0; i < rounds(100); i++) {
    const pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child == 0) {
      (void)joins_cancelled(NULL);
      _exit(7);
    }
    int status = 1;
    expect(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
}

// Asynchronous cancellation, which may come at any instruction, also of a trap: nothing is promised to the
// program, but the kernel stays whole.
static void* works_asynchronously(void* seed) {
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
  return work_thread(seed);
}
static void cancel_asynchronous(void) {
  pthread_t other;
  unsigned state = 3;
  work_start(&other, 1);
  for (int i = 0; i < rounds(300); i++) {
    pthread_t thread;
    void* result = NULL;
    start(&thread, works_asynchronously, (void*)(uintptr_t)(i + 5));
    usleep(dice(&state, 600));
    expect(pthread_cancel(thread) == 0);
    expect(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
  }
  work_stop(&other, 1);
  all_is_well();
}
static void* waits_asynchronously(void* argument) {
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
  return waits(argument);
}
static void cancel_asynchronous_blocked(void) {
  for (int i = 0; i < rounds(200); i++) {
    waiter_t waiter;
    pthread_t thread;
    make_waiter(&waiter, i % 2);
    start(&thread, waits_asynchronously, &waiter);
    until(&waiter.asleep);
    if (i % 4 < 2) usleep(300);
    expect(pthread_cancel(thread) == 0);
    end(thread);
    no_waiter_left(&waiter);
  }
}

// ------------------------------------------------------------------------------------------------------------
// first threads

static void* outlives(void* argument) {
  const pthread_t first = *(pthread_t*)argument;
  expect(pthread_join(first, NULL) == 0);
  const double limit = seconds_now() + 1.5;  // longer than launchd sleeps between two looks
  pthread_t threads[kThreads];
  work_start(threads, kThreads);
  while (seconds_now() < limit) {
    const pid_t child = fork();
    if (child == 0) _exit(MACH_PORT_VALID(mach_task_self()) ? 0 : 1);
    int status = 1;
    expect(waitpid(child, &status, 0) == child && status == 0);
  }
  work_stop(threads, kThreads);
  all_is_well();
  exit(0);
}
// The first thread leaves; the others trap, fork, and make threads.
static void leader_leaves(void) {
  static pthread_t first;
  pthread_t other;
  first = pthread_self();
  all_is_well();
  start(&other, outlives, &first);
  pthread_exit(NULL);
}

// ------------------------------------------------------------------------------------------------------------
// with robust mutexes of their own

typedef struct {
  pthread_mutex_t mutex[4];
} robust_t;

static robust_t* robust_mutexes(void) {
  robust_t* robust = mmap(NULL, sizeof *robust, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  expect(robust != MAP_FAILED);
  pthread_mutexattr_t attributes;
  expect(pthread_mutexattr_init(&attributes) == 0);
  expect(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0);
  expect(pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0);
  for (int i = 0; i < 4; i++) {
    // One of them inherits priorities: its link is marked.
    const int protocol = i == 3 ? PTHREAD_PRIO_INHERIT : PTHREAD_PRIO_NONE;
    expect(pthread_mutexattr_setprotocol(&attributes, protocol) == 0);
    expect(pthread_mutex_init(&robust->mutex[i], &attributes) == 0);
  }
  return robust;
}
// Locked and unlocked around attaching, and partly kept.
static void lock_around(robust_t* robust) {
  expect(pthread_mutex_lock(&robust->mutex[0]) == 0 && pthread_mutex_lock(&robust->mutex[1]) == 0);
  drop_receive(new_port());  // a new thread attaches here: its life word comes on the list in front of those
  expect(pthread_mutex_lock(&robust->mutex[3]) == 0 && pthread_mutex_lock(&robust->mutex[2]) == 0);
  expect(pthread_mutex_unlock(&robust->mutex[1]) == 0 && pthread_mutex_unlock(&robust->mutex[3]) == 0);
  drop_receive(new_port());
  expect(pthread_mutex_lock(&robust->mutex[3]) == 0);
}
static void take_over(robust_t* robust) {
  for (int i = 0; i < 4; i++) {
    const int code = pthread_mutex_lock(&robust->mutex[i]);
    expect(code == (i == 1 ? 0 : EOWNERDEAD));
    if (code == EOWNERDEAD) expect(pthread_mutex_consistent(&robust->mutex[i]) == 0);
    expect(pthread_mutex_unlock(&robust->mutex[i]) == 0);
  }
}
static void* ends_with_locks(void* argument) {
  lock_around(argument);
  return NULL;
}
static void robust(void) {
  robust_t* mutexes = robust_mutexes();
  for (int i = 0; i < rounds(100); i++) {
    pthread_t thread;
    start(&thread, ends_with_locks, mutexes);
    end(thread);
    take_over(mutexes);
    int ready[2];
    expect(pipe(ready) == 0);
    const pid_t child = i % 2 == 0 ? fork() : _Fork();
    if (child == 0) {
      lock_around(mutexes);
      expect(write(ready[1], "x", 1) == 1);
      for (;;) pause();
    }
    char byte;
    expect(read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    close(ready[1]);
    expect(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
    take_over(mutexes);
  }
}

int main(int argc, char** argv) {
  static const case_t kCases[] = {{"thousands", thousands},
                                  {"end", end_anywhere},
                                  {"end-blocked", end_blocked},
                                  {"cancel", cancel_deferred},
                                  {"cancel-blocked", cancel_deferred_blocked},
                                  {"cancel-joining", cancel_joining},
                                  {"async", cancel_asynchronous},
                                  {"async-blocked", cancel_asynchronous_blocked},
                                  {"leader", leader_leaves},
                                  {"robust", robust}};
  return run_case(kCases, sizeof kCases / sizeof kCases[0], argc, argv);
}
