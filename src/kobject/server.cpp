// SPDX-License-Identifier: Apache-2.0
// From a message's id to a routine, and from its results to a reply (messages 11.4).
//
// If we die here: see call.hpp. The reply right is in the request until a reply takes it over, so that its
// port is told whenever no reply comes.
#include "kobject/server.hpp"

#include <kern/ipc_kobject.h>
#include <mach/mig_errors.h>
#include <string.h>

#include "ipc/mqueue.hpp"
#include "ipc/notify.hpp"
#include "kobject/call.hpp"
#include "segment/raw.hpp"

namespace portolan::kobject {

namespace {

using ipc::body_word;
using ipc::kRightDead;
using ipc::kRightNull;

constexpr const Subsystem* kSubsystems[] = {&kMachPort, &kTask,     &kThreadAct,
                                            &kMachVm,   &kMachHost, &kHostPriv};

struct Found {
  const Subsystem* subsystem = nullptr;
  const Routine* routine = nullptr;
};

Found find(mach_msg_id_t id) {
  for (const Subsystem* subsystem : kSubsystems) {
    const auto& routines = subsystem->routines;
    if (id < routines.front().id || id > routines.back().id) continue;
    for (const Routine& routine : routines)
      if (routine.id == id) return {subsystem, &routine};
  }
  return {};
}

}  // namespace

// The request, the reply that is being made for it, and what is between them.
class Exchange {
 public:
  Exchange(Thread& self, Handle<Kmsg> request, ipc::UserMemory& user)
      : self_(self), request_(request), user_(user) {}

  void run() {
    const Found found = find(request().id);
    if (found.routine == nullptr) return answer(MIG_BAD_ID);
    Call call(self_, user_, request_, *found.routine);
    kern_return_t code = check(*found.routine, call.more_);
    if (code == KERN_SUCCESS) code = object(*found.subsystem, *found.routine, call);
    if (code != KERN_SUCCESS) return answer(code);
    const Layout& layout = found.routine->reply;
    if (!make(size_of(layout, layout.words + layout.more), layout)) return;
    call.reply_ = reply_;
    code = found.routine->serve(call);
    if (code == KERN_SUCCESS) code = take_memory(call);
    for (uint32_t i = memory_taken(layout); i < call.memory_count_; i++)
      user_.unmap(call.memory_[i].address, call.memory_[i].size);
    if (code != KERN_SUCCESS) return answer(code);
    fill(layout, call);
    post();
  }

 private:
  Segment& segment() const { return self_.segment(); }
  Kmsg& request() const { return segment().at(request_); }
  Kmsg& reply() const { return segment().at(reply_); }

  static uint32_t size_of(const Layout& layout, uint32_t words) {
    if (layout.descriptors() == 0) return sizeof(mig_reply_error_t) + 4 * words;
    return ipc::kHeaderSize + layout.words_at() - (words == 0 ? 8 : 0) + 4 * words;
  }

  // Is the message one that this routine can be asked with?
  kern_return_t check(const Routine& routine, uint32_t& more) const {
    const Kmsg& kmsg = request();
    const Layout& layout = routine.request;
    const bool complex = (kmsg.bits & MACH_MSGH_BITS_COMPLEX) != 0;
    if (complex != (layout.descriptors() != 0) || kmsg.descriptors != layout.descriptors())
      return MIG_BAD_ARGUMENTS;
    const uint32_t least = layout.size(0);
    if (kmsg.size < least || kmsg.size > layout.size(layout.more)) return MIG_BAD_ARGUMENTS;
    for (uint32_t i = 0; i < layout.descriptors(); i++) {
      const uint32_t type = body_word(segment(), kmsg, layout.descriptor_at(i) + 8) >> 24;
      const bool fits = i < layout.rights
                            ? type == MACH_MSG_PORT_DESCRIPTOR
                            : type == MACH_MSG_OOL_DESCRIPTOR || type == MACH_MSG_OOL_VOLATILE_DESCRIPTOR;
      if (!fits) return MIG_TYPE_ERROR;
    }
    more = (kmsg.size - least) / 4;
    if (layout.more != 0 && body_word(segment(), kmsg, layout.words_at() + 4 * (layout.words - 1u)) != more)
      return MIG_BAD_ARGUMENTS;
    return KERN_SUCCESS;
  }

  // Finds the object that is asked.
  kern_return_t object(const Subsystem& subsystem, const Routine& routine, Call& call) const {
    uint32_t type = 0, object = 0;
    Target<Task> task;
    Ref<Port> asked;
    transact(self_, Needs{}, [&](Txn& txn) {
      Locked<Port> port = txn.lock(Handle<Port>{request().remote});
      type = port->active() ? port->kobject_type.get() : 0;
      object = port->kobject;
      asked = segment().ref_of(*port);
      // A task's ports die with its element, in one transaction.
      task = {};
      if (object != 0 && task_port_is(type, routine.least))
        task = Target<Task>(segment().ref_of(segment().at(Handle<Task>{object})));
      return 0;
    });
    if (subsystem.object == Object::host)
      return type == IKOT_HOST || type == IKOT_HOST_PRIV ? KERN_SUCCESS : subsystem.otherwise;
    if (subsystem.object == Object::host_priv) {
      call.target_.level = ExceptionTarget::Level::host;
      return type == IKOT_HOST_PRIV ? KERN_SUCCESS : subsystem.otherwise;
    }
    if (subsystem.object == Object::thread) {
      call.target_ = {ExceptionTarget::Level::thread, {}, object, asked};
      return type == IKOT_THREAD_CONTROL ? KERN_SUCCESS : subsystem.otherwise;
    }
    if (task && segment().at(task.handle).state == ipc::kTaskLive) {
      call.task_ = task;
      call.target_ = ExceptionTarget::of(task);
      return KERN_SUCCESS;
    }
    return routine.least == Strength::read ? subsystem.otherwise_read : subsystem.otherwise;
  }

  // A reply in our hand that has the reply right. False: no memory.
  bool make(uint32_t size, const Layout& layout) {
    const Handle<Kmsg> handle = ipc::kmsg_alloc(self_, size);
    if (!handle) return false;
    Kmsg& kmsg = segment().at(handle);
    kmsg.id.init(request().id + 100);
    const uint32_t descriptors = layout.descriptors();
    if (descriptors != 0) {
      body_word(segment(), kmsg, 0).init(descriptors);
      kmsg.descriptors.init(descriptors);
      for (uint32_t at = ipc::kBodyFirst; at < layout.words_at() - 8; at += 4)
        body_word(segment(), kmsg, at).init(0);
    }
    // From the request, or from the reply that is not to be.
    Cell<uint32_t>& from = reply_ ? reply().remote : request().local;
    const uint32_t kind = reply_ ? MACH_MSGH_BITS_REMOTE(reply().bits) : MACH_MSGH_BITS_LOCAL(request().bits);
    transact(self_, Needs{}, [&](Txn& txn) {
      txn.set(kmsg.remote, from.get());
      txn.set(from, kRightNull);
      txn.set(kmsg.bits, MACH_MSGH_BITS(kind, 0) | (descriptors != 0 ? MACH_MSGH_BITS_COMPLEX : 0));
      txn.set(kmsg.flags, ipc::kKmsgFromKernel | ipc::kKmsgHeaderTaken);
      return 0;
    });
    if (reply_) ipc::kmsg_destroy(self_, reply_);
    reply_ = handle;
    return true;
  }

  // The error reply, or the reply of a routine without results.
  void answer(kern_return_t code) {
    if (!make(sizeof(mig_reply_error_t), Layout{})) {
      if (reply_) ipc::kmsg_destroy(self_, reply_);
      return;
    }
    raw_copy(reply().inline_body, ipc::kNdr, sizeof ipc::kNdr);
    raw_copy(reply().inline_body + sizeof ipc::kNdr, &code, sizeof code);
    post();
  }

  // The sender's memory that goes with the reply is copied into it.
  kern_return_t take_memory(Call& call) {
    if (call.memory_count_ == 0) return KERN_SUCCESS;
    for (uint32_t i = 0; i < call.memory_count_; i++) {
      const uint32_t at = call.routine_.reply.descriptor_at(i);
      const Call::Memory& memory = call.memory_[i];
      body_word(segment(), reply(), at).init(static_cast<uint32_t>(memory.address));
      body_word(segment(), reply(), at + 4).init(static_cast<uint32_t>(memory.address >> 32));
      const uint32_t type = memory.rights
                                ? MACH_MSG_OOL_PORTS_DESCRIPTOR << 24 | MACH_MSG_TYPE_MOVE_SEND << 16
                                : MACH_MSG_OOL_DESCRIPTOR << 24;
      const uint64_t count = memory.rights ? memory.size / sizeof(mach_port_name_t) : memory.size;
      body_word(segment(), reply(), at + 8).init(type | MACH_MSG_VIRTUAL_COPY << 8 | 1);
      body_word(segment(), reply(), at + 12).init(static_cast<uint32_t>(count));
    }
    const mach_msg_return_t taken = ipc::kmsg_copyin_body(self_, call.own_space(), reply_, user_);
    return taken == MACH_MSG_SUCCESS ? KERN_SUCCESS : KERN_RESOURCE_SHORTAGE;
  }
  // How many pieces of the sender's memory are the reply's now.
  uint32_t memory_taken(const Layout& layout) const {
    return layout.memory == 0 ? 0 : reply().converted_in.get();
  }

  void fill(const Layout& layout, const Call& call) {
    Kmsg& kmsg = reply();
    kmsg.size.init(size_of(layout, call.count_));
    const bool simple = layout.descriptors() == 0;
    uint32_t at = layout.words_at() - 8;
    auto put = [&](uint32_t word) {
      body_word(segment(), kmsg, at).init(word);
      at += 4;
    };
    if (simple || call.count_ != 0) {
      uint32_t ndr[2];
      memcpy(ndr, ipc::kNdr, sizeof ndr);
      put(ndr[0]);
      put(ndr[1]);
    }
    if (simple) put(KERN_SUCCESS);
    for (uint32_t i = 0; i < call.count_; i++) put(call.results_[i]);
  }

  void post() {
    Kmsg& kmsg = reply();
    const int code = transact(self_, ipc::kDropNeeds.with<Kmsg>(1), [&](Txn& txn) {
      Hold& hold = *txn.find_hold(ipc::kHoldKmsg, reply_.index);
      if (kmsg.remote != kRightNull && kmsg.remote != kRightDead && (kmsg.flags & ipc::kKmsgCircular) == 0) {
        Locked<Port> port = txn.lock(Handle<Port>{kmsg.remote});
        if (port->active() && port->kobject_type == 0 &&
            ipc::mqueue_send(txn, port, reply_, true) == ipc::SendVerdict::posted) {
          txn.drop(hold);
          return 0;
        }
      }
      ipc::kmsg_destroy(txn, hold);
      return 0;
    });
    if (code != 0) ipc::kmsg_destroy(self_, reply_);
  }

  Thread& self_;
  Handle<Kmsg> request_, reply_;
  ipc::UserMemory& user_;
};

void serve(Thread& self, Handle<Kmsg> request, ipc::UserMemory& user) { Exchange(self, request, user).run(); }

}  // namespace portolan::kobject
