// SPDX-License-Identifier: Apache-2.0
// The bootstrap calls: traps, since the namespace is an object of the kernel. Contracts are in
// include/servers/bootstrap.h; docs/rules/bootstrap.md 5 has the rules.
//
// A name is read first, then the namespace is entered; results are stored on success only (bootstrap 4). A
// `bp` that leads to a program's own port is to be asked by messages, which comes later: until then it is
// KERN_NOT_SUPPORTED.
#include <mach/mach_error.h>
#include <servers/bootstrap_priv.h>

#include "ipc/mach_port.hpp"
#include "traps/bootstrap_call.hpp"

using portolan::BootstrapCall;
using portolan::ipc::Name;
namespace bs = portolan::bootstrap;

namespace {

// Reads the name of a service and runs `act`, whose right goes to `sp`.
template <class Act>
kern_return_t named_right(mach_port_t bp, const char* service_name, mach_port_t* sp, Act&& act) {
  BootstrapCall call(bp);
  if (!call.ok()) return MACH_SEND_INVALID_DEST;
  if (!call.load_name(service_name)) return MACH_SEND_INVALID_DATA;
  Name name;
  const kern_return_t code = act(call, name);
  return call.finish(code, sp, name.value);
}

}  // namespace

extern "C" {

kern_return_t bootstrap_check_in(mach_port_t bp, const name_t service_name, mach_port_t* sp) {
  return bootstrap_check_in2(bp, service_name, sp, 0);
}

kern_return_t bootstrap_check_in2(mach_port_t bp, const name_t service_name, mach_port_t* sp,
                                  uint64_t flags) {
  return named_right(bp, service_name, sp, [flags](BootstrapCall& call, Name& name) {
    return bs::check_in(call.thread(), call.caller(), call.bp, call.name, flags, name);
  });
}

kern_return_t bootstrap_register(mach_port_t bp, name_t service_name, mach_port_t sp) {
  return bootstrap_register2(bp, service_name, sp, 0);
}

kern_return_t bootstrap_register2(mach_port_t bp, name_t service_name, mach_port_t sp, uint64_t flags) {
  BootstrapCall call(bp);
  if (!call.ok()) return MACH_SEND_INVALID_DEST;
  if (!call.load_name(service_name)) return MACH_SEND_INVALID_DATA;
  return call.finish(bs::register_(call.thread(), call.caller(), call.bp, call.name, Name{sp}, flags));
}

kern_return_t bootstrap_look_up(mach_port_t bp, const name_t service_name, mach_port_t* sp) {
  return bootstrap_look_up2(bp, service_name, sp, 0, 0);
}

kern_return_t bootstrap_look_up2(mach_port_t bp, const name_t service_name, mach_port_t* sp, pid_t target_pid,
                                 uint64_t flags) {
  return named_right(bp, service_name, sp, [target_pid, flags](BootstrapCall& call, Name& name) {
    return bs::look_up(call.thread(), call.caller(), call.bp, call.name, static_cast<uint32_t>(target_pid),
                       flags, name);
  });
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

kern_return_t bootstrap_get_root(mach_port_t bp, mach_port_t* root) {
  BootstrapCall call(bp);
  if (!call.ok()) return MACH_SEND_INVALID_DEST;
  Name name;
  const kern_return_t code = bs::root(call.thread(), call.caller(), call.bp, name);
  return call.finish(code, root, name.value);
}

kern_return_t bootstrap_create_server(mach_port_t bp, cmd_t server_cmd, uid_t server_uid,
                                      boolean_t on_demand, mach_port_t* server_port) {
  BootstrapCall call(bp);
  if (!call.ok()) return MACH_SEND_INVALID_DEST;
  bs::ServerCommand command;
  if (!call.load_text(server_cmd, command.text)) return MACH_SEND_INVALID_DATA;
  if (command.text[strspn(command.text, " \t\n")] == 0) return call.finish(BOOTSTRAP_NO_MEMORY);
  Name name;
  const kern_return_t code = bs::create_server(call.thread(), call.caller(), call.bp, command, server_uid,
                                               on_demand != 0, name);
  return call.finish(code, server_port, name.value);
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
