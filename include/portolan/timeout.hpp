// SPDX-License-Identifier: Apache-2.0
// How long a call may wait: any std::chrono::duration, or for ever.
#ifndef PORTOLAN_TIMEOUT_HPP_
#define PORTOLAN_TIMEOUT_HPP_

#include <mach/message.h>

#include <chrono>
#include <cstdint>

namespace portolan {

class timeout {
 public:
  // For ever.
  constexpr timeout() noexcept = default;

  // Rounded up to milliseconds, as messages have it; nothing or less is a poll.
  template <class Rep, class Period>
  constexpr timeout(std::chrono::duration<Rep, Period> longest) noexcept
      : bounded_(true), milliseconds_(clamp(std::chrono::ceil<std::chrono::milliseconds>(longest).count())) {}

  constexpr bool bounded() const noexcept { return bounded_; }
  constexpr mach_msg_timeout_t milliseconds() const noexcept { return milliseconds_; }

 private:
  static constexpr mach_msg_timeout_t clamp(int64_t count) noexcept {
    if (count < 0) return 0;
    return count > INT32_MAX ? INT32_MAX : static_cast<mach_msg_timeout_t>(count);
  }

  bool bounded_ = false;
  mach_msg_timeout_t milliseconds_ = MACH_MSG_TIMEOUT_NONE;
};

inline constexpr timeout forever{};

}  // namespace portolan

#endif  // PORTOLAN_TIMEOUT_HPP_
