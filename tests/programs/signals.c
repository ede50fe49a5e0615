// SPDX-License-Identifier: Apache-2.0
// Signals and traps: `signals CASE`; see tests/process/signals_test.cpp.
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "user_common.h"

#ifdef __SANITIZE_ADDRESS__
// The faults of these programs are theirs to handle.
const char* __asan_default_options(void);
const char* __asan_default_options(void) { return "handle_segv=0:handle_sigbus=0:detect_leaks=0"; }
#endif

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static volatile sig_atomic_t g_hits;
static void counts(int signal) {
  (void)signal;
  g_hits++;
}

static void timer(long microseconds) {
  const struct itimerval interval = {{0, microseconds}, {0, microseconds}};
  expect(setitimer(ITIMER_REAL, &interval, NULL) == 0);
}

// A handler that never returns, over and over: no trap leaves anything behind.
static sigjmp_buf g_jump;
static void jumps(int signal) {
  (void)signal;
  g_hits++;
  siglongjmp(g_jump, 1);
}
static void storm(void) {
  const mach_port_t port = new_port();
  const mach_port_t other = new_port();
  check(mach_port_insert_right(mach_task_self(), other, other, MACH_MSG_TYPE_MAKE_SEND));
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = jumps;
  sigaction(SIGALRM, &action, NULL);
  const double end = now() + 3;
  volatile long rounds = 0;
  (void)sigsetjmp(g_jump, 1);
  if (rounds == 0) timer(200);
  while (now() < end) {
    buffer_t buffer;
    mach_port_t name = MACH_PORT_NULL;
    switch (rounds++ % 5) {
      case 0:
        (void)mach_port_deallocate(mach_task_self(), task_self_trap());
        break;
      case 1:
        expect(receive(&buffer, port, 1) == MACH_RCV_TIMED_OUT);
        break;  // rarely lasts so long
      case 2:
        (void)send_number(other, MACH_MSG_TYPE_COPY_SEND, 5, 5, 0);
        break;
      case 3:
        (void)receive(&buffer, other, 0);
        break;
      default:
        if (mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &name) == KERN_SUCCESS)
          (void)mach_port_mod_refs(mach_task_self(), name, MACH_PORT_RIGHT_RECEIVE, -1);
    }
  }
  timer(0);
  say("rounds %ld hits %ld", (long)rounds, (long)g_hits);
  expect(g_hits > 1000 && rounds > 100);
  // Everything still works, from here and from another thread.
  drop_receive(port);
  expect(type_of(port) == 0);
}

// The same with handlers that return and trap themselves.
static void traps(int signal) {
  (void)signal;
  const mach_port_t name = mach_thread_self();
  if (name != MACH_PORT_NULL) (void)mach_port_deallocate(mach_task_self(), name);
  g_hits++;
}
static void nested(void) {
  const mach_port_t port = new_port();
  signal(SIGALRM, traps);
  const double end = now() + 2;
  timer(200);
  while (now() < end) {
    buffer_t buffer;
    const kern_return_t code = mach_msg(&buffer.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT | MACH_RCV_INTERRUPT,
                                        0, sizeof buffer, port, 2, MACH_PORT_NULL);
    expect(code == MACH_RCV_TIMED_OUT || code == MACH_RCV_INTERRUPTED);
    (void)mach_port_deallocate(mach_task_self(), task_self_trap());
  }
  timer(0);
  expect(g_hits > 1000);
  expect(refs_of(mach_task_self(), MACH_PORT_RIGHT_SEND) == 1);
}

// A receive that was asked to be interrupted is; one that was not goes on. The handler runs before it
// returns.
static void* alarms(void* thread) {
  for (int i = 0; i < 3; i++) {
    usleep(50000);
    pthread_kill(*(pthread_t*)thread, SIGUSR1);
  }
  return NULL;
}
static void interrupted(void) {
  const mach_port_t port = new_port();
  signal(SIGUSR1, counts);
  pthread_t self = pthread_self(), other;
  expect(pthread_create(&other, NULL, alarms, &self) == 0);
  buffer_t buffer;
  double start = now();
  expect_code(MACH_RCV_INTERRUPTED, mach_msg(&buffer.header, MACH_RCV_MSG | MACH_RCV_INTERRUPT, 0,
                                             sizeof buffer, port, 0, MACH_PORT_NULL));
  expect(g_hits == 1 && now() - start < 5);
  start = now();
  expect_code(MACH_RCV_TIMED_OUT, mach_msg(&buffer.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof buffer,
                                           port, 300, MACH_PORT_NULL));
  expect(g_hits == 3 && now() - start > 0.25);
  pthread_join(other, NULL);
}

// sigaction and its relatives tell and do what the C library's would.
static volatile sig_atomic_t g_order[8], g_place;
static void notes(int signal) { g_order[g_place++ & 7] = signal; }
static volatile sig_atomic_t g_code;
static void tells(int signal, siginfo_t* info, void* context) {
  (void)signal;
  (void)context;
  g_code = info->si_value.sival_int;
}
static void* g_fault_at;
static sigjmp_buf g_fault;
static void faults(int signal, siginfo_t* info, void* context) {
  (void)signal;
  (void)context;
  g_fault_at = info->si_addr;
  siglongjmp(g_fault, 1);
}
static void actions(void) {
  struct sigaction action, old;
  memset(&action, 0, sizeof action);
  action.sa_handler = notes;
  sigemptyset(&action.sa_mask);
  sigaddset(&action.sa_mask, SIGUSR2);
  action.sa_flags = SA_RESTART;
  expect(sigaction(SIGUSR1, &action, &old) == 0 && old.sa_handler == SIG_DFL);
  expect(sigaction(SIGUSR1, NULL, &old) == 0);
  expect(old.sa_handler == notes && (old.sa_flags & SA_RESTART) != 0 && (old.sa_flags & SA_SIGINFO) == 0);
  expect(sigismember(&old.sa_mask, SIGUSR2) == 1 && sigismember(&old.sa_mask, SIGHUP) == 0);
  expect(signal(SIGUSR2, notes) == SIG_DFL);
  expect(raise(SIGUSR1) == 0 && raise(SIGUSR2) == 0 && g_place == 2 && g_order[0] == SIGUSR1 &&
         g_order[1] == SIGUSR2);
  expect(signal(SIGUSR2, SIG_IGN) == notes && raise(SIGUSR2) == 0 && g_place == 2);
  expect(signal(SIGUSR2, SIG_DFL) == SIG_IGN);
  // Once only.
  action.sa_flags = (int)SA_RESETHAND;
  expect(sigaction(SIGUSR1, &action, NULL) == 0 && raise(SIGUSR1) == 0 && g_place == 3);
  expect(sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_handler == SIG_DFL);
  // With a value.
  memset(&action, 0, sizeof action);
  action.sa_sigaction = tells;
  action.sa_flags = SA_SIGINFO;
  expect(sigaction(SIGRTMIN + 1, &action, NULL) == 0);
  const union sigval value = {.sival_int = 42};
  expect(sigqueue(getpid(), SIGRTMIN + 1, value) == 0 && g_code == 42);
  // What cannot be.
  expect(sigaction(SIGKILL, &action, NULL) == -1 && errno == EINVAL);
  expect(sigaction(65, &action, NULL) == -1 && errno == EINVAL);
  // The library's handler for faults is not to be seen, and stands behind the program's.
  expect(sigaction(SIGSEGV, NULL, &old) == 0 && old.sa_handler == SIG_DFL);
  memset(&action, 0, sizeof action);
  action.sa_sigaction = faults;
  action.sa_flags = SA_SIGINFO;
  expect(sigaction(SIGSEGV, &action, NULL) == 0 && sigaction(SIGBUS, &action, NULL) == 0);
  char* page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (sigsetjmp(g_fault, 1) == 0) {
    *(volatile char*)(page + 5) = 1;
    expect(0);
  }
  expect(g_fault_at == page + 5);
  // Blocked or not, bad memory handed to a trap is a code, and the program's handler hears nothing of it.
  sigset_t all, present;
  sigfillset(&all);
  expect(sigprocmask(SIG_SETMASK, &all, NULL) == 0 && sigprocmask(SIG_SETMASK, NULL, &present) == 0);
  expect(sigismember(&present, SIGSEGV) == 0 && sigismember(&present, SIGTERM) == 1);
  g_fault_at = NULL;
  const kern_return_t sent =
      mach_msg((mach_msg_header_t*)page, MACH_SEND_MSG, 32, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
  expect_code(MACH_SEND_INVALID_DATA, sent);
  mach_port_t* nowhere = (mach_port_t*)page;
  expect_code(KERN_INVALID_ADDRESS, mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, nowhere));
  expect(g_fault_at == NULL);
}

// A fault that nobody wants still kills, with the right signal.
static void dies_of_fault(void) {
  const pid_t child = fork();
  if (child == 0) {
    volatile char* page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    page[16] = 1;
    _exit(0);
  }
  int status = 0;
  expect(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
  const pid_t sent = fork();
  if (sent == 0) {
    raise(SIGSEGV);
    _exit(0);
  }
  expect(waitpid(sent, &status, 0) == sent && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
  // An ignored one, when it is only sent, is ignored.
  signal(SIGBUS, SIG_IGN);
  expect(raise(SIGBUS) == 0);
}

// Threads that trap all the time while signals rain on each of them.
static volatile int g_stop;
static void* works(void* unused) {
  (void)unused;
  const mach_port_t port = new_port();
  while (!g_stop) {
    buffer_t buffer;
    (void)receive(&buffer, port, 1);
    (void)mach_port_deallocate(mach_task_self(), mach_thread_self());
  }
  return NULL;
}
static void rain(void) {
  pthread_t threads[4];
  signal(SIGUSR1, traps);
  for (int i = 0; i < 4; i++) expect(pthread_create(&threads[i], NULL, works, NULL) == 0);
  for (int i = 0; i < 20000; i++) {
    pthread_kill(threads[i % 4], SIGUSR1);
    if (i % 16 == 0) usleep(100);
  }
  g_stop = 1;
  for (int i = 0; i < 4; i++) expect(pthread_join(threads[i], NULL) == 0);
  expect(g_hits > 500);
}

int main(int argc, char** argv) {
  static const struct {
    const char* name;
    void (*run)(void);
  } kCases[] = {{"storm", storm},     {"nested", nested}, {"interrupted", interrupted},
                {"actions", actions}, {"rain", rain},     {"dies", dies_of_fault}};
  for (size_t i = 0; argc > 1 && i < sizeof kCases / sizeof kCases[0]; i++) {
    if (strcmp(argv[1], kCases[i].name) != 0) continue;
    kCases[i].run();
    return 0;
  }
  return 2;
}
