// SPDX-License-Identifier: Apache-2.0
// Running the kernel's own checks on a domain from outside. A living domain changes while it is copied, so
// what is found broken in one copy is looked for in another; only what persists is reported.
#pragma once

#include <string>
#include <vector>

namespace portolan {
class Segment;
}

namespace portolan::cli {

struct Soundness {
  std::vector<std::string> broken;  // "P3 BROKEN  p71: …"
  size_t untold = 0;
  unsigned invariants = 0;  // how many were checked
  unsigned looks = 0;       // copies taken
};

// `still`: nobody is changing it, so one look is enough and more can be asked of it.
Soundness check_soundness(const std::string& segment_file, bool still);
Soundness check_soundness(const Segment& segment);

}  // namespace portolan::cli
