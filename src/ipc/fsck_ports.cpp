// SPDX-License-Identifier: Apache-2.0
// fsck: ports with what hangs on them, port sets, and the frames that wait.
#include <kern/ipc_kobject.h>

#include <algorithm>

#include "ipc/fsck_walk.hpp"

namespace portolan::ipc {

void Walk::walk_ports() {
  for (uint32_t i = 1; i < carved_[kZonePort]; i++) {
    if (!exists<Port>(i)) continue;
    const Port& port = at<Port>(i);
    walk_queue(i);
    walk_waiters(port.receiver_head, port.receiver_tail, kWaitPort, i);
    walk_waiters(port.sender_head, port.sender_tail, kWaitSend, i);
    walk_links(i);
    walk_requests(i);
    if (port.no_senders != 0) walk_kept(port.no_senders, kKmsgNoSenders, i, "P8");
    if (port.port_destroyed != 0) walk_kept(port.port_destroyed, kKmsgPortDestroyed, i, "P8");
    if (port.kobject_type == IKOT_SEMAPHORE && port.life() != kPortDead) walk_semaphore(i);
    if (port.kobject_type == IKOT_FILEPORT && port.active()) walk_fileport(i);
  }
  for (uint32_t i = 1; i < carved_[kZoneTask]; i++) {
    if (exists<Task>(i) && at<Task>(i).semaphores != task_semaphores_[i])
      report_.add("E1", "task ", i, " counts ", at<Task>(i).semaphores.get(), " semaphores, and owns ",
                  task_semaphores_[i]);
  }
}

// Nobody but itself keeps a semaphore.
void Walk::walk_semaphore(uint32_t index) {
  const Port& port = at<Port>(index);
  if (port.active()) add_kernel(index, {Holder::kKernel});  // dying: the work list's
  if (port.kobject == 0) return;
  if (exists<Task>(port.kobject))
    task_semaphores_[port.kobject]++;
  else
    report_.add("E1", port_text(index), ": a semaphore of task ", port.kobject.get());
}

// Nor a file port; once it is dying its receive right is the work list's.
void Walk::walk_fileport(uint32_t index) {
  add_kernel(index, {Holder::kKernel});
  if (at<Port>(index).srights == 0) report_.add("F1", port_text(index), ": a file port without a send right");
}

void Walk::walk_queue(uint32_t index) {
  const Port& port = at<Port>(index);
  uint32_t length = 0, last = 0;
  for (uint32_t walk = port.queue_head; walk != 0; walk = at<Kmsg>(walk).link) {
    const uint8_t before = exists<Kmsg>(walk) ? reached_[kZoneKmsg][walk] : uint8_t{2};
    walk_message(walk, "the queue of port", index);
    if (before != 0) break;
    if (at<Kmsg>(walk).remote != index)
      report_.add("P8", port_text(index), ": message ", walk, " is for another port");
    last = walk;
    length++;
  }
  if (last != port.queue_tail) report_.add("P8", port_text(index), ": the queue does not end at its tail");
  if (port.msgcount != length + ports_[index].promised)
    report_.add("P5", port_text(index), " counts ", port.msgcount.get(), " messages: ", length, " queued, ",
                ports_[index].promised, " promised");
  if (port.life() > kPortDead || port.qlimit > MACH_PORT_QLIMIT_MAX)
    report_.add("P8", port_text(index), ": state ", port.state.get(), ", limit ", port.qlimit.get());
  if (port.active() && port.sender_head != 0 && port.msgcount < port.qlimit)
    report_.add("P9", port_text(index), ": a sender waits, with ", port.msgcount.get(), " of ",
                port.qlimit.get());
}

void Walk::walk_waiters(uint32_t head, uint32_t tail, uint32_t state, uint32_t object) {
  uint32_t before = 0;
  for (uint32_t id = head; id != 0; id = segment_.frame(id).next) {
    if (id >= frame_listed_.size() || frame_listed_[id]++ != 0) {
      report_.add("S3", "a list of waiters of object ", object, " leads to frame ", id);
      return;
    }
    const Frame& frame = segment_.frame(id);
    if (frame.state != state || frame.object != object || frame.prev != before)
      report_.add("S3", "frame ", id, " is on a list of object ", object, ", but says otherwise");
    before = id;
  }
  if (before != tail) report_.add("S3", "a list of waiters of object ", object, " does not end at its tail");
}

void Walk::walk_links(uint32_t index) {
  const Port& port = at<Port>(index);
  uint32_t before = 0;
  for (uint32_t walk = port.links; walk != 0; walk = at<Link>(walk).port_next) {
    if (!reach<Link>(walk, "Q1", "port", index)) return;
    const Link& link = at<Link>(walk);
    const uint32_t pset = link.pset;
    if (link.port != index || link.port_prev != before || link_in_set_[walk] == 0 || !exists<Pset>(pset)) {
      report_.add("Q1", port_text(index), ": link ", walk, " is not linked on both sides");
      return;
    }
    if (pset_port_[pset] == index) report_.add("Q1", port_text(index), " is twice in port set ", pset);
    pset_port_[pset] = index;
    if (port.active() && port.queue_head != 0 && link.ready == 0 && !ports_[index].settles &&
        at<Pset>(pset).active())
      report_.add("Q2", port_text(index), " has messages, but port set ", pset, " does not know");
    before = walk;
  }
}

void Walk::walk_requests(uint32_t index) {
  const Port& port = at<Port>(index);
  uint32_t count = 0, armed = 0, before = 0;
  for (uint32_t walk = port.requests; walk != 0; walk = at<Request>(walk).next) {
    if (!exists<Request>(walk)) {
      report_.add("R1", port_text(index), ": request ", walk, " does not exist");
      return;
    }
    const Request& request = at<Request>(walk);
    if (request_named_[walk] == 0 && !reach<Request>(walk, "R1", "port", index)) return;
    if (request_named_[walk] > 1) {
      report_.add("R1", port_text(index), ": request ", walk, " is listed twice");
      return;
    }
    const bool orphan = request_named_[walk] == 0;
    request_named_[walk] = 2;
    if (!request.live() || request.port != index || request.prev != before || (request.orphan != 0) != orphan)
      report_.add("R1", port_text(index), ": request ", walk, " is listed, but says otherwise");
    walk_kept(request.kmsg, kKmsgReserved, index, "R1");
    add_send_once(request.notify, {Holder::kRequest, index});
    if (request.state == kRequestArmed && armed++ != count)
      report_.add("R2", port_text(index), ": request ", walk, " is armed, but listed after one that is not");
    before = walk;
    count++;
  }
  if (before != port.requests_tail)
    report_.add("R1", port_text(index), ": the list of requests does not end at its tail");
  if (count != port.request_count || armed != port.armed)
    report_.add("R1", port_text(index), " counts ", port.request_count.get(), " requests, ", port.armed.get(),
                " of them armed; there are ", count, " and ", armed);
}

// What a port's life says must fit with what was found.
void Walk::check_life(uint32_t index) {
  const Port& port = at<Port>(index);
  const PortSums& sum = ports_[index];
  const std::string name = port_text(index);
  const uint32_t receives = port.life() == kPortDead ? 0 : 1;
  if (sum.receives != receives)
    report_.add("P6", name, ": the receive right is in ", sum.receives, " places, in state ",
                port.state.get());
  if ((sum.travelling != 0) != port.is(kPortInTransit))
    report_.add("P6", name, ": the receive right is ", sum.travelling != 0 ? "" : "not ",
                "on its way, but it says otherwise");
  if (port.life() == kPortDead && (port.queue_head != 0 || port.msgcount != sum.promised ||
                                   port.receiver_head != 0 || port.sender_head != 0 || port.links != 0 ||
                                   port.requests != 0 || port.no_senders != 0 || port.port_destroyed != 0))
    report_.add("P7", name, " is dead, but something hangs on it");
}

// A receive right in transit counts a reference on the port it travels to, and nothing travels in a circle:
// whoever is met a second time on one path is in it.
void Walk::check_transit() {
  std::vector<uint32_t> path(carved_[kZonePort], 0);
  for (uint32_t i = 1; i < carved_[kZonePort]; i++) {
    if (!exists<Port>(i) || !at<Port>(i).is(kPortInTransit)) continue;
    if (at<Port>(i).receiver != 0) add_reference(at<Port>(i).receiver, {Holder::kTransit, i});
    for (uint32_t walk = i; exists<Port>(walk) && at<Port>(walk).is(kPortInTransit);
         walk = at<Port>(walk).receiver) {
      if (path[walk] == i) {
        report_.add("X1", port_text(walk), " travels in a circle");
        break;
      }
      if (path[walk] != 0) break;  // from here on it was followed before
      path[walk] = i;
    }
  }
}

void Walk::walk_psets() {
  for (uint32_t i = 1; i < carved_[kZonePset]; i++) {
    if (!exists<Pset>(i)) continue;
    const Pset& pset = at<Pset>(i);
    uint32_t members = 0, ready = 0, before = 0;
    for (uint32_t walk = pset.members; walk != 0; walk = at<Link>(walk).set_next) {
      if (!exists<Link>(walk) || link_in_set_[walk]++ != 0) {
        report_.add("Q1", "port set ", i, " leads to link ", walk);
        break;
      }
      if (at<Link>(walk).pset != i || at<Link>(walk).set_prev != before)
        report_.add("Q1", "port set ", i, ": link ", walk, " says otherwise");
      if (at<Link>(walk).ready != 0) ready++;
      before = walk;
      members++;
    }
    if (members != pset.count)
      report_.add("Q1", "port set ", i, " counts ", pset.count.get(), " members, but has ", members);
    before = 0;
    for (uint32_t walk = pset.ready_head; walk != 0; walk = at<Link>(walk).ready_next) {
      if (!exists<Link>(walk) || at<Link>(walk).pset != i || at<Link>(walk).ready == 0 ||
          at<Link>(walk).ready_prev != before || ready-- == 0) {
        report_.add("Q1", "port set ", i, ": the ring leads to link ", walk);
        ready = 0;
        break;
      }
      before = walk;
    }
    if (ready != 0) report_.add("Q1", "port set ", i, ": ", ready, " ready members are not on the ring");
    if (before != pset.ready_tail) report_.add("Q1", "port set ", i, ": the ring does not end at its tail");
    walk_waiters(pset.receiver_head, pset.receiver_tail, kWaitPset, i);
  }
}

// A request that is to fire is on a list; one that has fired keeps nothing.
void Walk::check_requests() {
  for (uint32_t i = 1; i < carved_[kZoneRequest]; i++) {
    if (!exists<Request>(i)) continue;
    const Request& request = at<Request>(i);
    if (request.live() ? request_named_[i] != 2
                       : (request_named_[i] == 2 || request.kmsg != 0 || request.notify != 0))
      report_.add("R1", "request ", i, " about ", port_text(request.port), ": in state ", request.state.get(),
                  request_named_[i] == 2 ? ", and listed" : ", and not listed");
  }
}

void Walk::check_frames() {
  for (uint32_t id = kFrames; id < frame_listed_.size(); id++) {
    const uint32_t state = segment_.frame(id).state;
    const bool waits = state == kWaitPort || state == kWaitPset || state == kWaitSend;
    if (waits && frame_listed_[id] == 0) report_.add("S3", "frame ", id, " waits, but is on no list");
  }
}

}  // namespace portolan::ipc
