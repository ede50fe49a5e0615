// SPDX-License-Identifier: Apache-2.0
// Spaces: a task's table of names. The table is a private range of the segment, so that it grows in place and
// a look-up is one load. Free names are handed out as Darwin does (ports 2.2), generations roll over as
// Darwin's do (ports 2.3), and pure send rights are found by their port through a hash that grows a bucket at
// a time. Locks: the space's.
#pragma once

#include "ipc/objects.hpp"

namespace portolan::ipc {

// A new space with an empty table of 32 slots, in the hand of the caller (no hold: one transaction makes the
// space and publishes it). `seed` starts the random walks. The pages of its table must be real: see
// space_prepare_new.
Handle<Space> space_make(Txn& txn, Handle<Task> task, uint32_t seed);
// Makes the first pages of the table of the space that the next space_make will return real. False: no
// memory.
bool space_reserve(Thread& self);

Entry& entry_at(const Segment& segment, Handle<Space> space, uint32_t index);
// The entry that a name denotes; nullptr: none (ports 2.1).
Entry* entry_find(Txn& txn, Locked<Space>& space, Name name);
Name entry_name(const Segment& segment, const Locked<Space>& space, const Entry& entry);

// Room for `n` more names: grows the table by Darwin's steps and the hash as needed, in transactions of its
// own. KERN_SUCCESS; KERN_NO_SPACE: at the maximum (ports 3.2); KERN_RESOURCE_SHORTAGE; KERN_INVALID_TASK:
// dying.
kern_return_t space_grow(Thread& self, Target<Space> space, uint32_t n);
// The same so that an explicit index exists.
kern_return_t space_grow_to(Thread& self, Target<Space> space, uint32_t index);
// Is there room now, by Darwin's reservation rule? Inside a transaction that then allocates `n` at the most.
bool space_has_room(const Locked<Space>& space, uint32_t n);

// A free slot, its generation stepped, type bits still empty; false when there is none.
bool entry_alloc(Txn& txn, Locked<Space>& space, Name& name, Entry*& entry);
// A chosen slot (ports 5.3, steps 2, 3, 6). KERN_SUCCESS with `entry` empty or in use under this very name.
kern_return_t entry_alloc_name(Txn& txn, Locked<Space>& space, Name name, Entry*& entry);
// Clears and frees a slot; the reverse hash must not hold it any more.
void entry_free(Txn& txn, Locked<Space>& space, Entry& entry);

// The reverse hash: pure send rights by port.
void hash_insert(Txn& txn, Locked<Space>& space, Entry& entry);
void hash_remove(Txn& txn, Locked<Space>& space, Entry& entry);
Entry* hash_find(Txn& txn, Locked<Space>& space, Handle<Port> port, Name& name);

// The space dies: every call on it fails from here on; entries are torn down on the thread's work list, in
// ascending order (ports 3.4). The work list frees the space itself at the end.
void space_destroy(Txn& txn, Locked<Space>& space);
// One step; false: no memory now.
bool space_reap_step(Thread& self, Handle<Space> space);

// Darwin's table sizes (ports 3.1): the next size above `size`, or 0 at the maximum.
uint32_t table_size_after(uint32_t size, uint32_t limit);

}  // namespace portolan::ipc
