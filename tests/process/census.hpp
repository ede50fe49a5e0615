// SPDX-License-Identifier: Apache-2.0
// Domains in which programs do what they should not, and that have to be sound afterwards: fsck is clean, and
// as much is allocated as before. Reads the segment from outside, as nobody's task.
#pragma once

#include <cstdint>
#include <vector>

#include "process/user_harness.hpp"

namespace user {

// Elements in use, by zone; then how many thread slots are.
using Census = std::vector<uint32_t>;
Census census(const Domain& domain);

// A domain with a bystander in it, who keeps it alive. When it goes, everybody else must have ended.
class SoundDomain {
 public:
  // `prepare` is called before anybody joins.
  explicit SoundDomain(void (*prepare)(const Domain& domain) = nullptr);
  ~SoundDomain();
  const Domain& operator*() const { return domain_; }
  const Domain* operator->() const { return &domain_; }

 private:
  Domain domain_;
  Program bystander_;
  Census before_;
};

// Runs `program CASE` in such a domain: it must exit with 0. `milliseconds`: how long it may take.
void passes(const std::string& program, const std::string& what, int milliseconds = 2 * kPatience);

}  // namespace user
