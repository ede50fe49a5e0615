// SPDX-License-Identifier: Apache-2.0
// Names come and go, sets too, and messages are received through a set.
#include <algorithm>

#include "storm/client.hpp"

namespace portolan::storm {

void Client::names() {
  mach_port_t ports[12];
  const unsigned n = pick(12) + 1;
  for (unsigned i = 0; i < n; i++) ports[i] = allocate();
  const mach_port_t set = allocate(MACH_PORT_RIGHT_PORT_SET);
  count(Traffic::sets);
  unsigned inside = 0;
  for (unsigned i = 0; i < n; i += 2) {
    Doing doing(self_, thread_, "mach_port_insert_member");
    expect(calls_.mach_port_insert_member(calls_.task, ports[i], set), "mach_port_insert_member");
    make_send(ports[i]);
    inside += fill_box(ports[i], 0, pick(3));
  }
  // Some of what is in the members comes out of the set.
  for (unsigned i = pick(inside + 1); i != 0; i--) {
    Buffer buffer;
    const char* what = "mach_msg, from a set";
    if (expect(receive(buffer, set, MACH_RCV_TIMEOUT, 0, what), what)) received(buffer.plain.note);
  }
  const bool first = pick(2) == 0;
  if (first) destroy(set);
  for (unsigned i = 0; i < n; i++) {
    if (pick(2) == 0) {
      destroy(ports[i]);
      continue;
    }
    {
      Doing doing(self_, thread_, "mach_port_mod_refs");
      expect(calls_.mach_port_mod_refs(calls_.task, ports[i], MACH_PORT_RIGHT_RECEIVE, -1),
             "mach_port_mod_refs");
    }
    if (i % 2 == 0) deallocate(ports[i]);  // the dead name that its send right has become
  }
  if (!first) destroy(set);
}

}  // namespace portolan::storm
