// SPDX-License-Identifier: Apache-2.0
// A process that forks:
//   user_fork talk         the child finds nothing but its bootstrap port, looks its parent up and talks to
//   it user_fork exit         what the child held is gone when it exits user_fork subset FILE  the child runs
//   FILE `user_fork inside` in a bootstrap subset user_fork inside
#include <sys/wait.h>

#include "user_common.h"

enum { kHello = 200 };

static void join(pid_t child) {
  int status = 0;
  expect(waitpid(child, &status, 0) == child);
  expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void talk(void) {
  const mach_port_t service = check_in("user.fork");
  const mach_port_t own = new_port();
  const mach_port_t parent_self = mach_task_self();
  const pid_t child = fork();
  if (child == 0) {
    int pid = 0;
    check(pid_for_task(mach_task_self(), &pid));
    expect(pid == getpid());
    // The parent's names mean nothing here.
    expect((type_of(own) & MACH_PORT_TYPE_RECEIVE) == 0);
    expect((type_of(service) & MACH_PORT_TYPE_RECEIVE) == 0);
    // Who checked it in is another process: 1100.
    mach_port_t again = MACH_PORT_NULL;
    expect_code(BOOTSTRAP_NOT_PRIVILEGED, bootstrap_check_in(bootstrap_port, "user.fork", &again));
    const mach_port_t parent = look_up("user.fork");
    check(send_number(parent, MACH_MSG_TYPE_COPY_SEND, kHello, getpid(), -1));
    drop_send(parent);
    exit(0);
  }
  expect(receive_number(service, kHello) == child);
  join(child);
  expect(parent_self == mach_task_self());
  int pid = 0;
  check(pid_for_task(mach_task_self(), &pid));
  expect(pid == getpid());
  expect(type_of(service) == MACH_PORT_TYPE_RECEIVE);
  expect(type_of(own) == MACH_PORT_TYPE_RECEIVE);
}

static void exits(void) {
  const mach_port_t service = check_in("user.fork");
  const pid_t child = fork();
  if (child == 0) {
    const mach_port_t mine = check_in("user.fork.child");
    const mach_port_t parent = look_up("user.fork");
    check(send_number(parent, MACH_MSG_TYPE_COPY_SEND, kHello, 1, -1));
    // Until the parent has what it needs.
    expect(receive_number(mine, kHello) == 2);
    exit(0);  // with both rights
  }
  expect(receive_number(service, kHello) == 1);
  const mach_port_t other = look_up("user.fork.child");
  mach_port_t previous = MACH_PORT_NULL;
  const mach_port_t notify = new_port();
  check(mach_port_request_notification(mach_task_self(), other, MACH_NOTIFY_DEAD_NAME, 1, notify,
                                       MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous));
  check(send_number(other, MACH_MSG_TYPE_COPY_SEND, kHello, 2, -1));
  join(child);
  buffer_t buffer;
  check(receive(&buffer, notify, PATIENCE));
  expect(buffer.header.msgh_id == MACH_NOTIFY_DEAD_NAME);
  expect(buffer.dead_name.not_port == other);
  expect(type_of(other) == MACH_PORT_TYPE_DEAD_NAME);
  expect(refs_of(other, MACH_PORT_RIGHT_DEAD_NAME) == 2);  // the notification brought one
  // The name went with its owner.
  kern_return_t result = KERN_SUCCESS;
  for (int i = 0; i < 1000 && result != BOOTSTRAP_UNKNOWN_SERVICE; i++) {
    mach_port_t found = MACH_PORT_NULL;
    result = bootstrap_look_up(bootstrap_port, "user.fork.child", &found);
    if (result == KERN_SUCCESS && MACH_PORT_VALID(found)) drop_send(found);
    usleep(2000);
  }
  expect_code(BOOTSTRAP_UNKNOWN_SERVICE, result);
}

static void subset(const char* file) {
  const mach_port_t root = bootstrap_port;
  mach_port_t inner = MACH_PORT_NULL;
  check(bootstrap_subset(root, mach_task_self(), &inner));
  check(task_set_special_port(mach_task_self(), TASK_BOOTSTRAP_PORT, inner));
  const mach_port_t outside = check_in("user.outside");
  const pid_t child = fork();
  if (child == 0) {
    execl(file, file, "inside", (char*)NULL);
    _exit(127);
  }
  expect(receive_number(outside, kHello) == child);
  mach_port_t found = MACH_PORT_NULL;
  expect_code(BOOTSTRAP_UNKNOWN_SERVICE, bootstrap_look_up(root, "user.inside", &found));
  check(bootstrap_look_up(inner, "user.inside", &found));
  check(send_number(found, MACH_MSG_TYPE_COPY_SEND, kHello, 3, -1));
  join(child);
}

static void inside(void) {
  const mach_port_t mine = check_in("user.inside");
  const mach_port_t outside = look_up("user.outside");  // found through the parent
  check(send_number(outside, MACH_MSG_TYPE_COPY_SEND, kHello, getpid(), -1));
  expect(receive_number(mine, kHello) == 3);
}

int main(int argc, char** argv) {
  expect(argc >= 2);
  if (strcmp(argv[1], "talk") == 0) talk();
  if (strcmp(argv[1], "exit") == 0) exits();
  if (strcmp(argv[1], "subset") == 0 && argc == 3) subset(argv[2]);
  if (strcmp(argv[1], "inside") == 0) inside();
  return 0;
}
