// SPDX-License-Identifier: Apache-2.0
// The bootstrap calls: traps, since the namespace is an object of the kernel. Contracts are in
// include/servers/bootstrap.h; docs/rules/bootstrap.md 5 has the rules.
//
// A name is read first, then the namespace is entered; results are stored on success only (bootstrap 4). A
// `bp` that leads to a program's own port is to be asked by messages, which comes later: until then it is
// KERN_NOT_SUPPORTED.
#include <mach/mach_error.h>
#include <servers/bootstrap.h>

#include <algorithm>

#include "bootstrap/namespace.hpp"
#include "ipc/mach_port.hpp"
#include "traps/trap.hpp"
#include "vm/own_memory.hpp"

namespace portolan {
namespace {

class BootstrapCall {
 public:
  explicit BootstrapCall(mach_port_t port) : bp{port}, memory_(memory_of(trap_)) {}

  bool ok() const { return trap_.ok(); }
  Thread& thread() const { return trap_.thread(); }
  bootstrap::Caller caller() const { return {trap_.task(), trap_.space()}; }

  // As much of a string as counts, never a byte behind its end, which may be the end of memory.
  bool load_name(const char* text) {
    char bytes[ipc::kServiceNameMax] = {};
    size_t length = 0;
    while (length < sizeof bytes - 1) {
      const auto at = reinterpret_cast<uint64_t>(text) + length;
      const size_t part = std::min<size_t>(sizeof bytes - 1 - length, kPage - at % kPage);
      if (!memory_.copy_in(bytes + length, at, part)) return false;
      const size_t used = strnlen(bytes + length, part);
      length += used;
      if (used < part) break;
    }
    name = bootstrap::ServiceName(bytes, length);
    return true;
  }

  template <class T>
  kern_return_t finish(kern_return_t code, T* to, T value) {
    if (code == bootstrap::kServedByProgram) code = KERN_NOT_SUPPORTED;
    if (code == KERN_SUCCESS && !memory_.copy_out(reinterpret_cast<uint64_t>(to), &value, sizeof value))
      code = KERN_INVALID_ADDRESS;
    return trap_.leave(code);
  }
  kern_return_t finish(kern_return_t code) {
    return trap_.leave(code == bootstrap::kServedByProgram ? KERN_NOT_SUPPORTED : code);
  }

  const ipc::Name bp;
  bootstrap::ServiceName name;

 private:
  static vm::OwnMemory memory_of(const Trap& trap) {
    static const Segment kNone;
    return vm::OwnMemory(trap.ok() ? trap.thread().segment() : kNone);
  }

  Trap trap_;
  vm::OwnMemory memory_;
};

}  // namespace
}  // namespace portolan

using portolan::BootstrapCall;
using portolan::ipc::Name;
namespace bs = portolan::bootstrap;

extern "C" {

kern_return_t bootstrap_check_in(mach_port_t bp, const name_t service_name, mach_port_t* sp) {
  BootstrapCall call(bp);
  if (!call.ok()) return MACH_SEND_INVALID_DEST;
  if (!call.load_name(service_name)) return MACH_SEND_INVALID_DATA;
  Name name;
  const kern_return_t code = bs::check_in(call.thread(), call.caller(), call.bp, call.name, name);
  return call.finish(code, sp, name.value);
}

kern_return_t bootstrap_register(mach_port_t bp, name_t service_name, mach_port_t sp) {
  BootstrapCall call(bp);
  if (!call.ok()) return MACH_SEND_INVALID_DEST;
  if (!call.load_name(service_name)) return MACH_SEND_INVALID_DATA;
  return call.finish(bs::register_(call.thread(), call.caller(), call.bp, call.name, Name{sp}));
}

kern_return_t bootstrap_look_up(mach_port_t bp, const name_t service_name, mach_port_t* sp) {
  BootstrapCall call(bp);
  if (!call.ok()) return MACH_SEND_INVALID_DEST;
  if (!call.load_name(service_name)) return MACH_SEND_INVALID_DATA;
  Name name;
  const kern_return_t code = bs::look_up(call.thread(), call.caller(), call.bp, call.name, name);
  return call.finish(code, sp, name.value);
}

kern_return_t bootstrap_subset(mach_port_t bp, mach_port_t requestor_port, mach_port_t* subset_port) {
  BootstrapCall call(bp);
  if (!call.ok()) return MACH_SEND_INVALID_DEST;
  Name name;
  const kern_return_t code = bs::subset(call.thread(), call.caller(), call.bp, Name{requestor_port}, name);
  return call.finish(code, subset_port, name.value);
}

kern_return_t bootstrap_parent(mach_port_t bp, mach_port_t* parent_port) {
  BootstrapCall call(bp);
  if (!call.ok()) return MACH_SEND_INVALID_DEST;
  Name name;
  const kern_return_t code = bs::parent(call.thread(), call.caller(), call.bp, name);
  return call.finish(code, parent_port, name.value);
}

// There are no other ports to answer: the same port, with one more user reference.
kern_return_t bootstrap_unprivileged(mach_port_t bp, mach_port_t* unpriv_port) {
  BootstrapCall call(bp);
  if (!call.ok()) return KERN_INVALID_NAME;
  const kern_return_t code =
      portolan::ipc::port_mod_refs(call.thread(), call.caller().space, call.bp, MACH_PORT_RIGHT_SEND, 1);
  const kern_return_t stored =
      call.finish(KERN_SUCCESS, unpriv_port, code == KERN_SUCCESS ? bp : MACH_PORT_NULL);
  return code != KERN_SUCCESS ? code : stored;
}

kern_return_t bootstrap_status(mach_port_t bp, name_t service_name, bootstrap_status_t* service_active) {
  BootstrapCall call(bp);
  if (!call.ok()) return MACH_SEND_INVALID_DEST;
  if (!call.load_name(service_name)) return MACH_SEND_INVALID_DATA;
  bootstrap_status_t status = BOOTSTRAP_STATUS_INACTIVE;
  const kern_return_t code = bs::status(call.thread(), call.caller(), call.bp, call.name, status);
  return call.finish(code, service_active, status);
}

const char* bootstrap_strerror(kern_return_t r) {
  switch (r) {
    case BOOTSTRAP_SUCCESS:
      return "Success";
    case BOOTSTRAP_NOT_PRIVILEGED:
      return "Permission denied";
    case BOOTSTRAP_NAME_IN_USE:
    case BOOTSTRAP_SERVICE_ACTIVE:
      return "Service name already exists";
    case BOOTSTRAP_UNKNOWN_SERVICE:
      return "Unknown service name";
    case BOOTSTRAP_BAD_COUNT:
      return "Too many lookups were requested in one request";
    case BOOTSTRAP_NO_MEMORY:
      return "Out of memory";
    default:
      return mach_error_string(r);
  }
}

}  // extern "C"
