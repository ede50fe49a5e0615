// SPDX-License-Identifier: Apache-2.0
// Jobs: programs that launchd runs, as owners of services (bootstrap 2.2, 6, 9). What must outlive launchd is
// here; what a property list says besides is launchd's own.
//
// A declared service's receive right is at home while nobody holds it: the port is marked kPortAtHome, lives,
// and queues. Whoever loses the right, in whatever way, brings it home (ipc::port_destroy). A message that
// comes to a port at home rings for launchd, which starts the job. No step of this needs launchd alive.
//
// Locks: the Job's comes after a Subset's and before a Port's. It covers its own cells.
//
//   J1: no two live Jobs have one label; a Job is found by its state. J2: a service without an owner's pid is in
//   the chain of its Job; one that is declared, and is not active, has its port at home. J3: `pid` is a process that was started for it and
//   whose end launchd has not recorded.
//
// If we die here: each function is one transaction but for job_remove, which may be called again.
#pragma once

#include "bootstrap/namespace.hpp"

namespace portolan::bootstrap {

// -- launchd's calls: by a thread that belongs to no task

// KERN_SUCCESS; KERN_NAME_EXISTS: the label is taken; KERN_RESOURCE_SHORTAGE. `flags`: JobFlags.
kern_return_t job_make(Thread& self, const char* label, uint32_t flags, Handle<Job>& job);
// Empty: there is none of this label. A picture without locks.
Handle<Job> job_find(const Segment& segment, const char* label);
// Some job in this namespace, not to be removed yet. A picture without locks.
Handle<Job> job_in(const Segment& segment, Handle<Subset> subset);

// A service of the job in its namespace, at home. `flags`: kServiceHides, kServiceResets,
// kServiceDrainsOne, kServiceDrainsAll.
// KERN_SUCCESS; BOOTSTRAP_NAME_IN_USE; KERN_RESOURCE_SHORTAGE.
kern_return_t job_declare(Thread& self, Handle<Job> job, const ServiceName& service, uint32_t flags);

// A process was made for the job, and waits to be let go. `start`: its start time, as /proc has it.
void job_started(Thread& self, Handle<Job> job, uint32_t pid, uint64_t start, uint64_t now_ns);
// It has ended; `status` as wait(2) has it, kJobStatusUnknown when nobody could see it. Names that the process
// bound without a declaration go with its task.
void job_ended(Thread& self, Handle<Job> job, uint32_t status);
inline constexpr uint32_t kJobStatusUnknown = 0xffff'ffff;

// The job and its services go: those at home with their ports, those held outside by name only, and their
// ports die when they would come home (bootstrap 6). False: no memory now, call again.
bool job_remove(Thread& self, Handle<Job> job);

// After a crash: of the messages that wait at the job's services, those are destroyed that kServiceDrainsOne and
// kServiceDrainsAll ask for. False: no memory now; call again, and a service may lose one more.
bool job_drain(Thread& self, Handle<Job> job);

// -- pictures without locks, to be looked at again after a ring

struct Demand {
  bool messages = false;  // a service at home has messages: reason to start the job
  bool held = false;      // a service is held outside: the job counts as active (bootstrap 6)
  bool server_port = false;  // somebody can still send to its server port (bootstrap 5.2)
};
Demand job_demand(const Segment& segment, Handle<Job> job);

}  // namespace portolan::bootstrap
