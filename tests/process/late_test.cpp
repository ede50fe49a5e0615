// SPDX-License-Identifier: Apache-2.0
// The library is loaded late, by a program that has lived without it, and unloaded as far as that goes.
#include <gtest/gtest.h>

#include "process/census.hpp"

namespace {

TEST(Late, LoadedWithHandlersInPlaceAndClosedAgain) {
  const user::SoundDomain domain;
  user::Program program(*domain, "unlinked_late", {PORTOLAN_LIBRARY});
  EXPECT_EQ(0, program.wait(2 * user::kPatience)) << program.rest();
}

}  // namespace
