// SPDX-License-Identifier: Apache-2.0
// Kqueue checks 37 to 57: delivery, and the filters of descriptors.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/stat.h>

#include "checks/kqueue_words.hpp"

namespace checks {
namespace {

uint64_t id(int fd) { return static_cast<uint64_t>(fd); }

sockaddr_in loopback(in_port_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = port;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}
in_port_t bound(int fd) {
  sockaddr_in address = loopback(0);
  EXPECT_EQ(0, bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address));
  socklen_t length = sizeof address;
  EXPECT_EQ(0, getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length));
  return address.sin_port;
}
int connecting(in_port_t port, int flags = 0) {
  const int fd = socket(AF_INET, SOCK_STREAM | flags, 0);
  const sockaddr_in address = loopback(port);
  connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return fd;
}

CHECK(Kqueue, K037_LevelClearOneshot) {
  const int kq = new_queue();
  const Pair a = new_sockets(), b = new_sockets(), c = new_sockets();
  EXPECT_EQ(0, apply(kq, id(a[0]), EVFILT_READ, EV_ADD));
  put(a[1], "x");
  only_event(kq);
  only_event(kq);
  take(a[0], 1);
  EXPECT_TRUE(silent(kq));
  EXPECT_EQ(0, apply(kq, id(b[0]), EVFILT_READ, EV_ADD | EV_CLEAR));
  put(b[1], "x");
  only_event(kq);
  EXPECT_TRUE(silent(kq));
  put(b[1], "x");
  only_event(kq);
  EXPECT_EQ(0, apply(kq, id(c[0]), EVFILT_READ, EV_ADD | EV_ONESHOT));
  put(c[1], "x");
  only_event(kq);
  EXPECT_TRUE(silent(kq));
  EXPECT_EQ(ENOENT, apply(kq, id(c[0]), EVFILT_READ, EV_DELETE));
}

CHECK(Kqueue, K038_ClearTellsTheTotal) {
  const int kq = new_queue();
  const Pair s = new_sockets();
  EXPECT_EQ(0, apply(kq, id(s[0]), EVFILT_READ, EV_ADD | EV_CLEAR));
  put(s[1], "12345");
  EXPECT_EQ(5, only_event(kq).data);
  put(s[1], "6");
  EXPECT_EQ(6, only_event(kq).data);
}

CHECK(Kqueue, K039_DispatchOnceAnEnable) {
  const int kq = new_queue();
  const Pair s = new_sockets();
  EXPECT_EQ(0, apply(kq, id(s[0]), EVFILT_READ, EV_ADD | EV_DISPATCH));
  put(s[1], "x");
  only_event(kq);
  EXPECT_TRUE(silent(kq));
  EXPECT_EQ(0, apply(kq, id(s[0]), EVFILT_READ, EV_ENABLE));
  only_event(kq);
}

CHECK(Kqueue, K040_InTheOrderOfActivation) {
  const int kq = new_queue();
  Pair s[4];
  for (Pair& one : s) {
    one = new_sockets();
    EXPECT_EQ(0, apply(kq, id(one[0]), EVFILT_READ, EV_ADD));
  }
  for (const Pair& one : s) put(one[1], "x");
  for (const int first : {0, 2, 0}) {
    const std::vector<Event> two = events(kq, 0, 2);
    ASSERT_EQ(2u, two.size());
    EXPECT_EQ(id(s[first][0]), two[0].ident);
    EXPECT_EQ(id(s[first + 1][0]), two[1].ident);
  }
}

CHECK(Kqueue, K041_AStaleOneshotIsKept) {
  const int kq = new_queue();
  const Pair s = new_sockets();
  EXPECT_EQ(0, apply(kq, id(s[0]), EVFILT_READ, EV_ADD | EV_ONESHOT));
  put(s[1], "x");
  take(s[0], 1);
  EXPECT_TRUE(silent(kq));
  put(s[1], "y");
  only_event(kq);
}

CHECK(Kqueue, K042_Dispatch2IsDeletedInTwoSteps) {
  const int kq = new_queue();
  const Pair s = new_sockets();
  int mine;
  const int key = EV_UDATA_SPECIFIC;
  EXPECT_EQ(0, apply(kq, id(s[0]), EVFILT_READ, EV_ADD | EV_DISPATCH2, 0, 0, &mine));
  put(s[1], "x");
  only_event(kq);
  EXPECT_EQ(EINPROGRESS, apply(kq, id(s[0]), EVFILT_READ, EV_DELETE | key, 0, 0, &mine));
  EXPECT_TRUE(silent(kq));
  EXPECT_EQ(0, apply(kq, id(s[0]), EVFILT_READ, EV_ENABLE | key, 0, 0, &mine));
  EXPECT_EQ(0x192, only_event(kq).flags);
  EXPECT_EQ(ENOENT, apply(kq, id(s[0]), EVFILT_READ, EV_ENABLE | key, 0, 0, &mine));
  EXPECT_EQ(0, apply(kq, id(s[0]), EVFILT_READ, EV_ADD | EV_DISPATCH2, 0, 0, &mine));
  only_event(kq);
  EXPECT_EQ(0, apply(kq, id(s[0]), EVFILT_READ, EV_DELETE | EV_ENABLE | key, 0, 0, &mine));
  EXPECT_EQ(ENOENT, apply(kq, id(s[0]), EVFILT_READ, EV_ENABLE | key, 0, 0, &mine));
}

CHECK(Kqueue, K043_TheVanishedTellOnce) {
  const int kq = new_queue();
  const Pair s = new_sockets();
  int mine;
  EXPECT_EQ(0, apply(kq, id(s[0]), EVFILT_READ, EV_ADD | EV_DISPATCH2 | EV_VANISHED, 0, 0, &mine));
  close(s[0]);
  const Event event = only_event(kq);
  EXPECT_EQ(0x390, event.flags);
  EXPECT_EQ(id(s[0]), event.ident);
  EXPECT_EQ(&mine, event.udata);
  EXPECT_EQ(0u, event.fflags);
  EXPECT_EQ(0, event.data);
  EXPECT_TRUE(silent(kq));
}

CHECK(Kqueue, K044_WhatWasPostedWhileDisabled) {
  const int kq = new_queue();
  signal(SIGUSR2, SIG_IGN);
  EXPECT_EQ(0, apply(kq, SIGUSR2, EVFILT_SIGNAL, EV_ADD));
  EXPECT_EQ(0, apply(kq, SIGUSR2, EVFILT_SIGNAL, EV_DISABLE));
  for (int i = 0; i < 3; i++) kill(getpid(), SIGUSR2);
  EXPECT_TRUE(silent(kq));
  EXPECT_EQ(0, apply(kq, SIGUSR2, EVFILT_SIGNAL, EV_ENABLE));
  EXPECT_EQ(3, only_event(kq).data);
}

CHECK(Kqueue, K045_ABadListLosesTheEvent) {
  const int kq = new_queue();
  EXPECT_EQ(0, apply(kq, 1, EVFILT_USER, EV_ADD | EV_ONESHOT, NOTE_TRIGGER));
  EXPECT_EQ(-1, kevent(kq, nullptr, 0, reinterpret_cast<Event*>(16), 1, nullptr));
  EXPECT_EQ(EFAULT, errno);
  EXPECT_EQ(ENOENT, apply(kq, 1, EVFILT_USER, EV_DELETE));
}

CHECK(Kqueue, K046_ConnectionsThatWait) {
  const int kq = new_queue();
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  const in_port_t port = bound(listener);
  EXPECT_EQ(0, apply(kq, id(listener), EVFILT_READ, EV_ADD));
  EXPECT_TRUE(silent(kq));
  EXPECT_EQ(0, listen(listener, 8));
  EXPECT_TRUE(silent(kq));
  for (int i = 0; i < 3; i++) connecting(port);
  EXPECT_TRUE(eventually([&] {
    const std::vector<Event> list = events(kq, 10);
    return list.size() == 1 && list[0].data == 3;
  }));
}

CHECK(Kqueue, K047_TheEndAndWhatIsLeft) {
  const int kq = new_queue();
  const Pair s = new_sockets();
  EXPECT_EQ(0, apply(kq, id(s[0]), EVFILT_READ, EV_ADD));
  put(s[1], "12345");
  close(s[1]);
  const Event event = only_event(kq);
  EXPECT_NE(0, event.flags & EV_EOF);
  EXPECT_EQ(5, event.data);
}

CHECK(Kqueue, K048_HalfClosed) {
  const int kq = new_queue();
  const Pair s = new_sockets();
  EXPECT_EQ(0, shutdown(s[1], SHUT_WR));
  EXPECT_EQ(0, apply(kq, id(s[0]), EVFILT_READ, EV_ADD | EV_ONESHOT));
  EXPECT_NE(0, only_event(kq).flags & EV_EOF);
  EXPECT_EQ(0, apply(kq, id(s[0]), EVFILT_WRITE, EV_ADD));
  const Event event = only_event(kq);
  EXPECT_EQ(0, event.flags & EV_EOF);
  EXPECT_GT(event.data, 0);
}

CHECK(Kqueue, K049_Refused) {
  const int kq = new_queue();
  const int closed = socket(AF_INET, SOCK_STREAM, 0);
  const in_port_t port = bound(closed);
  const int fd = connecting(port, SOCK_NONBLOCK);
  EXPECT_EQ(0, apply(kq, id(fd), EVFILT_READ, EV_ADD));
  EXPECT_EQ(0, apply(kq, id(fd), EVFILT_WRITE, EV_ADD));
  const std::vector<Event> list = events(kq, kPatience);
  ASSERT_EQ(2u, list.size());
  for (const Event& event : list) {
    EXPECT_NE(0, event.flags & EV_EOF);
    EXPECT_EQ(uint32_t{ECONNREFUSED}, event.fflags);
  }
  int error = 0;
  socklen_t length = sizeof error;
  EXPECT_EQ(0, getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length));
  EXPECT_EQ(ECONNREFUSED, error);
}

CHECK(Kqueue, K050_LowWater) {
  const int kq = new_queue();
  const Pair s = new_sockets();
  EXPECT_EQ(0, apply(kq, id(s[0]), EVFILT_READ, EV_ADD, NOTE_LOWAT, 10));
  put(s[1], "123456789");
  EXPECT_TRUE(silent(kq));
  put(s[1], "0");
  EXPECT_EQ(10, only_event(kq).data);
  take(s[0], 9);
  EXPECT_TRUE(silent(kq));
  EXPECT_EQ(0, apply(kq, id(s[0]), EVFILT_READ, EV_ADD, NOTE_LOWAT, 0));
  EXPECT_EQ(1, only_event(kq).data);
}

CHECK(Kqueue, K051_EnableForgetsTheMark) {
  const int kq = new_queue();
  const Pair s = new_sockets();
  EXPECT_EQ(0, apply(kq, id(s[0]), EVFILT_READ, EV_ADD, NOTE_LOWAT, 10));
  put(s[1], "1");
  EXPECT_TRUE(silent(kq));
  EXPECT_EQ(0, apply(kq, id(s[0]), EVFILT_READ, EV_ENABLE));
  EXPECT_EQ(1, only_event(kq).data);
}

CHECK(Kqueue, K052_PipesEnd) {
  const int kq = new_queue();
  const Pair a = new_pipe(), b = new_pipe(), c = new_pipe();
  EXPECT_EQ(0, apply(kq, id(a[0]), EVFILT_READ, EV_ADD));
  close(a[1]);
  EXPECT_NE(0, only_event(kq).flags & EV_EOF);
  close(a[0]);
  EXPECT_EQ(0, apply(kq, id(b[1]), EVFILT_WRITE, EV_ADD));
  close(b[0]);
  const Event event = only_event(kq);
  EXPECT_NE(0, event.flags & EV_EOF);
  EXPECT_EQ(0, event.data);
  close(b[1]);
  EXPECT_EQ(0, apply(kq, id(c[1]), EVFILT_READ, EV_ADD));
  EXPECT_TRUE(silent(kq));
  close(c[0]);
  EXPECT_NE(0, only_event(kq).flags & EV_EOF);
}

CHECK(Kqueue, K053_RoomInAPipe) {
  const int kq = new_queue();
  const Pair p = new_pipe();
  EXPECT_EQ(0, apply(kq, id(p[1]), EVFILT_WRITE, EV_ADD));
  const int64_t room = only_event(kq).data;
  EXPECT_GE(room, 16384);
  put(p[1], std::string(static_cast<size_t>(room) - 500, 'x'));
  EXPECT_TRUE(silent(kq));
}

CHECK(Kqueue, K054_FilesFromTheirOffset) {
  const int kq = new_queue();
  const std::string path = scratch("file");
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600),
            other = open(path.c_str(), O_RDWR | O_APPEND);
  put(fd, "0123456789");
  lseek(fd, 0, SEEK_SET);
  EXPECT_EQ(0, apply(kq, id(fd), EVFILT_READ, EV_ADD));
  EXPECT_EQ(10, only_event(kq).data);
  take(fd, 10);
  EXPECT_TRUE(silent(kq));
  put(other, "abc");
  EXPECT_EQ(3, only_event(kq).data);
  lseek(fd, 18, SEEK_SET);
  EXPECT_EQ(-5, only_event(kq).data);
  unlink(path.c_str());
}

CHECK(Kqueue, K055_DirectoriesAreVnodesOnly) {
  const int kq = new_queue();
  const int fd = open("/tmp", O_RDONLY | O_DIRECTORY);
  EXPECT_EQ(EINVAL, apply(kq, id(fd), EVFILT_READ, EV_ADD));
  EXPECT_EQ(0, apply(kq, id(fd), EVFILT_VNODE, EV_ADD, NOTE_DELETE));
}

CHECK(Kqueue, K056_AFifoHasNoEnd) {
  const int kq = new_queue();
  const std::string path = scratch("fifo");
  EXPECT_EQ(0, mkfifo(path.c_str(), 0600));
  const int reader = open(path.c_str(), O_RDONLY | O_NONBLOCK), writer = open(path.c_str(), O_WRONLY);
  EXPECT_EQ(0, apply(kq, id(reader), EVFILT_READ, EV_ADD));
  put(writer, "x");
  EXPECT_EQ(1, only_event(kq).data);
  take(reader, 1);
  close(writer);
  EXPECT_TRUE(silent(kq));
  unlink(path.c_str());
}

CHECK(Kqueue, K057_ExceptionsAreOfSockets) {
  const int kq = new_queue();
  const Pair p = new_pipe();
  EXPECT_EQ(EINVAL, apply(kq, id(p[0]), EVFILT_EXCEPT, EV_ADD, NOTE_OOB));
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  const in_port_t port = bound(listener);
  EXPECT_EQ(0, listen(listener, 1));
  const int client = connecting(port), server = accept(listener, nullptr, nullptr);
  EXPECT_EQ(0, apply(kq, id(server), EVFILT_EXCEPT, EV_ADD, NOTE_OOB));
  put(client, "x");
  EXPECT_EQ(0u, only_event(kq).fflags & NOTE_OOB);
  EXPECT_EQ(1, send(client, "!", 1, MSG_OOB));
  EXPECT_TRUE(eventually([&] {
    const std::vector<Event> list = events(kq, 10);
    return list.size() == 1 && (list[0].fflags & NOTE_OOB) != 0;
  }));
}

}  // namespace
}  // namespace checks
