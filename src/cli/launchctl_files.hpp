// SPDX-License-Identifier: Apache-2.0
// Which property lists load and unload are about: files, and directories read one level deep
// (bootstrap 11.5).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "launchd/value.hpp"

namespace portolan::cli {

struct JobFile {
  std::string path;
  launchd::Value list;
};

struct FileRules {
  bool forced = false;                 // -F: all checks but existence are left out
  std::optional<std::string> session;  // -S
};

// What passes. Each that does not is named on standard error, with what to do, and skipped.
std::vector<JobFile> job_files(const std::vector<std::string>& paths, const FileRules& rules);

// Why this list is not for this machine or session (bootstrap 10.5); empty: it is.
std::string limited(const launchd::Value& list, const std::optional<std::string>& session);

}  // namespace portolan::cli
