// SPDX-License-Identifier: Apache-2.0
#include "traps/spawn_ports.hpp"

#include <errno.h>
#include <spawn_private.h>
#include <string.h>

#include "task/task.hpp"
#include "traps/trap.hpp"

namespace portolan {

namespace {

constexpr uint32_t kOurs = 0x506f7274;
constexpr unsigned kSpecials = 4;  // one more than can be set: what cannot is refused when the child is made

struct PortActions {
  uint32_t magic;
  uint16_t specials;
  uint16_t registers;  // registered ports are to be set
  struct {
    mach_port_name_t port;
    int32_t which;
  } special[kSpecials];
  mach_port_name_t registered[ipc::kRegisteredPorts];
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

}  // extern "C"
