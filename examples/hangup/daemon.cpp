// SPDX-License-Identifier: Apache-2.0
// A daemon of the old school: it forks for each client, and a monitor in each session waits for the client's
// hang-up.
//   hangup_daemon SOCKET [--descriptors 1|2] [--limit MS] [--late]
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "session.hpp"

namespace {

int fail(const char* what) {
  std::fprintf(stderr, "hangup_daemon: %s: %s\n", what, std::strerror(errno));
  return 1;
}

int listen_at(const char* path) {
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0 || bind(listener, reinterpret_cast<struct sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener, 128) != 0)
    return -1;
  return listener;
}

bool parse(int argc, char** argv, SessionOptions& options) {
  for (int i = 2; i < argc; i++) {
    const std::string word = argv[i];
    const int value = i + 1 < argc ? std::atoi(argv[i + 1]) : 0;
    if (word == "--late") {
      options.reads_late = true;
    } else if (word == "--limit" && value > 0) {
      options.limit = value;
      i++;
    } else if (word == "--descriptors" && (value == 1 || value == 2)) {
      options.with_wake_up = value == 2;
      i++;
    } else {
      return false;
    }
  }
  return argc >= 2 && argv[1][0] != '-';
}

}  // namespace

int main(int argc, char** argv) {
  SessionOptions options;
  if (!parse(argc, argv, options)) {
    std::fprintf(stderr, "usage: hangup_daemon SOCKET [--descriptors 1|2] [--limit MS] [--late]\n");
    return 2;
  }
  signal(SIGCHLD, SIG_IGN);  // sessions go without a word
  signal(SIGPIPE, SIG_IGN);
  const int listener = listen_at(argv[1]);
  if (listener < 0) return fail(argv[1]);
  if (write(STDOUT_FILENO, "listens\n", 8) != 8) return fail("standard output");
  for (;;) {
    const int client = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0 && errno == EINTR) continue;
    if (client < 0) return fail("accept");
    const pid_t session = fork();
    if (session < 0) return fail("fork");
    if (session == 0) {
      prctl(PR_SET_PDEATHSIG, SIGTERM);
      close(listener);
      serve(client, options);
    }
    close(client);
  }
}
