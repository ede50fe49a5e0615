// SPDX-License-Identifier: Apache-2.0
// A damaged list may lead round. Who walks one to its end counts, and finds the domain lost instead of
// walking for ever.
#pragma once

#include "segment/segment.hpp"

namespace portolan {

class Steps {
 public:
  // Of a list of elements of this zone: none is longer than the zone.
  Steps(const Segment& segment, unsigned zone) : left_(segment.capacity(zone)) {}
  void step() {
    if (left_-- == 0) kernel_panic("a list has no end");
  }

 private:
  uint32_t left_;
};

}  // namespace portolan
