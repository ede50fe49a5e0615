// SPDX-License-Identifier: Apache-2.0
// Making, joining, reading and removing a domain. See domain.hpp for the rules of the files.
//
// If we die here: while building, a temporary file is left, swept by the next builder; after linking, a
// segment with one dead thread, which is discarded or recovered; while removing, a segment in which nobody
// lives.
#include "segment/domain.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include <new>

#include "segment/domain_files.hpp"
#include "segment/text.hpp"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace portolan {

using files::Descriptor;

namespace {

enum class Outcome { entered, again, failed };

bool thread_exists(uint32_t tid) { return syscall(SYS_tkill, tid, 0) == 0 || errno != ESRCH; }

// Is any thread but `self` alive in it, as far as anybody can tell? Doubt means alive.
bool somebody_lives(const Segment& segment, uint32_t self) {
  for (uint32_t i = 1; i < segment.threads_high(); i++) {
    if (i == self || segment.slot(i).state.load() == kSlotFree || segment.is_dead(i)) continue;
    const uint32_t tid = segment.slot(i).tid.load();
    if (tid != 0 && thread_exists(tid)) return true;
  }
  return false;
}

void* map_file(const DomainPlace& place, int fd, uint64_t size, int protection, DomainError& error) {
  void* memory = mmap(nullptr, size, protection, MAP_SHARED | MAP_NORESERVE, fd, 0);
  if (memory == MAP_FAILED) {
    error.set(errno == ENOMEM ? DomainFault::address_space : DomainFault::system, "cannot map the domain",
              place.path, errno,
              "raise the limit on address space (ulimit -v unlimited): a domain is mapped whole, but sparse");
    return nullptr;
  }
  madvise(memory, size, MADV_DONTFORK);
  madvise(memory, size, MADV_DONTDUMP);
  return memory;
}

// Sets the size without dying of SIGXFSZ.
bool set_size(int fd, uint64_t size) {
  sigset_t limit, before, pending;
  sigemptyset(&limit);
  sigaddset(&limit, SIGXFSZ);
  pthread_sigmask(SIG_BLOCK, &limit, &before);
  sigpending(&pending);
  const bool done = ftruncate(fd, static_cast<off_t>(size)) == 0;
  const int why = errno;
  if (!done && why == EFBIG && !sigismember(&pending, SIGXFSZ)) {
    const timespec now{};
    sigtimedwait(&limit, nullptr, &now);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = why;
  return done;
}

bool make_real(int fd, void* memory, uint64_t length) {
  if (madvise(memory, length, MADV_POPULATE_WRITE) == 0) return true;
  return errno == EINVAL && fallocate(fd, 0, 0, static_cast<off_t>(length)) == 0;
}

// What is known of the file that was mapped.
void backed_by(Segment& segment, int fd) {
  struct stat status;
  segment.file_backed = true;
  segment.inode = fstat(fd, &status) == 0 ? status.st_ino : 0;
}

void forget(Thread& self) { new (&self) Thread{}; }

bool attach(const DomainPlace& place, Segment& segment, Thread& self, DomainError& error) {
  if (self.attach(segment, static_cast<uint32_t>(syscall(SYS_gettid)))) return true;
  if (segment.header().threads_high.load() >= segment.max_threads())
    error.set(DomainFault::no_threads, "the domain has no room for another thread", place.path);
  else
    error.set(DomainFault::no_memory, "there is no memory for another thread of the domain", place.path, 0,
              "free space in /dev/shm, or raise its size");
  return false;
}

// A process that has no descriptor left cannot tell, and may take nobody for dead.
enum class Boot { this_one, another, unknown };
Boot boot_of(const Header& header) {
  uint8_t boot[40];
  if (!files::boot_id(boot)) return Boot::unknown;
  return memcmp(boot, header.boot_id, sizeof boot) == 0 ? Boot::this_one : Boot::another;
}

void no_boot(DomainError& error) {
  error.set(DomainFault::system, "cannot tell this boot from others (is /proc mounted?)", nullptr, errno);
}

void no_namespace(DomainError& error) {
  error.set(DomainFault::system, "cannot tell the pid namespace (is /proc mounted?)", nullptr, errno);
}

// A complete new segment under a temporary name, with `self` attached, then linked.
Outcome build(const DomainPlace& place, int directory, const Founder& founder, Segment& segment, Thread& self,
              DomainError& error) {
  files::sweep_temporary(directory);
  char temporary[64];
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  Text(temporary) << files::segment_name() << "." << static_cast<uint64_t>(syscall(SYS_gettid)) << "."
                  << static_cast<uint64_t>(now.tv_nsec) << ".new";
  Descriptor file = files::open_file(place, directory, temporary, O_RDWR | O_CREAT | O_EXCL, error);
  if (!file) return error.code == DomainFault::absent ? Outcome::again : Outcome::failed;
  const files::Unlock unlock(file.get());
  if (!files::try_lock_file(directory, temporary, file.get())) return Outcome::again;  // swept at once

  Outcome outcome = Outcome::failed;
  const Geometry geometry = founder.geometry();
  const uint64_t size = Segment::span(geometry);
  void* memory = nullptr;
  if (!set_size(file.get(), size)) {
    error.set(DomainFault::no_memory, "cannot give the domain its size", place.path, errno,
              "raise the limit on the size of files (ulimit -f unlimited): the file is sparse");
  } else if ((memory = map_file(place, file.get(), size, PROT_READ | PROT_WRITE, error)) != nullptr) {
    uint8_t boot[40];
    uint32_t pidns = 0;
    if (!make_real(file.get(), memory, sizeof(Header))) {
      error.set(DomainFault::no_memory, "there is no memory for a domain", place.path, errno,
                "free space in /dev/shm, or raise its size");
    } else if (!files::boot_id(boot)) {
      no_boot(error);
    } else if (!files::pid_namespace(pidns)) {
      no_namespace(error);
    } else {
      backed_by(segment, file.get());
      segment.format(memory, geometry);
      memcpy(segment.header().boot_id, boot, sizeof boot);
      segment.header().pidns = pidns;
      founder.install(segment);
      if (attach(place, segment, self, error)) {
        if (founder.furnish(self) != 0)
          error.set(DomainFault::no_memory, "there is no memory for a domain", place.path, 0,
                    "free space in /dev/shm, or raise its size");
        else if (linkat(directory, temporary, directory, files::segment_name(), 0) == 0)
          outcome = Outcome::entered;
        else if (errno == EEXIST || errno == ENOENT)
          outcome = Outcome::again;
        else
          error.set(DomainFault::system, "cannot give the domain its name", place.path, errno);
      }
    }
  }
  unlinkat(directory, temporary, 0);
  if (outcome != Outcome::entered) {
    forget(self);
    if (memory != nullptr) munmap(memory, size);
    new (&segment) Segment{};
  }
  return outcome;
}

// Nobody can go on in such a domain.
bool cut_short(const Header& header, uint64_t length) {
  return header.magic == kMagic && header.byte_order == kByteOrder &&
         header.layout_version == kLayoutVersion && header.size > length;
}

bool refuse_header(const DomainPlace& place, const Header& header, uint64_t length, DomainError& error) {
  if (cut_short(header, length)) {
    error.set(DomainFault::bad_segment, "the domain is lost: its file was cut short", place.path, 0,
              "end the programs that use it");
    return true;
  }
  const char* fault = Segment::header_fault(header, length);
  if (fault == nullptr) return false;
  if (header.magic == kMagic && header.byte_order == kByteOrder && header.layout_version != kLayoutVersion) {
    char what[128];
    Text(what) << "the domain has layout version " << uint64_t{header.layout_version} << ", this library has "
               << uint64_t{kLayoutVersion};
    error.set(DomainFault::version, what, place.path, 0,
              "end the programs that use it, or choose another domain with PORTOLAN_DOMAIN");
  } else {
    error.set(DomainFault::bad_segment, fault, place.path, 0,
              "remove it, or choose another domain with PORTOLAN_DOMAIN");
  }
  return true;
}

// The segment's size, with the header read and believed.
bool read_header(const DomainPlace& place, int fd, Header& header, DomainError& error) {
  struct stat status;
  if (fstat(fd, &status) != 0) {
    error.set(DomainFault::system, "cannot look at the domain", place.path, errno);
    return false;
  }
  if (pread(fd, static_cast<void*>(&header), sizeof header, 0) != static_cast<ssize_t>(sizeof header)) {
    error.set(DomainFault::bad_segment, "not a Portolan segment", place.path, 0,
              "remove it, or choose another domain with PORTOLAN_DOMAIN");
    return false;
  }
  return !refuse_header(place, header, static_cast<uint64_t>(status.st_size), error);
}

// The file is there: maps it and attaches, or discards it because nobody lives there. Holds its lock
// throughout.
Outcome join(const DomainPlace& place, int directory, const Descriptor& file, DomainEntry how,
             const Founder& founder, Segment& segment, Thread& self, DomainError& error) {
  const files::Unlock unlock(file.get());
  if (!files::lock_file(directory, files::segment_name(), file.get())) return Outcome::again;
  Header header{};
  if (!read_header(place, file.get(), header, error)) {
    struct stat status;
    if (how != DomainEntry::join_or_make || fstat(file.get(), &status) != 0 ||
        !cut_short(header, static_cast<uint64_t>(status.st_size)))
      return Outcome::failed;
    unlinkat(directory, files::segment_name(), 0);
    return Outcome::again;
  }
  void* memory = nullptr;
  const Boot boot = boot_of(header);
  if (boot == Boot::unknown) {
    no_boot(error);
    return Outcome::failed;
  }
  bool inhabited = boot == Boot::this_one;
  uint32_t pidns = 0;
  if (inhabited && !files::pid_namespace(pidns)) {
    no_namespace(error);
    return Outcome::failed;
  }
  if (inhabited && header.pidns != pidns) {
    error.set(DomainFault::namespaces, "the domain belongs to another pid namespace", place.path, 0,
              "choose another domain with PORTOLAN_DOMAIN");
    return Outcome::failed;
  }
  if (inhabited) {
    memory = map_file(place, file.get(), header.size, PROT_READ | PROT_WRITE, error);
    if (memory == nullptr) return Outcome::failed;
    if (!segment.view(memory, header.size)) {
      error.set(DomainFault::bad_segment, "a damaged segment header", place.path);
      munmap(memory, header.size);
      return Outcome::failed;
    }
    backed_by(segment, file.get());
    founder.install(segment);
    // launchd enters last, when its domain may have lost everybody: it is the one to clear up then.
    inhabited = how == DomainEntry::join || somebody_lives(segment, 0) || domain_has_launchd(place) ||
                founder.inhabited(segment);
    if (inhabited && segment.header().lost.load() != 0) {
      error.set(DomainFault::bad_segment, "the domain is lost: its file was damaged", place.path, 0,
                "end the programs that use it");
      domain_unmap(segment);
      return Outcome::failed;
    }
  }
  if (!inhabited) {
    unlinkat(directory, files::segment_name(), 0);
    domain_unmap(segment);
    return Outcome::again;
  }
  if (attach(place, segment, self, error)) return Outcome::entered;
  domain_unmap(segment);
  return Outcome::failed;
}

}  // namespace

bool domain_enter(const DomainPlace& place, DomainEntry how, const Founder& founder, Segment& segment,
                  Thread& self, DomainError& error) {
  const bool make = how == DomainEntry::join_or_make;
  for (unsigned tries = 0; tries < 100; tries++) {
    error = DomainError{};
    Descriptor directory = files::open_directory(place, make, error);
    if (!directory) {
      if (make && error.code == DomainFault::absent) continue;  // removed just now
      return false;
    }
    Descriptor file = files::open_file(place, directory.get(), files::segment_name(), O_RDWR, error);
    Outcome outcome = Outcome::failed;
    if (file)
      outcome = join(place, directory.get(), file, how, founder, segment, self, error);
    else if (make && error.code == DomainFault::absent)
      outcome = build(place, directory.get(), founder, segment, self, error);
    if (outcome == Outcome::entered) {
      error = DomainError{};
      return true;
    }
    if (outcome == Outcome::failed) return false;
  }
  error.set(DomainFault::busy, "the domain keeps being made and removed", place.path);
  return false;
}

void domain_unmap(Segment& segment) {
  if (segment.base() != nullptr) munmap(segment.base(), segment.size());
  new (&segment) Segment{};
}

bool domain_open_readonly(const DomainPlace& place, Segment& view, DomainError& error) {
  Descriptor directory = files::open_directory(place, false, error);
  if (!directory) return false;
  Descriptor file = files::open_file(place, directory.get(), files::segment_name(), O_RDONLY, error);
  Header header;
  if (!file || !read_header(place, file.get(), header, error)) return false;
  void* memory = map_file(place, file.get(), header.size, PROT_READ, error);
  return memory != nullptr && view.view(memory, header.size);
}

bool domain_remove(const DomainPlace& place, const Founder& founder, const Segment* own, uint32_t self,
                   DomainError& error, uint64_t inode) {
  Descriptor directory = files::open_directory(place, false, error);
  if (!directory) return false;
  Descriptor file = files::open_file(place, directory.get(), files::segment_name(), O_RDWR, error);
  if (file) {
    if (!files::lock_file(directory.get(), files::segment_name(), file.get())) {
      error.set(DomainFault::absent, "the domain was removed or made anew just now", place.path);
      return false;
    }
    const files::Unlock unlock(file.get());
    struct stat status;
    if (inode != 0 && (fstat(file.get(), &status) != 0 || status.st_ino != inode)) {
      error.set(DomainFault::absent, "another domain has taken its place", place.path);
      return false;
    }
    Segment view;
    DomainError ignored;
    // What cannot be read any more has nobody living in it that we could know of.
    if (own == nullptr && domain_open_readonly(place, view, ignored)) own = &view;
    const bool busy =
        own != nullptr && boot_of(own->header()) != Boot::another &&
        (somebody_lives(*own, self) || founder.inhabited(*own) || (self == 0 && domain_has_launchd(place)));
    domain_unmap(view);
    if (busy) {
      error.set(DomainFault::busy, "somebody uses the domain", place.path, 0,
                "end its programs first: portolan ps");
      return false;
    }
    // First: from then on another launchd's may be there.
    for (const char* name : {files::kFilesSocket, files::kLaunchdSocket}) unlinkat(directory.get(), name, 0);
    unlinkat(directory.get(), files::segment_name(), 0);
  } else if (error.code != DomainFault::absent) {
    return false;
  }
  unlinkat(directory.get(), files::kLaunchdLock, 0);
  rmdir(place.path);  // stays when it holds anything else
  error = DomainError{};
  return true;
}

}  // namespace portolan
