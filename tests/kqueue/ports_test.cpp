// SPDX-License-Identifier: Apache-2.0
// Ports in queues and in the loops of others: kqueue 7.10, <portolan/port_fd.h>.
#include <poll.h>
#include <portolan/port_fd.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include <chrono>
#include <filesystem>
#include <set>
#include <thread>

#include "kqueue/words.hpp"

namespace kqueue_tests {

unsigned threads() {
  unsigned count = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task"))
    count += !task.path().empty();
  return count;
}

namespace {

bool readable(int fd, int milliseconds = 0) {
  pollfd one = {fd, POLLIN, 0};
  return poll(&one, 1, milliseconds) == 1;
}

// The threads of queues that other tests left are on their way out.
bool threads_become(unsigned wanted) {
  for (int i = 0; i < 1000 && threads() != wanted; i++)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return threads() == wanted;
}

TEST(Ports, OneThreadServesAThousand) {
  std::thread([] {}).join();  // a sanitizer's own thread comes with the first
  const unsigned before = threads();
  const int kq = new_queue();
  std::vector<mach_port_t> ports;
  for (int i = 0; i < 1000; i++) {
    ports.push_back(new_port());
    ASSERT_EQ(0, apply(kq, ports.back(), EVFILT_MACHPORT, EV_ADD));
  }
  EXPECT_TRUE(events(kq, 0).empty());
  EXPECT_LE(threads(), before + 1);
  for (size_t i = 0; i < ports.size(); i += 100) {
    EXPECT_EQ(MACH_MSG_SUCCESS, send(ports[i]));
    const std::vector<struct kevent> found = events(kq);
    ASSERT_EQ(1u, found.size());
    EXPECT_EQ(ports[i], found[0].ident);
    EXPECT_EQ(1, drain(ports[i]));
  }
  close(kq);
  for (const mach_port_t port : ports) destroy(port);
  EXPECT_TRUE(threads_become(before)) << threads();
}

// One that has messages is told as often as it is asked, and an edge once for each message.
TEST(Ports, LevelAndEdge) {
  const mach_port_t port = new_port();
  const int level = new_queue(), edge = new_queue();
  ASSERT_EQ(0, apply(level, port, EVFILT_MACHPORT, EV_ADD));
  ASSERT_EQ(0, apply(edge, port, EVFILT_MACHPORT, EV_ADD | EV_CLEAR));
  for (int i = 0; i < 3; i++) {
    EXPECT_EQ(MACH_MSG_SUCCESS, send(port));
    for (int again = 0; again < 3; again++) EXPECT_EQ(1u, events(level).size());
    EXPECT_EQ(1u, events(edge).size());
    EXPECT_TRUE(events(edge, 0).empty());
  }
  EXPECT_EQ(3, drain(port));
  EXPECT_TRUE(events(level, 0).empty());
  EXPECT_TRUE(events(edge, 0).empty());
  EXPECT_EQ(MACH_MSG_SUCCESS, send(port));
  EXPECT_EQ(1u, events(level).size());
  EXPECT_EQ(1u, events(edge).size());
  close(level);
  close(edge);
  destroy(port);
}

// The same of a set, whose members the program drains through the set or one by one.
TEST(Ports, AnEdgeOfASet) {
  const mach_port_t port = new_port(), set = new_set({port});
  const int kq = new_queue();
  ASSERT_EQ(0, apply(kq, set, EVFILT_MACHPORT, EV_ADD | EV_CLEAR));
  for (const mach_port_t drained : {port, set, port}) {
    EXPECT_EQ(MACH_MSG_SUCCESS, send(port));
    EXPECT_EQ(1u, events(kq).size());
    EXPECT_TRUE(events(kq, 0).empty());
    EXPECT_EQ(MACH_MSG_SUCCESS, send(port));
    EXPECT_EQ(1u, events(kq).size());
    EXPECT_TRUE(events(kq, 0).empty());
    EXPECT_EQ(2, drain(drained));
    EXPECT_TRUE(events(kq, 0).empty());
  }
  EXPECT_EQ(MACH_MSG_SUCCESS, send(port));
  EXPECT_EQ(1u, events(kq).size());
  close(kq);
  EXPECT_EQ(KERN_SUCCESS, mach_port_mod_refs(mach_task_self(), set, MACH_PORT_RIGHT_PORT_SET, -1));
  destroy(port);
}

TEST(Ports, MessagesFromAnotherProcess) {
  const mach_port_t port = new_port();
  ASSERT_EQ(KERN_SUCCESS, mach_ports_register(mach_task_self(), const_cast<mach_port_t*>(&port), 1));
  const int kq = new_queue();
  ASSERT_EQ(0, apply(kq, port, EVFILT_MACHPORT, EV_ADD));
  EXPECT_TRUE(events(kq, 0).empty());
  constexpr int kMessages = 2000;
  const pid_t child = fork();
  if (child == 0) {
    mach_port_array_t ports;
    mach_msg_type_number_t count = 0;
    if (mach_ports_lookup(mach_task_self(), &ports, &count) != KERN_SUCCESS || count == 0) _exit(1);
    for (int i = 0; i < kMessages; i++)
      if (send(ports[0], i) != MACH_MSG_SUCCESS) _exit(2);
    _exit(0);
  }
  int got = 0;
  while (got < kMessages && events(kq).size() == 1) got += drain(port);
  EXPECT_EQ(kMessages, got);
  int status = -1;
  EXPECT_EQ(child, waitpid(child, &status, 0));
  EXPECT_EQ(0, status);
  mach_ports_register(mach_task_self(), nullptr, 0);
  close(kq);
  destroy(port);
}

TEST(PortFd, IsReadableUntilNothingIsLeft) {
  const mach_port_t port = new_port();
  const int fd = portolan_port_fd(port);
  ASSERT_GE(fd, 0) << errno;
  EXPECT_FALSE(readable(fd));
  EXPECT_EQ(MACH_MSG_SUCCESS, send(port));
  EXPECT_EQ(MACH_MSG_SUCCESS, send(port));
  EXPECT_TRUE(readable(fd, kPatience));
  mach_port_t named = MACH_PORT_NULL;
  EXPECT_EQ(1, portolan_port_fd_ready(fd, &named));
  EXPECT_EQ(port, named);
  EXPECT_TRUE(readable(fd)) << "nothing was received";
  EXPECT_EQ(2, drain(port));
  EXPECT_EQ(0, portolan_port_fd_ready(fd, &named));
  EXPECT_FALSE(readable(fd));
  EXPECT_EQ(MACH_MSG_SUCCESS, send(port));
  EXPECT_TRUE(readable(fd, kPatience));
  close(fd);
  destroy(port);
}

class PortFdInEpoll : public testing::TestWithParam<uint32_t> {};

// A sender that is always ahead, or always behind: nothing is missed, by level or by edge.
TEST_P(PortFdInEpoll, NothingIsMissed) {
  const mach_port_t port = new_port(), other = new_port(), set = new_set({port, other});
  const int fd = portolan_port_fd(set), epoll = epoll_create1(EPOLL_CLOEXEC);
  ASSERT_GE(fd, 0);
  epoll_event event{};
  event.events = EPOLLIN | GetParam();
  ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
  constexpr int kMessages = 3000;
  std::thread sends([&] {
    for (int i = 0; i < kMessages; i++) ASSERT_EQ(MACH_MSG_SUCCESS, send(i % 3 == 0 ? other : port, i));
  });
  int got = 0;
  while (got < kMessages) {
    const int woken = epoll_wait(epoll, &event, 1, kPatience);
    if (woken < 0 && errno == EINTR) continue;
    ASSERT_EQ(1, woken) << "after " << got;
    for (mach_port_t named; portolan_port_fd_ready(fd, &named) > 0;) got += drain(named);
  }
  sends.join();
  EXPECT_EQ(kMessages, got);
  close(fd);
  close(epoll);
  destroy(port);
  destroy(other);
  EXPECT_EQ(KERN_SUCCESS, mach_port_mod_refs(mach_task_self(), set, MACH_PORT_RIGHT_PORT_SET, -1));
}
INSTANTIATE_TEST_SUITE_P(Modes, PortFdInEpoll, testing::Values(0u, static_cast<uint32_t>(EPOLLET)),
                         [](const auto& mode) { return mode.param == 0 ? "Level" : "Edge"; });

TEST(PortFd, SaysThatThePortIsGone) {
  const mach_port_t port = new_port();
  const int fd = portolan_port_fd(port);
  destroy(port);
  EXPECT_TRUE(readable(fd, kPatience));
  EXPECT_EQ(-1, portolan_port_fd_ready(fd, nullptr));
  EXPECT_EQ(EPIPE, errno);
  EXPECT_EQ(0, portolan_port_fd_ready(fd, nullptr));
  EXPECT_FALSE(readable(fd));
  close(fd);
  EXPECT_EQ(-1, portolan_port_fd_ready(fd, nullptr));
  EXPECT_EQ(EBADF, errno);
}

TEST(PortFd, RefusesWhatCannotBeWatched) {
  EXPECT_EQ(-1, portolan_port_fd(0x1403));
  EXPECT_EQ(ENOENT, errno);
  EXPECT_EQ(-1, portolan_port_fd(mach_task_self()));
  EXPECT_EQ(ENOTSUP, errno);
}

}  // namespace
}  // namespace kqueue_tests
