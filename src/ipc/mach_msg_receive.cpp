// SPDX-License-Identifier: Apache-2.0
// The receive half: messages 6. A short, simple message is received, its rights handed over and the kernel's
// copy freed, in the transaction that finds it; any other is held until its last step. If we die here: the
// message is in the queue, in our frame's grant, in a hold, or received. Recovery gives a grant back to its
// queue and destroys what is in hand, as the death of a receiver may (KERNEL rule 11).
#include <string.h>

#include <algorithm>

#include "ipc/mach_msg.hpp"
#include "ipc/mqueue.hpp"
#include "ipc/mutant.hpp"
#include "ipc/notify.hpp"
#include "ipc/pset.hpp"
#include "segment/wait.hpp"

namespace portolan::ipc {

namespace {

// For what the header's rights bring about.
constexpr Needs kReceiveNeeds = kCopyoutNeeds.with<Kmsg>(2);

struct Receive {
  Thread& self;
  Handle<Space> space;
  UserMemory& user;
  const ReceiveArguments& arguments;

  Segment& segment() const { return self.segment(); }
  // What a sender must know of our options (mqueue.hpp).
  uint32_t wants() const {
    const auto option = static_cast<uint32_t>(arguments.option);
    const uint32_t wanted = option & (MACH_RCV_LARGE | MACH_RCV_TRAILER_MASK);
    if (!arguments.vector) return wanted;
    return wanted | kWantsAux | std::min(arguments.aux_size, kAuxMax) << kWantsAuxShift;
  }
  bool polls() const { return (arguments.option & MACH_RCV_TIMEOUT) != 0 && arguments.timeout == 0; }
};

// What becomes of the header's rights at the receiver (messages 6.5).
struct HeaderOut {
  Name remote, local;
  uint64_t context = 0;
};

// The right that the message was sent through ends here.
void finish_destination(Txn& txn, const Receive& receive, Kmsg& kmsg, HeaderOut& out) {
  Locked<Port> port = txn.lock(Handle<Port>{kmsg.remote});
  const uint32_t kind = MACH_MSGH_BITS_REMOTE(kmsg.bits);
  const bool ours = port->active() && !port->is(kPortInTransit) && port->receiver == receive.space.index;
  if (!port->active())
    out.local = Name{MACH_PORT_DEAD};
  else if (ours)
    out.local = Name{port->receiver_name};
  if (ours) out.context = port->context;
  if (kind == MACH_MSG_TYPE_PORT_SEND)
    send_right_release(txn, port);
  else if (ours || !port->active())
    send_once_right_consume(txn, port);
  else
    send_once_right_release(txn, port);
}

uint32_t trailer_size(uint32_t option) {
  static constexpr uint32_t kSizes[5] = {8, 12, 20, 52, 60};
  const uint32_t elements = option >> 24 & 0xf;
  return elements < 5 ? kSizes[elements] : 68;
}

mach_msg_max_trailer_t make_trailer(const Kmsg& kmsg, uint32_t size, uint64_t context, bool bare) {
  mach_msg_max_trailer_t trailer{};
  trailer.msgh_trailer_type = MACH_MSG_TRAILER_FORMAT_0;
  trailer.msgh_trailer_size = size;
  trailer.msgh_seqno = kmsg.seqno;
  if (bare || (kmsg.flags & kKmsgFromKernel) != 0) {
    trailer.msgh_sender.val[1] = 1;
  } else {
    const Sender& s = kmsg.sender;
    trailer.msgh_sender.val[0] = s.uid;
    trailer.msgh_sender.val[1] = s.gid;
    const uint32_t audit[8] = {s.uid, s.uid, s.gid, s.ruid, s.rgid, s.pid, 0, s.pid_version};
    memcpy(trailer.msgh_audit.val, audit, sizeof audit);
  }
  trailer.msgh_context = bare ? 0 : context;
  return trailer;
}

// Bits swap with the fields: the receiver's remote is the sender's local.
mach_msg_header_t make_header(const Kmsg& kmsg, uint32_t size, const HeaderOut& out) {
  mach_msg_header_t header{};
  const uint32_t bits = kmsg.bits;
  header.msgh_bits = MACH_MSGH_BITS_SET(MACH_MSGH_BITS_LOCAL(bits), MACH_MSGH_BITS_REMOTE(bits), 0,
                                        bits & MACH_MSGH_BITS_COMPLEX);
  if (mutant(Mutant::wrong_disposition) &&
      MACH_MSGH_BITS_REMOTE(header.msgh_bits) == MACH_MSG_TYPE_PORT_SEND_ONCE)
    header.msgh_bits -= MACH_MSG_TYPE_PORT_SEND_ONCE - MACH_MSG_TYPE_PORT_SEND;
  header.msgh_size = size;
  header.msgh_remote_port = out.remote.value;
  header.msgh_local_port = out.local.value;
  header.msgh_voucher_port = MACH_MSGH_BITS_VOUCHER(bits) != 0 ? MACH_PORT_NULL : kmsg.voucher.get();
  header.msgh_id = kmsg.id;
  return header;
}

// What a message looks like that goes out in one copy: header, body, trailer.
struct ShortMessage {
  uint32_t length = 0;
  uint8_t bytes[kHeaderSize + kKmsgInline + sizeof(mach_msg_max_trailer_t)];
};

void put_message(ShortMessage& out, const Kmsg& kmsg, const mach_msg_header_t& header,
                 const mach_msg_max_trailer_t& trailer) {
  const uint32_t body = kmsg.size - kHeaderSize;
  if (body > kKmsgInline) kernel_panic("a message is longer than its body");
  memcpy(out.bytes, &header, kHeaderSize);
  memcpy(out.bytes + kHeaderSize, kmsg.inline_body, body);
  // All that a trailer can be, for that is quicker than as much of it as there is.
  memcpy(out.bytes + kHeaderSize + body, &trailer, sizeof trailer);
  out.length = kHeaderSize + body + trailer.msgh_trailer_size;
}

struct Found {
  Picked picked;
  mach_msg_return_t code = MACH_MSG_SUCCESS;
  bool waits = false;
  bool received = false;  // and freed: only the copy to the caller's buffer is left
};

// The short way, in the transaction that found the message. False: nothing has changed, it has to go the long
// way.
bool receive_short(Txn& txn, const Receive& receive, Handle<Kmsg> handle, ShortMessage& out) {
  Kmsg& kmsg = txn.segment().at(handle);
  if (kmsg.body_head != 0 || (kmsg.bits & MACH_MSGH_BITS_COMPLEX) != 0) return false;
  if (txn.segment().at(Handle<Port>{kmsg.remote}).armed != 0) return false;
  if (receive.arguments.aux_size != 0) return false;
  HeaderOut header;
  header.remote = Name{kmsg.local};
  if (header.remote.valid()) {
    txn.self().message_id = kmsg.id;
    txn.self().message_sender = kmsg.sender.pid;
    Locked<Space> space = txn.lock(receive.space);
    const kern_return_t copied =
        right_copyout(txn, space, {kmsg.local, MACH_MSGH_BITS_LOCAL(kmsg.bits)}, header.remote);
    if (copied != KERN_SUCCESS && copied != KERN_INVALID_CAPABILITY) return false;
  }
  finish_destination(txn, receive, kmsg, header);
  const uint32_t trailer = trailer_size(static_cast<uint32_t>(receive.arguments.option));
  put_message(out, kmsg, make_header(kmsg, kmsg.size, header),
              make_trailer(kmsg, trailer, header.context, false));
  txn.release(handle);
  return true;
}

// A message was found: it is received here and now, or held.
void take(Txn& txn, const Receive& receive, Found& found, ShortMessage* out) {
  const Picked& picked = found.picked;
  if (!picked.kmsg) return;
  found.received = out != nullptr && !picked.too_large && receive_short(txn, receive, picked.kmsg, *out);
  if (!found.received) txn.hold(kHoldKmsg, picked.kmsg.index);
}

// A port of one's own is found without the space's lock: the entry says where to look, and the port, under
// its own lock, whether that is so. Empty: somebody has to look under the space's.
Locked<Port> own_port(Txn& txn, Handle<Space> handle, Name name) {
  const Segment& segment = txn.segment();
  const Space& space = segment.at(handle);
  if (name.index() == 0 || name.index() >= space.table_size) return {};
  const Entry& entry = entry_at(segment, handle, name.index());
  const uint32_t bits = entry.bits, object = entry.object;
  if ((bits & 0xff) != name.generation() || (bits & kTypeReceive) == 0 ||
      !segment.plausible(kZonePort, object))
    return {};
  Locked<Port> port = txn.lock(Handle<Port>{object});
  const bool ours = port->active() && !port->is(kPortInTransit) && port->receiver == handle.index &&
                    port->receiver_name == name.value && port->kobject_type == 0;
  return ours ? port : Locked<Port>{};
}

void look_at_port(Txn& txn, const Receive& receive, Locked<Port>& port, Found& found) {
  const ReceiveArguments& a = receive.arguments;
  found.picked = mqueue_take(txn, port, a.size, receive.wants());
  found.waits = !found.picked.kmsg && !found.picked.too_large;
  if (found.waits && !receive.polls()) mqueue_wait_on_port(txn, port, a.size, receive.wants());
}

void look_at_set(Txn& txn, const Receive& receive, Locked<Pset>& pset, Found& found) {
  const ReceiveArguments& a = receive.arguments;
  found.picked = mqueue_take_from_set(txn, pset, a.size, receive.wants());
  found.waits = !found.picked.kmsg && !found.picked.too_large && !found.picked.again;
  if (found.waits && !receive.polls()) mqueue_wait_on_set(txn, pset, a.size, receive.wants());
}

// Looks for a message and, if there is none, puts the frame on the object's list.
void look(Txn& txn, const Receive& receive, Found& found) {
  const Name name{receive.arguments.name};
  Locked<Port> port = own_port(txn, receive.space, name);
  if (port && !MACH_PORT_VALID(receive.arguments.peer)) {
    look_at_port(txn, receive, port, found);
    return;
  }
  Locked<Space> space = txn.lock(receive.space);
  Entry* entry = space->state == kSpaceActive ? entry_find(txn, space, name) : nullptr;
  if (entry == nullptr || !entry->has(kTypeReceive | kTypePset)) {
    found.code = MACH_RCV_INVALID_NAME;
  } else if (MACH_PORT_VALID(receive.arguments.peer)) {
    // A peer is for a thread's special reply port, and there are none (messages 6.1).
    found.code = MACH_RCV_INVALID_NOTIFY;
  } else if (entry->has(kTypePset)) {
    Locked<Pset> pset = txn.lock(Handle<Pset>{entry->object});
    look_at_set(txn, receive, pset, found);
  } else {
    port = txn.lock(Handle<Port>{entry->object});
    look_at_port(txn, receive, port, found);
  }
}

// Runs `find` and takes what it found; without memory for the short way, the long one.
template <class Find>
Found find_message(const Receive& receive, ShortMessage& out, Find&& find) {
  Found found;
  const auto body = [&](Txn& txn, ShortMessage* into) {
    found = Found{};
    find(txn, found);
    take(txn, receive, found, into);
    return 0;
  };
  if (transact(receive.self, kReceiveNeeds, [&](Txn& txn) { return body(txn, &out); }) != 0)
    transact(receive.self, Needs{}, [&](Txn& txn) { return body(txn, nullptr); });
  return found;
}

Found look(const Receive& receive, ShortMessage& out) {
  Found found = find_message(receive, out, [&](Txn& txn, Found& into) { look(txn, receive, into); });
  if (found.waits && receive.polls()) {
    found.waits = false;
    found.code = MACH_RCV_TIMED_OUT;
  }
  return found;
}

// Locks the object that a frame waits on, or waited on when it was granted something: whoever grants holds
// that lock until the grant is committed, so that what the frame says now is true. Whether it is a port or a
// set a granted frame does not say; to lock the other thing of this index does no harm.
void lock_waited_on(Txn& txn, const Frame& frame) {
  const Segment& segment = txn.segment();
  const uint32_t object = frame.object;
  if (segment.plausible(kZonePort, object)) txn.acquire(segment.element(kZonePort, object).lock);
  if (segment.plausible(kZonePset, object)) txn.acquire(segment.element(kZonePset, object).lock);
}

// Takes a frame off the list that it is on, its object being locked; false: it is on none.
bool take_off_list(Txn& txn, Frame& frame, uint32_t id) {
  const Segment& segment = txn.segment();
  const uint32_t state = frame.state, object = frame.object;
  if ((state == kWaitPort || state == kWaitSend) && segment.plausible(kZonePort, object)) {
    Locked<Port> port = txn.lock(Handle<Port>{object});
    mqueue_unwait(txn, port, frame, id);
    return true;
  }
  if (state == kWaitPset && segment.plausible(kZonePset, object)) {
    Locked<Pset> pset = txn.lock(Handle<Pset>{object});
    mqueue_unwait(txn, pset, frame, id);
    return true;
  }
  return false;
}

// After a wait that nobody granted: off the list, or the grant that came meanwhile stays.
bool leave_list(const Receive& receive, Frame& frame) {
  bool left = false;
  transact(receive.self, Needs{}, [&](Txn& txn) {
    lock_waited_on(txn, frame);
    left = take_off_list(txn, frame, receive.self.frame_id());
    return 0;
  });
  return left;
}

Found wait(const Receive& receive, ShortMessage& out) {
  Frame& frame = receive.self.frame();
  const ReceiveArguments& a = receive.arguments;
  const WaitEnd end = wait_for_grant(receive.self, frame,
                                     deadline_after(a.timeout, (a.option & MACH_RCV_TIMEOUT) != 0), true);
  Found found;
  if (end != WaitEnd::granted && leave_list(receive, frame)) {
    found.code = end == WaitEnd::timed_out ? MACH_RCV_TIMED_OUT : MACH_RCV_INTERRUPTED;
    return found;
  }
  return find_message(receive, out, [&](Txn& txn, Found& granted) {
    if (frame.state == kGrantMessage) {
      granted.picked.kmsg = Handle<Kmsg>{frame.grant};
      granted.picked.too_large = frame.result == MACH_RCV_TOO_LARGE;
    } else if (frame.result == MACH_RCV_TOO_LARGE) {
      granted.picked.too_large = true;
      granted.picked.needed = frame.grant;
      granted.picked.holder = Name{frame.extra};
    } else {
      granted.code = frame.result;
    }
    txn.set(frame.state, kWaitNone);
    txn.set(frame.grant, 0);
  });
}

// ports 8.4: armed send-possible requests fire before the receiver's own rights are handed over.
void fire_armed(const Receive& receive, Kmsg& kmsg) {
  const Handle<Port> handle{kmsg.remote};
  while (receive.segment().at(handle).armed != 0) {
    transact(receive.self, Needs{}, [&](Txn& txn) {
      Locked<Port> port = txn.lock(handle);
      requests_fire_possible(txn, port, 2);
      return 0;
    });
  }
}

// The reply right enters the space, the destination's ends. KERN_SUCCESS, or the code for want of a name:
// then nothing has changed.
kern_return_t copyout_header(const Receive& receive, Handle<Kmsg> handle, HeaderOut& out) {
  Kmsg& kmsg = receive.segment().at(handle);
  return with_room(receive.self, receive.space, kReceiveNeeds, [&](Txn& txn) -> int {
    out = HeaderOut{};
    Locked<Space> space = txn.lock(receive.space);
    if (space->state != kSpaceActive) return KERN_INVALID_TASK;
    Name reply{kmsg.local};
    if (reply.valid()) {
      const kern_return_t copied =
          right_copyout(txn, space, {kmsg.local, MACH_MSGH_BITS_LOCAL(kmsg.bits)}, reply);
      if (copied != KERN_SUCCESS && copied != KERN_INVALID_CAPABILITY) return copied;
    }
    out.remote = reply;
    finish_destination(txn, receive, kmsg, out);
    txn.set(kmsg.flags, kmsg.flags & ~kKmsgHeaderTaken);
    txn.set(kmsg.remote, kRightNull);
    txn.set(kmsg.local, kRightNull);
    return KERN_SUCCESS;
  });
}

// A message of which only the header is delivered: everything else in it is destroyed, but the destination's
// right is used up as usual.
void finish_bare(const Receive& receive, Handle<Kmsg> handle, HeaderOut& out) {
  Kmsg& kmsg = receive.segment().at(handle);
  const uint32_t reply = kmsg.local;
  const int code = transact(receive.self, kDropNeeds.with<Kmsg>(2), [&](Txn& txn) {
    out = HeaderOut{};
    if (!Name{reply}.valid()) out.remote = Name{reply};
    finish_destination(txn, receive, kmsg, out);
    naked_destroy(txn, {reply, MACH_MSGH_BITS_LOCAL(kmsg.bits)});
    txn.set(kmsg.flags, kmsg.flags & ~kKmsgHeaderTaken);
    txn.set(kmsg.remote, kRightNull);
    txn.set(kmsg.local, kRightNull);
    return 0;
  });
  if (code == 0) return;
  // Without memory the reply right stays, to be destroyed with the message once there is room, and so does
  // the destination's if somebody has to be told of its end.
  transact(receive.self, Needs{}, [&](Txn& txn) {
    out = HeaderOut{};
    if (!Name{reply}.valid()) out.remote = Name{reply};
    Locked<Port> port = txn.lock(Handle<Port>{kmsg.remote});
    const bool ours = !port->is(kPortInTransit) && port->receiver == receive.space.index;
    if (MACH_MSGH_BITS_REMOTE(kmsg.bits) != MACH_MSG_TYPE_PORT_SEND && port->active() && !ours) return 0;
    finish_destination(txn, receive, kmsg, out);
    txn.set(kmsg.remote, kRightNull);
    return 0;
  });
}

mach_msg_return_t deliver_bare(const Receive& receive, Handle<Kmsg> handle, mach_msg_return_t code) {
  HeaderOut out;
  finish_bare(receive, handle, out);
  const Kmsg& kmsg = receive.segment().at(handle);
  const ReceiveArguments& a = receive.arguments;
  mach_msg_return_t result = code;
  if (a.size < kHeaderSize) {
    result = MACH_RCV_INVALID_DATA;
  } else {
    struct {
      mach_msg_header_t header;
      mach_msg_max_trailer_t trailer;
    } bare;
    const uint32_t trailer = trailer_size(static_cast<uint32_t>(a.option));
    bare.header = make_header(kmsg, kHeaderSize, out);
    bare.header.msgh_voucher_port = MACH_PORT_NULL;
    bare.trailer = make_trailer(kmsg, trailer, 0, true);
    const uint32_t size = kHeaderSize + trailer;
    if (!receive.user.copy_out(a.buffer, &bare, size < a.size ? size : a.size))
      result = MACH_RCV_INVALID_DATA;
  }
  kmsg_destroy(receive.self, handle);
  return result;
}

bool copy_message(const Receive& receive, const Kmsg& kmsg, const mach_msg_header_t& header,
                  const mach_msg_max_trailer_t& trailer) {
  const ReceiveArguments& a = receive.arguments;
  if (uint64_t{kmsg.size} + trailer.msgh_trailer_size > a.size) return false;
  if (kmsg.body_head == 0) {
    ShortMessage out;
    put_message(out, kmsg, header, trailer);
    return receive.user.copy_out(a.buffer, out.bytes, out.length);
  }
  return receive.user.copy_out(a.buffer, &header, kHeaderSize) &&
         body_copy_out(receive.segment(), kmsg, receive.user, a.buffer + kHeaderSize) &&
         receive.user.copy_out(a.buffer + kmsg.size, &trailer, trailer.msgh_trailer_size);
}

mach_msg_return_t deliver(const Receive& receive, Handle<Kmsg> handle) {
  Thread& self = receive.self;
  Kmsg& kmsg = receive.segment().at(handle);
  const auto option = static_cast<uint32_t>(receive.arguments.option);
  self.message_id = kmsg.id;
  self.message_sender = kmsg.sender.pid;
  fire_armed(receive, kmsg);
  HeaderOut out;
  const kern_return_t named = copyout_header(receive, handle, out);
  mach_msg_return_t code = MACH_MSG_SUCCESS;
  if (named != KERN_SUCCESS) {
    code = deliver_bare(receive, handle, MACH_RCV_HEADER_ERROR | right_bits(named));
  } else {
    const uint64_t buffer = receive.arguments.buffer;
    CopiedOut body;
    if (kmsg.converted_in != 0)
      body = kmsg_copyout_body(self, receive.space, handle, receive.user,
                               (option & MACH_RCV_GUARDED_DESC) != 0, buffer, false);
    if (body.bits != MACH_MSG_SUCCESS) code = MACH_RCV_BODY_ERROR | body.bits;
    const uint32_t trailer = trailer_size(option);
    if (!copy_message(receive, kmsg, make_header(kmsg, kmsg.size, out),
                      make_trailer(kmsg, trailer, out.context, false)))
      code = MACH_RCV_INVALID_DATA;
    if (receive.arguments.aux_size != 0 &&
        !aux_copy_out(self.segment(), kmsg, receive.user, receive.arguments.aux))
      code = MACH_RCV_INVALID_DATA;
    if (body.stuck) {
      kmsg_hide_rest(self.segment(), kmsg, receive.user, buffer, body.array);
      kmsg_destroy(self, handle);
    } else {
      kmsg_free(self, handle);
    }
  }
  return code;
}

// MACH_RCV_LARGE: the message stays; the caller learns the size, and with LARGE_IDENTITY the port
// (messages 6.4).
mach_msg_return_t report_large(const Receive& receive, const Picked& picked) {
  const ReceiveArguments& a = receive.arguments;
  const uint32_t size = picked.needed, name = picked.holder.value;
  if (a.size >= 8 && !receive.user.copy_out(a.buffer + 4, &size, 4)) return MACH_RCV_INVALID_DATA;
  if ((a.option & MACH_RCV_LARGE_IDENTITY) != 0 && a.size >= 16 &&
      !receive.user.copy_out(a.buffer + 12, &name, 4))
    return MACH_RCV_INVALID_DATA;
  return MACH_RCV_TOO_LARGE;
}

}  // namespace

mach_msg_return_t msg_receive(Thread& self, Handle<Space> space, UserMemory& user,
                              const ReceiveArguments& arguments) {
  const Receive receive{self, space, user, arguments};
  ShortMessage message;
  Found found = look(receive, message);
  while (found.picked.again) found = look(receive, message);
  if (found.waits) found = wait(receive, message);
  mach_msg_return_t code = found.code;
  if (found.received)
    code = user.copy_out(arguments.buffer, message.bytes, message.length) ? MACH_MSG_SUCCESS
                                                                          : MACH_RCV_INVALID_DATA;
  else if (found.picked.kmsg && found.picked.too_large)
    code = deliver_bare(receive, found.picked.kmsg, MACH_RCV_TOO_LARGE);
  else if (found.picked.kmsg)
    code = deliver(receive, found.picked.kmsg);
  else if (code == MACH_MSG_SUCCESS)
    code = report_large(receive, found.picked);
  self.message_id = 0;
  self.message_sender = 0;
  return code;
}

namespace {

// A message granted to a thread that died goes to the next receiver, or back to the head of its queue, if the
// port lives.
void return_grant(Txn& txn, Frame& frame) {
  Segment& segment = txn.segment();
  const Handle<Kmsg> handle{frame.grant};
  if (!segment.plausible(kZoneKmsg, handle.index) || !segment.at(handle).allocated()) return;
  Locked<Port> port = txn.lock(Handle<Port>{segment.at(handle).remote});
  if (port->active())
    mqueue_return(txn, port, handle);
  else
    txn.push_work(handle);
}

}  // namespace

void finish_wait(Thread& self, ThreadSlot& victim, uint32_t victim_index, Frame& frame) {
  const auto id = victim_index * kFrames + static_cast<uint32_t>(&frame - victim.frames);
  transact(self, Needs{}, [&](Txn& txn) {
    lock_waited_on(txn, frame);
    if (take_off_list(txn, frame, id)) return 0;
    if (frame.state == kGrantMessage) {
      return_grant(txn, frame);
    } else if (frame.state == kGrantSlot && txn.segment().plausible(kZonePort, frame.object)) {
      Locked<Port> port = txn.lock(Handle<Port>{frame.object});
      txn.add(port->msgcount, static_cast<uint32_t>(-1));
      mqueue_promise_slots(txn, port, 1);
    }
    txn.set(frame.state, kWaitNone);
    txn.set(frame.grant, 0);
    return 0;
  });
}

}  // namespace portolan::ipc
