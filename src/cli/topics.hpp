// SPDX-License-Identifier: Apache-2.0
// The topics of `portolan help TOPIC`.
#pragma once

#include <cstddef>

namespace portolan::cli {

struct Topic {
  const char* name;
  const char* text;
};

inline constexpr size_t kTopicCount = 4;
extern const Topic kTopics[kTopicCount];

}  // namespace portolan::cli
