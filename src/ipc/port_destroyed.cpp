// SPDX-License-Identifier: Apache-2.0
// PORT_DESTROYED: the one notification that carries a right (ports 8.5). If we die here: the kept message is
// on a work list with the receive right, and becomes an ordinary message in the transaction that sends it.
#include <mach/notify.h>

#include "ipc/kmsg.hpp"
#include "ipc/mqueue.hpp"
#include "ipc/pset.hpp"

namespace portolan::ipc {

namespace {

// Writes the message: header, one port descriptor.
void fill(Txn& txn, Kmsg& kmsg, Handle<Port> port, Handle<Port> notify) {
  const Segment& segment = txn.segment();
  txn.set(kmsg.kind, kKmsgMessage);
  txn.set(kmsg.bits, MACH_MSGH_BITS(MACH_MSG_TYPE_PORT_SEND_ONCE, 0) | MACH_MSGH_BITS_COMPLEX);
  txn.set(kmsg.size, static_cast<uint32_t>(sizeof(mach_msg_base_t) + sizeof(mach_msg_port_descriptor_t)));
  txn.set(kmsg.id, MACH_NOTIFY_PORT_DESTROYED);
  txn.set(kmsg.voucher, 0);
  txn.set(kmsg.remote, notify.index);
  txn.set(kmsg.local, kRightNull);
  txn.set(kmsg.flags, kKmsgFromKernel | kKmsgHeaderTaken);
  txn.set(kmsg.body_head, 0);
  txn.set(kmsg.aux, 0);
  txn.set(kmsg.descriptors, 1);
  txn.set(kmsg.converted_in, 1);
  txn.set(kmsg.converted_out, 0);
  txn.set(kmsg.array_in, 0);
  txn.set(kmsg.array_out, 0);
  txn.set(kmsg.edge_out, kBodyFirst);
  txn.set(kmsg.edge_in, kBodyFirst + static_cast<uint32_t>(sizeof(mach_msg_port_descriptor_t)));
  txn.set(body_word(segment, kmsg, 0), 1);
  txn.set(body_word(segment, kmsg, kBodyFirst), port.index);
  txn.set(body_word(segment, kmsg, kBodyFirst + 4), 0);
  txn.set(body_word(segment, kmsg, kBodyFirst + 8), uint32_t{MACH_MSG_TYPE_PORT_RECEIVE} << 16);
}

}  // namespace

bool port_destroyed_step(Thread& self, Handle<Kmsg> handle) {
  Kmsg& kmsg = self.segment().at(handle);
  transact(self, Needs{}, [&](Txn& txn) {
    Locked<Port> port = txn.lock(Handle<Port>{kmsg.remote});
    if (!mqueue_wake_receivers(txn, port, kWaitersAtOnce)) return 0;
    if (!links_remove(txn, port, kSetsAtOnce)) return 0;
    const Handle<Port> to{kmsg.local};
    Locked<Port> notify = txn.lock(to);
    fill(txn, kmsg, port.handle(), to);
    const bool room =
        notify->active() && notify->kobject_type == 0 && notify->msgcount < MACH_PORT_QLIMIT_KERNEL;
    // What cannot be sent stays on the work list as a message, and is destroyed with the port in it.
    if (!room || transit_begin(txn, port, to)) return 0;
    txn.pop_work();
    mqueue_post(txn, notify, handle, SlotFrom::fresh);
    return 0;
  });
  return true;
}

}  // namespace portolan::ipc
