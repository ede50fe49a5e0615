// SPDX-License-Identifier: Apache-2.0
#include "storm/life.hpp"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <string>

#include "storm/client.hpp"
#include "storm/server.hpp"

namespace portolan::storm {

namespace {

[[noreturn]] void fail(Ledger& ledger, const char* what, int code) {
  note_odd(ledger, what, code);
  _exit(1);
}

// With the master we go, too.
void depend_on_master(const Ledger& ledger) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != ledger.master) _exit(1);
}

void* run_client(void* argument) {
  Self& self = *static_cast<Self*>(argument);
  Client(self).run();
  self.here().client = 0;
  return nullptr;
}

void join(Self& self) {
  Doing doing(self, kServer, "joining");
  if (const char* wrong = load(self.calls)) {
    fprintf(stderr, "storm: %s\n", wrong);
    fail(self.ledger, "joining", -1);
  }
  // What a task has from its birth.
  mach_port_name_array_t names = nullptr;
  mach_port_type_array_t types = nullptr;
  mach_msg_type_number_t n = 0, same = 0;
  const kern_return_t code = self.calls.mach_port_names(self.calls.task, &names, &n, &types, &same);
  if (code != KERN_SUCCESS) fail(self.ledger, "mach_port_names", code);
  for (mach_msg_type_number_t i = 0; i < n; i++)
    self.holdings[names[i]] = types[i] & MACH_PORT_TYPE_ALL_RIGHTS;
  self.calls.vm_deallocate(self.calls.task, reinterpret_cast<vm_address_t>(names), n * sizeof *names);
  self.calls.vm_deallocate(self.calls.task, reinterpret_cast<vm_address_t>(types), same * sizeof *types);
}

// The service that the one before us in the ring looks up.
void open_service(Self& self) {
  Doing doing(self, kServer, "bootstrap_check_in");
  char name[64];
  snprintf(name, sizeof name, "storm.life.%u", self.life);
  const kern_return_t code = self.calls.bootstrap_check_in(self.calls.bootstrap, name, &self.service);
  if (code != KERN_SUCCESS) fail(self.ledger, "bootstrap_check_in", code);
  self.holdings[self.service] = MACH_PORT_TYPE_RECEIVE;
}

// The name of the place itself goes from one life to the next, as soon as the one before is recovered.
void take_place(Self& self) {
  Doing doing(self, kServer, "bootstrap_check_in, the place");
  char name[64];
  snprintf(name, sizeof name, "storm.place.%u", self.place);
  for (;;) {
    mach_port_t port = MACH_PORT_NULL;
    const kern_return_t code = self.calls.bootstrap_check_in(self.calls.bootstrap, name, &port);
    if (code == KERN_SUCCESS) {
      self.holdings[port] = MACH_PORT_TYPE_RECEIVE;
      return;
    }
    if (code != BOOTSTRAP_NOT_PRIVILEGED && code != BOOTSTRAP_SERVICE_ACTIVE)
      fail(self.ledger, "bootstrap_check_in, the place", code);
    usleep(200);
  }
}

// A number for somebody new. 0: there have been too many.
uint32_t new_life(Ledger& ledger) {
  const uint32_t life = ++ledger.next_life;
  if (life >= kLivesMost) return 0;
  ledger.fate[life] = Fate::living;
  return life;
}

void leave(Self& self) {
  Fate living = Fate::living;
  self.ledger.fate[self.life].compare_exchange_strong(living, Fate::left);
}

// The child: offers itself as the heir, and waits for the master to find its parent gone.
[[noreturn]] void inherit(Self& self) {
  Ledger& ledger = self.ledger;
  Place& place = self.here();
  const pid_t parent = getppid();
  const uint32_t life = new_life(ledger);
  uint64_t nobody = Heir{self.life}.word();
  if (life == 0 || !place.heir.compare_exchange_strong(nobody, Heir{self.life, life, getpid()}.word()))
    _exit(0);
  while (place.life != life) {
    const pid_t now = getppid();
    if ((now != parent && now != ledger.master) || (place.life != self.life && place.life != life)) _exit(0);
    usleep(200);
  }
  self.ledger.traffic[static_cast<unsigned>(Traffic::forks)]++;
  live(ledger, self.place, life);
}

}  // namespace

void live(Ledger& ledger, unsigned place, uint32_t life) {
  depend_on_master(ledger);
  Self& self = *new Self{ledger, place, life};
  for (auto& doing : self.here().doing) doing.since = 0;
  join(self);
  open_service(self);
  self.here().ready = 1;
  take_place(self);
  self.here().client = 1;
  pthread_t client;
  if (pthread_create(&client, nullptr, run_client, &self) != 0) fail(ledger, "pthread_create", 0);
  Server(self).run();
  pthread_join(client, nullptr);
  ledger.fate[life] = Fate::finished;
  _exit(0);
}

void carry_on_in_child(Self& self) {
  pid_t child;
  {
    Doing doing(self, kClient, "fork");
    child = self.calls.fork();
  }
  if (child == 0) inherit(self);
  if (child < 0) return note_odd(self.ledger, "fork", child);
  // The child is there and says so before we go; it may not, where it is late.
  for (unsigned i = 0; i < 1000 && Heir::of(self.here().heir).pid == 0; i++) usleep(100);
  leave(self);
  _exit(0);
}

void carry_on_in_new_image(Self& self) {
  Ledger& ledger = self.ledger;
  Place& place = self.here();
  const uint32_t life = new_life(ledger);
  if (life == 0) return;
  const std::string words[] = {"storm", "--live", std::to_string(ledger.file), std::to_string(self.place),
                               std::to_string(life)};
  char* arguments[std::size(words) + 1] = {};
  for (size_t i = 0; i < std::size(words); i++) arguments[i] = const_cast<char*>(words[i].c_str());
  place.ready = 0;
  place.client = 0;
  place.heir = Heir{life}.word();
  place.life = life;
  leave(self);
  ledger.traffic[static_cast<unsigned>(Traffic::execs)]++;
  self.calls.execv("/proc/self/exe", arguments);
  fail(ledger, "execv", errno);
}

}  // namespace portolan::storm
