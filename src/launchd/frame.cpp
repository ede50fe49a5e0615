// SPDX-License-Identifier: Apache-2.0
#include "launchd/frame.hpp"

namespace portolan::launchd {

namespace {
constexpr size_t kHead = 4;
}

std::string frame(const Value& value) {
  std::string body = to_binary(value);
  std::string head(kHead, 0);
  for (size_t i = 0; i < kHead; i++) head[i] = static_cast<char>(body.size() >> (8 * i));
  return head + body;
}

Framed unframe(std::string& bytes, Value& value) {
  if (bytes.size() < kHead) return Framed::more;
  uint32_t length = 0;
  for (size_t i = 0; i < kHead; i++) length |= uint32_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  if (length > kFrameMax) return Framed::broken;
  if (bytes.size() < kHead + length) return Framed::more;
  value = parse(bytes.substr(kHead, length));
  bytes.erase(0, kHead + length);
  return value.members() != nullptr ? Framed::whole : Framed::broken;
}

}  // namespace portolan::launchd
