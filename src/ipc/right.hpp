// SPDX-License-Identifier: Apache-2.0
// Rights in spaces: what an entry may do with its port, how a right leaves a space (copyin) and enters one
// (copyout). Locks: the space's, then the port's.
#pragma once

#include <mach/notify.h>

#include "ipc/objects.hpp"
#include "ipc/port.hpp"
#include "ipc/space.hpp"

namespace portolan::ipc {

// A right that has left a space: a port with one naked right of `disposition` (16, 17, 18), or kRightNull,
// kRightDead.
struct NakedRight {
  uint32_t port = kRightNull;
  uint32_t disposition = 0;
};

// What a sent disposition becomes (ports 1.2); 0 for an unknown one.
constexpr uint32_t received_disposition(uint32_t sent) {
  switch (sent) {
    case MACH_MSG_TYPE_MOVE_RECEIVE:
      return MACH_MSG_TYPE_PORT_RECEIVE;
    case MACH_MSG_TYPE_MOVE_SEND:
    case MACH_MSG_TYPE_COPY_SEND:
    case MACH_MSG_TYPE_MAKE_SEND:
      return MACH_MSG_TYPE_PORT_SEND;
    case MACH_MSG_TYPE_MOVE_SEND_ONCE:
    case MACH_MSG_TYPE_MAKE_SEND_ONCE:
      return MACH_MSG_TYPE_PORT_SEND_ONCE;
    default:
      return 0;
  }
}

// Turns an entry whose port has died into a dead name, as every look at it does (ports 10.1). True: it is
// dead now, or was; an entry of a dead send-once right too. Bounded; takes the port's lock.
bool right_check(Txn& txn, Locked<Space>& space, Entry& entry);

// Internal: the receive right cannot leave its space in one transaction; port_clear_some(out.port) and start
// again.
inline constexpr kern_return_t kPortBusy = -90001;

// ports 5.1. KERN_SUCCESS, KERN_INVALID_RIGHT, KERN_INVALID_CAPABILITY, or kPortBusy with nothing changed.
// The right is naked afterwards: the caller puts it somewhere in the same transaction. Rights of dead ports
// yield kRightDead where ports 5.1 says so. A moved receive right is in transit to nowhere yet. Needs:
// kCopyinNeeds.
kern_return_t right_copyin(Txn& txn, Locked<Space>& space, Entry& entry, uint32_t disposition,
                           NakedRight& out);
inline constexpr Needs kCopyinNeeds = Needs{}.with<Kmsg>(2);

// ports 5.2. The space must have room for one name (space_grow, space_has_room), even where the right joins
// another (tasks check 9). KERN_SUCCESS; or KERN_INVALID_CAPABILITY with `name` MACH_PORT_DEAD, the right
// consumed; or KERN_NO_SPACE with nothing changed.
kern_return_t right_copyout(Txn& txn, Locked<Space>& space, NakedRight right, Name& name);
// ports 5.3, steps 7 to 10, the entry coming from entry_alloc_name. On failure nothing has changed.
kern_return_t right_copyout_name(Txn& txn, Locked<Space>& space, NakedRight right, Name name, Entry& entry);
inline constexpr Needs kCopyoutNeeds = Needs{}.with<Kmsg>(1).with<Acquisition>(1);

// One user reference more of a send right, made from the receive right of this very entry or copied
// (ports 7.13). KERN_SUCCESS, KERN_INVALID_RIGHT, or KERN_INVALID_CAPABILITY for a dead name.
kern_return_t right_again(Txn& txn, Locked<Space>& space, Entry& entry, uint32_t disposition);
inline constexpr Needs kAgainNeeds = Needs{}.with<Acquisition>(1);

// Destroys a naked right with all that follows (ports 6.4). Needs: kDropNeeds.
void naked_destroy(Txn& txn, NakedRight right);

// One user call each (ports 7.5 to 7.8); entry lookup done by the caller.
kern_return_t right_dealloc(Txn& txn, Locked<Space>& space, Name name, Entry& entry);
kern_return_t right_destroy(Txn& txn, Locked<Space>& space, Name name, Entry& entry);
kern_return_t right_delta(Txn& txn, Locked<Space>& space, Name name, Entry& entry, mach_port_right_t right,
                          mach_port_delta_t delta);
kern_return_t right_destruct(Txn& txn, Locked<Space>& space, Name name, Entry& entry,
                             mach_port_delta_t srdelta, uint64_t guard);
// Tears one entry down as the death of its space does (ports 10.3).
void right_terminate(Txn& txn, Locked<Space>& space, Entry& entry);
inline constexpr Needs kRightNeeds = Needs{}.with<Kmsg>(3).with<Acquisition>(1);

// Accounting of acquisitions, when sites are recorded: `count` user references more or fewer under this
// entry.
void note_acquired(Txn& txn, Entry& entry, uint32_t count);
void note_released(Txn& txn, Entry& entry, uint32_t count);
void note_cleared(Txn& txn, Entry& entry);

}  // namespace portolan::ipc
