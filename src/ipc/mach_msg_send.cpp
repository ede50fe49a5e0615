// SPDX-License-Identifier: Apache-2.0
// The send half: messages 5, in the order of its checks. A short, simple message is made, takes its rights
// and is posted in one transaction; any other is made first and held until then. If we die here: what is held
// recovery destroys.
#include "ipc/kernel.hpp"
#include "ipc/mach_msg.hpp"
#include "ipc/mqueue.hpp"
#include "ipc/notify.hpp"
#include "segment/futex.hpp"
#include "segment/raw.hpp"
#include "segment/wait.hpp"

namespace portolan::ipc {

namespace {

// Internal: the header is in and the message was posted in the same transaction.
constexpr int kPosted = -90002;
// Internal: the header is in, but the destination is not of the sort that was meant; the message is being
// destroyed.
constexpr int kRefused = -90003;
// Internal: the header is in, and the message is to be destroyed once its body is in too.
constexpr int kSwallowed = -90004;
constexpr Needs kSendNeeds = kCopyinNeeds.with<Kmsg>(3);

// mach_msg2 brings a kernel object this many descriptors at the most (messages 12).
constexpr uint32_t kKobjectDescriptors = 3;

struct Send {
  Thread& self;
  Handle<Task> task;
  Handle<Space> space;
  UserMemory& user;
  const SendArguments& arguments;
  struct {
    mach_msg_header_t header;
    uint8_t body[kKmsgInline];
  } bytes = {};          // of a short message, whole; of a long one, the header
  bool is_held = false;  // the message was made, and is in a hold; otherwise the next transaction makes it
  Handle<Kmsg> handle = {};

  const mach_msg_header_t& header() const { return bytes.header; }
  bool is_complex() const { return (bytes.header.msgh_bits & MACH_MSGH_BITS_COMPLEX) != 0; }
  uint32_t aux() const { return arguments.given != nullptr ? arguments.given->aux_size : 0; }
  bool is_short() const { return arguments.size <= sizeof bytes && aux() == 0; }
  Segment& segment() const { return self.segment(); }
  Kmsg& kmsg() const { return segment().at(handle); }
  bool no_wait() const { return (arguments.option & MACH_SEND_TIMEOUT) != 0 && arguments.timeout == 0; }
};

bool moves(uint32_t disposition) { return disposition == MACH_MSG_TYPE_MOVE_SEND; }
bool wants_send(uint32_t disposition) { return moves(disposition) || disposition == MACH_MSG_TYPE_COPY_SEND; }

// The name of a voucher, or MACH_PORT_NULL where the field is an opaque number.
mach_port_name_t voucher_of(const mach_msg_header_t& h) {
  return MACH_MSGH_BITS_VOUCHER(h.msgh_bits) != 0 ? h.msgh_voucher_port : MACH_PORT_NULL;
}

// messages 5.2
mach_msg_return_t check_header(const mach_msg_header_t& h) {
  const uint32_t remote = MACH_MSGH_BITS_REMOTE(h.msgh_bits), local = MACH_MSGH_BITS_LOCAL(h.msgh_bits),
                 kind = MACH_MSGH_BITS_VOUCHER(h.msgh_bits);
  const mach_port_name_t voucher = voucher_of(h);
  if (local == 0 ? h.msgh_local_port != MACH_PORT_NULL : !MACH_MSG_TYPE_PORT_ANY_SEND(local))
    return MACH_SEND_INVALID_HEADER;
  if (kind != 0 && (!wants_send(kind) || voucher == MACH_PORT_DEAD)) return MACH_SEND_INVALID_VOUCHER;
  if (!MACH_MSG_TYPE_PORT_ANY_SEND(remote)) return MACH_SEND_INVALID_HEADER;
  if (!MACH_PORT_VALID(h.msgh_remote_port)) return MACH_SEND_INVALID_DEST;
  if (h.msgh_remote_port == voucher && !wants_send(remote)) return MACH_SEND_INVALID_DEST;
  if (h.msgh_remote_port == h.msgh_local_port &&
      (remote == MACH_MSG_TYPE_MOVE_SEND_ONCE || local == MACH_MSG_TYPE_MOVE_SEND_ONCE))
    return MACH_SEND_INVALID_DEST;
  if (MACH_PORT_VALID(h.msgh_local_port) && h.msgh_local_port == voucher) return MACH_SEND_INVALID_REPLY;
  return MACH_MSG_SUCCESS;
}

bool makes(uint32_t disposition) {
  return disposition == MACH_MSG_TYPE_MAKE_SEND || disposition == MACH_MSG_TYPE_MAKE_SEND_ONCE;
}

bool entry_allows(const Entry& entry, uint32_t disposition) {
  if (makes(disposition)) return entry.has(kTypeReceive);
  return entry.has(wants_send(disposition) ? kTypeSend : kTypeSendOnce);
}

// messages 5.3, steps 4 and 5. What is dead can be copied and moved, but nothing is made from it.
bool reply_allowed(Txn& txn, Locked<Space>& space, Entry& entry, uint32_t disposition) {
  if (entry.has(kTypePset)) return false;
  if (entry.has(kTypeDead)) return !makes(disposition);
  if (!entry.has(kTypeReceive) && right_check(txn, space, entry)) return !makes(disposition);
  return entry_allows(entry, disposition);
}

// A send-once right whose port has died, not yet a dead name and not watched: the message is swallowed.
bool swallows(Txn& txn, const Entry& entry, uint32_t disposition) {
  if (disposition != MACH_MSG_TYPE_MOVE_SEND_ONCE || !entry.has(kTypeSendOnce) || entry.request != 0)
    return false;
  return !txn.lock(Handle<Port>{entry.object})->active();
}

bool same_name_allowed(const Entry& entry, uint32_t remote, uint32_t local) {
  if (moves(remote) && moves(local)) return entry.urefs >= 2;
  return true;
}

void stamp(const Send& send, Kmsg& kmsg) {
  const Sender& from = send.segment().at(send.task).credentials;
  Sender& to = kmsg.sender;
  to.uid.init(from.uid);
  to.gid.init(from.gid);
  to.ruid.init(from.ruid);
  to.rgid.init(from.rgid);
  to.pid.init(from.pid);
  to.pid_version.init(from.pid_version);
}

// The message, made now unless it was before.
Kmsg& kmsg_in_hand(Txn& txn, Send& send) {
  if (!send.is_held) {
    send.handle = kmsg_make(txn, send.arguments.size);
    raw_copy(send.kmsg().inline_body, send.bytes.body, send.arguments.size - kHeaderSize);
  }
  Kmsg& kmsg = send.kmsg();
  kmsg.id.init(send.header().msgh_id);
  kmsg.voucher.init(send.header().msgh_voucher_port);
  stamp(send, kmsg);
  return kmsg;
}

// The message stays in hand when the transaction ends …
Hold& keep(Txn& txn, const Send& send) {
  return send.is_held ? *txn.find_hold(kHoldKmsg, send.handle.index) : txn.hold(kHoldKmsg, send.handle.index);
}
// … or does not.
void give(Txn& txn, const Send& send) {
  if (send.is_held) txn.drop(*txn.find_hold(kHoldKmsg, send.handle.index));
}

// MACH_SEND_NOTIFY (messages 5.7).
void arm_send_possible(Txn& txn, Kmsg& kmsg, Locked<Port>& port, Entry& entry) {
  if (MACH_MSGH_BITS_REMOTE(kmsg.bits) != MACH_MSG_TYPE_PORT_SEND || !port->active() ||
      port->kobject_type != 0)
    return;
  if (entry.request == 0 || entry.object != port.handle().index) return;
  const Handle<Request> handle{entry.request};
  const Request& request = txn.segment().at(handle);
  if (request.state != kRequestDelayed && request.state != kRequestArmed) return;
  if (port->msgcount < port->qlimit) {
    txn.set(kmsg.flags, kmsg.flags | kKmsgExempt);
  } else if (request.state == kRequestDelayed) {
    request_arm(txn, port, handle);
  }
}

// messages 5.1, step 11: what mach_msg2 says of its destination must be so.
bool kind_is_right(const Send& send, const Port& port) {
  if (send.arguments.given == nullptr) return true;
  const uint64_t call = send.arguments.given->call;
  if (call == MACH64_SEND_ANY) return true;
  return call == (port.kobject_type != 0 ? MACH64_SEND_KOBJECT_CALL : MACH64_SEND_MQ_CALL);
}

// Takes the header's rights, and posts a simple message in the same transaction if nothing stands in its way.
int take_header(Send& send, Txn& txn) {
  const mach_msg_header_t& h = send.header();
  const uint32_t remote = MACH_MSGH_BITS_REMOTE(h.msgh_bits), local = MACH_MSGH_BITS_LOCAL(h.msgh_bits);
  Locked<Space> space = txn.lock(send.space);
  if (space->state != kSpaceActive) return MACH_SEND_INVALID_DEST;
  // No voucher exists here: only the null one can be named.
  if (voucher_of(h) != MACH_PORT_NULL) return MACH_SEND_INVALID_VOUCHER;
  Entry* dest = entry_find(txn, space, Name{h.msgh_remote_port});
  if (dest == nullptr || dest->has(kTypePset | kTypeDead)) return MACH_SEND_INVALID_DEST;
  Entry* reply = nullptr;
  const Name reply_name{h.msgh_local_port};
  if (local != 0 && reply_name.valid()) {
    reply = entry_find(txn, space, reply_name);
    if (reply == nullptr || !reply_allowed(txn, space, *reply, local)) return MACH_SEND_INVALID_REPLY;
  }
  const bool swallowed = swallows(txn, *dest, remote);
  if (!swallowed && !dest->has(kTypeReceive) && right_check(txn, space, *dest)) return MACH_SEND_INVALID_DEST;
  if (!swallowed && !entry_allows(*dest, remote)) return MACH_SEND_INVALID_DEST;
  if (reply == dest && !same_name_allowed(*dest, remote, local)) return MACH_SEND_INVALID_DEST;

  // Nothing fails from here on.
  Kmsg& kmsg = kmsg_in_hand(txn, send);
  // Of two rights from one name, what is copied or made goes before what is moved.
  NakedRight to,
      back{reply_name.value == MACH_PORT_DEAD ? kRightDead : kRightNull, received_disposition(local)};
  const bool reply_first = reply != nullptr && reply == dest && moves(remote) && !moves(local);
  if (reply_first) right_copyin(txn, space, *reply, local, back);
  if (swallowed) {
    Locked<Port> port = txn.lock(Handle<Port>{dest->object});
    entry_free(txn, space, *dest);
    send_once_right_consume(txn, port);
    to = {kRightNull, MACH_MSG_TYPE_PORT_SEND_ONCE};
  } else {
    right_copyin(txn, space, *dest, remote, to);
  }
  if (reply != nullptr && !reply_first) right_copyin(txn, space, *reply, local, back);

  // The flag says that the words before it hold rights: it alone has to be taken back if this is undone.
  kmsg.bits.init(MACH_MSGH_BITS_SET(to.disposition, back.disposition, MACH_MSGH_BITS_VOUCHER(h.msgh_bits),
                                    h.msgh_bits & MACH_MSGH_BITS_COMPLEX));
  kmsg.remote.init(to.port);
  kmsg.local.init(back.port);
  txn.set(kmsg.flags, kmsg.flags | kKmsgHeaderTaken);
  if (swallowed) {
    Hold& hold = keep(txn, send);
    if (send.is_complex()) return kSwallowed;
    kmsg_destroy(txn, hold);
    return kPosted;
  }
  Locked<Port> port = txn.lock(Handle<Port>{to.port});
  if ((send.arguments.option & MACH_SEND_NOTIFY) != 0) arm_send_possible(txn, kmsg, port, *dest);
  if (!kind_is_right(send, *port)) {
    kmsg_destroy(txn, keep(txn, send));
    return kRefused;
  }
  const bool at_once = !send.is_complex() && port->kobject_type == 0 && port->active() &&
                       mqueue_send(txn, port, send.handle, true) == SendVerdict::posted;
  if (!at_once) {
    keep(txn, send);
    return MACH_MSG_SUCCESS;
  }
  give(txn, send);
  return kPosted;
}

// Kernel objects take neither guarded nor volatile descriptors from mach_msg2.
bool kernel_takes(const Send& send) {
  const GivenHeader* given = send.arguments.given;
  if (given == nullptr || (given->call & (MACH64_SEND_KOBJECT_CALL | MACH64_SEND_DK_CALL)) == 0) return true;
  uint32_t offset = kBodyFirst;
  for (uint32_t i = 0; i < send.kmsg().descriptors; i++) {
    const Descriptor d = descriptor_at(send.segment(), send.kmsg(), offset);
    if (d.type == MACH_MSG_GUARDED_PORT_DESCRIPTOR || d.type == MACH_MSG_OOL_VOLATILE_DESCRIPTOR)
      return false;
    offset += d.length;
  }
  return true;
}

// The bytes, and of a complex message its descriptors as far as they can be judged without the space. The
// message is held then.
mach_msg_return_t make_message(Send& send, uint32_t descriptors) {
  const SendArguments& a = send.arguments;
  send.handle = kmsg_alloc(send.self, a.size, send.aux());
  if (!send.handle) return MACH_SEND_NO_BUFFER;
  send.is_held = true;
  Kmsg& kmsg = send.kmsg();
  if (send.is_short())
    raw_copy(kmsg.inline_body, send.bytes.body, a.size - kHeaderSize);
  else if (!body_copy_in(send.segment(), kmsg, send.user, a.buffer + kHeaderSize))
    return MACH_SEND_INVALID_DATA;
  if (send.aux() != 0 && !aux_copy_in(send.segment(), kmsg, send.user, a.given->aux))
    return MACH_SEND_INVALID_DATA;
  if (!send.is_complex()) return MACH_MSG_SUCCESS;
  // The count may have changed under our hands: what was checked is what counts.
  body_word(send.segment(), kmsg, 0).init(descriptors);
  kmsg.descriptors.init(descriptors);
  const mach_msg_return_t code = kmsg_check_descriptors(send.segment(), kmsg);
  return code == MACH_MSG_SUCCESS && !kernel_takes(send) ? MACH_SEND_INVALID_TYPE : code;
}

// The header, from the buffer or from the arguments; of a short message all of it.
bool read_bytes(Send& send) {
  const SendArguments& a = send.arguments;
  if (a.given == nullptr)
    return send.user.copy_in(&send.bytes, a.buffer, send.is_short() ? a.size : kHeaderSize);
  send.bytes.header = a.given->header;
  const uint32_t body = a.size - kHeaderSize;
  return !send.is_short() || body == 0 || send.user.copy_in(send.bytes.body, a.buffer + kHeaderSize, body);
}

// The number of descriptors; steps 2 and 3 of messages 5.1.
mach_msg_return_t count_descriptors(const Send& send, uint32_t& descriptors) {
  const SendArguments& a = send.arguments;
  if (send.is_complex() && a.size < sizeof(mach_msg_base_t)) return MACH_SEND_MSG_TOO_SMALL;
  if (a.given != nullptr) {
    descriptors = a.given->descriptors;
    const uint32_t most = a.given->call == MACH64_SEND_KOBJECT_CALL ? kKobjectDescriptors : ~0u;
    if (descriptors > (send.is_complex() ? most : 0)) return MACH_SEND_TOO_LARGE;
  } else if (send.is_complex() &&
             !send.user.copy_in(&descriptors, a.buffer + kHeaderSize, sizeof descriptors)) {
    return MACH_SEND_INVALID_DATA;
  }
  const bool fit = !send.is_complex() || descriptors <= (a.size - sizeof(mach_msg_base_t)) / 12;
  return fit ? MACH_MSG_SUCCESS : MACH_SEND_MSG_TOO_SMALL;
}

// Steps 1 to 8: sizes, the buffer, the bytes, the descriptors.
mach_msg_return_t take_bytes(Send& send) {
  const SendArguments& a = send.arguments;
  if (a.size < kHeaderSize || (a.size & 3) != 0) return MACH_SEND_MSG_TOO_SMALL;
  if (a.size > kSendSizeMax) return MACH_SEND_TOO_LARGE;
  if (!read_bytes(send)) return MACH_SEND_INVALID_DATA;
  send.bytes.header.msgh_bits &= MACH_MSGH_BITS_USER;
  uint32_t descriptors = 0;
  mach_msg_return_t code = count_descriptors(send, descriptors);
  if (code == MACH_MSG_SUCCESS && (send.is_complex() || !send.is_short()))
    code = make_message(send, descriptors);
  return code == MACH_MSG_SUCCESS ? check_header(send.header()) : code;
}

// Destroys the message; the send has succeeded as far as its sender is to know.
mach_msg_return_t swallow(const Send& send) {
  kmsg_destroy(send.self, send.handle);
  return MACH_MSG_SUCCESS;
}

// Messages to kernel objects are answered in the sender's own thread (ports 12).
mach_msg_return_t answer_for_kernel(const Send& send) {
  const auto serve = static_cast<const Layers*>(send.segment().upper)->tasks.serve;
  if (serve != nullptr) serve(send.self, send.handle, send.user);
  return swallow(send);
}

// What the first look at the destination says.
enum class Delivery { posted, swallowed, kernel, wait, timed_out, no_buffer };

Delivery try_deliver(const Send& send) {
  Delivery delivery = Delivery::posted;
  transact(send.self, Needs{}, [&](Txn& txn) {
    Kmsg& kmsg = send.kmsg();
    Locked<Port> port = txn.lock(Handle<Port>{kmsg.remote});
    if ((kmsg.flags & kKmsgCircular) != 0 || !port->active()) {
      delivery = Delivery::swallowed;
    } else if (port->kobject_type != 0) {
      txn.add(port->seqno, 1);
      delivery = Delivery::kernel;
    } else {
      switch (mqueue_send(txn, port, send.handle, send.no_wait())) {
        case SendVerdict::posted:
          txn.drop(*txn.find_hold(kHoldKmsg, send.handle.index));
          delivery = Delivery::posted;
          break;
        case SendVerdict::timed_out:
          delivery = Delivery::timed_out;
          break;
        case SendVerdict::no_buffer:
          delivery = Delivery::no_buffer;
          break;
        case SendVerdict::must_wait:
          mqueue_wait_for_room(txn, port);
          delivery = Delivery::wait;
          break;
      }
    }
    return 0;
  });
  return delivery;
}

// Sleeps until there is room, the port dies, or the wait ends; then says what became of it.
mach_msg_return_t wait_for_room(const Send& send, bool& destroyed) {
  Frame& frame = send.self.frame();
  const WaitEnd end = wait_for_grant(
      send.self, frame,
      deadline_after(send.arguments.timeout, (send.arguments.option & MACH_SEND_TIMEOUT) != 0), true);
  mach_msg_return_t code = MACH_MSG_SUCCESS;
  transact(send.self, Needs{}, [&](Txn& txn) {
    destroyed = false;
    code = MACH_MSG_SUCCESS;
    Locked<Port> port = txn.lock(Handle<Port>{send.kmsg().remote});
    if (frame.state == kWaitSend) {
      mqueue_unwait(txn, port, frame, send.self.frame_id());
      code = end == WaitEnd::timed_out ? MACH_SEND_TIMED_OUT : MACH_SEND_INTERRUPTED;
      return 0;
    }
    const bool slot = frame.state == kGrantSlot;
    txn.set(frame.state, kWaitNone);
    if (slot && port->active()) {
      mqueue_post(txn, port, send.handle, SlotFrom::promised);
      txn.drop(*txn.find_hold(kHoldKmsg, send.handle.index));
      return 0;
    }
    if (slot) txn.add(port->msgcount, static_cast<uint32_t>(-1));
    destroyed = true;
    return 0;
  });
  return code;
}

// A message that was not taken goes back to its sender (messages 5.6).
mach_msg_return_t give_back(const Send& send, mach_msg_return_t code) {
  Kmsg& kmsg = send.kmsg();
  mach_msg_return_t bits = MACH_MSG_SUCCESS;
  bool stuck = false;  // something in it can be neither given back nor destroyed, for want of memory
  mach_port_name_t names[2] = {MACH_PORT_NULL, MACH_PORT_NULL};
  for (unsigned i = 0; i < 2; i++) {
    Cell<uint32_t>& word = i == 0 ? kmsg.remote : kmsg.local;
    const uint32_t disposition = i == 0 ? MACH_MSGH_BITS_REMOTE(kmsg.bits) : MACH_MSGH_BITS_LOCAL(kmsg.bits);
    Name name;
    const kern_return_t copied =
        with_room(send.self, send.space, kCopyoutNeeds.with<Kmsg>(1), [&](Txn& txn) -> int {
          name = Name{word};
          if (!name.valid()) return KERN_SUCCESS;
          Locked<Space> space = txn.lock(send.space);
          const kern_return_t out = right_copyout(txn, space, {word, disposition}, name);
          if (out != KERN_SUCCESS && out != KERN_INVALID_CAPABILITY) return out;
          txn.set(word, kRightNull);
          return KERN_SUCCESS;
        });
    names[i] = name.value;
    if (copied == KERN_SUCCESS) continue;
    names[i] = MACH_PORT_NULL;
    bits |= right_bits(copied);
    const int destroyed = transact(send.self, kDropNeeds.with<Kmsg>(1), [&](Txn& txn) {
      const uint32_t port = word;
      naked_destroy(txn, {port, disposition});
      txn.set(word, kRightNull);
      return 0;
    });
    stuck |= destroyed != 0;
  }
  const CopiedOut body =
      kmsg_copyout_body(send.self, send.space, send.handle, send.user, true, send.arguments.buffer, true);
  bits |= body.bits;
  mach_msg_header_t header = send.header();
  header.msgh_bits = kmsg.bits;
  header.msgh_size = kmsg.size;
  header.msgh_remote_port = names[0];
  header.msgh_local_port = names[1];
  if (send.user.copy_out(send.arguments.buffer, &header, sizeof header))
    body_copy_out(send.segment(), kmsg, send.user, send.arguments.buffer + kHeaderSize);
  if (body.stuck) kmsg_hide_rest(send.segment(), kmsg, send.user, send.arguments.buffer, body.array);
  if (stuck || body.stuck)
    kmsg_destroy(send.self, send.handle);
  else
    kmsg_free(send.self, send.handle);
  return code | bits;
}

mach_msg_return_t deliver(const Send& send) {
  switch (try_deliver(send)) {
    case Delivery::posted:
      return MACH_MSG_SUCCESS;
    case Delivery::swallowed:
      return swallow(send);
    case Delivery::kernel:
      return answer_for_kernel(send);
    case Delivery::timed_out:
      return give_back(send, MACH_SEND_TIMED_OUT);
    case Delivery::no_buffer:
      return give_back(send, MACH_SEND_NO_BUFFER);
    case Delivery::wait:
      break;
  }
  bool destroyed = false;
  const mach_msg_return_t code = wait_for_room(send, destroyed);
  if (destroyed) return swallow(send);
  return code == MACH_MSG_SUCCESS ? code : give_back(send, code);
}

}  // namespace

uint64_t deadline_after(mach_msg_timeout_t ms, bool bounded) {
  return bounded ? monotonic_ns() + uint64_t{ms} * 1'000'000 : kNever;
}

mach_msg_return_t msg_send(Thread& self, Handle<Task> task, Handle<Space> space, UserMemory& user,
                           const SendArguments& arguments) {
  Send send{self, task, space, user, arguments};
  mach_msg_return_t code = take_bytes(send);
  if (code == MACH_MSG_SUCCESS)
    code = transact(
        self, kSendNeeds, [&](Txn& txn) { return take_header(send, txn); }, MACH_SEND_NO_BUFFER);
  if (code == kPosted) return MACH_MSG_SUCCESS;
  if (code == kRefused) return MACH_SEND_INVALID_OPTIONS;
  const bool swallowed = code == kSwallowed;
  if (code != MACH_MSG_SUCCESS && !swallowed) {
    if (send.is_held) kmsg_free(self, send.handle);
    return code;
  }
  send.is_held = true;
  code = kmsg_copyin_body(self, space, send.handle, user);
  if (code != MACH_MSG_SUCCESS) {
    kmsg_destroy(self, send.handle);
    return code;
  }
  return swallowed ? swallow(send) : deliver(send);
}

}  // namespace portolan::ipc
