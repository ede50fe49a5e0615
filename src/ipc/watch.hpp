// SPDX-License-Identifier: Apache-2.0
// Watches: how kernel queues hear of messages (kqueue 7.10). A message that is queued on a watched port, or
// on a member of a watched set, fires the watch once: it goes to the ring of its space, and a thread of the
// task that waits there is woken. It fires again after somebody has found its object empty and armed it.
// Whoever sends to what nobody watches reads one flag more.
//
// Locks: the object's (port or set), then that of the space's watch port.
#pragma once

#include <atomic>

#include "ipc/objects.hpp"

namespace portolan::ipc {

// -- for the task

// One more knote watches what it holds under this name. The watch rests: it is armed later. KERN_SUCCESS;
// KERN_INVALID_NAME: no such name, or a dead one; KERN_INVALID_RIGHT: neither a receive right nor a set;
// KERN_RESOURCE_SHORTAGE.
kern_return_t watch_add(Thread& self, Handle<Space> space, Name name, Ref<Watch>& watch);
// One fewer; the last one ends it.
void watch_remove(Thread& self, Handle<Space> space, Ref<Watch> watch);

enum class Arm { if_empty, always };
enum class Armed {
  armed,  // or fired already: the next message is told
  ready,  // there are messages, and it was to be armed if there are none
  gone    // the object has moved or died
};
Armed watch_arm(Thread& self, Handle<Space> space, Ref<Watch> watch, Arm how);

// The next watch that has fired, or has lost its object, off the ring; false: none has.
bool watch_take(Thread& self, Handle<Space> space, Name& name);

enum class Told {
  fired,        // there is something to take
  called_off,   // by another thread of the task
  interrupted,  // by a signal
  timed_out,
  nothing  // was ever watched, or there is no kernel any more
};
struct WatchWait {
  uint64_t deadline_ns;
  // Set by who calls the wait off, before watch_call_off; the wait that has not begun then does not begin.
  const std::atomic<bool>* called_off;
  // Woken before others: the thread that wants the event itself.
  bool first;
};
// Waits until the ring is not empty. Each firing wakes one of the threads that wait.
Told watch_wait(Thread& self, Handle<Space> space, const WatchWait& how);
// Ends the wait of the thread in this slot, if it waits here.
void watch_call_off(Thread& self, Handle<Space> space, uint32_t slot);

// -- for the kernel

// Something was queued on the object, whose lock is held.
void watch_fire(Txn& txn, Handle<Watch> watch);
// The object leaves the space, or dies.
void port_unwatch(Txn& txn, Locked<Port>& port);
void pset_unwatch(Txn& txn, Locked<Pset>& pset);
// A step of the end of a dying space, which has a watch port until the last one.
void watches_end_step(Thread& self, Handle<Space> space);

}  // namespace portolan::ipc
