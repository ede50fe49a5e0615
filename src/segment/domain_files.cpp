// SPDX-License-Identifier: Apache-2.0
// Files and directories of a domain, as far as trust goes: nothing that another user could have written is
// believed.
#include "segment/domain_files.hpp"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "segment/text.hpp"

namespace portolan {

void DomainError::set(DomainFault fault, const char* what, const char* path, int number, const char* cure) {
  code = fault;
  Text text(message);
  text << what;
  if (path != nullptr) text << ": " << path;
  if (number != 0) {
    const char* words = strerrordesc_np(number);
    text << ": " << (words == nullptr ? "unknown error" : words);
  }
  Text(remedy) << (cure == nullptr ? "" : cure);
}

bool domain_place(const char* name, DomainPlace& place, DomainError& error) {
  if (name == nullptr) name = "default";
  Text path(place.path);
  if (strchr(name, '/') != nullptr) {
    place.is_private = true;
    char here[kPathMax];
    // Whole from the root on: the directory that we are in may change, and is not launchd's.
    if (name[0] != '/' && getcwd(here, sizeof here) != nullptr) path << here << "/";
    path << name;
    // A slash at the end would make Linux follow a symbolic link there.
    for (size_t n = strlen(place.path); n > 1 && place.path[n - 1] == '/'; n--) place.path[n - 1] = 0;
  } else {
    place.is_private = false;
    bool good = name[0] != 0 && name[0] != '.';
    for (const char* p = name; *p != 0; p++)
      good = good && ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
                      *p == '.' || *p == '_' || *p == '-');
    if (!good) {
      error.set(DomainFault::bad_name, "not a name for a domain", name, 0,
                "use letters, digits, '.', '_' and '-', or the path of a directory, with a slash");
      return false;
    }
    path << "/dev/shm/portolan-" << uint64_t{geteuid()} << "/" << name;
  }
  if (path.cut()) {
    error.set(DomainFault::bad_name, "the name of the domain is too long", name);
    return false;
  }
  return true;
}

namespace files {

namespace {

const char* const kOwnRemedy = "remove it, or choose another domain with PORTOLAN_DOMAIN";

bool trusted_directory(int fd, const char* path, DomainError& error) {
  struct stat status;
  if (fstat(fd, &status) != 0) {
    error.set(DomainFault::system, "cannot look at the domain's directory", path, errno);
    return false;
  }
  if (status.st_uid != geteuid()) {
    error.set(DomainFault::bad_directory, "the domain's directory belongs to another user", path, 0,
              kOwnRemedy);
    return false;
  }
  if ((status.st_mode & 077) != 0) {
    error.set(DomainFault::bad_directory, "the domain's directory is open to other users", path, 0,
              "close it with chmod 700, or choose another domain with PORTOLAN_DOMAIN");
    return false;
  }
  return true;
}

Descriptor open_step(const char* path, bool make, DomainError& error) {
  if (make && mkdir(path, 0700) != 0 && errno != EEXIST) {
    error.set(errno == ENOSPC || errno == EDQUOT ? DomainFault::no_memory : DomainFault::system,
              "cannot make the domain's directory", path, errno);
    return Descriptor{};
  }
  Descriptor directory(open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory) {
    const int why = errno;
    struct stat status;
    if (why == ENOENT)
      error.set(DomainFault::absent, "there is no such domain", path, 0,
                "portolan info lists the domains there are");
    else if (lstat(path, &status) == 0 && S_ISLNK(status.st_mode))
      error.set(DomainFault::bad_directory, "the domain's directory is a symbolic link", path, 0, kOwnRemedy);
    else if (why == ENOTDIR)
      error.set(DomainFault::bad_directory, "the domain's directory is no directory", path, 0, kOwnRemedy);
    else if (why == EACCES && lstat(path, &status) == 0 && status.st_uid != geteuid())
      error.set(DomainFault::bad_directory, "the domain's directory belongs to another user", path, 0,
                kOwnRemedy);
    else
      error.set(DomainFault::system, "cannot open the domain's directory", path, why);
    return Descriptor{};
  }
  if (!trusted_directory(directory.get(), path, error)) return Descriptor{};
  return directory;
}

bool same_file(int directory, const char* name, int fd) {
  struct stat here, there;
  return fstat(fd, &here) == 0 && fstatat(directory, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
         here.st_ino == there.st_ino && here.st_dev == there.st_dev;
}

}  // namespace

const char* segment_name() {
  static_assert(kLayoutVersion == 1);
  return "segment.v1";
}

Descriptor open_directory(const DomainPlace& place, bool make, DomainError& error) {
  if (!place.is_private) {
    char parent[kPathMax];
    Text(parent) << place.path;
    *strrchr(parent, '/') = 0;
    if (!open_step(parent, make, error)) return Descriptor{};
  }
  return open_step(place.path, make, error);
}

Descriptor open_file(const DomainPlace& place, int directory, const char* name, int flags,
                     DomainError& error) {
  char path[kPathMax + 64];
  Text(path) << place.path << "/" << name;
  Descriptor file(openat(directory, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600));
  if (!file) {
    const int why = errno;
    if (why == ENOENT)
      error.set(DomainFault::absent, "there is no such domain", place.path, 0,
                "portolan info lists the domains there are");
    else if (why == ELOOP)
      error.set(DomainFault::bad_segment, "a file of the domain is a symbolic link", path, 0, kOwnRemedy);
    else
      error.set(why == ENOSPC ? DomainFault::no_memory : DomainFault::system,
                "cannot open a file of the domain", path, why);
    return Descriptor{};
  }
  struct stat status;
  const char* fault = nullptr;
  if (fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))
    fault = "a file of the domain is no regular file";
  else if (status.st_uid != geteuid())
    fault = "a file of the domain belongs to another user";
  else if ((status.st_mode & 077) != 0)
    fault = "a file of the domain is open to other users";
  if (fault != nullptr) {
    error.set(DomainFault::bad_segment, fault, path, 0, kOwnRemedy);
    return Descriptor{};
  }
  return file;
}

bool lock_file(int directory, const char* name, int fd) {
  while (flock(fd, LOCK_EX) != 0)
    if (errno != EINTR) return false;
  return same_file(directory, name, fd);
}

bool try_lock_file(int directory, const char* name, int fd) {
  while (flock(fd, LOCK_EX | LOCK_NB) != 0)
    if (errno != EINTR) return false;
  return same_file(directory, name, fd);
}

Unlock::~Unlock() { flock(fd_, LOCK_UN); }

void sweep_temporary(int directory) {
  const int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* list = copy < 0 ? nullptr : fdopendir(copy);
  if (list == nullptr) {
    if (copy >= 0) close(copy);
    return;
  }
  while (const dirent* entry = readdir(list)) {
    const size_t n = strlen(entry->d_name);
    if (strncmp(entry->d_name, "segment.v", 9) != 0 || n < 4 || strcmp(entry->d_name + n - 4, ".new") != 0)
      continue;
    Descriptor file(openat(directory, entry->d_name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    if (file && try_lock_file(directory, entry->d_name, file.get())) unlinkat(directory, entry->d_name, 0);
  }
  closedir(list);
}

bool boot_id(uint8_t* id) {
  memset(id, 0, 40);
  Descriptor file(open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
  return file && read(file.get(), id, 36) == 36;
}

uint32_t pid_namespace() {
  struct stat status;
  return stat("/proc/self/ns/pid", &status) == 0 ? static_cast<uint32_t>(status.st_ino) : 0;
}

}  // namespace files
}  // namespace portolan
