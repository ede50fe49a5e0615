// SPDX-License-Identifier: Apache-2.0
#include "ipc/messages.h"

namespace ipc {

uint32_t Checksum(std::span<const std::byte> data) {
  uint32_t sum = 2166136261u;
  for (const std::byte each : data) sum = (sum ^ static_cast<uint32_t>(each)) * 16777619u;
  return sum;
}

}  // namespace ipc
