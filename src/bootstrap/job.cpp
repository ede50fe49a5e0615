// SPDX-License-Identifier: Apache-2.0
#include "bootstrap/job.hpp"

#include <string.h>

#include "bootstrap/table.hpp"
#include "ipc/mqueue.hpp"
#include "ipc/port.hpp"
#include "segment/raw.hpp"
#include "segment/text.hpp"

namespace portolan::bootstrap {

namespace {

struct Plan {
  char label[ipc::kJobLabelMax] = {};
  char command[ipc::kJobCommandMax] = {};
  uint32_t flags = 0, uid = 0;
};

template <class Accept>
Handle<Job> job_that(const Segment& segment, Accept&& accept) {
  for (uint32_t i = 1; i < segment.carved(ipc::kZoneJob); i++) {
    const Job& job = segment.at(Handle<Job>{i});
    if (job.allocated() && job.state != ipc::kJobFree && accept(job)) return {i};
  }
  return {};
}

// Needs: Job.
Handle<Job> make(Txn& txn, Handle<Subset> subset, const Plan& plan) {
  const Handle<Job> handle = txn.allocate<Job>();
  Job& job = txn.segment().at(handle);
  for (Cell<uint32_t>* cell :
       {&job.link, &job.work, &job.services, &job.pid, &job.status, &job.runs, &job.port})
    cell->init(0);
  job.process_start.init(0);
  job.started_ns.init(0);
  job.flags.init(plan.flags);
  job.uid.init(plan.uid);
  job.subset.init(subset.index);
  raw_copy(job.label, plan.label, sizeof job.label);
  raw_copy(job.command, plan.command, sizeof job.command);
  // Whoever goes through all jobs may look at it from here on.
  txn.set(job.state, ipc::kJobLive);
  return handle;
}

// `<pointer>.mach_init.<program>` (bootstrap 2.2): what stands for the pointer never repeats.
void label_server(Txn& txn, Plan& plan) {
  char program[ipc::kJobLabelMax] = {};
  unsigned length = 0;
  for (const char* at = plan.command; *at != 0 && *at != ' ' && *at != '\t'; at++) {
    if (*at == '/')
      length = 0;
    else if (*at != '"' && length < 64)
      program[length++] = *at;
  }
  program[length] = 0;
  Text(plan.label).hex(txn.new_identity()) << ".mach_init." << program;
}

// What ends a job's run or its time: a step, again until there is nothing left. Needs: kDropNeeds.
bool remove_some(Txn& txn, Handle<Job> handle) {
  Locked<Job> job = txn.lock(handle);
  if (job->state == ipc::kJobFree) return false;
  if (job->state != ipc::kJobRemoving) txn.set(job->state, ipc::kJobRemoving);
  if (job->services != 0) {
    const Handle<Service> service{job->services};
    Locked<Subset> subset = txn.lock(Handle<Subset>{txn.segment().at(service).subset});
    undeclare(txn, subset, service);
    return true;
  }
  if (job->port != 0) {
    Locked<Port> port = txn.lock(Handle<Port>{job->port});
    txn.set(job->port, 0);
    ipc::kobject_port_destroy(txn, port);
    return true;
  }
  txn.set(job->state, ipc::kJobFree);
  txn.release(handle);
  return false;
}

// One message of a port at home, to be destroyed with what it carries.
bool drain_one(Txn& txn, Locked<Port>& port) {
  const Handle<ipc::Kmsg> head{port->queue_head};
  if (!head || !port->is(ipc::kPortAtHome)) return false;
  const ipc::Picked picked = ipc::mqueue_take(txn, port, UINT32_MAX, 0);
  txn.push_work(picked.kmsg);
  return true;
}

}  // namespace

Handle<Job> job_find(const Segment& segment, const char* label) {
  return job_that(segment, [&](const Job& job) { return strncmp(job.label, label, sizeof job.label) == 0; });
}

Handle<Job> job_in(const Segment& segment, Handle<Subset> subset) {
  return job_that(segment, [&](const Job& job) { return job.subset == subset.index; });
}

kern_return_t job_make(Thread& self, const char* label, uint32_t flags, Handle<Job>& out) {
  Plan plan;
  Text(plan.label) << label;
  plan.flags = flags;
  return transact(self, Needs{}.with<Job>(), [&](Txn& txn) -> int {
    // The table of owners lends its lock: no two jobs get one label.
    txn.lock(owners_table(txn.segment()));
    if (job_find(txn.segment(), plan.label)) return KERN_NAME_EXISTS;
    out = make(txn, Handle<Subset>{txn.segment().header().roots[ipc::kRootBootstrap]}, plan);
    return KERN_SUCCESS;
  });
}

kern_return_t job_declare(Thread& self, Handle<Job> handle, const ServiceName& name, uint32_t flags) {
  const Needs needs = kFindNeeds.with<Service>().with<Port>();
  const kern_return_t code = transact(self, needs, [&](Txn& txn) -> int {
    Locked<Job> job = txn.lock(handle);
    if (job->state != ipc::kJobLive) return KERN_INVALID_ARGUMENT;
    Locked<Subset> subset = txn.lock(Handle<Subset>{job->subset});
    if (find(txn, subset, name)) return BOOTSTRAP_NAME_IN_USE;
    const bool resets = (flags & ipc::kServiceResets) != 0;
    Locked<Port> port = txn.lock(home_port(txn, !resets));
    bind(txn, subset, name, port, {{}, 0, handle}, flags | ipc::kServiceDeclared);
    return KERN_SUCCESS;
  });
  settle(self);
  return code;
}

void job_started(Thread& self, Handle<Job> handle, uint32_t pid, uint64_t start, uint64_t now_ns) {
  transact(self, Needs{}, [&](Txn& txn) {
    Locked<Job> job = txn.lock(handle);
    txn.set(job->pid, pid);
    txn.set(job->process_start, start);
    txn.set(job->started_ns, now_ns);
    txn.set(job->flags, job->flags & ~ipc::kJobCheckedIn);
    txn.add(job->runs, 1);
    return 0;
  });
}

void job_ended(Thread& self, Handle<Job> handle, uint32_t status) {
  transact(self, Needs{}, [&](Txn& txn) {
    Locked<Job> job = txn.lock(handle);
    txn.set(job->pid, 0);
    txn.set(job->process_start, 0);
    txn.set(job->status, status);
    return 0;
  });
}

bool job_remove(Thread& self, Handle<Job> handle) {
  for (bool more = true; more;) {
    if (transact(self, ipc::kDropNeeds.with<ipc::Kmsg>(2), [&](Txn& txn) {
          more = remove_some(txn, handle);
          return 0;
        }) != 0)
      return false;
    settle(self);
  }
  return true;
}

bool job_drain(Thread& self, Handle<Job> handle) {
  Handle<Service> at{self.segment().at(handle).services};
  bool some = false;
  while (at) {
    Handle<Service> next;
    const int code = transact(self, ipc::kDropNeeds, [&](Txn& txn) {
      some = false;
      txn.lock(handle);  // whose chain it is
      const Service& service = txn.segment().at(at);
      if (!service.allocated() || service.job != handle.index || service.owner_pid != 0) {
        next = {};
        return 0;
      }
      next.index = service.owner_next;
      if ((service.flags & (ipc::kServiceDrainsOne | ipc::kServiceDrainsAll)) == 0) return 0;
      Locked<Port> port = txn.lock(Handle<Port>{service.port});
      some = drain_one(txn, port) && (service.flags & ipc::kServiceDrainsAll) != 0;
      return 0;
    });
    settle(self);
    if (code != 0) return false;
    if (!some) at = next;  // else it has more to lose
  }
  return true;
}

kern_return_t create_server(Thread& self, const Caller& caller, Name bp, const ServerCommand& command,
                            uint32_t uid, bool on_demand, Name& out) {
  Plan plan;
  const Needs needs = kGiveNeeds.with<Job>().with<Port>();
  const kern_return_t code =
      with_space(self, caller, needs, [&](Txn& txn, Locked<Space>& space) -> kern_return_t {
        Owner owner;
        Locked<Subset> here;
        const kern_return_t entered = enter(txn, space, bp, here, owner);
        if (entered != KERN_SUCCESS) return entered;
        if (!can_own(txn, caller, here, owner)) return BOOTSTRAP_NO_MEMORY;
        if (here->state != ipc::kPortActive) return BOOTSTRAP_NO_MEMORY;
        plan = {};
        memcpy(plan.command, command.text, sizeof plan.command);
        plan.flags = ipc::kJobServer | (on_demand ? 0u : ipc::kJobKeepAlive);
        plan.uid = uid;
        label_server(txn, plan);
        const Handle<Job> job = make(txn, here.handle(), plan);
        const Handle<Port> fresh = ipc::kobject_port_make(txn, ipc::kKobjectJob, job.index);
        txn.segment().at(job).port.init(fresh.index);
        Locked<Port> port = txn.lock(fresh);
        ipc::send_right_make(txn, port);
        txn.self().rings = true;
        return give(txn, space, {fresh.index, MACH_MSG_TYPE_PORT_SEND}, out);
      });
  settle(self);
  return code;
}

Demand job_demand(const Segment& segment, Handle<Job> handle) {
  Demand demand;
  const Job& job = segment.at(handle);
  Handle<Service> walk{job.services};
  const uint32_t end = segment.carved(ipc::kZoneService);
  for (uint32_t i = 0; i < end && walk && walk.index < end; i++) {
    const Service& service = segment.at(walk);
    const uint32_t next = service.owner_next;
    if (!service.allocated() || service.job != handle.index) break;
    if ((service.flags & ipc::kServiceDeclared) != 0 && segment.plausible(ipc::kZonePort, service.port)) {
      const Port& port = segment.at(Handle<Port>{service.port});
      if (!port.is(ipc::kPortAtHome))
        demand.held = demand.held || port.active();
      else if (port.queue_head != 0)
        demand.messages = true;
    }
    walk.index = next;
  }
  if (job.port != 0 && segment.plausible(ipc::kZonePort, job.port))
    demand.server_port = segment.at(Handle<Port>{job.port}).srights != 0;
  return demand;
}

}  // namespace portolan::bootstrap
