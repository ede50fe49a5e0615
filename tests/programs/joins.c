// SPDX-License-Identifier: Apache-2.0
// One of many that come and go at the same time: this process, its threads and its children of every kind
// must each be let into the domain. `joins GENERATIONS`; see tests/process/joining_test.cpp. It says nothing
// unless something is wrong, on its standard output, which its orphans keep.
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "user_common.h"

static int wait_for(pid_t child) {
  int status = 0;
  expect(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void is_a_task(void) {
  int pid = 0;
  expect(MACH_PORT_VALID(mach_task_self()));
  check(pid_for_task(mach_task_self(), &pid));
  expect(pid == (int)syscall(SYS_getpid));
  drop_receive(new_port());
}

static void* attaches(void* unused) {
  (void)unused;
  const mach_port_t thread = mach_thread_self();
  expect(MACH_PORT_VALID(thread));
  drop_send(thread);
  return NULL;
}

int main(int argc, char** argv) {
  expect(argc == 2 && dup2(STDOUT_FILENO, STDERR_FILENO) >= 0);
  is_a_task();
  pthread_t thread;
  expect(pthread_create(&thread, NULL, attaches, NULL) == 0);
  const pid_t child = fork();
  if (child == 0) {
    is_a_task();
    const pid_t raw = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (raw == 0) {
      // Nothing has told the library: its first trap joins.
      expect(MACH_PORT_VALID(mach_reply_port()));
      is_a_task();
      _exit(0);
    }
    expect(wait_for(raw) == 0);
    _exit(0);
  }
  expect(pthread_join(thread, NULL) == 0);
  const int generations = atoi(argv[1]);
  if (generations == 0) {
    expect(wait_for(child) == 0);
    return 0;
  }
  // The image is replaced while the child lives.
  char left[16];
  snprintf(left, sizeof left, "%d", generations - 1);
  execl("/proc/self/exe", argv[0], left, (char*)NULL);
  return 1;
}
