// SPDX-License-Identifier: Apache-2.0
// What an event costs through kevent and through epoll, on the same descriptors, and an event of the
// program's own.
#include <sys/epoll.h>
#include <sys/event.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <thread>

#include "kqueue/bench.hpp"

namespace bench {
namespace {

constexpr int kCalls = 2000, kAtOnce = 64;

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

// Two threads that wake each other through pipes, each of which waits in a kernel queue or an epoll.
class PingPong {
 public:
  PingPong() {
    require(pipe(there_) == 0 && pipe(back_) == 0, "pipes");
    for (Side* side : {&here_, &peer_}) {
      side->kq = kqueue();
      side->epoll = epoll_create1(EPOLL_CLOEXEC);
      require(side->kq >= 0 && side->epoll >= 0, "queues");
    }
    watch(here_, back_[0]);
    watch(peer_, there_[0]);
    thread_ = std::thread([this] {
      for (char how; (how = take(peer_, there_[0])) != 0;) put(back_[1], how);
    });
  }
  ~PingPong() {
    put(there_[1], 0);
    thread_.join();
    for (const int fd :
         {there_[0], there_[1], back_[0], back_[1], here_.kq, here_.epoll, peer_.kq, peer_.epoll})
      close(fd);
  }
  // Nanoseconds a round trip. Both wait by the same means.
  double measure(char how) {
    by_kevent_ = how == 'k';
    constexpr int kTrips = 500;
    const double start = seconds();
    for (int i = 0; i < kTrips; i++) {
      put(there_[1], how);
      take(here_, back_[0]);
    }
    return (seconds() - start) * 1e9 / kTrips;
  }

 private:
  struct Side {
    int kq = -1, epoll = -1;
  };
  static void watch(Side& side, int fd) {
    struct kevent add;
    EV_SET(&add, static_cast<uintptr_t>(fd), EVFILT_READ, EV_ADD, 0, 0, nullptr);
    require(kevent(side.kq, &add, 1, nullptr, 0, nullptr) == 0, "a knote");
    epoll_event event{};
    event.events = EPOLLIN;
    require(epoll_ctl(side.epoll, EPOLL_CTL_ADD, fd, &event) == 0, "an entry");
  }
  static void put(int fd, char byte) { require(write(fd, &byte, 1) == 1, "a byte"); }
  char take(Side& side, int fd) {
    struct kevent event;
    epoll_event entry;
    const int found = by_kevent_.load(std::memory_order_relaxed)
                          ? kevent(side.kq, nullptr, 0, &event, 1, nullptr)
                          : epoll_wait(side.epoll, &entry, 1, -1);
    require(found == 1, "an event");
    char byte = 0;
    require(read(fd, &byte, 1) == 1, "a byte back");
    return byte;
  }

  int there_[2], back_[2];
  Side here_, peer_;
  std::atomic<bool> by_kevent_{false};
  std::thread thread_;
};

}  // namespace

void events() {
  const World world = make_world();
  compare(world, 1);
  compare(world, kAtOnce);
}

void wakes() {
  PingPong pair;
  std::vector<double> kevents, epolls;
  for (int round = 0; round < kRounds; round++) {
    kevents.push_back(pair.measure('k'));
    epolls.push_back(pair.measure('e'));
  }
  const double k = median(kevents), e = median(epolls);
  printf("two threads, a byte each way: kevent %.0f ns a round trip, epoll_wait %.0f ns (%.2f times)\n", k, e,
         k / e);
}

}  // namespace bench
