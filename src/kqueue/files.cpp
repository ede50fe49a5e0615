// SPDX-License-Identifier: Apache-2.0
// inotify says less than Darwin's vnodes post: growth, links and the end of a file are found by comparing
// what fstat says now with what it said last (kqueue 7.5). Hints that Linux has no source for: REVOKE,
// FUNLOCK and those of leases. A directory that is removed while it is open says nothing until it is closed.
#include "kqueue/files.hpp"

#include <errno.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <new>

#include "kqueue/descriptors.hpp"

namespace portolan::kq {

struct FileWatch {
  int wd = -1;
  FileWatch* next = nullptr;
  FdKnote* knotes = nullptr;
  int64_t size = 0;
  uint64_t links = 0;
};

namespace {

constexpr uint32_t kAll = IN_ATTRIB | IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                          IN_MOVE_SELF | IN_DELETE_SELF;

struct Files {
  Source* inotify = nullptr;
  FileWatch* watches = nullptr;
};

Files* files_of(Kqueue& kqueue) { return static_cast<Files*>(kqueue.shared.files); }

// What has become of the file since it was last looked at.
uint32_t compared(FileWatch& watch, uint32_t mask) {
  struct stat status;
  if (fstat(static_cast<int>(watch.knotes->ident), &status) != 0) return 0;
  const bool directory = S_ISDIR(status.st_mode);
  const int64_t size = status.st_size;
  const uint64_t links = status.st_nlink;
  uint32_t hint = 0;
  if ((mask & IN_MODIFY) != 0)
    hint |= size > watch.size ? NOTE_WRITE | NOTE_EXTEND : size < watch.size ? NOTE_ATTRIB : NOTE_WRITE;
  if ((mask & (IN_ATTRIB | IN_DELETE_SELF)) != 0 && !directory) {
    if (links == 0 && watch.links != 0)
      hint |= NOTE_DELETE | NOTE_LINK;
    else if (links != watch.links)
      hint |= NOTE_LINK;
    else
      hint |= NOTE_ATTRIB;
  } else if ((mask & IN_ATTRIB) != 0) {
    hint |= NOTE_ATTRIB;
  }
  watch.size = size;
  watch.links = links;
  return hint;
}

uint32_t hint_of(FileWatch& watch, uint32_t mask) {
  uint32_t hint = 0;
  if ((mask & (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)) != 0) hint |= NOTE_WRITE;
  if ((mask & (IN_CREATE | IN_DELETE)) != 0 && (mask & IN_ISDIR) != 0) hint |= NOTE_LINK;
  if ((mask & IN_MOVE_SELF) != 0) hint |= NOTE_RENAME;
  return hint | compared(watch, mask);
}

void post(Kqueue& kqueue, FileWatch& watch, uint32_t mask) {
  const uint32_t hint = hint_of(watch, mask);
  for (FdKnote* walk = watch.knotes; walk != nullptr; walk = walk->watch_next) {
    if (walk->filter == EVFILT_VNODE) {
      if ((walk->wanted & hint) == 0) continue;
      walk->fflags |= hint;
    }
    kqueue.activate(*walk);
  }
}

void ready(Kqueue& kqueue, Source& source) {
  alignas(inotify_event) char events[4096];
  Files& files = *static_cast<Files*>(source.owner);
  ssize_t length;
  while ((length = read(source.fd, events, sizeof events)) > 0)
    for (ssize_t at = 0; at < length;) {
      const auto& event = *reinterpret_cast<const inotify_event*>(events + at);
      at += static_cast<ssize_t>(sizeof event + event.len);
      // When some were lost everything may have changed.
      const bool lost = (event.mask & IN_Q_OVERFLOW) != 0;
      for (FileWatch* walk = files.watches; walk != nullptr; walk = walk->next)
        if (lost || walk->wd == event.wd) post(kqueue, *walk, lost ? IN_MODIFY | IN_ATTRIB : event.mask);
    }
}

int make_files(Kqueue& kqueue) {
  const int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (fd < 0) return errno;
  auto* files = new (std::nothrow) Files;
  if (files == nullptr) {
    close_quietly(fd);
    return ENOMEM;
  }
  files->inotify = kqueue.watch(fd, EPOLLIN, ready, files);
  if (files->inotify == nullptr) {
    delete files;
    return errno;
  }
  kqueue.shared.files = files;
  return 0;
}

void end_files(Kqueue& kqueue) {
  Files* files = files_of(kqueue);
  kqueue.unwatch(files->inotify);
  kqueue.shared.files = nullptr;
  delete files;
}

FileWatch* watch_of(Files& files, int wd) {
  for (FileWatch* walk = files.watches; walk != nullptr; walk = walk->next)
    if (walk->wd == wd) return walk;
  return nullptr;
}

}  // namespace

int file_watch(Kqueue& kqueue, FdKnote& knote) {
  if (files_of(kqueue) == nullptr)
    if (const int error = make_files(kqueue)) return error;
  Files& files = *files_of(kqueue);
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", static_cast<int>(knote.ident));
  struct stat status;
  const int wd = inotify_add_watch(files.inotify->fd, path, kAll);
  const int error = wd < 0 || fstat(static_cast<int>(knote.ident), &status) != 0 ? errno : 0;
  FileWatch* watch = error == 0 ? watch_of(files, wd) : nullptr;
  if (error == 0 && watch == nullptr && (watch = new (std::nothrow) FileWatch) != nullptr) {
    watch->wd = wd;
    watch->size = status.st_size;
    watch->links = status.st_nlink;
    watch->next = files.watches;
    files.watches = watch;
  }
  if (watch == nullptr) {
    if (wd >= 0) inotify_rm_watch(files.inotify->fd, wd);
    if (files.watches == nullptr) end_files(kqueue);
    return error != 0 ? error : ENOMEM;
  }
  knote.watch = watch;
  knote.watch_next = watch->knotes;
  watch->knotes = &knote;
  return 0;
}

void file_unwatch(Kqueue& kqueue, FdKnote& knote) {
  FileWatch* watch = knote.watch;
  Files& files = *files_of(kqueue);
  FdKnote** link = &watch->knotes;
  while (*link != &knote) link = &(*link)->watch_next;
  *link = knote.watch_next;
  knote.watch = nullptr;
  if (watch->knotes != nullptr) return;
  inotify_rm_watch(files.inotify->fd, watch->wd);
  FileWatch** place = &files.watches;
  while (*place != watch) place = &(*place)->next;
  *place = watch->next;
  delete watch;
  if (files.watches == nullptr) end_files(kqueue);
}

}  // namespace portolan::kq
