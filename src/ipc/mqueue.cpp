// SPDX-License-Identifier: Apache-2.0
// If we die here: every function works inside its caller's transaction, so a message is queued or in hand, a
// waiter is on the list or granted. Only the fan-out to more sets than kSetsAtOnce spans transactions; a hold
// remembers it.
#include "ipc/mqueue.hpp"

#include "ipc/mutant.hpp"
#include "ipc/port.hpp"
#include "ipc/pset.hpp"
#include "ipc/watch.hpp"
#include "segment/planted.hpp"

namespace portolan::ipc {

namespace {

uint32_t trailer_size(uint32_t option) {
  switch (option >> 24 & 0xf) {
    case MACH_RCV_TRAILER_NULL:
      return 8;
    case MACH_RCV_TRAILER_SEQNO:
      return 12;
    case MACH_RCV_TRAILER_SENDER:
      return 20;
    case MACH_RCV_TRAILER_AUDIT:
      return 52;
    case MACH_RCV_TRAILER_CTX:
      return 60;
    default:
      return 68;
  }
}

bool fits(const Kmsg& kmsg, uint32_t room, uint32_t wants) {
  if ((wants & kWantsAux) != 0 && kmsg.aux > (wants >> kWantsAuxShift & 0x7ffu)) return false;
  return uint64_t{kmsg.size} + trailer_size(wants) <= room;
}

// -- lists of frames; `head` and `tail` belong to the lock of the object waited on
void append(Txn& txn, Cell<uint32_t>& head, Cell<uint32_t>& tail, uint32_t id) {
  Frame& frame = txn.segment().frame(id);
  const uint32_t last = tail;
  txn.set(frame.next, 0);
  txn.set(frame.prev, last);
  if (last == 0)
    txn.set(head, id);
  else
    txn.set(txn.segment().frame(last).next, id);
  txn.set(tail, id);
}

void remove(Txn& txn, Cell<uint32_t>& head, Cell<uint32_t>& tail, uint32_t id) {
  Frame& frame = txn.segment().frame(id);
  const uint32_t next = frame.next, prev = frame.prev;
  if (prev == 0)
    txn.set(head, next);
  else
    txn.set(txn.segment().frame(prev).next, next);
  if (next == 0)
    txn.set(tail, prev);
  else
    txn.set(txn.segment().frame(next).prev, prev);
}

void begin_wait(Txn& txn, WaitState state, uint32_t object, uint32_t room, uint32_t option) {
  Frame& frame = txn.self().frame();
  txn.set(frame.epoch, frame.epoch == UINT32_MAX ? 1 : frame.epoch + 1);
  txn.set(frame.state, state);
  txn.set(frame.object, object);
  txn.set(frame.room, room);
  txn.set(frame.option, option);
  txn.set(frame.grant, 0);
}

// Whoever is on a list waits. A damaged list that leads in a circle comes by those that were granted already.
void grant(Txn& txn, uint32_t id, WaitState state, uint32_t what, int32_t result, uint32_t extra = 0) {
  Frame& frame = txn.segment().frame(id);
  if (frame.state < kWaitPort || frame.state > kWaitSend) kernel_panic("a list of waiters leads astray");
  txn.set(frame.state, state);
  txn.set(frame.grant, what);
  txn.set(frame.result, result);
  txn.set(frame.extra, extra);
  Hint<uint32_t>& peer = txn.segment().slot(id / kFrames).peer;
  if (peer.load() != txn.self().index()) peer.store(txn.self().index());
  if (!planted(Planted::lost_wake) || state != kGrantSlot) txn.owe_wake(id);
}

void number(Txn& txn, Locked<Port>& port, Kmsg& kmsg) {
  txn.set(kmsg.seqno, port->seqno);
  txn.add(port->seqno, mutant(Mutant::skipped_seqno) && port->seqno % 8 == 7 ? 2 : 1);
}

// How many receivers one message is offered to in one transaction, for each of them is owed a wake.
constexpr unsigned kAskedAtOnce = 5;

// Offers a message to the receivers of one list; true when one of them got it. One with a small buffer and
// MACH_RCV_LARGE is sent away with the size, and the next is asked, up to a limit: then the message is
// queued, and whoever still waits is asked by port_settle.
bool offer(Txn& txn, Locked<Port>& port, Handle<Kmsg> handle, Cell<uint32_t>& head, Cell<uint32_t>& tail,
           unsigned& asked) {
  Kmsg& kmsg = txn.segment().at(handle);
  for (; head != 0; asked++) {
    if (asked == kAskedAtOnce) {
      port_settle_later(txn, port);
      return false;
    }
    const uint32_t id = head;
    Frame& frame = txn.segment().frame(id);
    const bool fit = fits(kmsg, frame.room, frame.option);
    remove(txn, head, tail, id);
    if (!fit && (frame.option & MACH_RCV_LARGE) != 0) {
      grant(txn, id, kGrantCode, kmsg.size, MACH_RCV_TOO_LARGE, port->receiver_name);
      continue;
    }
    number(txn, port, kmsg);
    txn.set(kmsg.link, 0);
    grant(txn, id, kGrantMessage, handle.index, fit ? MACH_MSG_SUCCESS : MACH_RCV_TOO_LARGE);
    return true;
  }
  return false;
}

// To the receivers that wait on the port, then to those on the first of its sets.
bool offer_everywhere(Txn& txn, Locked<Port>& port, Handle<Kmsg> handle) {
  unsigned asked = 0;
  bool taken = offer(txn, port, handle, port->receiver_head, port->receiver_tail, asked);
  uint32_t next = port->links;
  for (unsigned i = 0; !taken && next != 0 && i < kSetsAtOnce; i++) {
    Link& link = txn.segment().at(Handle<Link>{next});
    next = link.port_next;
    Locked<Pset> pset = txn.lock(Handle<Pset>{link.pset});
    taken = offer(txn, port, handle, pset->receiver_head, pset->receiver_tail, asked);
  }
  return taken;
}

void pop_head(Txn& txn, Locked<Port>& port, Kmsg& kmsg) {
  const uint32_t next = kmsg.link;
  txn.set(port->queue_head, next);
  if (next == 0) txn.set(port->queue_tail, 0);
  txn.set(kmsg.link, 0);
  txn.add(port->msgcount, static_cast<uint32_t>(-1));
  mqueue_promise_slots(txn, port, 1);
}

// Messages that are queued meet receivers that wait: true when one of the two has run out.
bool serve(Txn& txn, Locked<Port>& port, Cell<uint32_t>& head, Cell<uint32_t>& tail, unsigned& asked) {
  while (port->queue_head != 0 && head != 0) {
    if (asked == kAskedAtOnce) return false;
    const Handle<Kmsg> handle{port->queue_head};
    Kmsg& kmsg = txn.segment().at(handle);
    const uint32_t after = kmsg.link;
    if (!offer(txn, port, handle, head, tail, asked)) return head == 0;
    asked++;
    txn.set(kmsg.link, after);
    pop_head(txn, port, kmsg);
  }
  return true;
}

// The same for a set, whose member is marked ready if any message is left.
bool serve_set(Txn& txn, Locked<Port>& port, Locked<Pset>& pset, Handle<Link> link, unsigned& asked) {
  if (!serve(txn, port, pset->receiver_head, pset->receiver_tail, asked)) return false;
  if (port->queue_head != 0) link_make_ready(txn, pset, link);
  return true;
}

}  // namespace

void mqueue_promise_slots(Txn& txn, Locked<Port>& port, unsigned most) {
  for (unsigned i = 0; i < most && port->sender_head != 0 && port->msgcount < port->qlimit; i++) {
    const uint32_t id = port->sender_head;
    remove(txn, port->sender_head, port->sender_tail, id);
    txn.add(port->msgcount, 1);
    grant(txn, id, kGrantSlot, 0, MACH_MSG_SUCCESS);
  }
}

void mqueue_post(Txn& txn, Locked<Port>& port, Handle<Kmsg> handle, SlotFrom slot) {
  Kmsg& kmsg = txn.segment().at(handle);
  if (offer_everywhere(txn, port, handle)) {
    if (slot == SlotFrom::promised) {
      txn.add(port->msgcount, static_cast<uint32_t>(-1));
      mqueue_promise_slots(txn, port, 1);
    }
    return;
  }
  if (slot == SlotFrom::fresh && planted(Planted::unlogged_write))
    port->msgcount.init(port->msgcount + 1);
  else if (slot == SlotFrom::fresh)
    txn.add(port->msgcount, 1);
  txn.set(kmsg.link, 0);
  const uint32_t tail = port->queue_tail;
  if (mutant(Mutant::lost_order) && port->msgcount > 2 &&
      txn.segment().at(Handle<Kmsg>{port->queue_head}).link == tail) {
    txn.set(kmsg.link, tail);
    txn.set(txn.segment().at(Handle<Kmsg>{port->queue_head}).link, handle.index);
    return;
  }
  if (tail == 0)
    txn.set(port->queue_head, handle.index);
  else
    txn.set(txn.segment().at(Handle<Kmsg>{tail}).link, handle.index);
  txn.set(port->queue_tail, handle.index);
  if (port->is(kPortAtHome)) txn.self().rings = true;  // launchd starts whose service it is
  if (port->is(kPortWatched)) watch_fire(txn, Handle<Watch>{port->watch});
  uint32_t walk = port->links;
  for (unsigned i = 0; walk != 0; i++) {
    if (i == kSetsAtOnce) {
      port_settle_later(txn, port);
      break;
    }
    const Handle<Link> link{walk};
    walk = txn.segment().at(link).port_next;
    Locked<Pset> pset = txn.lock(Handle<Pset>{txn.segment().at(link).pset});
    link_make_ready(txn, pset, link);
  }
}

void mqueue_return(Txn& txn, Locked<Port>& port, Handle<Kmsg> handle) {
  Kmsg& kmsg = txn.segment().at(handle);
  if (port->seqno == kmsg.seqno + 1) txn.set(port->seqno, kmsg.seqno);
  // Without this, a receiver that waits would sleep beside a queue with a message in it.
  if (offer_everywhere(txn, port, handle)) return;
  const uint32_t head = port->queue_head;
  txn.set(kmsg.link, head);
  txn.set(port->queue_head, handle.index);
  if (head == 0) txn.set(port->queue_tail, handle.index);
  txn.add(port->msgcount, 1);
  if (port->is(kPortWatched)) watch_fire(txn, Handle<Watch>{port->watch});
  if (port->links != 0) port_settle_later(txn, port);
}

SendVerdict mqueue_send(Txn& txn, Locked<Port>& port, Handle<Kmsg> handle, bool no_wait) {
  const Kmsg& kmsg = txn.segment().at(handle);
  const bool exempt = (kmsg.bits & MACH_MSGH_BITS_REMOTE_MASK) == MACH_MSG_TYPE_PORT_SEND_ONCE ||
                      (kmsg.flags & (kKmsgFromKernel | kKmsgExempt)) != 0;
  if (port->msgcount < port->qlimit || (exempt && port->msgcount < MACH_PORT_QLIMIT_KERNEL)) {
    mqueue_post(txn, port, handle, SlotFrom::fresh);
    return SendVerdict::posted;
  }
  if (no_wait) return SendVerdict::timed_out;
  if (port->msgcount >= MACH_PORT_QLIMIT_KERNEL) return SendVerdict::no_buffer;
  return SendVerdict::must_wait;
}

void mqueue_wait_for_room(Txn& txn, Locked<Port>& port) {
  begin_wait(txn, kWaitSend, port.handle().index, 0, 0);
  append(txn, port->sender_head, port->sender_tail, txn.self().frame_id());
}

Picked mqueue_take(Txn& txn, Locked<Port>& port, uint32_t room, uint32_t option) {
  Picked picked;
  const Handle<Kmsg> handle{port->queue_head};
  if (!handle) return picked;
  Kmsg& kmsg = txn.segment().at(handle);
  if (!fits(kmsg, room, option)) {
    picked.too_large = true;
    picked.needed = kmsg.size;
    picked.holder = Name{port->receiver_name};
    if ((option & MACH_RCV_LARGE) != 0) return picked;
  }
  picked.kmsg = handle;
  number(txn, port, kmsg);
  pop_head(txn, port, kmsg);
  return picked;
}

Picked mqueue_take_from_set(Txn& txn, Locked<Pset>& pset, uint32_t room, uint32_t option) {
  for (unsigned looked = 0; pset->ready_head != 0; looked++) {
    if (looked == kSetsAtOnce) {
      Picked more;
      more.again = true;
      return more;
    }
    const Handle<Link> link{pset->ready_head};
    Locked<Port> port = txn.lock(Handle<Port>{txn.segment().at(link).port});
    if (port->queue_head == 0) {  // drained by somebody who received directly
      link_unready(txn, pset, link);
      continue;
    }
    link_rotate(txn, pset, link);  // before its message is looked at
    return mqueue_take(txn, port, room, option);
  }
  return {};
}

void mqueue_wait_on_port(Txn& txn, Locked<Port>& port, uint32_t room, uint32_t option) {
  begin_wait(txn, kWaitPort, port.handle().index, room, option);
  append(txn, port->receiver_head, port->receiver_tail, txn.self().frame_id());
}

void mqueue_wait_on_set(Txn& txn, Locked<Pset>& pset, uint32_t room, uint32_t option) {
  begin_wait(txn, kWaitPset, pset.handle().index, room, option);
  append(txn, pset->receiver_head, pset->receiver_tail, txn.self().frame_id());
}

void mqueue_unwait(Txn& txn, Locked<Port>& port, Frame& frame, uint32_t id) {
  if (frame.state == kWaitSend)
    remove(txn, port->sender_head, port->sender_tail, id);
  else
    remove(txn, port->receiver_head, port->receiver_tail, id);
  txn.set(frame.state, kWaitNone);
}

void mqueue_unwait(Txn& txn, Locked<Pset>& pset, Frame& frame, uint32_t id) {
  remove(txn, pset->receiver_head, pset->receiver_tail, id);
  txn.set(frame.state, kWaitNone);
}

template <class Object>
static bool wake_receivers(Txn& txn, Locked<Object>& object, unsigned limit) {
  for (unsigned i = 0; object->receiver_head != 0; i++) {
    if (i == limit) return false;
    const uint32_t id = object->receiver_head;
    remove(txn, object->receiver_head, object->receiver_tail, id);
    grant(txn, id, kGrantCode, 0, MACH_RCV_PORT_CHANGED);
  }
  return true;
}

void mqueue_wake_receiver(Txn& txn, Locked<Port>& port, uint32_t id, int32_t result) {
  remove(txn, port->receiver_head, port->receiver_tail, id);
  grant(txn, id, kGrantCode, 0, result);
}

bool mqueue_wake_receivers(Txn& txn, Locked<Port>& port, unsigned limit) {
  return wake_receivers(txn, port, limit);
}
bool mqueue_wake_receivers(Txn& txn, Locked<Pset>& pset, unsigned limit) {
  return wake_receivers(txn, pset, limit);
}

bool mqueue_release_senders(Txn& txn, Locked<Port>& port, unsigned limit) {
  for (unsigned i = 0; port->sender_head != 0; i++) {
    if (i == limit) return false;
    const uint32_t id = port->sender_head;
    remove(txn, port->sender_head, port->sender_tail, id);
    grant(txn, id, kGrantCode, 0, MACH_MSG_SUCCESS);
  }
  return true;
}

void port_settle_later(Txn& txn, Locked<Port>& port) {
  txn.self().to_settle = true;
  if (txn.find_hold(kHoldPortSettle, port.handle().index) != nullptr) return;
  port_reference(txn, port);
  txn.hold(kHoldPortSettle, port.handle().index);
}

void settle_ports(Thread& self) {
  for (const Hold& hold : self.frame().holds)
    if (hold.kind == kHoldPortSettle) port_settle(self, Handle<Port>{hold.object});
}

void port_settle(Thread& self, Handle<Port> handle) {
  port_clear_at_home(self, handle);
  bool more = true;
  for (unsigned batch = 0; more; batch++) {
    transact(self, Needs{}, [&](Txn& txn) {
      more = false;
      Locked<Port> port = txn.lock(handle);
      if (!port->active()) return 0;
      unsigned asked = 0;
      if (!serve(txn, port, port->receiver_head, port->receiver_tail, asked)) {
        more = true;
        batch--;
        return 0;
      }
      uint32_t walk = port->links;
      for (unsigned i = 0; walk != 0 && i < batch * kSetsAtOnce; i++)
        walk = txn.segment().at(Handle<Link>{walk}).port_next;
      for (unsigned i = 0; walk != 0 && i < kSetsAtOnce; i++) {
        const Handle<Link> link{walk};
        walk = txn.segment().at(link).port_next;
        Locked<Pset> pset = txn.lock(Handle<Pset>{txn.segment().at(link).pset});
        if (serve_set(txn, port, pset, link, asked)) continue;
        more = true;  // this batch again
        batch--;
        return 0;
      }
      more = walk != 0;
      return 0;
    });
  }
  transact(self, Needs{}, [&](Txn& txn) {
    Locked<Port> port = txn.lock(handle);
    Hold* hold = txn.find_hold(kHoldPortSettle, handle.index);
    if (hold == nullptr) return 0;
    txn.drop(*hold);
    port_release(txn, port);
    return 0;
  });
}

}  // namespace portolan::ipc
