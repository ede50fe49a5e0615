// SPDX-License-Identifier: Apache-2.0
#include "storm/view.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <fstream>

#include "ipc/fsck.hpp"
#include "ipc/objects.hpp"
#include "segment/domain_files.hpp"

namespace portolan::storm {

bool View::open(const char* path) {
  DomainPlace place;
  DomainError error;
  if (domain_place(path, place, error) && domain_open_readonly(place, segment_, error)) {
    path_ = std::string(place.path) + "/" + files::segment_name();
    return true;
  }
  fprintf(stderr, "storm: %s\n", error.message);
  return false;
}

View::Census View::census() const {
  Census census;
  census.elements.resize(kMaxZones);
  for (unsigned id = 0; id < kMaxZones; id++)
    for (uint32_t i = 1; i < segment_.zone(id).carved; i++)
      census.elements[id] += segment_.element(id, i).allocated();
  for (uint32_t i = 1; i < segment_.header().threads_high.load(); i++)
    census.threads += segment_.slot(i).state.load() != kSlotFree;
  return census;
}

Report View::fsck() const { return ipc::fsck(segment_); }

// Its slot may be somebody else's by the time that we have read whose it is: Linux knows its name.
pid_t View::launchd() const {
  const uint32_t slot = segment_.header().launchd.load();
  if (slot == 0 || segment_.is_dead(slot)) return 0;
  const auto pid = static_cast<pid_t>(segment_.slot(slot).tid.load());
  std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
  std::string name;
  return std::getline(file, name) && name == "portolan-launch" ? pid : 0;
}

bool View::save(const std::string& directory) const {
  const std::string copy = directory + path_.substr(path_.rfind('/'));
  const int from = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  const int to = ::open(copy.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  bool good = from >= 0 && to >= 0 && ftruncate(to, static_cast<off_t>(segment_.size())) == 0;
  for (off_t at = 0; good;) {
    const off_t begin = lseek(from, at, SEEK_DATA);
    if (begin < 0) break;  // nothing but holes from here on
    at = lseek(from, begin, SEEK_HOLE);
    good = lseek(to, begin, SEEK_SET) == begin;
    for (off_t n = begin; good && n < at;) good = sendfile(to, from, &n, static_cast<size_t>(at - n)) > 0;
  }
  if (from >= 0) close(from);
  if (to >= 0) close(to);
  return good;
}

}  // namespace portolan::storm
