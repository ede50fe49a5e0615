// SPDX-License-Identifier: Apache-2.0
// portolan-launchd [--make | --foreground] DIRECTORY: a domain's helper. It sees threads and processes die,
// recovers what they left, ends their tasks, runs the domain's jobs (manager.hpp), and removes the domain
// when the last task is gone and no job is loaded. It is never on the path of a message, owns no right, and
// is nobody's child; whoever needs one starts it, and the lock on launchd.lock decides which of several
// stays.
// --make makes the domain if there is none; --foreground, for a supervisor, does so too, takes over from
// another launchd, and stays while the domain is empty.
//
// It may be killed after any line: all it knows is in the segment, where the next one finds it, but for the
// files of file ports (file_keeper.hpp).
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "launchd/ask.hpp"
#include "launchd/corpses.hpp"
#include "launchd/evict.hpp"
#include "launchd/file_keeper.hpp"
#include "launchd/manager.hpp"
#include "launchd/notify.hpp"
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

struct Manner {
  bool makes = false;       // the domain, if there is none
  bool foreground = false;  // for a supervisor
};

// SIGTERM and SIGINT, of the supervisor's, as a descriptor. To be called before there are threads.
int termination() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

launchd::Variables inherited_variables() {
  launchd::Variables variables;
  for (char** entry = environ; *entry != nullptr; entry++) {
    const std::string text = *entry;
    const size_t equals = text.find('=');
    if (equals == std::string::npos) continue;
    // What the supervisor tells this process is not for its jobs, nor which poll the task has that started
    // it.
    const std::string name = text.substr(0, equals);
    if (name == "NOTIFY_SOCKET" || name == "INVOCATION_ID" || name == "JOURNAL_STREAM" || name == "MAINPID" ||
        name.rfind("PORTOLAN_DARWIN_POLL", 0) == 0 || name.rfind("LISTEN_", 0) == 0 ||
        name.rfind("WATCHDOG_", 0) == 0)
      continue;
    variables.emplace_back(name, text.substr(equals + 1));
  }
  return variables;
}

// A loss of memory, or a defect: said, and the round is over. What it was about is looked at again in the
// next.
template <class Work>
void guarded(launchd::Manager& manager, Work&& work) {
  try {
    work();
  } catch (const std::exception& problem) {
    try {
      manager.log().say(launchd::Level::error, "launchd", problem.what());
    } catch (const std::exception&) {  // no memory for that either
    }
  }
}

class Server {
 public:
  Server(const DomainPlace& place, const Manner& manner, files::Descriptor lock, Thread& self)
      : place_(place),
        manner_(manner),
        lock_(std::move(lock)),
        self_(self),
        manager_(g_segment, place),
        files_(g_segment, place.path),
        watch_(g_segment) {
    start_evicting(g_segment);
    reaper_.inode = inode_mapped_at(g_segment.base());
    corpses_directory(place);
    if (manner.foreground) {
      manager_.log().also_to_stderr(true);
      manager_.inherit(inherited_variables());
    }
  }

  int serve(int termination) {
    guarded(manager_, [&] { manager_.begin(self_); });
    guarded(manager_, [&] {
      if (!files_.begin(self_))
        manager_.log().say(launchd::Level::error, "launchd",
                           std::string("no socket for file ports: ") + strerror(errno));
    });
    if (manner_.foreground) launchd::notify_supervisor("READY=1");
    std::vector<pollfd> fds;
    for (;;) {
      if (g_segment.header().lost.load() != 0) {
        manager_.abandon();
        domain_lost(0);
      }
      if (lock_ && !domain_is_at(place_, g_segment)) let_go();
      const uint32_t seen = watch_.deaths_seen();
      const uint64_t patience = round();
      if (over_) return 0;
      guarded(manager_, [&] {
        fds.clear();
        if (termination >= 0) fds.push_back({termination, POLLIN, 0});
        manager_.descriptors(fds);
        files_.descriptors(fds);
        watch_.wait(seen, patience, fds);
        if (termination >= 0 && fds[0].revents != 0) stop_all(termination);
        manager_.attend(self_, fds);
        files_.attend(self_, fds);
      });
    }
  }

 private:
  // First the dead, then the jobs. How long there is nothing to do.
  uint64_t round() {
    reaper_.corpse = (g_segment.header().flags.load() & kDomainCorpse) != 0 ? corpse_hook : nullptr;
    const Reaper::Census census = reaper_.round(self_);
    uint64_t due = 0;
    guarded(manager_, [&] { due = manager_.work(self_); });
    guarded(manager_, [&] { files_.sweep(self_); });
    const bool empty = census.tasks + census.embryos + census.dying + census.ended == 0;
    leave_if_alone(empty);
    // What was ended now, or cannot go on yet, is looked at again soon.
    const bool soon = census.ended + census.dying != 0 || self_.slot().work_head != 0;
    uint64_t patience = soon ? kBusy : empty && !manager_.in_use() ? kGrace / 4 : kBackstop;
    const uint64_t now = monotonic_ns();
    if (due != 0) patience = std::min(patience, due > now ? due - now : 0);
    return patience;
  }

  // Somebody has removed the domain, or made another in its place: who joins from now on does so elsewhere,
  // and needs another launchd. The jobs of this one end; what is written of them is that launchd's.
  void let_go() {
    manager_.shut_down();
    manager_.hang_up();
    files_.hang_up();
    lock_.reset();
    terminated_ = manner_.foreground;  // the supervisor starts another
  }

  // Gone already, when somebody else cleared it away: then there is nothing to serve either.
  void leave_if_alone(bool empty) {
    if (manager_.stands_down()) over_ = true;
    const bool stays = manager_.in_use() || (manner_.foreground && !terminated_);
    if (!empty || stays) alone_since_ = 0;
    if (terminated_ && manager_.stopped()) over_ = true;
    if (!empty || stays) return;
    if (alone_since_ == 0) alone_since_ = monotonic_ns();
    if (monotonic_ns() - alone_since_ < kGrace && !over_) return;
    if (!manager_.close()) return;
    DomainError error;
    if (domain_remove(place_, kFounder, &g_segment, self_.index(), error, g_segment.inode) ||
        error.code == DomainFault::absent)
      over_ = true;
    else if (!over_)
      manager_.reopen();
  }

  void stop_all(int termination) {
    signalfd_siginfo signal;
    while (read(termination, &signal, sizeof signal) > 0) {
    }
    terminated_ = true;
    launchd::notify_supervisor("STOPPING=1");
    manager_.shut_down();
  }

  const DomainPlace& place_;
  const Manner& manner_;
  files::Descriptor lock_;  // on launchd.lock
  Thread& self_;
  launchd::Manager manager_;
  launchd::FileKeeper files_;
  Watch watch_;
  Reaper reaper_;
  uint64_t alone_since_ = 0;
  bool terminated_ = false;  // by the supervisor
  bool over_ = false;
};

int serve(const DomainPlace& place, const Manner& manner, files::Descriptor lock) {
  const int stop = manner.foreground ? termination() : -1;
  Thread self;
  LifeLink life;
  DomainError error;
  const DomainEntry entry = manner.makes ? DomainEntry::join_or_make : DomainEntry::join;
  if (!domain_enter(place, entry, kFounder, g_segment, self, error)) {
    complain(error);
    return 1;
  }
  Text(g_segment_path) << place.path << "/" << files::segment_name();
  for (const int signal : {SIGBUS, SIGSEGV}) ::signal(signal, domain_lost);
  kernel_lost = domain_broken;
  life_enter(life, g_segment.life(self.index()));
  g_segment.header().launchd.store(self.index(), std::memory_order_release);
  try {
    return Server(place, manner, std::move(lock), self).serve(stop);
  } catch (const std::exception& problem) {
    char line[256];
    Text(line) << "portolan-launchd: " << problem.what() << "\n";
    (void)!write(2, line, strlen(line));
    return 1;
  }
}

// The lock; `takes_over`: of a launchd that is there already, too.
files::Descriptor lock_of(const DomainPlace& place, bool takes_over) {
  constexpr int kTries = 100;
  for (int i = 0;; i++) {
    files::Descriptor lock(domain_lock_launchd(place));
    if (lock || !takes_over || i == kTries) return lock;
    launchd::Connection other;
    launchd::Value answer;
    if (other.open(place.path)) other.ask(launchd::Value::dictionary().set("Verb", "stand-down"), answer);
    const timespec pause{0, 50'000'000};
    nanosleep(&pause, nullptr);
  }
}

}  // namespace

}  // namespace portolan

int main(int argc, char** argv) {
  using namespace portolan;
  Manner manner;
  const bool foreground = argc == 3 && strcmp(argv[1], "--foreground") == 0;
  const bool makes = argc == 3 && strcmp(argv[1], "--make") == 0;
  manner.foreground = foreground;
  manner.makes = makes || foreground;
  const char* directory = argc == 2 || manner.makes ? argv[argc - 1] : nullptr;
  if (directory == nullptr || strchr(directory, '/') == nullptr) {
    static constexpr char kUsage[] =
        "usage: portolan-launchd [--make | --foreground] DIRECTORY (started by Portolan itself)\n";
    (void)!write(2, kUsage, sizeof kUsage - 1);
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  signal(SIGCHLD, SIG_DFL);  // or nobody would tell us how children end
  prctl(PR_SET_NAME, "portolan-launchd");
  DomainPlace place;
  DomainError error;
  if (!domain_place(directory, place, error)) {
    complain(error);
    return 1;
  }
  place.is_private = !parent_is_ours(place);
  if (manner.makes && !files::open_directory(place, true, error)) {
    complain(error);
    return 1;
  }
  files::Descriptor lock = lock_of(place, foreground);  // kept open, and so held, for life
  if (!lock) {
    if (!foreground) return 0;  // another one serves
    static constexpr char kOther[] =
        "portolan-launchd: another launchd serves this domain and does not give way\n";
    (void)!write(2, kOther, sizeof kOther - 1);
    return 1;
  }
  return serve(place, manner, std::move(lock));
}
