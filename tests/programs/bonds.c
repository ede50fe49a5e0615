// SPDX-License-Identifier: Apache-2.0
// A task whose process changes after it joined: other users, filters of system calls, closed descriptors,
// ignored children, stops, core dumps, and pids that come back. `bonds CASE`; see
// tests/process/bonds_test.cpp.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "user_work.h"

enum { kHello = 77 };

static mach_port_t g_mine;  // with a send right, which children find registered

static void hand_on(mach_port_t port) { check(mach_ports_register(mach_task_self(), &port, 1)); }
static mach_port_t handed_on(void) {
  mach_port_array_t ports = NULL;
  mach_msg_type_number_t count = 0;
  check(mach_ports_lookup(mach_task_self(), &ports, &count));
  const mach_port_t port = ports[0];
  check(vm_deallocate(mach_task_self(), (vm_address_t)ports, count * sizeof *ports));
  return port;
}
static void set_up(void) {
  g_mine = new_port();
  check(mach_port_insert_right(mach_task_self(), g_mine, g_mine, MACH_MSG_TYPE_MAKE_SEND));
  hand_on(g_mine);
}

// The parent holds what it receives here: a send right to a port of the child's, as its reply port.
static void send_own_right(void) {
  number_message_t message;
  memset(&message, 0, sizeof message);
  message.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND);
  message.header.msgh_remote_port = handed_on();
  message.header.msgh_local_port = new_port();
  message.header.msgh_id = kHello;
  check(mach_msg(&message.header, MACH_SEND_MSG, sizeof message, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL));
}
static mach_port_t receive_right(void) {
  buffer_t buffer;
  check(receive(&buffer, g_mine, PATIENCE));
  expect(buffer.header.msgh_id == kHello);
  return buffer.header.msgh_remote_port;
}
static void until_dead(mach_port_t name) {
  for (const double limit = seconds_now() + 20; type_of(name) != MACH_PORT_TYPE_DEAD_NAME; usleep(500))
    expect(seconds_now() < limit);
  drop_send(name);
}
static pid_t child_with_right(void) {
  const pid_t child = fork();
  if (child == 0) {
    send_own_right();
    for (;;) pause();
  }
  return child;
}

// Everything goes on: traps of all kinds, new threads, children, and news of their deaths.
static void all_is_well(void) {
  pthread_t threads[2];
  const mach_port_t port = new_port();
  unsigned state = 1;
  work_start(threads, 2);
  for (int i = 0; i < 100; i++) work_once(port, &state);
  work_stop(threads, 2);
  drop_receive(port);
  const pid_t child = child_with_right();
  const mach_port_t theirs = receive_right();
  expect(kill(child, SIGKILL) == 0);
  while (waitpid(child, NULL, 0) < 0 && errno == EINTR) continue;
  until_dead(theirs);
}

static int wait_for(pid_t child) {
  int status = 0;
  expect(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// ----------------------------------------------------------------------------------------------------------
// fewer rights

// The task stays what it was, and hears of others; its children may not join what belongs to another user.
static void drops_user(void) {
  set_up();
  int line[2];
  expect(pipe(line) == 0);
  const pid_t before = fork();
  if (before == 0) {
    char byte;
    close(line[1]);
    send_own_right();
    _exit(read(line[0], &byte, 1) == 0 ? 0 : 1);
  }
  const mach_port_t theirs = receive_right();
  pthread_t threads[2];
  work_start(threads, 2);  // setresuid interrupts every thread with a signal of the C library's
  const uid_t other = getuid() == 0 ? 65534 : getuid();
  const int is_other = other != getuid();
  expect(setresuid(other, other, other) == 0);
  work_stop(threads, 2);
  work_start(threads, 2);
  const mach_port_t port = new_port();
  unsigned state = 1;
  for (int i = 0; i < 100; i++) work_once(port, &state);
  work_stop(threads, 2);
  close(line[1]);
  expect(wait_for(before) == 0);
  until_dead(theirs);
  const pid_t child = fork();
  if (child == 0) _exit((mach_task_self() == MACH_PORT_NULL) == is_other ? 0 : 1);
  expect(wait_for(child) == 0);
}

static void closes_everything(void) {
  set_up();
  expect(syscall(436 /* close_range */, 3u, ~0u, 0u) == 0);
  all_is_well();
  close(0);
  close(1);
  all_is_well();
}

// Nothing but what a trap itself needs; anything else is refused, or kills.
static void filter(uint32_t otherwise) {
  const long allowed[] = {
      SYS_futex,          SYS_gettid,       SYS_getpid,      SYS_exit_group, SYS_write,
      SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sched_yield, SYS_madvise,    449 /* futex_waitv */};
  enum { kAllowed = sizeof allowed / sizeof allowed[0] };
  // The last one is refused where everything else is: old sandboxes do not know it.
  const unsigned count = otherwise == (uint32_t)SECCOMP_RET_KILL_PROCESS ? kAllowed : kAllowed - 1;
  struct sock_filter code[kAllowed + 3];
  unsigned n = 0;
  code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (unsigned i = 0; i < count; i++, n++)
    code[n] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)allowed[i],
                                           (uint8_t)(count - i), 0);
  code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, otherwise);
  code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog program = {(unsigned short)n, code};
  expect(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  expect(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}
static void filtered(void) {
  set_up();
  const uint32_t kOtherwise[] = {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ERRNO | EPERM};
  for (int i = 0; i < 2; i++) {
    const pid_t child = fork();
    if (child == 0) {
      const mach_port_t parent = handed_on(), port = new_port();
      filter(kOtherwise[i]);
      for (int j = 0; j < 200; j++) {
        buffer_t buffer;
        check(send_number(port, MACH_MSG_TYPE_MAKE_SEND, 1, j, -1));
        expect(receive_number(port, 1) == j);
        drop_receive(new_port());
        if (j % 50 == 0) expect_code(MACH_RCV_TIMED_OUT, receive(&buffer, port, 2));
      }
      // Longer than a sleeper takes before it watches launchd as well.
      buffer_t buffer;
      expect_code(MACH_RCV_TIMED_OUT, receive(&buffer, port, 400));
      check(send_number(parent, MACH_MSG_TYPE_COPY_SEND, 2, 1, -1));
      _exit(0);
    }
    expect(wait_for(child) == 0);
    expect(receive_number(g_mine, 2) == 1);
  }
}

// ------------------------------------------------------------------------------------------------------------
// children, stops, dumps

// Nobody waits for children: Linux reaps them itself.
static void ignores_children(void) {
  set_up();
  expect(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
  for (int i = 0; i < 5; i++) all_is_well();
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = SIG_DFL;
  action.sa_flags = SA_NOCLDWAIT;
  expect(sigaction(SIGCHLD, &action, NULL) == 0);
  for (int i = 0; i < 5; i++) all_is_well();
}

static void* sends_on(void* unused) {
  (void)unused;
  const mach_port_t parent = handed_on();
  for (int i = 0;; i++) check(send_number(parent, MACH_MSG_TYPE_COPY_SEND, 2, i, -1));
  return NULL;
}
// Who is stopped with a lock that we want is not continued by us, who wait for it.
static void* continues(void* child) {
  for (;;) {
    usleep(100000);
    (void)kill(*(const pid_t*)child, SIGCONT);
  }
  return NULL;
}
// A task is stopped anywhere and goes on: its messages keep their order, and others wait for it at the most.
static void stops(void) {
  set_up();
  static pid_t child;
  child = fork();
  if (child == 0) {
    pthread_t threads[2], sender;
    work_start(threads, 2);
    (void)pthread_create(&sender, NULL, sends_on, NULL);
    for (;;) pause();
  }
  pthread_t nurse;
  expect(pthread_create(&nurse, NULL, continues, &child) == 0);
  const mach_port_t port = new_port();
  unsigned state = 1;
  int next = 0;
  for (int i = 0; i < rounds(100); i++) {
    expect(kill(child, SIGSTOP) == 0);
    for (int j = 0; j < 10; j++) work_once(port, &state);
    expect(kill(child, SIGCONT) == 0);
    for (int j = 0; j < 10; j++, next++) expect(receive_number(g_mine, 2) == next);
  }
  expect(pthread_cancel(nurse) == 0 && pthread_join(nurse, NULL) == 0);
  expect(kill(child, SIGSTOP) == 0 && kill(child, SIGKILL) == 0);
  expect(wait_for(child) == 128 + SIGKILL);
  drop_receive(g_mine);  // with what is left in its queue
  set_up();
  all_is_well();
}

// A task that dumps its memory as it dies; the survivor goes on meanwhile, and hears of it in the end.
static void dumps(void) {
  set_up();
  char place[] = "/tmp/portolan-core-XXXXXX";
  expect(mkdtemp(place) != NULL);
  for (int i = 0; i < rounds(5); i++) {
    const pid_t child = fork();
    if (child == 0) {
      struct rlimit limit;
      expect(chdir(place) == 0 && getrlimit(RLIMIT_CORE, &limit) == 0);
      limit.rlim_cur = limit.rlim_max;
      expect(setrlimit(RLIMIT_CORE, &limit) == 0);
      char* much = mmap(NULL, 32 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      memset(much, 1, 32 << 20);
      send_own_right();
      pthread_t threads[2];
      work_start(threads, 2);
      usleep(2000);
      abort();
    }
    const mach_port_t theirs = receive_right(), port = new_port();
    unsigned state = 1;
    for (int j = 0; j < 50; j++) work_once(port, &state);
    drop_receive(port);
    expect(wait_for(child) == 128 + SIGABRT);
    until_dead(theirs);
    char name[64];
    snprintf(name, sizeof name, "%s/core", place);
    unlink(name);
    snprintf(name, sizeof name, "%s/core.%d", place, (int)child);
    unlink(name);
  }
  expect(rmdir(place) == 0);
}

// --------------------------------------------------------------------------------------------------------
// pids that come back

static pid_t clone_as(pid_t pid) {
  struct clone_args arguments;
  memset(&arguments, 0, sizeof arguments);
  arguments.exit_signal = SIGCHLD;
  arguments.set_tid = (uint64_t)(uintptr_t)&pid;
  arguments.set_tid_size = 1;
  const long child = syscall(SYS_clone3, &arguments, sizeof arguments);
  return (pid_t)child;
}
// The pid of a task that died a moment ago, and may not have been buried, belongs to a process that joins
// (0), to one that does not (1), or to one that does not, but whose child does (2).
static void successor(int kind) {
  if (kind == 0) {
    (void)mach_reply_port();  // nothing but its first trap makes it join
    int pid = 0;
    check(pid_for_task(mach_task_self(), &pid));
    expect(pid == getpid());
  } else if (kind == 2) {
    const pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child != 0) _exit(wait_for(child));
    (void)mach_reply_port();
  } else {
    for (;;) pause();
  }
  // What it inherits is not what the dead one had to hand on.
  check(send_number(handed_on(), MACH_MSG_TYPE_COPY_SEND, 3, 1, -1));
  _exit(0);
}
static void pids_again(void) {
  set_up();
  for (int i = 0; i < rounds(90); i++) {
    const pid_t first = fork();
    if (first == 0) {
      send_own_right();
      hand_on(MACH_PORT_NULL);
      // The two are told apart by the time of start, which Linux tells in hundredths of a second.
      usleep(20000);
      kill(getpid(), SIGKILL);
    }
    expect(wait_for(first) == 128 + SIGKILL);
    const mach_port_t theirs = receive_right();
    const pid_t second = clone_as(first);
    if (second == 0) successor(i % 3);
    if (second < 0 && errno == EPERM) {
      say("may not choose pids here");
      drop_send(theirs);
      return;
    }
    if (second < 0 && errno == EEXIST) continue;  // somebody else was faster
    expect(second == first);
    until_dead(theirs);
    if (i % 3 == 1) {
      expect(kill(second, SIGKILL) == 0 && wait_for(second) == 128 + SIGKILL);
    } else {
      expect(receive_number(g_mine, 3) == 1);
      expect(wait_for(second) == 0);
    }
  }
}

int main(int argc, char** argv) {
  static const case_t kCases[] = {{"user", drops_user},   {"closed", closes_everything},
                                  {"filtered", filtered}, {"children", ignores_children},
                                  {"stops", stops},       {"dumps", dumps},
                                  {"pids", pids_again}};
  return run_case(kCases, sizeof kCases / sizeof kCases[0], argc, argv);
}
