// SPDX-License-Identifier: Apache-2.0
// Shared by the files of src/task: send rights in a task's keeping, and copying one out to a space.
#pragma once

#include <mach/message.h>

#include "task/task.hpp"

namespace portolan::task_detail {

using ipc::kRightDead;
using ipc::kRightNull;
using ipc::NakedRight;
using ipc::Port;
using ipc::Space;
using ipc::Task;

inline NakedRight send_right(uint32_t port) { return {port, MACH_MSG_TYPE_PORT_SEND}; }

// What a task has in a slot, copied: the same port with one more send right, or nothing, or what is dead.
inline uint32_t copy_held(Txn& txn, uint32_t held) {
  if (held == kRightNull || held == kRightDead) return held;
  Locked<Port> port = txn.lock(Handle<Port>{held});
  if (!port->active()) return kRightDead;
  ipc::send_right_copy(txn, port);
  return held;
}

// A new send right to a port of the kernel's.
inline uint32_t make_held(Txn& txn, Handle<Port> handle) {
  if (!handle) return kRightNull;
  Locked<Port> port = txn.lock(handle);
  if (!port->active()) return kRightDead;
  ipc::send_right_make(txn, port);
  return handle.index;
}

// The right that a name denotes, as a copied send right, or what passes for one.
inline kern_return_t copyin_send(Txn& txn, Locked<Space>& space, mach_port_name_t value, NakedRight& right) {
  const ipc::Name name{value};
  right = send_right(value == MACH_PORT_DEAD ? kRightDead : kRightNull);
  if (!name.valid()) return KERN_SUCCESS;
  ipc::Entry* entry = space->state == ipc::kSpaceActive ? ipc::entry_find(txn, space, name) : nullptr;
  if (entry == nullptr ||
      ipc::right_copyin(txn, space, *entry, MACH_MSG_TYPE_COPY_SEND, right) != KERN_SUCCESS)
    return MACH_SEND_INVALID_RIGHT;
  return KERN_SUCCESS;
}

// Copies a send right out to a space, growing its table as often as need be. `take(txn, right)` gets the
// right within the transaction, whose needs are `needs` besides kCopyoutNeeds; its failure ends everything.
template <class Take>
kern_return_t copyout(Thread& self, Handle<Space> to, const Needs& needs, mach_port_name_t& name,
                      Take&& take) {
  Needs all = needs;
  for (unsigned i = 0; i < kMaxZones; i++)
    all.count[i] = static_cast<uint8_t>(all.count[i] + ipc::kCopyoutNeeds.count[i]);
  all.zones |= ipc::kCopyoutNeeds.zones;
  for (;;) {
    const kern_return_t code = transact(self, all, [&](Txn& txn) -> int {
      name = MACH_PORT_NULL;
      NakedRight right;
      const kern_return_t taken = take(txn, right);
      if (taken != KERN_SUCCESS) return txn.roll_back(taken);
      if (right.port == kRightNull) return KERN_SUCCESS;
      if (right.port == kRightDead) {
        name = MACH_PORT_DEAD;
        return KERN_SUCCESS;
      }
      Locked<Space> space = txn.lock(to);
      ipc::Name out;
      const kern_return_t put = ipc::right_copyout(txn, space, right, out);
      if (put != KERN_SUCCESS && put != KERN_INVALID_CAPABILITY) return txn.roll_back(put);
      name = out.value;
      return KERN_SUCCESS;
    });
    if (code != KERN_NO_SPACE) return code;
    const kern_return_t grown = ipc::space_grow(self, to, 1);
    if (grown != KERN_SUCCESS) return grown;
  }
}

}  // namespace portolan::task_detail
