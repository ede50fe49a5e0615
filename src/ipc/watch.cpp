// SPDX-License-Identifier: Apache-2.0
// If we die here: everything is one transaction. A thread that dies while it waits on a watch port is taken
// off its list as off any other port's; what had fired is on the ring still.
#include "ipc/watch.hpp"

#include "ipc/mqueue.hpp"
#include "ipc/port.hpp"
#include "ipc/pset.hpp"
#include "ipc/space.hpp"
#include "segment/futex.hpp"
#include "segment/steps.hpp"
#include "segment/wait.hpp"

namespace portolan::ipc {

namespace {

constexpr unsigned kEndedAtOnce = 4;

Space& space_of(Txn& txn, const Watch& watch) { return txn.segment().at(Handle<Space>{watch.space}); }

// It never changes while there are watches.
Locked<Port> lock_watch_port(Txn& txn, const Space& space) {
  return txn.lock(Handle<Port>{space.watch_port});
}

// -- the ring and the chain, with that lock

void ring_append(Txn& txn, Space& space, Handle<Watch> handle) {
  Segment& segment = txn.segment();
  Watch& watch = segment.at(handle);
  const uint32_t tail = space.fired_tail;
  txn.set(watch.state, kWatchFired);
  txn.set(watch.fired_next, 0);
  txn.set(watch.fired_prev, tail);
  if (tail == 0)
    txn.set(space.fired_head, handle.index);
  else
    txn.set(segment.at(Handle<Watch>{tail}).fired_next, handle.index);
  txn.set(space.fired_tail, handle.index);
}

void ring_remove(Txn& txn, Space& space, Watch& watch) {
  if (watch.state != kWatchFired) return;
  Segment& segment = txn.segment();
  const uint32_t next = watch.fired_next, prev = watch.fired_prev;
  if (prev == 0)
    txn.set(space.fired_head, next);
  else
    txn.set(segment.at(Handle<Watch>{prev}).fired_next, next);
  if (next == 0)
    txn.set(space.fired_tail, prev);
  else
    txn.set(segment.at(Handle<Watch>{next}).fired_prev, prev);
  txn.set(watch.state, kWatchResting);
}

void chain_insert(Txn& txn, Space& space, Handle<Watch> handle) {
  const uint32_t head = space.watches;
  txn.segment().at(handle).next.init(head);
  if (head != 0) txn.set(txn.segment().at(Handle<Watch>{head}).prev, handle.index);
  txn.set(space.watches, handle.index);
}

void chain_remove(Txn& txn, Space& space, const Watch& watch) {
  Segment& segment = txn.segment();
  const uint32_t next = watch.next, prev = watch.prev;
  if (prev == 0)
    txn.set(space.watches, next);
  else
    txn.set(segment.at(Handle<Watch>{prev}).next, next);
  if (next != 0) txn.set(segment.at(Handle<Watch>{next}).prev, prev);
}

// In the frame's word for a receiver's options.
constexpr uint32_t kFirst = 1;
constexpr unsigned kLooked = 8;

// Who asked to be woken first, or who has waited longest.
void wake_one(Txn& txn, Locked<Port>& watch_port) {
  uint32_t chosen = watch_port->receiver_head, walk = chosen;
  for (unsigned i = 0; walk != 0 && i < kLooked; i++) {
    const Frame& frame = txn.segment().frame(walk);
    if (frame.option == kFirst) chosen = walk;
    walk = frame.option == kFirst ? 0 : frame.next.get();
  }
  if (chosen != 0) mqueue_wake_receiver(txn, watch_port, chosen, KERN_SUCCESS);
}

void tell(Txn& txn, Handle<Watch> handle) {
  Space& space = space_of(txn, txn.segment().at(handle));
  Locked<Port> watch_port = lock_watch_port(txn, space);
  const bool first = space.fired_head == 0;
  ring_append(txn, space, handle);
  // Whoever is woken takes all there is. More of them are quicker, but a transaction owes only so many wakes:
  // a message may fire nine watches, and there may be two of them.
  if (first || txn.self().slot().owed_count < kOwedMax / 2) wake_one(txn, watch_port);
}

// The watch's object is another's now, or nobody's.
void lose(Txn& txn, Handle<Watch> handle) {
  Watch& watch = txn.segment().at(handle);
  Space& space = space_of(txn, watch);
  lock_watch_port(txn, space);
  txn.set(watch.port, 0);
  txn.set(watch.pset, 0);
  if (watch.state != kWatchFired) tell(txn, handle);
}

void let_go_of_object(Txn& txn, Watch& watch) {
  if (watch.port != 0) {
    Locked<Port> port = txn.lock(Handle<Port>{watch.port});
    txn.set(port->watch, 0);
    txn.set(port->state, port->state & ~kPortWatched);
  } else if (watch.pset != 0) {
    Locked<Pset> pset = txn.lock(Handle<Pset>{watch.pset});
    txn.set(pset->watch, 0);
  }
}

void end_watch(Txn& txn, Space& space, Handle<Watch> handle) {
  Watch& watch = txn.segment().at(handle);
  let_go_of_object(txn, watch);
  ring_remove(txn, space, watch);
  chain_remove(txn, space, watch);
  txn.release(handle);
}

bool has_messages(Txn& txn, const Watch& watch) {
  if (watch.port != 0) return txn.lock(Handle<Port>{watch.port})->queue_head != 0;
  return txn.lock(Handle<Pset>{watch.pset})->ready_head != 0;
}

// The object's watch, made if there is none.
Handle<Watch> watch_of(Txn& txn, Locked<Space>& space, Cell<uint32_t>& cell, Name name) {
  if (space->watch_port == 0)
    txn.set(space->watch_port, kobject_port_make(txn, kKobjectWatch, space.handle().index).index);
  lock_watch_port(txn, *space);
  if (cell != 0) {
    txn.add(txn.segment().at(Handle<Watch>{cell}).users, 1);
    return {cell};
  }
  const Handle<Watch> handle = txn.allocate<Watch>();
  Watch& watch = txn.segment().at(handle);
  for (Cell<uint32_t>* zero : {&watch.state, &watch.port, &watch.pset, &watch.prev, &watch.fired_next,
                               &watch.fired_prev, &watch.link, &watch.work})
    zero->init(0);
  watch.space.init(space.handle().index);
  watch.name.init(name.value);
  watch.users.init(1);
  chain_insert(txn, *space, handle);
  txn.set(cell, handle.index);
  return handle;
}

}  // namespace

kern_return_t watch_add(Thread& self, Handle<Space> handle, Name name, Ref<Watch>& ref) {
  return transact(self, Needs{}.with<Watch>().with<Port>(), [&](Txn& txn) -> int {
    Locked<Space> space = txn.lock(handle);
    const Entry* entry = space->state == kSpaceActive ? entry_find(txn, space, name) : nullptr;
    if (entry == nullptr || entry->has(kTypeDead)) return KERN_INVALID_NAME;
    if (!entry->has(kTypeReceive | kTypePset)) return KERN_INVALID_RIGHT;
    Handle<Watch> watch;
    if (entry->has(kTypePset)) {
      Locked<Pset> pset = txn.lock(Handle<Pset>{entry->object});
      watch = watch_of(txn, space, pset->watch, name);
      txn.set(txn.segment().at(watch).pset, pset.handle().index);
    } else {
      Locked<Port> port = txn.lock(Handle<Port>{entry->object});
      watch = watch_of(txn, space, port->watch, name);
      txn.set(txn.segment().at(watch).port, port.handle().index);
      txn.set(port->state, port->state | kPortWatched);
    }
    ref = {watch.index, txn.segment().at(watch).generation};
    return KERN_SUCCESS;
  });
}

namespace {

// Runs an operation on a watch that is there, with the lock of its space's watch port.
template <class Body>
void on_watch(Thread& self, Handle<Space> handle, Ref<Watch> ref, Body&& body) {
  Space& space = self.segment().at(handle);
  if (space.watch_port == 0) return;
  transact(self, Needs{}, [&](Txn& txn) {
    lock_watch_port(txn, space);
    Watch& watch = txn.segment().at(ref);
    if (watch.generation == ref.generation && watch.space == handle.index) body(txn, space, watch);
    return 0;
  });
}

}  // namespace

void watch_remove(Thread& self, Handle<Space> handle, Ref<Watch> ref) {
  on_watch(self, handle, ref, [&](Txn& txn, Space& space, Watch& watch) {
    if (watch.users > 1)
      txn.add(watch.users, static_cast<uint32_t>(-1));
    else
      end_watch(txn, space, {ref.index});
  });
}

Armed watch_arm(Thread& self, Handle<Space> handle, Ref<Watch> ref, Arm how) {
  Armed armed = Armed::gone;
  on_watch(self, handle, ref, [&](Txn& txn, Space&, Watch& watch) {
    armed = Armed::gone;
    if (watch.port == 0 && watch.pset == 0) return;
    const bool messages = has_messages(txn, watch);
    armed = Armed::armed;
    if (watch.state == kWatchFired) return;
    if (messages && how == Arm::if_empty)
      armed = Armed::ready;
    else
      txn.set(watch.state, messages ? kWatchEdge : kWatchArmed);
  });
  return armed;
}

namespace {

// KERN_NOT_WAITING: it goes to wait. What has fired comes before being called off: otherwise it would lie
// there with nobody awake.
kern_return_t look_at_ring(Thread& self, const Space& space, const WatchWait& how) {
  return transact(self, Needs{}, [&](Txn& txn) -> int {
    Locked<Port> watch_port = lock_watch_port(txn, space);
    if (space.fired_head != 0) return KERN_SUCCESS;
    if (how.called_off->load(std::memory_order_relaxed)) return KERN_ABORTED;
    mqueue_wait_on_port(txn, watch_port, 0, how.first ? kFirst : 0);
    return KERN_NOT_WAITING;
  });
}

// `fired`: woken, to look again.
Told wait_for_firing(Thread& self, const WatchWait& how) {
  Frame& frame = self.frame();
  const WaitEnd ended = wait_for_grant(self, frame, how.deadline_ns, true);
  Told told = Told::nothing;
  transact(self, Needs{}, [&](Txn& txn) {
    Locked<Port> watch_port = txn.lock(Handle<Port>{frame.object});
    if (frame.state == kWaitPort) {
      mqueue_unwait(txn, watch_port, frame, self.frame_id());
      told = ended == WaitEnd::timed_out ? Told::timed_out : Told::interrupted;
      return 0;
    }
    told = frame.result == KERN_SUCCESS   ? Told::fired
           : frame.result == KERN_ABORTED ? Told::called_off
                                          : Told::nothing;
    txn.set(frame.state, kWaitNone);
    txn.set(frame.grant, 0);
    return 0;
  });
  return told;
}

}  // namespace

bool watch_take(Thread& self, Handle<Space> handle, Name& name) {
  Space& space = self.segment().at(handle);
  if (space.fired_head == 0) return false;  // whoever fires one now wakes somebody, too
  bool taken = false;
  transact(self, Needs{}, [&](Txn& txn) {
    lock_watch_port(txn, space);
    taken = space.fired_head != 0;
    if (!taken) return 0;
    Watch& watch = txn.segment().at(Handle<Watch>{space.fired_head});
    name = Name{watch.name};
    ring_remove(txn, space, watch);
    return 0;
  });
  return taken;
}

Told watch_wait(Thread& self, Handle<Space> handle, const WatchWait& how) {
  const Space& space = self.segment().at(handle);
  if (space.watch_port == 0) return Told::nothing;
  for (;;) {
    const kern_return_t found = look_at_ring(self, space, how);
    if (found == KERN_SUCCESS) return Told::fired;
    if (found != KERN_NOT_WAITING) return found == KERN_ABORTED ? Told::called_off : Told::nothing;
    const Told woken = wait_for_firing(self, how);
    if (woken != Told::fired) return woken;
  }
}

void watch_call_off(Thread& self, Handle<Space> handle, uint32_t slot) {
  Space& space = self.segment().at(handle);
  if (space.watch_port == 0) return;
  transact(self, Needs{}, [&](Txn& txn) {
    Locked<Port> watch_port = lock_watch_port(txn, space);
    Steps steps(txn.segment(), kZonePort);
    for (uint32_t walk = watch_port->receiver_head; walk != 0; walk = txn.segment().frame(walk).next) {
      if (walk / kFrames == slot) {
        mqueue_wake_receiver(txn, watch_port, walk, KERN_ABORTED);
        return 0;
      }
      steps.step();
    }
    return 0;
  });
}

void watch_fire(Txn& txn, Handle<Watch> handle) {
  const Watch& watch = txn.segment().at(handle);
  if (watch.state == kWatchArmed || watch.state == kWatchEdge) tell(txn, handle);
}

void port_unwatch(Txn& txn, Locked<Port>& port) {
  if (!port->is(kPortWatched)) return;
  lose(txn, Handle<Watch>{port->watch});
  txn.set(port->watch, 0);
  txn.set(port->state, port->state & ~kPortWatched);
}

void pset_unwatch(Txn& txn, Locked<Pset>& pset) {
  if (pset->watch == 0) return;
  lose(txn, Handle<Watch>{pset->watch});
  txn.set(pset->watch, 0);
}

void watches_end_step(Thread& self, Handle<Space> handle) {
  transact(self, Needs{}, [&](Txn& txn) {
    Locked<Space> space = txn.lock(handle);
    Locked<Port> watch_port = lock_watch_port(txn, *space);
    for (unsigned i = 0; space->watches != 0; i++) {
      if (i == kEndedAtOnce) return 0;
      end_watch(txn, *space, Handle<Watch>{space->watches});
    }
    txn.set(space->watch_port, 0);
    kobject_port_destroy(txn, watch_port);
    return 0;
  });
}

}  // namespace portolan::ipc
