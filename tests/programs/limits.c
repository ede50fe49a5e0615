// SPDX-License-Identifier: Apache-2.0
// Tasks at Linux's own limits: `limits CASE`; see tests/process/limits_test.cpp. What is refused has its
// code, and all goes on when there is room again.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "launchd_pid.h"
#include "user_common.h"

static const char* g_self;

// A message with memory and, maybe, a right to the port that it goes to.
typedef struct {
  mach_msg_header_t header;
  mach_msg_body_t body;
  mach_msg_ool_descriptor_t memory;
  mach_msg_port_descriptor_t port;
} parcel_t;
typedef union {
  parcel_t parcel;
  mach_msg_header_t header;
  char room[256];
} parcel_buffer_t;

static kern_return_t send_parcel(mach_port_t to, void* address, mach_msg_size_t size) {
  parcel_t m;
  memset(&m, 0, sizeof m);
  m.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX;
  m.header.msgh_size = sizeof m;
  m.header.msgh_remote_port = to;
  m.body.msgh_descriptor_count = 2;
  m.memory.address = address;
  m.memory.size = size;
  m.memory.copy = MACH_MSG_VIRTUAL_COPY;
  m.memory.type = MACH_MSG_OOL_DESCRIPTOR;
  m.port.name = to;
  m.port.disposition = MACH_MSG_TYPE_COPY_SEND;
  m.port.type = MACH_MSG_PORT_DESCRIPTOR;
  return mach_msg(&m.header, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof m, 0, MACH_PORT_NULL, 0,
                  MACH_PORT_NULL);
}
static kern_return_t receive_parcel(mach_port_t from) {
  parcel_buffer_t buffer;
  const kern_return_t code =
      mach_msg(&buffer.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof buffer, from, 0, MACH_PORT_NULL);
  if (code == KERN_SUCCESS || (code & ~0x3fff) == (MACH_RCV_BODY_ERROR & ~0x3fff))
    if (code != MACH_RCV_TIMED_OUT) mach_msg_destroy(&buffer.header);
  return code;
}

static mach_port_t with_send(mach_port_t port) {
  check(mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND));
  return port;
}
static void drop_both(mach_port_t port) {
  drop_send(port);
  drop_receive(port);
}

static void hand_on(mach_port_t port) { check(mach_ports_register(mach_task_self(), &port, 1)); }

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
static void await_dead(mach_port_t name) {
  for (const double start = now(); type_of(name) != MACH_PORT_TYPE_DEAD_NAME; usleep(1000))
    expect(now() - start < 20);
}

// ----------------------------------------------------------------------------------------------- descriptors

static struct rlimit g_files;
static void leave_no_descriptor(void) {
  expect(getrlimit(RLIMIT_NOFILE, &g_files) == 0);
  const int next = dup(0);
  expect(next >= 0);
  close(next);
  struct rlimit limit = g_files;
  limit.rlim_cur = (rlim_t)next;
  expect(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  expect(dup(0) == -1 && errno == EMFILE);
}
static void leave_descriptors_again(void) { expect(setrlimit(RLIMIT_NOFILE, &g_files) == 0); }

static void* traps_once(void* unused) {
  drop_receive(new_port());
  return unused;
}

// All that a joined task does needs none.
static void makes_all_traps(void) {
  char bytes[9000];
  const mach_port_t port = with_send(new_port());
  mach_port_t previous = MACH_PORT_NULL, set = MACH_PORT_NULL, found = MACH_PORT_NULL;
  memset(bytes, 1, sizeof bytes);
  check(mach_port_request_notification(mach_task_self(), port, MACH_NOTIFY_NO_SENDERS, 1, port,
                                       MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous));
  check(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &set));
  check(mach_port_insert_member(mach_task_self(), port, set));
  check(send_parcel(port, bytes, sizeof bytes));
  check(receive_parcel(set));
  check(bootstrap_check_in(bootstrap_port, "limits", &found));
  drop_receive(found);
  mach_port_name_array_t names = NULL;
  mach_port_type_array_t types = NULL;
  mach_msg_type_number_t count = 0, same = 0;
  check(mach_port_names(mach_task_self(), &names, &count, &types, &same));
  check(vm_deallocate(mach_task_self(), (vm_address_t)names, count * sizeof *names));
  check(vm_deallocate(mach_task_self(), (vm_address_t)types, same * sizeof *types));
  pthread_t thread;
  expect(pthread_create(&thread, NULL, traps_once, NULL) == 0);
  expect(pthread_join(thread, NULL) == 0);
  drop_both(port);
  check(mach_port_mod_refs(mach_task_self(), set, MACH_PORT_RIGHT_PORT_SET, -1));
}

// A child that cannot join says why, once, and goes on as no task.
static void has_refused_child(int raw, const char* why) {
  int ends[2];
  leave_descriptors_again();
  expect(pipe(ends) == 0);
  const int saved = dup(2);
  expect(saved >= 0);
  leave_no_descriptor();
  expect(dup2(ends[1], 2) == 2);  // it may join at once
  const pid_t child = raw ? (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) : fork();
  if (child == 0) {
    mach_port_t port = MACH_PORT_NULL;
    const kern_return_t code = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port);
    _exit(code == MACH_SEND_INVALID_DEST && mach_task_self() == MACH_PORT_NULL ? 0 : 2);
  }
  dup2(saved, 2);
  close(saved);
  close(ends[1]);
  expect(child > 0);
  char text[1024] = {0};
  size_t length = 0;
  for (ssize_t n; (n = read(ends[0], text + length, sizeof text - 1 - length)) > 0;) length += (size_t)n;
  close(ends[0]);
  int status = -1;
  expect(waitpid(child, &status, 0) == child);
  if (status != 0 || strstr(text, why) == NULL) fprintf(stderr, "status %#x: %s\n", (unsigned)status, text);
  expect(status == 0);
  expect(strncmp(text, "portolan: ", 10) == 0 && strstr(text, why) != NULL);
  expect(strchr(text, '\n') == text + length - 1);  // one line
}

static void descriptors(void) {
  leave_no_descriptor();
  makes_all_traps();
  for (int raw = 0; raw < 2; raw++) has_refused_child(raw, "Too many open files");
  makes_all_traps();
  leave_descriptors_again();
  const pid_t child = fork();
  if (child == 0) {
    makes_all_traps();
    _exit(0);
  }
  int status = -1;
  expect(waitpid(child, &status, 0) == child && status == 0);
}

// A child whose death is to be seen; its port.
static pid_t start_victim(mach_port_t port, mach_port_t* theirs) {
  hand_on(port);
  const pid_t child = fork();
  expect(child >= 0);
  if (child == 0) {
    mach_port_array_t ports = NULL;
    mach_msg_type_number_t count = 0;
    check(mach_ports_lookup(mach_task_self(), &ports, &count));
    const mach_port_t own = new_port();
    parcel_t m;
    memset(&m, 0, sizeof m);
    m.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND);
    m.header.msgh_size = sizeof m.header;
    m.header.msgh_remote_port = ports[0];
    m.header.msgh_local_port = own;
    check(mach_msg(&m.header, MACH_SEND_MSG, sizeof m.header, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL));
    for (;;) pause();
  }
  buffer_t buffer;
  check(receive(&buffer, port, PATIENCE));
  *theirs = buffer.header.msgh_remote_port;
  return child;
}
static void bury(pid_t child, mach_port_t theirs) {
  expect(kill(child, SIGKILL) == 0);
  expect(waitpid(child, NULL, 0) == child);
  await_dead(theirs);
  drop_send(theirs);
}

static pid_t await_launchd(pid_t other_than) {
  const double start = now();
  for (;;) {
    const pid_t pid = launchd_of_domain();
    if (pid != 0 && pid != other_than) return pid;
    expect(now() - start < 20);
    for (int i = 0; i < 600; i++) type_of(mach_task_self());  // who makes traps looks after it
    usleep(2000);
  }
}

// launchd itself has none left: its back-stop remains.
static void launchds_descriptors(void) {
  const pid_t launchd = await_launchd(0);
  const mach_port_t port = with_send(new_port());
  const struct rlimit none = {3, 3};
  struct rlimit before;
  expect(prlimit(launchd, RLIMIT_NOFILE, &none, &before) == 0);
  for (int i = 0; i < 4; i++) {
    mach_port_t theirs = MACH_PORT_NULL;
    const pid_t child = start_victim(port, &theirs);
    bury(child, theirs);
  }
  expect(launchd_of_domain() == launchd);
  expect(kill(launchd, SIGKILL) == 0);  // its limit cannot be raised again by everybody
  await_launchd(launchd);
  drop_both(port);
}

// It cannot be started: those who make traps do its work.
static void no_launchd(void) {
  const pid_t launchd = await_launchd(0);
  const mach_port_t port = with_send(new_port());
  mach_port_t theirs = MACH_PORT_NULL;
  const pid_t child = start_victim(port, &theirs);
  leave_no_descriptor();
  expect(kill(launchd, SIGKILL) == 0);
  bury(child, theirs);
  leave_descriptors_again();
  await_launchd(launchd);
  drop_both(port);
}

// ------------------------------------------------------------------------------------------------- processes

// Into a domain of a user who is not root, for whom there is no such limit. Exec'd behind the library's back:
// this image is no task of that domain.
static void processes(void) {
  static char domain[] = "/dev/shm/portolan-limits-XXXXXX";
  expect(mkdtemp(domain) != NULL);
  if (geteuid() == 0) {
    expect(chown(domain, 12345, 12345) == 0);
    expect(setresgid(12345, 12345, 12345) == 0 && setresuid(12345, 12345, 12345) == 0);
  }
  if (access(g_self, X_OK) != 0) {
    say("skipped: another user cannot reach this program");
    return;
  }
  struct rlimit limit;
  expect(getrlimit(RLIMIT_NPROC, &limit) == 0);
  limit.rlim_cur = 0;
  expect(setrlimit(RLIMIT_NPROC, &limit) == 0);
  setenv("PORTOLAN_DOMAIN", domain, 1);
  char* arguments[] = {(char*)(uintptr_t)g_self, (char*)(uintptr_t) "no-processes", NULL};
  syscall(SYS_execve, g_self, arguments, environ);
  perror(g_self);
  exit(1);
}
static void no_processes(void) {
  pthread_t thread;
  expect(fork() == -1 && errno == EAGAIN);
  expect(pthread_create(&thread, NULL, traps_once, NULL) == EAGAIN);
  expect(launchd_of_domain() == 0);
  for (int i = 0; i < 3; i++) {
    const mach_port_t port = with_send(new_port());
    check(send_number(port, MACH_MSG_TYPE_COPY_SEND, 1, i, 0));
    expect(receive_number(port, 1) == i);
    drop_both(port);
    for (int n = 0; n < 2000; n++) type_of(mach_task_self());  // looks after launchd, and works for it
    usleep(350000);
  }
  expect(launchd_of_domain() == 0);
  struct rlimit limit;
  expect(getrlimit(RLIMIT_NPROC, &limit) == 0);
  limit.rlim_cur = limit.rlim_max;
  expect(setrlimit(RLIMIT_NPROC, &limit) == 0);
  await_launchd(0);
  mach_port_t theirs = MACH_PORT_NULL;
  const mach_port_t port = with_send(new_port());
  const pid_t child = start_victim(port, &theirs);
  bury(child, theirs);
}

// --------------------------------------------------------------------------------------------------- memory

// Memory in messages where there is no address space for it.
static void address_space(void) {
  enum { kSize = 32 << 20 };
  const mach_port_t port = with_send(new_port());
  char* bytes = malloc(kSize);
  memset(bytes, 3, kSize);
  check(send_parcel(port, bytes, kSize));
  check(send_parcel(port, bytes, kSize));
  free(bytes);
  struct rlimit before, limit;
  expect(getrlimit(RLIMIT_AS, &before) == 0);
  limit = before;
  limit.rlim_cur = 64 << 20;  // less than there is mapped
  expect(setrlimit(RLIMIT_AS, &limit) == 0);
  mach_vm_address_t address = 0;
  expect_code(KERN_NO_SPACE, mach_vm_allocate(mach_task_self(), &address, kSize, VM_FLAGS_ANYWHERE));
  expect_code(MACH_RCV_BODY_ERROR | MACH_MSG_VM_SPACE, receive_parcel(port));
  drop_receive(new_port());
  expect(setrlimit(RLIMIT_AS, &before) == 0);
  check(receive_parcel(port));
  check(mach_vm_allocate(mach_task_self(), &address, kSize, VM_FLAGS_ANYWHERE));
  check(mach_vm_deallocate(mach_task_self(), address, kSize));
  drop_both(port);
}

// Takes all there is, without end; in a memory cgroup it is killed.
static void grows(void) {
  static char bytes[60000];
  memset(bytes, 5, sizeof bytes);
  say("up");
  await_line();
  for (;;) {
    const mach_port_t port = with_send(new_port());
    set_queue_limit(port, 100);
    while (send_parcel(port, bytes, sizeof bytes) == KERN_SUCCESS) continue;
  }
}

// The file system of the domain is full.
static void full(void) {
  enum { kMost = 1 << 16 };
  static mach_port_t ports[kMost];
  static char bytes[60000];
  char filler[600];
  memset(bytes, 5, sizeof bytes);
  snprintf(filler, sizeof filler, "%s/filler", getenv("PORTOLAN_DOMAIN"));
  const mach_port_t port = with_send(new_port());
  set_queue_limit(port, 1000);
  int queued = 0;
  while (queued < 10) check(send_parcel(port, bytes, sizeof bytes)), queued++;
  for (int round = 0; round < 3; round++) {
    const int file = open(filler, O_CREAT | O_WRONLY, 0600);
    expect(file >= 0);
    while (write(file, bytes, sizeof bytes) > 0 || write(file, bytes, 100) > 0) continue;
    expect(errno == ENOSPC);
    close(file);
    int made = 0;
    kern_return_t code = KERN_SUCCESS;
    while (made < kMost && (code = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE,
                                                      &ports[made])) == KERN_SUCCESS)
      made++;
    expect_code(KERN_RESOURCE_SHORTAGE, code);
    while ((code = send_parcel(port, bytes, sizeof bytes)) == KERN_SUCCESS) queued++;
    // For the message itself, or for its memory (messages 4).
    if (code != MACH_MSG_VM_KERNEL) expect_code(MACH_SEND_NO_BUFFER, code);
    // What is there is as good as ever.
    for (int i = 0; i < made; i++) drop_receive(ports[i]);
    for (; queued > 5; queued--) check(receive_parcel(port));
    expect(unlink(filler) == 0);
    while (queued < 20) check(send_parcel(port, bytes, sizeof bytes)), queued++;
    for (made = 0; made < 2000; made++) ports[made] = new_port();
    for (int i = 0; i < made; i++) drop_receive(ports[i]);
  }
  for (; queued > 0; queued--) check(receive_parcel(port));
  drop_both(port);
}

// --------------------------------------------------------------------------------------------------- threads

static pthread_barrier_t g_all_tried;
static void* traps_and_stays(void* code) {
  mach_port_t port = MACH_PORT_NULL;
  *(kern_return_t*)code = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port);
  if (port != MACH_PORT_NULL) drop_receive(port);
  pthread_barrier_wait(&g_all_tried);
  return NULL;
}

// More than a domain has slots for (16,384).
static void threads(void) {
  enum { kThreads = 16384 + 50 };
  static pthread_t all[kThreads];
  static kern_return_t codes[kThreads];
  pthread_attr_t small;
  expect(pthread_attr_init(&small) == 0 && pthread_attr_setstacksize(&small, 64 << 10) == 0);
  // As many threads as the system gives; the barrier must know how many, so they are counted first.
  expect(pthread_barrier_init(&g_all_tried, NULL, kThreads + 1) == 0);
  for (int i = 0; i < kThreads; i++) {
    const int why = pthread_create(&all[i], &small, traps_and_stays, &codes[i]);
    if (why == EAGAIN) {
      say("skipped: there are no %d threads to be had", kThreads);
      exit(0);
    }
    expect(why == 0);
  }
  pthread_barrier_wait(&g_all_tried);
  int refused = 0;
  for (int i = 0; i < kThreads; i++) {
    expect(pthread_join(all[i], NULL) == 0);
    if (codes[i] != KERN_SUCCESS) {
      expect_code(MACH_SEND_INVALID_DEST, codes[i]);
      refused++;
    }
  }
  expect(refused >= 50 && refused < 100);
  for (int i = 0; i < 10; i++) {
    expect(pthread_create(&all[i], &small, traps_once, NULL) == 0);
    expect(pthread_join(all[i], NULL) == 0);
  }
}

int main(int argc, char** argv) {
  static const struct {
    const char* name;
    void (*run)(void);
  } kCases[] = {{"descriptors", descriptors},
                {"launchds-descriptors", launchds_descriptors},
                {"no-launchd", no_launchd},
                {"processes", processes},
                {"no-processes", no_processes},
                {"address-space", address_space},
                {"grows", grows},
                {"full", full},
                {"threads", threads}};
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
