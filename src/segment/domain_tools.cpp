// SPDX-License-Identifier: Apache-2.0
// Which domains there are, and which of them have a launchd.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "segment/domain_files.hpp"
#include "segment/text.hpp"

namespace portolan {

using files::Descriptor;

int domain_lock_launchd(const DomainPlace& place) {
  DomainError error;
  for (unsigned tries = 0; tries < 10; tries++) {
    Descriptor directory = files::open_directory(place, false, error);
    if (!directory) return -1;
    Descriptor file = files::open_file(place, directory.get(), files::kLaunchdLock, O_RDWR | O_CREAT, error);
    if (!file) return -1;
    if (files::try_lock_file(directory.get(), files::kLaunchdLock, file.get())) return file.release();
    // Held by another launchd, for ever, or by somebody who looks whether there is one, for a moment.
    const timespec pause{0, 5'000'000};
    nanosleep(&pause, nullptr);
  }
  return -1;
}

bool domain_has_launchd(const DomainPlace& place) {
  DomainError error;
  Descriptor directory = files::open_directory(place, false, error);
  if (!directory) return false;
  Descriptor file = files::open_file(place, directory.get(), files::kLaunchdLock, O_RDWR, error);
  return file && flock(file.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

bool domain_is_at(const DomainPlace& place, const Segment& segment) {
  char path[kPathMax + 32];
  Text(path) << place.path << "/" << files::segment_name();
  struct stat status;
  return lstat(path, &status) == 0 && status.st_ino == segment.inode;
}

bool domain_list(void (*each)(void* context, const char* name), void* context, DomainError& error) {
  DomainPlace place;
  if (!domain_place(nullptr, place, error)) return false;
  *strrchr(place.path, '/') = 0;
  place.is_private = true;  // the parent itself
  Descriptor parent = files::open_directory(place, false, error);
  if (!parent) {
    const bool none = error.code == DomainFault::absent;
    if (none) error = DomainError{};
    return none;
  }
  DIR* list = fdopendir(parent.get());
  if (list == nullptr) {
    error.set(DomainFault::system, "cannot list the domains", place.path, errno);
    return false;
  }
  parent.release();
  while (const dirent* entry = readdir(list)) {
    char path[sizeof entry->d_name + 32];
    Text(path) << entry->d_name << "/" << files::segment_name();
    struct stat status;
    if (entry->d_name[0] != '.' && fstatat(dirfd(list), path, &status, AT_SYMLINK_NOFOLLOW) == 0)
      each(context, entry->d_name);
  }
  closedir(list);
  return true;
}

}  // namespace portolan
