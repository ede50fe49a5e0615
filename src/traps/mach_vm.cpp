// SPDX-License-Identifier: Apache-2.0
// The mach_vm and vm calls. The task is looked up in a trap; the memory itself is touched after it, for that
// may take long and is the process's own business: no signal waits for it, and the guard is closed again.
//
// A port of no task, or of a dead one, is KERN_INVALID_ARGUMENT (tasks 5.1). Results that cannot be stored
// are KERN_INVALID_ADDRESS, and nothing has happened.
#include <mach/mach_vm.h>
#include <mach/vm_map.h>

#include "traps/port_call.hpp"
#include "vm/region.hpp"
#include "vm/task_memory.hpp"
#include "vm/usercopy.hpp"

namespace portolan {
namespace {

// The memory of the task that a name denotes.
class TheirMemory {
 public:
  TheirMemory(mach_port_name_t name, Strength least) {
    const Trap trap;
    if (!trap.ok()) return;
    Target<ipc::Task> task = trap.task_named(name);
    if (!task && least != Strength::control)
      task = task_of_name(trap.thread(), trap.space(), ipc::Name{name}, least);
    code_ = task ? KERN_SUCCESS : not_a_task(trap, name, KERN_INVALID_ARGUMENT);
    segment_ = &trap.thread().segment();
    if (task) memory_ = vm::TaskMemory(*segment_, task, task.handle == trap.task());
    trap.leave(code_);
  }
  kern_return_t code() const { return code_; }
  const vm::TaskMemory* operator->() const { return &memory_; }

  template <class T>
  bool load(T& value, const void* from) const {
    return vm::user_range_ok(*segment_, from, sizeof value) && vm::copy_from_user(&value, from, sizeof value);
  }
  template <class T>
  bool store(void* to, T value) const {
    return vm::user_range_ok(*segment_, to, sizeof value) && vm::copy_to_user(to, &value, sizeof value);
  }

 private:
  kern_return_t code_ = KERN_TERMINATED;
  const Segment* segment_ = nullptr;
  vm::TaskMemory memory_;
};

kern_return_t allocate(mach_port_name_t target, void* address, uint64_t size, int flags) {
  const TheirMemory task(target, Strength::control);
  if (task.code() != KERN_SUCCESS) return task.code();
  if (address == nullptr) return KERN_INVALID_ARGUMENT;
  uint64_t at = 0;
  if (!task.load(at, address)) return KERN_INVALID_ADDRESS;
  const kern_return_t kr = task->allocate(at, size, flags);
  if (kr != KERN_SUCCESS) return kr;
  if (task.store(address, at)) return KERN_SUCCESS;
  task->deallocate(at, size);
  return KERN_INVALID_ADDRESS;
}

kern_return_t deallocate(mach_port_name_t target, uint64_t address, uint64_t size) {
  const TheirMemory task(target, Strength::control);
  return task.code() != KERN_SUCCESS ? task.code() : task->deallocate(address, size);
}

kern_return_t protect(mach_port_name_t target, uint64_t address, uint64_t size, boolean_t set_maximum,
                      vm_prot_t wanted) {
  const TheirMemory task(target, Strength::control);
  return task.code() != KERN_SUCCESS ? task.code()
                                     : task->protect(address, size, set_maximum != FALSE, wanted);
}

kern_return_t read(mach_port_name_t target, uint64_t address, uint64_t size, vm_offset_t* data,
                   mach_msg_type_number_t* count) {
  const TheirMemory task(target, Strength::read);
  if (task.code() != KERN_SUCCESS) return task.code();
  uint64_t copy = 0;
  const kern_return_t kr = task->read(address, size, copy);
  if (kr != KERN_SUCCESS) return kr;
  if (task.store(count, static_cast<mach_msg_type_number_t>(size)) &&
      task.store(data, static_cast<vm_offset_t>(copy)))
    return KERN_SUCCESS;
  vm::unmap(reinterpret_cast<void*>(copy), size);
  return KERN_INVALID_ADDRESS;
}

kern_return_t write(mach_port_name_t target, uint64_t to, uint64_t data, uint64_t size) {
  const TheirMemory task(target, Strength::control);
  return task.code() != KERN_SUCCESS ? task.code() : task->write(to, data, size);
}

kern_return_t copy(mach_port_name_t target, uint64_t from, uint64_t size, uint64_t to) {
  const TheirMemory task(target, Strength::control);
  return task.code() != KERN_SUCCESS ? task.code() : task->copy(from, size, to);
}

kern_return_t read_overwrite(mach_port_name_t target, uint64_t from, uint64_t size, uint64_t to,
                             void* out_size) {
  const TheirMemory task(target, Strength::read);
  if (task.code() != KERN_SUCCESS) return task.code();
  const kern_return_t kr = task->read_overwrite(from, size, to);
  if (kr != KERN_SUCCESS) return kr;
  return task.store(out_size, size) ? KERN_SUCCESS : KERN_INVALID_ADDRESS;
}

kern_return_t region(mach_port_name_t target, void* address, void* size, vm_region_flavor_t flavor,
                     void* info, mach_msg_type_number_t* count, mach_port_t* object_name) {
  const TheirMemory task(target, Strength::read);
  if (task.code() != KERN_SUCCESS) return task.code();
  mach_msg_type_number_t room = 0;
  uint64_t at = 0, length = 0;
  if (!task.load(room, count) || !task.load(at, address)) return KERN_INVALID_ADDRESS;
  vm_region_basic_info_data_64_t found;
  const kern_return_t kr = task->region(at, length, flavor, room, found);
  if (kr != KERN_SUCCESS) return kr;
  const bool stored = task.store(info, found) && task.store(count, VM_REGION_BASIC_INFO_COUNT_64) &&
                      task.store(object_name, mach_port_t{MACH_PORT_NULL}) && task.store(size, length) &&
                      task.store(address, at);
  return stored ? KERN_SUCCESS : KERN_INVALID_ADDRESS;
}

// The vm_ family has words where the mach_vm_ family has 64 bits: on 64-bit machines they are of one size.
static_assert(sizeof(vm_address_t) == sizeof(mach_vm_address_t) &&
              sizeof(vm_size_t) == sizeof(mach_vm_size_t));

}  // namespace
}  // namespace portolan

extern "C" {

kern_return_t mach_vm_allocate(vm_map_t target, mach_vm_address_t* address, mach_vm_size_t size, int flags) {
  return portolan::allocate(target, address, size, flags);
}
kern_return_t vm_allocate(vm_map_t target_task, vm_address_t* address, vm_size_t size, int flags) {
  return portolan::allocate(target_task, address, size, flags);
}

kern_return_t mach_vm_deallocate(vm_map_t target, mach_vm_address_t address, mach_vm_size_t size) {
  return portolan::deallocate(target, address, size);
}
kern_return_t vm_deallocate(vm_map_t target_task, vm_address_t address, vm_size_t size) {
  return portolan::deallocate(target_task, address, size);
}

kern_return_t mach_vm_protect(vm_map_t target_task, mach_vm_address_t address, mach_vm_size_t size,
                              boolean_t set_maximum, vm_prot_t new_protection) {
  return portolan::protect(target_task, address, size, set_maximum, new_protection);
}
kern_return_t vm_protect(vm_map_t target_task, vm_address_t address, vm_size_t size, boolean_t set_maximum,
                         vm_prot_t new_protection) {
  return portolan::protect(target_task, address, size, set_maximum, new_protection);
}

kern_return_t mach_vm_read(vm_map_read_t target_task, mach_vm_address_t address, mach_vm_size_t size,
                           vm_offset_t* data, mach_msg_type_number_t* dataCnt) {
  return portolan::read(target_task, address, size, data, dataCnt);
}
kern_return_t vm_read(vm_map_read_t target_task, vm_address_t address, vm_size_t size, vm_offset_t* data,
                      mach_msg_type_number_t* dataCnt) {
  return portolan::read(target_task, address, size, data, dataCnt);
}

kern_return_t mach_vm_write(vm_map_t target_task, mach_vm_address_t address, vm_offset_t data,
                            mach_msg_type_number_t dataCnt) {
  return portolan::write(target_task, address, data, dataCnt);
}
kern_return_t vm_write(vm_map_t target_task, vm_address_t address, vm_offset_t data,
                       mach_msg_type_number_t dataCnt) {
  return portolan::write(target_task, address, data, dataCnt);
}

kern_return_t mach_vm_copy(vm_map_t target_task, mach_vm_address_t source_address, mach_vm_size_t size,
                           mach_vm_address_t dest_address) {
  return portolan::copy(target_task, source_address, size, dest_address);
}
kern_return_t vm_copy(vm_map_t target_task, vm_address_t source_address, vm_size_t size,
                      vm_address_t dest_address) {
  return portolan::copy(target_task, source_address, size, dest_address);
}

kern_return_t mach_vm_read_overwrite(vm_map_read_t target_task, mach_vm_address_t address,
                                     mach_vm_size_t size, mach_vm_address_t data, mach_vm_size_t* outsize) {
  return portolan::read_overwrite(target_task, address, size, data, outsize);
}
kern_return_t vm_read_overwrite(vm_map_read_t target_task, vm_address_t address, vm_size_t size,
                                vm_address_t data, vm_size_t* outsize) {
  return portolan::read_overwrite(target_task, address, size, data, outsize);
}

kern_return_t mach_vm_region(vm_map_read_t target_task, mach_vm_address_t* address, mach_vm_size_t* size,
                             vm_region_flavor_t flavor, vm_region_info_t info,
                             mach_msg_type_number_t* infoCnt, mach_port_t* object_name) {
  return portolan::region(target_task, address, size, flavor, info, infoCnt, object_name);
}
kern_return_t vm_region_64(vm_map_read_t target_task, vm_address_t* address, vm_size_t* size,
                           vm_region_flavor_t flavor, vm_region_info_t info, mach_msg_type_number_t* infoCnt,
                           mach_port_t* object_name) {
  return portolan::region(target_task, address, size, flavor, info, infoCnt, object_name);
}

}  // extern "C"
