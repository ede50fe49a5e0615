// SPDX-License-Identifier: Apache-2.0
// Dead-name and send-possible notifications. (No senders: tokens.cpp; port destroyed: boxes.cpp; send once:
// talk.cpp, arrays.cpp.)
#include "storm/client.hpp"

namespace portolan::storm {

// Whoever is next is watched: we want to hear of its death.
void Client::linked() { ask(link_.right, MACH_NOTIFY_DEAD_NAME, 1, gone_); }

// What was asked for has come, or is taken back, and that is answered.
void Client::unlinking() {
  Buffer buffer;
  mach_port_type_t type = 0;
  {
    Doing doing(self_, thread_, "mach_port_type");
    if (!expect(calls_.mach_port_type(calls_.task, link_.right, &type), "mach_port_type")) return;
  }
  if ((type & MACH_PORT_TYPE_DEAD_NAME) == 0) {
    // It lives, for all we know.
    mach_port_t previous = MACH_PORT_NULL;
    kern_return_t code;
    {
      Doing doing(self_, thread_, "mach_port_request_notification, cancelling");
      code = calls_.mach_port_request_notification(calls_.task, link_.right, MACH_NOTIFY_DEAD_NAME, 0,
                                                   MACH_PORT_NULL, MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous);
    }
    if (code == KERN_SUCCESS && previous != MACH_PORT_NULL) {
      deallocate(previous);
      await(buffer, gone_, MACH_NOTIFY_SEND_ONCE, "mach_msg, awaiting the end of a request");
      return;
    }
    expect(code, "mach_port_request_notification, cancelling");
  }
  if (!await(buffer, gone_, MACH_NOTIFY_DEAD_NAME, "mach_msg, awaiting a dead name")) return;
  count(Traffic::dead_names);
  deallocate(link_.right);  // the reference that came with the notification
}

// A full queue, a request, and one message less.
void Client::send_possible() {
  const mach_port_t port = allocate(), notices = allocate();
  make_send(port);
  const uint32_t in = fill_box(port, 0, MACH_PORT_QLIMIT_DEFAULT);
  ask(port, MACH_NOTIFY_SEND_POSSIBLE, 1, notices);
  Buffer buffer;
  const char* what = "mach_msg, making room";
  uint32_t out = 0;
  if (expect(receive(buffer, port, MACH_RCV_TIMEOUT, 0, what), what)) {
    received(buffer.plain.note);
    out = buffer.plain.note.counter;
  }
  await(buffer, notices, MACH_NOTIFY_SEND_POSSIBLE, "mach_msg, awaiting send possible");
  empty_box(port, in, out);
  destroy(port);
  destroy(notices);
  count(Traffic::send_possible);
}

}  // namespace portolan::storm
