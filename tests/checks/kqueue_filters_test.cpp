// SPDX-License-Identifier: Apache-2.0
// Kqueue checks 58 to 71, and 100: files, processes, signals, timers, and events of one's own.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <atomic>
#include <chrono>

#include "checks/kqueue_words.hpp"

namespace checks {
namespace {

uint64_t id(int fd) { return static_cast<uint64_t>(fd); }

int new_file(const std::string& name) {
  const int fd = open(scratch(name).c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
  EXPECT_GE(fd, 0) << errno;
  return fd;
}

pid_t child_that_exits(int code, const Pair& gate) {
  const pid_t child = fork();
  if (child == 0) {
    char byte;
    const ssize_t told = read(gate[0], &byte, 1);
    _exit(told == 1 ? code : 99);
  }
  return child;
}

CHECK(Kqueue, K058_UnlinkTellsTheWholeHint) {
  const int kq = new_queue(), fd = new_file("a");
  EXPECT_EQ(0, apply(kq, id(fd), EVFILT_VNODE, EV_ADD, NOTE_DELETE));
  EXPECT_TRUE(silent(kq));
  unlink(scratch("a").c_str());
  for (int i = 0; i < 2; i++) EXPECT_EQ(uint32_t{NOTE_DELETE | NOTE_LINK}, only_event(kq).fflags);
}

CHECK(Kqueue, K059_WrittenGrownAndCut) {
  const int kq = new_queue(), fd = new_file("a");
  EXPECT_EQ(0, apply(kq, id(fd), EVFILT_VNODE, EV_ADD | EV_CLEAR, NOTE_WRITE | NOTE_EXTEND | NOTE_ATTRIB));
  put(fd, "0123456789");
  EXPECT_EQ(uint32_t{NOTE_WRITE | NOTE_EXTEND}, only_event(kq).fflags);
  EXPECT_EQ(1, pwrite(fd, "x", 1, 0));
  EXPECT_EQ(uint32_t{NOTE_WRITE}, only_event(kq).fflags);
  EXPECT_EQ(0, ftruncate(fd, 3));
  EXPECT_EQ(uint32_t{NOTE_ATTRIB}, only_event(kq).fflags);
  unlink(scratch("a").c_str());
}

CHECK(Kqueue, K060_RenamedOverAnother) {
  const int kq = new_queue();
  const std::string directory = scratch("d"), from = directory + "/from", to = directory + "/to";
  EXPECT_EQ(0, mkdir(directory.c_str(), 0700));
  const int moved = open(from.c_str(), O_RDWR | O_CREAT, 0600),
            replaced = open(to.c_str(), O_RDWR | O_CREAT, 0600);
  const int d = open(directory.c_str(), O_RDONLY);
  for (const int fd : {moved, replaced, d})
    EXPECT_EQ(0, apply(kq, id(fd), EVFILT_VNODE, EV_ADD | EV_CLEAR, NOTE_DELETE | NOTE_RENAME | NOTE_WRITE));
  EXPECT_EQ(0, rename(from.c_str(), to.c_str()));
  const std::vector<Event> list = events(kq, kPatience);
  ASSERT_EQ(3u, list.size());
  for (const Event& event : list) {
    const uint32_t wanted = event.ident == id(moved) ? NOTE_RENAME
                            : event.ident == id(d)   ? NOTE_WRITE
                                                     : NOTE_DELETE;
    EXPECT_NE(0u, event.fflags & wanted) << event.ident;
  }
  unlink(to.c_str());
  rmdir(directory.c_str());
}

CHECK(Kqueue, K061_AChildExits) {
  const int kq = new_queue();
  const Pair gate = new_pipe();
  const pid_t child = child_that_exits(7, gate);
  EXPECT_EQ(0, apply(kq, id(child), EVFILT_PROC, EV_ADD, NOTE_EXIT | NOTE_EXITSTATUS));
  EXPECT_TRUE(silent(kq));
  put(gate[1], "x");
  const Event event = only_event(kq);
  EXPECT_EQ(uint32_t{NOTE_EXIT | NOTE_EXITSTATUS}, event.fflags);
  EXPECT_EQ(0x0700, event.data);
  EXPECT_EQ(EV_EOF | EV_ONESHOT, event.flags & (EV_EOF | EV_ONESHOT));
  EXPECT_EQ(ENOENT, apply(kq, id(child), EVFILT_PROC, EV_DELETE));
  int status = 0;
  EXPECT_EQ(child, waitpid(child, &status, 0));
  EXPECT_EQ(0x0700, status);
}

CHECK(Kqueue, K062_NoSuchProcess) {
  const int kq = new_queue();
  const Pair gate = new_pipe();
  const pid_t zombie = child_that_exits(0, gate);
  put(gate[1], "x");
  siginfo_t info;
  EXPECT_EQ(0, waitid(P_PID, static_cast<id_t>(zombie), &info, WEXITED | WNOWAIT));
  EXPECT_EQ(ESRCH, apply(kq, id(zombie), EVFILT_PROC, EV_ADD, NOTE_EXIT));
  waitpid(zombie, nullptr, 0);
  EXPECT_EQ(ESRCH, apply(kq, id(zombie), EVFILT_PROC, EV_ADD, NOTE_EXIT));
  EXPECT_EQ(ENOTSUP, apply(kq, id(getpid()), EVFILT_PROC, EV_ADD, NOTE_EXIT | NOTE_TRACK));
}

CHECK(Kqueue, K063_AFork) {
  const int kq = new_queue();
  EXPECT_EQ(0, apply(kq, id(getpid()), EVFILT_PROC, EV_ADD, NOTE_FORK));
  for (int i = 0; i < 2; i++) {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    waitpid(child, nullptr, 0);
    const Event event = only_event(kq);
    EXPECT_EQ(uint32_t{NOTE_FORK}, event.fflags);
    EXPECT_EQ(0, event.data);
    EXPECT_EQ(0, event.flags & EV_ONESHOT);
  }
}

std::atomic<int> g_handled;

CHECK(Kqueue, K064_SignalsAreCounted) {
  const int kq = new_queue();
  signal(SIGUSR1, SIG_IGN);
  EXPECT_EQ(0, apply(kq, SIGUSR1, EVFILT_SIGNAL, EV_ADD));
  for (int i = 0; i < 5; i++) kill(getpid(), SIGUSR1);
  EXPECT_EQ(5, only_event(kq).data);
  EXPECT_TRUE(silent(kq));
  signal(SIGUSR1, [](int) { g_handled++; });
  for (int i = 0; i < 5; i++) kill(getpid(), SIGUSR1);
  EXPECT_EQ(5, only_event(kq).data);
  EXPECT_EQ(5, g_handled);
  pthread_kill(pthread_self(), SIGUSR1);
  EXPECT_EQ(6, g_handled);
  EXPECT_TRUE(silent(kq));
  signal(SIGUSR1, SIG_IGN);
  EXPECT_EQ(0, apply(kq, SIGUSR1, EVFILT_SIGNAL, EV_DELETE));
  struct sigaction left;
  EXPECT_EQ(0, sigaction(SIGUSR1, nullptr, &left));
  EXPECT_EQ(SIG_IGN, left.sa_handler);
}

// However late it is looked at: the periods that are told add up to those that went by.
CHECK(Kqueue, K065_PeriodsAreCounted) {
  const int kq = new_queue();
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(0, apply(kq, 1, EVFILT_TIMER, EV_ADD, 0, 10));
  usleep(35'000);
  int64_t told = only_event(kq).data;
  EXPECT_GE(told, 3);
  told += only_event(kq).data;
  const auto passed = std::chrono::steady_clock::now() - start;
  EXPECT_GE(told, 4);
  EXPECT_LE(told, passed / std::chrono::milliseconds(10));
}

CHECK(Kqueue, K066_TimersThatCannotWait) {
  const int kq = new_queue();
  for (const int64_t data : {0, -5}) {
    EXPECT_EQ(0, apply(kq, 1, EVFILT_TIMER, EV_ADD, 0, data));
    EXPECT_EQ(1, only_event(kq, 0).data);
    EXPECT_TRUE(silent(kq));
  }
  EXPECT_EQ(EINVAL, apply(kq, 2, EVFILT_TIMER, EV_ADD, NOTE_SECONDS | NOTE_USECONDS, 1));
  EXPECT_EQ(ERANGE, apply(kq, 2, EVFILT_TIMER, EV_ADD, NOTE_SECONDS, INT64_MAX));
}

CHECK(Kqueue, K067_AMomentInThePast) {
  const int kq = new_queue();
  EXPECT_EQ(0, apply(kq, 1, EVFILT_TIMER, EV_ADD, NOTE_ABSOLUTE | NOTE_SECONDS, 1));
  EXPECT_EQ(1, only_event(kq, 0).data);
  EXPECT_EQ(ENOENT, apply(kq, 1, EVFILT_TIMER, EV_DELETE));
  EXPECT_EQ(0, apply(kq, 1, EVFILT_TIMER, EV_ADD, NOTE_SECONDS, 1000));
  EXPECT_EQ(EINVAL, apply(kq, 1, EVFILT_TIMER, EV_ADD, NOTE_ABSOLUTE | NOTE_SECONDS, 1));
}

CHECK(Kqueue, K068_AddedAgainItStartsAnew) {
  const int kq = new_queue();
  EXPECT_EQ(0, apply(kq, 1, EVFILT_TIMER, EV_ADD, 0, 1));
  usleep(5'000);
  EXPECT_EQ(0, apply(kq, 1, EVFILT_TIMER, EV_ADD, NOTE_SECONDS, 1000));
  EXPECT_TRUE(silent(kq));
}

CHECK(Kqueue, K069_TimersTellNoFflags) {
  const int kq = new_queue();
  EXPECT_EQ(0, apply(kq, 1, EVFILT_TIMER, EV_ADD, NOTE_USECONDS | NOTE_CRITICAL, 1));
  EXPECT_EQ(0u, only_event(kq).fflags);
}

CHECK(Kqueue, K070_UserBits) {
  const int kq = new_queue();
  EXPECT_EQ(0, apply(kq, 1, EVFILT_USER, EV_ADD));
  EXPECT_EQ(0, apply(kq, 1, EVFILT_USER, 0, NOTE_FFOR | 0x3));
  EXPECT_EQ(0, apply(kq, 1, EVFILT_USER, 0, NOTE_FFAND | 0x1));
  EXPECT_EQ(0, apply(kq, 1, EVFILT_USER, 0, NOTE_TRIGGER));
  for (int i = 0; i < 2; i++) EXPECT_EQ(0x1u, only_event(kq).fflags);
  EXPECT_EQ(0, apply(kq, 1, EVFILT_USER, 0, NOTE_FFCOPY | 0x8));
  EXPECT_EQ(0x8u, only_event(kq).fflags);
  EXPECT_EQ(0, apply(kq, 1, EVFILT_USER, EV_DELETE));
  EXPECT_EQ(0, apply(kq, 1, EVFILT_USER, EV_ADD | EV_CLEAR, NOTE_TRIGGER));
  only_event(kq);
  EXPECT_TRUE(silent(kq));
}

CHECK(Kqueue, K071_TriggersAreRemembered) {
  const int kq = new_queue();
  EXPECT_EQ(ENOENT, apply(kq, 1, EVFILT_USER, 0, NOTE_TRIGGER));
  EXPECT_EQ(0, apply(kq, 1, EVFILT_USER, EV_ADD | EV_DISABLE | EV_CLEAR));
  EXPECT_EQ(0, apply(kq, 1, EVFILT_USER, 0, NOTE_TRIGGER));
  EXPECT_TRUE(silent(kq));
  EXPECT_EQ(0, apply(kq, 1, EVFILT_USER, EV_ENABLE));
  only_event(kq);
  EXPECT_EQ(0, apply(kq, 2, EVFILT_USER, EV_ADD | EV_CLEAR, NOTE_TRIGGER));
  EXPECT_EQ(2u, only_event(kq).ident);
}

CHECK(Kqueue, K100_TheHangUpIsSeen) {
  const int kq = new_queue();
  const Pair client = new_sockets(), quit = new_pipe();
  const Event changes[2] = {change(id(client[0]), EVFILT_READ, EV_ADD | EV_ENABLE | EV_CLEAR),
                            change(id(quit[0]), EVFILT_READ, EV_ADD | EV_ENABLE | EV_CLEAR)};
  EXPECT_EQ(0, kevent(kq, changes, 2, nullptr, 0, nullptr));
  put(client[1], "x");
  EXPECT_EQ(0, only_event(kq).flags & EV_EOF);
  EXPECT_TRUE(silent(kq));
  close(client[1]);
  EXPECT_NE(0, only_event(kq).flags & EV_EOF);
  EXPECT_TRUE(silent(kq));
}

}  // namespace
}  // namespace checks
