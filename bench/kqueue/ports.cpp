// SPDX-License-Identifier: Apache-2.0
// A request to another process and its reply: the client waits for it in mach_msg, in a kernel queue that
// receives it, in one that tells of it, or in an epoll that has the port's descriptor. And a queue that is
// full, emptied each way.
#include <mach/mach.h>
#include <portolan/port_fd.h>
#include <sys/epoll.h>
#include <sys/event.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kqueue/bench.hpp"

namespace bench {
namespace {

struct Message {
  mach_msg_header_t header;
  uint64_t body[5];
};
struct Received {
  Message message;
  mach_msg_max_trailer_t trailer;
};
static_assert(sizeof(Message) == 64);

constexpr mach_msg_timeout_t kNone = MACH_MSG_TIMEOUT_NONE;

void send(mach_port_t to, mach_port_t reply, mach_msg_id_t id,
          mach_msg_type_name_t reply_right = MACH_MSG_TYPE_MAKE_SEND_ONCE) {
  Message message{};
  message.header.msgh_bits =
      MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, reply == MACH_PORT_NULL ? 0u : reply_right);
  message.header.msgh_size = sizeof message;
  message.header.msgh_remote_port = to;
  message.header.msgh_local_port = reply;
  message.header.msgh_id = id;
  require(mach_msg(&message.header, MACH_SEND_MSG, sizeof message, 0, MACH_PORT_NULL, kNone,
                   MACH_PORT_NULL) == MACH_MSG_SUCCESS,
          "a message");
}

bool receive(mach_port_t from, mach_msg_option_t how = 0) {
  Received message;
  return mach_msg(&message.message.header, MACH_RCV_MSG | how, 0, sizeof message, from, kNone,
                  MACH_PORT_NULL) == MACH_MSG_SUCCESS;
}

mach_port_t new_port() {
  mach_port_t port = MACH_PORT_NULL;
  require(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port) == KERN_SUCCESS, "a port");
  require(mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND) == KERN_SUCCESS,
          "a right");
  return port;
}

[[noreturn]] void serve() {
  mach_port_array_t ports;
  mach_msg_type_number_t count = 0;
  require(mach_ports_lookup(mach_task_self(), &ports, &count) == KERN_SUCCESS && count > 0,
          "the client's port");
  const mach_port_t mine = new_port();
  send(ports[0], mine, 0, MACH_MSG_TYPE_MAKE_SEND);
  Received message;
  for (;;) {
    require(mach_msg(&message.message.header, MACH_RCV_MSG, 0, sizeof message, mine, kNone, MACH_PORT_NULL) ==
                MACH_MSG_SUCCESS,
            "a request");
    if (message.message.header.msgh_id == 0) _exit(0);
    message.message.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0);
    message.message.header.msgh_local_port = MACH_PORT_NULL;
    require(mach_msg(&message.message.header, MACH_SEND_MSG, sizeof message.message, 0, MACH_PORT_NULL, kNone,
                     MACH_PORT_NULL) == MACH_MSG_SUCCESS,
            "a reply");
  }
}

// A client with its ways to wait. The server learns of the first port through the registered ports.
class Client {
 public:
  Client() : direct_port_(new_port()), told_port_(new_port()), fd_port_(new_port()), plain_port_(new_port()) {
    require(mach_ports_register(mach_task_self(), &plain_port_, 1) == KERN_SUCCESS, "the server's port");
    server_ = fork();
    if (server_ == 0) serve();
    Received hello;
    require(mach_msg(&hello.message.header, MACH_RCV_MSG, 0, sizeof hello, plain_port_, kNone,
                     MACH_PORT_NULL) == MACH_MSG_SUCCESS,
            "the server");
    to_ = hello.message.header.msgh_remote_port;
    direct_ = kqueue();
    told_ = kqueue();
    fd_ = portolan_port_fd(fd_port_);
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    epoll_event entry{};
    entry.events = EPOLLIN;
    require(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd_, &entry) == 0, "an entry");
    struct kevent64_s add;
    EV_SET64(&add, direct_port_, EVFILT_MACHPORT, EV_ADD, MACH_RCV_MSG, 0, 0,
             reinterpret_cast<uint64_t>(&buffer_), sizeof buffer_);
    require(kevent64(direct_, &add, 1, nullptr, 0, 0, nullptr) == 0, "a knote");
    EV_SET64(&add, told_port_, EVFILT_MACHPORT, EV_ADD, 0, 0, 0, 0, 0);
    require(kevent64(told_, &add, 1, nullptr, 0, 0, nullptr) == 0, "a knote");
  }
  ~Client() {
    send(to_, MACH_PORT_NULL, 0);
    waitpid(server_, nullptr, 0);
  }

  void by_mach_msg() {
    Received message{};
    message.message.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
    message.message.header.msgh_size = sizeof message.message;
    message.message.header.msgh_remote_port = to_;
    message.message.header.msgh_local_port = plain_port_;
    message.message.header.msgh_id = 1;
    require(mach_msg(&message.message.header, MACH_SEND_MSG | MACH_RCV_MSG, sizeof message.message,
                     sizeof message, plain_port_, kNone, MACH_PORT_NULL) == MACH_MSG_SUCCESS,
            "a round trip");
  }
  void by_kevent_that_receives() {
    send(to_, direct_port_, 1);
    struct kevent64_s event;
    require(kevent64(direct_, nullptr, 0, &event, 1, 0, nullptr) == 1 && event.fflags == MACH_MSG_SUCCESS,
            "a reply");
  }
  void by_kevent_that_tells() {
    send(to_, told_port_, 1);
    struct kevent64_s event;
    require(kevent64(told_, nullptr, 0, &event, 1, 0, nullptr) == 1, "an event");
    require(receive(told_port_, MACH_RCV_TIMEOUT), "a reply");
  }
  void by_epoll() {
    send(to_, fd_port_, 1);
    epoll_event event;
    require(epoll_wait(epoll_, &event, 1, -1) == 1, "an event");
    require(receive(fd_port_, MACH_RCV_TIMEOUT), "a reply");
    require(portolan_port_fd_ready(fd_, nullptr) == 0, "nothing more");
  }

 private:
  mach_port_t direct_port_, told_port_, fd_port_, plain_port_, to_ = MACH_PORT_NULL;
  int direct_ = -1, told_ = -1, fd_ = -1, epoll_ = -1;
  pid_t server_ = -1;
  Received buffer_;
};

// Nanoseconds a time.
template <class Call>
double measure(int times, Call&& call) {
  const double start = seconds();
  for (int i = 0; i < times; i++) call();
  return (seconds() - start) * 1e9 / times;
}

void round_trips() {
  constexpr int kTrips = 300;
  Client client;
  std::vector<double> plain, direct, told, epoll;
  for (int round = 0; round < kRounds; round++) {
    plain.push_back(measure(kTrips, [&] { client.by_mach_msg(); }));
    direct.push_back(measure(kTrips, [&] { client.by_kevent_that_receives(); }));
    told.push_back(measure(kTrips, [&] { client.by_kevent_that_tells(); }));
    epoll.push_back(measure(kTrips, [&] { client.by_epoll(); }));
  }
  const double base = median(plain);
  printf(
      "a round trip to another process: mach_msg %.0f ns; kevent that receives %.0f ns (%.2f times), that "
      "tells "
      "%.0f ns (%.2f times), epoll %.0f ns (%.2f times)\n",
      base, median(direct), median(direct) / base, median(told), median(told) / base, median(epoll),
      median(epoll) / base);
}

// A full queue is emptied: nanoseconds a message.
void emptying() {
  constexpr int kMessages = 500;
  const mach_port_t plain = new_port(), watched = new_port();
  mach_port_limits_t limits = {kMessages};
  for (const mach_port_t port : {plain, watched})
    require(mach_port_set_attributes(mach_task_self(), port, MACH_PORT_LIMITS_INFO,
                                     reinterpret_cast<mach_port_info_t>(&limits),
                                     MACH_PORT_LIMITS_INFO_COUNT) == KERN_SUCCESS,
            "a longer queue");
  Received buffer;
  const int kq = kqueue();
  struct kevent64_s add;
  EV_SET64(&add, watched, EVFILT_MACHPORT, EV_ADD, MACH_RCV_MSG, 0, 0, reinterpret_cast<uint64_t>(&buffer),
           sizeof buffer);
  require(kevent64(kq, &add, 1, nullptr, 0, 0, nullptr) == 0, "a knote");
  std::vector<double> by_mach_msg, by_kevent;
  for (int round = 0; round < kRounds; round++) {
    for (int i = 0; i < kMessages; i++) send(plain, MACH_PORT_NULL, 1);
    by_mach_msg.push_back(
        measure(kMessages, [&] { require(receive(plain, MACH_RCV_TIMEOUT), "a message"); }));
    for (int i = 0; i < kMessages; i++) send(watched, MACH_PORT_NULL, 1);
    by_kevent.push_back(measure(kMessages, [&] {
      struct kevent64_s event;
      const struct timespec now = {0, 0};
      require(kevent64(kq, nullptr, 0, &event, 1, 0, &now) == 1, "an event");
    }));
  }
  const double base = median(by_mach_msg), kevents = median(by_kevent);
  printf("a message from a full queue: mach_msg %.0f ns, kevent that receives %.0f ns (%.2f times)\n", base,
         kevents, kevents / base);
}

// What a sender pays for a receiver that watches: nobody, and a queue that was told and did not look yet.
void sending() {
  constexpr int kMessages = 500;
  const mach_port_t ports[] = {new_port(), new_port()};
  mach_port_limits_t limits = {kMessages};
  const int kq = kqueue();
  struct kevent add;
  EV_SET(&add, ports[1], EVFILT_MACHPORT, EV_ADD, 0, 0, nullptr);
  require(kevent(kq, &add, 1, nullptr, 0, nullptr) == 0, "a knote");
  std::vector<double> costs[2];
  for (const mach_port_t port : ports)
    require(mach_port_set_attributes(mach_task_self(), port, MACH_PORT_LIMITS_INFO,
                                     reinterpret_cast<mach_port_info_t>(&limits),
                                     MACH_PORT_LIMITS_INFO_COUNT) == KERN_SUCCESS,
            "a longer queue");
  const struct timespec now = {0, 0};
  for (int round = 0; round < kRounds; round++)
    for (int i = 0; i < 2; i++) {
      struct kevent event;
      while (kevent(kq, nullptr, 0, &event, 1, &now) == 1) receive(ports[1], MACH_RCV_TIMEOUT);
      costs[i].push_back(measure(kMessages, [&] { send(ports[i], MACH_PORT_NULL, 1); }));
      while (receive(ports[i], MACH_RCV_TIMEOUT)) continue;
    }
  const double base = median(costs[0]), watched = median(costs[1]);
  printf("sending to a port that nobody waits for: %.0f ns; that a queue watches: %.0f ns (%.2f times)\n",
         base, watched, watched / base);
}

}  // namespace

void ports() {
  round_trips();
  emptying();
  sending();
}

}  // namespace bench
