// SPDX-License-Identifier: Apache-2.0
// The body of a message on its way out (messages 6.6), and back to a sender whose message was not taken
// (messages 5.6). If we die here: the message is in a hold; `converted_out` and `array_out` say what has left
// it.
#include <string.h>

#include <algorithm>

#include "ipc/kmsg.hpp"

namespace portolan::ipc {

namespace {

struct Out {
  Thread& self;
  Handle<Space> space;
  Handle<Kmsg> handle;
  UserMemory& user;
  bool guarded;
  uint64_t buffer;
  bool back;
  // A right can be neither named nor destroyed for want of memory: it stays, with all that follows.
  bool stuck = false;
  uint64_t stuck_array = 0;  // where the array lies that it is in, if it is in one

  Segment& segment() const { return self.segment(); }
  Kmsg& kmsg() const { return segment().at(handle); }
  Cell<uint32_t>& word(const Descriptor& d, uint32_t n) const {
    return body_word(segment(), kmsg(), d.offset + 4 * n);
  }
};

constexpr Needs kNeeds = kCopyoutNeeds.with<Kmsg>(1);

void next_descriptor(Txn& txn, Kmsg& kmsg, const Descriptor& d) {
  txn.set(kmsg.edge_out, d.offset + d.length);
  txn.add(kmsg.converted_out, 1);
  txn.set(kmsg.array_out, 0);
}

// The right in `word` becomes a name there. `after` runs in the same transaction, also when the right could
// not be named and was destroyed. Returns the special bits.
template <class After>
mach_msg_return_t give_right(Out& out, Cell<uint32_t>& word, uint32_t disposition, After&& after) {
  Name name;
  const kern_return_t code = with_room(out.self, out.space, kNeeds, [&](Txn& txn) -> int {
    name = Name{word};
    if (name.valid()) {
      Locked<Space> space = txn.lock(out.space);
      const kern_return_t copied = right_copyout(txn, space, {word, disposition}, name);
      if (copied != KERN_SUCCESS && copied != KERN_INVALID_CAPABILITY) return copied;
    }
    txn.set(word, name.value);
    after(txn, name);
    return KERN_SUCCESS;
  });
  if (code == KERN_SUCCESS) return MACH_MSG_SUCCESS;
  const int destroyed = transact(out.self, kDropNeeds.with<Kmsg>(1), [&](Txn& txn) {
    const uint32_t port = word;
    naked_destroy(txn, {port, disposition});
    txn.set(word, MACH_PORT_NULL);
    after(txn, Name{});
    return 0;
  });
  if (destroyed != 0) out.stuck = true;
  return right_bits(code);
}

mach_msg_return_t give_port(Out& out, const Descriptor& d) {
  return give_right(out, out.word(d, 0), d.disposition,
                    [&](Txn& txn, Name) { next_descriptor(txn, out.kmsg(), d); });
}

mach_msg_return_t give_guarded(Out& out, const Descriptor& d) {
  Cell<uint32_t>& word = out.word(d, 3);
  if (!out.guarded) {
    const int destroyed = transact(out.self, kDropNeeds.with<Kmsg>(1), [&](Txn& txn) {
      const uint32_t port = word;
      naked_destroy(txn, {port, MACH_MSG_TYPE_PORT_RECEIVE});
      txn.set(word, MACH_PORT_NULL);
      txn.set(out.word(d, 0), 0);
      txn.set(out.word(d, 1), 0);
      next_descriptor(txn, out.kmsg(), d);
      return 0;
    });
    if (destroyed != 0) {
      out.stuck = true;
      return MACH_MSG_IPC_KERNEL;
    }
    settle(out.self);  // the port is gone before the next descriptor is looked at, whatever request it had
    return MACH_MSG_SUCCESS;
  }
  const bool immovable = (d.flags & MACH_MSG_GUARD_FLAGS_IMMOVABLE_RECEIVE) != 0;
  const uint64_t context = immovable ? out.buffer : 0;
  const uint32_t port_index = word;
  return give_right(out, word, MACH_MSG_TYPE_PORT_RECEIVE, [&](Txn& txn, Name name) {
    if (name.valid() && immovable) {
      Locked<Port> port = txn.lock(Handle<Port>{port_index});
      txn.set(port->context, context);
      // Back at its sender it can be moved, or the message could not be sent again.
      txn.set(port->state, port->state | kPortGuarded | (out.back ? 0u : kPortImmovable));
    }
    constexpr uint32_t kUnguarded = MACH_MSG_GUARD_FLAGS_UNGUARDED_ON_SEND;
    const uint32_t flags = immovable ? d.flags & ~kUnguarded : d.flags | kUnguarded;
    txn.set(out.word(d, 0), static_cast<uint32_t>(context));
    txn.set(out.word(d, 1), static_cast<uint32_t>(context >> 32));
    txn.set(out.word(d, 2), (out.word(d, 2) & 0xffff0000u) | flags);
    next_descriptor(txn, out.kmsg(), d);
  });
}

// Copies a chain of Data to user memory; false: it cannot be written.
bool copy_chain(const Out& out, uint32_t head, uint64_t to, uint64_t left) {
  for (Handle<Data> walk{head}; walk && left != 0; walk.index = out.segment().at(walk).link) {
    Data& data = out.segment().at(walk);
    const uint64_t part = std::min<uint64_t>({data.used, kDataPayload, left});
    if (part == 0 || !out.user.copy_out(to, data.bytes, part)) return false;
    to += part;
    left -= part;
  }
  return true;
}

// Frees the chain and puts the user form of an out-of-line descriptor in its place.
void finish_memory(const Out& out, const Descriptor& d, uint64_t address, bool deallocate, uint32_t copy,
                   uint32_t size) {
  Cell<uint32_t>& head = out.word(d, 0);
  bool done = false;
  while (!done) {
    transact(out.self, Needs{}, [&](Txn& txn) {
      uint32_t walk = head;
      for (unsigned i = 0; walk != 0 && i < kPendingMax / 2; i++) {
        const Handle<Data> data{walk};
        walk = out.segment().at(data).link;
        txn.release(data);
      }
      txn.set(head, walk);
      done = walk == 0;
      if (!done) return 0;
      txn.set(head, static_cast<uint32_t>(address));
      txn.set(out.word(d, 1), static_cast<uint32_t>(address >> 32));
      txn.set(out.word(d, 2), (out.word(d, 2) & 0xffff0000u) | copy << 8 | (deallocate ? 1u : 0u));
      txn.set(out.word(d, 3), size);
      next_descriptor(txn, out.kmsg(), d);
      return 0;
    });
  }
}

// Large virtual copies lie where they lay in the sender's page, everything else at the start of one.
uint64_t offset_in_page(const Out& out, const Descriptor& d) {
  const bool keeps = d.copy == MACH_MSG_VIRTUAL_COPY && d.count > kSmallOol;
  return keeps ? out.word(d, 1) % kPage : 0;
}

mach_msg_return_t give_memory(const Out& out, const Descriptor& d) {
  const bool deallocate = d.copy == MACH_MSG_VIRTUAL_COPY;
  uint64_t address = 0;
  if (d.count != 0) {
    address = out.user.map(d.count, offset_in_page(out, d));
    const bool copied = address != 0 && copy_chain(out, d.word, address, d.count);
    if (address != 0 && !copied) out.user.unmap(address, d.count);
    if (!copied) {
      finish_memory(out, d, 0, deallocate, d.copy, 0);
      return MACH_MSG_VM_SPACE;
    }
  }
  finish_memory(out, d, address, deallocate, d.copy, d.count);
  return MACH_MSG_SUCCESS;
}

// The elements of an array that were not given out have no names.
void hide_names(const Out& out, uint64_t address, uint32_t from, uint32_t to) {
  constexpr mach_port_name_t kNone = MACH_PORT_NULL;
  if (address == 0) return;
  for (uint32_t i = from; i < to; i++)
    out.user.copy_out(address + uint64_t{i} * sizeof kNone, &kNone, sizeof kNone);
}

mach_msg_return_t give_array(Out& out, const Descriptor& d) {
  mach_msg_return_t bits = MACH_MSG_SUCCESS;
  const uint64_t address = d.count == 0 ? 0 : out.user.map(size_t{d.count} * 4, 0);
  const bool lost = d.count != 0 && address == 0;
  Handle<Data> chunk{d.word};
  for (uint32_t i = 0; i < d.count && !out.stuck; i++) {
    const uint32_t at = i * 4 % kDataPayload;
    if (i != 0 && at == 0) chunk.index = out.segment().at(chunk).link;
    auto& word = *reinterpret_cast<Cell<uint32_t>*>(out.segment().at(chunk).bytes + at);
    auto step = [&](Txn& txn, Name) { txn.set(out.kmsg().array_out, i + 1); };
    if (!lost) {
      bits |= give_right(out, word, d.disposition, step);
      continue;
    }
    const int destroyed = transact(out.self, kDropNeeds.with<Kmsg>(1), [&](Txn& txn) {
      const uint32_t port = word;
      naked_destroy(txn, {port, d.disposition});
      step(txn, Name{});
      return 0;
    });
    if (destroyed != 0) out.stuck = true;
  }
  if (lost) bits |= MACH_MSG_VM_SPACE;
  if (address != 0) copy_chain(out, d.word, address, uint64_t{d.count} * sizeof(mach_port_name_t));
  if (out.stuck) {
    hide_names(out, address, out.kmsg().array_out, d.count);
    out.stuck_array = address;
    return bits | MACH_MSG_IPC_KERNEL;
  }
  finish_memory(out, d, address, true, MACH_MSG_VIRTUAL_COPY, d.count);
  return bits;
}

}  // namespace

CopiedOut kmsg_copyout_body(Thread& self, Handle<Space> space, Handle<Kmsg> handle, UserMemory& user,
                            bool guarded, uint64_t buffer, bool back) {
  Out out{self, space, handle, user, guarded || back, buffer, back};
  Kmsg& kmsg = out.kmsg();
  mach_msg_return_t bits = MACH_MSG_SUCCESS;
  while (kmsg.converted_out < kmsg.converted_in && !out.stuck) {
    const Descriptor d = descriptor_at(self.segment(), kmsg, kmsg.edge_out);
    switch (d.type) {
      case MACH_MSG_PORT_DESCRIPTOR:
        bits |= give_port(out, d);
        break;
      case MACH_MSG_GUARDED_PORT_DESCRIPTOR:
        bits |= give_guarded(out, d);
        break;
      case MACH_MSG_OOL_PORTS_DESCRIPTOR:
        bits |= give_array(out, d);
        break;
      default:
        bits |= give_memory(out, d);
        break;
    }
  }
  return {bits, out.stuck, out.stuck_array};
}

bool kmsg_hide_rest(const Segment& segment, const Kmsg& kmsg, UserMemory& user, uint64_t message,
                    uint64_t array) {
  uint32_t offset = kmsg.edge_out;
  for (uint32_t i = kmsg.converted_out; i < kmsg.converted_in; i++) {
    const Descriptor d = descriptor_at(segment, kmsg, offset);
    uint32_t words[4] = {0, 0, body_word(segment, kmsg, offset + 8), 0};
    if (array != 0) {
      memcpy(words, &array, sizeof array);
      words[2] = (words[2] & 0xffff0000u) | MACH_MSG_VIRTUAL_COPY << 8 | 1;
      words[3] = d.count;
    }
    if (!user.copy_out(message + kHeaderSize + offset, words, d.length)) return false;
    offset += d.length;
    array = 0;
  }
  return true;
}

}  // namespace portolan::ipc
