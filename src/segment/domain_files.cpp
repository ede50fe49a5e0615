// SPDX-License-Identifier: Apache-2.0
// Files and directories of a domain, as far as trust goes: nothing that another user could have written is
// believed.
#include "segment/domain_files.hpp"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
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

// Are there users here whom this user namespace has no ids for? They all look like one.
bool some_unmapped() {
  Descriptor file(open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC));
  char text[64] = {};
  if (!file || read(file.get(), text, sizeof text - 1) <= 0) return false;
  return strstr(text, "4294967295") == nullptr;
}

// What another user may rename or replace leads wherever that user wants.
bool trusted_parent(const struct stat& status, const char* path, DomainError& error) {
  constexpr uid_t kUnmapped = 65534;
  const bool ours =
      status.st_uid == 0 || status.st_uid == geteuid() || (status.st_uid == kUnmapped && some_unmapped());
  const bool open_to_all = !S_ISLNK(status.st_mode) && (status.st_mode & S_IWOTH) != 0;
  if (ours && (!open_to_all || (status.st_mode & S_ISVTX) != 0)) return true;
  error.set(DomainFault::bad_directory,
            ours ? "a directory above the domain's lets other users replace it"
                 : "a directory above the domain's belongs to another user",
            path, 0, "choose a place below directories of your own with PORTOLAN_DOMAIN");
  return false;
}

// The directory that a path's last component is in, every step of the way looked at, and never again by name.
// `last` is that component. Without a step: the directory that we are in, and the whole path.
Descriptor walk_to_parent(const char* path, bool make, const char*& last, DomainError& error) {
  Descriptor at(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  last = path;
  for (const char* slash; (slash = strchr(last, '/')) != nullptr; last = slash + 1) {
    char name[kPathMax], so_far[kPathMax];
    const auto length = static_cast<size_t>(slash - last);
    if (length == 0) continue;
    memcpy(name, last, length);
    name[length] = 0;
    memcpy(so_far, path, static_cast<size_t>(slash - path));
    so_far[slash - path] = 0;
    struct stat link, there;
    Descriptor next(openat(at.get(), name, O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!next || fstatat(at.get(), name, &link, AT_SYMLINK_NOFOLLOW) != 0 || fstat(next.get(), &there) != 0) {
      const int why = errno;
      error.set(why == ENOENT && !make ? DomainFault::absent : DomainFault::system,
                "cannot go to the domain's directory", so_far, why);
      return Descriptor{};
    }
    if (!trusted_parent(link, so_far, error) || !trusted_parent(there, so_far, error)) return Descriptor{};
    at = static_cast<Descriptor&&>(next);
  }
  return at;
}

// `name` in the directory `at`; `path` is for people.
Descriptor open_step(int at, const char* name, const char* path, bool make, DomainError& error) {
  if (make && mkdirat(at, name, 0700) != 0 && errno != EEXIST) {
    error.set(errno == ENOSPC || errno == EDQUOT ? DomainFault::no_memory : DomainFault::system,
              "cannot make the domain's directory", path, errno);
    return Descriptor{};
  }
  Descriptor directory(openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory) {
    const int why = errno;
    struct stat status;
    if (why == ENOENT)
      error.set(DomainFault::absent, "there is no such domain", path, 0,
                "portolan info lists the domains there are");
    else if (fstatat(at, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode))
      error.set(DomainFault::bad_directory, "the domain's directory is a symbolic link", path, 0, kOwnRemedy);
    else if (why == ENOTDIR)
      error.set(DomainFault::bad_directory, "the domain's directory is no directory", path, 0, kOwnRemedy);
    else if (why == EACCES && fstatat(at, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
             status.st_uid != geteuid())
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
  const char* last = place.path;
  Descriptor parent;
  if (place.is_private) {
    parent = walk_to_parent(place.path, make, last, error);
  } else {
    char path[kPathMax];
    Text(path) << place.path;
    *strrchr(path, '/') = 0;
    last = strrchr(place.path, '/') + 1;
    parent = open_step(AT_FDCWD, path, path, make, error);
  }
  if (!parent) return Descriptor{};
  return open_step(parent.get(), *last == 0 ? "." : last, place.path, make, error);
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

bool socket_address(const char* directory, const char* name, sockaddr_un& address, Descriptor& step) {
  address = {};
  address.sun_family = AF_UNIX;
  Text path(address.sun_path);
  path << directory << "/" << name;
  if (!path.cut()) return true;
  step.reset(open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!step) return false;
  Text(address.sun_path) << "/proc/self/fd/" << static_cast<uint64_t>(step.get()) << "/" << name;
  return true;
}

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
  ssize_t length = -1;
  while (file && (length = read(file.get(), id, 36)) < 0 && errno == EINTR) {
  }
  return length == 36;
}

bool pid_namespace(uint32_t& inode) {
  struct stat status;
  inode = 0;
  if (stat("/proc/self/ns/pid", &status) != 0) return errno == ENOENT;  // a kernel that knows of none
  inode = static_cast<uint32_t>(status.st_ino);
  return true;
}

}  // namespace files
}  // namespace portolan
