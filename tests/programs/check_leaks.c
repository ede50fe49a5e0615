// SPDX-License-Identifier: Apache-2.0
// For the tests of `portolan check`: acquires rights in known ways and keeps them.
//   check_leaks clean          keeps nothing
//   check_leaks piled N        N references to the thread's own port, in one place
//   check_leaks unanswered N   a child receives N requests and answers none
//   check_leaks crash N        like piled, then dies by SIGSEGV;  exit N: like piled, then exits with 3
//   check_leaks fork N         like piled, in a child
//   check_leaks threads N      N threads, one reference each, all ended
//   check_leaks linger N       like piled, then sleeps
// What was leaked is printed as "leaked COUNT".
#include <mach/mach.h>
#include <pthread.h>
#include <servers/bootstrap.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
// It is to die of SIGSEGV, not to exit after a report; and what it leaks is not memory.
const char* __asan_default_options(void);
const char* __asan_default_options(void) { return "handle_segv=0:detect_leaks=0"; }
#endif

#define KEEP __attribute__((noinline))
#define HERE __asm__ volatile("")

KEEP static mach_port_t current_id(void) {
  mach_port_t thread = mach_thread_self();
  HERE;
  return thread;
}

KEEP static void pile_up(int count) {
  for (int i = 0; i < count; i++) {
    current_id();
    HERE;
  }
}

static void* one_reference(void* argument) {
  current_id();
  HERE;
  return argument;
}

struct request {
  mach_msg_header_t header;
};
struct received {
  mach_msg_header_t header;
  mach_msg_max_trailer_t trailer;
};

KEEP static void serve(mach_port_t port, int count) {
  for (int i = 0; i < count; i++) {
    struct received message;
    memset(&message, 0, sizeof message);
    mach_msg(&message.header, MACH_RCV_MSG, 0, sizeof message, port, MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL);
    HERE;
  }
}

static int unanswered(int count) {
  mach_port_t port = MACH_PORT_NULL;
  char name[] = "com.example.unanswered";
  if (fork() == 0) {
    if (bootstrap_check_in(bootstrap_port, name, &port) != KERN_SUCCESS) _exit(9);
    serve(port, count);
    _exit(0);
  }
  for (int i = 0; i < 500 && bootstrap_look_up(bootstrap_port, name, &port) != KERN_SUCCESS; i++)
    usleep(10000);
  for (int i = 0; i < count; i++) {
    mach_port_t reply = MACH_PORT_NULL;
    mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &reply);
    struct request message;
    memset(&message, 0, sizeof message);
    message.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
    message.header.msgh_size = sizeof message;
    message.header.msgh_remote_port = port;
    message.header.msgh_local_port = reply;
    message.header.msgh_id = 2003;
    mach_msg(&message.header, MACH_SEND_MSG, sizeof message, 0, MACH_PORT_NULL, MACH_MSG_TIMEOUT_NONE,
             MACH_PORT_NULL);
  }
  int status = 0;
  wait(&status);
  usleep(300000);  // a client that ends with its server would take the reply ports along
  return WEXITSTATUS(status);
}

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "clean";
  const int count = argc > 2 ? atoi(argv[2]) : 20;
  if (strcmp(what, "clean") == 0) {
    for (int i = 0; i < 20; i++) mach_port_deallocate(mach_task_self(), current_id());
    printf("leaked 0\n");
    return 0;
  }
  printf("leaked %d\n", count);
  fflush(stdout);
  if (strcmp(what, "unanswered") == 0) return unanswered(count);
  if (strcmp(what, "fork") == 0) {
    if (fork() == 0) {
      pile_up(count);
      _exit(0);
    }
    wait(NULL);
    return 0;
  }
  if (strcmp(what, "threads") == 0) {
    for (int i = 0; i < count; i++) {
      pthread_t thread;
      pthread_create(&thread, NULL, one_reference, NULL);
      pthread_join(thread, NULL);
    }
    return 0;
  }
  pile_up(count);
  if (strcmp(what, "crash") == 0) raise(SIGSEGV);
  if (strcmp(what, "linger") == 0) sleep(60);
  return strcmp(what, "exit") == 0 ? 3 : 0;
}
