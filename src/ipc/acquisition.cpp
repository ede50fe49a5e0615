// SPDX-License-Identifier: Apache-2.0
// Who acquired what: while sites are recorded, each name remembers at which call stacks its references came
// in. A release counts against the newest acquisition, the same thread's first. Off, it costs one test.
#include "ipc/right.hpp"

namespace portolan::ipc {

namespace {
constexpr unsigned kLook = 64;  // acquisitions looked at: a name rarely has so many sites
}

void note_acquired(Txn& txn, Entry& entry, uint32_t count) {
  const Thread& self = txn.self();
  if (self.site == 0) return;
  Segment& segment = txn.segment();
  const uint32_t tid = self.slot().tid.load();
  uint32_t walk = entry.acquired;
  for (unsigned i = 0; walk != 0 && i < kLook; i++) {
    Acquisition& known = segment.at(Handle<Acquisition>{walk});
    if (known.site == self.site && known.thread == tid) {
      txn.add(known.count, count);
      txn.add(known.acquired, count);
      txn.set(known.when_ns, self.now_ns);
      return;
    }
    walk = known.link;
  }
  if (self.slot().magazines[kZoneAcquisition].count == 0) return;  // the stack is lost, the right is not
  const Handle<Acquisition> handle = txn.allocate<Acquisition>();
  Acquisition& fresh = segment.at(handle);
  fresh.link.init(entry.acquired);
  fresh.work.init(0);
  fresh.site.init(self.site);
  fresh.thread.init(tid);
  fresh.count.init(count);
  fresh.acquired.init(count);
  fresh.message_id.init(self.message_id);
  fresh.sender_pid.init(self.message_sender);
  fresh.when_ns.init(self.now_ns);
  txn.set(entry.acquired, handle.index);
}

void note_released(Txn& txn, Entry& entry, uint32_t count) {
  if (entry.acquired == 0) return;
  Segment& segment = txn.segment();
  const uint32_t tid = txn.self().slot().tid.load();
  for (bool any_thread : {false, true}) {
    uint32_t walk = entry.acquired;
    for (unsigned i = 0; walk != 0 && i < kLook && count != 0; i++) {
      Acquisition& known = segment.at(Handle<Acquisition>{walk});
      if (any_thread || known.thread == tid) {
        const uint32_t less = known.count < count ? known.count.get() : count;
        if (less != 0) txn.set(known.count, known.count - less);
        count -= less;
      }
      walk = known.link;
    }
  }
}

void note_cleared(Txn& txn, Entry& entry) {
  uint32_t walk = entry.acquired;
  if (walk == 0) return;
  txn.set(entry.acquired, 0);
  for (unsigned i = 0; walk != 0 && i < kLook / 2; i++) {
    const Handle<Acquisition> handle{walk};
    walk = txn.segment().at(handle).link;
    txn.release(handle);
  }
  if (walk != 0) txn.set(entry.acquired, walk);  // the rest goes with the next use of the name
}

}  // namespace portolan::ipc
