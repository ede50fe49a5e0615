// SPDX-License-Identifier: Apache-2.0
// Services: the one of the next place is looked up; others are checked in and go with their port; subsets
// fall with their requestor.
#include <stdio.h>

#include "storm/client.hpp"

namespace portolan::storm {

// Looks the service of the next living one of the ring up when that is another one than before.
bool Actor::find_next() {
  const Place& next = self_.ledger.place[(self_.place + 1) % self_.ledger.places];
  const uint32_t life = next.life;
  if (link_.life == life && life != 0) return true;
  drop_link();
  if (life == 0 || next.ready == 0) return false;
  char name[64];
  snprintf(name, sizeof name, "storm.life.%u", life);
  mach_port_t right = MACH_PORT_NULL;
  {
    Doing doing(self_, thread_, "bootstrap_look_up");
    const kern_return_t code = calls_.bootstrap_look_up(calls_.bootstrap, name, &right);
    if (!expect(code, "bootstrap_look_up", {BOOTSTRAP_UNKNOWN_SERVICE}) || !MACH_PORT_VALID(right))
      return false;
  }
  link_ = {life, right, 0};
  linked();
  return true;
}

void Actor::drop_link() {
  if (link_.life == 0) return;
  unlinking();
  deallocate(link_.right);
  link_ = {};
}

void Client::service() {
  char name[64];
  snprintf(name, sizeof name, "storm.extra.%u", self_.life);
  mach_port_t port = MACH_PORT_NULL, right = MACH_PORT_NULL;
  {
    Doing doing(self_, thread_, "bootstrap_check_in, another service");
    if (!expect(calls_.bootstrap_check_in(calls_.bootstrap, name, &port), "bootstrap_check_in")) return;
    expect(calls_.bootstrap_look_up(calls_.bootstrap, name, &right), "bootstrap_look_up, one's own");
  }
  if (right != port) note_odd(self_.ledger, "a service that was looked up is another one", 0);
  count(Traffic::services);
  const uint32_t in = fill_box(right, 0, 1);
  empty_box(port, in, 0);
  destroy(port);
}

void Client::subset() {
  const mach_port_t requestor = allocate();
  make_send(requestor);
  mach_port_t inside = MACH_PORT_NULL, port = MACH_PORT_NULL, right = MACH_PORT_NULL;
  char name[64];
  snprintf(name, sizeof name, "storm.life.%u", self_.life);
  Doing doing(self_, thread_, "bootstrap_subset and what goes on in it");
  if (!expect(calls_.bootstrap_subset(calls_.bootstrap, requestor, &inside), "bootstrap_subset")) return;
  expect(calls_.bootstrap_check_in(inside, "inner", &port), "bootstrap_check_in, in a subset");
  if (expect(calls_.bootstrap_look_up(inside, "inner", &right), "bootstrap_look_up, in a subset"))
    deallocate(right);
  if (expect(calls_.bootstrap_look_up(inside, name, &right), "bootstrap_look_up, through a subset"))
    deallocate(right);
  destroy(requestor);
  const kern_return_t code = calls_.bootstrap_look_up(inside, "inner", &right);
  if (code != MACH_SEND_INVALID_DEST)
    note_odd(self_.ledger, "bootstrap_look_up, in a subset that fell", code);
  count(Traffic::subsets);
  destroy(port);
  deallocate(inside);
}

}  // namespace portolan::storm
