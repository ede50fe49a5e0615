// SPDX-License-Identifier: Apache-2.0
// Open files in messages. `fileports CASE`; see tests/process/fileports_test.cpp.
#define _GNU_SOURCE  // pipe2, prlimit
#include <errno.h>
#include <fcntl.h>
#include <kern/ipc_kobject.h>
#include <poll.h>
#include <signal.h>
#include <sys/fileport.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "launchd_pid.h"
#include "user_common.h"

// Looks again and again until it is so.
#define await(truth)                                                    \
  do {                                                                  \
    int so = 0;                                                         \
    for (int i = 0; i < PATIENCE && !(so = (truth)); i++) usleep(1000); \
    expect(so);                                                         \
  } while (0)

static fileport_t made(int fd) {
  fileport_t port = FILEPORT_NULL;
  errno = 0;
  if (fileport_makeport(fd, &port) != 0) perror("fileport_makeport");
  expect(errno == 0 && type_of(port) == MACH_PORT_TYPE_SEND && refs_of(port, MACH_PORT_RIGHT_SEND) == 1);
  return port;
}

static int taken(fileport_t port) {
  errno = 0;
  const int fd = fileport_makefd(port);
  if (fd < 0) perror("fileport_makefd");
  expect(fd >= 0 && errno == 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
  return fd;
}

static void refuses_port(int fd, int error) {
  fileport_t port = FILEPORT_NULL;
  expect(fileport_makeport(fd, &port) == -1);
  if (errno != error) perror("fileport_makeport");
  expect(errno == error && port == FILEPORT_NULL);
}

static void refuses_fd(mach_port_t port, int error) {
  const int fd = fileport_makefd(port);
  if (fd >= 0 || errno != error) fprintf(stderr, "makefd(0x%x): %d, %s\n", port, fd, strerror(errno));
  expect(fd == -1 && errno == error);
}

// Nobody can write into the pipe any more: its end.
static int at_end(int reader, int milliseconds) {
  struct pollfd ready = {reader, POLLIN, 0};
  char byte;
  return poll(&ready, 1, milliseconds) == 1 && read(reader, &byte, 1) == 0;
}

static void new_pipe(int* reader, int* writer) {
  int ends[2];
  expect(pipe2(ends, O_CLOEXEC) == 0);
  *reader = ends[0];
  *writer = ends[1];
}

static unsigned names(void) {
  mach_port_name_array_t list = NULL;
  mach_port_type_array_t types = NULL;
  mach_msg_type_number_t count = 0, types_count = 0;
  check(mach_port_names(mach_task_self(), &list, &count, &types, &types_count));
  vm_deallocate(mach_task_self(), (vm_address_t)list, count * sizeof *list);
  vm_deallocate(mach_task_self(), (vm_address_t)types, types_count * sizeof *types);
  return count;
}

// The numbers in use of a process.
static int open_files(pid_t pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
  DIR* list = opendir(path);
  expect(list != NULL);
  int count = 0;
  for (const struct dirent* entry; (entry = readdir(list)) != NULL;) count += entry->d_name[0] != '.';
  closedir(list);
  return count;
}

static pid_t await_launchd(pid_t old) {
  pid_t launchd = 0;
  await((launchd = launchd_of_domain()) != 0 && launchd != old);
  return launchd;
}

static mach_port_t port_for_children(void) {
  mach_port_t port = new_port();
  check(mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND));
  check(mach_ports_register(mach_task_self(), &port, 1));
  return port;
}

static void drop_port_for_children(mach_port_t port) {
  check(mach_ports_register(mach_task_self(), NULL, 0));
  drop_receive(port);
  drop_send(port);
}

static mach_port_t parents_port(void) {
  mach_port_array_t ports = NULL;
  mach_msg_type_number_t count = 0;
  check(mach_ports_lookup(mach_task_self(), &ports, &count));
  return ports[0];
}

// A message with three rights.
enum { kFiles = 3 };
typedef struct {
  mach_msg_header_t header;
  mach_msg_body_t body;
  mach_msg_port_descriptor_t ports[kFiles];
} files_message_t;

static void send_files(mach_port_t to, const int* files) {
  files_message_t message;
  memset(&message, 0, sizeof message);
  message.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX;
  message.header.msgh_size = sizeof message;
  message.header.msgh_remote_port = to;
  message.body.msgh_descriptor_count = kFiles;
  for (int i = 0; i < kFiles; i++) {
    message.ports[i].name = made(files[i]);
    message.ports[i].disposition = MACH_MSG_TYPE_MOVE_SEND;
    message.ports[i].type = MACH_MSG_PORT_DESCRIPTOR;
  }
  check(mach_msg(&message.header, MACH_SEND_MSG, sizeof message, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL));
}

static void receive_files(mach_port_t from, fileport_t* ports) {
  union {
    files_message_t message;
    char room[512];
  } buffer;
  check(mach_msg(&buffer.message.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof buffer, from, PATIENCE,
                 MACH_PORT_NULL));
  for (int i = 0; i < kFiles; i++) ports[i] = buffer.message.ports[i].name;
}

// A file, a pipe's end and a socket, from a task that has ended before they are looked at.
static void passes(void) {
  const mach_port_t port = port_for_children();
  int files[kFiles], reader, peers[2];
  new_pipe(&reader, &files[1]);
  expect(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, peers) == 0);
  files[2] = peers[1];
  const pid_t child = fork();
  if (child == 0) {
    char path[] = "/tmp/portolan-fileports-XXXXXX";
    files[0] = mkstemp(path);
    expect(files[0] >= 0 && unlink(path) == 0 && write(files[0], "abcdef", 6) == 6);
    expect(lseek(files[0], 2, SEEK_SET) == 2);
    send_files(parents_port(), files);
    _exit(0);
  }
  close(files[1]);
  close(files[2]);
  int status = 0;
  expect(waitpid(child, &status, 0) == child && status == 0);

  fileport_t ports[kFiles];
  receive_files(port, ports);
  natural_t kind = 0;
  mach_vm_address_t address = 0;
  check(mach_port_kobject(mach_task_self(), ports[0], &kind, &address));
  expect(kind == IKOT_FILEPORT);
  const int file = taken(ports[0]), again = taken(ports[0]), writer = taken(ports[1]),
            socket = taken(ports[2]);
  char bytes[8] = {0};
  expect(file != again && lseek(file, 0, SEEK_CUR) == 2);
  expect(read(file, bytes, 2) == 2 && memcmp(bytes, "cd", 2) == 0);
  expect(lseek(again, 0, SEEK_CUR) == 4);
  expect(write(writer, "x", 1) == 1 && read(reader, bytes, 1) == 1 && bytes[0] == 'x');
  expect(write(socket, "y", 1) == 1 && read(peers[0], bytes, 1) == 1 && bytes[0] == 'y');

  for (int i = 0; i < kFiles; i++) drop_send(ports[i]);
  expect(write(writer, "z", 1) == 1 && read(reader, bytes, 1) == 1);
  for (int i = 0; i < 4; i++) close((int[]){file, again, writer, socket}[i]);
  expect(at_end(reader, PATIENCE) && at_end(peers[0], PATIENCE));
  drop_port_for_children(port);
}

// The file is open as long as there is a right, wherever that is.
static void lasts(void) {
  int reader, writer;
  new_pipe(&reader, &writer);
  const fileport_t port = made(writer), other = made(writer);
  expect(port != other);
  close(writer);
  drop_send(other);
  check(mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_SEND, 1));
  drop_send(port);
  expect(!at_end(reader, 0));

  // In a message.
  const mach_port_t queue = new_port();
  struct {
    mach_msg_header_t header;
    mach_msg_body_t body;
    mach_msg_port_descriptor_t port;
  } message;
  memset(&message, 0, sizeof message);
  message.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0) | MACH_MSGH_BITS_COMPLEX;
  message.header.msgh_size = sizeof message;
  message.header.msgh_remote_port = queue;
  message.body.msgh_descriptor_count = 1;
  message.port.name = port;
  message.port.disposition = MACH_MSG_TYPE_MOVE_SEND;
  message.port.type = MACH_MSG_PORT_DESCRIPTOR;
  check(mach_msg(&message.header, MACH_SEND_MSG, sizeof message, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL));
  expect(type_of(port) == 0);
  refuses_fd(port, EINVAL);
  usleep(100000);  // launchd has been told of `other` by now
  expect(!at_end(reader, 0));
  drop_receive(queue);
  expect(at_end(reader, PATIENCE));
  close(reader);
}

static void wrong_arguments(void) {
  const fileport_t file = made(0);
  const mach_port_t port = new_port();
  refuses_fd(MACH_PORT_NULL, EINVAL);
  refuses_fd(MACH_PORT_DEAD, EINVAL);
  refuses_fd(0x12345603, EINVAL);
  refuses_fd(port, EINVAL);
  refuses_fd(mach_task_self(), EINVAL);
  check(mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND));
  refuses_fd(port, EINVAL);
  drop_receive(port);
  refuses_fd(port, EINVAL);
  check(mach_port_deallocate(mach_task_self(), port));

  const unsigned before = names();
  refuses_port(-1, EBADF);
  refuses_port(9999, EBADF);
  const int closed = dup(0);
  close(closed);
  refuses_port(closed, EBADF);
  expect(fileport_makeport(0, NULL) == -1 && errno == EFAULT);
  expect(names() == before);

  drop_send(file);
  refuses_fd(file, EINVAL);
}

static void launchds_limit(void) {
  enum { kMost = 200 };
  const pid_t launchd = await_launchd(0);
  struct rlimit before;
  fileport_t ports[kMost];
  ports[0] = made(0);
  expect(prlimit(launchd, RLIMIT_NOFILE, NULL, &before) == 0);
  const struct rlimit few = {80, before.rlim_max};
  expect(prlimit(launchd, RLIMIT_NOFILE, &few, NULL) == 0);
  const unsigned names_before = names();
  int n = 1;
  while (n < kMost && fileport_makeport(0, &ports[n]) == 0) n++;
  expect(n < 80 && errno == ENFILE);
  expect(names() == names_before + (unsigned)n - 1);
  close(taken(ports[n - 1]));
  drop_send(ports[--n]);
  fileport_t next = FILEPORT_NULL;
  await(fileport_makeport(0, &next) == 0);
  drop_send(next);
  expect(prlimit(launchd, RLIMIT_NOFILE, &before, NULL) == 0);
  while (n > 0) drop_send(ports[--n]);
}

static void own_limit(void) {
  const fileport_t port = made(0);
  const int next = dup(0);
  close(next);
  struct rlimit before;
  expect(getrlimit(RLIMIT_NOFILE, &before) == 0);
  for (int left = 0; left < 2; left++) {
    const struct rlimit few = {(rlim_t)(next + left), before.rlim_max};
    expect(setrlimit(RLIMIT_NOFILE, &few) == 0);
    refuses_fd(port, EMFILE);
    if (left == 0) refuses_port(0, EMFILE);
  }
  expect(setrlimit(RLIMIT_NOFILE, &before) == 0);
  close(taken(port));
  drop_send(port);
}

// Its files go with launchd, and the names are dead; the next one keeps files again.
static void launchd_dies(void) {
  int reader, writer;
  new_pipe(&reader, &writer);
  const fileport_t port = made(writer);
  const pid_t launchd = await_launchd(0);
  close(writer);
  expect(!at_end(reader, 0));
  expect(kill(launchd, SIGKILL) == 0);
  expect(at_end(reader, PATIENCE));
  close(reader);
  // Who asks waits for the next launchd, or is told by it.
  refuses_fd(port, EINVAL);
  await(type_of(port) == MACH_PORT_TYPE_DEAD_NAME);
  refuses_fd(port, EINVAL);
  check(mach_port_deallocate(mach_task_self(), port));

  await_launchd(launchd);
  const fileport_t next = made(0);
  close(taken(next));
  drop_send(next);
}

// Again and again, while others make file ports and take files: they are told, and go on.
static void launchd_dies_often(void) {
  enum { kMakers = 3 };
  int reader, writer;
  new_pipe(&reader, &writer);
  pid_t makers[kMakers];
  for (int i = 0; i < kMakers; i++) {
    makers[i] = fork();
    if (makers[i] != 0) continue;
    for (;;) {
      fileport_t port = FILEPORT_NULL;
      if (fileport_makeport(writer, &port) != 0) {
        expect(errno == ETIMEDOUT && port == FILEPORT_NULL);
        continue;
      }
      const int fd = fileport_makefd(port);
      expect(fd >= 0 || errno == EINVAL || errno == ETIMEDOUT);
      if (fd >= 0) close(fd);
      check(mach_port_deallocate(mach_task_self(), port));
    }
  }
  close(writer);
  pid_t launchd = 0;
  for (int i = 0; i < 6; i++) {
    launchd = await_launchd(launchd);
    usleep((useconds_t)(i * 7000));
    expect(kill(launchd, SIGKILL) == 0);
  }
  await_launchd(launchd);
  for (int i = 0; i < kMakers; i++) {
    int status = 0;
    expect(waitpid(makers[i], &status, WNOHANG) == 0);  // it lives, and so found nothing wrong
    expect(kill(makers[i], SIGKILL) == 0 && waitpid(makers[i], &status, 0) == makers[i]);
  }
  expect(at_end(reader, PATIENCE));
  close(reader);
  const fileport_t next = made(0);
  close(taken(next));
  drop_send(next);
}

// Others connect, and say nothing, or nonsense.
static void other_clients(void) {
  enum { kClients = 100 };
  const fileport_t port = made(0);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s/files.sock", getenv("PORTOLAN_DOMAIN"));
  int clients[kClients];
  for (int i = 0; i < kClients; i++) {
    clients[i] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    expect(clients[i] >= 0);
    expect(connect(clients[i], (const struct sockaddr*)&address, sizeof address) == 0);
    static const char kNonsense[200] = "nonsense";
    const size_t sizes[] = {1, 23, 24, 25, 200};
    if (i % 2 == 0) (void)!send(clients[i], kNonsense, sizes[i / 2 % 5], MSG_NOSIGNAL);
    if (i % 10 == 0) {
      close(taken(port));
      drop_send(made(0));
    }
  }
  for (int i = 0; i < kClients; i++) close(clients[i]);
  close(taken(port));
  drop_send(port);
}

// Makers and takers are killed wherever they are: launchd is left with no file.
static void killed(void) {
  const mach_port_t queue = port_for_children();
  int reader, writer;
  new_pipe(&reader, &writer);
  for (int i = 0; i < 20; i++) {
    const pid_t child = fork();
    if (child == 0) {
      for (;;) {
        const fileport_t port = made(writer);
        close(taken(port));
        close(taken(port));
        drop_send(port);
      }
    }
    usleep((useconds_t)(i * 2000));
    expect(kill(child, SIGKILL) == 0);
    expect(waitpid(child, NULL, 0) == child);
  }
  close(writer);
  expect(at_end(reader, PATIENCE));
  close(reader);
  const pid_t launchd = await_launchd(0);
  await(open_files(launchd) < 20);
  drop_port_for_children(queue);
}

int main(int argc, char** argv) {
  static const struct {
    const char* name;
    void (*run)(void);
  } kCases[] = {{"passes", passes},
                {"lasts", lasts},
                {"wrong-arguments", wrong_arguments},
                {"launchds-limit", launchds_limit},
                {"own-limit", own_limit},
                {"launchd-dies", launchd_dies},
                {"launchd-dies-often", launchd_dies_often},
                {"other-clients", other_clients},
                {"killed", killed}};
  for (size_t i = 0; argc > 1 && i < sizeof kCases / sizeof kCases[0]; i++) {
    if (strcmp(argv[1], kCases[i].name) != 0) continue;
    kCases[i].run();
    return 0;
  }
  return 2;
}
