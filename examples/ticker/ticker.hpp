// SPDX-License-Identifier: Apache-2.0
// What the ticker and its client have agreed on: a name, and numbers that say what is asked.
#ifndef TICKER_TICKER_HPP_
#define TICKER_TICKER_HPP_

#include <cstdint>

namespace ticker {

inline constexpr char kService[] = "com.example.ticker";

inline constexpr int32_t kTicks = 1;     // wants to know how many there were: text
inline constexpr int32_t kInterval = 2;  // one number of milliseconds, from now on; no reply

}  // namespace ticker

#endif  // TICKER_TICKER_HPP_
