// SPDX-License-Identifier: Apache-2.0
// What launchd keeps in files, so that the next launchd goes on where this one was killed:
//
//   DIRECTORY/jobs/<label, escaped>.plist   a loaded job: its dictionary, the file it came from, whether it
//                                           is being removed
//   DIRECTORY/overrides.plist               label -> {Disabled}: what load -w and unload -w decided
//   DIRECTORY/environment.plist             what setenv set
//
// Each is written beside its place and renamed there: if we die here, the old one stands or the new one does.
#pragma once

#include <string>
#include <vector>

#include "launchd/value.hpp"

namespace portolan::launchd {

class Store {
 public:
  explicit Store(std::string directory) : directory_(std::move(directory)) {}

  struct Entry {
    Value job;         // the dictionary
    std::string file;  // it came from
    bool removing = false;
  };
  // False, with `errno`: it could not be written, and nothing has changed.
  bool keep(const std::string& label, const Entry& entry);
  void forget(const std::string& label);
  // What was kept, and the names of files that cannot be read.
  std::vector<Entry> all(std::vector<std::string>& unreadable) const;
  // The directory of jobs goes when it is empty.
  void tidy();

  Value read(const char* name) const;  // none: there is none, or it cannot be read
  bool write(const char* name, const Value& value);

 private:
  std::string path_of(const std::string& label) const;
  std::string directory_;
};

// A file name for a label: other bytes than letters, digits, `-`, `_` and inner dots are %XX, and what is too
// long ends in a number made from all of it.
std::string escaped(const std::string& label);
// The whole of a file; false, with `errno`: it cannot be read, or is larger than `most`.
bool read_file(const std::string& path, size_t most, std::string& bytes);

}  // namespace portolan::launchd
