// SPDX-License-Identifier: Apache-2.0
// Watches the segment of a living domain from outside, through its file: is it what it never was before?
// Looks only at memory that the file has, and so takes none.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

namespace portolan::stages {

class Follower {
 public:
  explicit Follower(const std::string& directory);
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  // True: it has changed since the last look, to something new.
  bool fresh();
  uint64_t states() const { return seen_.size(); }

 private:
  struct Part {
    uint64_t offset, length;
  };
  void find_parts();

  int file_ = -1;
  const unsigned char* there_ = nullptr;  // the file, as it is
  unsigned char* here_ = nullptr;         // as it was
  uint64_t size_ = 0, hash_ = 0;
  blkcnt_t blocks_ = -1;
  std::vector<Part> parts_;
  std::unordered_set<uint64_t> seen_;
};

}  // namespace portolan::stages
