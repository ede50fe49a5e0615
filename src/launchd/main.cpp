// SPDX-License-Identifier: Apache-2.0
// portolan-launchd DIRECTORY: a domain's helper (KERNEL.md 13, 15). It sees threads and processes die,
// recovers what they left, ends their tasks, and removes the domain when the last task is gone. It is never
// on the path of a message, owns no right, and is nobody's child; whoever needs one starts it, and the lock
// on launchd.lock decides which of several stays.
//
// It may be killed after any line: all it knows is in the segment, where the next one finds it.
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

#include "launchd/corpses.hpp"
#include "launchd/evict.hpp"
#include "launchd/watch.hpp"
#include "segment/domain_files.hpp"
#include "segment/futex.hpp"
#include "segment/life.hpp"
#include "segment/text.hpp"
#include "traps/founder.hpp"

namespace portolan {

namespace {

constexpr uint64_t kGrace = 200'000'000;  // how long it waits for a first or a next task before it gives up
constexpr uint64_t kBackstop = 1'000'000'000;
constexpr uint64_t kBusy = 10'000'000;

void complain(const DomainError& error) {
  char line[768];
  Text(line) << "portolan-launchd: " << error.message << "\n";
  (void)!write(2, line, strlen(line));
}

char g_segment_path[kPathMax + 32];
Segment g_segment;  // for the watch's threads, too

// Not when somebody has made the domain anew by now: that file is not ours.
void remove_file() {
  const files::Descriptor file(open(g_segment_path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status;
  if (file && files::lock_file(AT_FDCWD, g_segment_path, file.get()) && fstat(file.get(), &status) == 0 &&
      status.st_ino == g_segment.inode)
    unlink(g_segment_path);
}

// The segment's memory is gone, or damaged: so is the domain. Whoever comes next makes another.
void domain_lost(int) {
  for (const int signal : {SIGBUS, SIGSEGV}) ::signal(signal, SIG_DFL);
  remove_file();
  declare_lost(g_segment);
  _exit(1);
}
void domain_broken(const char* what) {
  char line[256];
  Text(line) << "portolan-launchd: the domain is lost: " << what << "\n";
  (void)!write(2, line, strlen(line));
  domain_lost(0);
}

// `lock`: on launchd.lock.
int serve(const DomainPlace& place, files::Descriptor lock) {
  Segment& segment = g_segment;
  Thread self;
  LifeLink life;
  DomainError error;
  if (!domain_enter(place, DomainEntry::join, kFounder, segment, self, error)) {
    complain(error);
    return 1;
  }
  Text(g_segment_path) << place.path << "/" << files::segment_name();
  for (const int signal : {SIGBUS, SIGSEGV}) ::signal(signal, domain_lost);
  kernel_lost = domain_broken;
  life_enter(life, segment.life(self.index()));
  segment.header().launchd.store(self.index(), std::memory_order_release);

  Watch watch(segment);
  start_evicting(segment);
  Reaper reaper;
  reaper.inode = inode_mapped_at(segment.base());
  corpses_directory(place);
  uint64_t alone_since = 0;
  for (;;) {
    if (segment.header().lost.load() != 0) domain_lost(0);
    // Who joins from now on does so elsewhere, and needs another launchd.
    if (lock && !domain_is_at(place, segment)) lock.reset();
    reaper.corpse = (segment.header().flags.load() & kDomainCorpse) != 0 ? corpse_hook : nullptr;
    const uint32_t seen = watch.deaths_seen();
    const Reaper::Census census = reaper.round(self);
    const bool empty = census.tasks + census.embryos + census.dying + census.ended == 0;
    if (!empty) alone_since = 0;
    if (empty && alone_since == 0) alone_since = monotonic_ns();
    // Gone already, when somebody else cleared it away: then there is nothing to serve either.
    if (empty && monotonic_ns() - alone_since >= kGrace &&
        (domain_remove(place, kFounder, &segment, self.index(), error, segment.inode) ||
         error.code == DomainFault::absent))
      return 0;
    // What was ended now, or cannot go on yet, is looked at again soon.
    const uint64_t patience = census.ended + census.dying != 0 || self.slot().work_head != 0 ? kBusy
                              : empty                                                        ? kGrace / 4
                                                                                             : kBackstop;
    watch.wait(seen, patience);
  }
}

}  // namespace

}  // namespace portolan

int main(int argc, char** argv) {
  using namespace portolan;
  if (argc != 2 || strchr(argv[1], '/') == nullptr) {
    static constexpr char kUsage[] = "usage: portolan-launchd DIRECTORY (started by Portolan itself)\n";
    (void)!write(2, kUsage, sizeof kUsage - 1);
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_NAME, "portolan-launchd");
  DomainPlace place;
  DomainError error;
  if (!domain_place(argv[1], place, error)) {
    complain(error);
    return 1;
  }
  place.is_private = !parent_is_ours(place);
  files::Descriptor lock(domain_lock_launchd(place));  // kept open, and so held, for life
  if (!lock) return 0;                                 // another one serves
  return serve(place, std::move(lock));
}
