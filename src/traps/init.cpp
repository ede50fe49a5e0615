// SPDX-License-Identifier: Apache-2.0
// The library is loaded: this process becomes a task, before main and before the constructors of whoever uses
// us. There is no counterpart at exit: a task leaves by dying (KERNEL.md 16).
#include "traps/init.hpp"

#include <mach/mach_init.h>

#include "traps/process.hpp"
#include "traps/trap.hpp"

extern "C" {
mach_port_t mach_task_self_ = MACH_PORT_NULL;
mach_port_t bootstrap_port = MACH_PORT_NULL;
}

namespace portolan {

void process_set_variables(mach_port_name_t task, mach_port_name_t bootstrap) {
  mach_task_self_ = task;
  bootstrap_port = bootstrap;
}

void join_now() {
  const Trap trap;
  trap.leave(trap.ok());
}

namespace {

__attribute__((constructor(101))) void loaded() {
  runtime_init();
  join_now();
}

}  // namespace

}  // namespace portolan
