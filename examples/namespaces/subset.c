// SPDX-License-Identifier: Apache-2.0
// A subset, and who checks in where, in plain Darwin: the parent makes a subset that lives as long as its own
// task, makes it the namespace of its children, and forks. Then both wait until they are ended, so that the
// namespaces can be looked at:
//   portolan launchctl bstree
#include <mach/mach.h>
#include <mach/task_special_ports.h>
#include <servers/bootstrap.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void check_in(mach_port_t where, const char *name) {
  mach_port_t service = MACH_PORT_NULL;
  const kern_return_t code = bootstrap_check_in(where, name, &service);
  if (code != KERN_SUCCESS) {
    fprintf(stderr, "subset: %s: %s\n", name, bootstrap_strerror(code));
    exit(1);
  }
}

int main(void) {
  const mach_port_t outside = bootstrap_port;
  mach_port_t inside = MACH_PORT_NULL;
  if (bootstrap_subset(outside, mach_task_self(), &inside) != KERN_SUCCESS ||
      task_set_bootstrap_port(mach_task_self(), inside) != KERN_SUCCESS)
    return 1;

  const pid_t child = fork();
  if (child == 0) {
    // A new task reads its bootstrap port from the kernel: this lands inside.
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    check_in(bootstrap_port, "CHILD");
    pause();
    _exit(0);
  }
  // The variable still is what it was at the start: outside.
  check_in(bootstrap_port, "PARENT");
  // Inside, by the port itself.
  check_in(inside, "PARENT-1");
  // Read anew, the variable leads inside, too. Each reading is a user reference: it has to be given back.
  mach_port_deallocate(mach_task_self(), inside);
  if (task_get_bootstrap_port(mach_task_self(), &bootstrap_port) != KERN_SUCCESS) return 1;
  check_in(bootstrap_port, "PARENT-2");
  printf("subset: process %d and its child %d are checked in; ^C ends them\n", (int)getpid(), (int)child);
  fflush(stdout);
  waitpid(child, NULL, 0);
  return 0;
}
