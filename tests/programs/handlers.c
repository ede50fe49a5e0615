// SPDX-License-Identifier: Apache-2.0
// Handlers of signals, on top of traps and in between: how often they run, on which stack, how deep, and what
// becomes of those that the library knows nothing of. `handlers CASE`; see tests/process/handlers_test.cpp.
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "user_work.h"

static volatile sig_atomic_t g_hits;
static void counts(int signal) {
  (void)signal;
  g_hits++;
}

static void install(int signal, void (*handler)(int), int flags) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  action.sa_flags = flags;
  expect(sigaction(signal, &action, NULL) == 0);
}

// A handler that the library does not see: as a program does that makes its system calls itself.
struct raw_action {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)(void);
  uint64_t mask;
};
// As unwinders know it: by its bytes, and with nothing in front that it could be taken for.
void restorer(void);
__asm__(".text\n\tnop\n\tnop\nrestorer:\n\tmov $15, %rax\n\tsyscall\n");
static void install_raw_with(int signal, void (*handler)(int), unsigned long flags) {
  const struct raw_action action = {handler, 0x04000000 /* SA_RESTORER */ | flags, restorer, 0};
  expect(syscall(SYS_rt_sigaction, signal, &action, NULL, sizeof(uint64_t)) == 0);
}

static void install_raw(int signal, void (*handler)(int)) { install_raw_with(signal, handler, 0); }

static void timer(long microseconds) {
  const struct itimerval interval = {{0, microseconds}, {0, microseconds}};
  expect(setitimer(ITIMER_REAL, &interval, NULL) == 0);
}

// ----------------------------------------------------------------------------------------------------------
// exactly once

static volatile int g_values[2];
static void notes_value(int signal, siginfo_t* info, void* context) {
  (void)context;
  // In order, each once, with what came along.
  const int which = signal == SIGRTMIN + 1;
  if (info->si_code != SI_QUEUE || info->si_value.sival_int != g_values[which]) _exit(9);
  g_values[which]++;
}

// Two queues of numbered signals for a thread that traps all the time, among the ticks of a timer.
static void* sends_values(void* unused) {
  (void)unused;
  for (int i = 0; i < rounds(4000); i++) {
    for (int which = 0; which < 2; which++) {
      const union sigval value = {.sival_int = i};
      while (sigqueue(getpid(), SIGRTMIN + which, value) != 0) usleep(100);
    }
    if (i % 8 == 0) usleep(200);
  }
  return NULL;
}
static void exactly_once(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = notes_value;
  action.sa_flags = SA_SIGINFO;
  sigfillset(&action.sa_mask);
  expect(sigaction(SIGRTMIN, &action, NULL) == 0 && sigaction(SIGRTMIN + 1, &action, NULL) == 0);
  install(SIGALRM, counts, 0);
  sigset_t set, before;
  sigfillset(&set);
  expect(pthread_sigmask(SIG_BLOCK, &set, &before) == 0);
  pthread_t sender;
  expect(pthread_create(&sender, NULL, sends_values, NULL) == 0);
  expect(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
  timer(1000);
  const mach_port_t port = new_port();
  unsigned state = 1;
  while (g_values[0] < rounds(4000) || g_values[1] < rounds(4000)) work_once(port, &state);
  timer(0);
  expect(pthread_join(sender, NULL) == 0);
  expect(g_values[0] == rounds(4000) && g_values[1] == rounds(4000) && g_hits > 10);
}

// Signals without room for what comes with them are not lost either, whatever their kind.
static void* sends_bare(void* unused) {
  (void)unused;
  for (int i = 0; i < rounds(2000); i++) {
    const int seen = g_hits;
    kill(getpid(), SIGRTMIN);
    for (const double end = seconds_now() + 10; g_hits == seen;) expect(seconds_now() < end);
  }
  atomic_store(&work_stops, 1);
  return NULL;
}
static void no_room(void) {
  install(SIGRTMIN, counts, 0);
  const struct rlimit none = {0, 0};
  expect(setrlimit(RLIMIT_SIGPENDING, &none) == 0);
  sigset_t set, before;
  sigfillset(&set);
  expect(pthread_sigmask(SIG_BLOCK, &set, &before) == 0);
  pthread_t sender;
  expect(pthread_create(&sender, NULL, sends_bare, NULL) == 0);
  expect(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
  (void)work_thread((void*)1);
  expect(pthread_join(sender, NULL) == 0);
  expect(g_hits == rounds(2000));
}

// What is sent as if an instruction had caused it is deferred like the rest, however many there are.
static void* sends_faults(void* target) {
  static const int kSent[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGUSR1, SIGFPE};
  for (int i = 0; i < rounds(4000); i++) {
    pthread_kill(*(pthread_t*)target, kSent[i % 8]);
    if (i % 32 == 0) usleep(100);
  }
  return NULL;
}
static void traps_once(int signal) {
  (void)signal;
  const mach_port_t name = mach_thread_self();
  if (name == MACH_PORT_NULL || mach_port_deallocate(mach_task_self(), name) != KERN_SUCCESS) _exit(8);
  g_hits++;
}
static void sent_faults(void) {
  for (int signal = 1; signal < 32; signal++)
    if (signal != SIGKILL && signal != SIGSTOP) install(signal, traps_once, 0);
  pthread_t worker, sender;
  work_start(&worker, 1);
  expect(pthread_create(&sender, NULL, sends_faults, &worker) == 0);
  expect(pthread_join(sender, NULL) == 0);
  work_stop(&worker, 1);
  expect(g_hits > 100);
}

// ------------------------------------------------------------------------------------------------------------
// of every kind

static char g_stack[64 << 10];
static volatile sig_atomic_t g_elsewhere;
static void on_its_stack(int signal) {
  (void)signal;
  char here;
  if (&here < g_stack || &here >= g_stack + sizeof g_stack) g_elsewhere++;
  traps_once(signal);
}
// A handler on a stack of its own makes traps on top of those that it interrupted.
static void alternate_stack(void) {
  const stack_t stack = {.ss_sp = g_stack, .ss_size = sizeof g_stack};
  expect(sigaltstack(&stack, NULL) == 0);
  install(SIGALRM, on_its_stack, SA_ONSTACK);
  const mach_port_t port = new_port();
  unsigned state = 1;
  timer(500);
  for (const double end = seconds_now() + rounds(1); seconds_now() < end;) work_once(port, &state);
  timer(0);
  expect(g_hits > 100 && g_elsewhere == 0);
}

static volatile sig_atomic_t g_depth, g_deepest;
static void goes_deeper(int signal) {
  g_depth++;
  if (g_depth > g_deepest) g_deepest = g_depth;
  traps_once(signal);
  // A trap is interrupted by the handler itself, sent again.
  if (g_depth < 8) {
    raise(signal);
    buffer_t buffer;
    if (receive(&buffer, MACH_PORT_NULL, 0) != MACH_RCV_INVALID_NAME) _exit(7);
  }
  g_depth--;
}
// Its handler interrupts itself, eight deep, each in its own trap: SA_NODEFER. No frame of the kernel's is
// used up, for none of them runs on top of a trap.
static void no_defer(void) {
  install(SIGUSR1, goes_deeper, SA_NODEFER);
  for (int i = 0; i < rounds(200); i++) expect(raise(SIGUSR1) == 0);
  expect(g_deepest == 8 && g_hits == rounds(200) * 8);
}

// SA_RESETHAND in the middle of traffic: once, and then the default.
static void* kills_thread(void* target) {
  usleep(2000);
  pthread_kill(*(pthread_t*)target, SIGUSR1);
  return NULL;
}
static void reset_hand(void) {
  signal(SIGURG, SIG_DFL);
  pthread_t self = pthread_self();
  const mach_port_t port = new_port();
  for (int i = 0; i < rounds(50); i++) {
    install(SIGUSR1, counts, (int)SA_RESETHAND);
    pthread_t sender;
    unsigned state = (unsigned)i;
    expect(pthread_create(&sender, NULL, kills_thread, &self) == 0);
    while (g_hits == i) work_once(port, &state);
    expect(pthread_join(sender, NULL) == 0);
    struct sigaction now;
    expect(sigaction(SIGUSR1, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
  }
  expect(g_hits == rounds(50));
}

// alarm(2) ends a receive without limit that wants to be interrupted.
static void alarms(void) {
  install(SIGALRM, counts, 0);
  const mach_port_t port = new_port();
  buffer_t buffer;
  alarm(1);
  expect_code(MACH_RCV_INTERRUPTED, mach_msg(&buffer.header, MACH_RCV_MSG | MACH_RCV_INTERRUPT, 0,
                                             sizeof buffer, port, 0, MACH_PORT_NULL));
  expect(g_hits == 1);
}

// Those who take signals without handlers get each of them, while the others trap.
static int g_descriptor;
static void* takes_signals(void* unused) {
  (void)unused;
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN);
  for (int i = 0; i < rounds(1000); i++) {
    siginfo_t info;
    while (sigwaitinfo(&set, &info) < 0) expect(errno == EINTR);  // by the timer
    expect(info.si_signo == SIGRTMIN && info.si_value.sival_int == i);
    drop_receive(new_port());
    struct signalfd_siginfo read_info;
    while (read(g_descriptor, &read_info, sizeof read_info) < 0) expect(errno == EINTR);
    expect(read_info.ssi_signo == (uint32_t)SIGRTMIN + 1 && read_info.ssi_int == i);
  }
  return NULL;
}
static void waited_for(void) {
  sigset_t set, second;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN);
  sigaddset(&set, SIGRTMIN + 1);
  sigemptyset(&second);
  sigaddset(&second, SIGRTMIN + 1);
  expect(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
  g_descriptor = signalfd(-1, &second, SFD_CLOEXEC);
  expect(g_descriptor >= 0);
  install(SIGALRM, counts, 0);
  timer(1000);
  pthread_t workers[2], taker;
  work_start(workers, 2);
  expect(pthread_create(&taker, NULL, takes_signals, NULL) == 0);
  for (int i = 0; i < rounds(1000); i++) {
    const union sigval value = {.sival_int = i};
    for (int which = 0; which < 2; which++)
      while (sigqueue(getpid(), SIGRTMIN + which, value) != 0) usleep(100);
  }
  expect(pthread_join(taker, NULL) == 0);
  timer(0);
  work_stop(workers, 2);
}

// --------------------------------------------------------------------------------------------------------
// jumps

static sigjmp_buf g_jump;
static volatile sig_atomic_t g_may_jump;
static void jumps(int signal) {
  (void)signal;
  g_hits++;
  if (g_may_jump) siglongjmp(g_jump, 1);
}
static void* interrupts_often(void* target) {
  unsigned state = 5;
  while (!atomic_load(&work_stops)) {
    pthread_kill(*(pthread_t*)target, SIGUSR1);
    usleep(100 + dice(&state, 400));
  }
  return NULL;
}

// Out of a wait, by a handler that the library knows (`raw` 0), or does not.
static void jump_at_wait(void (*install_it)(int, void (*)(int))) {
  const mach_port_t port = new_port(), full = new_port();
  set_queue_limit(full, 1);
  check(send_number(full, MACH_MSG_TYPE_MAKE_SEND, 1, 1, 0));
  install_it(SIGUSR1, jumps);
  pthread_t self = pthread_self(), other;
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  expect(pthread_create(&other, NULL, interrupts_often, &self) == 0);
  volatile int waits = 0;
  for (volatile int i = 0; i < rounds(2000); i++) {
    if (sigsetjmp(g_jump, 1) == 0) {
      buffer_t buffer;
      g_may_jump = 1;
      // Either never ends by itself.
      if (i % 2 == 0)
        (void)mach_msg(&buffer.header, MACH_RCV_MSG, 0, sizeof buffer, port, 0, MACH_PORT_NULL);
      else
        (void)send_number(full, MACH_MSG_TYPE_MAKE_SEND, 1, 2, -1);
      expect(0);
    }
    g_may_jump = 0;
    waits++;
  }
  atomic_store(&work_stops, 1);
  expect(pthread_join(other, NULL) == 0);
  signal(SIGUSR1, SIG_IGN);
  // Nobody waits any more: a message sent now is there for who asks.
  check(send_number(port, MACH_MSG_TYPE_MAKE_SEND, 2, 3, 0));
  expect(receive_number(port, 2) == 3);
  expect(receive_number(full, 1) == 1);
  buffer_t buffer;
  expect_code(MACH_RCV_TIMED_OUT, receive(&buffer, full, 0));
  // And signals of the known kind are not deferred for ever.
  g_hits = 0;
  install(SIGUSR2, counts, 0);
  expect(raise(SIGUSR2) == 0 && g_hits == 1);
}
static void install_known(int signal, void (*handler)(int)) { install(signal, handler, 0); }
static void jump_known(void) { jump_at_wait(install_known); }
static void jump_raw(void) { jump_at_wait(install_raw); }

// Out of any instruction of any trap, by a handler that the library does not know: whatever was in hand is
// dropped, and the next trap finds the section abandoned. Names may be left over; the kernel stays whole.
static void jump_anywhere(void) {
  install_raw(SIGALRM, jumps);
  mach_port_t volatile port = new_port();
  unsigned volatile seed = 1;
  timer(200);
  const double end = seconds_now() + rounds(2);
  (void)sigsetjmp(g_jump, 1);
  g_may_jump = 1;
  while (seconds_now() < end) {
    buffer_t buffer;
    mach_port_t name = MACH_PORT_NULL;
    switch (seed++ % 6) {
      case 0:
        if (mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &name) == KERN_SUCCESS)
          (void)mach_port_mod_refs(mach_task_self(), name, MACH_PORT_RIGHT_RECEIVE, -1);
        break;
      case 1:
        (void)send_number(port, MACH_MSG_TYPE_MAKE_SEND, 1, 1, 0);
        break;
      case 2:
        (void)receive(&buffer, port, 0);
        break;
      case 3:
        (void)receive(&buffer, port, 1);
        break;
      case 4: {
        const mach_port_t thread = mach_thread_self();
        (void)mach_port_deallocate(mach_task_self(), thread);
        break;
      }
      default:
        (void)mach_port_deallocate(mach_task_self(), task_self_trap());
    }
  }
  g_may_jump = 0;
  timer(0);
  expect(g_hits > 1000);
}

// -----------------------------------------------------------------------------------------------------------
// traps on top of traps

static mach_port_t g_wait_at[8];
static volatile sig_atomic_t g_level;
static volatile kern_return_t g_codes[8];
static volatile sig_atomic_t g_refused;
// Blocks in a trap of its own, on top of the one that it interrupted.
static void blocks(int signal) {
  (void)signal;
  const int level = ++g_level;
  buffer_t buffer;
  g_codes[level] =
      mach_msg(&buffer.header, MACH_RCV_MSG, 0, sizeof buffer, g_wait_at[level], 0, MACH_PORT_NULL);
  g_level = level - 1;
  if (g_codes[level] == MACH_RCV_INVALID_NAME) g_refused++;
}
static pid_t g_driven;
static int asleep(void) {
  char path[64], line[256];
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)g_driven);
  FILE* status = fopen(path, "r");
  expect(status != NULL && fgets(line, sizeof line, status) != NULL);
  fclose(status);
  return strstr(line, ") S ") != NULL;
}
// Until the driven thread sleeps and goes on doing so.
static void await_sleep(void) {
  const double end = seconds_now() + 20;
  for (int times = 0; times < 5; times = asleep() ? times + 1 : 0) {
    usleep(1000);
    expect(seconds_now() < end);
  }
}
static void await_level(int level) {
  for (const double end = seconds_now() + 20; g_level != level; usleep(1000)) expect(seconds_now() < end);
}
// One after the other: each sleeps before the next comes. The fifth is refused, and returns by itself.
static void* drives(void* target) {
  for (int level = 1; level <= 4; level++) {
    await_sleep();
    const int refused = g_refused;
    pthread_kill(*(pthread_t*)target, SIGUSR1);
    for (const double end = seconds_now() + 20; g_level != level && g_refused == refused; usleep(1000))
      expect(seconds_now() < end);
  }
  for (int level = 3; level > 0; level--) {
    await_level(level);
    check(send_number(g_wait_at[level], MACH_MSG_TYPE_MAKE_SEND, 1, level, 0));
  }
  await_level(0);
  check(send_number(g_wait_at[0], MACH_MSG_TYPE_MAKE_SEND, 1, 0, 0));
  return NULL;
}
// Handlers that the library does not know, each of which blocks on top of a blocked trap. Four fit.
static void five_deep(void) {
  for (int i = 0; i < 8; i++) g_wait_at[i] = new_port();
  g_driven = (pid_t)syscall(SYS_gettid);
  install_raw_with(SIGUSR1, blocks, SA_NODEFER);
  pthread_t self = pthread_self(), other;
  for (int i = 0; i < rounds(5); i++) {
    expect(pthread_create(&other, NULL, drives, &self) == 0);
    expect(receive_number(g_wait_at[0], 1) == 0);
    expect(pthread_join(other, NULL) == 0);
    for (int level = 1; level <= 3; level++) expect_code(MACH_MSG_SUCCESS, g_codes[level]);
    expect_code(MACH_RCV_INVALID_NAME, g_codes[4]);
    expect(g_refused == i + 1);
  }
}

static void traps_if_it_can(int signal) {
  (void)signal;
  g_hits++;
  const mach_port_t name = mach_thread_self();
  if (name == MACH_PORT_NULL)
    g_refused++;
  else if (mach_port_deallocate(mach_task_self(), name) != KERN_SUCCESS)
    g_refused++;
}
// The same in the middle of traps that do not wait: refused, and the trap below goes on as if nothing had
// been.
static void busy_below(void) {
  install_raw(SIGALRM, traps_if_it_can);
  const mach_port_t port = new_port();
  unsigned state = 1;
  timer(100);
  for (const double end = seconds_now() + rounds(2); seconds_now() < end;) work_once(port, &state);
  timer(0);
  say("%d of %d refused", (int)g_refused, (int)g_hits);
  expect(g_hits > 1000 && g_refused > 0);
  drop_receive(port);
}

// A child of vfork sets its dispositions; ours stay.
static void vfork_child(void) {
  install(SIGUSR1, counts, 0);
  install(SIGSEGV, counts, 0);
  for (int i = 0; i < rounds(200); i++) {
    const pid_t child = vfork();
    if (child == 0) {
      for (int signal = 1; signal < 32; signal++) {
        struct sigaction action;
        memset(&action, 0, sizeof action);
        action.sa_handler = SIG_DFL;
        if (signal != SIGKILL && signal != SIGSTOP && sigaction(signal, &action, NULL) != 0) _exit(1);
      }
      _exit(0);
    }
    int status = 1;
    expect(waitpid(child, &status, 0) == child && status == 0);
    expect(raise(SIGUSR1) == 0 && raise(SIGSEGV) == 0 && g_hits == 2 * i + 2);
  }
}

int main(int argc, char** argv) {
  static const case_t kCases[] = {
      {"once", exactly_once},     {"no-room", no_room},        {"faults", sent_faults},
      {"stack", alternate_stack}, {"nodefer", no_defer},       {"resethand", reset_hand},
      {"alarm", alarms},          {"waited", waited_for},      {"jump-known", jump_known},
      {"jump-raw", jump_raw},     {"jump-any", jump_anywhere}, {"five", five_deep},
      {"busy", busy_below},       {"vfork", vfork_child}};
  return run_case(kCases, sizeof kCases / sizeof kCases[0], argc, argv);
}
