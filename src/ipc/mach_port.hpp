// SPDX-License-Identifier: Apache-2.0
// The mach_port calls on a space, for any acting thread: each the body of the C function of that name, whose
// header documents rights and codes (include/mach/mach_port.h; ports 7, 8). None blocks. Lock order: space,
// port, set.
#pragma once

#include <mach_debug/ipc_info.h>

#include "ipc/right.hpp"

namespace portolan::ipc {

// -- making and dropping (mach_port.cpp)
kern_return_t port_allocate(Thread& self, Target<Space> space, mach_port_right_t right, Name& name);
// With a chosen name; DEAD_NAME ignores the choice and reports its own (ports 7.4).
kern_return_t port_allocate_name(Thread& self, Target<Space> space, mach_port_right_t right, Name& name);
// As `qos` asks; it and the name say afterwards what was done (ports 7.4).
kern_return_t port_allocate_full(Thread& self, Target<Space> space, mach_port_right_t right,
                                 mach_port_qos_t& qos, Name& name);
kern_return_t port_construct(Thread& self, Target<Space> space, const mach_port_options_t& options,
                             uint64_t context, Name& name);
kern_return_t port_destruct(Thread& self, Target<Space> space, Name name, mach_port_delta_t srdelta,
                            uint64_t guard);
kern_return_t port_deallocate(Thread& self, Target<Space> space, Name name);
kern_return_t port_destroy_name(Thread& self, Target<Space> space, Name name);
kern_return_t port_mod_refs(Thread& self, Target<Space> space, Name name, mach_port_right_t right,
                            mach_port_delta_t delta);
// Takes the right from `from`, which may be the same space.
kern_return_t port_insert_right(Thread& self, Target<Space> space, Name name, Handle<Space> from, Name poly,
                                mach_msg_type_name_t disposition);
// A naked right in this thread's hand: in a word of a message that it has in hand, or, without one, in a
// hold.
struct RightInHand {
  NakedRight right;
  Cell<uint32_t>* word = nullptr;
};
// The right was put somewhere in this transaction.
void right_leaves_hand(Txn& txn, const RightInHand& in_hand);
// The same with a right in hand, where it stays on failure (ports 7.13: the kernel's routine).
kern_return_t port_insert_naked(Thread& self, Target<Space> space, Name name, const RightInHand& in_hand);
// Gives the right to `to`.
kern_return_t port_extract_right(Thread& self, Target<Space> space, Name name,
                                 mach_msg_type_name_t disposition, Handle<Space> to, Name& right,
                                 mach_msg_type_name_t& type);

// -- looking (mach_port_info.cpp)
kern_return_t port_type(Thread& self, Target<Space> space, Name name, mach_port_type_t& type);
kern_return_t port_get_refs(Thread& self, Target<Space> space, Name name, mach_port_right_t right,
                            mach_port_urefs_t& refs);
kern_return_t port_kobject(Thread& self, Target<Space> space, Name name, natural_t& type);
kern_return_t port_get_srights(Thread& self, Target<Space> space, Name name, mach_port_rights_t& srights);
kern_return_t port_dnrequest_info(Thread& self, Target<Space> space, Name name, unsigned& total,
                                  unsigned& used);
kern_return_t space_basic_info(Thread& self, Target<Space> space, ipc_info_space_basic_t& info);
// Up to `room` entries from index `first` on; `size` is the table's. For names, sets and space_info: the
// caller allocates outside and asks again if the table grew.
struct NameInfo {
  Name name;
  uint32_t type;  // with the request bits of ports 7.1
  uint32_t urefs;
  uint32_t object;  // 32-bit identity (ports 13)
  uint32_t request, next;
};
kern_return_t space_scan(Thread& self, Target<Space> space, uint32_t first, NameInfo* out, uint32_t room,
                         uint32_t& filled, uint32_t& size, bool notice_deaths);
kern_return_t set_scan(Thread& self, Target<Space> space, Name set, mach_port_name_t* out, uint32_t room,
                       uint32_t& count);

// -- attributes of a receive right (mach_port_attributes.cpp)
kern_return_t port_get_attributes(Thread& self, Target<Space> space, Name name, mach_port_flavor_t flavor,
                                  integer_t* info, mach_msg_type_number_t& count);
kern_return_t port_set_attributes(Thread& self, Target<Space> space, Name name, mach_port_flavor_t flavor,
                                  const integer_t* info, mach_msg_type_number_t count);
kern_return_t port_assert_attributes(Thread& self, Target<Space> space, Name name, mach_port_flavor_t flavor,
                                     uint64_t guard, mach_msg_type_number_t count);
kern_return_t port_set_mscount(Thread& self, Target<Space> space, Name name, mach_port_mscount_t mscount);
kern_return_t port_set_seqno(Thread& self, Target<Space> space, Name name, mach_port_seqno_t seqno);
kern_return_t port_get_context(Thread& self, Target<Space> space, Name name, uint64_t& context);
kern_return_t port_set_context(Thread& self, Target<Space> space, Name name, uint64_t context);
kern_return_t port_guard(Thread& self, Target<Space> space, Name name, uint64_t guard, uint64_t flags);
kern_return_t port_unguard(Thread& self, Target<Space> space, Name name, uint64_t guard);
kern_return_t port_swap_guard(Thread& self, Target<Space> space, Name name, uint64_t old_guard,
                              uint64_t new_guard);
struct Peeked {
  uint32_t seqno, size;
  int32_t id;
  security_token_t sender;
  audit_token_t audit;
};
kern_return_t port_peek(Thread& self, Target<Space> space, Name name, uint32_t seqno, Peeked& peeked);
// With the trailer as the caller wants it: `room` bytes at most, what it takes afterwards (ports 7.9).
kern_return_t port_peek_trailer(Thread& self, Target<Space> space, Name name, mach_msg_trailer_type_t type,
                                uint32_t seqno, Peeked& peeked, mach_msg_audit_trailer_t& trailer,
                                uint32_t& room);

// -- sets (mach_port_sets.cpp)
kern_return_t port_insert_member(Thread& self, Target<Space> space, Name name, Name set);
kern_return_t port_extract_member(Thread& self, Target<Space> space, Name name, Name set);
kern_return_t port_move_member(Thread& self, Target<Space> space, Name member, Name after);

// -- notifications (mach_port_notify.cpp). The notify right is taken from `from`; the previous one goes
// there.
kern_return_t port_request_notification(Thread& self, Target<Space> space, Name name, mach_msg_id_t id,
                                        mach_port_mscount_t sync, Handle<Space> from, Name notify,
                                        mach_msg_type_name_t disposition, Name& previous);

// The same with a notify right in hand, where it stays on failure; a null one cancels. The previous one is in
// a hold of kind kHoldSendOnce on success, unless it is kRightNull.
kern_return_t port_request_notification_naked(Thread& self, Target<Space> space, Name name, mach_msg_id_t id,
                                              mach_port_mscount_t sync, const RightInHand& notify,
                                              uint32_t& previous);

// -- a right in the hand of a call that moves one (mach_port.cpp): a hold, or nothing for a null or dead one.
// Takes it out of a space. The codes of right_copyin, KERN_INVALID_NAME, KERN_INVALID_TASK.
kern_return_t right_take(Thread& self, Target<Space> space, Name name, uint32_t disposition,
                         NakedRight& right);
// The same as the body of a request to another task would: null and dead are taken for what they are, and
// what cannot be taken is MACH_SEND_INVALID_RIGHT (ports 6.2).
kern_return_t right_take_sent(Thread& self, Target<Space> space, Name name, uint32_t disposition,
                              NakedRight& right);
// Destroys it (ports 6.4).
void right_drop(Thread& self, const NakedRight& right);

// What most calls begin with (ports 6.3), inside a transaction. An object lookup wants a live receive right.
kern_return_t lookup_receive(Txn& txn, Locked<Space>& space, Name name, Entry*& entry, Locked<Port>& port);

}  // namespace portolan::ipc
