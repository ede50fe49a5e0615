// SPDX-License-Identifier: Apache-2.0
// A thread caught in the middle, in words: its log, its locks, what it has in hand and owes.
#pragma once

#include <string>

#include "segment/segment.hpp"

namespace portolan::proof {

std::string describe_thread(const Segment& segment, uint32_t slot);
// One entry of its log: the cell, and what it was.
std::string describe_entry(const Segment& segment, uint32_t slot, uint32_t entry);

}  // namespace portolan::proof
