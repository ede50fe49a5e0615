// SPDX-License-Identifier: Apache-2.0
#include "checks/darwin_poll_words.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace checks {

namespace {

// One line of an epoll's fdinfo: "tfd:        5 events: 40002001 data: ...".
bool is_spent(const std::string& line, int fd) {
  std::istringstream words(line);
  std::string name, events_word;
  int tfd = -1;
  uint32_t events = 0;
  words >> name >> tfd >> events_word >> std::hex >> events;
  return name == "tfd:" && tfd == fd && (events & EPOLLONESHOT) != 0 && (events & (EPOLLIN | EPOLLHUP)) == 0;
}

bool is_spent(int fd) {
  for (const auto& file : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
    std::ifstream lines(file.path());
    for (std::string line; std::getline(lines, line);)
      if (is_spent(line, fd)) return true;
  }
  return false;
}

}  // namespace

void wait_until_spent(int fd) {
  eventually([fd] { return is_spent(fd); });
}

Pair new_connection() {
  Pair pair;
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* name = reinterpret_cast<struct sockaddr*>(&address);
  EXPECT_EQ(0, bind(listener, name, length));
  EXPECT_EQ(0, listen(listener, 1));
  EXPECT_EQ(0, getsockname(listener, name, &length));
  pair.fd[1] = socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_EQ(0, connect(pair.fd[1], name, length));
  pair.fd[0] = accept(listener, nullptr, nullptr);
  EXPECT_GE(pair.fd[0], 0);
  close(listener);
  return pair;
}

}  // namespace checks
