// SPDX-License-Identifier: Apache-2.0
#include "cli/soundness.hpp"

#include <time.h>

#include <algorithm>

#include "cli/source.hpp"
#include "ipc/fsck.hpp"

namespace portolan::cli {

namespace {

constexpr unsigned kLooks = 6;

Soundness look(const Segment& segment, bool still) {
  FsckOptions options;
  options.quiescent = still;
  const Report report = ipc::fsck(segment, options);
  Soundness result;
  result.invariants = static_cast<unsigned>(segment_invariants().size() + ipc::kernel_invariants().size());
  for (const Report::Broken& broken : report.broken)
    result.broken.push_back(std::string(broken.id) + " BROKEN  " + broken.text);
  result.untold = report.untold;
  result.looks = 1;
  return result;
}

}  // namespace

Soundness check_soundness(const Segment& segment) { return look(segment, true); }

Soundness check_soundness(const std::string& segment_file, bool still) {
  Soundness result;
  for (unsigned i = 0; i < (still ? 1 : kLooks); i++) {
    if (i != 0) {
      const timespec pause{0, 20'000'000L * (1L << i)};
      nanosleep(&pause, nullptr);
    }
    Copy copy(segment_file);
    Soundness seen = look(copy.segment(), still);
    if (i != 0) {
      std::erase_if(seen.broken, [&](const std::string& line) {
        return std::find(result.broken.begin(), result.broken.end(), line) == result.broken.end();
      });
      seen.looks = result.looks + 1;
    }
    result = std::move(seen);
    if (result.broken.empty()) break;
  }
  return result;
}

}  // namespace portolan::cli
