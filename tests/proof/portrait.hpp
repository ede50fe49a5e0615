// SPDX-License-Identifier: Apache-2.0
// What a segment means, in words: tasks, their names and rights, ports with their queues and counts, waiting
// threads, who has what in hand. Two segments with the same portrait are the same to every program, whichever
// elements their objects happen to occupy and whatever lies on free lists: objects are numbered in the order
// in which they are met.
#pragma once

#include <string>

#include "segment/segment.hpp"

namespace portolan::proof {

std::string portrait(const Segment& segment);

// The first lines that are different, for people; empty when there are none.
std::string difference(const std::string& wanted, const std::string& found);

}  // namespace portolan::proof
