// SPDX-License-Identifier: Apache-2.0
// The domain seen from outside, without joining: its elements, its threads, its launchd.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "segment/domain.hpp"
#include "segment/fsck.hpp"

namespace portolan::storm {

class View {
 public:
  bool open(const char* path);

  struct Census {
    std::vector<uint32_t> elements;  // of each zone
    unsigned threads = 0;
    bool operator==(const Census&) const = default;
  };
  Census census() const;
  Report fsck() const;
  pid_t launchd() const;  // 0: there is none
  uint32_t quarantined() const { return segment_.header().quarantined.load(); }

  // Copies the segment, which is sparse, into a directory, where `portolan fsck` and the other tools read it.
  bool save(const std::string& directory) const;

 private:
  std::string path_;  // of the segment
  Segment segment_;
};

}  // namespace portolan::storm
