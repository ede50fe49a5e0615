// SPDX-License-Identifier: Apache-2.0
// Asks so many times (1 unless said otherwise) and checks the answers.
#include <unistd.h>

#include "loops.h"

int main(int argc, char** argv) {
  const int times = argc > 1 ? atoi(argv[1]) : 1;
  mach_port_t service = MACH_PORT_NULL, own = MACH_PORT_NULL;
  kern_return_t found = bootstrap_look_up(bootstrap_port, LOOPS_SERVICE, &service);
  for (int i = 0; found == BOOTSTRAP_UNKNOWN_SERVICE && i < 500; i++) {
    usleep(10000);
    found = bootstrap_look_up(bootstrap_port, LOOPS_SERVICE, &service);
  }
  check(found, "bootstrap_look_up");
  check(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &own), "mach_port_allocate");
  int wrong = 0;
  for (int i = 0; i < times; i++) {
    loops_buffer_t buffer;
    memset(&buffer, 0, sizeof buffer);
    buffer.message.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
    buffer.message.header.msgh_remote_port = service;
    buffer.message.header.msgh_local_port = own;
    buffer.message.header.msgh_id = LOOPS_ID;
    buffer.message.number = i;
    check(mach_msg(&buffer.message.header, MACH_SEND_MSG | MACH_RCV_MSG | MACH_RCV_TIMEOUT,
                   sizeof buffer.message, sizeof buffer, own, 10000, MACH_PORT_NULL),
          "asking");
    wrong += buffer.message.header.msgh_id != LOOPS_ID + 100 || buffer.message.number != 2 * i;
  }
  printf("client: %d answers, %d wrong\n", times, wrong);
  check(mach_port_mod_refs(mach_task_self(), own, MACH_PORT_RIGHT_RECEIVE, -1), "mach_port_mod_refs");
  check(mach_port_deallocate(mach_task_self(), service), "mach_port_deallocate");
  return wrong == 0 ? 0 : 1;
}
