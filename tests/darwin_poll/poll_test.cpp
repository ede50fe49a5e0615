// SPDX-License-Identifier: Apache-2.0
// Darwin's poll as a library: threads, forks, cancellation, signals, limits. What it tells is in
// tests/checks.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <portolan/darwin_poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr int kPatience = 30000;  // milliseconds
constexpr portolan_poll_profile_t kDarwin = PORTOLAN_POLL_DARWIN;

struct Pair {
  int fd[2] = {-1, -1};
  Pair() = default;
  Pair(Pair&& other) noexcept : fd{other.fd[0], other.fd[1]} { other.fd[0] = other.fd[1] = -1; }
  ~Pair() {
    for (const int one : fd)
      if (one >= 0) close(one);
  }
  int operator[](int i) const { return fd[i]; }
  void close_end(int i) {
    close(fd[i]);
    fd[i] = -1;
  }
};
Pair new_pipe() {
  Pair pair;
  EXPECT_EQ(0, pipe2(pair.fd, O_CLOEXEC));
  return pair;
}
Pair new_sockets() {
  Pair pair;
  EXPECT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.fd));
  return pair;
}
void put(int fd) { EXPECT_EQ(1, write(fd, "x", 1)); }

struct pollfd entry(int fd, int events) {
  return {fd, static_cast<short>(events), 0};
}
int told(int fd, int events, int timeout = kPatience) {
  struct pollfd one = entry(fd, events);
  portolan_darwin_poll(&one, 1, timeout, kDarwin);
  return one.revents;
}

long open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return std::distance(begin(all), end(all));
}

bool eventually(const std::function<bool()>& so) {
  for (int i = 0; i < kPatience; i++) {
    if (so()) return true;
    usleep(1000);
  }
  return false;
}

bool sleeps(pid_t tid) {
  std::ifstream file("/proc/self/task/" + std::to_string(tid) + "/stat");
  std::string text;
  std::getline(file, text);
  const size_t bracket = text.rfind(')');
  return bracket != std::string::npos && text[bracket + 2] == 'S';
}

// A thread that is asleep in a call.
class Sleeper {
 public:
  explicit Sleeper(std::function<void()> call) {
    std::atomic<pid_t> tid{0};
    thread_ = std::thread([&tid, call = std::move(call)] {
      tid = gettid();
      call();
    });
    EXPECT_TRUE(eventually([&] { return tid != 0 && sleeps(tid); }));
    usleep(2000);
    EXPECT_TRUE(eventually([&] { return sleeps(tid); }));
  }
  ~Sleeper() {
    if (thread_.joinable()) thread_.join();
  }
  pthread_t native() { return thread_.native_handle(); }
  void join() { thread_.join(); }

 private:
  std::thread thread_;
};

TEST(Profile, IsTheHostsUnlessItIsSet) {
  EXPECT_EQ(PORTOLAN_POLL_HOST, portolan_poll_profile());
  EXPECT_EQ(-1, portolan_poll_set_profile(PORTOLAN_POLL_PROCESS));
  EXPECT_EQ(EINVAL, errno);
  EXPECT_EQ(-1, portolan_darwin_poll(nullptr, 0, 0, static_cast<portolan_poll_profile_t>(3)));
  EXPECT_EQ(EINVAL, errno);
  EXPECT_EQ(0, portolan_poll_set_profile(kDarwin));
  Pair sockets = new_sockets();
  sockets.close_end(1);
  struct pollfd one = entry(sockets[0], 0);
  EXPECT_EQ(0, poll(&one, 1, 0));  // the program's own calls, too
  const struct timespec now = {0, 0};
  EXPECT_EQ(0, ppoll(&one, 1, &now, nullptr));
  EXPECT_EQ(0, portolan_darwin_poll(&one, 1, 0, PORTOLAN_POLL_PROCESS));
  EXPECT_EQ(0, portolan_poll_set_profile(PORTOLAN_POLL_HOST));
  EXPECT_EQ(1, poll(&one, 1, 0));
  EXPECT_EQ(POLLHUP, one.revents);
}

TEST(Poll, LeavesNoDescriptorsBehind) {
  const Pair pipe = new_pipe();
  const long before = open_descriptors();
  for (int i = 0; i < 10; i++) EXPECT_EQ(0, told(pipe[0], POLLIN | POLLOUT, 1));
  EXPECT_EQ(before, open_descriptors());
}

TEST(Poll, ManyEntries) {
  std::vector<Pair> pipes;
  std::vector<struct pollfd> entries;
  for (int i = 0; i < 100; i++) {
    pipes.push_back(new_pipe());
    entries.push_back(entry(pipes.back()[0], POLLIN));
    if (i % 3 == 0) put(pipes.back()[1]);
  }
  EXPECT_EQ(34, portolan_darwin_poll(entries.data(), entries.size(), kPatience, kDarwin));
  for (size_t i = 0; i < entries.size(); i++) EXPECT_EQ(i % 3 == 0 ? POLLIN : 0, entries[i].revents);
}

TEST(Poll, WithoutDescriptorsItSaysTryAgain) {
  const Pair pipe = new_pipe();
  struct rlimit limit {};
  ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = 64;
  ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
  std::vector<int> all;
  for (int fd = dup(pipe[0]); fd >= 0; fd = dup(pipe[0])) all.push_back(fd);
  struct pollfd one = {pipe[0], POLLIN, 0x5a};
  EXPECT_EQ(-1, portolan_darwin_poll(&one, 1, 0, kDarwin));
  EXPECT_EQ(EAGAIN, errno);
  EXPECT_EQ(0x5a, one.revents);
  for (const int fd : all) close(fd);
  limit.rlim_cur = before;
  EXPECT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
  EXPECT_EQ(0, told(pipe[0], POLLIN, 0));
}

TEST(Poll, ACancelledThreadLeavesNothing) {
#ifdef PORTOLAN_SANITIZED
  GTEST_SKIP() << "sanitizers do not understand cancelled threads";
#endif
  const Pair pipe = new_pipe();
  const long before = open_descriptors();
  {
    Sleeper sleeper([&] { told(pipe[0], POLLIN, -1); });
    EXPECT_LT(before, open_descriptors());
    EXPECT_EQ(0, pthread_cancel(sleeper.native()));
    sleeper.join();
  }
  EXPECT_EQ(before, open_descriptors());
  // The list of calls is whole: closing looks through it.
  Sleeper other([&] { told(pipe[0], POLLIN, 50); });
  close(dup(pipe[0]));
}

// The child closes what is not its own, and its parent's call goes on.
TEST(Poll, AForkLeavesTheParentsCallAlone) {
  const Pair pipe = new_pipe();
  const long before = open_descriptors();
  int revents = 0;
  {
    Sleeper sleeper([&] { revents = told(pipe[0], POLLIN); });
    const pid_t child = fork();
    if (child == 0) {
      const bool clean = open_descriptors() == before;
      close(pipe[0]);
      _exit(clean ? 0 : 1);
    }
    int status = -1;
    EXPECT_EQ(child, waitpid(child, &status, 0));
    EXPECT_EQ(0, status);
    const pid_t light = vfork();
    if (light == 0) {
      close(pipe[0]);
      _exit(0);
    }
    waitpid(light, nullptr, 0);
    put(pipe[1]);
  }
  EXPECT_EQ(POLLIN, revents);
}

TEST(Poll, EveryWayOfClosingIsSeen) {
  using Closing = std::function<void(int)>;
  const Closing closings[] = {
      [](int fd) { close(fd); },
      [](int fd) { fclose(fdopen(fd, "r")); },
      [](int fd) { dup2(0, fd); },
      [](int fd) { dup3(0, fd, O_CLOEXEC); },
      [](int fd) { close_range(static_cast<unsigned>(fd), static_cast<unsigned>(fd), 0); },
  };
  for (const Closing& closing : closings) {
    Pair pipe = new_pipe();
    const int number = fcntl(pipe[0], F_DUPFD_CLOEXEC, 200);
    int revents = -1;
    {
      Sleeper sleeper([&] { revents = told(number, POLLIN, 300); });
      closing(number);
      put(pipe[1]);
    }
    EXPECT_EQ(0, revents);
    close(number);
  }
}

TEST(Poll, AStreamSocketThatConnectsMeanwhile) {
  const int fresh = socket(AF_UNIX, SOCK_STREAM, 0), listener = socket(AF_UNIX, SOCK_STREAM, 0);
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "portolan-poll-test-%d", getpid());
  auto* name = reinterpret_cast<struct sockaddr*>(&address);
  ASSERT_EQ(0, bind(listener, name, sizeof address));
  ASSERT_EQ(0, listen(listener, 1));
  int accepted = -1, revents = 0, selected = 0;
  {
    Sleeper polls([&] { revents = told(fresh, POLLIN | POLLHUP); });
    Sleeper selects([&] {
      fd_set set;
      FD_ZERO(&set);
      FD_SET(fresh, &set);
      selected = portolan_darwin_select(fresh + 1, &set, nullptr, nullptr, nullptr, kDarwin);
      EXPECT_TRUE(FD_ISSET(fresh, &set));
    });
    ASSERT_EQ(0, connect(fresh, name, sizeof address));
    accepted = accept(listener, nullptr, nullptr);
    put(accepted);
  }
  EXPECT_EQ(POLLIN, revents);
  EXPECT_EQ(1, selected);
  for (const int fd : {fresh, listener, accepted}) close(fd);
}

std::atomic<int> g_seen{0};
int g_pipe = -1;

// In a signal handler, also on top of a poll of the same thread.
TEST(Poll, InASignalHandler) {
  const Pair pipe = new_pipe(), other = new_pipe();
  put(other[1]);
  g_pipe = other[0];
  struct sigaction action {};
  action.sa_handler = [](int) {
    if (told(g_pipe, POLLIN) == POLLIN) g_seen++;
    close(dup(g_pipe));
  };
  ASSERT_EQ(0, sigaction(SIGUSR1, &action, nullptr));
  int result = 0, problem = 0;
  {
    Sleeper sleeper([&] {
      struct pollfd one = entry(pipe[0], POLLIN);
      result = portolan_darwin_poll(&one, 1, kPatience, kDarwin);
      problem = errno;
    });
    ASSERT_EQ(0, pthread_kill(sleeper.native(), SIGUSR1));
  }
  EXPECT_EQ(-1, result);
  EXPECT_EQ(EINTR, problem);
  EXPECT_EQ(1, g_seen);
}

TEST(Poll, PpollLetsItsSignalsThrough) {
  struct sigaction action {};
  action.sa_handler = [](int) { g_seen++; };
  ASSERT_EQ(0, sigaction(SIGUSR2, &action, nullptr));
  g_seen = 0;
  sigset_t usr2, none;
  sigemptyset(&none);
  sigemptyset(&usr2);
  sigaddset(&usr2, SIGUSR2);
  ASSERT_EQ(0, pthread_sigmask(SIG_BLOCK, &usr2, nullptr));
  ASSERT_EQ(0, portolan_poll_set_profile(kDarwin));
  const Pair pipe = new_pipe();
  struct pollfd one = entry(pipe[0], POLLIN);
  raise(SIGUSR2);
  const struct timespec patience = {kPatience / 1000, 0};
  EXPECT_EQ(-1, ppoll(&one, 1, &patience, &none));
  EXPECT_EQ(EINTR, errno);
  EXPECT_EQ(1, g_seen);
  raise(SIGUSR2);
  fd_set set;
  FD_ZERO(&set);
  EXPECT_EQ(-1, pselect(0, &set, nullptr, nullptr, &patience, &none));
  EXPECT_EQ(EINTR, errno);
  EXPECT_EQ(2, g_seen);
  portolan_poll_set_profile(PORTOLAN_POLL_HOST);
  pthread_sigmask(SIG_UNBLOCK, &usr2, nullptr);
}

// Many threads poll and close at once; what is left is what was there before.
TEST(Poll, ManyThreads) {
  const long before = open_descriptors();
  std::atomic<int> told_bytes{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; t++)
    threads.emplace_back([&] {
      for (int i = 0; i < 100; i++) {
        const Pair pipe = new_pipe();
        const Pair sockets = new_sockets();
        put(pipe[1]);
        struct pollfd entries[2] = {entry(sockets[0], POLLHUP), entry(pipe[0], POLLIN)};
        if (portolan_darwin_poll(entries, 2, kPatience, kDarwin) == 1 && entries[1].revents == POLLIN)
          told_bytes++;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(800, told_bytes);
  EXPECT_EQ(before, open_descriptors());
}

TEST(Select, LeavesTheRestAlone) {
  const Pair pipe = new_pipe();
  put(pipe[1]);
  fd_set readable, writable;
  FD_ZERO(&readable);
  FD_ZERO(&writable);
  FD_SET(pipe[0], &readable);
  FD_SET(pipe[1], &writable);
  const int fresh = socket(AF_UNIX, SOCK_STREAM, 0);
  FD_SET(fresh, &readable);
  FD_SET(fresh, &writable);
  const int count = std::max(fresh, pipe[1]) + 1;
  EXPECT_EQ(2, portolan_darwin_select(count, &readable, &writable, nullptr, nullptr, kDarwin));
  EXPECT_TRUE(FD_ISSET(pipe[0], &readable));
  EXPECT_TRUE(FD_ISSET(pipe[1], &writable));
  EXPECT_FALSE(FD_ISSET(fresh, &readable) || FD_ISSET(fresh, &writable));
  // Alone it is never ready.
  FD_ZERO(&writable);
  FD_SET(fresh, &writable);
  struct timeval little = {0, 100'000};
  EXPECT_EQ(0, portolan_darwin_select(count, nullptr, &writable, nullptr, &little, kDarwin));
  EXPECT_FALSE(FD_ISSET(fresh, &writable));
  close(fresh);
}

}  // namespace
