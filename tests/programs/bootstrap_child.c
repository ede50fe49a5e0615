// SPDX-License-Identifier: Apache-2.0
// A program that finds itself in some namespace:
//   bootstrap_child check-in NAME   checks in, prints the code and how many names its space has, lives until
//                                   its input ends
//   bootstrap_child look-up NAME    exits with 0 if it is found, 1 if it is unknown, 2 for anything else
//   bootstrap_child null            exits with 0 if it has no bootstrap port
#include <mach/mach.h>
#include <servers/bootstrap.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "null") == 0) return bootstrap_port == MACH_PORT_NULL ? 0 : 1;
  if (argc != 3) return 2;
  mach_port_t port = MACH_PORT_NULL;
  if (strcmp(argv[1], "look-up") == 0) {
    const kern_return_t code = bootstrap_look_up(bootstrap_port, argv[2], &port);
    return code == KERN_SUCCESS ? 0 : code == BOOTSTRAP_UNKNOWN_SERVICE ? 1 : 2;
  }
  ipc_info_space_basic_t space;
  memset(&space, 0, sizeof space);
  mach_port_space_basic_info(mach_task_self(), &space);
  printf("%d %u\n", bootstrap_check_in(bootstrap_port, argv[2], &port), space.iisb_table_inuse);
  fflush(stdout);
  char byte;
  while (read(0, &byte, 1) > 0) {
  }
  return 0;
}
