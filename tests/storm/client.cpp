// SPDX-License-Identifier: Apache-2.0
#include "storm/client.hpp"

#include <unistd.h>

#include "storm/life.hpp"

namespace portolan::storm {

void Client::run() {
  for (mach_port_t* port : {&reply_, &gone_, &no_senders_, &returns_}) *port = allocate();
  while (!ending()) {
    if (!find_next()) {
      usleep(300);
      continue;
    }
    // Now and then somebody else carries on here.
    constexpr unsigned kSeldom = 1000;
    const unsigned chance = pick(kSeldom);
    if (chance == 0) carry_on_in_child(self_);
    if (chance == 1) carry_on_in_new_image(self_);
    something();
  }
  finish();
}

void Client::something() {
  switch (pick(18)) {
    case 0:
    case 1:
    case 2:
      return plain();
    case 3:
    case 4:
    case 5:
      return call();
    case 6:
    case 7:
      return token();
    case 8:
    case 9:
      return box();
    case 10:
      return array();
    case 11:
    case 12:
      return memory();
    case 13:
      return names();
    case 14:
      return service();
    case 15:
      return subset();
    case 16:
      return semaphore();
    default:
      return send_possible();
  }
}

// Everything that is owed comes in, and nothing is left.
void Client::finish() {
  drop_link();
  end_tokens();
  end_boxes();
  for (const mach_port_t port : {reply_, gone_, no_senders_, returns_}) destroy(port);
}

}  // namespace portolan::storm
