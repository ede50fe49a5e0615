// SPDX-License-Identifier: Apache-2.0
// Kqueue checks 81 to 99 and 101: Darwin's poll and select. (100 is the same scenario with a kernel queue.)
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <atomic>
#include <fstream>

#include "checks/darwin_poll_words.hpp"

namespace checks {
namespace {

constexpr portolan_poll_profile_t kDarwin = PORTOLAN_POLL_DARWIN, kOld = PORTOLAN_POLL_DARWIN_OLD,
                                  kHost = PORTOLAN_POLL_HOST;

int closed_number() {
  const int fd = dup(0);
  close(fd);
  return fd;
}

CHECK(Kqueue, K081_NothingAskedNothingTold) {
  const Pair sockets = new_sockets();
  close(sockets[1]);
  EXPECT_EQ(0, told(sockets[0], 0, kShort));
  EXPECT_EQ(0, told(sockets[0], POLLERR | POLLNVAL, kShort));
  EXPECT_EQ(0, told(closed_number(), 0, kShort));
  EXPECT_EQ(POLLHUP, told(sockets[0], 0, kShort, kHost));
}

CHECK(Kqueue, K082_AClosedNumberIsTold) {
  const Pair pipe = new_pipe(), silent = new_pipe();
  put(pipe[1], "x");
  Entries entries = {entry(closed_number(), POLLIN)};
  EXPECT_EQ(1, poll_whole(entries, -1));
  EXPECT_EQ(POLLNVAL, entries[0].revents);
  entries = {entry(silent[0], POLLIN), entry(closed_number(), POLLIN), entry(pipe[0], POLLIN)};
  EXPECT_EQ(2, poll_whole(entries, -1));
  EXPECT_EQ(0, entries[0].revents);
  EXPECT_EQ(POLLNVAL, entries[1].revents);
  EXPECT_EQ(POLLIN, entries[2].revents);
}

CHECK(Kqueue, K083_OnlyTheLastEntryOfADescriptor) {
  const Pair pipe = new_pipe();
  put(pipe[1], "x");
  Entries entries = {entry(pipe[0], POLLIN), entry(pipe[0], POLLIN)};
  EXPECT_EQ(1, poll_whole(entries, kPatience));
  EXPECT_EQ(0, entries[0].revents);
  EXPECT_EQ(POLLIN, entries[1].revents);
  const int copy = dup(pipe[0]);
  entries = {entry(pipe[0], POLLIN), entry(copy, POLLIN)};
  EXPECT_EQ(2, poll_whole(entries, kPatience));
}

CHECK(Kqueue, K084_AHalfClosedPeer) {
  for (const Pair& pair : {new_sockets(), new_connection()}) {
    EXPECT_EQ(0, shutdown(pair[1], SHUT_WR));
    EXPECT_EQ(POLLIN | POLLHUP, told(pair[0], POLLIN | POLLOUT, kPatience));
    EXPECT_EQ(POLLOUT, told(pair[0], POLLOUT, kPatience));
    EXPECT_EQ(POLLHUP, told(pair[0], POLLHUP, kPatience));
    // One's own end of sending is a hang-up for who asks to send.
    EXPECT_EQ(POLLHUP, told(pair[1], POLLOUT, kPatience));
  }
}

CHECK(Kqueue, K085_APipeWithoutAReader) {
  const Pair pipe = new_pipe();
  EXPECT_EQ(0, told(pipe[1], POLLIN | POLLHUP, kShort));
  EXPECT_EQ(POLLOUT, told(pipe[1], POLLOUT));
  close(pipe[0]);
  EXPECT_EQ(POLLHUP, told(pipe[1], POLLOUT, kPatience));
  EXPECT_EQ(POLLHUP, told(pipe[1], POLLHUP, kPatience));
  EXPECT_EQ(POLLHUP | POLLIN, told(pipe[1], POLLIN | POLLOUT, kPatience));
}

CHECK(Kqueue, K086_AWriteUsesUpTheHangUp) {
  const Pair sockets = new_sockets(), wake = new_pipe();
  Polling poll({entry(sockets[0], POLLHUP), entry(wake[0], POLLIN)}, 1000);
  put(sockets[1], "x");
  wait_until_spent(sockets[0]);
  close(sockets[1]);
  poll.expect_silence();
  EXPECT_EQ(POLLHUP, told(sockets[0], POLLHUP, kPatience));
}

// The poller is a process that is stopped: it is sure not to look in between.
CHECK(Kqueue, K087_DrainedBeforeItLooks) {
  const Pair sockets = new_sockets(), wake = new_pipe();
  const pid_t child = fork();
  if (child == 0) {
    close(sockets[1]);
    struct pollfd entries[2] = {entry(sockets[0], POLLHUP), entry(wake[0], POLLIN)};
    const int result = portolan_darwin_poll(entries, 2, kPatience, kDarwin);
    _exit(result == 1 && entries[0].revents == POLLHUP && entries[1].revents == 0 ? 0 : 1);
  }
  eventually([child] {
    std::ifstream file("/proc/" + std::to_string(child) + "/wchan");
    std::string word;
    file >> word;
    return word.find("poll") != std::string::npos;
  });
  int status = 0;
  kill(child, SIGSTOP);
  ASSERT_EQ(child, waitpid(child, &status, WUNTRACED));
  put(sockets[1], "x");
  take(sockets[0], 1);
  kill(child, SIGCONT);
  close(sockets[1]);
  ASSERT_EQ(child, waitpid(child, &status, 0));
  EXPECT_EQ(0, status);
}

CHECK(Kqueue, K088_ASingleEntrySleepsToo) {
  Pair sockets = new_sockets();
  {
    Polling poll({entry(sockets[0], POLLHUP)}, 1000);
    put(sockets[1], "x");
    wait_until_spent(sockets[0]);
    close(sockets[1]);
    poll.expect_silence();
  }
  sockets = new_sockets();
  const Pair wake = new_pipe();
  for (const Entries& entries :
       {Entries{entry(sockets[0], POLLHUP)}, Entries{entry(sockets[0], POLLHUP), entry(wake[0], POLLIN)}}) {
    Polling poll(entries, -1, kOld);
    put(sockets[1], "x");
    EXPECT_EQ(0, poll.result());
    EXPECT_EQ(0, poll.revents(0));
    take(sockets[0], 1);
  }
}

CHECK(Kqueue, K089_AskedForInputNothingIsLost) {
  const Pair sockets = new_sockets();
  Polling poll({entry(sockets[0], POLLIN | POLLHUP)}, kPatience);
  put(sockets[1], "x");
  EXPECT_EQ(1, poll.result());
  EXPECT_EQ(POLLIN, poll.revents(0));
  close(sockets[1]);
  EXPECT_EQ(POLLIN | POLLHUP, told(sockets[0], POLLIN | POLLHUP, kPatience));
}

CHECK(Kqueue, K090_UrgentData) {
  const Pair tcp = new_connection();
  EXPECT_EQ(1, send(tcp[1], "!", 1, MSG_OOB));
  EXPECT_EQ(0, told(tcp[0], POLLPRI, kShort));
  EXPECT_EQ(POLLPRI, told(tcp[0], POLLPRI, kPatience, kHost));
  close(tcp[1]);
  EXPECT_EQ(POLLPRI | POLLHUP, told(tcp[0], POLLPRI, kPatience));
  const Pair pipe = new_pipe();
  put(pipe[1], "x");
  EXPECT_EQ(POLLPRI, told(pipe[0], POLLPRI, kPatience));
}

CHECK(Kqueue, K091_HowMany) {
  Entries many(10241, entry(-1, POLLIN));
  EXPECT_EQ(-1, portolan_darwin_poll(many.data(), 10241, 0, kDarwin));
  EXPECT_EQ(EINVAL, errno);
  struct rlimit limit {};
  ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
  limit.rlim_cur = 200;
  ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
  const bool root = geteuid() == 0;
  EXPECT_EQ(0, portolan_darwin_poll(many.data(), 200, 0, kDarwin));
  EXPECT_EQ(root ? 0 : -1, portolan_darwin_poll(many.data(), 201, 0, kDarwin));
  EXPECT_EQ(-1, portolan_darwin_poll(many.data(), 1025, 0, kDarwin));
  EXPECT_EQ(EINVAL, errno);
  EXPECT_EQ(-1, portolan_darwin_poll(many.data(), 1, -2, kOld));
  EXPECT_EQ(EINVAL, errno);
  const Pair pipe = new_pipe();
  put(pipe[1], "x");
  EXPECT_EQ(POLLIN, told(pipe[0], POLLIN, -2));
}

CHECK(Kqueue, K092_WithoutEntriesItSleeps) {
  const double begun = user::now_ms();
  EXPECT_EQ(0, portolan_darwin_poll(nullptr, 0, 50, kDarwin));
  EXPECT_GE(user::now_ms() - begun, 50);
}

std::atomic<int> g_handled{0};

CHECK(Kqueue, K093_ASignalLeavesTheEntriesAlone) {
  struct sigaction action {};
  action.sa_handler = [](int) { g_handled++; };
  action.sa_flags = SA_RESTART;
  ASSERT_EQ(0, sigaction(SIGUSR1, &action, nullptr));
  const Pair pipe = new_pipe();
  Entries entries = {entry(pipe[0], POLLIN), entry(closed_number(), 0), entry(-1, POLLIN)};
  for (struct pollfd& one : entries) one.revents = 0x5a;
  std::atomic<bool> over{false};
  const pthread_t self = pthread_self();
  std::thread sender([&] {
    while (!over) {
      pthread_kill(self, SIGUSR1);
      usleep(10'000);
    }
  });
  const int result = portolan_darwin_poll(entries.data(), entries.size(), kPatience, kDarwin);
  const int code = errno;
  over = true;
  sender.join();
  EXPECT_EQ(-1, result);
  EXPECT_EQ(EINTR, code);
  EXPECT_GT(g_handled, 0);
  for (const struct pollfd& one : entries) EXPECT_EQ(0x5a, one.revents);
}

CHECK(Kqueue, K094_FilesAndDirectories) {
  const int directory = open("/tmp", O_RDONLY | O_DIRECTORY);
  EXPECT_EQ(POLLNVAL, told(directory, POLLIN, kPatience));
  const std::string name = scratch("file");
  const int file = open(name.c_str(), O_RDWR | O_CREAT, 0600);
  EXPECT_EQ(POLLIN | POLLOUT, told(file, POLLIN | POLLOUT, kPatience));
  // Asked for its hang-up it fires at once, and has nothing to tell.
  EXPECT_EQ(0, told(file, POLLHUP, kShort));
  EXPECT_EQ(0, portolan_darwin_poll(Entries{entry(file, POLLHUP)}.data(), 1, -1, kOld));
  unlink(name.c_str());
  const int kq = new_queue();
  EXPECT_EQ(POLLNVAL, told(kq, POLLOUT, kPatience));
}

CHECK(Kqueue, K095_ClosingWakesNobody) {
  const Pair sockets = new_sockets();
  const int copy = dup(sockets[0]);
  Polling poll({entry(sockets[0], POLLIN)}, 1000);
  close(sockets[0]);
  put(sockets[1], "x");  // which the copy would tell
  poll.expect_silence();
  EXPECT_EQ(POLLIN, told(copy, POLLIN, kPatience));
}

CHECK(Kqueue, K096_ErrorsAreNotTold) {
  const Pair pipe = new_pipe(), sockets = new_sockets();
  close(pipe[0]);
  put(sockets[0], "unread");
  close(sockets[1]);
  for (const int fd : {pipe[1], sockets[0]})
    for (const int events : {POLLIN, POLLOUT, POLLHUP, POLLERR | POLLIN | POLLOUT | POLLHUP | POLLPRI})
      EXPECT_EQ(0, told(fd, events, kPatience) & POLLERR);
  // A refused connection.
  const Pair tcp = new_connection();
  struct sockaddr_in address {};
  socklen_t length = sizeof address;
  ASSERT_EQ(0, getpeername(tcp[1], reinterpret_cast<struct sockaddr*>(&address), &length));
  const int refused = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  connect(refused, reinterpret_cast<struct sockaddr*>(&address), length);
  EXPECT_EQ(POLLHUP | POLLIN, told(refused, POLLIN | POLLOUT, kPatience));
  // Never connected: nothing, until it is.
  const int fresh = socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_EQ(0, told(fresh, POLLIN | POLLOUT | POLLHUP, kShort));
}

CHECK(Kqueue, K097_AFifoThatItsWriterLeft) {
  const std::string name = scratch("fifo");
  ASSERT_EQ(0, mkfifo(name.c_str(), 0600));
  const int reader = open(name.c_str(), O_RDONLY | O_NONBLOCK);
  int writer = open(name.c_str(), O_WRONLY);
  put(writer, "x");
  close(writer);
  EXPECT_EQ(POLLIN, told(reader, POLLIN | POLLHUP, kPatience));
  take(reader, 1);
  EXPECT_EQ(0, told(reader, POLLIN | POLLHUP, kShort));
  EXPECT_EQ(POLLHUP, told(reader, POLLIN | POLLHUP, kPatience, kHost));
  fd_set set;
  FD_ZERO(&set);
  FD_SET(reader, &set);
  struct timeval now = {0, 0};
  EXPECT_EQ(1, portolan_darwin_select(reader + 1, &set, nullptr, nullptr, &now, kDarwin));
  EXPECT_TRUE(FD_ISSET(reader, &set));
  // Kept waiting, it is told of the next writer.
  Polling poll({entry(reader, POLLIN | POLLHUP)}, kPatience);
  writer = open(name.c_str(), O_WRONLY);
  put(writer, "y");
  EXPECT_EQ(1, poll.result());
  EXPECT_EQ(POLLIN, poll.revents(0));
  unlink(name.c_str());
}

CHECK(Kqueue, K098_WhatSelectRefuses) {
  const int closed = closed_number();
  fd_set set;
  FD_ZERO(&set);
  FD_SET(closed, &set);
  EXPECT_EQ(-1, portolan_darwin_select(closed + 1, &set, nullptr, nullptr, nullptr, kDarwin));
  EXPECT_EQ(EBADF, errno);
  EXPECT_TRUE(FD_ISSET(closed, &set));
  struct timeval timeout = {0, 0};
  for (const int count : {-1, 1025}) {
    EXPECT_EQ(-1, portolan_darwin_select(count, nullptr, nullptr, nullptr, &timeout, kDarwin));
    EXPECT_EQ(EINVAL, errno);
  }
  for (const struct timeval bad : {timeval{0, 1'000'000}, {0, -1}, {-1, 0}, {100'000'001, 0}}) {
    timeout = bad;
    EXPECT_EQ(-1, portolan_darwin_select(0, nullptr, nullptr, nullptr, &timeout, kDarwin));
    EXPECT_EQ(EINVAL, errno);
  }
  timeout = {0, 1000};
  EXPECT_EQ(0, portolan_darwin_select(0, nullptr, nullptr, nullptr, &timeout, kDarwin));
  EXPECT_EQ(1000, timeout.tv_usec);  // Linux would have written what is left
  struct timespec most = {0, 1'000'000'000};
  EXPECT_EQ(0, portolan_darwin_pselect(0, nullptr, nullptr, nullptr, &most, nullptr, kDarwin));
  most.tv_nsec++;
  EXPECT_EQ(-1, portolan_darwin_pselect(0, nullptr, nullptr, nullptr, &most, nullptr, kDarwin));
  EXPECT_EQ(EINVAL, errno);
}

CHECK(Kqueue, K099_BitsAboveTheTable) {
  std::ifstream file("/proc/self/status");
  int size = -1;
  for (std::string word; file >> word;)
    if (word == "FDSize:") file >> size;
  ASSERT_GE(size, 1);
  ASSERT_LE(size, 896);
  const Pair pipe = new_pipe();
  put(pipe[1], "x");
  fd_set set;
  FD_ZERO(&set);
  FD_SET(pipe[0], &set);
  FD_SET(1000, &set);
  EXPECT_EQ(1, portolan_darwin_select(FD_SETSIZE, &set, nullptr, nullptr, nullptr, kDarwin));
  EXPECT_TRUE(FD_ISSET(pipe[0], &set));
  EXPECT_TRUE(FD_ISSET(1000, &set));  // as it was
}

// One order of the race: the monitor looks while the byte is there.
int hang_ups_seen(portolan_poll_profile_t profile) {
  const Pair sockets = new_sockets(), wake = new_pipe();
  Polling monitor({entry(sockets[0], POLLHUP), entry(wake[0], POLLIN)}, profile == kHost ? kPatience : 1000,
                  profile);
  put(sockets[1], "x");
  if (profile != kHost) wait_until_spent(sockets[0]);
  take(sockets[0], 1);
  close(sockets[1]);
  return monitor.result() > 0 && (monitor.revents(0) & POLLHUP) != 0 ? 1 : 0;
}

CHECK(Kqueue, K101_TheMonitorOfTwoDescriptors) {
  EXPECT_EQ(0, hang_ups_seen(kDarwin));
  for (int i = 0; i < 20; i++) EXPECT_EQ(1, hang_ups_seen(kHost));
}

}  // namespace
}  // namespace checks
