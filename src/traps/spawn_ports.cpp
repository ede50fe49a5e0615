// SPDX-License-Identifier: Apache-2.0
#include "traps/spawn_ports.hpp"

#include <errno.h>
#include <portolan/spawn.h>
#include <spawn_private.h>
#include <stdlib.h>
#include <string.h>

#include "task/exception_ports.hpp"
#include "traps/process.hpp"
#include "traps/trap.hpp"

namespace portolan {

namespace {

constexpr uint32_t kOurs = 0x506f7274;
constexpr unsigned kSpecials = 3;  // as many as can be set: what cannot is refused when the child is made
constexpr uint32_t kExceptions = ipc::kExceptionTypes;

struct ExceptionPorts {
  uint32_t count;  // those that did not fit are counted, so that the child is refused
  struct {
    ipc::ActionChange change;
    mach_port_name_t port;
  } of[kExceptions];
};

struct PortActions {
  uint32_t magic;
  uint16_t specials;
  uint16_t registers;  // registered ports are to be set
  struct {
    mach_port_name_t port;
    int32_t which;
  } special[kSpecials];
  mach_port_name_t registered[ipc::kRegisteredPorts];
  ExceptionPorts* exceptions;
};

constexpr size_t kPad = 15 * sizeof(int);  // of glibc; what it uses of its own grows from the front
static_assert(sizeof(PortActions) <= kPad);

PortActions read(const posix_spawnattr_t* attributes) {
  PortActions actions{};
  if (attributes != nullptr)
    memcpy(&actions, reinterpret_cast<const char*>(attributes + 1) - sizeof actions, sizeof actions);
  return actions.magic == kOurs ? actions : PortActions{};
}

void write(posix_spawnattr_t* attributes, PortActions& actions) {
  actions.magic = kOurs;
  memcpy(reinterpret_cast<char*>(attributes + 1) - sizeof actions, &actions, sizeof actions);
}

}  // namespace

bool spawn_ports_wanted(const posix_spawnattr_t* attributes) { return read(attributes).magic == kOurs; }

bool spawn_ports_apply(const posix_spawnattr_t* attributes, const Embryo& embryo) {
  const PortActions actions = read(attributes);
  const Trap trap;
  if (!trap.ok()) return false;
  const Target<ipc::Task> child(embryo.task);
  kern_return_t code = KERN_SUCCESS;
  for (unsigned i = 0; i < actions.specials && code == KERN_SUCCESS; i++)
    code = task_set_special_port(trap.thread(), child, actions.special[i].which, trap.space(),
                                 actions.special[i].port);
  if (actions.registers != 0 && code == KERN_SUCCESS)
    code = task_ports_register(trap.thread(), child, trap.space(), actions.registered, ipc::kRegisteredPorts);
  const ExceptionPorts* const exceptions = actions.exceptions;
  if (exceptions != nullptr && exceptions->count > kExceptions) code = KERN_INVALID_ARGUMENT;
  for (unsigned i = 0; exceptions != nullptr && i < exceptions->count && code == KERN_SUCCESS; i++)
    code = exception_ports_set(trap.thread(), ExceptionTarget::of(child), trap.space(),
                               exceptions->of[i].change, exceptions->of[i].port);
  return trap.leave(code) == KERN_SUCCESS;
}

}  // namespace portolan

using namespace portolan;

extern "C" {

int posix_spawnattr_setspecialport_np(posix_spawnattr_t* attr, mach_port_t new_port, int which) {
  PortActions actions = read(attr);
  unsigned at = 0;
  while (at < actions.specials && actions.special[at].which != which) at++;
  if (at == kSpecials) return EINVAL;
  actions.special[at] = {new_port, which};
  if (at == actions.specials) actions.specials++;
  write(attr, actions);
  return 0;
}

int posix_spawnattr_set_registered_ports_np(posix_spawnattr_t* attr, mach_port_t portarray[],
                                            uint32_t count) {
  if (count > ipc::kRegisteredPorts) return EINVAL;
  PortActions actions = read(attr);
  actions.registers = 1;
  for (unsigned i = 0; i < ipc::kRegisteredPorts; i++)
    actions.registered[i] = i < count ? portarray[i] : mach_port_name_t{MACH_PORT_NULL};
  write(attr, actions);
  return 0;
}

int posix_spawnattr_setexceptionports_np(posix_spawnattr_t* attr, exception_mask_t mask, mach_port_t new_port,
                                         exception_behavior_t behavior, thread_state_flavor_t flavor) {
  PortActions actions = read(attr);
  if (actions.exceptions == nullptr)
    actions.exceptions = static_cast<ExceptionPorts*>(calloc(1, sizeof(ExceptionPorts)));
  if (actions.exceptions == nullptr) return ENOMEM;
  ExceptionPorts& to = *actions.exceptions;
  if (to.count < kExceptions)
    to.of[to.count] = {{mask, static_cast<uint32_t>(behavior), static_cast<uint32_t>(flavor)}, new_port};
  if (to.count <= kExceptions) to.count++;
  write(attr, actions);
  return 0;
}

PORTOLAN_EXPORT int portolan_spawnattr_destroy(posix_spawnattr_t*) __asm__("posix_spawnattr_destroy");

int portolan_spawnattr_destroy(posix_spawnattr_t* attr) {
  PortActions actions = read(attr);
  if (actions.exceptions != nullptr) {
    free(actions.exceptions);
    actions.exceptions = nullptr;
    write(attr, actions);
  }
  return real().posix_spawnattr_destroy != nullptr ? real().posix_spawnattr_destroy(attr) : 0;
}

}  // extern "C"
