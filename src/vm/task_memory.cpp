// SPDX-License-Identifier: Apache-2.0
#include "vm/task_memory.hpp"

#include <errno.h>
#include <mach/vm_behavior.h>
#include <mach/vm_inherit.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>

#include "segment/keep_errno.hpp"
#include "task/reaper.hpp"
#include "vm/maps.hpp"
#include "vm/maximum.hpp"
#include "vm/region.hpp"
#include "vm/usercopy.hpp"

namespace portolan::vm {

namespace {

constexpr uint64_t kUserTop = uint64_t{1} << 56;  // what lies above is Linux's

// What became of the attempt to look at another process.
kern_return_t refusal(int error) {
  return error == ESRCH || error == ENOENT ? KERN_INVALID_ARGUMENT : KERN_NOT_SUPPORTED;
}

uint64_t inode_of_mapping(uint64_t address) {
  uint64_t inode = 0;
  for_each_mapping(
      address, address + 1,
      [](void* context, const Mapping& mapping) {
        *static_cast<uint64_t*>(context) = mapping.inode;
        return true;
      },
      &inode);
  return inode;
}

struct Look {
  uint64_t at, end;
  uint64_t kernel_inode;
  int access;
  kern_return_t code = KERN_SUCCESS;
};

bool look_at(void* context, const Mapping& mapping) {
  auto& look = *static_cast<Look*>(context);
  if (mapping.start != look.at || (mapping.inode != 0 && mapping.inode == look.kernel_inode)) {
    look.code = KERN_INVALID_ADDRESS;
  } else if ((mapping.protection & look.access) != look.access && look.code == KERN_SUCCESS) {
    look.code = KERN_PROTECTION_FAILURE;
  }
  look.at = mapping.end;
  return true;
}

struct Search {
  uint64_t kernel_start, kernel_end;  // not memory of the task's
  uint64_t address;
  Mapping found;
  bool done = false;
};

bool search_at(void* context, const Mapping& mapping) {
  auto& search = *static_cast<Search*>(context);
  if (search.done || mapping.end <= search.address) return true;
  if (mapping.start < search.kernel_end && mapping.end > search.kernel_start) return true;
  search.found = mapping;
  search.done = true;
  return true;
}

constexpr vm_prot_t protection_of(int linux_protection) {
  return ((linux_protection & PROT_READ) != 0 ? VM_PROT_READ : 0) |
         ((linux_protection & PROT_WRITE) != 0 ? VM_PROT_WRITE : 0) |
         ((linux_protection & PROT_EXEC) != 0 ? VM_PROT_EXECUTE : 0);
}

kern_return_t describe(const Mapping& found, bool own, uint64_t& address, uint64_t& size,
                       vm_region_basic_info_data_64_t& info) {
  address = found.start;
  size = found.end - found.start;
  info = {};
  info.protection = protection_of(found.protection);
  info.max_protection = own ? maximum_of(found.start, found.end) : VM_PROT_ALL;
  info.inheritance = found.shared ? VM_INHERIT_SHARE : VM_INHERIT_COPY;
  info.shared = found.shared;
  info.offset = found.offset;
  info.behavior = VM_BEHAVIOR_DEFAULT;
  return KERN_SUCCESS;
}

}  // namespace

bool TaskMemory::gone() const {
  const KeepErrno keep;
  return segment_->at(task_.handle).state != ipc::kTaskLive || segment_->is_gone(task_) ||
         process_gone(pid_, started_);
}

// Is all of it there, for this access? A domain's own mapping is no memory of anybody's.
kern_return_t TaskMemory::other_look(uint64_t address, uint64_t size, int access) const {
  if (address + size < address || page_up(address + size) == 0) return KERN_INVALID_ADDRESS;
  Look look{page_down(address), page_up(address + size), 0, access};
  look.kernel_inode = inode_of_mapping(reinterpret_cast<uint64_t>(segment_->base()));
  if (gone()) return KERN_INVALID_ARGUMENT;
  const KeepErrno keep;
  if (!for_each_mapping(look.at, look.end, look_at, &look, pid_)) return refusal(errno);
  if (look.at != look.end) return KERN_INVALID_ADDRESS;
  const bool small = size <= kSmallCopy;
  return look.code == KERN_PROTECTION_FAILURE && small ? KERN_INVALID_ADDRESS : look.code;
}

kern_return_t TaskMemory::other_move(bool in, uint64_t theirs, uint64_t ours, uint64_t size) const {
  if (!user_range_ok(*segment_, reinterpret_cast<void*>(ours), size)) return KERN_INVALID_ADDRESS;
  const KeepErrno keep;
  kern_return_t code = KERN_SUCCESS;
  while (size != 0 && code == KERN_SUCCESS) {
    const size_t part = std::min<uint64_t>(size, 1u << 30);
    iovec local{reinterpret_cast<void*>(ours), part}, remote{reinterpret_cast<void*>(theirs), part};
    const long moved =
        syscall(in ? SYS_process_vm_readv : SYS_process_vm_writev, pid_, &local, 1, &remote, 1, 0);
    if (moved > 0) {
      theirs += static_cast<uint64_t>(moved);
      ours += static_cast<uint64_t>(moved);
      size -= static_cast<uint64_t>(moved);
    } else if (moved == 0 || errno == EFAULT) {
      code = KERN_INVALID_ADDRESS;  // somebody changed the memory meanwhile, or ours is none
    } else if (errno != EINTR) {
      code = refusal(errno);
    }
  }
  return code;
}

kern_return_t TaskMemory::read_overwrite(uint64_t from, uint64_t size, uint64_t to) const {
  if (own_) return vm::copy(*segment_, from, size, to);
  if (size == 0) return KERN_SUCCESS;
  kern_return_t code = other_look(from, size, PROT_READ);
  if (code == KERN_SUCCESS) code = other_move(true, from, to, size);
  return code == KERN_SUCCESS && gone() ? KERN_INVALID_ARGUMENT : code;
}

kern_return_t TaskMemory::read(uint64_t address, uint64_t size, uint64_t& data) const {
  if (own_) return vm::read(*segment_, address, size, data);
  if (size > UINT32_MAX) return KERN_INVALID_ARGUMENT;
  data = 0;
  if (size == 0) return KERN_SUCCESS;
  if (const kern_return_t code = other_look(address, size, PROT_READ); code != KERN_SUCCESS) return code;
  void* memory = map_for_receive(size);
  if (memory == nullptr) return KERN_NO_SPACE;
  const auto to = reinterpret_cast<uint64_t>(memory);
  kern_return_t code = other_move(true, address, to, size);
  if (code == KERN_SUCCESS && gone()) code = KERN_INVALID_ARGUMENT;
  if (code == KERN_SUCCESS)
    data = to;
  else
    unmap(memory, size);
  return code;
}

kern_return_t TaskMemory::write(uint64_t to, uint64_t from, uint64_t size) const {
  if (own_) return vm::copy(*segment_, from, size, to);
  if (size == 0) return KERN_SUCCESS;
  const kern_return_t code = other_look(to, size, PROT_WRITE);
  return code == KERN_SUCCESS ? other_move(false, to, from, size) : code;
}

kern_return_t TaskMemory::copy(uint64_t from, uint64_t size, uint64_t to) const {
  if (own_) return vm::copy(*segment_, from, size, to);
  if (size == 0) return KERN_SUCCESS;
  if (const kern_return_t code = other_look(to, size, PROT_WRITE); code != KERN_SUCCESS) return code;
  // By way of memory of ours.
  uint64_t between = 0;
  kern_return_t code = read(from, size, between);
  if (code != KERN_SUCCESS) return code;
  code = other_move(false, to, between, size);
  unmap(reinterpret_cast<void*>(between), size);
  return code;
}

kern_return_t TaskMemory::region(uint64_t& address, uint64_t& size, vm_region_flavor_t flavor,
                                 mach_msg_type_number_t room, vm_region_basic_info_data_64_t& info) const {
  if (flavor != VM_REGION_BASIC_INFO_64 && flavor != VM_REGION_BASIC_INFO) return KERN_INVALID_ARGUMENT;
  if (room < VM_REGION_BASIC_INFO_COUNT_64) return KERN_INVALID_ARGUMENT;
  if (!own_ && gone()) return KERN_INVALID_ARGUMENT;
  if (own_) drop_kept();
  const auto base = reinterpret_cast<uint64_t>(segment_->base());
  Search search{own_ ? base : 0, own_ ? base + segment_->size() : 0, page_down(address), {}};
  const KeepErrno keep;
  if (!for_each_mapping(0, kUserTop, search_at, &search, own_ ? 0 : pid_)) return refusal(errno);
  if (!search.done) return KERN_INVALID_ADDRESS;
  return describe(search.found, own_, address, size, info);
}

}  // namespace portolan::vm
