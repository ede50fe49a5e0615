// SPDX-License-Identifier: Apache-2.0
// If we die here: a membership is linked on both sides or on neither. A dying set is on the work list of
// whoever destroyed it, with its members as the work that is left.
#include "ipc/pset.hpp"

#include "ipc/mqueue.hpp"
#include "ipc/watch.hpp"
#include "segment/steps.hpp"

namespace portolan::ipc {

Handle<Pset> pset_make(Txn& txn, Handle<Space> space, Name name) {
  const Handle<Pset> handle = txn.allocate<Pset>();
  Pset& pset = txn.segment().at(handle);
  pset.link.init(0);
  pset.work.init(0);
  pset.refs.init(1);
  pset.state.init(kPortActive);
  pset.space.init(space.index);
  pset.name.init(name.value);
  pset.members.init(0);
  pset.ready_head.init(0);
  pset.ready_tail.init(0);
  pset.receiver_head.init(0);
  pset.receiver_tail.init(0);
  pset.count.init(0);
  pset.watch.init(0);
  pset.identity.init(txn.new_identity());
  return handle;
}

void pset_release(Txn& txn, Locked<Pset>& pset) {
  txn.add(pset->refs, static_cast<uint32_t>(-1));
  if (pset->refs == 0) txn.release(pset.handle());
}

void pset_destroy(Txn& txn, Locked<Pset>& pset) {
  txn.set(pset->state, kPortDying);
  txn.push_work(pset.handle());
}

bool pset_reap_step(Thread& self, Handle<Pset> handle) {
  transact(self, Needs{}, [&](Txn& txn) {
    Locked<Pset> pset = txn.lock(handle);
    if (!mqueue_wake_receivers(txn, pset, kWaitersAtOnce)) return 0;
    pset_unwatch(txn, pset);
    for (unsigned i = 0; pset->members != 0; i++) {
      if (i == kSetsAtOnce) return 0;
      const Handle<Link> link{pset->members};
      Locked<Port> port = txn.lock(Handle<Port>{txn.segment().at(link).port});
      link_remove(txn, port, pset, link);
    }
    txn.pop_work();
    txn.set(pset->state, kPortDead);
    pset_release(txn, pset);
    return 0;
  });
  return true;
}

Handle<Link> link_find(Txn& txn, Locked<Port>& port, Handle<Pset> pset) {
  Steps steps(txn.segment(), kZoneLink);
  for (uint32_t walk = port->links; walk != 0; walk = txn.segment().at(Handle<Link>{walk}).port_next) {
    if (txn.segment().at(Handle<Link>{walk}).pset == pset.index) return {walk};
    steps.step();
  }
  return {};
}

Handle<Link> link_make(Txn& txn, Locked<Port>& port, Locked<Pset>& pset) {
  const Handle<Link> handle = txn.allocate<Link>();
  Segment& segment = txn.segment();
  Link& link = segment.at(handle);
  link.port.init(port.handle().index);
  link.pset.init(pset.handle().index);
  link.ready.init(0);
  link.ready_next.init(0);
  link.ready_prev.init(0);
  // At the end of the port's list: a message goes to the sets in the order of joining (ports 9).
  uint32_t last = 0;
  Steps steps(segment, kZoneLink);
  for (uint32_t walk = port->links; walk != 0; walk = segment.at(Handle<Link>{walk}).port_next) {
    last = walk;
    steps.step();
  }
  link.port_next.init(0);
  link.port_prev.init(last);
  if (last == 0)
    txn.set(port->links, handle.index);
  else
    txn.set(segment.at(Handle<Link>{last}).port_next, handle.index);
  const uint32_t first = pset->members;
  link.set_prev.init(0);
  link.set_next.init(first);
  if (first != 0) txn.set(segment.at(Handle<Link>{first}).set_prev, handle.index);
  txn.set(pset->members, handle.index);
  txn.add(pset->count, 1);
  if (port->queue_head != 0) link_make_ready(txn, pset, handle);
  return handle;
}

void link_remove(Txn& txn, Locked<Port>& port, Locked<Pset>& pset, Handle<Link> handle) {
  Segment& segment = txn.segment();
  Link& link = segment.at(handle);
  link_unready(txn, pset, handle);
  if (link.port_prev == 0)
    txn.set(port->links, link.port_next);
  else
    txn.set(segment.at(Handle<Link>{link.port_prev}).port_next, link.port_next);
  if (link.port_next != 0) txn.set(segment.at(Handle<Link>{link.port_next}).port_prev, link.port_prev);
  if (link.set_prev == 0)
    txn.set(pset->members, link.set_next);
  else
    txn.set(segment.at(Handle<Link>{link.set_prev}).set_next, link.set_next);
  if (link.set_next != 0) txn.set(segment.at(Handle<Link>{link.set_next}).set_prev, link.set_prev);
  txn.add(pset->count, static_cast<uint32_t>(-1));
  txn.release(handle);
}

bool links_remove(Txn& txn, Locked<Port>& port, unsigned limit) {
  for (unsigned i = 0; port->links != 0; i++) {
    if (i == limit) return false;
    const Handle<Link> link{port->links};
    Locked<Pset> pset = txn.lock(Handle<Pset>{txn.segment().at(link).pset});
    link_remove(txn, port, pset, link);
  }
  return true;
}

namespace {

void append_ready(Txn& txn, Locked<Pset>& pset, Handle<Link> handle) {
  Link& link = txn.segment().at(handle);
  const uint32_t tail = pset->ready_tail;
  txn.set(link.ready, 1);
  txn.set(link.ready_next, 0);
  txn.set(link.ready_prev, tail);
  if (tail == 0)
    txn.set(pset->ready_head, handle.index);
  else
    txn.set(txn.segment().at(Handle<Link>{tail}).ready_next, handle.index);
  txn.set(pset->ready_tail, handle.index);
}

}  // namespace

void link_make_ready(Txn& txn, Locked<Pset>& pset, Handle<Link> handle) {
  if (!txn.segment().at(handle).ready) append_ready(txn, pset, handle);
  // Also where it was: of a member that was drained directly nobody has noticed yet that it is not ready.
  if (pset->watch != 0) watch_fire(txn, Handle<Watch>{pset->watch});
}

void link_rotate(Txn& txn, Locked<Pset>& pset, Handle<Link> handle) {
  link_unready(txn, pset, handle);
  append_ready(txn, pset, handle);
}

void link_unready(Txn& txn, Locked<Pset>& pset, Handle<Link> handle) {
  Segment& segment = txn.segment();
  Link& link = segment.at(handle);
  if (!link.ready) return;
  const uint32_t next = link.ready_next, prev = link.ready_prev;
  if (prev == 0)
    txn.set(pset->ready_head, next);
  else
    txn.set(segment.at(Handle<Link>{prev}).ready_next, next);
  if (next == 0)
    txn.set(pset->ready_tail, prev);
  else
    txn.set(segment.at(Handle<Link>{next}).ready_prev, prev);
  txn.set(link.ready, 0);
}

}  // namespace portolan::ipc
