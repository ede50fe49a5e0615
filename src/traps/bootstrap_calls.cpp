// SPDX-License-Identifier: Apache-2.0
// The bootstrap calls: traps, since the namespace is an object of the kernel. Contracts are in
// include/servers/bootstrap.h; docs/rules/bootstrap.md 5 has the rules.
//
// A name is read first, then the namespace is entered; results are stored on success only (bootstrap 4). A
// program whose own port `bp` leads to is asked by a message, once the trap is over.
#include <mach/mach_error.h>
#include <servers/bootstrap_priv.h>

#include "ipc/mach_port.hpp"
#include "traps/bootstrap_call.hpp"
#include "traps/bootstrap_program.hpp"

using portolan::ask_program;
using portolan::BootstrapCall;
using portolan::ipc::Name;
namespace bs = portolan::bootstrap;

namespace {

// Runs `act`, whose right goes to `sp`, or asks the program that serves `bp`.
template <class Act>
kern_return_t right_from(mach_port_t bp, mach_port_t* sp, const portolan::ProgramRequest& request, Act&& act) {
  {
    BootstrapCall call(bp);
    if (!call.ok()) return MACH_SEND_INVALID_DEST;
    Name name;
    const kern_return_t code = act(call, name);
    if (code != bs::kServedByProgram) return call.finish(code, sp, name.value);
  }
  return ask_program(bp, request, sp);
}

// The same for a call that names a service.
template <class Act>
kern_return_t named_right(mach_port_t bp, mach_port_t* sp, const portolan::ProgramRequest& request,
                          Act&& act) {
  return right_from(bp, sp, request, [&](BootstrapCall& call, Name& name) {
    return call.load_name(request.name) ? act(call, name) : MACH_SEND_INVALID_DATA;
  });
}

}  // namespace

extern "C" {

kern_return_t bootstrap_check_in(mach_port_t bp, const name_t service_name, mach_port_t* sp) {
  return bootstrap_check_in2(bp, service_name, sp, 0);
}

kern_return_t bootstrap_check_in2(mach_port_t bp, const name_t service_name, mach_port_t* sp,
                                  uint64_t flags) {
  return named_right(bp, sp, {BOOTSTRAP_ID_CHECK_IN, service_name, flags},
                     [flags](BootstrapCall& call, Name& name) {
                       return bs::check_in(call.thread(), call.caller(), call.bp, call.name, flags, name);
                     });
}

kern_return_t bootstrap_register(mach_port_t bp, name_t service_name, mach_port_t sp) {
  return bootstrap_register2(bp, service_name, sp, 0);
}

kern_return_t bootstrap_register2(mach_port_t bp, name_t service_name, mach_port_t sp, uint64_t flags) {
  {
    BootstrapCall call(bp);
    if (!call.ok()) return MACH_SEND_INVALID_DEST;
    if (!call.load_name(service_name)) return MACH_SEND_INVALID_DATA;
    const kern_return_t code =
        bs::register_(call.thread(), call.caller(), call.bp, call.name, Name{sp}, flags);
    if (code != bs::kServedByProgram) return call.finish(code);
  }
  return ask_program(bp, {BOOTSTRAP_ID_REGISTER, service_name, flags, 0, sp}, nullptr);
}

kern_return_t bootstrap_look_up(mach_port_t bp, const name_t service_name, mach_port_t* sp) {
  return bootstrap_look_up2(bp, service_name, sp, 0, 0);
}

kern_return_t bootstrap_look_up2(mach_port_t bp, const name_t service_name, mach_port_t* sp, pid_t target_pid,
                                 uint64_t flags) {
  return named_right(bp, sp, {BOOTSTRAP_ID_LOOK_UP, service_name, flags, target_pid},
                     [target_pid, flags](BootstrapCall& call, Name& name) {
                       return bs::look_up(call.thread(), call.caller(), call.bp, call.name,
                                          static_cast<uint32_t>(target_pid), flags, name);
                     });
}

kern_return_t bootstrap_subset(mach_port_t bp, mach_port_t requestor_port, mach_port_t* subset_port) {
  return right_from(bp, subset_port, {BOOTSTRAP_ID_SUBSET, "", 0, 0, requestor_port},
                    [requestor_port](BootstrapCall& call, Name& name) {
                      return bs::subset(call.thread(), call.caller(), call.bp, Name{requestor_port}, name);
                    });
}

kern_return_t bootstrap_parent(mach_port_t bp, mach_port_t* parent_port) {
  return right_from(bp, parent_port, {BOOTSTRAP_ID_PARENT}, [](BootstrapCall& call, Name& name) {
    return bs::parent(call.thread(), call.caller(), call.bp, name);
  });
}

kern_return_t bootstrap_get_root(mach_port_t bp, mach_port_t* root) {
  return right_from(bp, root, {BOOTSTRAP_ID_ROOT}, [](BootstrapCall& call, Name& name) {
    return bs::root(call.thread(), call.caller(), call.bp, name);
  });
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
  // No message is made for it: a job is launchd's to run.
  return call.finish(code == bs::kServedByProgram ? KERN_NOT_SUPPORTED : code, server_port, name.value);
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

// A program is asked whether the name is there; more it is not made to say.
kern_return_t bootstrap_status(mach_port_t bp, name_t service_name, bootstrap_status_t* service_active) {
  {
    BootstrapCall call(bp);
    if (!call.ok()) return MACH_SEND_INVALID_DEST;
    if (!call.load_name(service_name)) return MACH_SEND_INVALID_DATA;
    bootstrap_status_t status = BOOTSTRAP_STATUS_INACTIVE;
    const kern_return_t code = bs::status(call.thread(), call.caller(), call.bp, call.name, status);
    if (code != bs::kServedByProgram) return call.finish(code, service_active, status);
  }
  mach_port_t port = MACH_PORT_NULL;
  const kern_return_t code = ask_program(bp, {BOOTSTRAP_ID_LOOK_UP, service_name}, &port);
  if (code != KERN_SUCCESS) return code;
  if (MACH_PORT_VALID(port)) mach_port_deallocate(mach_task_self(), port);
  *service_active = BOOTSTRAP_STATUS_ACTIVE;
  return KERN_SUCCESS;
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
