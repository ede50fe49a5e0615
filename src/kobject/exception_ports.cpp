// SPDX-License-Identifier: Apache-2.0
#include "kobject/exception_ports.hpp"

#include <mach/mig_errors.h>

namespace portolan::kobject {

namespace {

using ipc::ActionList;
using ipc::kRightDead;
using ipc::kRightNull;

bool send_or_none(const RightInHand& in_hand) {
  return in_hand.right.port == kRightNull || in_hand.right.port == kRightDead ||
         in_hand.right.disposition == MACH_MSG_TYPE_PORT_SEND;
}

ipc::ActionChange change_in(const Call& c) { return {c.in(0), c.in(1), c.in(2)}; }

void put_rights(Call& c, Txn& txn, const ActionList& list) {
  for (unsigned i = 0; i < kHandlersMost; i++)
    c.put_right(txn, {i < list.count ? list.of[i].port : kRightNull, MACH_MSG_TYPE_PORT_SEND});
}

void out_list(Call& c, const ActionList& list) {
  c.out(list.count);
  for (unsigned i = 0; i < list.count; i++) c.out(list.of[i].mask);
}

void out_kinds(Call& c, const ActionList& list) {
  for (unsigned i = 0; i < list.count; i++) c.out(list.of[i].behavior);
  for (unsigned i = 0; i < list.count; i++) c.out(list.of[i].flavor);
}

}  // namespace

// The right stays in the request, and ends with it: what is stored are copies.
kern_return_t set_exception_ports(Call& c) {
  const RightInHand port = c.right_in(0);
  if (!send_or_none(port)) return MIG_TYPE_ERROR;
  return transact(c.self(), ipc::kActionNeeds, [&](Txn& txn) -> int {
    return exception_ports_store(txn, c.target(), change_in(c), port.right.port);
  });
}

kern_return_t get_exception_ports(Call& c) {
  ActionList list;
  const kern_return_t code = transact(c.self(), Needs{}, [&](Txn& txn) -> int {
    const kern_return_t answer = exception_ports_list(txn, c.target(), c.in(0), ipc::Rights::copied, list);
    if (answer == KERN_SUCCESS) put_rights(c, txn, list);
    return answer;
  });
  if (code != KERN_SUCCESS) return code;
  out_list(c, list);
  out_kinds(c, list);
  return KERN_SUCCESS;
}

kern_return_t swap_exception_ports(Call& c) {
  const RightInHand port = c.right_in(0);
  if (!send_or_none(port)) return MIG_TYPE_ERROR;
  ActionList old;
  const kern_return_t code = transact(c.self(), ipc::kActionNeeds, [&](Txn& txn) -> int {
    const kern_return_t answer =
        exception_ports_exchange(txn, c.target(), change_in(c), port.right.port, old);
    if (answer == KERN_SUCCESS) put_rights(c, txn, old);
    return answer;
  });
  if (code != KERN_SUCCESS) return code;
  out_list(c, old);
  out_kinds(c, old);
  return KERN_SUCCESS;
}

HandlerInfo handler_info(Txn& txn, uint32_t index) {
  if (index == kRightNull || index == kRightDead) return {};
  Locked<Port> port = txn.lock(Handle<Port>{index});
  if (!port->active()) return {};
  const bool held = port->receiver != 0 && !port->is(ipc::kPortInTransit);
  return {static_cast<uint32_t>(port->identity), held ? port->receiver.get() : 0};
}

kern_return_t get_exception_ports_info(Call& c) {
  ActionList list;
  HandlerInfo info[ipc::kExceptionTypes];
  const kern_return_t code = transact(c.self(), Needs{}, [&](Txn& txn) -> int {
    const kern_return_t answer = exception_ports_list(txn, c.target(), c.in(0), ipc::Rights::none, list);
    for (unsigned i = 0; answer == KERN_SUCCESS && i < list.count; i++)
      info[i] = handler_info(txn, list.of[i].stored);
    return answer;
  });
  if (code != KERN_SUCCESS) return code;
  out_list(c, list);
  for (unsigned i = 0; i < list.count; i++) {
    c.out(info[i].port);
    c.out(info[i].receiver);
  }
  out_kinds(c, list);
  return KERN_SUCCESS;
}

}  // namespace portolan::kobject
