// SPDX-License-Identifier: Apache-2.0
// Allocating, giving back, protecting. The copying calls are in copy.cpp.
#include "vm/address_space.hpp"

#include <errno.h>
#include <sys/mman.h>

#include <algorithm>

#include "vm/maps.hpp"
#include "vm/maximum.hpp"
#include "vm/region.hpp"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

namespace portolan::vm {

namespace {

constexpr int kProtMost = VM_PROT_ALL | VM_PROT_COPY;

// Above this no program has memory.
#if defined(__x86_64__)
constexpr uint64_t kTop = (uint64_t{1} << 47) - kPage;
#else
constexpr uint64_t kTop = uint64_t{1} << 48;
#endif

void* at(uint64_t address) { return reinterpret_cast<void*>(address); }

bool touches(const Segment& segment, uint64_t start, uint64_t end) {
  const auto base = reinterpret_cast<uint64_t>(segment.base());
  return start < base + segment.size() && base < end;
}

constexpr int linux_protection(vm_prot_t protection) {
  return ((protection & VM_PROT_READ) != 0 ? PROT_READ : 0) |
         ((protection & VM_PROT_WRITE) != 0 ? PROT_WRITE : 0) |
         ((protection & VM_PROT_EXECUTE) != 0 ? PROT_EXEC : 0);
}

// What the pieces of a range can be accessed for, so that a change that fails half-way can be taken back.
struct Pieces {
  static constexpr unsigned kMost = 32;
  Mapping piece[kMost];
  unsigned count = 0;
  bool all = false;

  void note(uint64_t start, uint64_t end) {
    auto add = [](void* context, const Mapping& mapping) {
      auto& self = *static_cast<Pieces*>(context);
      if (self.count == kMost) return false;
      self.piece[self.count++] = mapping;
      return true;
    };
    count = 0;
    all = for_each_mapping(start, end, add, this);
  }
  void restore() const {
    for (unsigned i = 0; all && i < count; i++)
      mprotect(at(piece[i].start), piece[i].end - piece[i].start, piece[i].protection);
  }
};

kern_return_t lower_maximum(uint64_t start, uint64_t end, vm_prot_t maximum) {
  Pieces pieces;
  pieces.note(start, end);
  if (!pieces.all) return KERN_RESOURCE_SHORTAGE;
  if (!maximum_lower(start, end, maximum)) return KERN_RESOURCE_SHORTAGE;
  const int most = linux_protection(maximum);
  for (unsigned i = 0; i < pieces.count; i++) {
    const Mapping& piece = pieces.piece[i];
    if ((piece.protection & ~most) != 0)
      mprotect(at(piece.start), piece.end - piece.start, piece.protection & most);
  }
  return KERN_SUCCESS;
}

}  // namespace

kern_return_t allocate(const Segment& segment, uint64_t& address, uint64_t size, int flags) {
  if ((static_cast<unsigned>(flags) & ~VM_FLAGS_USER_ALLOCATE) != 0) return KERN_INVALID_ARGUMENT;
  if (size == 0) {
    address = 0;
    return KERN_SUCCESS;
  }
  if (page_up(size) == 0) return KERN_INVALID_ARGUMENT;
  const int saved = errno;
  constexpr int kAccess = PROT_READ | PROT_WRITE, kKind = MAP_PRIVATE | MAP_ANONYMOUS;
  if ((flags & VM_FLAGS_ANYWHERE) != 0) {
    void* memory = mmap(nullptr, page_up(size), kAccess, kKind, -1, 0);
    errno = saved;
    if (memory == MAP_FAILED) return KERN_NO_SPACE;
    address = reinterpret_cast<uint64_t>(memory);
    maximum_forget(address, address + page_up(size));
    return KERN_SUCCESS;
  }
  const uint64_t start = page_down(address), end = page_up(address + size);
  if (address + size < address || end == 0 || start == 0 || end > kTop) return KERN_INVALID_ADDRESS;
  if (touches(segment, start, end)) return KERN_NO_SPACE;
  drop_kept(start, end);
  const bool replace = (flags & VM_FLAGS_OVERWRITE) != 0;
  void* memory =
      mmap(at(start), end - start, kAccess, kKind | (replace ? MAP_FIXED : MAP_FIXED_NOREPLACE), -1, 0);
  const int error = errno;
  errno = saved;
  if (memory == MAP_FAILED) return error == EPERM || error == EINVAL ? KERN_INVALID_ADDRESS : KERN_NO_SPACE;
  if (memory != at(start)) {  // a Linux before 4.17 takes the place as a wish
    munmap(memory, end - start);
    return KERN_NO_SPACE;
  }
  maximum_forget(start, end);
  address = start;
  return KERN_SUCCESS;
}

kern_return_t deallocate(const Segment& segment, uint64_t address, uint64_t size) {
  if (size == 0) return KERN_SUCCESS;
  const uint64_t start = page_down(address);
  uint64_t end = page_up(address + size);
  if (address + size < address || end == 0) return KERN_INVALID_ARGUMENT;
  end = std::min(end, kTop);
  if (start >= end) return KERN_SUCCESS;
  if (!touches(segment, start, end))
    return unmap(at(start), end - start) ? KERN_SUCCESS : KERN_RESOURCE_SHORTAGE;
  // The kernel's own mapping is no memory of the program's: what lies before and behind it goes.
  const auto base = reinterpret_cast<uint64_t>(segment.base());
  bool done = true;
  if (start < base) done = unmap(at(start), base - start);
  if (base + segment.size() < end) done &= unmap(at(base + segment.size()), end - base - segment.size());
  return done ? KERN_SUCCESS : KERN_RESOURCE_SHORTAGE;
}

kern_return_t protect(const Segment& segment, uint64_t address, uint64_t size, bool set_maximum,
                      vm_prot_t protection) {
  if ((protection & ~kProtMost) != 0) return KERN_INVALID_ARGUMENT;
  if (size == 0) return KERN_SUCCESS;
  const uint64_t start = page_down(address), end = page_up(address + size);
  if (address + size < address || end == 0) return KERN_INVALID_ARGUMENT;
  drop_kept(start, end);
  if (touches(segment, start, end) || has_hole(start, end)) return KERN_INVALID_ADDRESS;
  const vm_prot_t wanted = protection & VM_PROT_ALL;
  if (set_maximum) return lower_maximum(start, end, wanted);
  if ((wanted & ~maximum_of(start, end)) != 0) return KERN_PROTECTION_FAILURE;
  // One page has one mapping; several can be refused after some were changed.
  Pieces before;
  if (end - start > kPage && (wanted & ~VM_PROT_READ) != 0) before.note(start, end);
  const int saved = errno;
  if (mprotect(at(start), end - start, linux_protection(wanted)) == 0) return KERN_SUCCESS;
  const int error = errno;
  before.restore();
  errno = saved;
  return error == ENOMEM ? KERN_RESOURCE_SHORTAGE : KERN_PROTECTION_FAILURE;
}

}  // namespace portolan::vm
