// SPDX-License-Identifier: Apache-2.0
// What the tests of run loops, and of what is built on them, have in common.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "api/api.hpp"

namespace api {

// A loop that gives up before the test does.
class Loops : public Api {
 protected:
  // Until somebody stops it; false if nobody did in time.
  [[nodiscard]] bool stopped() {
    const result<bool> ran = loop.run_for(kPatience);
    return ran && *ran;
  }
  // Whatever there is to do now.
  int drained() {
    int turns = 0;
    while (loop.run_once(0ms).value()) turns++;
    return turns;
  }

  run_loop loop;
};

class Pair {
 public:
  explicit Pair(bool of_pipe = false) {
    EXPECT_EQ(0, of_pipe ? pipe(fd) : socketpair(AF_UNIX, SOCK_STREAM, 0, fd));
  }
  ~Pair() {
    for (const int end : fd)
      if (end >= 0) close(end);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  void put(const char* text) {
    EXPECT_EQ(static_cast<ssize_t>(strlen(text)), write(fd[1], text, strlen(text)));
  }
  std::string take() {
    char bytes[100];
    const ssize_t count = read(fd[0], bytes, sizeof bytes);
    return std::string(bytes, count > 0 ? static_cast<size_t>(count) : 0);
  }
  void hang_up() {
    close(fd[1]);
    fd[1] = -1;
  }

  int fd[2] = {-1, -1};
};

}  // namespace api
