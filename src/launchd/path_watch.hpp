// SPDX-License-Identifier: Apache-2.0
// Paths whose change is to wake launchd, by inotify. What has changed is then looked up, as it is after every
// sleep: an event that is lost costs a second.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "segment/domain_files.hpp"

namespace portolan::launchd {

class PathWatch {
 public:
  // These and no others. A path that is not there is watched by the nearest directory above it.
  void want(const std::vector<std::string>& paths);
  int descriptor() const { return inotify_.get(); }  // -1: nothing is watched
  void drain() const;

 private:
  struct Place {
    std::string path;
    dev_t device = 0;
    ino_t inode = 0;
    friend bool operator==(const Place&, const Place&) = default;
  };
  static void add_places(const std::string& path, std::vector<Place>& places);
  std::vector<Place> places_;
  files::Descriptor inotify_;
};

// What a file looks like from outside: another stamp, and it has changed.
struct Stamp {
  bool there = false;
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  int64_t modified_ns = 0, changed_ns = 0;
  friend bool operator==(const Stamp&, const Stamp&) = default;
};
Stamp stamp_of(const std::string& path);
bool directory_filled(const std::string& path);

// Is an interface up that is not the loopback, and has an address?
bool network_is_up();

}  // namespace portolan::launchd
