// SPDX-License-Identifier: Apache-2.0
// One request to a kernel object: its arguments as they lie in the message, and its results as they will lie
// in the reply. A routine is a row of a table: id, layout, function.
//
// Locks: none is held. If we die here: request and reply are in holds, and are destroyed with all that is in
// them; a right moves from one to another place in the transaction that also records where it is.
#pragma once

#include <mach/kern_return.h>

#include <span>

#include "ipc/kmsg.hpp"
#include "ipc/mach_port.hpp"
#include "task/exception_ports.hpp"
#include "task/task.hpp"

namespace portolan::kobject {

using ipc::Descriptor;
using ipc::Kmsg;
using ipc::Port;
using ipc::RightInHand;
using ipc::Space;
using ipc::Task;

// What a message consists of (messages 11.2): descriptors of rights, then of memory, then words of 4 bytes.
struct Layout {
  uint8_t rights = 0;
  uint8_t memory = 0;
  uint8_t words = 0;
  uint8_t more = 0;  // up to so many words more

  constexpr uint32_t descriptors() const { return rights + memory; }
  // Offsets in the body.
  constexpr uint32_t descriptor_at(uint32_t n) const {
    return ipc::kBodyFirst + (n < rights ? n * 12u : rights * 12u + (n - rights) * 16u);
  }
  constexpr uint32_t words_at() const { return descriptors() == 0 ? 8u : descriptor_at(descriptors()) + 8u; }
  // Bytes of the whole message with `extra` further words.
  constexpr uint32_t size(uint32_t extra) const {
    return ipc::kHeaderSize + words_at() - (words + extra == 0 ? 8 : 0) + 4 * (words + extra);
  }
};

class Call;

struct Routine {
  mach_msg_id_t id;
  Layout request;
  Layout reply;  // without the return code
  kern_return_t (*serve)(Call& call);
  Strength least = Strength::control;  // of a task's port that may be asked for this
};

enum class Object : uint8_t { task, thread, host, host_priv };

// Routines with consecutive ids; holes are allowed.
struct Subsystem {
  Object object;
  kern_return_t otherwise;       // to a port of another kind of object …
  kern_return_t otherwise_read;  // … when a routine asks for a read port (ports 6.1)
  std::span<const Routine> routines;
};
extern const Subsystem kMachPort, kTask, kThreadAct, kMachVm, kMachHost, kHostPriv;

class Call {
 public:
  Call(Thread& self, ipc::UserMemory& user, Handle<Kmsg> request, const Routine& routine)
      : self_(self), user_(user), request_(request), routine_(routine) {}

  Thread& self() const { return self_; }
  Segment& segment() const { return self_.segment(); }
  ipc::UserMemory& user() const { return user_; }

  // -- the object that is asked
  Target<Task> task() const { return task_; }
  // The same, or a thread or the host, as who has exception ports.
  const ExceptionTarget& target() const { return target_; }
  Target<Space> space() const {
    return own_task() ? Target<Space>(own_space()) : space_of_task(self_, task_);
  }
  bool own_task() const { return self_.slot().task == task_.handle.index; }
  // The sender's.
  Handle<Space> own_space() const {
    return Handle<Space>{segment().at(Handle<Task>{self_.slot().task}).space};
  }

  // -- arguments
  uint32_t in(uint32_t word) const {
    return ipc::body_word(segment(), request(), routine_.request.words_at() + 4 * word);
  }
  uint64_t in64(uint32_t word) const { return in(word) | uint64_t{in(word + 1)} << 32; }
  // How many words there are beyond those that every request has.
  uint32_t more() const { return more_; }
  // A right of the request, to be put somewhere: what stays there is destroyed.
  RightInHand right_in(uint32_t n) const;
  // The memory of the request: its size, its first bytes (at most a page's), all of it to an address of the
  // sender's.
  uint32_t memory_size() const { return descriptor_in(0).count; }
  void memory_in(void* to, uint32_t size) const;
  bool memory_to(uint64_t address) const;

  // -- results, in the order of the layout
  void out(uint32_t word) { results_[count_++] = word; }
  void out64(uint64_t value) {
    out(static_cast<uint32_t>(value));
    out(static_cast<uint32_t>(value >> 32));
  }
  template <class T>
  void out_struct(const T& value) {
    static_assert(sizeof value % 4 == 0);
    __builtin_memcpy(results_ + count_, &value, sizeof value);
    count_ += sizeof value / 4;
  }
  uint32_t* out_room() { return results_ + count_; }
  void out_words(uint32_t words) { count_ += words; }
  // Puts a naked right into the next descriptor of the reply, within the transaction that made it naked.
  void put_right(Txn& txn, ipc::NakedRight right);
  // Takes the reply's only right out of a space, as a message from there would. KERN_SUCCESS,
  // KERN_INVALID_NAME, KERN_INVALID_RIGHT, KERN_INVALID_TASK, KERN_RESOURCE_SHORTAGE.
  kern_return_t copy_right(Target<Space> from, ipc::Name name, mach_msg_type_name_t disposition);
  // Memory of the sender's, which the reply takes with it, or which is given back if there is none.
  void move_memory(const void* address, uint64_t size) {
    memory_[memory_count_++] = {reinterpret_cast<uint64_t>(address), size, false};
  }
  // The same with names of send rights in the sender's space, which go too.
  void move_rights(const mach_port_name_t* names, uint32_t count) {
    memory_[memory_count_++] = {reinterpret_cast<uint64_t>(names), count * sizeof *names, true};
  }

 private:
  friend class Exchange;
  Kmsg& request() const { return segment().at(request_); }
  Kmsg& reply() const { return segment().at(reply_); }
  Descriptor descriptor_in(uint32_t n) const {
    return ipc::descriptor_at(segment(), request(), routine_.request.descriptor_at(n));
  }

  struct Memory {
    uint64_t address, size;
    bool rights;
  };
  static constexpr uint32_t kResults = 256;  // words
  Thread& self_;
  ipc::UserMemory& user_;
  Handle<Kmsg> request_, reply_;
  const Routine& routine_;
  Target<Task> task_;
  ExceptionTarget target_;
  uint32_t more_ = 0;
  uint32_t count_ = 0;
  uint32_t memory_count_ = 0;
  Memory memory_[2] = {};
  uint32_t results_[kResults] = {};
};

}  // namespace portolan::kobject
