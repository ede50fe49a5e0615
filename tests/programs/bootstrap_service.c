// SPDX-License-Identifier: Apache-2.0
// What a job runs in the bootstrap checks. It writes what happened into files of its working directory.
//   bootstrap_service NAME          checks the service in and does what the messages say, by their ids; each is
//                                   a line of `got`, each check-in a line of `codes`
//   bootstrap_service NAME late     the same, once there is a file `go`
//   bootstrap_service NAME idle     registers a port under the idle name, then none, and waits; codes in `codes`
//   bootstrap_service NAME none     does nothing
#include <mach/mach.h>
#include <servers/bootstrap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { kExit = 900, kAbort, kHandOver, kExec, kChild, kExtra, kDrop };

static void note(const char* file, int number) {
  FILE* out = fopen(file, "a");
  if (out == NULL) exit(3);
  fprintf(out, "%d\n", number);
  fclose(out);
}

// After an exec the image before may still be on its way out.
static mach_port_t check_in(const char* name) {
  mach_port_t port = MACH_PORT_NULL;
  kern_return_t code = bootstrap_check_in(bootstrap_port, name, &port);
  for (int i = 0; code == BOOTSTRAP_SERVICE_ACTIVE && i < 500; i++) {
    usleep(10000);
    code = bootstrap_check_in(bootstrap_port, name, &port);
  }
  note("codes", code);
  return port;
}

struct carrier {
  mach_msg_header_t header;
  mach_msg_body_t body;
  mach_msg_port_descriptor_t port;
  mach_msg_trailer_t trailer;
};

// A child gets the receive right in a message, and keeps it until there is a file `drop`.
static void hand_over(mach_port_t port) {
  char name[128];
  snprintf(name, sizeof name, "com.example.heir.%d", (int)getpid());
  if (fork() == 0) {
    setsid();  // not in the job's process group
    mach_port_t inbox = MACH_PORT_NULL;
    struct carrier got;
    if (bootstrap_check_in(bootstrap_port, name, &inbox) != 0) _exit(1);
    mach_msg(&got.header, MACH_RCV_MSG, 0, sizeof got, inbox, 0, MACH_PORT_NULL);
    note("handed", 1);
    while (access("drop", F_OK) != 0) usleep(20000);
    _exit(0);
  }
  mach_port_t heir = MACH_PORT_NULL;
  while (bootstrap_look_up(bootstrap_port, name, &heir) != 0) usleep(1000);
  struct carrier message;
  memset(&message, 0, sizeof message);
  message.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX;
  message.header.msgh_size = sizeof message - sizeof message.trailer;
  message.header.msgh_remote_port = heir;
  message.body.msgh_descriptor_count = 1;
  message.port.name = port;
  message.port.disposition = MACH_MSG_TYPE_MOVE_RECEIVE;
  message.port.type = MACH_MSG_PORT_DESCRIPTOR;
  mach_msg(&message.header, MACH_SEND_MSG, message.header.msgh_size, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
  exit(0);
}

static void obey(int id, const char* name, mach_port_t port, char** argv) {
  if (id == kExit) exit(0);
  if (id == kAbort) abort();
  if (id == kHandOver) hand_over(port);
  if (id == kExec) execv("/proc/self/exe", argv);
  if (id == kDrop) mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1);
  if (id == kExtra) check_in("com.example.extra");
  if (id == kChild && fork() == 0) {
    mach_port_t theirs = MACH_PORT_NULL;
    note("child", bootstrap_check_in(bootstrap_port, name, &theirs));
    _exit(0);
  }
}

static void serve(const char* name, char** argv) {
  const mach_port_t port = check_in(name);
  struct {
    mach_msg_header_t header;
    mach_msg_max_trailer_t trailer;
  } message;
  while (mach_msg(&message.header, MACH_RCV_MSG, 0, sizeof message, port, 0, MACH_PORT_NULL) == 0) {
    note("got", message.header.msgh_id);
    obey(message.header.msgh_id, name, port, argv);
  }
  for (;;) pause();
}

static void idle(char* name) {
  mach_port_t port = MACH_PORT_NULL;
  mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port);
  mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND);
  note("codes", bootstrap_register(bootstrap_port, name, port));
  note("codes", bootstrap_register(bootstrap_port, name, MACH_PORT_NULL));
  for (;;) pause();
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  note("starts", (int)getpid());
  if (argc > 2 && strcmp(argv[2], "none") == 0) return 0;
  if (argc > 2 && strcmp(argv[2], "idle") == 0) idle(argv[1]);
  if (argc > 2 && strcmp(argv[2], "late") == 0)
    while (access("go", F_OK) != 0) usleep(10000);
  serve(argv[1], argv);
}
