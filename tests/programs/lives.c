// SPDX-License-Identifier: Apache-2.0
// What happens in the life of a task and of its threads, and what else makes system calls, for a debugger
// that steps it and kills it, or fails its system calls: `lives CASE`. See tests/stages/lives.cpp and
// faults.cpp.
//
// The thread that it is about has itself traced and stops itself (SIGSTOP) before and after. Run to its end
// it exits with 0 when all was done, and with 42 when the answer was a documented code of a failure and the
// same worked afterwards; with 1 otherwise.
#include <errno.h>
#include <fcntl.h>
#include <mach/semaphore.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <sys/event.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "user_common.h"

#define SERVICE  "lives"
#define DEGRADED 42
#define BIG      (64 << 10)

extern char** environ;

static const char* g_self;
static int g_degraded;

// Around the C library: a raw clone's child has its parent's thread in its variables.
static void stop_here(void) { syscall(SYS_tgkill, syscall(SYS_getpid), syscall(SYS_gettid), SIGSTOP); }
static void begin(void) {
  expect(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
  stop_here();
}
static void end(void) { stop_here(); }

// A documented answer to a system that refuses.
static int refused(kern_return_t code) {
  switch (code) {
    case KERN_RESOURCE_SHORTAGE:
    case KERN_NO_SPACE:
    case KERN_FAILURE:
    case KERN_ABORTED:
    case KERN_INVALID_ADDRESS:
    case KERN_PROTECTION_FAILURE:
    case KERN_NOT_SUPPORTED:  // memory of which Linux does not tell
    case MACH_SEND_NO_BUFFER:
    case MACH_SEND_TIMED_OUT:
    case MACH_SEND_INTERRUPTED:
    case MACH_RCV_TIMED_OUT:
    case MACH_RCV_INTERRUPTED:
    case MACH_MSG_VM_KERNEL:
    case MACH_RCV_BODY_ERROR | MACH_MSG_VM_SPACE:
    case MACH_RCV_BODY_ERROR | MACH_MSG_VM_KERNEL:
    case BOOTSTRAP_NO_MEMORY:
      return 1;
    default:
      return 0;
  }
}

// -- helpers of the cases: a server that the others find, and a visit to it

static void serves(void) {
  const mach_port_t port = check_in(SERVICE);
  say("serves");
  for (;;) {
    buffer_t buffer;
    const kern_return_t code = receive(&buffer, port, PATIENCE);
    if (code == MACH_RCV_TIMED_OUT) continue;
    check(code);
    if (buffer.header.msgh_remote_port == MACH_PORT_NULL) continue;
    // Whoever asked may be dead by now.
    const kern_return_t sent = send_number(buffer.header.msgh_remote_port, MACH_MSG_TYPE_MOVE_SEND_ONCE, 2,
                                           buffer.number.number + 1, PATIENCE);
    if (sent != MACH_MSG_SUCCESS) drop_send(buffer.header.msgh_remote_port);
  }
}

static void visit(int number) {
  const mach_port_t service = look_up(SERVICE);
  const mach_port_t reply = new_port();
  number_message_t message;
  memset(&message, 0, sizeof message);
  message.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
  message.header.msgh_remote_port = service;
  message.header.msgh_local_port = reply;
  message.number = number;
  check(mach_msg(&message.header, MACH_SEND_MSG, sizeof message, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL));
  expect(receive_number(reply, 2) == number + 1);
  drop_receive(reply);
  drop_send(service);
}

static int ended(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) expect(errno == EINTR);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// A stranger comes, and all is well: also for its child.
static void visits(void) {
  visit(1);
  const pid_t child = fork();
  if (child == 0) {
    visit(2);
    _exit(0);
  }
  expect(child > 0);
  expect(ended(child) == 0);
}

// Something of everything, to be left behind by who is killed.
static void leaves(void) {
  mach_port_t set = MACH_PORT_NULL, previous = MACH_PORT_NULL;
  check(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &set));
  for (int i = 0; i < 4; i++) {
    const mach_port_t port = new_port();
    check(mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND));
    check(mach_port_move_member(mach_task_self(), port, set));
    check(send_number(port, MACH_MSG_TYPE_COPY_SEND, 1, i, 0));
    check(mach_port_request_notification(mach_task_self(), port, MACH_NOTIFY_NO_SENDERS, 0, port,
                                         MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous));
  }
  look_up(SERVICE);
  say("left");
  for (;;) pause();
}

// -- the life of a task

// In no domain after a refusal, which says so on the standard error; a task otherwise.
static void arrives(void) {
  stop_here();
  if (mach_task_self() == MACH_PORT_NULL) {
    mach_port_t port = MACH_PORT_NULL;
    expect(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port) != KERN_SUCCESS);
    exit(DEGRADED);
  }
  drop_receive(new_port());
}

static void forks(void) {
  begin();
  const pid_t child = fork();
  if (child == 0) _exit(0);
  end();
  if (child < 0) g_degraded = 1;
  if (child > 0) expect(ended(child) == 0);
  const pid_t again = fork();
  if (again == 0) _exit(0);
  expect(again > 0 && ended(again) == 0);
}

// It is about the child, which the debugger takes over.
static void fork_child(void) {
  begin();
  const pid_t child = fork();
  if (child == 0) {
    stop_here();
    if (mach_task_self() == MACH_PORT_NULL) _exit(DEGRADED);
    drop_receive(new_port());
    _exit(0);
  }
  expect(child > 0);
  const int status = ended(child);
  drop_receive(new_port());
  exit(status);
}
static void raw_child(void) {
  begin();
  const pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (child == 0) {
    mach_port_t port = MACH_PORT_NULL;
    const kern_return_t code = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port);
    stop_here();
    _exit(code == KERN_SUCCESS ? 0 : DEGRADED);
  }
  expect(child > 0);
  const int status = ended(child);
  drop_receive(new_port());
  exit(status);
}

// A child with just the descriptors to find the domain, and none to tell whether it is of this boot: it is in
// none, and nobody else notices.
static void short_of_descriptors(void) {
  const pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (child == 0) {
    const struct rlimit five = {5, 5};
    for (int fd = 3; fd < 1024; fd++) close(fd);
    expect(setrlimit(RLIMIT_NOFILE, &five) == 0);
    mach_port_t port = MACH_PORT_NULL;
    const kern_return_t code = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port);
    _exit(code == KERN_SUCCESS ? 0 : DEGRADED);
  }
  expect(child > 0);
  expect(ended(child) == DEGRADED);
}

static void execs(void) {
  begin();
  execl(g_self, g_self, "arrives", NULL);
  // Refused: still a task, and it works the second time.
  stop_here();
  drop_receive(new_port());
  execl(g_self, g_self, "degraded", NULL);
  exit(1);
}
static void degraded(void) { g_degraded = 1; }

static void spawns(void) {
  char* const arguments[] = {(char*)(uintptr_t)g_self, (char*)(uintptr_t) "nothing", NULL};
  begin();
  pid_t child = 0;
  const int code = posix_spawn(&child, g_self, NULL, NULL, arguments, environ);
  end();
  if (code != 0) g_degraded = 1;
  if (code == 0) expect(ended(child) == 0);
  expect(posix_spawn(&child, g_self, NULL, NULL, arguments, environ) == 0);
  expect(ended(child) == 0);
}
static void nothing(void) {}

static void ends(void) {
  new_port();
  begin();
  exit(0);
}

// -- the life of a thread

static void* attaches_there(void* unused) {
  begin();
  mach_port_t port = MACH_PORT_NULL;
  const kern_return_t code = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port);
  end();
  if (code == KERN_SUCCESS) drop_receive(port);
  if (code != KERN_SUCCESS) g_degraded = 1;
  return unused;
}
static void* detaches_there(void* unused) {
  (void)mach_thread_self();
  new_port();
  begin();
  return unused;
}
static void* only_a_thread(void* unused) {
  drop_receive(new_port());
  return unused;
}
static void in_thread(void* (*what)(void*)) {
  pthread_t thread;
  expect(pthread_create(&thread, NULL, what, NULL) == 0);
  expect(pthread_join(thread, NULL) == 0);
  expect(pthread_create(&thread, NULL, only_a_thread, NULL) == 0);
  expect(pthread_join(thread, NULL) == 0);
}
static void attaches(void) { in_thread(attaches_there); }
static void detaches(void) { in_thread(detaches_there); }

// -- what a task does; each is done twice, and only the first time there is a debugger

static mach_port_t g_port, g_set, g_child;
static semaphore_t g_semaphore;
static pid_t g_child_pid;
static char* g_memory;

static void prepares(void) {
  g_port = new_port();
  check(mach_port_insert_right(mach_task_self(), g_port, g_port, MACH_MSG_TYPE_MAKE_SEND));
  check(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &g_set));
  check(semaphore_create(mach_task_self(), &g_semaphore, SYNC_POLICY_FIFO, 0));
  g_memory = malloc(BIG);
  expect(g_memory != NULL);
  memset(g_memory, 1, BIG);
}

// The table of names, and the zones of entries and ports.
enum { kMany = 40 };
static kern_return_t grows(void) {
  mach_port_t names[kMany];
  kern_return_t code = KERN_SUCCESS;
  unsigned n = 0;
  for (; n < kMany && code == KERN_SUCCESS; n++)
    code = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &names[n]);
  if (code != KERN_SUCCESS) n--;
  while (n > 0) drop_receive(names[--n]);
  return code;
}

static kern_return_t sends(void) {
  kern_return_t code = send_number(g_port, MACH_MSG_TYPE_COPY_SEND, 7, 42, 0);
  buffer_t buffer;
  if (code == MACH_MSG_SUCCESS) code = receive(&buffer, g_port, 0);
  return code;
}

typedef struct {
  mach_msg_header_t header;
  mach_msg_body_t body;
  mach_msg_ool_descriptor_t memory;
  char room[MAX_TRAILER_SIZE];
} memory_message_t;

// Memory out of line, and back.
static kern_return_t sends_memory(void) {
  memory_message_t message;
  memset(&message, 0, sizeof message);
  message.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX;
  message.header.msgh_remote_port = g_port;
  message.body.msgh_descriptor_count = 1;
  message.memory.address = g_memory;
  message.memory.size = BIG;
  message.memory.copy = MACH_MSG_PHYSICAL_COPY;
  message.memory.type = MACH_MSG_OOL_DESCRIPTOR;
  kern_return_t code = mach_msg(&message.header, MACH_SEND_MSG | MACH_SEND_TIMEOUT,
                                offsetof(memory_message_t, room), 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
  if (code != MACH_MSG_SUCCESS) return code;
  code = mach_msg(&message.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof message, g_port, 0,
                  MACH_PORT_NULL);
  if (code != MACH_MSG_SUCCESS) return code;
  expect(message.memory.size == BIG && memcmp(message.memory.address, g_memory, BIG) == 0);
  return vm_deallocate(mach_task_self(), (vm_address_t)message.memory.address, BIG);
}

// It sleeps, and is woken by the clock.
static kern_return_t waits(void) {
  buffer_t buffer;
  const kern_return_t code = receive(&buffer, g_port, 300);
  return code == MACH_RCV_TIMED_OUT ? KERN_SUCCESS : code == MACH_MSG_SUCCESS ? KERN_FAILURE : code;
}
static kern_return_t waits_for_count(void) {
  const mach_timespec_t soon = {0, 30000000};
  const kern_return_t code = semaphore_timedwait(g_semaphore, soon);
  return code == KERN_OPERATION_TIMED_OUT ? KERN_SUCCESS : code;
}

// It sleeps, and is woken by a message. The other thread makes no system call of ours necessary.
static pthread_t g_other;
static volatile int g_goes;
static void* answers(void* unused) {
  while (!g_goes) usleep(1000);
  usleep(20000);
  check(send_number(g_port, MACH_MSG_TYPE_COPY_SEND, 7, 42, -1));
  return unused;
}
static void before_woken(void) {
  g_goes = 0;
  expect(pthread_create(&g_other, NULL, answers, NULL) == 0);
}
static kern_return_t is_woken(void) {
  buffer_t buffer;
  g_goes = 1;
  const kern_return_t code = receive(&buffer, g_port, PATIENCE);
  return code == MACH_RCV_INTERRUPTED ? receive(&buffer, g_port, PATIENCE) : code;
}
static void joined(void) { expect(pthread_join(g_other, NULL) == 0); }

// The other thread sleeps: it has to be woken, whatever comes of the call that does.
static void* awaits(void* unused) {
  buffer_t buffer;
  check(receive(&buffer, g_port, PATIENCE));
  return unused;
}
static void before_wakes(void) {
  expect(pthread_create(&g_other, NULL, awaits, NULL) == 0);
  usleep(20000);
}
static kern_return_t wakes(void) { return send_number(g_port, MACH_MSG_TYPE_COPY_SEND, 7, 42, PATIENCE); }

static kern_return_t moves(void) {
  kern_return_t code = mach_port_move_member(mach_task_self(), g_port, g_set);
  if (code == KERN_SUCCESS) code = mach_port_extract_member(mach_task_self(), g_port, g_set);
  mach_port_t previous = MACH_PORT_NULL;
  const kern_return_t asked = mach_port_request_notification(
      mach_task_self(), g_port, MACH_NOTIFY_NO_SENDERS, 0, g_port, MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous);
  if (asked == KERN_SUCCESS)
    check(mach_port_request_notification(mach_task_self(), g_port, MACH_NOTIFY_NO_SENDERS, 0, MACH_PORT_NULL,
                                         MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous));
  buffer_t buffer;
  if (previous != MACH_PORT_NULL) {
    drop_send(previous);
    check(receive(&buffer, g_port, PATIENCE));  // that it was not used
  }
  return code != KERN_SUCCESS ? code : asked;
}

static kern_return_t looks_up(void) {
  mach_port_t service = MACH_PORT_NULL;
  const kern_return_t code = bootstrap_look_up(bootstrap_port, SERVICE, &service);
  if (code == KERN_SUCCESS) drop_send(service);
  return code;
}

static kern_return_t has_memory(void) {
  vm_address_t at = 0;
  kern_return_t code = vm_allocate(mach_task_self(), &at, BIG, VM_FLAGS_ANYWHERE);
  if (code != KERN_SUCCESS) return code;
  const kern_return_t closed = vm_protect(mach_task_self(), at, BIG, FALSE, VM_PROT_READ);
  const kern_return_t most = vm_protect(mach_task_self(), at, BIG, TRUE, VM_PROT_READ);
  vm_address_t where = at;
  vm_size_t size = 0;
  vm_region_basic_info_data_64_t info;
  mach_msg_type_number_t count = VM_REGION_BASIC_INFO_COUNT_64;
  mach_port_t object = MACH_PORT_NULL;
  const kern_return_t seen = vm_region_64(mach_task_self(), &where, &size, VM_REGION_BASIC_INFO_64,
                                          (vm_region_info_t)&info, &count, &object);
  code = vm_deallocate(mach_task_self(), at, BIG);
  if (code != KERN_SUCCESS) check(vm_deallocate(mach_task_self(), at, BIG));
  return closed != KERN_SUCCESS ? closed : most != KERN_SUCCESS ? most : seen != KERN_SUCCESS ? seen : code;
}

static kern_return_t others_memory(void) {
  vm_size_t size = 0;
  char back[256];
  memset(back, 1, sizeof back);
  kern_return_t code =
      vm_read_overwrite(g_child, (vm_address_t)g_memory, sizeof back, (vm_address_t)back, &size);
  if (code == KERN_SUCCESS) expect(size == sizeof back && back[0] == 1);
  const kern_return_t wrote = vm_write(g_child, (vm_address_t)g_memory, (vm_offset_t)back, sizeof back);
  vm_offset_t data = 0;
  mach_msg_type_number_t count = 0;
  const kern_return_t read = vm_read(g_child, (vm_address_t)g_memory, sizeof back, &data, &count);
  if (read == KERN_SUCCESS) check(vm_deallocate(mach_task_self(), data, count));
  return code != KERN_SUCCESS ? code : wrote != KERN_SUCCESS ? wrote : read;
}

static kern_return_t tells(void) {
  task_basic_info_64_data_t info;
  mach_msg_type_number_t count = TASK_BASIC_INFO_64_COUNT;
  const kern_return_t code = task_info(mach_task_self(), TASK_BASIC_INFO_64, (task_info_t)&info, &count);
  mach_port_name_array_t names;
  mach_port_type_array_t types;
  mach_msg_type_number_t names_count, types_count;
  const kern_return_t listed = mach_port_names(mach_task_self(), &names, &names_count, &types, &types_count);
  if (listed == KERN_SUCCESS) {
    check(vm_deallocate(mach_task_self(), (vm_address_t)names, names_count * sizeof *names));
    check(vm_deallocate(mach_task_self(), (vm_address_t)types, types_count * sizeof *types));
  }
  return code != KERN_SUCCESS ? code : listed;
}

// A set in a kqueue: -1 and what Linux said are as good as an answer. One queue is closed before anybody has
// waited for it.
static kern_return_t watches(void) {
  const int brief = kqueue();
  const struct timespec at_once = {0, 0};
  struct kevent first;
  EV_SET(&first, g_set, EVFILT_MACHPORT, EV_ADD, 0, 0, 0);
  const int began = brief < 0 ? -1 : kevent(brief, &first, 1, NULL, 0, &at_once);
  usleep(20000);
  if (brief >= 0) close(brief);
  if (began < 0) return KERN_FAILURE;
  const int queue = kqueue();
  if (queue < 0) return KERN_FAILURE;
  struct kevent change, event;
  const struct timespec now = {0, 1000000};
  EV_SET(&change, g_set, EVFILT_MACHPORT, EV_ADD, 0, 0, 0);
  const int added = kevent(queue, &change, 1, NULL, 0, &now);
  EV_SET(&change, 1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, NOTE_USECONDS, 100, 0);
  const int timed = kevent(queue, &change, 1, NULL, 0, &now);
  const struct timespec patience = {0, 30000000};
  const int came = kevent(queue, NULL, 0, &event, 1, &patience);
  expect(close(queue) == 0 || errno != EBADF);
  return added < 0 || timed < 0 || came < 1 ? KERN_FAILURE : KERN_SUCCESS;
}

// A child that tells its task port.
static void child_prepares(void) {
  int pipe_[2];
  expect(pipe(pipe_) == 0);
  mach_port_t ours[] = {g_port};
  check(mach_ports_register(mach_task_self(), ours, 1));
  g_child_pid = fork();
  if (g_child_pid == 0) {
    char byte;
    close(pipe_[1]);
    mach_port_array_t ports = NULL;
    mach_msg_type_number_t ports_count = 0;
    check(mach_ports_lookup(mach_task_self(), &ports, &ports_count));
    number_message_t message;
    memset(&message, 0, sizeof message);
    message.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_COPY_SEND);
    message.header.msgh_remote_port = ports[0];
    message.header.msgh_local_port = mach_task_self();
    check(mach_msg(&message.header, MACH_SEND_MSG, sizeof message, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL));
    _exit(read(pipe_[0], &byte, 1) == 0 ? 0 : 1);  // it ends with us
  }
  close(pipe_[0]);
  buffer_t buffer;
  check(receive(&buffer, g_port, PATIENCE));
  g_child = buffer.header.msgh_remote_port;
}

static const struct {
  const char* name;
  kern_return_t (*run)(void);
  void (*before)(void);
  void (*after)(void);
} kTraps[] = {
    {"grows", grows, NULL, NULL},
    {"sends", sends, NULL, NULL},
    {"sends-memory", sends_memory, NULL, NULL},
    {"waits", waits, NULL, NULL},
    {"waits-for-count", waits_for_count, NULL, NULL},
    {"is-woken", is_woken, before_woken, joined},
    {"wakes", wakes, before_wakes, joined},
    {"moves", moves, NULL, NULL},
    {"looks-up", looks_up, NULL, NULL},
    {"has-memory", has_memory, NULL, NULL},
    {"others-memory", others_memory, NULL, NULL},
    {"tells", tells, NULL, NULL},
    {"watches", watches, NULL, NULL},
};

static const struct {
  const char* name;
  void (*run)(void);
} kLives[] = {
    {"serves", serves},       {"visits", visits},     {"leaves", leaves},
    {"arrives", arrives},     {"forks", forks},       {"fork-child", fork_child},
    {"raw-child", raw_child}, {"execs", execs},       {"spawns", spawns},
    {"nothing", nothing},     {"ends", ends},         {"attaches", attaches},
    {"detaches", detaches},   {"degraded", degraded}, {"short-of-descriptors", short_of_descriptors},
};

static void does(unsigned which) {
  prepares();
  if (kTraps[which].run == others_memory) child_prepares();
  if (kTraps[which].before != NULL) kTraps[which].before();
  begin();
  const kern_return_t code = kTraps[which].run();
  end();
  if (code != KERN_SUCCESS) {
    if (!refused(code)) check(code);
    g_degraded = 1;
  }
  if (kTraps[which].after != NULL) kTraps[which].after();
  if (kTraps[which].before != NULL) kTraps[which].before();
  check(kTraps[which].run());
  if (kTraps[which].after != NULL) kTraps[which].after();
}

int main(int count, char** words) {
  static char self[512];
  const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  if (length > 0) self[length] = 0;
  g_self = self;
  expect(count == 2);
  for (size_t i = 0; i < sizeof kLives / sizeof *kLives; i++) {
    if (strcmp(words[1], kLives[i].name) != 0) continue;
    kLives[i].run();
    return g_degraded ? DEGRADED : 0;
  }
  for (unsigned i = 0; i < sizeof kTraps / sizeof *kTraps; i++) {
    if (strcmp(words[1], kTraps[i].name) != 0) continue;
    does(i);
    return g_degraded ? DEGRADED : 0;
  }
  return 2;
}
