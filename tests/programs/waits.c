// SPDX-License-Identifier: Apache-2.0
// Two that want the same port: `waits serve NAME` has it and, each time that it goes on after it has stopped
// itself, sends to it and receives; `waits want NAME` sends to it. See tests/cli/waits_test.cpp.
#include <signal.h>

#include "user_common.h"

static void serve(char* name) {
  mach_port_t port = MACH_PORT_NULL;
  buffer_t buffer;
  check(bootstrap_check_in(bootstrap_port, name, &port));
  say("ready");
  for (;;) {
    raise(SIGSTOP);
    check(send_number(port, MACH_MSG_TYPE_MAKE_SEND, 7, 1, 0));
    check(receive(&buffer, port, PATIENCE));
    say("went on");
  }
}

// Its fate is not the server's: a port that has died refuses.
static void want(char* name) {
  mach_port_t port = MACH_PORT_NULL;
  check(bootstrap_look_up(bootstrap_port, name, &port));
  say("ready");
  for (;;) {
    await_line();
    const kern_return_t code = send_number(port, MACH_MSG_TYPE_COPY_SEND, 8, 2, 0);
    expect(code == MACH_MSG_SUCCESS || code == MACH_SEND_INVALID_DEST);
    say("went on");
  }
}

int main(int count, char** arguments) {
  expect(count == 3);
  if (strcmp(arguments[1], "serve") == 0) serve(arguments[2]);
  want(arguments[2]);
  return 1;
}
