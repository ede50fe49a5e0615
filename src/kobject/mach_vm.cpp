// SPDX-License-Identifier: Apache-2.0
// The mach_vm subsystem: ids from 4800 on (tasks 5). The memory is the sender's own, or that of another
// process, as far as Linux lets one process touch another's.
#include <mach/mig_errors.h>

#include "kobject/call.hpp"
#include "vm/address_space.hpp"

namespace portolan::kobject {

namespace {

kern_return_t allocate(Call& c) {
  if (!c.own_task()) return KERN_NOT_SUPPORTED;
  uint64_t address = c.in64(0);
  const kern_return_t code = vm::allocate(c.segment(), address, c.in64(2), static_cast<int>(c.in(4)));
  c.out64(address);
  return code;
}

kern_return_t deallocate(Call& c) {
  return c.own_task() ? vm::deallocate(c.segment(), c.in64(0), c.in64(2)) : KERN_NOT_SUPPORTED;
}

kern_return_t protect(Call& c) {
  if (!c.own_task()) return KERN_NOT_SUPPORTED;
  return vm::protect(c.segment(), c.in64(0), c.in64(2), c.in(4) != 0, static_cast<vm_prot_t>(c.in(5)));
}

kern_return_t read(Call& c) {
  if (!c.own_task()) return KERN_NOT_SUPPORTED;
  const uint64_t size = c.in64(2);
  uint64_t data = 0;
  const kern_return_t code = vm::read(c.segment(), c.in64(0), size, data);
  if (code != KERN_SUCCESS) return code;
  c.move_memory(reinterpret_cast<void*>(data), size);
  c.out(static_cast<uint32_t>(size));
  return KERN_SUCCESS;
}

kern_return_t write(Call& c) {
  if (!c.own_task()) return KERN_NOT_SUPPORTED;
  const uint32_t size = c.memory_size();
  if (size != c.in(2)) return MIG_TYPE_ERROR;
  if (size == 0) return KERN_SUCCESS;
  const uint64_t data = c.user().map(size, 0);
  if (data == 0) return KERN_RESOURCE_SHORTAGE;
  const kern_return_t code =
      c.memory_to(data) ? vm::copy(c.segment(), data, size, c.in64(0)) : KERN_RESOURCE_SHORTAGE;
  c.user().unmap(data, size);
  return code;
}

kern_return_t copy(Call& c) {
  return c.own_task() ? vm::copy(c.segment(), c.in64(0), c.in64(2), c.in64(4)) : KERN_NOT_SUPPORTED;
}

kern_return_t read_overwrite(Call& c) {
  if (!c.own_task()) return KERN_NOT_SUPPORTED;
  c.out64(c.in64(2));
  return vm::copy(c.segment(), c.in64(0), c.in64(2), c.in64(4));
}

constexpr Routine kRoutines[] = {
    {4800, {.words = 5}, {.words = 2}, allocate},
    {4801, {.words = 4}, {}, deallocate},
    {4802, {.words = 6}, {}, protect},
    {4804, {.words = 4}, {.memory = 1, .words = 1}, read, Strength::read},
    {4806, {.memory = 1, .words = 3}, {}, write},
    {4807, {.words = 6}, {}, copy},
    {4808, {.words = 6}, {.words = 2}, read_overwrite, Strength::read},
};

}  // namespace

constinit const Subsystem kMachVm = {Object::task, KERN_INVALID_ARGUMENT, KERN_INVALID_ARGUMENT, kRoutines};

}  // namespace portolan::kobject
