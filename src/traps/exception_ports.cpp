// SPDX-License-Identifier: Apache-2.0
// The calls about exception ports of tasks, threads and the host. Contracts are in
// include/mach/{task,thread_act,host_priv}.h.
#include <mach/host_priv.h>
#include <mach/task.h>
#include <mach/thread_act.h>

#include "kobject/exception_ports.hpp"
#include "traps/port_call.hpp"

namespace portolan {
namespace {

using ipc::ActionChange;
using ipc::ActionList;
using Level = ExceptionTarget::Level;

// Where a call's lists go.
struct Lists {
  exception_mask_t* masks;
  mach_msg_type_number_t* count;
  mach_port_t* handlers;
  exception_behavior_t* behaviors;
  thread_state_flavor_t* flavors;
};

class Call {
 public:
  Call(Level level, mach_port_name_t name, Strength least = Strength::control) : memory_(g_process->segment) {
    if (!trap_.ok()) {
      code_ = MACH_SEND_INVALID_DEST;
      return;
    }
    if (level == Level::task)
      target_ = ExceptionTarget::of(trap_.task_named(name, least));
    else if (level == Level::thread)
      target_ = exception_target_thread(trap_.thread(), trap_.space(), ipc::Name{name});
    else
      target_ = exception_target_host(trap_.thread(), trap_.space(), ipc::Name{name});
    if (!target_) code_ = not_a_task(trap_, name, KERN_INVALID_ARGUMENT);
  }

  kern_return_t set(const ActionChange& change, mach_port_name_t port) {
    if (code_ != KERN_SUCCESS) return code_;
    return trap_.leave(exception_ports_set(trap_.thread(), target_, trap_.space(), change, port));
  }
  kern_return_t swap(const ActionChange& change, mach_port_name_t port, const Lists& to) {
    if (code_ != KERN_SUCCESS) return code_;
    mach_port_name_t names[ipc::kExceptionTypes];
    code_ = exception_ports_swap(trap_.thread(), target_, trap_.space(), change, port, list_, names);
    return store(to, names);
  }
  kern_return_t get(uint32_t mask, const Lists& to) {
    if (code_ != KERN_SUCCESS) return code_;
    mach_port_name_t names[ipc::kExceptionTypes];
    code_ = exception_ports_get(trap_.thread(), target_, trap_.space(), mask, list_, names);
    return store(to, names);
  }
  kern_return_t info(uint32_t mask, const Lists& to, exception_handler_info_array_t handlers) {
    if (code_ != KERN_SUCCESS) return code_;
    ipc_info_port_t info[ipc::kExceptionTypes];
    code_ = transact(trap_.thread(), Needs{}, [&](Txn& txn) -> int {
      const kern_return_t code = exception_ports_list(txn, target_, mask, ipc::Rights::none, list_);
      for (unsigned i = 0; code == KERN_SUCCESS && i < list_.count; i++) {
        const kobject::HandlerInfo one = kobject::handler_info(txn, list_.of[i].stored);
        info[i] = {one.port, one.receiver};
      }
      return code;
    });
    if (code_ == KERN_SUCCESS && !put(handlers, info, list_.count)) code_ = KERN_INVALID_ADDRESS;
    return store(to, nullptr);
  }

 private:
  template <class T>
  bool put(T* to, const T* from, unsigned count) {
    return memory_.copy_out(reinterpret_cast<uint64_t>(to), from, count * sizeof *from);
  }
  // What was done stays done when it cannot be stored, as elsewhere.
  kern_return_t store(const Lists& to, const mach_port_name_t* names) {
    if (code_ != KERN_SUCCESS) return trap_.leave(code_);
    exception_mask_t masks[ipc::kExceptionTypes];
    exception_behavior_t behaviors[ipc::kExceptionTypes];
    thread_state_flavor_t flavors[ipc::kExceptionTypes];
    for (unsigned i = 0; i < list_.count; i++) {
      masks[i] = list_.of[i].mask;
      behaviors[i] = static_cast<exception_behavior_t>(list_.of[i].behavior);
      flavors[i] = static_cast<thread_state_flavor_t>(list_.of[i].flavor);
    }
    const mach_msg_type_number_t count = list_.count;
    const bool stored = put(to.masks, masks, count) && put(to.count, &count, 1) &&
                        (names == nullptr || put(to.handlers, names, count)) &&
                        put(to.behaviors, behaviors, count) && put(to.flavors, flavors, count);
    return trap_.leave(stored ? KERN_SUCCESS : KERN_INVALID_ADDRESS);
  }

  Trap trap_;
  vm::OwnMemory memory_;
  ExceptionTarget target_;
  ActionList list_;
  kern_return_t code_ = KERN_SUCCESS;
};

ActionChange change_of(exception_mask_t mask, exception_behavior_t behavior, thread_state_flavor_t flavor) {
  return {mask, static_cast<uint32_t>(behavior), static_cast<uint32_t>(flavor)};
}

}  // namespace
}  // namespace portolan

using namespace portolan;

extern "C" {

kern_return_t task_set_exception_ports(task_t task, exception_mask_t exception_mask, mach_port_t new_port,
                                       exception_behavior_t behavior, thread_state_flavor_t new_flavor) {
  return Call(Level::task, task).set(change_of(exception_mask, behavior, new_flavor), new_port);
}

kern_return_t task_get_exception_ports(task_t task, exception_mask_t exception_mask,
                                       exception_mask_array_t masks, mach_msg_type_number_t* masksCnt,
                                       exception_handler_array_t old_handlers,
                                       exception_behavior_array_t old_behaviors,
                                       exception_flavor_array_t old_flavors) {
  return Call(Level::task, task)
      .get(exception_mask, {masks, masksCnt, old_handlers, old_behaviors, old_flavors});
}

kern_return_t task_swap_exception_ports(task_t task, exception_mask_t exception_mask, mach_port_t new_port,
                                        exception_behavior_t behavior, thread_state_flavor_t new_flavor,
                                        exception_mask_array_t masks, mach_msg_type_number_t* masksCnt,
                                        exception_handler_array_t old_handlers,
                                        exception_behavior_array_t old_behaviors,
                                        exception_flavor_array_t old_flavors) {
  return Call(Level::task, task)
      .swap(change_of(exception_mask, behavior, new_flavor), new_port,
            {masks, masksCnt, old_handlers, old_behaviors, old_flavors});
}

kern_return_t task_get_exception_ports_info(mach_port_t port, exception_mask_t exception_mask,
                                            exception_mask_array_t masks, mach_msg_type_number_t* masksCnt,
                                            exception_handler_info_array_t old_handlers_info,
                                            exception_behavior_array_t old_behaviors,
                                            exception_flavor_array_t old_flavors) {
  return Call(Level::task, port, Strength::read)
      .info(exception_mask, {masks, masksCnt, nullptr, old_behaviors, old_flavors}, old_handlers_info);
}

kern_return_t thread_set_exception_ports(thread_act_t thread, exception_mask_t exception_mask,
                                         mach_port_t new_port, exception_behavior_t behavior,
                                         thread_state_flavor_t new_flavor) {
  return Call(Level::thread, thread).set(change_of(exception_mask, behavior, new_flavor), new_port);
}

kern_return_t thread_get_exception_ports(thread_act_t thread, exception_mask_t exception_mask,
                                         exception_mask_array_t masks, mach_msg_type_number_t* masksCnt,
                                         exception_handler_array_t old_handlers,
                                         exception_behavior_array_t old_behaviors,
                                         exception_flavor_array_t old_flavors) {
  return Call(Level::thread, thread)
      .get(exception_mask, {masks, masksCnt, old_handlers, old_behaviors, old_flavors});
}

kern_return_t thread_swap_exception_ports(thread_act_t thread, exception_mask_t exception_mask,
                                          mach_port_t new_port, exception_behavior_t behavior,
                                          thread_state_flavor_t new_flavor, exception_mask_array_t masks,
                                          mach_msg_type_number_t* masksCnt,
                                          exception_handler_array_t old_handlers,
                                          exception_behavior_array_t old_behaviors,
                                          exception_flavor_array_t old_flavors) {
  return Call(Level::thread, thread)
      .swap(change_of(exception_mask, behavior, new_flavor), new_port,
            {masks, masksCnt, old_handlers, old_behaviors, old_flavors});
}

kern_return_t thread_get_exception_ports_info(mach_port_t port, exception_mask_t exception_mask,
                                              exception_mask_array_t masks, mach_msg_type_number_t* masksCnt,
                                              exception_handler_info_array_t old_handlers_info,
                                              exception_behavior_array_t old_behaviors,
                                              exception_flavor_array_t old_flavors) {
  return Call(Level::thread, port)
      .info(exception_mask, {masks, masksCnt, nullptr, old_behaviors, old_flavors}, old_handlers_info);
}

kern_return_t host_set_exception_ports(host_priv_t host_priv, exception_mask_t exception_mask,
                                       mach_port_t new_port, exception_behavior_t behavior,
                                       thread_state_flavor_t new_flavor) {
  return Call(Level::host, host_priv).set(change_of(exception_mask, behavior, new_flavor), new_port);
}

kern_return_t host_get_exception_ports(host_priv_t host_priv, exception_mask_t exception_mask,
                                       exception_mask_array_t masks, mach_msg_type_number_t* masksCnt,
                                       exception_handler_array_t old_handlers,
                                       exception_behavior_array_t old_behaviors,
                                       exception_flavor_array_t old_flavors) {
  return Call(Level::host, host_priv)
      .get(exception_mask, {masks, masksCnt, old_handlers, old_behaviors, old_flavors});
}

kern_return_t host_swap_exception_ports(host_priv_t host_priv, exception_mask_t exception_mask,
                                        mach_port_t new_port, exception_behavior_t behavior,
                                        thread_state_flavor_t new_flavor, exception_mask_array_t masks,
                                        mach_msg_type_number_t* masksCnt,
                                        exception_handler_array_t old_handlerss,
                                        exception_behavior_array_t old_behaviors,
                                        exception_flavor_array_t old_flavors) {
  return Call(Level::host, host_priv)
      .swap(change_of(exception_mask, behavior, new_flavor), new_port,
            {masks, masksCnt, old_handlerss, old_behaviors, old_flavors});
}

}  // extern "C"
