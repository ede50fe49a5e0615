// SPDX-License-Identifier: Apache-2.0
#include "cli/repeat.hpp"

#include <time.h>
#include <unistd.h>

#include "cli/terminal.hpp"

namespace portolan::cli {

void pause_seconds(double seconds) {
  timespec pause{};
  pause.tv_sec = static_cast<time_t>(seconds);
  pause.tv_nsec = static_cast<long>((seconds - static_cast<double>(pause.tv_sec)) * 1e9);
  nanosleep(&pause, nullptr);
}

int repeat(const Globals& globals, const std::function<int(bool paged)>& once) {
  if (!globals.watch) return once(true);
  const bool screen = isatty(STDOUT_FILENO) != 0 && !globals.json;
  for (;;) {
    if (screen) show("\033[H\033[2J", false);
    once(false);
    if (!screen && !globals.json) show("\n", false);
    pause_seconds(*globals.watch);
  }
}

}  // namespace portolan::cli
