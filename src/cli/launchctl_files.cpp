// SPDX-License-Identifier: Apache-2.0
#include "cli/launchctl_files.hpp"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <memory>

#include "cli/terminal.hpp"
#include "launchd/job_spec.hpp"
#include "launchd/store.hpp"

namespace portolan::cli {

namespace {

using launchd::Mistake;
using launchd::same_letters;
using launchd::Value;

constexpr size_t kMost = 4u << 20;  // bytes of a property list

void skip(const std::string& path, const std::string& problem, const std::string& remedy) {
  say("portolan launchctl: " + Mistake{path, "", problem + "; skipped", remedy, true}.text());
}

bool is_plist(const std::string& path) { return fnmatch("*.plist", path.c_str(), FNM_CASEFOLD) == 0; }

// False: named and skipped.
bool may_be_read(const std::string& path, const struct stat& status, const FileRules& rules) {
  if (rules.forced) return true;
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    skip(path, "can be written by others than its owner", "chmod go-w " + path);
    return false;
  }
  if (status.st_uid != 0 && status.st_uid != geteuid()) {
    skip(path, "belongs to somebody else", "chown " + std::to_string(geteuid()) + " " + path);
    return false;
  }
  if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) {
    skip(path, "is neither a file nor a directory", "give a property list");
    return false;
  }
  if (S_ISREG(status.st_mode) && !is_plist(path)) {
    skip(path, "is not called *.plist", "rename it, or use -F");
    return false;
  }
  return true;
}

bool any_string(const Value& list, const std::string& wanted) {
  if (list.string() != nullptr) return same_letters(*list.string(), wanted);
  return list.items() != nullptr &&
         std::any_of(list.items()->begin(), list.items()->end(), [&](const Value& item) {
           return item.string() != nullptr && same_letters(*item.string(), wanted);
         });
}

bool names_this_host(const Value& list) {
  char name[HOST_NAME_MAX + 1] = {};
  gethostname(name, sizeof name - 1);
  const std::string whole = name;
  return any_string(list, whole) || any_string(list, whole.substr(0, whole.find('.')));
}

// hw.machine is the only name known of the hardware.
bool names_this_hardware(const Value& list) {
  utsname system{};
  uname(&system);
  const Value* machine = list.find("hw.machine");
  if (machine == nullptr) machine = list.find("machine");
  return machine != nullptr && any_string(*machine, system.machine);
}

void read_list(const std::string& path, const FileRules& rules, std::vector<JobFile>& found) {
  std::string bytes;
  if (!launchd::read_file(path, kMost, bytes))
    return skip(path, std::string("cannot be read: ") + std::strerror(errno), "");
  JobFile file{path, launchd::parse(bytes)};
  if (!file.list) return skip(path, "is no property list", "see what xmllint says of it");
  if (const std::string why = limited(file.list, rules.session); !why.empty() && !rules.forced)
    return skip(path, why, "use -F to load it all the same");
  found.push_back(std::move(file));
}

void read_directory(const std::string& path, const FileRules& rules, std::vector<JobFile>& found) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(path.c_str()), closedir);
  if (!directory) return skip(path, std::string("cannot be read: ") + std::strerror(errno), "");
  std::vector<std::string> names;
  while (const dirent* entry = readdir(directory.get()))
    if (entry->d_name[0] != '.' && is_plist(entry->d_name)) names.push_back(path + "/" + entry->d_name);
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    struct stat status {};
    if (stat(name.c_str(), &status) != 0 || S_ISDIR(status.st_mode)) continue;
    if (may_be_read(name, status, rules)) read_list(name, rules, found);
  }
}

std::string absolute(const std::string& path) {
  if (path.empty() || path[0] == '/') return path;
  const std::unique_ptr<char, void (*)(void*)> here(getcwd(nullptr, 0), std::free);
  return here ? std::string(here.get()) + "/" + path : path;
}

}  // namespace

std::string limited(const Value& list, const std::optional<std::string>& session) {
  if (const Value* hosts = list.find("LimitLoadFromHosts"); hosts != nullptr && names_this_host(*hosts))
    return "is not for this host (LimitLoadFromHosts)";
  if (const Value* hosts = list.find("LimitLoadToHosts"); hosts != nullptr && !names_this_host(*hosts))
    return "is for other hosts (LimitLoadToHosts)";
  if (const Value* hardware = list.find("LimitLoadToHardware");
      hardware != nullptr && !names_this_hardware(*hardware))
    return "is for other hardware (LimitLoadToHardware)";
  if (const Value* hardware = list.find("LimitLoadFromHardware");
      hardware != nullptr && names_this_hardware(*hardware))
    return "is not for this hardware (LimitLoadFromHardware)";
  const Value* sessions = list.find("LimitLoadToSessionType");
  if (session) {
    const bool fits = sessions == nullptr ? same_letters(*session, "Aqua") : any_string(*sessions, *session);
    return fits ? "" : "is for other sessions than " + *session + " (LimitLoadToSessionType)";
  }
  if (sessions != nullptr && !any_string(*sessions, "System"))
    return "is for a session (LimitLoadToSessionType), and this domain is System";
  return {};
}

std::vector<JobFile> job_files(const std::vector<std::string>& paths, const FileRules& rules) {
  std::vector<JobFile> found;
  for (const std::string& given : paths) {
    const std::string path = absolute(given);
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) {
      skip(given, std::strerror(errno), "");
      continue;
    }
    if (!may_be_read(path, status, rules)) continue;
    if (S_ISDIR(status.st_mode))
      read_directory(path, rules, found);
    else
      read_list(path, rules, found);
  }
  return found;
}

}  // namespace portolan::cli
