// SPDX-License-Identifier: Apache-2.0
// The bootstrap namespace: names for ports, as a kernel object in the segment (bootstrap 2 to 7). A namespace
// is a Subset; its names are Services in its buckets. The calls come by a send right to the namespace's
// bootstrap port.
//
// Locks: the space's, the task's, the bootstrap port's, the Subset's, then the ports' of services. A Subset's
// lock covers its services, its children list and its own cells.
//
//   B1: `services` counts the services in the trees; each stands on the way of its hash, and no name is there
//   twice. B2: a service holds one send right to its port; the port is marked kPortNamed, so that its death
//   finds the name; it is in its owner's chain and, if the port is an ordinary one, in the port's. B3: every namespace but the root is in its parent's list of children exactly once,
//   until it is taken down. B4: a namespace that lives, or is being taken down, has a bootstrap port that
//   leads to it, and one reference on it.
//
// If we die here: each call is one transaction. Taking down a namespace, the names of a dead port, and those
// of a dead process are loops of transactions, driven from a work list: what is left is the work.
#pragma once

#include <servers/bootstrap_defs.h>

#include "bootstrap/name.hpp"
#include "ipc/kernel.hpp"
#include "ipc/right.hpp"

namespace portolan::bootstrap {

using ipc::Job;
using ipc::Name;
using ipc::Port;
using ipc::Service;
using ipc::Space;
using ipc::Subset;
using ipc::Task;

using ipc::kKobjectBootstrap;
// Set in a port's state when a service or a subset depends on it.
inline constexpr uint32_t kPortNamed = 0x8000'0000;

// Internal: `bp` is a port that a program serves. The caller has to send a message instead.
inline constexpr kern_return_t kServedByProgram = -90101;

// Who asks. The owner of what it binds is its process, by pid (bootstrap 2.2).
struct Caller {
  Handle<Task> task;
  Handle<Space> space;
};

// Makes the root of a fresh segment, once. KERN_SUCCESS or KERN_RESOURCE_SHORTAGE.
kern_return_t make_root(Thread& self);

// The kernel with the namespace in front of its work lists, so that it hears of dying ports and dying tasks
// before they go on. What ipc::install is then given.
struct Layers : ipc::Layers {
  bool (*kernel_step)(Thread& self, uint32_t item) = nullptr;
};
Layers make_layers(const ipc::Layers& kernel);

// What of a work list is the namespace's: for TaskHooks::reap_step. False: it cannot go on now, or is not
// ours.
bool reap_step(Thread& self, uint32_t item);

// -- the calls (bootstrap 5). All take MACH_SEND_INVALID_DEST, kServedByProgram, MIG_BAD_ID for a `bp` that
// is none, and BOOTSTRAP_NO_MEMORY for a caller that is ending or a space without room, besides the codes
// named here.

// A new service, or one of the caller's that is idle, and its receive right under `name`. NOT_PRIVILEGED, SERVICE_ACTIVE.
// BOOTSTRAP_STRICT_CHECKIN: one that is there only, or UNKNOWN_SERVICE. BOOTSTRAP_PER_PID_SERVICE: private.
kern_return_t check_in(Thread& self, const Caller& caller, Name bp, const ServiceName& service,
                       uint64_t flags, Name& name);
// A send right from here or from an ancestor; MACH_PORT_DEAD if it dies meanwhile. UNKNOWN_SERVICE. `pid`: whose
// private service, with BOOTSTRAP_PER_PID_SERVICE.
kern_return_t look_up(Thread& self, const Caller& caller, Name bp, const ServiceName& service, uint32_t pid,
                      uint64_t flags, Name& name);
// Binds a send right that `port` names, which is copied; null takes back what is declared and idle.
// NOT_PRIVILEGED, SERVICE_ACTIVE, MACH_SEND_INVALID_RIGHT.
kern_return_t register_(Thread& self, const Caller& caller, Name bp, const ServiceName& service, Name port,
                        uint64_t flags);
// BOOTSTRAP_STATUS_*, from here or from an ancestor. UNKNOWN_SERVICE.
kern_return_t status(Thread& self, const Caller& caller, Name bp, const ServiceName& service,
                     bootstrap_status_t& status);
// A new namespace below, for as long as `requestor` lives. UNKNOWN_SERVICE, NOT_PRIVILEGED,
// MACH_SEND_INVALID_RIGHT.
kern_return_t subset(Thread& self, const Caller& caller, Name bp, Name requestor, Name& name);
// A send right to the port of the namespace above; of the root, to its own.
kern_return_t parent(Thread& self, const Caller& caller, Name bp, Name& name);
// To the port of the outermost namespace.
kern_return_t root(Thread& self, const Caller& caller, Name bp, Name& name);
// To the port of the `number`-th namespace below this one, newest first. NO_CHILDREN: there are fewer.
struct Child {
  Name port;
  char name[ipc::kSubsetNameMax];
};
kern_return_t child(Thread& self, const Caller& caller, Name bp, unsigned number, Child& child);

// Some of the services of this namespace, in no order: those at and after `cursor`, which moves on; `found` 0:
// that was all. Private ones are passed over.
struct Row {
  char name[ipc::kServiceNameMax];
  char owner[ipc::kServiceNameMax];  // a job's label, or what is made up for a process (bootstrap 2.2)
  bootstrap_status_t status;
};
inline constexpr unsigned kRowsAtOnce = 16;
kern_return_t list(Thread& self, const Caller& caller, Name bp, uint32_t& cursor, Row (&rows)[kRowsAtOnce],
                   unsigned& found);

// A job for a legacy server (bootstrap 5.2), and a send right to the port that stands for it.
struct ServerCommand {
  char text[ipc::kJobCommandMax];
};
kern_return_t create_server(Thread& self, const Caller& caller, Name bp, const ServerCommand& command,
                            uint32_t uid, bool on_demand, Name& name);

// -- deaths; Layers has them called

// A port that was marked kPortNamed is dying: its names go, and the namespaces that depend on it start to
// fall. May be done again. False: no memory now.
bool port_gone(Thread& self, Handle<Port> port);
// A process has ended: its names go, whether their ports live or not (bootstrap 6). May be done again.
bool owner_gone(Thread& self, Handle<Task> task);
// One bounded step of a falling namespace at the head of the work list. False: no memory now.
bool subset_reap_step(Thread& self, Handle<Subset> subset);

}  // namespace portolan::bootstrap
