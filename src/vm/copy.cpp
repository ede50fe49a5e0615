// SPDX-License-Identifier: Apache-2.0
// Copying within the program's memory: mach_vm_read, _write, _copy, _read_overwrite (tasks 5.3). A short copy
// is done at once, and an address that faults is a bad address. A long one looks first, so that failing has
// changed nothing.
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "vm/address_space.hpp"
#include "vm/maps.hpp"
#include "vm/region.hpp"
#include "vm/usercopy.hpp"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

namespace portolan::vm {

namespace {

void* at(uint64_t address) { return reinterpret_cast<void*>(address); }

// Can every page be accessed? Faults them in, too, which the copy would have to do anyway. A Linux that does
// not know the advice (before 5.14) refuses it for any page, the stack's too; then only holes are found.
kern_return_t look(uint64_t address, uint64_t size, int advice) {
  const uint64_t start = page_down(address), length = page_up(address + size) - start;
  drop_kept(start, start + length);
  const int saved = errno;
  int error = 0;
  while (madvise(at(start), length, advice) != 0) {
    error = errno;
    if (error == EINTR || error == EAGAIN) continue;
    break;
  }
  kern_return_t kr = KERN_SUCCESS;
  if (error == ENOMEM || error == EFAULT) {
    kr = KERN_INVALID_ADDRESS;
  } else if (error == EINVAL) {
    char here = 0;
    const bool known = madvise(at(page_down(reinterpret_cast<uint64_t>(&here))), kPage, advice) == 0;
    if (known) kr = KERN_PROTECTION_FAILURE;
    if (!known && has_hole(start, start + length)) kr = KERN_INVALID_ADDRESS;
  }
  errno = saved;
  return kr;
}

bool usable(const Segment& segment, uint64_t address, uint64_t size) {
  return address + size >= address && user_range_ok(segment, at(address), size);
}

// What a fault during a long copy that looked fine is: somebody changed the memory meanwhile.
kern_return_t move_bytes(uint64_t to, uint64_t from, uint64_t size) {
  if (copy_from_user(at(to), at(from), size)) return KERN_SUCCESS;
  return size <= kSmallCopy ? KERN_INVALID_ADDRESS : KERN_PROTECTION_FAILURE;
}

}  // namespace

kern_return_t read(const Segment& segment, uint64_t address, uint64_t size, uint64_t& data) {
  if (size > UINT32_MAX) return KERN_INVALID_ARGUMENT;
  if (size == 0) {
    data = 0;
    return KERN_SUCCESS;
  }
  if (!usable(segment, address, size)) return KERN_INVALID_ADDRESS;
  if (size > kSmallCopy)
    if (const kern_return_t kr = look(address, size, MADV_POPULATE_READ); kr != KERN_SUCCESS) return kr;
  void* memory = map_for_receive(size);
  if (memory == nullptr) return KERN_NO_SPACE;
  const auto to = reinterpret_cast<uint64_t>(memory);
  // Fresh memory where the bytes should be: there were none.
  const bool none = to < page_up(address + size) && page_down(address) < page_up(to + size);
  const kern_return_t kr = none ? KERN_INVALID_ADDRESS : move_bytes(to, address, size);
  if (kr == KERN_SUCCESS)
    data = to;
  else
    unmap(memory, size);
  return kr;
}

kern_return_t copy(const Segment& segment, uint64_t from, uint64_t size, uint64_t to) {
  if (size == 0) return KERN_SUCCESS;
  if (!usable(segment, from, size) || !usable(segment, to, size)) return KERN_INVALID_ADDRESS;
  if (size > kSmallCopy) {
    if (const kern_return_t kr = look(from, size, MADV_POPULATE_READ); kr != KERN_SUCCESS) return kr;
    if (const kern_return_t kr = look(to, size, MADV_POPULATE_WRITE); kr != KERN_SUCCESS) return kr;
  }
  if (from + size <= to || to + size <= from) return move_bytes(to, from, size);
  // They overlap: by way of other memory.
  void* between = map_for_receive(size);
  if (between == nullptr) return KERN_RESOURCE_SHORTAGE;
  const auto middle = reinterpret_cast<uint64_t>(between);
  kern_return_t kr = move_bytes(middle, from, size);
  if (kr == KERN_SUCCESS) kr = move_bytes(to, middle, size);
  unmap(between, size);
  return kr;
}

}  // namespace portolan::vm
