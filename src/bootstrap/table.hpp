// SPDX-License-Identifier: Apache-2.0
// Shared by the files of src/bootstrap: the table of one namespace, and the way in from a name.
#pragma once

#include "bootstrap/namespace.hpp"

namespace portolan::bootstrap {

// The namespace that `bp` leads to, locked, with the lock of its port: so it cannot be taken down meanwhile.
// A code of the kinds that namespace.hpp names when there is none; then nothing was changed that has to be
// undone.
kern_return_t enter(Txn& txn, Locked<Space>& space, Name bp, Locked<Subset>& subset);

// Is the caller a process that can own names? Takes the task's lock, so that its end waits until this is
// committed.
bool can_own(Txn& txn, const Caller& caller, uint32_t& pid);

// A live service; one whose port is dying is unbound on the way. Empty: there is none. Needs: kDropNeeds.
Handle<Service> find(Txn& txn, Locked<Subset>& subset, const ServiceName& name);

// A new service, which takes over one send right to `port`. Needs: Service.
Handle<Service> bind(Txn& txn, Locked<Subset>& subset, const ServiceName& name, Locked<Port>& port,
                     Handle<Task> owner, uint32_t pid, uint32_t flags);
// Takes a service out and releases its port. Needs: kDropNeeds.
void unbind(Txn& txn, Locked<Subset>& subset, Handle<Service> service);

// Something depends on this port: its death is to be told to port_gone.
void mark_named(Txn& txn, Locked<Port>& port);

// The namespace begins to fall: on the work list, closed for new things.
void begin_fall(Txn& txn, Locked<Subset>& subset);

// Runs `body` as a transaction with the caller's space locked, again after growing the table if it answers
// KERN_NO_SPACE. Every failure undoes all. Lack of memory or room is BOOTSTRAP_NO_MEMORY, an ending space
// too.
template <class Body>
kern_return_t with_space(Thread& self, const Caller& caller, const Needs& needs, Body&& body) {
  for (unsigned tries = 0; tries < 64; tries++) {
    const kern_return_t code = transact(
        self, needs,
        [&](Txn& txn) -> int {
          Locked<Space> space = txn.lock(caller.space);
          if (space->state != ipc::kSpaceActive) return BOOTSTRAP_NO_MEMORY;
          const kern_return_t answer = body(txn, space);
          return answer == KERN_SUCCESS ? KERN_SUCCESS : txn.roll_back(answer);
        },
        BOOTSTRAP_NO_MEMORY);
    if (code != KERN_NO_SPACE) return code;
    if (ipc::space_grow(self, caller.space, 1) != KERN_SUCCESS) break;
  }
  return BOOTSTRAP_NO_MEMORY;
}

// A naked right goes to the caller. KERN_NO_SPACE: make room and begin again. A port that has died meanwhile
// is MACH_PORT_DEAD, and a success.
inline kern_return_t give(Txn& txn, Locked<Space>& space, ipc::NakedRight right, Name& name) {
  const kern_return_t code = ipc::right_copyout(txn, space, right, name);
  return code == KERN_INVALID_CAPABILITY ? KERN_SUCCESS : code;
}

inline constexpr Needs kGiveNeeds = ipc::kCopyoutNeeds.with<ipc::Kmsg>(4);

}  // namespace portolan::bootstrap
