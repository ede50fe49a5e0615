// SPDX-License-Identifier: Apache-2.0
// When StartCalendarInterval fires, by the local clock (bootstrap 10.3). Pure but for the time zone.
#pragma once

#include <time.h>

#include "launchd/job_spec.hpp"

namespace portolan::launchd {

// The first matching minute after `after`; -1: there is none (31 February). A minute that the clock jumps
// over is not made up for. If both Day and Weekday are given, either will do.
time_t next_firing(const CalendarEntry& entry, time_t after);
// Of several; -1: of none.
time_t next_firing(const std::vector<CalendarEntry>& entries, time_t after);

}  // namespace portolan::launchd
