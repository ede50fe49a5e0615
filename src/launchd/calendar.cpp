// SPDX-License-Identifier: Apache-2.0
#include "launchd/calendar.hpp"

namespace portolan::launchd {

namespace {

constexpr time_t kHorizon = time_t{9} * 366 * 86400;  // 29 February may be eight years away

bool right_day(const CalendarEntry& entry, const tm& at) {
  if (entry.day < 0 && entry.weekday < 0) return true;
  return (entry.day >= 0 && at.tm_mday == entry.day) || (entry.weekday >= 0 && at.tm_wday == entry.weekday);
}

// Always forward, whatever the clock does there.
time_t move_to(tm parts, time_t from) {
  parts.tm_sec = 0;
  parts.tm_isdst = -1;
  const time_t to = mktime(&parts);
  return to > from ? to : from + 3600;
}

time_t next_month(tm at, time_t from) {
  at.tm_mon++;
  at.tm_mday = 1;
  at.tm_hour = at.tm_min = 0;
  return move_to(at, from);
}

time_t next_day(tm at, time_t from) {
  at.tm_mday++;
  at.tm_hour = at.tm_min = 0;
  return move_to(at, from);
}

time_t next_hour(tm at, time_t from) {
  at.tm_hour++;
  at.tm_min = 0;
  return move_to(at, from);
}

}  // namespace

time_t next_firing(const CalendarEntry& entry, time_t after) {
  time_t at = after - after % 60 + 60;
  while (at < after + kHorizon) {
    tm parts{};
    localtime_r(&at, &parts);
    if (entry.month >= 0 && parts.tm_mon + 1 != entry.month)
      at = next_month(parts, at);
    else if (!right_day(entry, parts))
      at = next_day(parts, at);
    else if (entry.hour >= 0 && parts.tm_hour != entry.hour)
      at = next_hour(parts, at);
    else if (entry.minute >= 0 && parts.tm_min != entry.minute)
      at += 60;
    else
      return at;
  }
  return -1;
}

time_t next_firing(const std::vector<CalendarEntry>& entries, time_t after) {
  time_t first = -1;
  for (const CalendarEntry& entry : entries) {
    const time_t at = next_firing(entry, after);
    if (at >= 0 && (first < 0 || at < first)) first = at;
  }
  return first;
}

}  // namespace portolan::launchd
