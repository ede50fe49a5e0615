// SPDX-License-Identifier: Apache-2.0
// Making and destroying messages, and their bodies.
#include "ipc/kmsg.hpp"

#include <algorithm>

#include "ipc/notify.hpp"
#include "segment/planted.hpp"
#include "segment/raw.hpp"

namespace portolan::ipc {

namespace {

constexpr unsigned kChunksAtOnce = 8;

// The chunk of a chain that byte `offset` lies in.
Data& chunk_at(const Segment& segment, uint32_t head, uint32_t offset) {
  Handle<Data> handle{head};
  for (uint32_t skip = offset / kDataPayload; skip != 0; skip--) handle.index = segment.at(handle).link;
  return segment.at(handle);
}

// Frees up to a transaction's worth of a chain whose head is in `head`; true when none is left.
bool free_chain(Txn& txn, Cell<uint32_t>& head) {
  uint32_t walk = head;
  for (unsigned i = 0; walk != 0 && i < kPendingMax / 2; i++) {
    const Handle<Data> handle{walk};
    walk = txn.segment().at(handle).link;
    txn.release(handle);
  }
  txn.set(head, walk);
  return walk == 0;
}

}  // namespace

Cell<uint32_t>& body_word(const Segment& segment, const Kmsg& kmsg, uint32_t offset) {
  const uint8_t* bytes = kmsg.body_head != 0
                             ? chunk_at(segment, kmsg.body_head, offset).bytes + offset % kDataPayload
                             : kmsg.inline_body + (offset < kKmsgInline ? offset : 0);
  return *reinterpret_cast<Cell<uint32_t>*>(const_cast<uint8_t*>(bytes));
}

namespace {

// Calls `copy(bytes, count)` for the pieces of what lies behind the header, until it says false.
template <class Copy>
bool each_piece(const Segment& segment, const Kmsg& kmsg, uint32_t offset, uint32_t left, Copy&& copy) {
  if (left == 0) return true;
  if (kmsg.body_head == 0)
    return uint64_t{offset} + left <= kKmsgInline &&
           copy(const_cast<uint8_t*>(kmsg.inline_body) + offset, left);
  uint32_t at = offset % kDataPayload;
  for (Data* chunk = &chunk_at(segment, kmsg.body_head, offset);;
       chunk = &segment.at(Handle<Data>{chunk->link})) {
    const uint32_t part = std::min(left, kDataPayload - at);
    if (!copy(chunk->bytes + at, part)) return false;
    left -= part;
    if (left == 0) return true;
    at = 0;
  }
}

bool copy_in(const Segment& segment, const Kmsg& kmsg, uint32_t offset, uint32_t size, UserMemory& user,
             uint64_t from) {
  return each_piece(segment, kmsg, offset, size, [&](uint8_t* bytes, uint32_t part) {
    const uint64_t at = from;
    from += part;
    return raw_copy_in(user, bytes, at, part);
  });
}

bool copy_out(const Segment& segment, const Kmsg& kmsg, uint32_t offset, uint32_t size, UserMemory& user,
              uint64_t to) {
  return each_piece(segment, kmsg, offset, size, [&](const uint8_t* bytes, uint32_t part) {
    const uint64_t at = to;
    to += part;
    return user.copy_out(at, bytes, part);
  });
}

}  // namespace

bool body_copy_in(const Segment& segment, const Kmsg& kmsg, UserMemory& user, uint64_t from) {
  return copy_in(segment, kmsg, 0, kmsg.size - kHeaderSize, user, from);
}

bool body_copy_out(const Segment& segment, const Kmsg& kmsg, UserMemory& user, uint64_t to) {
  return copy_out(segment, kmsg, 0, kmsg.size - kHeaderSize, user, to);
}

bool aux_copy_in(const Segment& segment, const Kmsg& kmsg, UserMemory& user, uint64_t from) {
  const uint32_t offset = kmsg.size - kHeaderSize;
  if (!copy_in(segment, kmsg, offset, kmsg.aux, user, from)) return false;
  body_word(segment, kmsg, offset).init(kmsg.aux);
  body_word(segment, kmsg, offset + 4).init(0);
  return true;
}

bool aux_copy_out(const Segment& segment, const Kmsg& kmsg, UserMemory& user, uint64_t to) {
  if (kmsg.aux != 0) return copy_out(segment, kmsg, kmsg.size - kHeaderSize, kmsg.aux, user, to);
  const mach_msg_aux_header_t none{};
  return user.copy_out(to, &none, sizeof none);
}

Descriptor descriptor_at(const Segment& segment, const Kmsg& kmsg, uint32_t offset) {
  auto word = [&](uint32_t n) { return body_word(segment, kmsg, offset + 4 * n).get(); };
  const uint32_t third = word(2);
  Descriptor d{};
  d.offset = offset;
  d.type = third >> 24;
  d.disposition = third >> 16 & 0xff;
  d.length = d.type == MACH_MSG_PORT_DESCRIPTOR ? 12 : 16;
  if (d.type == MACH_MSG_PORT_DESCRIPTOR) {
    d.word = word(0);
    return d;
  }
  d.address = word(0) | uint64_t{word(1)} << 32;
  if (d.type == MACH_MSG_GUARDED_PORT_DESCRIPTOR) {
    d.flags = third & 0xffff;
    d.word = word(3);
    return d;
  }
  d.deallocate = (third & 0xff) != 0;
  d.copy = third >> 8 & 0xff;
  d.count = word(3);
  d.word = word(0);
  return d;
}

// Written only if it is something else: in steady state the line stays with every CPU that has it.
static void settle_at(Cell<uint32_t>& cell, uint32_t value) {
  if (cell != value) cell.init(value);
}

Handle<Kmsg> kmsg_make(Txn& txn, uint32_t size, uint32_t aux) {
  const Handle<Kmsg> handle = txn.allocate<Kmsg>();
  Kmsg& kmsg = txn.segment().at(handle);
  kmsg.kind.init(kKmsgMessage);
  for (Cell<uint32_t>* cell : {&kmsg.link, &kmsg.work, &kmsg.bits, &kmsg.voucher, &kmsg.remote, &kmsg.local,
                               &kmsg.seqno, &kmsg.flags, &kmsg.body_head})
    cell->init(0);
  kmsg.size.init(size);
  kmsg.id.init(0);
  for (Cell<uint32_t>* cell : {&kmsg.body_tail, &kmsg.descriptors, &kmsg.converted_in, &kmsg.converted_out,
                               &kmsg.array_in, &kmsg.array_out})
    settle_at(*cell, 0);
  settle_at(kmsg.edge_in, kBodyFirst);
  settle_at(kmsg.edge_out, kBodyFirst);
  settle_at(kmsg.aux, aux);
  return handle;
}

Handle<Kmsg> kmsg_alloc(Thread& self, uint32_t size, uint32_t aux) {
  Handle<Kmsg> handle;
  const int code = transact(self, Needs{}.with<Kmsg>(), [&](Txn& txn) {
    handle = kmsg_make(txn, size, aux);
    if (!planted(Planted::forgotten_hold)) txn.hold(kHoldKmsg, handle.index);
    return 0;
  });
  if (code != 0) return {};
  if (planted(Planted::forgotten_hold))
    transact(self, Needs{}, [&](Txn& txn) {
      txn.hold(kHoldKmsg, handle.index);
      return 0;
    });
  const uint32_t body = size - kHeaderSize + aux;
  if (body <= kKmsgInline) return handle;
  Kmsg& kmsg = self.segment().at(handle);
  for (uint32_t made = 0; made < body;) {
    const uint32_t chunks =
        std::min<uint32_t>((body - made + kDataPayload - 1) / kDataPayload, kChunksAtOnce);
    const int grown = transact(self, Needs{}.with<Data>(static_cast<uint8_t>(chunks)), [&](Txn& txn) {
      for (uint32_t i = 0; i < chunks; i++) {
        const Handle<Data> data = txn.allocate<Data>();
        txn.segment().at(data).link.init(0);
        txn.segment().at(data).used.init(kDataPayload);
        if (kmsg.body_tail == 0)
          txn.set(kmsg.body_head, data.index);
        else
          txn.set(txn.segment().at(Handle<Data>{kmsg.body_tail}).link, data.index);
        txn.set(kmsg.body_tail, data.index);
      }
      return 0;
    });
    if (grown != 0) {
      kmsg_free(self, handle);
      return {};
    }
    made += chunks * kDataPayload;
  }
  return handle;
}

void kmsg_destroy(Txn& txn, Hold& hold) {
  txn.push_work(Handle<Kmsg>{hold.object});
  txn.drop(hold);
}

void kmsg_destroy(Thread& self, Handle<Kmsg> handle) {
  transact(self, Needs{}, [&](Txn& txn) {
    kmsg_destroy(txn, *txn.find_hold(kHoldKmsg, handle.index));
    return 0;
  });
}

void kmsg_free(Thread& self, Handle<Kmsg> handle) {
  Kmsg& kmsg = self.segment().at(handle);
  bool done = false;
  while (!done) {
    transact(self, Needs{}, [&](Txn& txn) {
      done = free_chain(txn, kmsg.body_head);
      if (!done) return 0;
      txn.drop(*txn.find_hold(kHoldKmsg, handle.index));
      txn.release(handle);
      return 0;
    });
  }
}

namespace {

uint32_t disposition_in(const Segment& segment, const Kmsg& kmsg, uint32_t offset) {
  return body_word(segment, kmsg, offset + 8) >> 16 & 0xff;
}

// The right of a descriptor, or of an array's element, in a message that is destroyed.
void destroy_word(Txn& txn, Cell<uint32_t>& word, uint32_t disposition) {
  const uint32_t port = word;
  txn.set(word, kRightNull);
  naked_destroy(txn, {port, disposition});
}

// The next right or piece of memory between the two edges; true when there is none.
bool reap_body(Txn& txn, Kmsg& kmsg) {
  Segment& segment = txn.segment();
  if ((kmsg.bits & MACH_MSGH_BITS_COMPLEX) == 0) return true;
  const bool open = kmsg.converted_out == kmsg.converted_in;  // only what was half taken in is left
  if (open && kmsg.array_in == 0) return true;
  const uint32_t offset = kmsg.edge_out;
  const Descriptor d = descriptor_at(segment, kmsg, offset);
  if (d.type == MACH_MSG_PORT_DESCRIPTOR || d.type == MACH_MSG_GUARDED_PORT_DESCRIPTOR) {
    destroy_word(txn, body_word(segment, kmsg, offset + (d.type == MACH_MSG_PORT_DESCRIPTOR ? 0 : 12)),
                 d.disposition);
  } else {
    if (d.type == MACH_MSG_OOL_PORTS_DESCRIPTOR) {
      const uint32_t rights = open ? kmsg.array_in - 1 : d.count;
      const uint32_t at = kmsg.array_out;
      if (at < rights) {
        Data& chunk = chunk_at(segment, d.word, at * 4);
        destroy_word(txn, *reinterpret_cast<Cell<uint32_t>*>(chunk.bytes + at * 4 % kDataPayload),
                     received_disposition(disposition_in(segment, kmsg, offset)));
        txn.set(kmsg.array_out, at + 1);
        return false;
      }
    }
    if (!free_chain(txn, body_word(segment, kmsg, offset))) return false;
  }
  txn.set(kmsg.array_out, 0);
  if (open) {
    txn.set(kmsg.array_in, 0);
    return false;
  }
  txn.set(kmsg.edge_out, offset + d.length);
  txn.add(kmsg.converted_out, 1);
  return false;
}

// Is the next item of the work list a port that goes where its port-destroyed request wants it?
bool saved_port_waits(const Segment& segment, uint32_t item) {
  return item != 0 && work_zone(item) == kZoneKmsg &&
         segment.at(Handle<Kmsg>{work_index(item)}).kind == kKmsgPortDestroyed;
}

}  // namespace

bool kmsg_reap_step(Thread& self, Handle<Kmsg> handle) {
  Kmsg& kmsg = self.segment().at(handle);
  if (kmsg.kind == kKmsgPortDestroyed) return port_destroyed_step(self, handle);
  const int code = transact(self, kDropNeeds.with<Kmsg>(1), [&](Txn& txn) {
    if ((kmsg.flags & kKmsgDeferred) != 0) {
      txn.pop_work();
      notify_send_deferred(txn, handle);
      return 0;
    }
    // It leaves before the message's next right is looked at, which may be what it goes to (ports 8.5).
    if (saved_port_waits(txn.segment(), kmsg.work)) {
      txn.pop_work();
      txn.push_work(handle);
      return 0;
    }
    if ((kmsg.flags & kKmsgHeaderTaken) != 0) {
      const uint32_t remote = kmsg.remote, local = kmsg.local, bits = kmsg.bits;
      txn.set(kmsg.flags, kmsg.flags & ~kKmsgHeaderTaken);
      txn.set(kmsg.remote, kRightNull);
      txn.set(kmsg.local, kRightNull);
      naked_destroy(txn, {remote, MACH_MSGH_BITS_REMOTE(bits)});
      naked_destroy(txn, {local, MACH_MSGH_BITS_LOCAL(bits)});
      return 0;
    }
    if (!reap_body(txn, kmsg)) return 0;
    if (!free_chain(txn, kmsg.body_head)) return 0;
    txn.pop_work();
    txn.release(handle);
    return 0;
  });
  return code == 0;
}

}  // namespace portolan::ipc
