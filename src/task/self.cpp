// SPDX-License-Identifier: Apache-2.0
// The self calls (tasks 1.1): a send right made and copied out, so the same name with one more user reference
// each time.
#include "task/task_internal.hpp"

namespace portolan {

using namespace task_detail;

namespace {

mach_port_name_t name_or_null(kern_return_t code, mach_port_name_t name) {
  return code == KERN_SUCCESS ? name : MACH_PORT_NULL;
}

}  // namespace

kern_return_t kernel_port_copyout(Thread& self, Ref<Port> ref, Handle<Space> to, mach_port_name_t& name) {
  return copyout(self, to, Needs{}, name, [&](Txn& txn, NakedRight& right) {
    Locked<Port> port = txn.lock(ref);
    right = send_right(kRightDead);
    if (port && port->active()) {
      ipc::send_right_make(txn, port);
      right.port = ref.index;
    }
    return KERN_SUCCESS;
  });
}

mach_port_name_t task_self(Thread& self, Handle<Task> handle, Handle<Space> to) {
  mach_port_name_t name = MACH_PORT_NULL;
  const kern_return_t code = task_get_special_port(self, handle, 1, to, name);
  return name_or_null(code, name);
}

mach_port_name_t thread_self(Thread& self, Handle<Space> to) {
  const Handle<Port> port = thread_port(self, self.index());
  if (!port) return MACH_PORT_NULL;
  mach_port_name_t name = MACH_PORT_NULL;
  const kern_return_t code =
      kernel_port_copyout(self, self.segment().ref_of(self.segment().at(port)), to, name);
  return name_or_null(code, name);
}

mach_port_name_t host_self(Thread& self, Handle<Task> handle, Handle<Space> to) {
  mach_port_name_t name = MACH_PORT_NULL;
  const kern_return_t code = task_get_special_port(self, handle, 2, to, name);
  return name_or_null(code, name);
}

}  // namespace portolan
