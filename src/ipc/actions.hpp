// SPDX-License-Identifier: Apache-2.0
// What a task, a thread or the host does about exceptions: an action for each type (tasks 4.2 to 4.4). Here
// are the arrays; whose they are is in task/exception_ports.hpp. Who calls holds the lock that the array
// belongs to.
//
// If we die here: everything happens inside the caller's transaction, but for the release of rights that were
// replaced: they are in an array of their own on the work list of whoever replaced them.
#pragma once

#include "ipc/right.hpp"

namespace portolan::ipc {

struct ActionChange {
  uint32_t mask = 0;  // 1 << type
  uint32_t behavior = 0;
  uint32_t flavor = 0;
};

// What came of actions that were asked for: those that are alike are one, with the types of all.
struct ActionList {
  struct One {
    uint32_t mask;
    uint32_t port;  // one naked send right, kRightNull or kRightDead
    uint32_t behavior, flavor;
    uint32_t stored;  // the port as the action has it
  };
  One of[kExceptionTypes];
  unsigned count = 0;
};

// An empty array. Needs: one of Actions.
Handle<Actions> actions_make(Txn& txn);
// A child's copy of its parent's (tasks 1.2).
Handle<Actions> actions_copy(Txn& txn, Handle<Actions> from);

// May this be set? `live`: the port is one, and alive. KERN_SUCCESS or KERN_INVALID_ARGUMENT (tasks 4.2).
kern_return_t actions_check(const ActionChange& change, bool live);
bool actions_mask_is_valid(uint32_t mask);

// Both make the array if `owner`, the word that names it, has none. Each type gets a send right of its own,
// copied from `port`, of which the caller has one. Needs: kActionNeeds.
void actions_store(Txn& txn, Cell<uint32_t>& owner, const ActionChange& change, uint32_t port);
// What was there is the caller's, in the list.
void actions_exchange(Txn& txn, Cell<uint32_t>& owner, const ActionChange& change, uint32_t port,
                      ActionList& old);
// An array that is not there has nothing set. Whether the list gets rights, copied, or says only which ports.
enum class Rights { copied, none };
void actions_list(Txn& txn, Handle<Actions> actions, uint32_t mask, Rights rights, ActionList& list);
inline constexpr Needs kActionNeeds = Needs{}.with<Actions>(2);

// One step of an array on the work list; false: no memory now.
bool actions_reap_step(Thread& self, Handle<Actions> actions);

}  // namespace portolan::ipc
