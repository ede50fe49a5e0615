// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.hpp"

#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace portolan::cli {

namespace {

bool window(int descriptor, winsize& size) { return ioctl(descriptor, TIOCGWINSZ, &size) == 0; }

void write_all(int descriptor, const std::string& text) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = write(descriptor, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    done += static_cast<size_t>(n);
  }
}

const char* setting(const char* name) {
  const char* value = secure_getenv(name);
  return value != nullptr && *value != 0 ? value : nullptr;
}

}  // namespace

unsigned width_of(int descriptor, bool wide) {
  if (wide || isatty(descriptor) == 0) return 0;
  if (const char* columns = setting("COLUMNS")) {
    const long value = std::strtol(columns, nullptr, 10);
    if (value > 0 && value < 100'000) return static_cast<unsigned>(value);
  }
  winsize size{};
  return window(descriptor, size) && size.ws_col != 0 ? size.ws_col : 80;
}

bool colours_on(int descriptor) {
  if (setting("NO_COLOR") != nullptr || isatty(descriptor) == 0) return false;
  const char* terminal = setting("TERM");
  return terminal != nullptr && std::string(terminal) != "dumb";
}

std::string inked(const std::string& text, Ink ink, bool on) {
  if (!on || ink == Ink::plain || text.empty()) return text;
  const char* code = ink == Ink::guilty ? "\033[1;31m" : ink == Ink::strong ? "\033[1m" : "\033[2m";
  return code + text + "\033[0m";
}

void show(const std::string& text, bool paged) {
  winsize size{};
  if (paged && isatty(STDOUT_FILENO) != 0 && window(STDOUT_FILENO, size) && size.ws_row > 1) {
    const auto lines = static_cast<unsigned long>(std::count(text.begin(), text.end(), '\n'));
    const char* pager = setting("PORTOLAN_PAGER");
    if (pager == nullptr) pager = setting("PAGER");
    if (pager == nullptr) pager = "less -FRX";
    if (lines >= size.ws_row && std::string(pager) != "cat") {
      std::fflush(stdout);
      signal(SIGPIPE, SIG_IGN);  // the reader may leave before the end
      if (FILE* pipe = popen(pager, "w")) {
        std::fwrite(text.data(), 1, text.size(), pipe);
        if (pclose(pipe) == 0) return;
      }
    }
  }
  write_all(STDOUT_FILENO, text);
}

void say(const std::string& text) { write_all(STDERR_FILENO, text); }

}  // namespace portolan::cli
