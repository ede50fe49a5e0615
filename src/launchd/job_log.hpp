// SPDX-License-Identifier: Apache-2.0
// launchd's own log: DIRECTORY/launchd.log, a line an event. Kept small: at a size it becomes launchd.log.1,
// that .2, and so on; the oldest goes. What cannot be written is lost, and launchd goes on.
#pragma once

#include <string>

#include "segment/domain_files.hpp"

namespace portolan::launchd {

enum class Level { debug, info, notice, warning, error };

class JobLog {
 public:
  static constexpr long kMostBytes = 256 << 10;
  static constexpr int kKept = 3;  // older files

  explicit JobLog(std::string directory) : path_(std::move(directory) + "/launchd.log") {}

  // `subject`: a label, or "launchd". `text`: one line, or several, which are written as so many.
  void say(Level level, const std::string& subject, const std::string& text);
  void also_to_stderr(bool yes) { to_stderr_ = yes; }
  void from(Level level) { from_ = level; }
  Level level() const { return from_; }
  const std::string& path() const { return path_; }

 private:
  bool open_file();
  void rotate();
  std::string path_;
  files::Descriptor file_;
  bool to_stderr_ = false;
  Level from_ = Level::info;
};

const char* level_word(Level level);
bool level_named(const std::string& word, Level& level);

}  // namespace portolan::launchd
