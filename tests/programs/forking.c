// SPDX-License-Identifier: Apache-2.0
// New processes out of a program in the middle of traps: by every kind of fork, from handlers, among threads
// that trap, with handlers of forks that trap. `forking CASE`; see tests/process/forking_test.cpp.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "user_work.h"

extern char** environ;

enum { kThreads = 3, kHello = 77 };

static int wait_for(pid_t child) {
  int status = 0;
  pid_t got;
  while ((got = waitpid(child, &status, 0)) < 0 && errno == EINTR) continue;
  expect(got == child);
  const int result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (result != 0) fprintf(stderr, "child %d: %d\n", (int)child, result);
  return result;
}

static int is_a_task(void) {
  int pid = 0;
  return MACH_PORT_VALID(mach_task_self()) && pid_for_task(mach_task_self(), &pid) == KERN_SUCCESS &&
         pid == (int)syscall(SYS_getpid);
}

// What a child does: it is a task of its own, with an empty space, in which everything works.
static int lives(void) {
  if (!is_a_task()) return 3;
  const mach_port_t port = new_port();
  unsigned state = (unsigned)getpid();
  for (int i = 0; i < 8; i++) work_once(port, &state);
  drop_receive(port);
  return type_of(bootstrap_port) == MACH_PORT_TYPE_SEND ? 0 : 4;
}

// ------------------------------------------------------------------------------------------------------------
// among threads that trap

static pid_t ordinary(void) { return fork(); }
static pid_t without_handlers(void) { return _Fork(); }
static pid_t raw(void) { return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }

static void in_traffic(pid_t (*make)(void), int times) {
  pthread_t threads[kThreads];
  work_start(threads, kThreads);
  for (int i = 0; i < times; i++) {
    const pid_t child = make();
    if (child == 0) _exit(lives());
    expect(child > 0 && wait_for(child) == 0);
  }
  work_stop(threads, kThreads);
  expect(is_a_task());
}
static void forks(void) { in_traffic(ordinary, rounds(100)); }
static void underscore_forks(void) { in_traffic(without_handlers, rounds(50)); }
static void raw_forks(void) { in_traffic(raw, rounds(50)); }

// A child that is killed while it joins, and after.
static void forks_killed(void) {
  pthread_t threads[kThreads];
  unsigned state = 3;
  work_start(threads, kThreads);
  for (int i = 0; i < rounds(100); i++) {
    const pid_t child = fork();
    if (child == 0) {
      for (;;) (void)lives();
    }
    usleep(dice(&state, 1500));
    kill(child, SIGKILL);
    expect(wait_for(child) == 128 + SIGKILL);
  }
  work_stop(threads, kThreads);
}

// Another thread changes handlers all the time: the child can, too.
static void no_op(int signal) { (void)signal; }
static void* changes_handlers(void* unused) {
  (void)unused;
  while (!atomic_load(&work_stops))
    for (int number = SIGRTMIN; number < SIGRTMIN + 4; number++) signal(number, no_op);
  return NULL;
}
static void forks_among_changes(void) {
  pthread_t threads[2];
  for (int number = SIGRTMIN; number < SIGRTMIN + 4; number++) signal(number, no_op);
  for (int i = 0; i < 2; i++) expect(pthread_create(&threads[i], NULL, changes_handlers, NULL) == 0);
  for (int i = 0; i < rounds(40); i++) {
    const pid_t child = i % 3 == 0 ? raw() : fork();
    if (child == 0) {
      alarm(20);
      if (signal(SIGRTMIN, no_op) == SIG_ERR || raise(SIGRTMIN) != 0 || raise(SIGRTMIN + 1) != 0) _exit(1);
      _exit(is_a_task() || mach_reply_port() != MACH_PORT_NULL ? 0 : 2);
    }
    expect(wait_for(child) == 0);
  }
  work_stop(threads, 2);
}

// Handlers of forks, set before and after ours: all three trap, each as the process that it is in.
static int g_handlers_ran;
static void traps(void) {
  if (!is_a_task()) _exit(5);
  drop_receive(new_port());
  g_handlers_ran++;
}
static void handlers_of_forks(void) {
  expect(pthread_atfork(traps, traps, traps) == 0);
  in_traffic(ordinary, rounds(40));
  expect(g_handlers_ran == 2 * rounds(40));
  const pid_t child = fork();
  if (child == 0) _exit(g_handlers_ran == 2 * rounds(40) + 2 ? 0 : 1);
  expect(wait_for(child) == 0);
}

static void daemons(void) {
  const mach_port_t port = new_port();
  check(mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND));
  mach_port_t hand = port;
  check(mach_ports_register(mach_task_self(), &hand, 1));
  pthread_t threads[kThreads];
  work_start(threads, kThreads);
  for (int i = 0; i < rounds(20); i++) {
    const pid_t child = fork();
    if (child == 0) {
      if (daemon(1, 1) != 0) _exit(1);
      mach_port_array_t ports = NULL;
      mach_msg_type_number_t count = 0;
      check(mach_ports_lookup(mach_task_self(), &ports, &count));
      check(send_number(ports[0], MACH_MSG_TYPE_COPY_SEND, kHello, lives(), -1));
      _exit(0);
    }
    expect(wait_for(child) == 0);
    expect(receive_number(port, kHello) == 0);
  }
  work_stop(threads, kThreads);
}

// ------------------------------------------------------------------------------------------------------------
// from handlers

static volatile sig_atomic_t g_children, g_failed;
static void forks_in_handler(int signal) {
  (void)signal;
  const int saved = errno;
  const pid_t child = g_children % 2 == 0 ? fork() : _Fork();
  if (child == 0) _exit(lives());
  if (child < 0 || wait_for(child) != 0) g_failed++;
  g_children++;
  errno = saved;
}
static void in_handlers(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = forks_in_handler;
  expect(sigaction(SIGALRM, &action, NULL) == 0);
  const mach_port_t port = new_port();
  unsigned state = 1;
  const struct itimerval soon = {{0, 0}, {0, 300}};
  for (int i = 0; i < rounds(100); i++) {
    expect(setitimer(ITIMER_REAL, &soon, NULL) == 0);
    // A blocked receive is interrupted every other time.
    buffer_t buffer;
    if (i % 2 == 0)
      expect_code(MACH_RCV_INTERRUPTED, mach_msg(&buffer.header, MACH_RCV_MSG | MACH_RCV_INTERRUPT, 0,
                                                 sizeof buffer, port, 0, MACH_PORT_NULL));
    while (g_children == i) work_once(port, &state);
  }
  expect(g_children == rounds(100) && g_failed == 0);
}

// ------------------------------------------------------------------------------------------------------------
// other images

static void inherited(void) { exit(lives()); }

// Found in time: Linux does not tell any more once the first thread is gone.
static char g_self[512];
static char* g_arguments[] = {g_self, "inherited", NULL};

static void vforks(void) {
  pthread_t threads[kThreads];
  work_start(threads, kThreads);
  for (int i = 0; i < rounds(40); i++) {
    const pid_t child = vfork();
    if (child == 0) {
      // The usual things in between: none of them is a trap.
      sigset_t none;
      sigemptyset(&none);
      sigprocmask(SIG_SETMASK, &none, NULL);
      signal(SIGINT, SIG_DFL);
      close(0);
      if (i % 4 != 0) execv(g_arguments[0], g_arguments);
      _exit(9);
    }
    expect(wait_for(child) == (i % 4 != 0 ? 0 : 9));
  }
  work_stop(threads, kThreads);
}

// With everything that posix_spawn can be asked for.
static void spawns(void) {
  pthread_t threads[kThreads];
  work_start(threads, kThreads);
  posix_spawn_file_actions_t actions;
  expect(posix_spawn_file_actions_init(&actions) == 0);
  expect(posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0) == 0);
  expect(posix_spawn_file_actions_adddup2(&actions, 0, 7) == 0);
  expect(posix_spawn_file_actions_addclose(&actions, 7) == 0);
  expect(posix_spawn_file_actions_addclosefrom_np(&actions, 3) == 0);
  posix_spawnattr_t attributes;
  expect(posix_spawnattr_init(&attributes) == 0);
  sigset_t all, few;
  sigfillset(&all);
  sigemptyset(&few);
  sigaddset(&few, SIGUSR1);
  expect(posix_spawnattr_setsigdefault(&attributes, &all) == 0);
  expect(posix_spawnattr_setsigmask(&attributes, &few) == 0);
  const short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP;
  expect(posix_spawnattr_setflags(&attributes, flags) == 0);
  for (int i = 0; i < rounds(40); i++) {
    pid_t child = 0;
    const int many = i % 2;
    expect(posix_spawn(&child, g_arguments[0], many ? &actions : NULL, many ? &attributes : NULL, g_arguments,
                       environ) == 0);
    if (i % 10 == 9) {
      kill(child, SIGKILL);
      const int status = wait_for(child);
      expect(status == 0 || status == 128 + SIGKILL);
    } else {
      expect(wait_for(child) == 0);
    }
  }
  char* nothing[] = {"none", NULL};
  expect(posix_spawn(NULL, "/nonexistent", &actions, &attributes, nothing, environ) == ENOENT);
  work_stop(threads, kThreads);
}

static void* execs(void* unused) {
  (void)unused;
  usleep(500);
  execv(g_arguments[0], g_arguments);
  _exit(9);
}
// exec by a thread that is not the leader, while the others are in traps, or two at once.
static void other_execs(void) {
  for (int i = 0; i < rounds(40); i++) {
    const pid_t child = fork();
    if (child == 0) {
      pthread_t threads[kThreads], other, another;
      work_start(threads, kThreads);
      expect(pthread_create(&other, NULL, execs, NULL) == 0);
      if (i % 2 == 0) (void)pthread_create(&another, NULL, execs, NULL);
      if (i % 3 == 0) pthread_exit(NULL);  // a leader that is gone by then
      (void)work_thread((void*)9);
    }
    expect(wait_for(child) == 0);
  }
}

int main(int argc, char** argv) {
  static const case_t kCases[] = {{"forks", forks},
                                  {"underscore", underscore_forks},
                                  {"raw", raw_forks},
                                  {"killed", forks_killed},
                                  {"changes", forks_among_changes},
                                  {"atfork", handlers_of_forks},
                                  {"daemons", daemons},
                                  {"handlers", in_handlers},
                                  {"inherited", inherited},
                                  {"vforks", vforks},
                                  {"spawns", spawns},
                                  {"execs", other_execs}};
  expect(readlink("/proc/self/exe", g_self, sizeof g_self - 1) > 0);
  return run_case(kCases, sizeof kCases / sizeof kCases[0], argc, argv);
}
