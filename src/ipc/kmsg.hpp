// SPDX-License-Identifier: Apache-2.0
// Messages inside the kernel: from the sender's buffer (copyin), as rights and bytes that belong to no space,
// to the receiver's buffer (copyout), or destroyed. A message that is not in a queue is in a hold of the
// thread that has it, or on a work list.
//
// The body keeps the user's layout. Descriptors are converted in place, front to back, one transaction each:
// a name becomes a port's index, an address a chain of Data. `converted_in` and `converted_out` say how far
// that went, so that a message can be destroyed at any moment (M2).
#pragma once

#include "ipc/objects.hpp"
#include "ipc/right.hpp"
#include "ipc/user_memory.hpp"

namespace portolan::ipc {

inline constexpr uint32_t kHeaderSize = sizeof(mach_msg_header_t);
inline constexpr uint32_t kBodyFirst = 4;  // of the body: descriptors follow their count
inline constexpr uint32_t kAuxMax = 1024;  // bytes of auxiliary data
// Memory out of line up to this size is small (messages 1.6).
#if defined(__aarch64__)
inline constexpr uint32_t kSmallOol = 32u << 10;
#else
inline constexpr uint32_t kSmallOol = 16u << 10;
#endif

// -- the body
// The word at this offset of the body, a multiple of 4.
Cell<uint32_t>& body_word(const Segment& segment, const Kmsg& kmsg, uint32_t offset);
bool body_copy_in(const Segment& segment, const Kmsg& kmsg, UserMemory& user, uint64_t from);
bool body_copy_out(const Segment& segment, const Kmsg& kmsg, UserMemory& user, uint64_t to);
// Auxiliary data (messages 2.1) lie behind the body; their first words say their size.
bool aux_copy_in(const Segment& segment, const Kmsg& kmsg, UserMemory& user, uint64_t from);
bool aux_copy_out(const Segment& segment, const Kmsg& kmsg, UserMemory& user, uint64_t to);

// One descriptor, read from a body in either form.
struct Descriptor {
  uint32_t offset;  // of the descriptor in the body
  uint32_t type, disposition, copy, flags;
  bool deallocate;
  uint32_t length;   // of the descriptor itself
  uint32_t count;    // bytes of memory, or rights in an array
  uint64_t address;  // user form: memory, or the guard's context
  uint32_t word;     // port or name; chain of Data
};
Descriptor descriptor_at(const Segment& segment, const Kmsg& kmsg, uint32_t offset);

// -- making
// A message whose body and auxiliary data fit into it, in the caller's hand. Needs: one Kmsg.
Handle<Kmsg> kmsg_make(Txn& txn, uint32_t size, uint32_t aux = 0);
// A message of this size with room for its body and so much auxiliary data, held as kHoldKmsg. Empty: no
// memory.
Handle<Kmsg> kmsg_alloc(Thread& self, uint32_t size, uint32_t aux = 0);
// Steps 6 to 8 of messages 5.1 on a body copied in. MACH_MSG_SUCCESS or the code.
mach_msg_return_t kmsg_check_descriptors(const Segment& segment, const Kmsg& kmsg);
// Step 12: rights and memory of the body (messages 5.4). On error what was taken stays in the message.
mach_msg_return_t kmsg_copyin_body(Thread& self, Target<Space> space, Handle<Kmsg> kmsg, UserMemory& user);

// -- handing over
// The body's rights and memory enter the space (messages 6.6); returns the special bits of what could not.
// `guarded`: the receiver accepts guarded descriptors; `buffer` is where the message will lie. `back`: a
// pseudo-receive.
// `stuck`: for want of memory a right could neither be named nor destroyed. It stays in the message with all
// that follows, to be destroyed with it once there is room; `array` is where the array lies that it is in.
struct CopiedOut {
  mach_msg_return_t bits = MACH_MSG_SUCCESS;
  bool stuck = false;
  uint64_t array = 0;
};
CopiedOut kmsg_copyout_body(Thread& self, Handle<Space> space, Handle<Kmsg> kmsg, UserMemory& user,
                            bool guarded, uint64_t buffer, bool back);
// In the user's copy of a message that is stuck: what stays reads as nothing. False: it cannot be written.
bool kmsg_hide_rest(const Segment& segment, const Kmsg& kmsg, UserMemory& user, uint64_t message,
                    uint64_t array);

// Runs a copyout transaction, growing the space when it has no room. `body` returns KERN_NO_SPACE to ask for
// that.
template <class Body>
kern_return_t with_room(Thread& self, Target<Space> space, Needs needs, Body&& body) {
  for (;;) {
    const kern_return_t code = transact(self, needs, body);
    if (code != KERN_NO_SPACE) return code;
    const kern_return_t grown = space_grow(self, space, 1);
    if (grown != KERN_SUCCESS) return grown;
  }
}
// What the bits of MACH_MSG_MASK say of a failed copyout of a right.
constexpr mach_msg_return_t right_bits(kern_return_t code) {
  return code == KERN_RESOURCE_SHORTAGE ? MACH_MSG_IPC_KERNEL : MACH_MSG_IPC_SPACE;
}

// -- ending
// The message leaves its hold for the work list: everything in it is destroyed before the trap returns.
void kmsg_destroy(Thread& self, Handle<Kmsg> kmsg);
void kmsg_destroy(Txn& txn, Hold& hold);
// An empty message: all its rights are out. Frees it and its body.
void kmsg_free(Thread& self, Handle<Kmsg> kmsg);
// One step at the head of the work list; false: no memory now.
bool kmsg_reap_step(Thread& self, Handle<Kmsg> kmsg);
// The same for a PORT_DESTROYED notification that is to be sent (ports 8.5).
bool port_destroyed_step(Thread& self, Handle<Kmsg> kmsg);

}  // namespace portolan::ipc
