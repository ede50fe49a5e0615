// SPDX-License-Identifier: Apache-2.0
// What the segment layer asks of the kernel: one step of whatever is on a work list, and the finish of
// whatever a dead thread had in hand.
#include "ipc/kernel.hpp"

#include <kern/ipc_kobject.h>

#include "ipc/actions.hpp"
#include "ipc/kmsg.hpp"
#include "ipc/mach_msg.hpp"
#include "ipc/mqueue.hpp"
#include "ipc/notify.hpp"
#include "ipc/port.hpp"
#include "ipc/pset.hpp"
#include "ipc/space.hpp"

namespace portolan::ipc {

namespace {

const TaskHooks& tasks(const Thread& self) { return static_cast<const Layers*>(self.segment().upper)->tasks; }

bool work_step(Thread& self, uint32_t item) {
  const uint32_t index = work_index(item);
  switch (work_zone(item)) {
    case kZonePort:
      return port_reap_step(self, Handle<Port>{index});
    case kZonePset:
      return pset_reap_step(self, Handle<Pset>{index});
    case kZoneKmsg:
      return kmsg_reap_step(self, Handle<Kmsg>{index});
    case kZoneSpace:
      return space_reap_step(self, Handle<Space>{index});
    case kZoneActions:
      return actions_reap_step(self, Handle<Actions>{index});
    default:
      return tasks(self).reap_step != nullptr && tasks(self).reap_step(self, item);
  }
}

// The dead thread's hold ends in the same transaction that puts what it named on our work list, or counts it
// down.
void finish_hold(Thread& self, ThreadSlot& victim, Hold& hold) {
  (void)victim;
  Segment& segment = self.segment();
  const uint32_t kind = hold.kind, object = hold.object;
  if (kind == kHoldPortSettle && segment.plausible(kZonePort, object)) {
    // First ours, then done: port_settle drops our hold.
    transact(self, Needs{}, [&](Txn& txn) {
      Locked<Port> port = txn.lock(Handle<Port>{object});
      if (txn.find_hold(kHoldPortSettle, object) == nullptr)
        txn.hold(kHoldPortSettle, object);
      else
        port_release(txn, port);
      txn.drop(hold);
      return 0;
    });
    port_settle(self, Handle<Port>{object});
    return;
  }
  if (kind > kHoldLast || (kind >= kHoldTask && kind <= kHoldEmbryo)) {
    if (tasks(self).finish_hold != nullptr) tasks(self).finish_hold(self, hold);
    return;
  }
  const unsigned zone = kind == kHoldKmsg ? kZoneKmsg : kZonePort;
  const bool sound = segment.plausible(zone, object) && segment.element(zone, object).allocated();
  // Without memory nothing happens: whoever recovers this slot next tries again.
  transact(self, kDropNeeds.with<Kmsg>(1), [&](Txn& txn) {
    if (!sound) {
      txn.drop(hold);
      return 0;
    }
    switch (kind) {
      case kHoldKmsg:
        txn.push_work(Handle<Kmsg>{object});
        break;
      case kHoldPort: {
        Locked<Port> port = txn.lock(Handle<Port>{object});
        port_release(txn, port);
        break;
      }
      case kHoldSendRight:
        naked_destroy(txn, {object, MACH_MSG_TYPE_PORT_SEND});
        break;
      case kHoldSendOnce:
        naked_destroy(txn, {object, MACH_MSG_TYPE_PORT_SEND_ONCE});
        break;
      case kHoldReceive:
        naked_destroy(txn, {object, MACH_MSG_TYPE_PORT_RECEIVE});
        break;
      default:
        break;
    }
    txn.drop(hold);
    return 0;
  });
}

}  // namespace

void put_away(Thread& self) {
  self.left_in_hand = false;
  for (unsigned depth = self.slot().depth; depth < kFrames; depth++) {
    for (Hold& hold : self.slot().frames[depth].holds) {
      if (hold.kind < kHoldSendRight || hold.kind > kHoldLast) continue;
      finish_hold(self, self.slot(), hold);
      if (hold.kind != 0) self.left_in_hand = true;
    }
  }
}

namespace {

void finish_thread(Thread& self, ThreadSlot& victim) {
  if (tasks(self).finish_thread != nullptr) tasks(self).finish_thread(self, victim);
}

uint32_t arena_for(uint32_t slots) { return slots * static_cast<uint32_t>(sizeof(Entry) + sizeof(uint32_t)); }

template <class T>
void zone(Geometry& geometry, uint32_t capacity, uint32_t magazine) {
  geometry.zones[ZoneOf<T>::id] = {static_cast<uint32_t>((sizeof(T) + 15) / 16 * 16), capacity, magazine};
}

}  // namespace

Layers make_layers(const TaskHooks& hooks) {
  Layers layers;
  layers.work_step = work_step;
  layers.finish_hold = finish_hold;
  layers.finish_wait = finish_wait;
  layers.after_transaction = settle_ports;
  layers.finish_thread = finish_thread;
  layers.tasks = hooks;
  return layers;
}

void install(Segment& segment, const Layers& layers) { segment.upper = &layers; }

kern_return_t make_roots(Thread& self) {
  return transact(self, Needs{}.with<Port>(2).with<Actions>(), [&](Txn& txn) {
    auto& roots = txn.segment().header().roots;
    if (roots[kRootHostPort] != 0) return KERN_SUCCESS;
    txn.set(roots[kRootHostPort], kobject_port_make(txn, IKOT_HOST, 0).index);
    txn.set(roots[kRootHostPrivPort], kobject_port_make(txn, IKOT_HOST_PRIV, 0).index);
    txn.set(roots[kRootHostActions], actions_make(txn).index);
    return KERN_SUCCESS;
  });
}

Geometry default_geometry() {
  Geometry g;
  zone<Task>(g, 4096, 2);
  zone<Space>(g, 4096, 2);
  zone<Port>(g, 1u << 22, 16);
  zone<Pset>(g, 1u << 18, 8);
  zone<Link>(g, 1u << 20, 16);
  zone<Kmsg>(g, 1u << 22, 16);
  zone<Data>(g, 1u << 20, 16);
  zone<Service>(g, 1u << 18, 8);
  zone<Subset>(g, 1u << 12, 2);
  zone<Site>(g, 1u << 16, 4);
  zone<Acquisition>(g, 1u << 22, 16);
  zone<Module>(g, 1u << 12, 2);
  zone<Request>(g, 1u << 20, 8);
  zone<Job>(g, 1u << 13, 2);
  zone<Watch>(g, 1u << 18, 4);
  zone<Actions>(g, 1u << 15, 2);
  g.max_threads = 16384;
  g.arena_zone = kZoneSpace;
  g.arena_size = (arena_for(kTableMax) / static_cast<uint32_t>(kPage) + 2) * static_cast<uint32_t>(kPage);
  g.populate_step = 64 << 10;
  return g;
}

Geometry small_geometry() {
  Geometry g;
  zone<Task>(g, 16, 2);
  zone<Space>(g, 16, 2);
  zone<Port>(g, 512, 6);
  zone<Pset>(g, 32, 2);
  zone<Link>(g, 128, 4);
  zone<Kmsg>(g, 512, 6);
  zone<Data>(g, 64, 2);
  zone<Service>(g, 64, 2);
  zone<Subset>(g, 8, 2);
  zone<Site>(g, 32, 2);
  zone<Acquisition>(g, 128, 4);
  zone<Module>(g, 16, 2);
  zone<Request>(g, 64, 2);
  zone<Job>(g, 8, 2);
  zone<Watch>(g, 32, 2);
  zone<Actions>(g, 32, 2);
  g.max_threads = 24;
  g.arena_zone = kZoneSpace;
  g.arena_size = (arena_for(1024) / static_cast<uint32_t>(kPage) + 1) * static_cast<uint32_t>(kPage);
  g.populate_step = 4096;
  return g;
}

}  // namespace portolan::ipc
