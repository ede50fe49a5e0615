// SPDX-License-Identifier: Apache-2.0
// Looking at names: types, references, identities. Looking turns rights of dead ports into dead names, except
// where the rules say that it does not (ports 7.21).
#include <algorithm>

#include "ipc/mach_port.hpp"
#include "segment/steps.hpp"

namespace portolan::ipc {

namespace {

uint32_t request_bits(const Segment& segment, const Entry& entry) {
  if (entry.request == 0) return 0;
  const Request& request = segment.at(Handle<Request>{entry.request});
  switch (request.state) {
    case kRequestDeadName:
      return MACH_PORT_TYPE_DNREQUEST;
    case kRequestArmed:
      return MACH_PORT_TYPE_DNREQUEST | MACH_PORT_TYPE_SPREQUEST;
    case kRequestDelayed:
      return MACH_PORT_TYPE_DNREQUEST | MACH_PORT_TYPE_SPREQUEST_DELAYED;
    default:
      return 0;
  }
}

// 32 bits that stand for an identity, the same in every task; never 0 for a live object.
uint32_t short_identity(uint64_t identity) {
  const uint64_t mixed = (identity ^ identity >> 32) * 0x9e3779b97f4a7c15u;
  const auto folded = static_cast<uint32_t>(mixed >> 32);
  return folded == 0 ? 1 : folded;
}

uint32_t urefs_of(const Entry& entry) {
  if (entry.has(kTypeSend | kTypeDead)) return entry.urefs;
  return entry.has(kTypeSendOnce) ? 1 : 0;
}

}  // namespace

kern_return_t port_type(Thread& self, Target<Space> handle, Name name, mach_port_type_t& type) {
  if (name.value == MACH_PORT_NULL) return KERN_INVALID_NAME;
  if (name.value == MACH_PORT_DEAD) {
    type = MACH_PORT_TYPE_DEAD_NAME;
    return KERN_SUCCESS;
  }
  return transact(self, Needs{}, [&](Txn& txn) -> int {
    Locked<Space> space = txn.lock(handle);
    if (space->state != kSpaceActive) return KERN_INVALID_TASK;
    Entry* entry = entry_find(txn, space, name);
    if (entry == nullptr) return KERN_INVALID_NAME;
    if (!entry->has(kTypePset)) right_check(txn, space, *entry);
    type = entry->type() | (request_bits(txn.segment(), *entry) & MACH_PORT_TYPE_DNREQUEST);
    return KERN_SUCCESS;
  });
}

kern_return_t port_get_refs(Thread& self, Target<Space> handle, Name name, mach_port_right_t right,
                            mach_port_urefs_t& refs) {
  if (right >= MACH_PORT_RIGHT_NUMBER) return KERN_INVALID_VALUE;
  if (!name.valid()) {
    if (right != MACH_PORT_RIGHT_SEND && right != MACH_PORT_RIGHT_SEND_ONCE) return KERN_INVALID_NAME;
    refs = 1;
    return KERN_SUCCESS;
  }
  return transact(self, Needs{}, [&](Txn& txn) -> int {
    Locked<Space> space = txn.lock(handle);
    if (space->state != kSpaceActive) return KERN_INVALID_TASK;
    Entry* entry = entry_find(txn, space, name);
    if (entry == nullptr) return KERN_INVALID_NAME;
    if (!entry->has(kTypePset)) right_check(txn, space, *entry);
    const uint32_t type = MACH_PORT_TYPE(right);
    refs = 0;
    if (entry->has(type & kTypeMask))
      refs = entry->has(type & (kTypeSend | kTypeDead)) ? entry->urefs.get() : 1;
    return KERN_SUCCESS;
  });
}

kern_return_t port_kobject(Thread& self, Target<Space> handle, Name name, natural_t& type) {
  if (!name.valid()) return KERN_INVALID_NAME;
  return transact(self, Needs{}, [&](Txn& txn) -> int {
    Locked<Space> space = txn.lock(handle);
    if (space->state != kSpaceActive) return KERN_INVALID_TASK;
    Entry* entry = entry_find(txn, space, name);
    if (entry == nullptr) return KERN_INVALID_NAME;
    if (!entry->has(kTypePset) && right_check(txn, space, *entry)) return KERN_INVALID_NAME;
    if (!entry->has(kTypeSend | kTypeReceive)) return KERN_INVALID_RIGHT;
    type = txn.segment().at(Handle<Port>{entry->object}).kobject_type;
    return KERN_SUCCESS;
  });
}

kern_return_t port_get_srights(Thread& self, Target<Space> handle, Name name, mach_port_rights_t& srights) {
  if (!name.valid()) return KERN_INVALID_NAME;
  return transact(self, Needs{}, [&](Txn& txn) -> int {
    Locked<Space> space = txn.lock(handle);
    Entry* entry = nullptr;
    Locked<Port> port;
    const kern_return_t code = lookup_receive(txn, space, name, entry, port);
    if (code == KERN_SUCCESS) srights = port->srights;
    return code;
  });
}

kern_return_t port_dnrequest_info(Thread& self, Target<Space> handle, Name name, unsigned& total,
                                  unsigned& used) {
  if (!name.valid()) return KERN_INVALID_NAME;
  return transact(self, Needs{}, [&](Txn& txn) -> int {
    Locked<Space> space = txn.lock(handle);
    Entry* entry = nullptr;
    Locked<Port> port;
    const kern_return_t code = lookup_receive(txn, space, name, entry, port);
    if (code != KERN_SUCCESS) return code;
    total = port->request_slots;
    used = port->request_count;
    return KERN_SUCCESS;
  });
}

kern_return_t space_basic_info(Thread& self, Target<Space> handle, ipc_info_space_basic_t& info) {
  return transact(self, Needs{}, [&](Txn& txn) -> int {
    Locked<Space> space = txn.lock(handle);
    if (space->state != kSpaceActive) return KERN_INVALID_TASK;
    info = {};
    info.iisb_genno_mask = 0xff;
    info.iisb_table_size = space->table_size;
    info.iisb_table_inuse = space->used;
    return KERN_SUCCESS;
  });
}

kern_return_t space_scan(Thread& self, Target<Space> handle, uint32_t first, NameInfo* out, uint32_t room,
                         uint32_t& filled, uint32_t& size, bool notice_deaths) {
  // One short section for a few entries at a time; the caller goes on from `first + filled`.
  constexpr uint32_t kAtOnce = 16;
  return transact(self, Needs{}, [&](Txn& txn) -> int {
    Locked<Space> space = txn.lock(handle);
    if (space->state != kSpaceActive) return KERN_INVALID_TASK;
    const Segment& segment = txn.segment();
    size = space->table_size;
    filled = 0;
    for (uint32_t index = first; index < size && filled < std::min(room, kAtOnce); index++, filled++) {
      Entry& entry = entry_at(segment, space.handle(), index);
      NameInfo& info = out[filled];
      const bool plain = entry.type() != 0 && !entry.has(kTypePset);
      if (notice_deaths && plain) right_check(txn, space, entry);
      info = {make_name(index, entry.generation()), entry.type(), urefs_of(entry), 0, 0, entry.next};
      if (index == 0) {
        info = {Name{0xff}, 0, 0, 0, 0, space->free_head};
        continue;
      }
      if (info.type == 0) continue;
      info.type |= request_bits(segment, entry);
      info.request = entry.request;
      if (entry.has(kTypePset))
        info.object = short_identity(segment.at(Handle<Pset>{entry.object}).identity);
      else if (!entry.has(kTypeDead))
        info.object = short_identity(segment.at(Handle<Port>{entry.object}).identity);
    }
    return KERN_SUCCESS;
  });
}

kern_return_t set_scan(Thread& self, Target<Space> handle, Name set, mach_port_name_t* out, uint32_t room,
                       uint32_t& count) {
  if (!set.valid()) return KERN_INVALID_RIGHT;
  return transact(self, Needs{}, [&](Txn& txn) -> int {
    Locked<Space> space = txn.lock(handle);
    if (space->state != kSpaceActive) return KERN_INVALID_TASK;
    Entry* entry = entry_find(txn, space, set);
    if (entry == nullptr) return KERN_INVALID_NAME;
    if (!entry->has(kTypePset)) {
      if (right_check(txn, space, *entry)) return KERN_INVALID_NAME;
      return KERN_INVALID_RIGHT;
    }
    const Segment& segment = txn.segment();
    Locked<Pset> pset = txn.lock(Handle<Pset>{entry->object});
    count = 0;
    Steps steps(segment, kZoneLink);
    for (uint32_t walk = pset->members; walk != 0; walk = segment.at(Handle<Link>{walk}).set_next) {
      steps.step();
      const Port& port = segment.at(Handle<Port>{segment.at(Handle<Link>{walk}).port});
      if (!port.active()) continue;  // it leaves the set as it dies
      if (count < room) out[count] = port.receiver_name;
      count++;
    }
    return KERN_SUCCESS;
  });
}

}  // namespace portolan::ipc
