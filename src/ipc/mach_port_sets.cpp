// SPDX-License-Identifier: Apache-2.0
// Set membership by name (ports 7.12). If we die here: joining a set and telling its receivers are two steps;
// the hold between them is finished by recovery.
#include "ipc/kmsg.hpp"
#include "ipc/mach_port.hpp"
#include "ipc/mqueue.hpp"
#include "ipc/pset.hpp"
#include "segment/steps.hpp"

namespace portolan::ipc {

namespace {

// Both names, in the order of the checks of ports 7.12.
kern_return_t lookup_two(Txn& txn, Locked<Space>& space, Name name, Name set, Entry*& member,
                         Entry*& holder) {
  if (space->state != kSpaceActive) return KERN_INVALID_TASK;
  member = entry_find(txn, space, name);
  holder = entry_find(txn, space, set);
  if (member == nullptr || holder == nullptr) return KERN_INVALID_NAME;
  if (!member->has(kTypeReceive) || !holder->has(kTypePset)) return KERN_INVALID_RIGHT;
  return KERN_SUCCESS;
}

}  // namespace

kern_return_t port_insert_member(Thread& self, Target<Space> handle, Name name, Name set) {
  if (!name.valid() || !set.valid()) return KERN_INVALID_RIGHT;
  return transact(self, Needs{}.with<Link>(), [&](Txn& txn) -> int {
    Locked<Space> space = txn.lock(handle);
    Entry *member = nullptr, *holder = nullptr;
    const kern_return_t found = lookup_two(txn, space, name, set, member, holder);
    if (found != KERN_SUCCESS) return found;
    Locked<Port> port = txn.lock(Handle<Port>{member->object});
    Locked<Pset> pset = txn.lock(Handle<Pset>{holder->object});
    if (link_find(txn, port, pset.handle())) return KERN_ALREADY_IN_SET;
    link_make(txn, port, pset);
    // Receivers that wait on the set get what the port holds.
    if (port->queue_head != 0) port_settle_later(txn, port);
    return KERN_SUCCESS;
  });
}

kern_return_t port_extract_member(Thread& self, Target<Space> handle, Name name, Name set) {
  if (!name.valid() || !set.valid()) return KERN_INVALID_RIGHT;
  return transact(self, Needs{}, [&](Txn& txn) -> int {
    Locked<Space> space = txn.lock(handle);
    Entry *member = nullptr, *holder = nullptr;
    const kern_return_t found = lookup_two(txn, space, name, set, member, holder);
    if (found != KERN_SUCCESS) return found;
    Locked<Port> port = txn.lock(Handle<Port>{member->object});
    Locked<Pset> pset = txn.lock(Handle<Pset>{holder->object});
    const Handle<Link> link = link_find(txn, port, pset.handle());
    if (!link) return KERN_NOT_IN_SET;
    link_remove(txn, port, pset, link);
    return KERN_SUCCESS;
  });
}

// Out of all sets but `keep`; several transactions where a port is in many.
static kern_return_t leave_sets(Thread& self, Target<Space> handle, Name name, Name keep_name,
                                bool& was_member) {
  bool more = true;
  kern_return_t code = KERN_SUCCESS;
  while (more && code == KERN_SUCCESS) {
    code = transact(self, Needs{}, [&](Txn& txn) -> int {
      more = false;
      Locked<Space> space = txn.lock(handle);
      Entry* entry = nullptr;
      Locked<Port> port;
      const kern_return_t found = lookup_receive(txn, space, name, entry, port);
      if (found != KERN_SUCCESS) return found;
      Entry* keep_entry = keep_name.valid() ? entry_find(txn, space, keep_name) : nullptr;
      const uint32_t keep =
          keep_entry != nullptr && keep_entry->has(kTypePset) ? keep_entry->object.get() : 0;
      uint32_t walk = port->links;
      Steps steps(txn.segment(), kZoneLink);
      for (unsigned removed = 0; walk != 0;) {
        steps.step();
        const Handle<Link> link{walk};
        walk = txn.segment().at(link).port_next;
        if (txn.segment().at(link).pset == keep) continue;
        if (removed++ == kSetsAtOnce) {
          more = true;
          break;
        }
        Locked<Pset> pset = txn.lock(Handle<Pset>{txn.segment().at(link).pset});
        link_remove(txn, port, pset, link);
        was_member = true;
      }
      return KERN_SUCCESS;
    });
  }
  return code;
}

kern_return_t port_move_member(Thread& self, Target<Space> handle, Name member, Name after) {
  if (!member.valid() || after.value == MACH_PORT_DEAD) return KERN_INVALID_RIGHT;
  bool was_member = false;
  if (after.value == MACH_PORT_NULL) {
    const kern_return_t code = leave_sets(self, handle, member, Name{}, was_member);
    return code == KERN_SUCCESS && !was_member ? KERN_NOT_IN_SET : code;
  }
  const kern_return_t joined = port_insert_member(self, handle, member, after);
  if (joined != KERN_SUCCESS && joined != KERN_ALREADY_IN_SET) return joined;
  return leave_sets(self, handle, member, after, was_member);
}

}  // namespace portolan::ipc
