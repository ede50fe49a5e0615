// SPDX-License-Identifier: Apache-2.0
// Shared by the files of src/bootstrap: the table of one namespace, and the way in from a name.
#pragma once

#include "bootstrap/job.hpp"

namespace portolan::bootstrap {

// Who owns what a caller binds: its job, in the job's own namespace, or else its process (bootstrap 2.2).
struct Owner {
  Handle<Task> task;
  uint32_t pid = 0;
  Handle<Job> job;
};

// The namespace that `bp` leads to, locked, with the lock of its port: so it cannot be taken down meanwhile.
// `owner.job` is set when `bp` is a job's server port. A code of the kinds that namespace.hpp names when there
// is none; then nothing was changed that has to be undone.
kern_return_t enter(Txn& txn, Locked<Space>& space, Name bp, Locked<Subset>& subset, Owner& owner);

// Is the caller a process that can own names, and as whom? Takes the task's lock, so that its end waits until
// this is committed.
bool can_own(Txn& txn, const Caller& caller, const Locked<Subset>& subset, Owner& owner);
// Is this service the owner's?
bool owns(const Owner& owner, const Service& service);

// A live service. One whose port is dying is unbound on the way, or gets a new port if it resets. Empty: there
// is none. Needs: kFindNeeds.
Handle<Service> find(Txn& txn, Locked<Subset>& subset, const ServiceName& name);
inline constexpr Needs kFindNeeds = ipc::kDropNeeds.with<Port>();

// A new service, which takes over one send right to `port`. It goes to the chain of the owner's job if it is
// declared or registered for one, else to that of the process. Needs: Service.
Handle<Service> bind(Txn& txn, Locked<Subset>& subset, const ServiceName& name, Locked<Port>& port,
                     const Owner& owner, uint32_t flags);
// Takes a service out and releases its port. Needs: kDropNeeds.
void unbind(Txn& txn, Locked<Subset>& subset, Handle<Service> service);
// The same for one that is to be forgotten: a declared one's receive right dies now if it is at home, and else
// when it would come home. Needs: kDropNeeds.
void undeclare(Txn& txn, Locked<Subset>& subset, Handle<Service> service);
// A service that resets, and whose port is dying, gets a new one, at home. Needs: kFindNeeds.
void renew(Txn& txn, Handle<Service> service);
inline bool renews(const Service& service) { return (service.flags & ipc::kServiceResets) != 0; }

// A new port whose receive right is at home; one send right and the receive right's reference are counted.
// Needs: Port.
Handle<Port> home_port(Txn& txn, bool comes_home);
// Is somebody else than the namespace its receiver? Whoever registers a port answers for it.
bool is_active(const Segment& segment, const Service& service);

// BOOTSTRAP_STATUS_*: held; or not, and started for a message or not (bootstrap 2.3).
bootstrap_status_t status_of(const Segment& segment, const Service& service);

// Something depends on this port: its death is to be told to port_gone.
void mark_named(Txn& txn, Locked<Port>& port);

// The namespace begins to fall: on the work list, closed for new things.
void begin_fall(Txn& txn, Locked<Subset>& subset);

// -- the tree of names of one namespace (tree.cpp)
Handle<Service> tree_find(Txn& txn, Locked<Subset>& subset, const ServiceName& name);
void tree_insert(Txn& txn, Locked<Subset>& subset, Handle<Service> service);
void tree_remove(Txn& txn, Locked<Subset>& subset, Handle<Service> service);
Handle<Service> tree_any(Txn& txn, Locked<Subset>& subset);

// -- chains of services (chains.cpp)

// Of the owner: a job's, under the Job's lock, or those of a pid, in the table of owners under its lock.
void owner_chain_insert(Txn& txn, Handle<Service> service);
void owner_chain_remove(Txn& txn, Handle<Service> service);
// The services that processes whose pids share a row of the table own. The lock of `owners` is to be held.
Cell<uint32_t>& owners_row(Txn& txn, uint32_t pid);
Handle<ipc::Data> owners_table(const Segment& segment);
// Of the port, if it is an ordinary one: others have something else in that cell, and are searched for.
inline bool port_has_chain(const Port& port) { return port.kobject_type == 0; }
void port_chain_insert(Txn& txn, Locked<Port>& port, Handle<Service> service);
void port_chain_remove(Txn& txn, Locked<Port>& port, Handle<Service> service);

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

inline constexpr Needs kGiveNeeds = ipc::kCopyoutNeeds.with<ipc::Kmsg>(4).with<Port>();

}  // namespace portolan::bootstrap
