// SPDX-License-Identifier: Apache-2.0
#include "task/exception.hpp"

#include <mach/exception_types.h>
#include <mach/ndr.h>
#include <string.h>

#include "ipc/kmsg.hpp"
#include "ipc/mqueue.hpp"
#include "ipc/notify.hpp"
#include "task/task_internal.hpp"

namespace portolan {

using namespace task_detail;

namespace {

using ipc::Kmsg;
using Level = ExceptionTarget::Level;

struct Action {
  Handle<Port> port;
  uint32_t behavior = 0, flavor = 0;
  uint32_t kind() const { return behavior & ~MACH_EXCEPTION_MASK; }
  bool long_codes() const { return (behavior & MACH_EXCEPTION_CODES) != 0; }
  bool identity() const { return kind() != EXCEPTION_STATE; }
  bool state() const { return kind() != EXCEPTION_DEFAULT; }
};

// The body as it will lie in the message.
struct Body {
  uint32_t words[128];
  uint32_t count = 0;
  void put(uint32_t word) { words[count++] = word; }
  uint32_t size() const { return 4 * count; }
};

constexpr uint32_t kRightWords = 7;  // the count of descriptors, and two of them

// The action as it is now, with a send right in our hand.
kern_return_t take_action(Thread& self, const ExceptionTarget& target, uint32_t type, Action& action) {
  return transact(self, Needs{}, [&](Txn& txn) -> int {
    ipc::ActionList list;
    const kern_return_t code = exception_ports_list(txn, target, 1u << type, ipc::Rights::copied, list);
    if (code != KERN_SUCCESS) return code;
    const ipc::ActionList::One& one = list.of[0];
    if (list.count == 0 || one.port == kRightNull || one.port == kRightDead) return KERN_FAILURE;
    action = {{one.port}, one.behavior, one.flavor};
    txn.hold(ipc::kHoldSendRight, one.port);
    return KERN_SUCCESS;
  });
}

void put_codes(Body& body, const Action& action, const ExceptionReport& report) {
  body.put(report.type);
  body.put(2);
  for (const uint64_t code : report.code) {
    body.put(static_cast<uint32_t>(code));
    if (action.long_codes()) body.put(static_cast<uint32_t>(code >> 32));
  }
}

kern_return_t make_body(Body& body, const Action& action, const ExceptionReport& report) {
  if (action.kind() > EXCEPTION_STATE_IDENTITY) return KERN_NOT_SUPPORTED;
  if (action.identity()) {
    body.put(2);
    for (uint32_t i = 1; i < kRightWords; i++) body.put(0);
  }
  uint32_t ndr[2];
  memcpy(ndr, ipc::kNdr, sizeof ndr);
  body.put(ndr[0]);
  body.put(ndr[1]);
  put_codes(body, action, report);
  if (!action.state()) return KERN_SUCCESS;
  uint32_t words[kExceptionStateMost];
  const uint32_t count = report.state(report.context, action.flavor, words);
  if (count == 0) return KERN_INVALID_ARGUMENT;
  body.put(action.flavor);
  body.put(count);
  for (uint32_t i = 0; i < count; i++) body.put(words[i]);
  return KERN_SUCCESS;
}

mach_msg_id_t id_of(const Action& action) {
  return (action.long_codes() ? 2405 : 2401) + static_cast<mach_msg_id_t>(action.kind()) - 1;
}

// Descriptor n of the body is a send right that is made here.
void give(Txn& txn, Kmsg& kmsg, Handle<Port> port) {
  const uint32_t at = kmsg.edge_in;
  txn.set(ipc::body_word(txn.segment(), kmsg, at), make_held(txn, port));
  txn.set(ipc::body_word(txn.segment(), kmsg, at + 8), MACH_MSG_TYPE_PORT_SEND << 16);
  txn.set(kmsg.edge_in, at + 12);
  txn.add(kmsg.converted_in, 1);
}

struct Sending {
  Action action;
  Handle<Kmsg> kmsg;
  Handle<Port> thread;
  Handle<Space> space;
  ipc::Name reply;
  bool crash;
};

// Rights, header and queue in one: the message is sent with all that it carries, or is as it was.
kern_return_t post(Txn& txn, const Sending& s) {
  Kmsg& kmsg = txn.segment().at(s.kmsg);
  Locked<Task> task = txn.lock(Handle<Task>{txn.self().slot().task});
  Locked<Space> space = txn.lock(s.space);
  const ipc::Entry* entry = ipc::entry_find(txn, space, s.reply);
  if (entry == nullptr || !entry->has(ipc::kTypeReceive)) return KERN_INVALID_NAME;
  Locked<Port> port = txn.lock(s.action.port);
  if (!port->active() || port->kobject_type != 0) return KERN_FAILURE;
  const bool own = port->receiver == s.space.index && !port->is(ipc::kPortInTransit);
  if (s.crash && own) return KERN_FAILURE;
  Locked<Port> reply = txn.lock(Handle<Port>{entry->object});
  ipc::send_once_right_make(txn, reply);
  const bool complex = s.action.identity();
  txn.set(kmsg.remote, s.action.port.index);
  txn.set(kmsg.local, entry->object.get());
  txn.set(kmsg.bits, MACH_MSGH_BITS(MACH_MSG_TYPE_PORT_SEND, MACH_MSG_TYPE_PORT_SEND_ONCE) |
                         (complex ? MACH_MSGH_BITS_COMPLEX : 0));
  txn.set(kmsg.flags, ipc::kKmsgFromKernel | ipc::kKmsgHeaderTaken);
  if (complex) {
    give(txn, kmsg, s.thread);
    give(txn, kmsg, Handle<Port>{task->port});
  }
  txn.drop(*txn.find_hold(ipc::kHoldSendRight, s.action.port.index));
  txn.drop(*txn.find_hold(ipc::kHoldKmsg, s.kmsg.index));
  ipc::mqueue_post(txn, port, s.kmsg, ipc::SlotFrom::fresh);
  return KERN_SUCCESS;
}

void put_back(Thread& self, Handle<Port> port) {
  const int code = transact(self, ipc::kDropNeeds, [&](Txn& txn) {
    ipc::naked_destroy(txn, send_right(port.index));
    txn.drop(*txn.find_hold(ipc::kHoldSendRight, port.index));
    return 0;
  });
  if (code != 0) self.left_in_hand = true;
}

kern_return_t send(Thread& self, const Action& action, const ExceptionReport& report, Handle<Space> space,
                   ipc::Name reply) {
  Body body;
  kern_return_t code = make_body(body, action, report);
  if (code != KERN_SUCCESS) return code;
  const Handle<Port> thread = thread_port(self, self.index());
  const Handle<Kmsg> handle = ipc::kmsg_alloc(self, ipc::kHeaderSize + body.size());
  if (!handle) return KERN_RESOURCE_SHORTAGE;
  Kmsg& kmsg = self.segment().at(handle);
  kmsg.id.init(id_of(action));
  if (action.identity()) kmsg.descriptors.init(2);
  for (uint32_t i = 0; i < body.count; i++) ipc::body_word(self.segment(), kmsg, 4 * i).init(body.words[i]);
  code = KERN_RESOURCE_SHORTAGE;
  if (thread) {
    const Sending sending{action, handle, thread, space, reply, report.type == EXC_CRASH};
    code = transact(self, Needs{}, [&](Txn& txn) -> int {
      const kern_return_t posted = post(txn, sending);
      return posted == KERN_SUCCESS ? posted : txn.roll_back(posted);
    });
  }
  if (code != KERN_SUCCESS) ipc::kmsg_destroy(self, handle);
  return code;
}

}  // namespace

bool exception_wanted(const Segment& segment, const ExceptionTarget& target, uint32_t type) {
  uint32_t actions = 0;
  if (target.level == Level::thread) actions = segment.slot(target.slot).actions;
  if (target.level == Level::task) actions = segment.at(target.task.handle).actions;
  if (target.level == Level::host) actions = segment.header().roots[ipc::kRootHostActions];
  if (!segment.plausible(ipc::kZoneActions, actions)) return false;
  const uint32_t port = segment.at(Handle<ipc::Actions>{actions}).of[type].port;
  return port != kRightNull && port != kRightDead;
}

kern_return_t exception_send(Thread& self, const ExceptionTarget& target, const ExceptionReport& report,
                             Handle<Space> space, ipc::Name reply, ExceptionRequest& request) {
  Action action;
  kern_return_t code = take_action(self, target, report.type, action);
  if (code != KERN_SUCCESS) return code;
  code = send(self, action, report, space, reply);
  if (code != KERN_SUCCESS) put_back(self, action.port);
  request = {id_of(action), action.state()};
  settle(self);
  return code;
}

}  // namespace portolan
