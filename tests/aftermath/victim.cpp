// SPDX-License-Identifier: Apache-2.0
// A victim: sends rights and memory to the survivors and to the next victim, and receives from whoever sends,
// until it is killed.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include <random>

#include "aftermath/ledger.hpp"
#include "aftermath/mail.hpp"

namespace portolan::aftermath {

namespace {

constexpr size_t kSizeStep = 8 << 20;  // each victim has so much more memory than the one before

class Victim {
 public:
  Victim(Ledger& ledger, unsigned number) : ledger_(ledger), number_(number) {}

  [[noreturn]] void run() {
    ledger_.pid[number_] = getpid();
    const size_t size = number_ * kSizeStep + 1;
    memset(malloc(size), 1, size);  // the system is to have something to take back
    if (const char* wrong = storm::load(calls_)) {
      fprintf(stderr, "aftermath: %s\n", wrong);
      _Exit(1);
    }
    char name[64];
    snprintf(name, sizeof name, "aftermath.victim.%u", number_);
    const kern_return_t code = calls_.bootstrap_check_in(calls_.bootstrap, name, &own_);
    if (code != KERN_SUCCESS) fail("bootstrap_check_in of a victim", code);
    pthread_t thread;
    if (pthread_create(
            &thread, nullptr, [](void* self) -> void* { static_cast<Victim*>(self)->listen(); }, this) != 0)
      fail("pthread_create", 0);
    mach_port_t others[kSurvivors + 1];
    for (unsigned i = 0; i < kSurvivors; i++) others[i] = found("survivor", i);
    others[kSurvivors] = found("victim", (number_ + 1) % kVictims);
    for (unsigned i = 0; i < kSurvivors; i++)
      if (send_parcel(calls_, others[i], own_, kHello, number_, 60'000) != KERN_SUCCESS) fail("greeting", 0);
    std::minstd_rand random(static_cast<unsigned>(getpid()));
    for (;;) {
      send_parcel(calls_, others[random() % (kSurvivors + 1)], own_, kTraffic, number_, 1);
      usleep(static_cast<useconds_t>(random() % 200));
    }
  }

 private:
  mach_port_t found(const char* kind, unsigned number) {
    char name[64];
    snprintf(name, sizeof name, "aftermath.%s.%u", kind, number);
    mach_port_t port = MACH_PORT_NULL;
    while (calls_.bootstrap_look_up(calls_.bootstrap, name, &port) != KERN_SUCCESS) usleep(1000);
    return port;
  }

  [[noreturn]] void* listen() {
    for (;;) {
      Buffer buffer;
      const kern_return_t code =
          calls_.mach_msg(&buffer.header, MACH_RCV_MSG, 0, sizeof buffer, own_, 0, MACH_PORT_NULL);
      if (code != KERN_SUCCESS) fail("a victim's receiving", code);
      calls_.mach_msg_destroy(&buffer.header);
    }
  }

  Ledger& ledger_;
  const unsigned number_;
  storm::Calls calls_;
  mach_port_t own_ = MACH_PORT_NULL;
};

}  // namespace

void fall_victim(Ledger& ledger, unsigned number) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  (new Victim(ledger, number))->run();
}

}  // namespace portolan::aftermath
