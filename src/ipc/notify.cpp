// SPDX-License-Identifier: Apache-2.0
#include "ipc/notify.hpp"

#include <mach/notify.h>

#include "ipc/mqueue.hpp"
#include "ipc/mutant.hpp"
#include "ipc/port.hpp"
#include "segment/raw.hpp"

namespace portolan::ipc {

namespace {

uint32_t body_of(mach_msg_id_t id) {
  return id == MACH_NOTIFY_SEND_ONCE ? 0u : static_cast<uint32_t>(sizeof kNdr + sizeof(uint32_t));
}

bool sendable(const Port& port) {
  return port.active() && port.kobject_type == 0 && port.msgcount < MACH_PORT_QLIMIT_KERNEL;
}

void fill(Txn& txn, Kmsg& kmsg, Handle<Port> notify, mach_msg_id_t id, uint32_t value) {
  txn.set(kmsg.kind, kKmsgMessage);
  txn.set(kmsg.bits, MACH_MSGH_BITS(MACH_MSG_TYPE_PORT_SEND_ONCE, 0));
  txn.set(kmsg.size, static_cast<uint32_t>(sizeof(mach_msg_header_t)) + body_of(id));
  txn.set(kmsg.id, id);
  txn.set(kmsg.voucher, 0);
  txn.set(kmsg.remote, notify.index);
  txn.set(kmsg.local, kRightNull);
  txn.set(kmsg.descriptors, 0);
  txn.set(kmsg.converted_in, 0);
  txn.set(kmsg.converted_out, 0);
  txn.set(kmsg.body_head, 0);
  txn.set(kmsg.aux, 0);
  txn.set(kmsg.flags, kKmsgFromKernel | kKmsgHeaderTaken);
  raw_copy(kmsg.inline_body, kNdr, sizeof kNdr);
  raw_copy(kmsg.inline_body + sizeof kNdr, &value, sizeof value);
}

}  // namespace

void notify_send(Txn& txn, Handle<Kmsg> kmsg, Handle<Port> notify, mach_msg_id_t id, uint32_t value) {
  Locked<Port> port = txn.lock(notify);
  if (!sendable(*port)) {
    send_once_right_consume(txn, port);
    txn.release(kmsg);
    return;
  }
  fill(txn, txn.segment().at(kmsg), notify, id, value);
  mqueue_post(txn, port, kmsg, SlotFrom::fresh);
}

void notify_send_later(Txn& txn, Handle<Kmsg> kmsg, Handle<Port> notify, mach_msg_id_t id, uint32_t value) {
  fill(txn, txn.segment().at(kmsg), notify, id, value);
  txn.set(txn.segment().at(kmsg).flags, kKmsgFromKernel | kKmsgHeaderTaken | kKmsgDeferred);
  txn.push_work(kmsg);
}

void notify_send_deferred(Txn& txn, Handle<Kmsg> handle) {
  Kmsg& kmsg = txn.segment().at(handle);
  Locked<Port> port = txn.lock(Handle<Port>{kmsg.remote});
  txn.set(kmsg.flags, kmsg.flags & ~kKmsgDeferred);
  if (sendable(*port)) {
    mqueue_post(txn, port, handle, SlotFrom::fresh);
  } else {
    send_once_right_consume(txn, port);
    txn.release(handle);
  }
}

void notify_send_once(Txn& txn, Handle<Port> notify) {
  Locked<Port> port = txn.lock(notify);
  if (!sendable(*port)) {
    send_once_right_consume(txn, port);
    return;
  }
  notify_send(txn, txn.allocate<Kmsg>(), notify, MACH_NOTIFY_SEND_ONCE, 0);
}

void notify_cancel(Txn& txn, Handle<Kmsg> kmsg, Handle<Port> notify) {
  notify_send(txn, kmsg, notify, MACH_NOTIFY_SEND_ONCE, 0);
}

void request_insert(Txn& txn, Locked<Port>& port, Handle<Request> handle) {
  Request& request = txn.segment().at(handle);
  const uint32_t tail = port->requests_tail;
  txn.set(request.next, 0);
  txn.set(request.prev, tail);
  if (tail == 0)
    txn.set(port->requests, handle.index);
  else
    txn.set(txn.segment().at(Handle<Request>{tail}).next, handle.index);
  txn.set(port->requests_tail, handle.index);
  txn.add(port->request_count, 1);
}

void request_unlink(Txn& txn, Locked<Port>& port, Request& request) {
  const uint32_t next = request.next, prev = request.prev;
  if (prev == 0)
    txn.set(port->requests, next);
  else
    txn.set(txn.segment().at(Handle<Request>{prev}).next, next);
  if (next == 0)
    txn.set(port->requests_tail, prev);
  else
    txn.set(txn.segment().at(Handle<Request>{next}).prev, prev);
  txn.add(port->request_count, static_cast<uint32_t>(-1));
  if (request.state == kRequestArmed) txn.add(port->armed, static_cast<uint32_t>(-1));
}

void request_arm(Txn& txn, Locked<Port>& port, Handle<Request> handle) {
  Request& request = txn.segment().at(handle);
  request_unlink(txn, port, request);
  const uint32_t first = port->requests;
  txn.set(request.prev, 0);
  txn.set(request.next, first);
  if (first == 0)
    txn.set(port->requests_tail, handle.index);
  else
    txn.set(txn.segment().at(Handle<Request>{first}).prev, handle.index);
  txn.set(port->requests, handle.index);
  txn.set(request.state, kRequestArmed);
  txn.add(port->request_count, 1);
  txn.add(port->armed, 1);
}

void request_deleted(Txn& txn, Locked<Port>& port, Entry& entry, bool later) {
  const Handle<Request> handle{entry.request};
  if (!handle) return;
  Request& request = txn.segment().at(handle);
  txn.set(entry.request, 0);
  if (request.live()) {
    request_unlink(txn, port, request);
    auto* send = later ? notify_send_later : notify_send;
    send(txn, Handle<Kmsg>{request.kmsg}, Handle<Port>{request.notify}, MACH_NOTIFY_PORT_DELETED,
         request.name);
  }
  txn.release(handle);
}

uint32_t request_dead(Txn& txn, Locked<Port>& port, Entry& entry) {
  (void)port;
  const Handle<Request> handle{entry.request};
  if (!handle) return 0;
  Request& request = txn.segment().at(handle);
  txn.set(entry.request, 0);
  const uint32_t extra = request.state == kRequestFired ? 0 : 1;
  if (request.live())
    txn.set(request.orphan, 1);  // the dying port still fires it
  else
    txn.release(handle);
  return extra;
}

bool requests_fire_dead(Txn& txn, Locked<Port>& port, unsigned limit) {
  for (unsigned i = 0; port->requests != 0; i++) {
    if (i == limit) return false;
    const Handle<Request> handle{port->requests};
    Request& request = txn.segment().at(handle);
    request_unlink(txn, port, request);
    const bool missed = mutant(Mutant::missed_dead_name) && request.name % 0x400 < 0x100;
    const mach_msg_id_t id = missed ? MACH_NOTIFY_SEND_ONCE : MACH_NOTIFY_DEAD_NAME;
    notify_send(txn, Handle<Kmsg>{request.kmsg}, Handle<Port>{request.notify}, id, request.name);
    if (request.orphan) {
      txn.release(handle);
    } else {
      txn.set(request.state, kRequestFiredDead);
      txn.set(request.kmsg, 0);
      txn.set(request.notify, 0);
    }
  }
  return true;
}

bool requests_fire_possible(Txn& txn, Locked<Port>& port, unsigned limit) {
  for (unsigned fired = 0; port->armed != 0; fired++) {
    if (fired == limit) return false;
    Request& request = txn.segment().at(Handle<Request>{port->requests});
    request_unlink(txn, port, request);
    notify_send(txn, Handle<Kmsg>{request.kmsg}, Handle<Port>{request.notify}, MACH_NOTIFY_SEND_POSSIBLE,
                request.name);
    txn.set(request.state, kRequestFired);
    txn.set(request.kmsg, 0);
    txn.set(request.notify, 0);
  }
  return true;
}

}  // namespace portolan::ipc
