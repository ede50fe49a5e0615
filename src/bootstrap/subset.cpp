// SPDX-License-Identifier: Apache-2.0
// Namespaces: the root, subsets, and how they fall (bootstrap 5.7, 5.8, 7). A subset lives exactly as long as
// its requestor port; it falls with its own subsets first, then its services, then its port.
//
// If we die here: making one is one transaction. A falling one is on a work list; its children, services,
// requestor and port are what is left to do, in this order, and each step leaves less.
#include "bootstrap/table.hpp"
#include "ipc/port.hpp"
#include "ipc/space.hpp"
#include "segment/raw.hpp"
#include "segment/steps.hpp"
#include "segment/text.hpp"

namespace portolan::bootstrap {

namespace {

constexpr uint32_t kDepthMost = 101;  // levels below the root

// The Subset's `link` is the sibling before it, so that leaving the list takes no walk.
void join_parent(Txn& txn, Locked<Subset>& parent, Handle<Subset> handle) {
  Subset& subset = txn.segment().at(handle);
  const uint32_t first = parent->children;
  subset.link.init(0);
  subset.sibling.init(first);
  if (first != 0) txn.set(txn.segment().at(Handle<Subset>{first}).link, handle.index);
  txn.set(parent->children, handle.index);
}

void leave_parent(Txn& txn, Locked<Subset>& parent, Locked<Subset>& subset) {
  const uint32_t next = subset->sibling, prev = subset->link;
  if (prev == 0)
    txn.set(parent->children, next);
  else
    txn.set(txn.segment().at(Handle<Subset>{prev}).sibling, next);
  if (next != 0) txn.set(txn.segment().at(Handle<Subset>{next}).link, prev);
  txn.set(subset->sibling, 0);
  txn.set(subset->link, 0);
  txn.set(subset->parent, 0);
}

// With its bootstrap port, whose kernel object it is; no parent, no requestor.
Handle<Subset> make(Txn& txn, uint32_t pid, const char (&name)[ipc::kSubsetNameMax]) {
  const Handle<Subset> handle = txn.allocate<Subset>();
  Subset& subset = txn.segment().at(handle);
  subset.link.init(0);
  subset.work.init(0);
  subset.state.init(ipc::kPortActive);
  subset.port.init(ipc::kobject_port_make(txn, kKobjectBootstrap, handle.index).index);
  for (Cell<uint32_t>* cell : {&subset.parent, &subset.depth, &subset.requestor, &subset.children,
                               &subset.sibling, &subset.services})
    cell->init(0);
  subset.creator_pid.init(pid);
  for (Cell<uint32_t>& bucket : subset.buckets) bucket.init(0);
  raw_copy(subset.name, name, sizeof subset.name);
  return handle;
}

// `<who>[<pid>].subset.<number>`: a job by its label, anybody else by the program; the number is the requestor
// port's (bootstrap 5.7).
void write_name(char (&name)[ipc::kSubsetNameMax], const Segment& segment, const Owner& owner,
                uint32_t requestor) {
  const char* who = segment.at(owner.task).program;
  if (owner.job) {
    who = segment.at(owner.job).label;
  } else if (const char* slash = strrchr(who, '/')) {
    who = slash + 1;
  }
  memset(name, 0, sizeof name);
  Text(name) << who << "[" << uint64_t{owner.pid} << "].subset." << uint64_t{requestor};
}

// Something to be undone; false when only the namespace itself and its port are left.
bool take_down_some(Txn& txn, Locked<Subset>& subset) {
  if (subset->children != 0) {
    Locked<Subset> child = txn.lock(Handle<Subset>{subset->children});
    leave_parent(txn, subset, child);
    if (child->state == ipc::kPortActive) {
      txn.set(child->state, ipc::kPortDying);
      txn.push_work_first(child.handle());
    }
    return true;
  }
  if (subset->services != 0) {
    undeclare(txn, subset, tree_any(txn, subset));
    return true;
  }
  if (Handle<Job> job = job_in(txn.segment(), subset.handle())) {
    Locked<Job> orphan = txn.lock(job);
    if (orphan->subset != subset.handle().index) return true;
    // launchd stops it, and removes it then.
    txn.set(orphan->subset, 0);
    txn.set(orphan->state, ipc::kJobRemoving);
    txn.self().rings = true;
    return true;
  }
  if (subset->requestor != 0) {
    Locked<Port> requestor = txn.lock(Handle<Port>{subset->requestor});
    txn.set(subset->requestor, 0);
    ipc::send_right_release(txn, requestor);
    return true;
  }
  if (subset->parent != 0) {
    Locked<Subset> parent = txn.lock(Handle<Subset>{subset->parent});
    leave_parent(txn, parent, subset);
    return true;
  }
  return false;
}

}  // namespace

kern_return_t make_root(Thread& self) {
  return transact(self, Needs{}.with<Subset>().with<Port>().with<ipc::Data>(), [&](Txn& txn) {
    Cell<uint32_t>& root = txn.segment().header().roots[ipc::kRootBootstrap];
    if (root != 0) return KERN_SUCCESS;
    static constexpr char kName[ipc::kSubsetNameMax] = "System";
    txn.set(root, make(txn, 0, kName).index);
    const Handle<ipc::Data> owners = txn.allocate<ipc::Data>();
    ipc::Data& table = txn.segment().at(owners);
    table.link.init(0);
    table.used.init(0);
    raw_clear(table.bytes, sizeof table.bytes);
    txn.set(txn.segment().header().roots[ipc::kRootOwners], owners.index);
    return KERN_SUCCESS;
  });
}

kern_return_t subset(Thread& self, const Caller& caller, Name bp, Name requestor, Name& out) {
  const Needs needs = kGiveNeeds.with<ipc::Kmsg>(2).with<Subset>().with<Port>();
  const kern_return_t code =
      with_space(self, caller, needs, [&](Txn& txn, Locked<Space>& space) -> kern_return_t {
        Owner owner;
        Locked<Subset> above;
        const kern_return_t entered = enter(txn, space, bp, above, owner);
        if (entered != KERN_SUCCESS) return entered;
        ipc::NakedRight right{requestor.value == MACH_PORT_DEAD ? ipc::kRightDead : ipc::kRightNull, 0};
        if (requestor.valid()) {
          ipc::Entry* entry = ipc::entry_find(txn, space, requestor);
          if (entry == nullptr ||
              ipc::right_copyin(txn, space, *entry, MACH_MSG_TYPE_COPY_SEND, right) != KERN_SUCCESS)
            return MACH_SEND_INVALID_RIGHT;
        }
        if (!can_own(txn, caller, above, owner)) return BOOTSTRAP_NO_MEMORY;
        if (above->state != ipc::kPortActive) return BOOTSTRAP_UNKNOWN_SERVICE;
        if (above->depth >= kDepthMost) return BOOTSTRAP_NO_MEMORY;
        if (right.port == ipc::kRightNull) return BOOTSTRAP_NOT_PRIVILEGED;
        if (right.port == ipc::kRightDead) return BOOTSTRAP_NO_MEMORY;
        Locked<Port> lifeline = txn.lock(Handle<Port>{right.port});
        if (!lifeline->active()) return BOOTSTRAP_NO_MEMORY;
        mark_named(txn, lifeline);
        char text[ipc::kSubsetNameMax];
        write_name(text, txn.segment(), owner, right.port);
        const Handle<Subset> fresh = make(txn, owner.pid, text);
        Subset& made = txn.segment().at(fresh);
        made.parent.init(above.handle().index);
        made.depth.init(above->depth + 1);
        made.requestor.init(right.port);
        join_parent(txn, above, fresh);
        Locked<Port> port = txn.lock(Handle<Port>{made.port});
        ipc::send_right_make(txn, port);
        return give(txn, space, {made.port, MACH_MSG_TYPE_PORT_SEND}, out);
      });
  settle(self);
  return code;
}

namespace {

// A send right to the port of the namespace that `choose` names, seen from the one that `bp` leads to.
template <class Choose>
kern_return_t give_namespace(Thread& self, const Caller& caller, Name bp, Name& out, Choose&& choose) {
  const kern_return_t code =
      with_space(self, caller, kGiveNeeds, [&](Txn& txn, Locked<Space>& space) -> kern_return_t {
        Owner owner;
        Locked<Subset> here;
        const kern_return_t entered = enter(txn, space, bp, here, owner);
        if (entered != KERN_SUCCESS) return entered;
        if (!can_own(txn, caller, here, owner)) return BOOTSTRAP_NO_MEMORY;
        const Handle<Subset> chosen = choose(txn, here);
        if (!chosen) return BOOTSTRAP_NO_CHILDREN;
        const Handle<Port> target{txn.segment().at(chosen).port};
        Locked<Port> port = txn.lock(target);
        ipc::send_right_make(txn, port);
        return give(txn, space, {target.index, MACH_MSG_TYPE_PORT_SEND}, out);
      });
  settle(self);
  return code;
}

}  // namespace

kern_return_t parent(Thread& self, const Caller& caller, Name bp, Name& out) {
  // The parent cannot go while we hold its child's lock, and neither can its port.
  return give_namespace(self, caller, bp, out, [](Txn&, Locked<Subset>& here) {
    return here->parent != 0 ? Handle<Subset>{here->parent} : here.handle();
  });
}

kern_return_t root(Thread& self, const Caller& caller, Name bp, Name& out) {
  return give_namespace(self, caller, bp, out, [](Txn& txn, Locked<Subset>&) {
    return Handle<Subset>{txn.segment().header().roots[ipc::kRootBootstrap]};
  });
}

kern_return_t child(Thread& self, const Caller& caller, Name bp, unsigned number, Child& out) {
  return give_namespace(self, caller, bp, out.port, [&](Txn& txn, Locked<Subset>& here) {
    // A list of siblings belongs to the lock of their parent.
    Steps steps(txn.segment(), ipc::kZoneSubset);
    Handle<Subset> walk{here->children};
    for (unsigned i = 0; walk && i < number; i++, steps.step()) walk.index = txn.segment().at(walk).sibling;
    if (walk) memcpy(out.name, txn.segment().at(walk).name, sizeof out.name);
    return walk;
  });
}

bool subset_reap_step(Thread& self, Handle<Subset> handle) {
  const int code = transact(self, ipc::kDropNeeds.with<ipc::Kmsg>(2), [&](Txn& txn) {
    Locked<Subset> subset = txn.lock(handle);
    if (take_down_some(txn, subset)) return 0;
    Locked<Port> port = txn.lock(Handle<Port>{subset->port});
    txn.set(subset->state, ipc::kPortDead);
    txn.pop_work();
    ipc::kobject_port_destroy(txn, port);
    txn.release(handle);
    return 0;
  });
  return code == 0;
}

}  // namespace portolan::bootstrap
