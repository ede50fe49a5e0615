// SPDX-License-Identifier: Apache-2.0
// A service on demand: checks in under the name it is given, and sends every message back with its own id to the
// reply right that it brought. `starts` in its working directory gets a line with its pid each time.
#include <mach/mach.h>
#include <servers/bootstrap.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  mach_port_t port = MACH_PORT_NULL;
  if (bootstrap_check_in(bootstrap_port, argv[1], &port) != KERN_SUCCESS) return 1;
  FILE* starts = fopen("starts", "a");
  if (starts == NULL) return 1;
  fprintf(starts, "%d\n", (int)getpid());
  fclose(starts);
  struct {
    mach_msg_header_t header;
    mach_msg_max_trailer_t trailer;
  } message;
  for (;;) {
    if (mach_msg(&message.header, MACH_RCV_MSG, 0, sizeof message, port, 0, MACH_PORT_NULL) != MACH_MSG_SUCCESS)
      return 1;
    message.header.msgh_bits = MACH_MSGH_BITS(MACH_MSGH_BITS_REMOTE(message.header.msgh_bits), 0);
    message.header.msgh_local_port = MACH_PORT_NULL;
    message.header.msgh_size = sizeof message.header;
    mach_msg(&message.header, MACH_SEND_MSG, sizeof message.header, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
  }
}
