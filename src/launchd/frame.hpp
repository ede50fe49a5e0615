// SPDX-License-Identifier: Apache-2.0
// What goes over launchd's socket, either way: the length as 32 bits, little-endian, and so many bytes of a
// binary property list. A request is a dictionary with a `Verb`; its answer one with `Error` (an errno, 0:
// done) and, when there is one, `Message` and `Remedy`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "launchd/value.hpp"
#include "segment/domain_files.hpp"

namespace portolan::launchd {

inline constexpr uint32_t kFrameMax = 16u << 20;
inline constexpr const char* kSocketName = files::kLaunchdSocket;

std::string frame(const Value& value);

enum class Framed { more, whole, broken };
// Takes the first frame out of what has come so far.
Framed unframe(std::string& bytes, Value& value);

}  // namespace portolan::launchd
