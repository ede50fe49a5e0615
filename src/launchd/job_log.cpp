// SPDX-License-Identifier: Apache-2.0
#include "launchd/job_log.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

namespace portolan::launchd {

namespace {

constexpr const char* kWords[] = {"debug", "info", "notice", "warning", "error"};

std::string time_text() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  tm parts{};
  gmtime_r(&now.tv_sec, &parts);
  char text[40];
  const size_t length = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  snprintf(text + length, sizeof text - length, ".%03ldZ", now.tv_nsec / 1'000'000);
  return text;
}

}  // namespace

const char* level_word(Level level) { return kWords[static_cast<int>(level)]; }

bool level_named(const std::string& word, Level& level) {
  for (int i = 0; i < 5; i++)
    if (word == kWords[i]) {
      level = static_cast<Level>(i);
      return true;
    }
  return false;
}

bool JobLog::open_file() {
  if (file_) return true;
  file_.reset(open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  return static_cast<bool>(file_);
}

void JobLog::rotate() {
  struct stat status {};
  if (fstat(file_.get(), &status) != 0 || status.st_size < kMostBytes) return;
  for (int i = kKept; i > 0; i--) {
    const std::string older = path_ + "." + std::to_string(i);
    const std::string newer = i == 1 ? path_ : path_ + "." + std::to_string(i - 1);
    rename(newer.c_str(), older.c_str());
  }
  file_.reset();
}

void JobLog::say(Level level, const std::string& subject, const std::string& text) {
  if (level < from_) return;
  const std::string head = time_text() + " " + level_word(level) + " " + subject + ": ";
  std::string lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines += head + text.substr(at, end - at) + "\n";
    at = end + 1;
  }
  if (to_stderr_) (void)!write(2, lines.data(), lines.size());
  if (!open_file()) return;
  rotate();
  if (open_file()) (void)!write(file_.get(), lines.data(), lines.size());
}

}  // namespace portolan::launchd
