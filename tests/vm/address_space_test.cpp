// SPDX-License-Identifier: Apache-2.0
// The mach_vm calls on one's own memory (tasks 5), and the recycling of received memory.
#include "vm/address_space.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "vm/maximum.hpp"
#include "vm/own_memory.hpp"

namespace portolan::vm {
namespace {

constexpr uint64_t kP = kPage;

char* bytes(uint64_t address) { return reinterpret_cast<char*>(address); }
uint64_t address_of(const void* memory) { return reinterpret_cast<uint64_t>(memory); }

class AddressSpace : public testing::Test {
 protected:
  AddressSpace() {
    Geometry geometry;
    geometry.max_threads = 4;
    span_ = Segment::span(geometry);
    memory_ = mmap(nullptr, span_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    segment.format(memory_, geometry);
    install_plain_fault_handler();
  }
  ~AddressSpace() override {
    munmap(memory_, span_);
    drop_kept();
  }

  uint64_t some(uint64_t size) {
    uint64_t address = 0;
    EXPECT_EQ(KERN_SUCCESS, allocate(segment, address, size, VM_FLAGS_ANYWHERE));
    return address;
  }
  // An inaccessible stretch of addresses of which a test may map parts.
  uint64_t free_stretch(uint64_t pages) {
    void* memory = mmap(nullptr, pages * kP, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(memory, pages * kP);
    return address_of(memory);
  }
  static bool readable(uint64_t address) {
    char byte;
    return copy_from_user(&byte, bytes(address), 1);
  }
  static bool writable(uint64_t address) {
    char byte = 0;
    return copy_from_user(&byte, bytes(address), 1) && copy_to_user(bytes(address), &byte, 1);
  }

  Segment segment;
  void* memory_;
  uint64_t span_;
};

TEST_F(AddressSpace, AllocateGivesZeroedMemory) {
  const uint64_t address = some(3 * kP + 1);
  EXPECT_EQ(0u, address % kP);
  for (uint64_t i = 0; i < 4 * kP; i++) ASSERT_EQ(0, bytes(address)[i]);
  memset(bytes(address), 1, 4 * kP);
  EXPECT_EQ(KERN_SUCCESS, deallocate(segment, address, 3 * kP + 1));
  EXPECT_FALSE(readable(address + 3 * kP));
}

TEST_F(AddressSpace, AllocateOfNothingIsAddressZero) {
  uint64_t address = 77;
  EXPECT_EQ(KERN_SUCCESS, allocate(segment, address, 0, VM_FLAGS_ANYWHERE));
  EXPECT_EQ(0u, address);
}

TEST_F(AddressSpace, AllocateRefusesBadArguments) {
  uint64_t address = 77;
  EXPECT_EQ(KERN_INVALID_ARGUMENT, allocate(segment, address, kP, 0x100));
  EXPECT_EQ(KERN_INVALID_ARGUMENT, allocate(segment, address, UINT64_MAX - 10, VM_FLAGS_ANYWHERE));
  EXPECT_EQ(KERN_INVALID_ARGUMENT, allocate(segment, address, 0, 0x100)) << "flags before size";
  EXPECT_EQ(KERN_NO_SPACE, allocate(segment, address, uint64_t{1} << 62, VM_FLAGS_ANYWHERE));
  EXPECT_EQ(77u, address);
  EXPECT_EQ(KERN_SUCCESS, allocate(segment, address, kP, VM_FLAGS_ANYWHERE | VM_MAKE_TAG(VM_MEMORY_STACK)));
  deallocate(segment, address, kP);
}

TEST_F(AddressSpace, FixedAllocationTakesExactlyItsPlace) {
  const uint64_t stretch = free_stretch(4);
  uint64_t address = stretch + kP + 5;
  EXPECT_EQ(KERN_SUCCESS, allocate(segment, address, kP, VM_FLAGS_FIXED));
  EXPECT_EQ(stretch + kP, address);
  EXPECT_TRUE(writable(stretch + 2 * kP)) << "the end is rounded up";
  bytes(address)[0] = 42;
  uint64_t again = address;
  EXPECT_EQ(KERN_NO_SPACE, allocate(segment, again, kP, VM_FLAGS_FIXED));
  EXPECT_EQ(42, bytes(address)[0]);
  EXPECT_EQ(KERN_SUCCESS, allocate(segment, again, kP, VM_FLAGS_FIXED | VM_FLAGS_OVERWRITE));
  EXPECT_EQ(0, bytes(address)[0]);
  EXPECT_EQ(KERN_SUCCESS, deallocate(segment, address, 2 * kP));
}

TEST_F(AddressSpace, FixedAllocationOutsideTheMapIsRefused) {
  for (const uint64_t wild : {uint64_t{0}, uint64_t{0x0000800000000000}, uint64_t{0xffff800000000000}}) {
    uint64_t address = wild;
    EXPECT_EQ(KERN_INVALID_ADDRESS, allocate(segment, address, kP, VM_FLAGS_FIXED)) << std::hex << wild;
  }
  uint64_t address = UINT64_MAX - kP;
  EXPECT_EQ(KERN_INVALID_ADDRESS, allocate(segment, address, 2 * kP, VM_FLAGS_FIXED));
}

TEST_F(AddressSpace, TheKernelsMappingIsNobodysMemory) {
  uint64_t address = address_of(memory_);
  EXPECT_EQ(KERN_NO_SPACE, allocate(segment, address, kP, VM_FLAGS_FIXED | VM_FLAGS_OVERWRITE));
  EXPECT_EQ(KERN_INVALID_ADDRESS, protect(segment, address, kP, false, VM_PROT_READ));
  EXPECT_EQ(KERN_SUCCESS, deallocate(segment, address, span_));
  EXPECT_EQ(kMagic, segment.header().magic);
  uint64_t data = 0;
  EXPECT_EQ(KERN_INVALID_ADDRESS, read(segment, address, 8, data));
  EXPECT_EQ(KERN_INVALID_ADDRESS, copy(segment, address_of(&data), 8, address));
  OwnMemory own(segment);
  char here[8];
  EXPECT_FALSE(own.copy_in(here, address, 8));
  EXPECT_FALSE(own.copy_out(address, here, 8));
  own.unmap(address, kP);
  EXPECT_EQ(kMagic, segment.header().magic);
}

TEST_F(AddressSpace, DeallocateSpansTheKernelsMapping) {
  // Three pages of a reserved stretch: the middle one plays the segment.
  Geometry geometry;
  geometry.max_threads = 1;
  const uint64_t size = Segment::span(geometry);
  void* whole = mmap(nullptr, size + 2 * kP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  Segment middle;
  middle.format(static_cast<char*>(whole) + kP, geometry);
  const uint64_t start = address_of(whole);
  EXPECT_EQ(KERN_SUCCESS, deallocate(middle, start, size + 2 * kP));
  EXPECT_FALSE(readable(start));
  EXPECT_TRUE(readable(start + kP));
  EXPECT_TRUE(readable(start + kP + size - 1));
  EXPECT_FALSE(readable(start + kP + size));
  munmap(static_cast<char*>(whole) + kP, size);
}

TEST_F(AddressSpace, AFreedPlaceIsFree) {
  uint64_t address = some(4 * kP);
  deallocate(segment, address + kP, 2 * kP);
  EXPECT_NE(0u, kept_bytes());
  uint64_t again = address + 2 * kP;
  EXPECT_EQ(KERN_SUCCESS, allocate(segment, again, kP, VM_FLAGS_FIXED));
  deallocate(segment, address, 4 * kP);
}

TEST_F(AddressSpace, DeallocateMindsNoHoles) {
  const uint64_t address = some(3 * kP);
  EXPECT_EQ(KERN_SUCCESS, deallocate(segment, address + kP, 1));
  EXPECT_FALSE(readable(address + kP));
  EXPECT_TRUE(readable(address + 2 * kP));
  EXPECT_EQ(KERN_SUCCESS, deallocate(segment, address + kP - 1, kP + 2));  // bytes of three pages
  EXPECT_FALSE(readable(address));
  EXPECT_FALSE(readable(address + 2 * kP));
  EXPECT_EQ(KERN_SUCCESS, deallocate(segment, address, 0));
  EXPECT_EQ(KERN_SUCCESS, deallocate(segment, 0xffff800000000000, kP));
  EXPECT_EQ(KERN_INVALID_ARGUMENT, deallocate(segment, address, UINT64_MAX));
}

TEST_F(AddressSpace, ProtectChangesAllOrNothing) {
  const uint64_t address = some(3 * kP);
  EXPECT_EQ(KERN_SUCCESS, protect(segment, address + 1, kP, false, VM_PROT_READ));
  EXPECT_FALSE(writable(address));
  EXPECT_FALSE(writable(address + kP));
  EXPECT_TRUE(writable(address + 2 * kP));
  EXPECT_EQ(KERN_SUCCESS, protect(segment, address, 3 * kP, false, VM_PROT_DEFAULT));
  EXPECT_TRUE(writable(address));
  deallocate(segment, address + 2 * kP, kP);
  EXPECT_EQ(KERN_INVALID_ADDRESS, protect(segment, address, 3 * kP, false, VM_PROT_NONE));
  EXPECT_TRUE(writable(address));
  EXPECT_EQ(KERN_INVALID_ARGUMENT, protect(segment, address, kP, false, 0x1000));
  EXPECT_EQ(KERN_INVALID_ARGUMENT, protect(segment, address, UINT64_MAX, false, VM_PROT_READ));
  EXPECT_EQ(KERN_SUCCESS, protect(segment, 12345, 0, false, VM_PROT_READ));
  deallocate(segment, address, 2 * kP);
}

TEST_F(AddressSpace, ProtectPutsBackWhatItChangedBeforeItFailed) {
  char name[] = "/tmp/protectXXXXXX";
  const int file = mkstemp(name);
  ASSERT_EQ(0, ftruncate(file, static_cast<off_t>(kP)));
  const int reader = open(name, O_RDONLY | O_CLOEXEC);
  unlink(name);
  const uint64_t address = some(3 * kP);
  protect(segment, address, kP, false, VM_PROT_READ);
  // A page of a file that was opened for reading only: it can never be written.
  ASSERT_NE(MAP_FAILED, mmap(bytes(address + 2 * kP), kP, PROT_READ, MAP_SHARED | MAP_FIXED, reader, 0));
  EXPECT_EQ(KERN_PROTECTION_FAILURE, protect(segment, address, 3 * kP, false, VM_PROT_DEFAULT));
  EXPECT_FALSE(writable(address));
  EXPECT_TRUE(writable(address + kP));
  deallocate(segment, address, 3 * kP);
  close(file);
  close(reader);
}

TEST_F(AddressSpace, TheMaximumSinksAndNeverRises) {
  const uint64_t address = some(4 * kP);
  EXPECT_EQ(KERN_SUCCESS, protect(segment, address + kP, 2 * kP, true, VM_PROT_READ));
  EXPECT_TRUE(writable(address));
  EXPECT_FALSE(writable(address + kP)) << "the current access sinks with it";
  EXPECT_TRUE(readable(address + kP));
  EXPECT_EQ(KERN_PROTECTION_FAILURE, protect(segment, address, 4 * kP, false, VM_PROT_DEFAULT));
  EXPECT_EQ(KERN_SUCCESS, protect(segment, address + kP, 2 * kP, true, VM_PROT_ALL));
  EXPECT_EQ(KERN_PROTECTION_FAILURE, protect(segment, address + kP, kP, false, VM_PROT_DEFAULT));
  EXPECT_EQ(KERN_SUCCESS, protect(segment, address, kP, false, VM_PROT_ALL));
  EXPECT_EQ(KERN_SUCCESS, protect(segment, address + 3 * kP, kP, false, VM_PROT_DEFAULT));
  // New memory in the same place has a maximum of its own.
  uint64_t again = address + kP;
  EXPECT_EQ(KERN_SUCCESS, allocate(segment, again, kP, VM_FLAGS_FIXED | VM_FLAGS_OVERWRITE));
  EXPECT_EQ(KERN_SUCCESS, protect(segment, address + kP, kP, false, VM_PROT_DEFAULT));
  EXPECT_EQ(KERN_PROTECTION_FAILURE, protect(segment, address + 2 * kP, kP, false, VM_PROT_DEFAULT));
  deallocate(segment, address, 4 * kP);
  EXPECT_EQ(VM_PROT_ALL, maximum_of(address, address + 4 * kP));
}

TEST(Maximum, ForgettingCutsRangesAndFreesTheirPlaces) {
  for (int round = 0; round < 200; round++) {
    ASSERT_TRUE(maximum_lower(0x10000, 0x20000, VM_PROT_READ)) << round;
    maximum_forget(0x14000, 0x18000);
    EXPECT_EQ(VM_PROT_READ, maximum_of(0x10000, 0x14000));
    EXPECT_EQ(VM_PROT_ALL, maximum_of(0x14000, 0x18000));
    EXPECT_EQ(VM_PROT_READ, maximum_of(0x18000, 0x20000));
    maximum_forget(0, 0x100000);
    EXPECT_EQ(VM_PROT_ALL, maximum_of(0, UINTPTR_MAX));
  }
  unsigned noted = 0;
  while (maximum_lower(0x10000 + 0x1000 * noted, 0x11000 + 0x1000 * noted, VM_PROT_NONE)) noted++;
  EXPECT_EQ(64u, noted);
  maximum_forget(0, UINTPTR_MAX);
  EXPECT_EQ(VM_PROT_ALL, maximum_of(0, UINTPTR_MAX));
}

TEST_F(AddressSpace, ReadGivesACopyToFree) {
  for (const uint64_t size : {uint64_t{1}, uint64_t{100}, kP, 5 * kP + 3, uint64_t{300000}}) {
    const uint64_t from = some(size + 7);
    for (uint64_t i = 0; i < size; i++) bytes(from + 7)[i] = static_cast<char>(i * 3 + 1);
    uint64_t data = 0;
    ASSERT_EQ(KERN_SUCCESS, read(segment, from + 7, size, data));
    bytes(from + 7)[0]++;
    EXPECT_EQ(1, bytes(data)[0]) << "a picture of the moment";
    EXPECT_EQ(0, memcmp(bytes(data) + 1, bytes(from + 8), size - 1));
    for (uint64_t i = size; i % kP != 0; i++) ASSERT_EQ(0, bytes(data)[i]) << "the rest of the page is zero";
    deallocate(segment, data, size);
    deallocate(segment, from, size + 7);
  }
}

TEST_F(AddressSpace, ReadAndCopyRefuseBadRanges) {
  uint64_t data = 77;
  EXPECT_EQ(KERN_SUCCESS, read(segment, 1, 0, data));
  EXPECT_EQ(0u, data);
  data = 77;
  EXPECT_EQ(KERN_INVALID_ARGUMENT, read(segment, 0x10000, uint64_t{1} << 32, data));
  EXPECT_EQ(KERN_INVALID_ADDRESS, read(segment, UINT64_MAX - 5, 100, data));
  const uint64_t large = 64 * kP;
  const uint64_t address = some(large + kP);
  const uint64_t here = some(large + kP);
  protect(segment, address + 8 * kP, kP, false, VM_PROT_NONE);
  EXPECT_EQ(KERN_INVALID_ADDRESS, read(segment, address + 8 * kP, 10, data)) << "small";
  EXPECT_EQ(KERN_PROTECTION_FAILURE, read(segment, address, large, data));
  EXPECT_EQ(KERN_PROTECTION_FAILURE, copy(segment, address, large, here));
  EXPECT_EQ(KERN_PROTECTION_FAILURE, copy(segment, here, large, address));
  protect(segment, address + 8 * kP, kP, false, VM_PROT_READ);
  bytes(here)[0] = 42;
  EXPECT_EQ(KERN_PROTECTION_FAILURE, copy(segment, here, large, address));
  EXPECT_EQ(0, bytes(address)[0]) << "looked at before it is written";
  EXPECT_EQ(KERN_INVALID_ADDRESS, copy(segment, here, 10, address + 8 * kP)) << "small";
  deallocate(segment, address + 8 * kP, kP);
  EXPECT_EQ(KERN_INVALID_ADDRESS, read(segment, address, large, data));
  EXPECT_EQ(KERN_INVALID_ADDRESS, copy(segment, here, large, address));
  EXPECT_EQ(0, bytes(address)[0]);
  EXPECT_EQ(KERN_SUCCESS, copy(segment, 1, 0, 1));
  EXPECT_EQ(77u, data);
  deallocate(segment, address, large + kP);
  deallocate(segment, here, large + kP);
}

TEST_F(AddressSpace, OverlappingCopiesBehaveAsMemmove) {
  for (const uint64_t size : {uint64_t{100}, uint64_t{10000}, uint64_t{100000}}) {
    for (const int64_t shift : {int64_t{-60}, int64_t{1}, int64_t{33}}) {
      const uint64_t address = some(size + 200);
      for (uint64_t i = 0; i < size + 200; i++) bytes(address)[i] = static_cast<char>(i * 7 + i / 256);
      std::vector<char> expected(bytes(address), bytes(address) + size + 200);
      memmove(expected.data() + 100 + shift, expected.data() + 100, size);
      ASSERT_EQ(KERN_SUCCESS,
                copy(segment, address + 100, size, address + 100 + static_cast<uint64_t>(shift)));
      EXPECT_EQ(0, memcmp(expected.data(), bytes(address), size + 200)) << size << " " << shift;
      deallocate(segment, address, size + 200);
    }
  }
}

TEST_F(AddressSpace, ReceivedMemoryIsRecycledWithItsPages) {
  void* first = map_for_receive(10 * kP - 5);
  ASSERT_NE(nullptr, first);
  memset(first, 1, 10 * kP - 5);
  EXPECT_EQ(KERN_SUCCESS, deallocate(segment, address_of(first), 10 * kP - 5));
  EXPECT_EQ(10 * kP, kept_bytes());
  EXPECT_FALSE(readable(address_of(first))) << "given back is given back";
  auto* second = static_cast<char*>(map_for_receive(10 * kP - 100, 7));
  EXPECT_EQ(first, second - 7);
  EXPECT_EQ(0u, kept_bytes());
  for (unsigned i = 1; i <= 7; i++) EXPECT_EQ(0, second[-static_cast<int>(i)]);
  for (uint64_t i = 10 * kP - 100; i < 10 * kP - 7; i++) EXPECT_EQ(0, second[i]);
  unmap(second, 10 * kP - 100);
  auto* third = static_cast<char*>(map_for_receive(3 * kP));
  EXPECT_EQ(first, third) << "a longer one is cut";
  EXPECT_EQ(7 * kP, kept_bytes());
  unmap(third, 3 * kP);
  drop_kept();
  EXPECT_EQ(0u, kept_bytes());
}

TEST_F(AddressSpace, OnlyPrivateAnonymousMemoryIsKept) {
  char name[] = "/tmp/keptXXXXXX";
  const int file = mkstemp(name);
  unlink(name);
  ASSERT_EQ(0, ftruncate(file, static_cast<off_t>(4 * kP)));
  void* mapped = mmap(nullptr, 4 * kP, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  memset(mapped, 5, 4 * kP);
  EXPECT_TRUE(unmap(mapped, 4 * kP));
  EXPECT_EQ(0u, kept_bytes());
  void* shared = mmap(nullptr, 4 * kP, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  EXPECT_TRUE(unmap(shared, 4 * kP));
  EXPECT_EQ(0u, kept_bytes());
  void* holed = map_for_receive(4 * kP);
  munmap(static_cast<char*>(holed) + kP, kP);
  EXPECT_TRUE(unmap(holed, 4 * kP));
  EXPECT_EQ(0u, kept_bytes());
  EXPECT_FALSE(readable(address_of(holed)));
  close(file);
}

TEST_F(AddressSpace, ManyThreadsNeverGetTheSameMemory) {
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([t] {
      const char mine = static_cast<char>(t + 1);
      for (int i = 0; i < 2000; i++) {
        const size_t size = (static_cast<size_t>(i) % 5 + 1) * kPage;
        auto* memory = static_cast<char*>(map_for_receive(size));
        ASSERT_NE(nullptr, memory);
        memset(memory, mine, size);
        for (size_t n = 0; n < size; n += 512) ASSERT_EQ(mine, memory[n]);
        unmap(memory, size);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(AddressSpace, AChildCanUseWhatWasKept) {
  void* memory = map_for_receive(8 * kP);
  memset(memory, 3, 8 * kP);
  unmap(memory, 8 * kP);
  const pid_t child = fork();
  if (child == 0) {
    auto* again = static_cast<char*>(map_for_receive(8 * kP));
    memset(again, 4, 8 * kP);
    _exit(again == memory ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  auto* mine = static_cast<char*>(map_for_receive(8 * kP));
  EXPECT_EQ(memory, mine);
  const pid_t second = fork();
  if (second == 0) {
    mine[0] = 9;  // in use again: the child has its copy
    _exit(mine[1] == 3 ? 0 : 1);
  }
  waitpid(second, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  unmap(mine, 8 * kP);
}

TEST_F(AddressSpace, LargeReceiveRegions) {
  const size_t size = (size_t{9} << 20) + 12345;
  for (int i = 0; i < 3; i++) {
    auto* memory = static_cast<char*>(map_for_receive(size));
    ASSERT_NE(nullptr, memory);
    memset(memory, 1, size);
    for (size_t n = size; n % kPage != 0; n++) ASSERT_EQ(0, memory[n]);
    EXPECT_TRUE(unmap(memory, size));
  }
  EXPECT_EQ(nullptr, map_for_receive(SIZE_MAX / 4));
  EXPECT_EQ(nullptr, map_for_receive(0));
}

}  // namespace
}  // namespace portolan::vm
