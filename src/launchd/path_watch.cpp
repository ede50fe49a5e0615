// SPDX-License-Identifier: Apache-2.0
#include "launchd/path_watch.hpp"

#include <dirent.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>

namespace portolan::launchd {

namespace {

constexpr uint32_t kEvents =
    IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVE | IN_DELETE_SELF | IN_MOVE_SELF;

int64_t nanoseconds(const timespec& time) { return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

std::string parent_of(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

}  // namespace

void PathWatch::add_places(const std::string& path, std::vector<Place>& places) {
  struct stat status {};
  std::string at = path;
  const auto add = [&] {
    if (stat(at.c_str(), &status) != 0) return false;
    const Place place{at, status.st_dev, status.st_ino};
    if (std::find(places.begin(), places.end(), place) == places.end()) places.push_back(place);
    return true;
  };
  add();
  // The directory, too: the file may be replaced.
  do at = parent_of(at);
  while (!add() && at != "/");
}

void PathWatch::want(const std::vector<std::string>& paths) {
  std::vector<Place> places;
  for (const std::string& path : paths) add_places(path, places);
  if (places == places_ && (inotify_ || places.empty())) return;
  inotify_.reset(places.empty() ? -1 : inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  for (const Place& place : places)
    if (inotify_) inotify_add_watch(inotify_.get(), place.path.c_str(), kEvents);
  places_ = std::move(places);
}

void PathWatch::drain() const {
  char events[4096];
  while (read(inotify_.get(), events, sizeof events) > 0) {
  }
}

Stamp stamp_of(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return {};
  return {true,
          status.st_dev,
          status.st_ino,
          status.st_size,
          nanoseconds(status.st_mtim),
          nanoseconds(status.st_ctim)};
}

bool directory_filled(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(path.c_str()), closedir);
  if (!directory) return false;
  while (const dirent* entry = readdir(directory.get()))
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) return true;
  return false;
}

bool network_is_up() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return false;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, freeifaddrs);
  for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next)
    if (one->ifa_addr != nullptr && (one->ifa_flags & IFF_UP) != 0 && (one->ifa_flags & IFF_LOOPBACK) == 0 &&
        (one->ifa_addr->sa_family == AF_INET || one->ifa_addr->sa_family == AF_INET6))
      return true;
  return false;
}

}  // namespace portolan::launchd
