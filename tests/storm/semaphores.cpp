// SPDX-License-Identifier: Apache-2.0
// Semaphores: what is signalled can be waited for exactly as often, by whoever signals.
#include "storm/client.hpp"
#include "storm/server.hpp"

namespace portolan::storm {

namespace {
constexpr unsigned kSignalsMost = 4;
}

void Client::semaphore() {
  semaphore_t semaphore = MACH_PORT_NULL;
  const unsigned n = pick(kSignalsMost) + 1;
  const mach_timespec_t now{0, 0}, soon{0, 50'000'000};
  Doing doing(self_, thread_, "a semaphore");
  if (!expect(calls_.semaphore_create(calls_.task, &semaphore, SYNC_POLICY_FIFO, 0), "semaphore_create"))
    return;
  for (unsigned i = 0; i < n; i++) expect(calls_.semaphore_signal(semaphore), "semaphore_signal");
  for (unsigned i = 0; i < n; i++) expect(calls_.semaphore_timedwait(semaphore, now), "semaphore_timedwait");
  auto message = packet_with_port(kSignals, semaphore, MACH_MSG_TYPE_COPY_SEND);
  message.note.in = n;
  const Sending sending = send_next(message.header, message.note, sizeof message, 20);
  // The next one may die before it has signalled as often.
  bool more = sending == Sending::sent;
  for (unsigned i = 0; i < n && more; i++)
    more = expect(calls_.semaphore_timedwait(semaphore, soon), "semaphore_timedwait",
                  {KERN_OPERATION_TIMED_OUT});
  if (more && calls_.semaphore_timedwait(semaphore, now) != KERN_OPERATION_TIMED_OUT)
    note_odd(self_.ledger, "a semaphore was signalled too often", 0);
  expect(calls_.semaphore_destroy(calls_.task, semaphore), "semaphore_destroy");
  count(Traffic::semaphores);
  if (sending == Sending::dead) drop_link();
}

void Server::take_signals(const WithPort& message) {
  const semaphore_t semaphore = message.port.name;
  if (!MACH_PORT_VALID(semaphore)) return;  // its owner has died meanwhile
  {
    Doing doing(self_, thread_, "semaphore_signal");
    for (unsigned i = 0; i < message.note.in; i++)
      expect(calls_.semaphore_signal(semaphore), "semaphore_signal", {KERN_TERMINATED});
  }
  deallocate(semaphore);
}

}  // namespace portolan::storm
