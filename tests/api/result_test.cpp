// SPDX-License-Identifier: Apache-2.0
// Results and errors.
#include <memory>

#include "api/api.hpp"

namespace api {
namespace {

result<int> half(int number) {
  if (number % 2 != 0) return error(KERN_INVALID_ARGUMENT, "half");
  return number / 2;
}

TEST(Result, HasAValueOrAnError) {
  const result<int> good = half(4);
  EXPECT_TRUE(good.has_value());
  EXPECT_TRUE(static_cast<bool>(good));
  EXPECT_EQ(2, *good);
  EXPECT_EQ(2, good.value());

  const result<int> bad = half(3);
  EXPECT_FALSE(bad.has_value());
  EXPECT_EQ(KERN_INVALID_ARGUMENT, bad.error().code());
  EXPECT_STREQ("half", bad.error().call());
  EXPECT_STREQ(mach_error_string(KERN_INVALID_ARGUMENT), bad.error().text());
  EXPECT_EQ(7, half(3).value_or(7));
  EXPECT_EQ(2, half(4).value_or(7));
}

TEST(Result, MovesWhatCannotBeCopied) {
  result<std::unique_ptr<int>> made = std::make_unique<int>(5);
  EXPECT_EQ(5, **made);
  const std::unique_ptr<int> taken = *std::move(made);
  EXPECT_EQ(5, *taken);
}

TEST(Result, Chains) {
  EXPECT_EQ(2, half(8).and_then(half).value());
  EXPECT_EQ(KERN_INVALID_ARGUMENT, half(6).and_then(half).error().code());
  EXPECT_EQ(21, half(4).transform([](int number) { return number + 19; }).value());
  EXPECT_EQ(1, half(5).or_else([](const error&) { return half(2); }).value());
  EXPECT_EQ(2, half(4).or_else([](const error&) { return half(2); }).value());

  int seen = 0;
  EXPECT_TRUE(half(4).transform([&](int number) { seen = number; }).has_value());
  EXPECT_EQ(2, seen);
  const result<void> failed = half(5).transform([&](int) { seen = 9; });
  EXPECT_FALSE(failed);
  EXPECT_EQ(2, seen);
  EXPECT_EQ(3, result<void>().transform([] { return 3; }).value());
  EXPECT_EQ(4, result<void>().and_then([] { return half(8); }).value());
  EXPECT_EQ(KERN_INVALID_ARGUMENT, failed.and_then([] { return half(8); }).error().code());
  EXPECT_TRUE(failed.or_else([](const error&) { return result<void>(); }).has_value());
}

// Codes of messages may carry bits that say what there was no room for (messages 4).
TEST(Result, ErrorsCompareWithoutTheBitsOfTheMask) {
  EXPECT_TRUE(error(MACH_RCV_BODY_ERROR | MACH_MSG_IPC_SPACE, "x") == MACH_RCV_BODY_ERROR);
  EXPECT_FALSE(error(MACH_RCV_BODY_ERROR, "x") == MACH_RCV_HEADER_ERROR);
  EXPECT_TRUE(error(MIG_BAD_ID, "x") == MIG_BAD_ID);
  EXPECT_TRUE(error(BOOTSTRAP_UNKNOWN_SERVICE, "x") == BOOTSTRAP_UNKNOWN_SERVICE);
}

TEST(Timeout, RoundsUpAndIsNeverNegative) {
  EXPECT_FALSE(forever.bounded());
  EXPECT_TRUE(timeout(0s).bounded());
  EXPECT_EQ(0u, timeout(-5s).milliseconds());
  EXPECT_EQ(1u, timeout(1us).milliseconds());
  EXPECT_EQ(1500u, timeout(1500ms).milliseconds());
  EXPECT_EQ(static_cast<uint32_t>(INT32_MAX), timeout(std::chrono::hours(100000)).milliseconds());
}

}  // namespace
}  // namespace api
