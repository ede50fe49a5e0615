// SPDX-License-Identifier: Apache-2.0
// The mach_vm subsystem: ids from 4800 on (tasks 5). The memory is the sender's own, or that of another
// process, as far as Linux lets one process touch another's.
#include <mach/mig_errors.h>

#include "kobject/call.hpp"
#include "vm/task_memory.hpp"

namespace portolan::kobject {

namespace {

vm::TaskMemory memory_of(const Call& c) { return {c.segment(), c.task(), c.own_task()}; }

kern_return_t allocate(Call& c) {
  uint64_t address = c.in64(0);
  const kern_return_t code = memory_of(c).allocate(address, c.in64(2), static_cast<int>(c.in(4)));
  c.out64(address);
  return code;
}

kern_return_t deallocate(Call& c) { return memory_of(c).deallocate(c.in64(0), c.in64(2)); }

kern_return_t protect(Call& c) {
  return memory_of(c).protect(c.in64(0), c.in64(2), c.in(4) != 0, static_cast<vm_prot_t>(c.in(5)));
}

kern_return_t read(Call& c) {
  const uint64_t size = c.in64(2);
  uint64_t data = 0;
  const kern_return_t code = memory_of(c).read(c.in64(0), size, data);
  if (code != KERN_SUCCESS) return code;
  c.move_memory(reinterpret_cast<void*>(data), size);
  c.out(static_cast<uint32_t>(size));
  return KERN_SUCCESS;
}

kern_return_t write(Call& c) {
  const uint32_t size = c.memory_size();
  if (size != c.in(2)) return MIG_TYPE_ERROR;
  if (size == 0) return KERN_SUCCESS;
  const uint64_t data = c.user().map(size, 0);
  if (data == 0) return KERN_RESOURCE_SHORTAGE;
  const kern_return_t code =
      c.memory_to(data) ? memory_of(c).write(c.in64(0), data, size) : KERN_RESOURCE_SHORTAGE;
  c.user().unmap(data, size);
  return code;
}

kern_return_t copy(Call& c) { return memory_of(c).copy(c.in64(0), c.in64(2), c.in64(4)); }

kern_return_t read_overwrite(Call& c) {
  c.out64(c.in64(2));
  return memory_of(c).read_overwrite(c.in64(0), c.in64(2), c.in64(4));
}

kern_return_t region(Call& c) {
  uint64_t address = c.in64(0), size = 0;
  vm_region_basic_info_data_64_t info;
  const kern_return_t code =
      memory_of(c).region(address, size, static_cast<vm_region_flavor_t>(c.in(2)), c.in(3), info);
  if (code != KERN_SUCCESS) return code;
  transact(c.self(), Needs{}, [&](Txn& txn) {
    c.put_right(txn, {ipc::kRightNull, MACH_MSG_TYPE_PORT_SEND});  // the object's name
    return 0;
  });
  c.out64(address);
  c.out64(size);
  c.out(VM_REGION_BASIC_INFO_COUNT_64);
  c.out_struct(info);
  return KERN_SUCCESS;
}

constexpr Routine kRoutines[] = {
    {4800, {.words = 5}, {.words = 2}, allocate},
    {4801, {.words = 4}, {}, deallocate},
    {4802, {.words = 6}, {}, protect},
    {4804, {.words = 4}, {.memory = 1, .words = 1}, read, Strength::read},
    {4806, {.memory = 1, .words = 3}, {}, write},
    {4807, {.words = 6}, {}, copy},
    {4808, {.words = 6}, {.words = 2}, read_overwrite, Strength::read},
    {4816, {.words = 4}, {.rights = 1, .words = 5 + VM_REGION_BASIC_INFO_COUNT_64}, region, Strength::read},
};

}  // namespace

constinit const Subsystem kMachVm = {Object::task, KERN_INVALID_ARGUMENT, KERN_INVALID_ARGUMENT, kRoutines};

}  // namespace portolan::kobject
