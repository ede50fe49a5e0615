// SPDX-License-Identifier: Apache-2.0
#include "ipc/fileport.hpp"

#include <kern/ipc_kobject.h>

#include "ipc/kmsg.hpp"

namespace portolan::ipc {

namespace {

bool is_live(const Port& port, uint64_t identity) {
  return port.allocated() && port.identity == identity && port.kobject_type == IKOT_FILEPORT && port.active();
}

}  // namespace

kern_return_t fileport_make(Thread& self, Handle<Space> to, Name& name, FilePort& made) {
  return with_room(self, to, kCopyoutNeeds.with<Port>(1), [&](Txn& txn) -> int {
    const Handle<Port> handle = kobject_port_make(txn, IKOT_FILEPORT, 0);
    Locked<Port> port = txn.lock(handle);
    send_right_make(txn, port);
    made = {handle.index, port->identity};
    Locked<Space> space = txn.lock(to);
    const kern_return_t code = right_copyout(txn, space, {handle.index, MACH_MSG_TYPE_PORT_SEND}, name);
    return code == KERN_SUCCESS ? code : txn.roll_back(code);
  });
}

kern_return_t fileport_find(Thread& self, Handle<Space> handle, Name name, FilePort& found) {
  return transact(self, Needs{}, [&](Txn& txn) -> int {
    Locked<Space> space = txn.lock(handle);
    if (space->state != kSpaceActive) return KERN_INVALID_TASK;
    const Entry* entry = name.valid() ? entry_find(txn, space, name) : nullptr;
    if (entry == nullptr || entry->has(kTypeDead)) return KERN_INVALID_NAME;
    if (!entry->has(kTypeSend)) return KERN_INVALID_RIGHT;
    Locked<Port> port = txn.lock(Handle<Port>{entry->object});
    if (!is_live(*port, port->identity)) return KERN_INVALID_CAPABILITY;
    found = {port.handle().index, port->identity};
    return KERN_SUCCESS;
  });
}

bool fileport_lives(Thread& self, const FilePort& which) {
  Segment& segment = self.segment();
  if (which.port == 0 || which.port >= segment.carved(kZonePort)) return false;
  const Handle<Port> handle{which.port};
  if (is_live(segment.at(handle), which.identity)) return true;
  // A transaction that is about to be undone may have shown it as dying.
  return transact(self, Needs{}, [&](Txn& txn) -> int {
           const Locked<Port> port = txn.lock(handle);
           return is_live(*port, which.identity) ? KERN_SUCCESS : KERN_INVALID_NAME;
         }) == KERN_SUCCESS;
}

void fileports_end(Thread& self) {
  Segment& segment = self.segment();
  for (uint32_t i = 1; i < segment.carved(kZonePort); i++) {
    const Handle<Port> handle{i};
    const Port& seen = segment.at(handle);
    if (!seen.allocated() || seen.kobject_type != IKOT_FILEPORT) continue;
    transact(self, Needs{}, [&](Txn& txn) -> int {
      Locked<Port> port = txn.lock(handle);
      if (is_live(*port, port->identity)) kobject_port_destroy(txn, port);
      return KERN_SUCCESS;
    });
    settle(self);
  }
}

}  // namespace portolan::ipc
