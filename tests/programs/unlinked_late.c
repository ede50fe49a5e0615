// SPDX-License-Identifier: Apache-2.0
// A program that knows nothing of Portolan until it loads the library, with a handler of its own in place by
// then: `unlinked_late LIBRARY`; see tests/process/late_test.cpp. Its own calls of sigaction go to the C
// library.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

typedef uint32_t name_t;
static name_t (*g_reply_port)(void);
static name_t (*g_thread_self)(void);
static int (*g_mod_refs)(name_t, name_t, uint32_t, int32_t);
static int (*g_deallocate)(name_t, name_t);
static name_t* g_self;
static volatile sig_atomic_t g_hits, g_refused;

static void expect(int truth, const char* what) {
  if (truth) return;
  fprintf(stderr, "not so: %s\n", what);
  exit(1);
}

// As the library calls it, between two traps.
static void traps(int signal) {
  (void)signal;
  g_hits++;
  if (g_thread_self == NULL) return;
  const name_t name = g_thread_self();
  if (name == 0 || g_deallocate(*g_self, name) != 0) g_refused++;
}

static void load(void** library, const char* path) {
  *library = dlopen(path, RTLD_NOW);
  expect(*library != NULL, dlerror());
  *(void**)&g_reply_port = dlsym(*library, "mach_reply_port");
  *(void**)&g_mod_refs = dlsym(*library, "mach_port_mod_refs");
  *(void**)&g_deallocate = dlsym(*library, "mach_port_deallocate");
  *(void**)&g_self = dlsym(*library, "mach_task_self_");
  *(void**)&g_thread_self = dlsym(*library, "mach_thread_self");
  expect(g_self != NULL && *g_self != 0, "it is a task");
}

static void use(void) {
  for (int i = 0; i < 2000; i++) expect(g_mod_refs(*g_self, g_reply_port(), 1, -1) == 0, "ports");
}

int main(int argc, char** argv) {
  expect(argc == 2, "an argument");
  struct sigaction action = {.sa_handler = traps};
  expect(sigaction(SIGALRM, &action, NULL) == 0, "a handler");
  const struct itimerval interval = {{0, 200}, {0, 200}};
  expect(setitimer(ITIMER_REAL, &interval, NULL) == 0, "a timer");
  for (int i = 0; i < 20; i++) {
    void* library = NULL;
    load(&library, argv[1]);
    use();
    const pid_t child = fork();
    if (child == 0) {
      use();
      _exit(0);
    }
    int status = 1;
    while (waitpid(child, &status, 0) < 0) continue;
    expect(status == 0, "the child is a task, too");
    expect(dlclose(library) == 0, "it can be closed, though it stays");
  }
  while (g_hits < 100) use();
  expect(g_refused == 0, "the handler never ran on top of a trap");
  return 0;
}
