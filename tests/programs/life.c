// SPDX-License-Identifier: Apache-2.0
// Processes as tasks: joining, forking in every way, ending in every way. `life CASE`; see
// tests/process/life_test.cpp.
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <sys/event.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "launchd_pid.h"
#include "user_common.h"

#ifdef __SANITIZE_ADDRESS__
// The faults of these programs are theirs to handle.
const char* __asan_default_options(void);
const char* __asan_default_options(void) { return "handle_segv=0:handle_sigbus=0:detect_leaks=0"; }
#endif

extern char** environ;

static const char* g_self;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static natural_t kind_of(mach_port_t port) {
  natural_t kind = 0;
  mach_vm_address_t address = 0;
  check(mach_port_kobject(mach_task_self(), port, &kind, &address));
  return kind;
}

static int pid_behind(mach_port_t task) {
  int pid = 0;
  check(pid_for_task(task, &pid));
  return pid;
}

static int wait_for(pid_t child) {
  int status = 0;
  expect(waitpid(child, &status, 0) == child);
  if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
    fprintf(stderr, "child died of signal %d\n", WTERMSIG(status));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Waits until a name is a dead one; answers how long that took.
static double until_dead(mach_port_t name) {
  const double start = now();
  while (type_of(name) != MACH_PORT_TYPE_DEAD_NAME) {
    expect(now() - start < 20);
    usleep(1000);
  }
  return now() - start;
}

static mach_port_t with_send(mach_port_t port) {
  check(mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND));
  return port;
}

// Hands a send right to children.
static void hand_on(mach_port_t port) { check(mach_ports_register(mach_task_self(), &port, 1)); }

static mach_port_t handed_on(void) {
  mach_port_array_t ports = NULL;
  mach_msg_type_number_t count = 0;
  check(mach_ports_lookup(mach_task_self(), &ports, &count));
  expect(count == 3);
  const mach_port_t port = ports[0];
  check(vm_deallocate(mach_task_self(), (vm_address_t)ports, count * sizeof *ports));
  return port;
}

enum { kHello = 77, kRight = 78 };

// A message with one right.
typedef struct {
  mach_msg_header_t header;
  mach_msg_body_t body;
  mach_msg_port_descriptor_t port;
} right_message_t;

static void send_right(mach_port_t to, mach_port_t port, mach_msg_type_name_t disposition) {
  right_message_t message;
  memset(&message, 0, sizeof message);
  message.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX;
  message.header.msgh_size = sizeof message;
  message.header.msgh_remote_port = to;
  message.header.msgh_id = kRight;
  message.body.msgh_descriptor_count = 1;
  message.port.name = port;
  message.port.disposition = (uint8_t)disposition;
  message.port.type = MACH_MSG_PORT_DESCRIPTOR;
  check(mach_msg(&message.header, MACH_SEND_MSG, sizeof message, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL));
}

static mach_port_t receive_right(mach_port_t from) {
  union {
    right_message_t message;
    char room[256];
  } buffer;
  check(mach_msg(&buffer.message.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof buffer, from, PATIENCE,
                 MACH_PORT_NULL));
  expect(buffer.message.header.msgh_id == kRight);
  return buffer.message.port.name;
}

// ----------------------------------------------------------------------------------------------------------
// joining

static void joins(void) {
  expect(MACH_PORT_VALID(mach_task_self()));
  expect(type_of(mach_task_self()) == MACH_PORT_TYPE_SEND);
  expect(kind_of(mach_task_self()) == 2);
  expect(pid_behind(mach_task_self()) == getpid());
  expect(MACH_PORT_VALID(bootstrap_port));
  expect(type_of(bootstrap_port) == MACH_PORT_TYPE_SEND);
  expect(mach_task_self() == 0x103);
  const mach_port_urefs_t before = refs_of(mach_task_self(), MACH_PORT_RIGHT_SEND);
  expect(task_self_trap() == mach_task_self());
  expect(refs_of(mach_task_self(), MACH_PORT_RIGHT_SEND) == before + 1);
  const mach_port_t thread = mach_thread_self();
  expect(kind_of(thread) == 1);
  expect(mach_thread_self() == thread && refs_of(thread, MACH_PORT_RIGHT_SEND) == 2);
  expect(kind_of(mach_host_self()) == (getuid() == 0 ? 4 : 3));
  mach_port_t port = MACH_PORT_NULL;
  check(task_get_special_port(mach_task_self(), TASK_BOOTSTRAP_PORT, &port));
  expect(port == bootstrap_port);
  check(task_get_special_port(mach_task_self(), TASK_KERNEL_PORT, &port));
  expect(port == mach_task_self());
  check(task_get_special_port(mach_task_self(), TASK_NAME_PORT, &port));
  expect(kind_of(port) == 20 && pid_behind(port) == getpid());
  check(task_get_special_port(mach_task_self(), TASK_READ_PORT, &port));
  expect(kind_of(port) == 45 && pid_behind(port) == getpid());
  check(task_get_special_port(mach_task_self(), TASK_INSPECT_PORT, &port));
  expect(kind_of(port) == 44);
  check(task_get_special_port(mach_task_self(), TASK_ACCESS_PORT, &port));
  expect(port == MACH_PORT_NULL);
  expect_code(KERN_INVALID_ARGUMENT, task_get_special_port(mach_task_self(), 7, &port));
  expect_code(KERN_NO_ACCESS, task_set_special_port(mach_task_self(), TASK_KERNEL_PORT, bootstrap_port));
  expect_code(KERN_INVALID_ARGUMENT, task_set_special_port(mach_task_self(), TASK_NAME_PORT, bootstrap_port));
  // The access port is set once; a dead one may be replaced.
  const mach_port_t access = with_send(new_port());
  check(task_set_special_port(mach_task_self(), TASK_ACCESS_PORT, access));
  expect_code(KERN_NO_ACCESS, task_set_special_port(mach_task_self(), TASK_ACCESS_PORT, bootstrap_port));
  drop_receive(access);
  check(task_get_special_port(mach_task_self(), TASK_ACCESS_PORT, &port));
  expect(port == MACH_PORT_DEAD);
  check(task_set_special_port(mach_task_self(), TASK_ACCESS_PORT, bootstrap_port));
  expect(getenv("PORTOLAN_EMBRYO") == NULL);
}

// A thread's name dies with the thread.
static mach_port_t g_thread;
static void* names_itself(void* unused) {
  (void)unused;
  g_thread = mach_thread_self();
  return NULL;
}
static void* names_itself_and_exits_raw(void* unused) {
  (void)unused;
  g_thread = mach_thread_self();
  syscall(SYS_exit, 0);
  return NULL;
}

static void threads_end(void) {
  pthread_t thread;
  expect(pthread_create(&thread, NULL, names_itself, NULL) == 0);
  expect(pthread_join(thread, NULL) == 0);
  expect(until_dead(g_thread) < 1);
  // Without any of the C library's ends: Linux marks it dead, and launchd sees it.
  expect(pthread_create(&thread, NULL, names_itself_and_exits_raw, NULL) == 0);
  while (g_thread == MACH_PORT_NULL) usleep(100);
  expect(until_dead(g_thread) < 2);
}

// The first thread ends; another, which has not trapped yet, is the task for a while.
static void* goes_on(void* unused) {
  (void)unused;
  for (;;) {
    char line[256];
    FILE* status = fopen("/proc/self/stat", "r");
    expect(status != NULL && fgets(line, sizeof line, status) != NULL);
    fclose(status);
    if (strstr(line, ") Z ") != NULL) break;
    usleep(1000);
  }
  usleep(1500000);  // longer than launchd sleeps between two looks
  expect(type_of(mach_task_self()) == MACH_PORT_TYPE_SEND);
  drop_receive(new_port());
  exit(0);
}
static void first_thread_ends(void) {
  pthread_t thread;
  expect(pthread_create(&thread, NULL, goes_on, NULL) == 0);
  pthread_exit(NULL);
}

// A thread whose last destructor of all still traps.
static pthread_key_t g_late;
static void traps_late(void* round) {
  (void)mach_port_deallocate(mach_task_self(), mach_reply_port());
  if ((size_t)round < 4) pthread_setspecific(g_late, (void*)((size_t)round + 1));
}
static void* ends_late(void* unused) {
  (void)unused;
  pthread_setspecific(g_late, (void*)1);
  g_thread = mach_thread_self();
  return NULL;
}
static void late_traps(void) {
  expect(pthread_key_create(&g_late, traps_late) == 0);
  for (int i = 0; i < 50; i++) {
    pthread_t thread;
    expect(pthread_create(&thread, NULL, ends_late, NULL) == 0);
    expect(pthread_join(thread, NULL) == 0);
    until_dead(g_thread);
  }
}

// ----------------------------------------------------------------------------------------------------------
// forking

static void forks(void) {
  const mach_port_t port = with_send(new_port());
  hand_on(port);
  const pid_t child = fork();
  if (child == 0) {
    expect(kind_of(mach_task_self()) == 2 && pid_behind(mach_task_self()) == getpid());
    expect(type_of(port) == 0 || type_of(port) == MACH_PORT_TYPE_SEND);  // no receive right of the parent's
    expect(type_of(bootstrap_port) == MACH_PORT_TYPE_SEND);
    const mach_port_t parent = handed_on();
    check(send_number(parent, MACH_MSG_TYPE_COPY_SEND, kHello, getpid(), -1));
    // A grandchild, from a child that goes first.
    if (fork() == 0) {
      const mach_port_t grandparent = handed_on();
      check(send_number(grandparent, MACH_MSG_TYPE_COPY_SEND, kHello, getpid(), -1));
      _exit(0);
    }
    _exit(0);
  }
  const int first = receive_number(port, kHello), second = receive_number(port, kHello);
  expect(first == child || second == child);
  expect(wait_for(child) == 0);
  expect(pid_behind(mach_task_self()) == getpid());
  // What the child is given is a snapshot.
  mach_port_t none = MACH_PORT_NULL;
  hand_on(none);
  const pid_t other = fork();
  if (other == 0) _exit(handed_on() == MACH_PORT_NULL ? 0 : 1);
  expect(wait_for(other) == 0);
}

static void raw_forks(void) {
  const mach_port_t port = with_send(new_port());
  hand_on(port);
  const pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (child == 0) {
    // Nothing has told the library; the first trap finds out.
    (void)mach_reply_port();
    expect(pid_behind(mach_task_self()) == (int)syscall(SYS_getpid));
    const mach_port_t parent = handed_on();
    check(send_number(parent, MACH_MSG_TYPE_COPY_SEND, kHello, 1, -1));
    _exit(0);
  }
  expect(receive_number(port, kHello) == 1);
  expect(wait_for(child) == 0);
}

// The C library's own fork comes by no interposed function.
static void library_forks(void) {
  const mach_port_t port = with_send(new_port());
  hand_on(port);
  const pid_t child = fork();
  if (child == 0) {
    if (daemon(1, 1) != 0) _exit(1);
    const mach_port_t parent = handed_on();
    check(send_number(parent, MACH_MSG_TYPE_COPY_SEND, kHello, pid_behind(mach_task_self()) == getpid(), -1));
    _exit(0);
  }
  expect(receive_number(port, kHello) == 1);
  expect(wait_for(child) == 0);
}

static void inherited(void) {
  expect(getenv("PORTOLAN_EMBRYO") == NULL);
  expect(pid_behind(mach_task_self()) == getpid());
  expect(type_of(bootstrap_port) == MACH_PORT_TYPE_SEND);
  const mach_port_t parent = handed_on();
  expect(type_of(parent) == MACH_PORT_TYPE_SEND);
  check(send_number(parent, MACH_MSG_TYPE_COPY_SEND, kHello, getpid(), -1));
}

static void* execs(void* unused) {
  (void)unused;
  execl(g_self, g_self, "inherited", (char*)NULL);
  _exit(9);
}

// Every way to another image; each new task gets the registered port, and the old one's rights go.
static void images(void) {
  const mach_port_t port = with_send(new_port());
  hand_on(port);
  for (int way = 0; way < 10; way++) {
    char* arguments[] = {(char*)g_self, "inherited", NULL};
    pid_t child = 0;
    if (way < 7) {
      child = fork();
      if (child == 0) {
        const mach_port_t mine = with_send(new_port());
        send_right(handed_on(), mine, MACH_MSG_TYPE_COPY_SEND);
        pthread_t thread;
        switch (way) {
          case 0:
            execl(g_self, g_self, "inherited", (char*)NULL);
            break;
          case 1:
            execv(g_self, arguments);
            break;
          case 2:
            execvp(g_self, arguments);
            break;
          case 3:
            execle(g_self, g_self, "inherited", (char*)NULL, environ);
            break;
          case 4: {
            const int fd = open(g_self, O_RDONLY | O_CLOEXEC);
            fexecve(fd, arguments, environ);
            break;
          }
          case 5:  // by another thread than the first
            pthread_create(&thread, NULL, execs, NULL);
            for (;;) pause();
          default:
            syscall(SYS_execve, g_self, arguments, environ);  // unseen by the library
        }
        _exit(8);
      }
      const mach_port_t theirs = receive_right(port);
      expect(receive_number(port, kHello) == child);
      expect(until_dead(theirs) < 2);
      drop_send(theirs);
    } else if (way == 7) {
      expect(posix_spawn(&child, g_self, NULL, NULL, arguments, environ) == 0);
      expect(receive_number(port, kHello) == child);
    } else if (way == 8) {
      child = vfork();
      if (child == 0) {
        execv(g_self, arguments);
        _exit(9);
      }
      expect(receive_number(port, kHello) == child);
    } else {
      // Through a shell, which is no task.
      char command[600];
      snprintf(command, sizeof command, "%s inherited; true", g_self);
      expect(system(command) == 0);
      expect(receive_number(port, kHello) != 0);
      continue;
    }
    expect(wait_for(child) == 0);
  }
  // An exec that fails leaves everything as it was.
  char* nothing[] = {"none", NULL};
  expect(execv("/nonexistent", nothing) == -1 && errno == ENOENT);
  expect(posix_spawn(NULL, "/nonexistent", NULL, NULL, nothing, environ) == ENOENT);
  expect(pid_behind(mach_task_self()) == getpid());
  // A vfork child shares our task, and takes nothing of it along.
  const pid_t child = vfork();
  if (child == 0) _exit(3);
  expect(wait_for(child) == 3);
  expect(pid_behind(mach_task_self()) == getpid());
}

// An image that is no task: the old one's rights go all the same.
static void leaves(void) {
  const mach_port_t port = with_send(new_port());
  hand_on(port);
  for (int way = 0; way < 2; way++) {
    const pid_t child = fork();
    if (child == 0) {
      send_right(handed_on(), with_send(new_port()), MACH_MSG_TYPE_COPY_SEND);
      char* arguments[] = {"sleep", "5", NULL};
      if (way == 0) execvp("sleep", arguments);
      syscall(SYS_execve, "/bin/sleep", arguments, environ);
      _exit(8);
    }
    const mach_port_t theirs = receive_right(port);
    expect(until_dead(theirs) < 3);
    expect(kill(child, SIGKILL) == 0);
    wait_for(child);
  }
}

// ------------------------------------------------------------------------------------------------------------
// dying

static void* sleeps(void* unused) {
  (void)unused;
  buffer_t buffer;
  (void)mach_msg(&buffer.header, MACH_RCV_MSG, 0, sizeof buffer, new_port(), 0, MACH_PORT_NULL);
  return NULL;
}

// A child with rights and threads is killed; what it held is dead within a second.
static void killed(void) {
  const mach_port_t port = with_send(new_port());
  hand_on(port);
  double worst = 0;
  for (int i = 0; i < 10; i++) {
    const pid_t child = fork();
    if (child == 0) {
      pthread_t threads[4];
      for (int t = 0; t < 4; t++) pthread_create(&threads[t], NULL, sleeps, NULL);
      const mach_port_t parent = handed_on();
      send_right(parent, with_send(new_port()), MACH_MSG_TYPE_COPY_SEND);
      send_right(parent, mach_task_self(), MACH_MSG_TYPE_COPY_SEND);
      for (;;) pause();
    }
    const mach_port_t theirs = receive_right(port), task = receive_right(port);
    expect(pid_behind(task) == child);
    if (i % 2 == 0) usleep(3000);
    expect(kill(child, SIGKILL) == 0);
    double took = until_dead(theirs);
    took += until_dead(task);
    if (took > worst) worst = took;
    wait_for(child);
    drop_send(theirs);
    drop_send(task);
  }
  say("worst %.0f ms", worst * 1000);
  expect(worst < 1);
}

static pid_t await_launchd(pid_t other_than) {
  const double start = now();
  for (;;) {
    const pid_t pid = launchd_of_domain();
    if (pid != 0 && pid != other_than) return pid;
    expect(now() - start < 10);
    usleep(2000);
  }
}

// launchd is killed; a thread that sleeps without limit notices, and another one serves.
static void launchd_killed(void) {
  pthread_t sleeper;
  expect(pthread_create(&sleeper, NULL, sleeps, NULL) == 0);
  usleep(50000);
  pid_t launchd = await_launchd(0);
  const mach_port_t port = with_send(new_port());
  hand_on(port);
  for (int i = 0; i < 5; i++) {
    expect(kill(launchd, SIGKILL) == 0);
    launchd = await_launchd(launchd);
    const pid_t child = fork();
    if (child == 0) {
      send_right(handed_on(), with_send(new_port()), MACH_MSG_TYPE_COPY_SEND);
      for (;;) pause();
    }
    const mach_port_t theirs = receive_right(port);
    expect(kill(child, SIGKILL) == 0);
    expect(until_dead(theirs) < 2);
    wait_for(child);
    usleep(350000);  // a process looks after launchd a few times a second
  }
}

// launchd and a task are killed at once: whoever replaces launchd finds the dead task.
static void both_killed(void) {
  pthread_t sleeper;
  expect(pthread_create(&sleeper, NULL, sleeps, NULL) == 0);
  const mach_port_t port = with_send(new_port());
  hand_on(port);
  const pid_t child = fork();
  if (child == 0) {
    send_right(handed_on(), with_send(new_port()), MACH_MSG_TYPE_COPY_SEND);
    for (;;) pause();
  }
  const mach_port_t theirs = receive_right(port);
  const pid_t launchd = await_launchd(0);
  usleep(350000);
  kill(launchd, SIGKILL);
  kill(child, SIGKILL);
  expect(until_dead(theirs) < 2);
  wait_for(child);
  expect(await_launchd(launchd) != 0);
}

// In a sandbox where launchd cannot be started: living tasks do its work.
static void sandboxed(void) {
  // chdir is refused, without which there is no launchd.
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_chdir, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog filter = {sizeof code / sizeof code[0], code};
  expect(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  expect(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
  // Into a domain that has none yet.
  char domain[600];
  snprintf(domain, sizeof domain, "%s/inner", getenv("PORTOLAN_DOMAIN"));
  setenv("PORTOLAN_DOMAIN", domain, 1);
  execl(g_self, g_self, "stands-in", (char*)NULL);
  exit(1);
}

static void stands_in(void) {
  expect(launchd_of_domain() == 0);
  const mach_port_t port = with_send(new_port());
  hand_on(port);
  for (int i = 0; i < 3; i++) {
    const pid_t child = fork();
    if (child == 0) {
      send_right(handed_on(), with_send(new_port()), MACH_MSG_TYPE_COPY_SEND);
      for (;;) pause();
    }
    const mach_port_t theirs = receive_right(port);
    expect(kill(child, SIGKILL) == 0);
    wait_for(child);
    expect(until_dead(theirs) < 3);
  }
  expect(launchd_of_domain() == 0);
}

// Says its port's name to others by living on: for a test from the outside.
static void stays(void) {
  say("%d", launchd_of_domain());
  await_line();
}

// --------------------------------------------------------------------------------------------------------
// refusals

static void refused(void) {
  expect(mach_task_self() == MACH_PORT_NULL);
  expect(bootstrap_port == MACH_PORT_NULL);
  mach_port_t port = MACH_PORT_NULL;
  say("allocate 0x%x", (unsigned)mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port));
  say("send 0x%x", (unsigned)send_number(0x103, MACH_MSG_TYPE_COPY_SEND, 1, 1, 0));
  // The children are in none either, and do not say so again.
  const pid_t child = fork();
  if (child == 0) _exit(mach_task_self() == MACH_PORT_NULL ? 0 : 1);
  expect(wait_for(child) == 0);
}

// The domain's file is cut short under us.
static void lost(void) {
  char path[600];
  snprintf(path, sizeof path, "%s/segment.v1", getenv("PORTOLAN_DOMAIN"));
  const mach_port_t port = new_port();
  expect(truncate(path, 4096) == 0);
  kern_return_t code = mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1);
  say("first 0x%x", (unsigned)code);
  code = mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1);
  say("then 0x%x", (unsigned)code);
  buffer_t buffer;
  say("receive 0x%x", (unsigned)receive(&buffer, port, 0));
}

static int g_queue;
static void* waits_for_a_port(void* unused) {
  (void)unused;
  struct kevent event;
  memset(&event, 0, sizeof event);
  const int count = kevent(g_queue, NULL, 0, &event, 1, NULL);
  say("told %d%s", count, (event.flags & EV_EOF) != 0 ? ", gone" : "");
  return NULL;
}

// The same, with a thread that sleeps for a port in a kernel queue. Queues work on afterwards.
static void lost_in_a_queue(void) {
  char path[600];
  snprintf(path, sizeof path, "%s/segment.v1", getenv("PORTOLAN_DOMAIN"));
  struct kevent event;
  g_queue = kqueue();
  EV_SET(&event, new_port(), EVFILT_MACHPORT, EV_ADD, 0, 0, NULL);
  expect(kevent(g_queue, &event, 1, NULL, 0, NULL) == 0);
  pthread_t thread;
  expect(pthread_create(&thread, NULL, waits_for_a_port, NULL) == 0);
  usleep(100000);
  expect(truncate(path, 4096) == 0);
  const struct timespec now = {0, 0};
  (void)kevent(g_queue, NULL, 0, &event, 1, &now);
  say("looked");
  expect(pthread_join(thread, NULL) == 0);
  const int other = kqueue();
  EV_SET(&event, 1, EVFILT_USER, EV_ADD, NOTE_TRIGGER, 0, NULL);
  expect(kevent(other, &event, 1, NULL, 0, NULL) == 0);
  EV_SET(&event, 1, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL);
  expect(kevent(other, &event, 1, NULL, 0, NULL) == 0);
  say("others %d", kevent(other, NULL, 0, &event, 1, &now));
  expect(close(g_queue) == 0);
}

int main(int argc, char** argv) {
  static const struct {
    const char* name;
    void (*run)(void);
  } kCases[] = {{"joins", joins},           {"threads", threads_end},
                {"late", late_traps},       {"first-ends", first_thread_ends},
                {"forks", forks},           {"raw", raw_forks},
                {"library", library_forks}, {"inherited", inherited},
                {"images", images},         {"leaves", leaves},
                {"killed", killed},         {"launchd", launchd_killed},
                {"both", both_killed},      {"stays", stays},
                {"sandboxed", sandboxed},   {"stands-in", stands_in},
                {"refused", refused},       {"lost", lost},
                {"lost-in-a-queue", lost_in_a_queue}};
  static char self[512];
  const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  if (length > 0) self[length] = 0;
  g_self = self;
  for (size_t i = 0; argc > 1 && i < sizeof kCases / sizeof kCases[0]; i++) {
    if (strcmp(argv[1], kCases[i].name) != 0) continue;
    kCases[i].run();
    return 0;
  }
  return 2;
}
