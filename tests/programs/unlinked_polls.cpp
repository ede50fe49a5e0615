// SPDX-License-Identifier: Apache-2.0
// A program that knows nothing of Portolan and waits for a hang-up in poll, as POSIX has it.
//   unlinked_polls EVENTS WAIT    EVENTS: hup, in (POLLIN and POLLHUP), none; WAIT: milliseconds
// The other end writes a byte, which lies there until poll has seen it, and goes. Prints "told", "early" if
// poll returned 0 before, or "silent" if it has not returned in time; then, with "silent", waits for a line.
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace {

short g_events;
int g_socket, g_wake;
std::atomic<int> g_early{0};

void* monitor(void*) {
  for (;;) {
    struct pollfd entries[2] = {{g_socket, g_events, 0}, {g_wake, POLLIN, 0}};
    if (poll(entries, 2, -1) == 0) g_early++;
    if ((entries[0].revents & POLLHUP) != 0) return nullptr;
    if ((entries[0].revents & POLLIN) != 0) {
      char byte;
      if (read(g_socket, &byte, 1) == 0) return nullptr;
    }
  }
}

// Where Darwin's poll is made of epolls they tell whether they still wait for something.
bool is_spent(const std::string& line) {
  std::istringstream words(line);
  std::string name, events_word;
  int fd = -1;
  unsigned events = 0;
  words >> name >> fd >> events_word >> std::hex >> events;
  return name == "tfd:" && fd == g_socket && (events & POLLIN) == 0;
}

bool was_looked_at() {
  if (getenv("PORTOLAN_DARWIN_POLL") == nullptr || g_early > 0 || g_events != POLLHUP) return true;
  for (const auto& file : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
    std::ifstream lines(file.path());
    for (std::string line; std::getline(lines, line);)
      if (is_spent(line)) return true;
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string asked = argv[1];
  g_events = asked == "hup" ? POLLHUP : asked == "in" ? POLLIN | POLLHUP : 0;
  int sockets[2], wake[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0 || pipe(wake) != 0) return 1;
  g_socket = sockets[0];
  g_wake = wake[0];
  pthread_t thread;
  if (pthread_create(&thread, nullptr, monitor, nullptr) != 0) return 1;
  if (write(sockets[1], "x", 1) != 1) return 1;
  while (!was_looked_at()) usleep(1000);
  close(sockets[1]);
  const long wait = std::atol(argv[2]);
  timespec end{};
  clock_gettime(CLOCK_REALTIME, &end);
  end.tv_sec += wait / 1000;
  end.tv_nsec += wait % 1000 * 1'000'000;
  if (end.tv_nsec >= 1'000'000'000) {
    end.tv_sec++;
    end.tv_nsec -= 1'000'000'000;
  }
  if (pthread_timedjoin_np(thread, nullptr, &end) == 0) {
    std::puts(g_early > 0 ? "early" : "told");
    return 0;
  }
  std::puts("silent");
  std::fflush(stdout);
  char line[16];
  return std::fgets(line, sizeof line, stdin) == nullptr ? 0 : 1;
}
