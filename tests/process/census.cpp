// SPDX-License-Identifier: Apache-2.0
#include "process/census.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "ipc/objects.hpp"
#include "segment/domain.hpp"

namespace user {

Census census(const Domain& domain) {
  portolan::DomainPlace place;
  portolan::DomainError error;
  portolan::Segment segment;
  const std::string path = domain.path() + "/";
  if (!portolan::domain_place(path.c_str(), place, error) ||
      !portolan::domain_open_readonly(place, segment, error)) {
    ADD_FAILURE() << error.message;
    return {};
  }
  Census counts(portolan::kMaxZones + 1);
  for (unsigned id = 0; id < portolan::kMaxZones; id++)
    for (uint32_t i = 1; i < segment.zone(id).carved; i++) counts[id] += segment.element(id, i).allocated();
  for (uint32_t i = 1; i < segment.header().threads_high.load(); i++)
    counts.back() += segment.slot(i).state.load() != portolan::kSlotFree;
  portolan::domain_unmap(segment);
  return counts;
}

SoundDomain::SoundDomain(void (*prepare)(const Domain& domain))
    : bystander_((prepare != nullptr ? prepare(domain_) : void(), domain_), "life", {"stays"}) {
  EXPECT_NE("", bystander_.line());
  // launchd is there, and asleep.
  for (int i = 0; i < 200 && (before_ = census(domain_)).back() < 2; i++) usleep(10000);
}

SoundDomain::~SoundDomain() {
  Census after = census(domain_);
  for (const double end = now_ms() + 10000 * kSlower; after != before_ && now_ms() < end;) {
    usleep(20000);
    after = census(domain_);
  }
  EXPECT_EQ(before_, after) << "elements in use by zone, and threads";
  EXPECT_EQ(0, domain_.fsck());
  bystander_.tell("");
  EXPECT_EQ(0, bystander_.wait());
}

void passes(const std::string& program, const std::string& what, int milliseconds) {
  const SoundDomain domain;
  Program running(*domain, program, {what});
  EXPECT_EQ(0, running.wait(milliseconds * kSlower)) << program << " " << what << ": " << running.rest();
}

}  // namespace user
