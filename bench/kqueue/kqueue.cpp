// SPDX-License-Identifier: Apache-2.0
// portolan-bench-kqueue: what an event costs through kevent and through epoll, on the same descriptors, and
// an event of the program's own. The subjects take turns; the median of the rounds is printed.
#include <sys/epoll.h>
#include <sys/event.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

constexpr int kRounds = 41, kCalls = 2000, kAtOnce = 64;

double seconds() {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

void require(bool holds, const char* what) {
  if (holds) return;
  perror(what);
  exit(1);
}

struct World {
  int kq, epoll, user;
  std::vector<int> fds;
};

World make_world() {
  World world{kqueue(), epoll_create1(EPOLL_CLOEXEC), kqueue(), {}};
  require(world.kq >= 0 && world.epoll >= 0 && world.user >= 0, "queues");
  for (int i = 0; i < kAtOnce; i++) {
    int pair[2];
    require(pipe(pair) == 0, "a pipe");
    require(write(pair[1], "x", 1) == 1, "a byte");
    world.fds.push_back(pair[0]);
    struct kevent add;
    EV_SET(&add, static_cast<uintptr_t>(pair[0]), EVFILT_READ, EV_ADD, 0, 0, nullptr);
    require(kevent(world.kq, &add, 1, nullptr, 0, nullptr) == 0, "a knote");
    epoll_event event{};
    event.events = EPOLLIN;
    require(epoll_ctl(world.epoll, EPOLL_CTL_ADD, pair[0], &event) == 0, "an entry");
    EV_SET(&add, static_cast<uintptr_t>(i), EVFILT_USER, EV_ADD, NOTE_TRIGGER, 0, nullptr);
    require(kevent(world.user, &add, 1, nullptr, 0, nullptr) == 0, "a knote");
  }
  return world;
}

void wait_by_kevent(int kq, int room) {
  struct kevent events[kAtOnce];
  const struct timespec now = {0, 0};
  require(kevent(kq, nullptr, 0, events, room, &now) == room, "kevent");
}
void wait_by_epoll(int epoll, int room) {
  epoll_event events[kAtOnce];
  require(epoll_wait(epoll, events, room, 0) == room, "epoll_wait");
}

// Nanoseconds an event.
template <class Call>
double measure(int room, Call&& call) {
  const int calls = room == 1 ? kCalls : kCalls / 16;
  const double start = seconds();
  for (int i = 0; i < calls; i++) call();
  return (seconds() - start) * 1e9 / calls / room;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void compare(const World& world, int room) {
  std::vector<double> kevents, epolls, users;
  for (int round = 0; round < kRounds; round++) {
    kevents.push_back(measure(room, [&] { wait_by_kevent(world.kq, room); }));
    epolls.push_back(measure(room, [&] { wait_by_epoll(world.epoll, room); }));
    users.push_back(measure(room, [&] { wait_by_kevent(world.user, room); }));
  }
  const double k = median(kevents), e = median(epolls);
  printf("%2d events a call: kevent %.0f ns an event, epoll_wait %.0f ns (%.2f times), EVFILT_USER %.0f ns\n",
         room, k, e, k / e, median(users));
}

}  // namespace

int main() {
  const World world = make_world();
  compare(world, 1);
  compare(world, kAtOnce);
  return 0;
}
