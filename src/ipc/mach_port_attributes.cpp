// SPDX-License-Identifier: Apache-2.0
// What a receive right's holder may see and set: limits, status, counters, context and guard (ports 7.9
// to 7.18). Guard violations return their code; the exception that Darwin raises besides comes with
// exceptions.
#include <string.h>

#include <algorithm>

#include "ipc/kmsg.hpp"
#include "ipc/mach_port.hpp"
#include "ipc/mqueue.hpp"

namespace portolan::ipc {

namespace {

template <class Body>
kern_return_t on_receive(Thread& self, Target<Space> handle, Name name, Body&& body) {
  return transact(self, Needs{}, [&](Txn& txn) -> int {
    Locked<Space> space = txn.lock(handle);
    Entry* entry = nullptr;
    Locked<Port> port;
    const kern_return_t code = lookup_receive(txn, space, name, entry, port);
    return code == KERN_SUCCESS ? body(txn, port) : code;
  });
}

mach_port_status_t status_of(const Locked<Port>& port) {
  mach_port_status_t status{};
  status.mps_pset = port->links != 0;
  status.mps_seqno = port->seqno;
  status.mps_mscount = port->mscount;
  status.mps_qlimit = port->qlimit;
  status.mps_msgcount = port->msgcount;
  status.mps_sorights = port->sorights;
  status.mps_srights = port->srights != 0;
  status.mps_pdrequest = port->port_destroyed != 0;
  status.mps_nsrequest = port->no_senders != 0;
  uint32_t flags = 0;
  if (port->is(kPortImpDonation)) flags |= MACH_PORT_STATUS_FLAG_IMP_DONATION;
  if (port->is(kPortImpDonation) && port->is(kPortTempOwner)) flags |= MACH_PORT_STATUS_FLAG_TEMPOWNER;
  if (port->is(kPortGuarded)) {
    flags |= MACH_PORT_STATUS_FLAG_GUARDED;
    if (port->is(kPortStrict)) flags |= MACH_PORT_STATUS_FLAG_STRICT_GUARD;
    if (port->is(kPortImmovable)) flags |= MACH_PORT_STATUS_FLAG_GUARD_IMMOVABLE_RECEIVE;
  }
  status.mps_flags = flags;
  return status;
}

}  // namespace

kern_return_t port_get_attributes(Thread& self, Target<Space> handle, Name name, mach_port_flavor_t flavor,
                                  integer_t* info, mach_msg_type_number_t& count) {
  uint32_t needed = 0;
  switch (flavor) {
    case MACH_PORT_LIMITS_INFO:
    case MACH_PORT_DNREQUESTS_SIZE:
      needed = 1;
      break;
    case MACH_PORT_RECEIVE_STATUS:
      needed = MACH_PORT_RECEIVE_STATUS_COUNT;
      break;
    case MACH_PORT_INFO_EXT:
      needed = MACH_PORT_INFO_EXT_COUNT;
      break;
    case MACH_PORT_SERVICE_THROTTLED:
      break;
    default:
      return KERN_INVALID_ARGUMENT;
  }
  if (count < needed) return KERN_FAILURE;
  if (!name.valid() && (flavor == MACH_PORT_LIMITS_INFO || flavor == MACH_PORT_DNREQUESTS_SIZE)) {
    if (flavor == MACH_PORT_DNREQUESTS_SIZE) info[0] = 0;
    count = flavor == MACH_PORT_LIMITS_INFO ? 0 : 1;
    return KERN_SUCCESS;
  }
  return on_receive(self, handle, name, [&](Txn&, Locked<Port>& port) -> int {
    switch (flavor) {
      case MACH_PORT_LIMITS_INFO:
        info[0] = static_cast<integer_t>(port->qlimit.get());
        break;
      case MACH_PORT_DNREQUESTS_SIZE:
        info[0] = static_cast<integer_t>(port->request_slots.get());
        break;
      case MACH_PORT_RECEIVE_STATUS: {
        const mach_port_status_t status = status_of(port);
        memcpy(info, &status, sizeof status);
        break;
      }
      case MACH_PORT_INFO_EXT: {
        mach_port_info_ext_t extended{};
        extended.mpie_status = status_of(port);
        memcpy(info, &extended, sizeof extended);
        break;
      }
      default:
        return KERN_INVALID_CAPABILITY;
    }
    count = needed;
    return KERN_SUCCESS;
  });
}

kern_return_t port_set_attributes(Thread& self, Target<Space> handle, Name name, mach_port_flavor_t flavor,
                                  const integer_t* info, mach_msg_type_number_t count) {
  if (flavor == MACH_PORT_LIMITS_INFO) {
    if (count < 1) return KERN_FAILURE;
    const auto limit = static_cast<uint32_t>(info[0]);
    if (limit > MACH_PORT_QLIMIT_MAX) return KERN_INVALID_VALUE;
    // Whoever waits for room is promised a slot, some at a time: meanwhile the queue is as long as it is
    // full.
    for (bool begun = false;; begun = true) {
      bool more = false;
      const kern_return_t code = on_receive(self, handle, name, [&](Txn& txn, Locked<Port>& port) -> int {
        const uint32_t filled = port->msgcount + kWaitersAtOnce;
        more = port->sender_head != 0 && filled < limit;
        txn.set(port->qlimit, more ? filled : limit);
        mqueue_promise_slots(txn, port, kWaitersAtOnce);
        return KERN_SUCCESS;
      });
      if (code != KERN_SUCCESS) return begun ? KERN_SUCCESS : code;
      if (!more) return code;
    }
  }
  switch (flavor) {  // what is no flavor is said before the name is looked at
    case MACH_PORT_DNREQUESTS_SIZE:
      if (count < 1) return KERN_FAILURE;
      break;
    case MACH_PORT_TEMPOWNER:
    case MACH_PORT_IMPORTANCE_RECEIVER:
    case MACH_PORT_DENAP_RECEIVER:
    case MACH_PORT_SERVICE_THROTTLED:
      break;
    default:
      return KERN_INVALID_ARGUMENT;
  }
  return on_receive(self, handle, name, [&](Txn& txn, Locked<Port>& port) -> int {
    switch (flavor) {
      case MACH_PORT_TEMPOWNER:
        txn.set(port->state, port->state | kPortImpDonation | kPortTempOwner);
        return KERN_SUCCESS;
      case MACH_PORT_IMPORTANCE_RECEIVER:
      case MACH_PORT_DENAP_RECEIVER:
        txn.set(port->state, port->state | kPortImpDonation);
        return KERN_SUCCESS;
      case MACH_PORT_SERVICE_THROTTLED:
        return KERN_INVALID_CAPABILITY;
      default:
        return KERN_SUCCESS;
    }
  });
}

kern_return_t port_assert_attributes(Thread& self, Target<Space> handle, Name name, mach_port_flavor_t flavor,
                                     uint64_t guard, mach_msg_type_number_t count) {
  if (flavor != MACH_PORT_GUARD_INFO) return KERN_INVALID_ARGUMENT;
  if (count < MACH_PORT_GUARD_INFO_COUNT) return KERN_FAILURE;
  return on_receive(self, handle, name, [&](Txn&, Locked<Port>& port) -> int {
    const bool so = port->is(kPortGuarded) && port->is(kPortStrict) && port->context == guard;
    return so ? KERN_SUCCESS : KERN_INVALID_ARGUMENT;
  });
}

kern_return_t port_set_mscount(Thread& self, Target<Space> handle, Name name, mach_port_mscount_t mscount) {
  return on_receive(self, handle, name, [&](Txn& txn, Locked<Port>& port) -> int {
    txn.set(port->mscount, mscount);
    return KERN_SUCCESS;
  });
}

kern_return_t port_set_seqno(Thread& self, Target<Space> handle, Name name, mach_port_seqno_t seqno) {
  return on_receive(self, handle, name, [&](Txn& txn, Locked<Port>& port) -> int {
    txn.set(port->seqno, seqno);
    return KERN_SUCCESS;
  });
}

kern_return_t port_get_context(Thread& self, Target<Space> handle, Name name, uint64_t& context) {
  return on_receive(self, handle, name, [&](Txn&, Locked<Port>& port) -> int {
    context = port->is(kPortStrict) ? 0 : port->context.get();
    return KERN_SUCCESS;
  });
}

kern_return_t port_set_context(Thread& self, Target<Space> handle, Name name, uint64_t context) {
  return on_receive(self, handle, name, [&](Txn& txn, Locked<Port>& port) -> int {
    if (port->is(kPortStrict)) return KERN_INVALID_ARGUMENT;
    txn.set(port->context, context);
    return KERN_SUCCESS;
  });
}

kern_return_t port_guard(Thread& self, Target<Space> handle, Name name, uint64_t guard, uint64_t flags) {
  if (!name.valid()) return KERN_INVALID_NAME;
  return on_receive(self, handle, name, [&](Txn& txn, Locked<Port>& port) -> int {
    if (port->context != 0) return KERN_INVALID_ARGUMENT;
    uint32_t state = port->state | kPortGuarded;
    if ((flags & MPG_STRICT) != 0) state |= kPortStrict;
    if ((flags & MPG_IMMOVABLE_RECEIVE) != 0) state |= kPortImmovable;
    txn.set(port->context, guard);
    txn.set(port->state, state);
    return KERN_SUCCESS;
  });
}

kern_return_t port_unguard(Thread& self, Target<Space> handle, Name name, uint64_t guard) {
  if (!name.valid()) return KERN_INVALID_NAME;
  return on_receive(self, handle, name, [&](Txn& txn, Locked<Port>& port) -> int {
    if (!port->is(kPortGuarded) || port->context != guard) return KERN_INVALID_ARGUMENT;
    txn.set(port->context, 0);
    txn.set(port->state, port->state & ~(kPortGuarded | kPortStrict));
    return KERN_SUCCESS;
  });
}

kern_return_t port_swap_guard(Thread& self, Target<Space> handle, Name name, uint64_t old_guard,
                              uint64_t new_guard) {
  if (!name.valid()) return KERN_INVALID_NAME;
  return on_receive(self, handle, name, [&](Txn& txn, Locked<Port>& port) -> int {
    if (!port->is(kPortGuarded) || port->is(kPortStrict) || port->context != old_guard)
      return KERN_INVALID_ARGUMENT;
    txn.set(port->context, new_guard);
    return KERN_SUCCESS;
  });
}

kern_return_t port_peek(Thread& self, Target<Space> handle, Name name, uint32_t seqno, Peeked& peeked) {
  return on_receive(self, handle, name, [&](Txn& txn, Locked<Port>& port) -> int {
    const uint32_t skip = seqno == 0 ? 0 : seqno - port->seqno;
    uint32_t walk = port->queue_head;
    for (uint32_t i = 0; i < skip && walk != 0; i++) walk = txn.segment().at(Handle<Kmsg>{walk}).link;
    if (walk == 0) return KERN_FAILURE;
    const Kmsg& kmsg = txn.segment().at(Handle<Kmsg>{walk});
    peeked = {};
    peeked.seqno = port->seqno + skip;
    peeked.id = kmsg.id;
    // Darwin's own form of a message: a header of 32 bytes, every descriptor 16 (messages 6.7).
    uint32_t internal = kmsg.size + 8;
    for (uint32_t i = 0, offset = 4; i < kmsg.descriptors; i++) {
      const Descriptor d = descriptor_at(txn.segment(), kmsg, offset);
      internal += 16 - d.length;
      offset += d.length;
    }
    peeked.size = internal;
    if ((kmsg.flags & kKmsgFromKernel) != 0) {
      peeked.sender.val[1] = 1;
      return KERN_SUCCESS;
    }
    const Sender& s = kmsg.sender;
    peeked.sender.val[0] = s.uid;
    peeked.sender.val[1] = s.gid;
    const uint32_t audit[8] = {s.uid, s.uid, s.gid, s.ruid, s.rgid, s.pid, 0, s.pid_version};
    memcpy(peeked.audit.val, audit, sizeof audit);
    return KERN_SUCCESS;
  });
}

kern_return_t port_peek_trailer(Thread& self, Target<Space> space, Name name, mach_msg_trailer_type_t type,
                                uint32_t seqno, Peeked& peeked, mach_msg_audit_trailer_t& trailer,
                                uint32_t& room) {
  static constexpr uint32_t kSizes[] = {8, 12, 20, 52};
  if (!name.valid()) return KERN_INVALID_RIGHT;
  const uint32_t elements = type >> 24 & 0xf;
  if (elements > 3 || room < kSizes[elements]) return KERN_INVALID_VALUE;
  const kern_return_t code = port_peek(self, space, name, seqno, peeked);
  if (code != KERN_SUCCESS) return code;
  room = kSizes[elements];
  trailer = {};
  trailer.msgh_trailer_size = room;
  trailer.msgh_seqno = peeked.seqno;
  trailer.msgh_sender = peeked.sender;
  trailer.msgh_audit = peeked.audit;
  return KERN_SUCCESS;
}

}  // namespace portolan::ipc
