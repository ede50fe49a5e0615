// SPDX-License-Identifier: Apache-2.0
// A survivor: holds a send right to each victim and has asked to be told of its death. One thread sleeps
// until it is told; the other makes traps on the victims' ports and on the one that they send to, and times
// them.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

#include <algorithm>

#include "aftermath/ledger.hpp"
#include "aftermath/mail.hpp"
#include "segment/futex.hpp"

namespace portolan::aftermath {

namespace {

class Survivor {
 public:
  Survivor(Ledger& ledger, unsigned number) : ledger_(ledger), number_(number) {}

  [[noreturn]] void run() {
    if (const char* wrong = storm::load(calls_)) {
      fprintf(stderr, "aftermath: %s\n", wrong);
      _Exit(1);
    }
    char name[64];
    snprintf(name, sizeof name, "aftermath.survivor.%u", number_);
    succeed("bootstrap_check_in", calls_.bootstrap_check_in(calls_.bootstrap, name, &own_));
    succeed("mach_port_allocate", calls_.mach_port_allocate(calls_.task, MACH_PORT_RIGHT_RECEIVE, &notices_));
    pthread_t thread;
    if (pthread_create(
            &thread, nullptr, [](void* self) -> void* { static_cast<Survivor*>(self)->listen(); }, this) != 0)
      fail("pthread_create", 0);
    ledger_.ready[number_] = 1;
    while (ledger_.leave == 0) {
      const bool quiet = ledger_.quiet != 0;
      work();
      if (quiet) ledger_.still[number_] = 1;
      do usleep(100);
      while (quiet && ledger_.quiet != 0 && ledger_.leave == 0);
    }
    _Exit(0);
  }

 private:
  static void succeed(const char* what, kern_return_t code) {
    if (code != KERN_SUCCESS) fail(what, code);
  }

  void work() {
    for (unsigned i = 0; i < 32 && receive(); i++) continue;
    for (const std::atomic<mach_port_t>& victim : victims_) {
      const mach_port_t port = victim;
      if (port == MACH_PORT_NULL) continue;
      timed([&] { return send_parcel(calls_, port, own_, kTraffic, number_, 0); });
    }
  }

  // False: there was nothing.
  bool receive() {
    Buffer buffer;
    const kern_return_t code = timed([&] {
      return calls_.mach_msg(&buffer.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof buffer, own_, 0,
                             MACH_PORT_NULL);
    });
    if (code == MACH_RCV_TIMED_OUT) return false;
    succeed("receiving", code);
    if (buffer.header.msgh_id == kHello) watch(buffer.parcel);
    calls_.mach_msg_destroy(&buffer.header);
    return true;
  }

  void watch(Parcel& parcel) {
    const mach_port_t victim = parcel.port.name;
    mach_port_t previous = MACH_PORT_NULL;
    succeed("asking to be told",
            calls_.mach_port_request_notification(calls_.task, victim, MACH_NOTIFY_DEAD_NAME, 1, notices_,
                                                  MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous));
    parcel.port.name = MACH_PORT_NULL;  // kept
    victims_[parcel.number % kVictims] = victim;
    ledger_.watched[parcel.number % kVictims]++;
  }

  template <class Call>
  kern_return_t timed(Call call) {
    const uint64_t begin = monotonic_ns();
    const kern_return_t code = call();
    const uint64_t end = monotonic_ns(), struck = ledger_.struck;
    if (struck != 0 && end > struck) {
      if (ledger_.next[number_] == 0) ledger_.next[number_] = end - struck;
      const uint64_t took = end - std::max(begin, struck);
      if (took > ledger_.slowest[number_]) ledger_.slowest[number_] = took;
    }
    return code;
  }

  [[noreturn]] void* listen() {
    for (;;) {
      Buffer buffer;
      succeed("awaiting notices",
              calls_.mach_msg(&buffer.header, MACH_RCV_MSG, 0, sizeof buffer, notices_, 0, MACH_PORT_NULL));
      const uint64_t now = monotonic_ns(), struck = ledger_.struck;
      if (buffer.header.msgh_id != MACH_NOTIFY_DEAD_NAME) fail("not a dead name", buffer.header.msgh_id);
      const mach_port_t dead = buffer.dead_name.not_port;
      for (unsigned i = 0; i < kVictims; i++) {
        if (victims_[i] != dead) continue;
        victims_[i] = MACH_PORT_NULL;
        // Our reference, and the notification's.
        for (unsigned n = 0; n < 2; n++)
          succeed("letting a dead name go", calls_.mach_port_deallocate(calls_.task, dead));
        if (struck != 0) ledger_.told[number_][i] = now - struck;
      }
    }
  }

  Ledger& ledger_;
  const unsigned number_;
  storm::Calls calls_;
  mach_port_t own_ = MACH_PORT_NULL, notices_ = MACH_PORT_NULL;
  std::atomic<mach_port_t> victims_[kVictims] = {};
};

}  // namespace

void survive(Ledger& ledger, unsigned number) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != ledger.master) _Exit(1);
  (new Survivor(ledger, number))->run();
}

}  // namespace portolan::aftermath
