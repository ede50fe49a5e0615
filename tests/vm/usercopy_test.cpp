// SPDX-License-Identifier: Apache-2.0
// The copies to and from user memory: every length, every edge of a mapping, both modes, good and bad
// addresses.
#include "vm/usercopy.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vector>

namespace portolan::vm {
namespace {

// `pages` readable and writable pages with an inaccessible one on either side.
class Fenced {
 public:
  explicit Fenced(size_t pages) : length_(pages * kPage) {
    whole_ =
        static_cast<char*>(mmap(nullptr, length_ + 2 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(whole_ + kPage, length_, PROT_READ | PROT_WRITE);
  }
  ~Fenced() { munmap(whole_, length_ + 2 * kPage); }
  Fenced(const Fenced&) = delete;
  Fenced& operator=(const Fenced&) = delete;
  char* first() { return whole_ + kPage; }
  char* end() { return whole_ + kPage + length_; }

 private:
  size_t length_;
  char* whole_;
};

class Usercopy : public testing::TestWithParam<CopyMode> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(install_plain_fault_handler());
    usercopy_set_mode(GetParam());
  }
  void TearDown() override {
    usercopy_set_mode(CopyMode::fixups);
    signal(SIGSEGV, SIG_DFL);
    signal(SIGBUS, SIG_DFL);
  }
};

INSTANTIATE_TEST_SUITE_P(Modes, Usercopy, testing::Values(CopyMode::fixups, CopyMode::transfers),
                         [](const auto& mode) {
                           return mode.param == CopyMode::fixups ? "Fixups" : "Transfers";
                         });

TEST_P(Usercopy, EveryLengthIsCopiedExactly) {
  Fenced user(2);
  std::vector<char> kernel(2 * kPage + 2);
  for (size_t i = 0; i < 2 * kPage; i++) user.first()[i] = static_cast<char>(i * 7 + i / 256);
  for (size_t length = 0; length <= 2 * kPage; length += length < 1200 ? 1 : 61) {
    // Ends at the fence: a byte too many would fault.
    char* from = user.end() - length;
    std::fill(kernel.begin(), kernel.end(), '\x55');
    ASSERT_TRUE(copy_from_user(kernel.data() + 1, from, length)) << length;
    ASSERT_EQ(0, memcmp(kernel.data() + 1, from, length)) << length;
    ASSERT_EQ('\x55', kernel[0]);
    ASSERT_EQ('\x55', kernel[1 + length]) << length;
  }
}

TEST_P(Usercopy, EveryLengthIsWrittenExactly) {
  Fenced user(2);
  std::vector<char> kernel(2 * kPage);
  for (size_t i = 0; i < kernel.size(); i++) kernel[i] = static_cast<char>(i * 5 + i / 256);
  for (size_t length = 0; length < 2 * kPage; length += length < 1200 ? 1 : 61) {
    char* to = user.end() - length;
    to[-1] = '\x55';
    ASSERT_TRUE(copy_to_user(to, kernel.data(), length)) << length;
    ASSERT_EQ(0, memcmp(kernel.data(), to, length)) << length;
    ASSERT_EQ('\x55', to[-1]) << length;
  }
}

TEST_P(Usercopy, OneByteOverTheEdgeFails) {
  Fenced user(1);
  char kernel[kPage];
  memset(kernel, 1, sizeof kernel);
  for (size_t length = 1; length < kPage; length += length < 1100 ? 1 : 97) {
    EXPECT_FALSE(copy_from_user(kernel, user.end() - length + 1, length)) << length;
    EXPECT_FALSE(copy_to_user(user.end() - length + 1, kernel, length)) << length;
    EXPECT_FALSE(copy_from_user(kernel, user.first() - 1, length)) << length;
    EXPECT_FALSE(copy_to_user(user.first() - 1, kernel, length)) << length;
  }
}

TEST_P(Usercopy, WildAddressesFail) {
  char kernel[64] = {};
  for (const uintptr_t wild :
       {uintptr_t{0}, uintptr_t{8}, uintptr_t{0x00007ffffffff000}, uintptr_t{0x0000800000000000},
        uintptr_t{0xdeadbeef00000000}, uintptr_t{0xffffffffff000000}, UINTPTR_MAX}) {
    EXPECT_FALSE(copy_from_user(kernel, reinterpret_cast<void*>(wild), sizeof kernel)) << std::hex << wild;
    EXPECT_FALSE(copy_to_user(reinterpret_cast<void*>(wild), kernel, sizeof kernel)) << std::hex << wild;
    EXPECT_TRUE(copy_from_user(kernel, reinterpret_cast<void*>(wild), 0));
  }
}

TEST_P(Usercopy, ReadOnlyMemoryCannotBeWritten) {
  Fenced user(1);
  mprotect(user.first(), kPage, PROT_READ);
  char kernel[32] = {};
  EXPECT_TRUE(copy_from_user(kernel, user.first(), sizeof kernel));
  EXPECT_FALSE(copy_to_user(user.first(), kernel, sizeof kernel));
}

TEST_P(Usercopy, APageBeyondTheEndOfAFileFails) {
  char name[] = "/tmp/usercopyXXXXXX";
  const int file = mkstemp(name);
  ASSERT_GE(file, 0);
  unlink(name);
  auto* user = static_cast<char*>(mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
  close(file);
  char kernel[32] = {};
  EXPECT_FALSE(copy_from_user(kernel, user, sizeof kernel));  // SIGBUS, not SIGSEGV
  EXPECT_FALSE(copy_to_user(user, kernel, sizeof kernel));
  munmap(user, kPage);
}

TEST_P(Usercopy, ErrnoStaysAsItWas) {
  errno = 4711;
  char kernel[32];
  EXPECT_FALSE(copy_from_user(kernel, reinterpret_cast<void*>(16), sizeof kernel));
  EXPECT_EQ(4711, errno);
}

TEST(UsercopyDeathTest, AnothersFaultStillEndsTheProcess) {
  EXPECT_EXIT(
      {
        install_plain_fault_handler();
        Fenced user(1);
        *static_cast<volatile char*>(user.end()) = 1;
      },
      testing::KilledBySignal(SIGSEGV), "")
      << "not under a sanitizer that turns the signal into a report";
  EXPECT_EXIT(
      {
        install_plain_fault_handler();
        kill(getpid(), SIGSEGV);
        for (;;) pause();
      },
      testing::KilledBySignal(SIGSEGV), "");
}

TEST(UserRange, RefusesWhatCannotBeTheProgramsMemory) {
  Geometry geometry;
  geometry.max_threads = 4;
  const uint64_t span = Segment::span(geometry);
  void* memory = mmap(nullptr, span, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  Segment segment;
  segment.format(memory, geometry);
  auto* base = static_cast<char*>(memory);
  auto at = [](uintptr_t address) { return reinterpret_cast<void*>(address); };

  EXPECT_TRUE(user_range_ok(segment, base - 64, 64));
  EXPECT_FALSE(user_range_ok(segment, base - 64, 65));
  EXPECT_FALSE(user_range_ok(segment, base, 1));
  EXPECT_FALSE(user_range_ok(segment, base + span - 1, 1));
  EXPECT_TRUE(user_range_ok(segment, base + span, 1));
  EXPECT_FALSE(user_range_ok(segment, base - 64, span + 1000));  // all of it inside
  EXPECT_FALSE(user_range_ok(segment, nullptr, 1));
  EXPECT_FALSE(user_range_ok(segment, at(kPage - 1), 8));
  EXPECT_TRUE(user_range_ok(segment, nullptr, 0));
  EXPECT_FALSE(user_range_ok(segment, at(UINTPTR_MAX - 3), 5));
  EXPECT_FALSE(user_range_ok(segment, at(kPage), SIZE_MAX));
  munmap(memory, span);
}

}  // namespace
}  // namespace portolan::vm
