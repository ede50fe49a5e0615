// SPDX-License-Identifier: Apache-2.0
// The body of a message on its way in (messages 5.4). If we die here: the message is in a hold,
// `converted_in` says which descriptors carry rights, and `array_in` (one more than the rights taken) that
// the one at `edge_in` is half done.
#include <algorithm>

#include "ipc/kmsg.hpp"
#include "segment/raw.hpp"

namespace portolan::ipc {

namespace {

constexpr uint32_t kRightsMax = 16383;
constexpr uint32_t kPhysicalTotal = 7u << 20;
constexpr unsigned kChunksAtOnce = 8;

uint32_t third_word(uint32_t old, uint32_t disposition) { return (old & 0xff00ffffu) | disposition << 16; }

// One name becomes one naked right in `word`. Circular messages are marked.
mach_msg_return_t take_right(Thread& self, Target<Space> handle, Handle<Kmsg> message, Cell<uint32_t>& word,
                             uint32_t disposition, auto&& finish) {
  Segment& segment = self.segment();
  Kmsg& kmsg = segment.at(message);
  for (;;) {
    Ref<Port> busy;
    const int code = transact(
        self, kCopyinNeeds,
        [&](Txn& txn) -> int {
          const Name name{word};
          NakedRight right{name.value == MACH_PORT_DEAD ? kRightDead : kRightNull,
                           received_disposition(disposition)};
          if (name.valid()) {
            Locked<Space> space = txn.lock(handle);
            if (space->state != kSpaceActive) return MACH_SEND_INVALID_RIGHT;
            Entry* entry = entry_find(txn, space, name);
            if (entry == nullptr) return MACH_SEND_INVALID_RIGHT;
            if (!finish.allows(txn, *entry)) return MACH_SEND_INVALID_RIGHT;
            const kern_return_t taken = right_copyin(txn, space, *entry, disposition, right);
            if (taken == kPortBusy) {
              busy = segment.ref_of(segment.at(Handle<Port>{right.port}));
              return kPortBusy;
            }
            if (taken != KERN_SUCCESS) return MACH_SEND_INVALID_RIGHT;
          }
          if (right.disposition == MACH_MSG_TYPE_PORT_RECEIVE && right.port != kRightNull &&
              right.port != kRightDead) {
            Locked<Port> port = txn.lock(Handle<Port>{right.port});
            if (kmsg.remote != kRightNull && transit_begin(txn, port, Handle<Port>{kmsg.remote}))
              txn.set(kmsg.flags, kmsg.flags | kKmsgCircular);
          }
          txn.set(word, right.port);
          finish(txn, right.disposition);
          return MACH_MSG_SUCCESS;
        },
        MACH_MSG_VM_KERNEL);
    if (code != kPortBusy) return code;
    port_clear_some(self, busy);
  }
}

struct AllowAll {
  bool allows(Txn&, Entry&) const { return true; }
};

mach_msg_return_t take_port(Thread& self, Target<Space> space, Handle<Kmsg> handle, const Descriptor& d) {
  Segment& segment = self.segment();
  Kmsg& kmsg = segment.at(handle);
  struct Finish : AllowAll {
    Segment& segment;
    Kmsg& kmsg;
    const Descriptor& d;
    Finish(Segment& s, Kmsg& k, const Descriptor& x) : segment(s), kmsg(k), d(x) {}
    void operator()(Txn& txn, uint32_t disposition) const {
      Cell<uint32_t>& third = body_word(segment, kmsg, d.offset + 8);
      txn.set(third, third_word(third, disposition));
      txn.set(kmsg.edge_in, d.offset + d.length);
      txn.add(kmsg.converted_in, 1);
    }
  };
  return take_right(self, space, handle, body_word(segment, kmsg, d.offset), d.disposition,
                    Finish(segment, kmsg, d));
}

mach_msg_return_t take_guarded(Thread& self, Target<Space> space, Handle<Kmsg> handle, const Descriptor& d) {
  Segment& segment = self.segment();
  Kmsg& kmsg = segment.at(handle);
  struct Finish {
    Segment& segment;
    Kmsg& kmsg;
    const Descriptor& d;
    bool allows(Txn& txn, Entry& entry) const {
      if (!entry.has(kTypeReceive)) return false;
      const Port& port = *txn.lock(Handle<Port>{entry.object});
      if (port.is(kPortGuarded)) return port.context == d.address;
      return (d.flags & MACH_MSG_GUARD_FLAGS_UNGUARDED_ON_SEND) != 0 && port.context == 0;
    }
    void operator()(Txn& txn, uint32_t) const {
      txn.set(kmsg.flags, kmsg.flags | kKmsgGuarded);
      txn.set(kmsg.edge_in, d.offset + d.length);
      txn.add(kmsg.converted_in, 1);
    }
  };
  return take_right(self, space, handle, body_word(segment, kmsg, d.offset + 12), d.disposition,
                    Finish{segment, kmsg, d});
}

// Copies user memory into a chain of Data that hangs on the open descriptor.
mach_msg_return_t capture(Thread& self, Kmsg& kmsg, const Descriptor& d, uint64_t bytes, UserMemory& user) {
  Segment& segment = self.segment();
  Cell<uint32_t>& head = body_word(segment, kmsg, d.offset);
  Cell<uint32_t>& tail = body_word(segment, kmsg, d.offset + 4);
  transact(self, Needs{}, [&](Txn& txn) {
    txn.set(head, 0);
    txn.set(tail, 0);
    txn.set(kmsg.array_in, 1);
    return 0;
  });
  uint64_t from = d.address;
  for (uint64_t left = bytes; left != 0;) {
    const uint32_t chunks =
        static_cast<uint32_t>(std::min<uint64_t>((left + kDataPayload - 1) / kDataPayload, kChunksAtOnce));
    Handle<Data> first;
    const int code = transact(self, Needs{}.with<Data>(static_cast<uint8_t>(chunks)), [&](Txn& txn) {
      for (uint32_t i = 0; i < chunks; i++) {
        const Handle<Data> data = txn.allocate<Data>();
        if (i == 0) first = data;
        segment.at(data).link.init(0);
        segment.at(data).used.init(0);
        if (tail == 0)
          txn.set(head, data.index);
        else
          txn.set(segment.at(Handle<Data>{tail}).link, data.index);
        txn.set(tail, data.index);
      }
      return 0;
    });
    if (code != 0) return MACH_MSG_VM_KERNEL;
    for (Handle<Data> walk = first; walk && left != 0; walk.index = segment.at(walk).link) {
      const auto part = static_cast<uint32_t>(std::min<uint64_t>(left, kDataPayload));
      if (!raw_copy_in(user, segment.at(walk).bytes, from, part)) return MACH_SEND_INVALID_MEMORY;
      segment.at(walk).used.init(part);
      from += part;
      left -= part;
    }
  }
  return MACH_MSG_SUCCESS;
}

void close_descriptor(Thread& self, Kmsg& kmsg, const Descriptor& d) {
  transact(self, Needs{}, [&](Txn& txn) {
    if (d.type == MACH_MSG_OOL_PORTS_DESCRIPTOR) {
      Cell<uint32_t>& third = body_word(txn.segment(), kmsg, d.offset + 8);
      txn.set(third, third_word(third, received_disposition(d.disposition)));
    } else {
      txn.set(body_word(txn.segment(), kmsg, d.offset + 4), static_cast<uint32_t>(d.address % kPage));
    }
    txn.set(kmsg.array_in, 0);
    txn.set(kmsg.edge_in, d.offset + d.length);
    txn.add(kmsg.converted_in, 1);
    return 0;
  });
}

mach_msg_return_t take_memory(Thread& self, Kmsg& kmsg, const Descriptor& d, UserMemory& user) {
  const mach_msg_return_t code = capture(self, kmsg, d, d.count, user);
  if (code != MACH_MSG_SUCCESS) return code;
  if (d.deallocate && d.count != 0) user.unmap(d.address, d.count);
  close_descriptor(self, kmsg, d);
  return MACH_MSG_SUCCESS;
}

mach_msg_return_t take_array(Thread& self, Target<Space> space, Handle<Kmsg> handle, const Descriptor& d,
                             UserMemory& user) {
  Segment& segment = self.segment();
  Kmsg& kmsg = segment.at(handle);
  const uint64_t bytes = uint64_t{d.count} * 4;
  const mach_msg_return_t code = capture(self, kmsg, d, bytes, user);
  if (code != MACH_MSG_SUCCESS) return code;
  if (d.deallocate && d.count != 0) user.unmap(d.address, bytes);
  Handle<Data> chunk{body_word(segment, kmsg, d.offset)};
  for (uint32_t i = 0; i < d.count; i++) {
    const uint32_t at = i * 4 % kDataPayload;
    if (i != 0 && at == 0) chunk.index = segment.at(chunk).link;
    struct Finish : AllowAll {
      Kmsg& kmsg;
      explicit Finish(Kmsg& k) : kmsg(k) {}
      void operator()(Txn& txn, uint32_t) const { txn.add(kmsg.array_in, 1); }
    };
    auto& word = *reinterpret_cast<Cell<uint32_t>*>(segment.at(chunk).bytes + at);
    const mach_msg_return_t taken = take_right(self, space, handle, word, d.disposition, Finish(kmsg));
    if (taken != MACH_MSG_SUCCESS) return taken;
  }
  close_descriptor(self, kmsg, d);
  return MACH_MSG_SUCCESS;
}

mach_msg_return_t check_one(const Descriptor& d) {
  switch (d.type) {
    case MACH_MSG_OOL_DESCRIPTOR:
    case MACH_MSG_OOL_VOLATILE_DESCRIPTOR:
      return d.copy > MACH_MSG_VIRTUAL_COPY ? MACH_SEND_INVALID_TYPE : MACH_MSG_SUCCESS;
    case MACH_MSG_GUARDED_PORT_DESCRIPTOR: {
      constexpr uint32_t kKnown =
          MACH_MSG_GUARD_FLAGS_IMMOVABLE_RECEIVE | MACH_MSG_GUARD_FLAGS_UNGUARDED_ON_SEND;
      if (d.disposition != MACH_MSG_TYPE_MOVE_RECEIVE) return MACH_SEND_INVALID_TYPE;
      if (d.flags == 0 || (d.flags & ~kKnown) != 0) return MACH_SEND_INVALID_TYPE;
      if ((d.flags & MACH_MSG_GUARD_FLAGS_UNGUARDED_ON_SEND) != 0 && d.address != 0)
        return MACH_SEND_INVALID_TYPE;
      return MACH_MSG_SUCCESS;
    }
    default:
      return MACH_MSG_SUCCESS;
  }
}

}  // namespace

mach_msg_return_t kmsg_check_descriptors(const Segment& segment, const Kmsg& kmsg) {
  const uint32_t body = kmsg.size - kHeaderSize, count = kmsg.descriptors;
  uint32_t offset = kBodyFirst;
  for (uint32_t i = 0; i < count; i++) {
    if (body - offset < 12) return MACH_SEND_MSG_TOO_SMALL;
    const uint32_t type = body_word(segment, kmsg, offset + 8) >> 24;
    if (type > MACH_MSG_GUARDED_PORT_DESCRIPTOR) return MACH_SEND_INVALID_TYPE;
    const uint32_t length = type == MACH_MSG_PORT_DESCRIPTOR ? 12 : 16;
    if (body - offset < length) return MACH_SEND_MSG_TOO_SMALL;
    offset += length;
  }
  uint64_t rights = 0, physical = 0;
  offset = kBodyFirst;
  for (uint32_t i = 0; i < count; i++) {
    const Descriptor d = descriptor_at(segment, kmsg, offset);
    const mach_msg_return_t code = check_one(d);
    if (code != MACH_MSG_SUCCESS) return code;
    if (d.type == MACH_MSG_PORT_DESCRIPTOR || d.type == MACH_MSG_GUARDED_PORT_DESCRIPTOR)
      rights++;
    else if (d.type == MACH_MSG_OOL_PORTS_DESCRIPTOR)
      rights += d.count;
    else if (d.copy == MACH_MSG_PHYSICAL_COPY && !d.deallocate && d.count > kSmallOol)
      physical += (uint64_t{d.count} + kPage - 1) / kPage * kPage;
    offset += d.length;
  }
  if (rights > kRightsMax) return MACH_SEND_TOO_LARGE;
  if (physical != 0 && physical + rights * 8 > kPhysicalTotal) return MACH_MSG_VM_KERNEL;
  return MACH_MSG_SUCCESS;
}

mach_msg_return_t kmsg_copyin_body(Thread& self, Target<Space> space, Handle<Kmsg> handle, UserMemory& user) {
  Segment& segment = self.segment();
  Kmsg& kmsg = segment.at(handle);
  for (uint32_t i = 0; i < kmsg.descriptors; i++) {
    const Descriptor d = descriptor_at(segment, kmsg, kmsg.edge_in);
    mach_msg_return_t code = MACH_MSG_SUCCESS;
    switch (d.type) {
      case MACH_MSG_PORT_DESCRIPTOR:
        code = take_port(self, space, handle, d);
        break;
      case MACH_MSG_GUARDED_PORT_DESCRIPTOR:
        code = take_guarded(self, space, handle, d);
        break;
      case MACH_MSG_OOL_PORTS_DESCRIPTOR:
        code = take_array(self, space, handle, d, user);
        break;
      default:
        code = take_memory(self, kmsg, d, user);
        break;
    }
    if (code != MACH_MSG_SUCCESS) return code;
  }
  return MACH_MSG_SUCCESS;
}

}  // namespace portolan::ipc
