// SPDX-License-Identifier: Apache-2.0
// If we die here: everything but a dying port's last steps happens inside the caller's transaction; the dying
// port is on the work list of whoever destroyed it, and its lists are the work that is left.
#include "ipc/port.hpp"

#include <kern/ipc_kobject.h>
#include <mach/notify.h>

#include "ipc/kmsg.hpp"
#include "ipc/mqueue.hpp"
#include "ipc/mutant.hpp"
#include "ipc/notify.hpp"
#include "ipc/pset.hpp"
#include "ipc/semaphore.hpp"
#include "ipc/watch.hpp"
#include "segment/steps.hpp"

namespace portolan::ipc {

Handle<Port> port_make(Txn& txn) {
  const Handle<Port> handle = txn.allocate<Port>();
  Port& port = txn.segment().at(handle);
  port.link.init(0);
  port.work.init(0);
  port.refs.init(0);
  port.state.init(kPortActive);
  for (Cell<uint32_t>* cell :
       {&port.receiver,       &port.receiver_name, &port.srights,       &port.sorights,   &port.mscount,
        &port.seqno,          &port.msgcount,      &port.queue_head,    &port.queue_tail, &port.receiver_head,
        &port.receiver_tail,  &port.sender_head,   &port.sender_tail,   &port.links,      &port.requests,
        &port.requests_tail,  &port.request_count, &port.request_slots, &port.armed,      &port.no_senders,
        &port.port_destroyed, &port.kobject_type,  &port.kobject,       &port.watch})
    cell->init(0);
  port.qlimit.init(MACH_PORT_QLIMIT_DEFAULT);
  port.context.init(0);
  port.identity.init(txn.new_identity());
  return handle;
}

Handle<Port> kobject_port_make(Txn& txn, uint32_t type, uint32_t object) {
  const Handle<Port> handle = port_make(txn);
  Port& port = txn.segment().at(handle);
  port.kobject_type.init(type);
  port.kobject.init(object);
  port.refs.init(1);
  return handle;
}

void port_reference(Txn& txn, Locked<Port>& port) { txn.add(port->refs, 1); }

void port_release(Txn& txn, Locked<Port>& port) {
  txn.add(port->refs, static_cast<uint32_t>(-1));
  if (port->refs == 0) txn.release(port.handle());
}

void send_right_make(Txn& txn, Locked<Port>& port) {
  txn.add(port->mscount, 1);
  send_right_copy(txn, port);
}

void send_right_copy(Txn& txn, Locked<Port>& port) {
  txn.add(port->srights, 1);
  port_reference(txn, port);
}

void send_once_right_make(Txn& txn, Locked<Port>& port) {
  txn.add(port->sorights, 1);
  port_reference(txn, port);
}

void send_right_drop_count(Txn& txn, Locked<Port>& port, When when) {
  txn.add(port->srights, static_cast<uint32_t>(-1));
  if (port->srights != 0 || !port->active()) return;
  const uint32_t type = port->kobject_type;
  // A job may be launched now; of a file port launchd keeps a descriptor.
  if (type == kKobjectJob || type == IKOT_FILEPORT) txn.self().rings = true;
  if (type == IKOT_SEMAPHORE || type == IKOT_FILEPORT) {
    port_destroy(txn, port);  // nobody can name it any more
    return;
  }
  const Handle<Kmsg> kept{port->no_senders};
  if (!kept || mutant(Mutant::missed_no_senders)) return;
  const Handle<Port> notify{txn.segment().at(kept).local};
  txn.set(port->no_senders, 0);
  if (when == When::now)
    notify_send(txn, kept, notify, MACH_NOTIFY_NO_SENDERS, port->mscount);
  else
    notify_send_later(txn, kept, notify, MACH_NOTIFY_NO_SENDERS, port->mscount);
}

void send_right_release(Txn& txn, Locked<Port>& port) {
  send_right_drop_count(txn, port);
  port_release(txn, port);
}

void send_once_right_consume(Txn& txn, Locked<Port>& port) {
  txn.add(port->sorights, static_cast<uint32_t>(-1));
  port_release(txn, port);
}

void send_once_right_release(Txn& txn, Locked<Port>& port) { notify_send_once(txn, port.handle()); }

bool port_clear_fits(Txn& txn, const Locked<Port>& port) {
  unsigned links = 0, waiters = 0;
  for (uint32_t walk = port->links; walk != 0; walk = txn.segment().at(Handle<Link>{walk}).port_next)
    if (++links > kSetsAtOnce) return false;
  for (uint32_t walk = port->receiver_head; walk != 0; walk = txn.segment().frame(walk).next)
    if (++waiters > kWaitersAtOnce) return false;
  return true;
}

void port_clear_some(Thread& self, Ref<Port> ref) {
  transact(self, Needs{}, [&](Txn& txn) {
    Locked<Port> port = txn.lock(ref);
    if (!port || !port->active()) return 0;
    if (mqueue_wake_receivers(txn, port, kWaitersAtOnce)) links_remove(txn, port, kSetsAtOnce);
    return 0;
  });
}

void port_clear_at_home(Thread& self, Handle<Port> handle) {
  for (bool more = true; more;) {
    transact(self, Needs{}, [&](Txn& txn) {
      Locked<Port> port = txn.lock(handle);
      more = port->active() && port->is(kPortAtHome) && !port_is_clear(*port);
      if (more && mqueue_wake_receivers(txn, port, kWaitersAtOnce)) links_remove(txn, port, kSetsAtOnce);
      return 0;
    });
  }
}

void port_clear_receiver(Txn& txn, Locked<Port>& port, bool moving) {
  mqueue_wake_receivers(txn, port, kWaitersAtOnce);
  links_remove(txn, port, kSetsAtOnce);
  port_unwatch(txn, port);
  if (!mutant(Mutant::port_destroyed_keeps)) txn.set(port->mscount, 0);
  txn.set(port->seqno, 0);
  txn.set(port->context, 0);
  txn.set(port->state, port->state & ~(kPortGuarded | kPortStrict | (moving ? kPortImmovable : 0u)));
  txn.set(port->receiver, 0);
  txn.set(port->receiver_name, 0);
}

namespace {

// The pid of the task that receives; 0: none does.
uint32_t receivers_pid(const Segment& segment, const Port& port) {
  if (port.receiver == 0 || port.is(kPortInTransit)) return 0;
  const Handle<Task> task{segment.at(Handle<Space>{port.receiver}).task};
  return task ? segment.at(task).credentials.pid.get() : 0;
}

}  // namespace

// To the namespace that declared its service, with its queue (bootstrap 6). Receivers and sets that are too
// many for one transaction are left to port_settle.
static void port_go_home(Txn& txn, Locked<Port>& port) {
  if (!port_clear_fits(txn, port)) port_settle_later(txn, port);
  port_clear_receiver(txn, port, true);
  txn.set(port->state, port->state | kPortAtHome);
  txn.self().rings = true;
}

void port_destroy(Txn& txn, Locked<Port>& port) {
  if (port->is(kPortComesHome)) return port_go_home(txn, port);
  const Handle<Kmsg> kept{port->port_destroyed};
  if (kept) {
    // The port lives on, in limbo, until the notification that carries it is sent or destroyed.
    txn.set(port->port_destroyed, 0);
    port_clear_receiver(txn, port, true);
    txn.set(port->state, port->state | kPortInTransit);
    txn.set(txn.segment().at(kept).remote, port.handle().index);
    txn.push_work(kept);
    return;
  }
  if (port->kobject_type == 0) txn.set(port->receiver_name, receivers_pid(txn.segment(), *port));
  txn.set(port->state, (port->state & ~(3u | kPortInTransit)) | kPortDying);
  txn.push_work(port.handle());
}

bool transit_begin(Txn& txn, Locked<Port>& port, Handle<Port> dest) {
  Segment& segment = txn.segment();
  txn.acquire(segment.header().transit_lock);
  Steps steps(segment, kZonePort);
  for (Handle<Port> walk = dest; walk;) {
    if (walk == port.handle()) return true;
    steps.step();
    const Port& next = segment.at(walk);
    walk = next.is(kPortInTransit) ? Handle<Port>{next.receiver} : Handle<Port>{};
  }
  Locked<Port> destination = txn.lock(dest);
  port_reference(txn, destination);
  txn.set(port->receiver, dest.index);
  return false;
}

void transit_end(Txn& txn, Locked<Port>& port) {
  if (!port->is(kPortInTransit)) return;
  const Handle<Port> dest{port->receiver};
  if (dest) {
    txn.acquire(txn.segment().header().transit_lock);
    txn.set(port->receiver, 0);
    Locked<Port> destination = txn.lock(dest);
    port_release(txn, destination);
  }
  txn.set(port->state, port->state & ~kPortInTransit);
}

void kobject_port_destroy(Txn& txn, Locked<Port>& port, uint32_t pid) {
  txn.set(port->kobject, 0);  // the type stays
  txn.set(port->receiver_name, pid);
  port_destroy(txn, port);
}

namespace {

// The head of a dying port's queue is taken down next, before the port itself goes on.
bool next_message_to_work(Txn& txn, Locked<Port>& port) {
  const Handle<Kmsg> handle{port->queue_head};
  if (!handle) return true;
  Kmsg& kmsg = txn.segment().at(handle);
  txn.set(port->queue_head, kmsg.link);
  if (kmsg.link == 0) txn.set(port->queue_tail, 0);
  txn.set(kmsg.link, 0);
  txn.add(port->msgcount, static_cast<uint32_t>(-1));
  txn.push_work_first(handle);
  return false;
}

}  // namespace

bool port_reap_step(Thread& self, Handle<Port> handle) {
  transact(self, Needs{}, [&](Txn& txn) {
    Locked<Port> port = txn.lock(handle);
    if (!mqueue_wake_receivers(txn, port, kWaitersAtOnce)) return 0;
    if (!mqueue_release_senders(txn, port, kWaitersAtOnce)) return 0;
    if (!links_remove(txn, port, kSetsAtOnce)) return 0;
    port_unwatch(txn, port);
    if (!next_message_to_work(txn, port)) return 0;
    const Handle<Kmsg> kept{port->no_senders};
    if (kept) {
      txn.set(port->no_senders, 0);
      notify_cancel(txn, kept, Handle<Port>{txn.segment().at(kept).local});
      return 0;
    }
    if (!requests_fire_dead(txn, port, 1)) return 0;  // with what it wakes, watches included
    if (port->kobject_type == IKOT_SEMAPHORE) semaphore_disown(txn, port);
    txn.set(port->receiver, 0);
    txn.set(port->context, 0);
    txn.set(port->state, (port->state & ~(3u | kPortGuarded | kPortStrict)) | kPortDead);
    txn.pop_work();
    port_release(txn, port);
    return 0;
  });
  return true;
}

}  // namespace portolan::ipc
