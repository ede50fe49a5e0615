// SPDX-License-Identifier: Apache-2.0
#include "ipc/actions.hpp"

#include <mach/exception_types.h>

namespace portolan::ipc {

namespace {

constexpr uint32_t kValidMask = ((1u << kExceptionTypes) - 1) & ~1u;

bool is_right(uint32_t port) { return port != kRightNull && port != kRightDead; }

// The same port once more; what is dead by now is dead.
uint32_t copy_right(Txn& txn, uint32_t held) {
  if (!is_right(held)) return held;
  Locked<Port> port = txn.lock(Handle<Port>{held});
  if (!port->active()) return kRightDead;
  send_right_copy(txn, port);
  return held;
}

Actions& array_of(Txn& txn, Cell<uint32_t>& owner) {
  if (owner == 0) txn.set(owner, actions_make(txn).index);
  return txn.segment().at(Handle<Actions>{owner});
}

void put(Txn& txn, Actions::Action& action, const ActionChange& change, uint32_t port) {
  txn.set(action.port, copy_right(txn, port));
  txn.set(action.behavior, change.behavior);
  txn.set(action.flavor, change.flavor);
}

// The entry of the list that an action belongs to; true: it is new, and has no right yet.
bool enter(ActionList& list, unsigned type, uint32_t port, uint32_t behavior, uint32_t flavor,
           ActionList::One*& one) {
  for (unsigned i = 0; i < list.count; i++) {
    one = &list.of[i];
    if (one->stored != port || one->behavior != behavior || one->flavor != flavor) continue;
    one->mask |= 1u << type;
    return false;
  }
  one = &list.of[list.count++];
  *one = {1u << type, kRightNull, behavior, flavor, port};
  return true;
}

bool known_flavor(uint32_t flavor) {
#if defined(__x86_64__)
  return flavor <= 13 || (flavor >= 16 && flavor <= 25);
#else
  constexpr uint32_t kKnown = 1u << 0 | 1u << 1 | 1u << 2 | 1u << 3 | 1u << 5 | 1u << 6 | 1u << 7 | 1u << 9 |
                              1u << 10 | 1u << 14 | 1u << 15 | 1u << 16 | 1u << 17 | 1u << 27;
  return flavor < 32 && (kKnown >> flavor & 1) != 0;
#endif
}

}  // namespace

Handle<Actions> actions_make(Txn& txn) {
  const Handle<Actions> handle = txn.allocate<Actions>();
  Actions& actions = txn.segment().at(handle);
  actions.link.init(0);
  actions.work.init(0);
  for (Actions::Action& action : actions.of) {
    action.port.init(kRightNull);
    action.behavior.init(0);
    action.flavor.init(0);
  }
  return handle;
}

Handle<Actions> actions_copy(Txn& txn, Handle<Actions> handle) {
  const Handle<Actions> copy = actions_make(txn);
  const Actions& from = txn.segment().at(handle);
  Actions& to = txn.segment().at(copy);
  for (unsigned type = 1; type < kExceptionTypes; type++) {
    to.of[type].port.init(copy_right(txn, from.of[type].port));
    to.of[type].behavior.init(from.of[type].behavior);
    to.of[type].flavor.init(from.of[type].flavor);
  }
  return copy;
}

bool actions_mask_is_valid(uint32_t mask) { return (mask & ~kValidMask) == 0; }

kern_return_t actions_check(const ActionChange& change, bool live) {
  if (!actions_mask_is_valid(change.mask)) return KERN_INVALID_ARGUMENT;
  const uint32_t kind = change.behavior & ~MACH_EXCEPTION_MASK;
  if (live && (kind < EXCEPTION_DEFAULT || kind > EXCEPTION_STATE_IDENTITY_PROTECTED))
    return KERN_INVALID_ARGUMENT;
  if (!known_flavor(change.flavor)) return KERN_INVALID_ARGUMENT;
  const bool needs_codes = kind == EXCEPTION_IDENTITY_PROTECTED ||
                           kind == EXCEPTION_STATE_IDENTITY_PROTECTED ||
                           (change.behavior & MACH_EXCEPTION_BACKTRACE_PREFERRED) != 0;
  if (needs_codes && (change.behavior & MACH_EXCEPTION_CODES) == 0) return KERN_INVALID_ARGUMENT;
  return KERN_SUCCESS;
}

void actions_store(Txn& txn, Cell<uint32_t>& owner, const ActionChange& change, uint32_t port) {
  Actions& actions = array_of(txn, owner);
  Handle<Actions> old;
  for (unsigned type = 1; type < kExceptionTypes; type++) {
    if ((change.mask >> type & 1) == 0) continue;
    Actions::Action& action = actions.of[type];
    if (is_right(action.port)) {
      if (!old) old = actions_make(txn);
      txn.segment().at(old).of[type].port.init(action.port);
    }
    put(txn, action, change, port);
  }
  if (old) txn.push_work(old);
}

void actions_exchange(Txn& txn, Cell<uint32_t>& owner, const ActionChange& change, uint32_t port,
                      ActionList& old) {
  old.count = 0;
  Actions& actions = array_of(txn, owner);
  for (unsigned type = 1; type < kExceptionTypes; type++) {
    if ((change.mask >> type & 1) == 0) continue;
    Actions::Action& action = actions.of[type];
    ActionList::One* one = nullptr;
    if (enter(old, type, action.port, action.behavior, action.flavor, one)) {
      one->port = action.port;
    } else if (is_right(action.port)) {
      // Never the last: the entry has one.
      Locked<Port> again = txn.lock(Handle<Port>{action.port});
      send_right_release(txn, again);
    }
    put(txn, action, change, port);
  }
}

void actions_list(Txn& txn, Handle<Actions> handle, uint32_t mask, Rights rights, ActionList& list) {
  list.count = 0;
  for (unsigned type = 1; type < kExceptionTypes; type++) {
    if ((mask >> type & 1) == 0) continue;
    ActionList::One* one = nullptr;
    if (!handle) {
      enter(list, type, kRightNull, 0, 0, one);
      continue;
    }
    const Actions::Action& action = txn.segment().at(handle).of[type];
    if (enter(list, type, action.port, action.behavior, action.flavor, one) && rights == Rights::copied)
      one->port = copy_right(txn, action.port);
  }
}

bool actions_reap_step(Thread& self, Handle<Actions> handle) {
  return transact(self, kDropNeeds, [&](Txn& txn) {
           for (Actions::Action& action : txn.segment().at(handle).of) {
             if (!is_right(action.port)) continue;
             naked_destroy(txn, {action.port, MACH_MSG_TYPE_PORT_SEND});
             txn.set(action.port, kRightNull);
             return 0;
           }
           txn.pop_work();
           txn.release(handle);
           return 0;
         }) == 0;
}

}  // namespace portolan::ipc
