// SPDX-License-Identifier: Apache-2.0
#include "storm/calls.hpp"

#include <dlfcn.h>

namespace portolan::storm {

const char* load(Calls& calls) {
  void* library = dlopen(PORTOLAN_LIBRARY, RTLD_NOW | RTLD_GLOBAL);
  if (library == nullptr) return dlerror();
#define X(name)                                                            \
  calls.name = reinterpret_cast<decltype(&::name)>(dlsym(library, #name)); \
  if (calls.name == nullptr) return "the library lacks " #name;
  PORTOLAN_STORM_CALLS(X)
#undef X
  const auto* task = static_cast<mach_port_t*>(dlsym(library, "mach_task_self_"));
  const auto* bootstrap = static_cast<mach_port_t*>(dlsym(library, "bootstrap_port"));
  if (task == nullptr || bootstrap == nullptr) return "the library lacks its variables";
  calls.task = *task;
  calls.bootstrap = *bootstrap;
  return calls.task == MACH_PORT_NULL || calls.bootstrap == MACH_PORT_NULL ? "no task was made" : nullptr;
}

}  // namespace portolan::storm
