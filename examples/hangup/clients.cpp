// SPDX-License-Identifier: Apache-2.0
#include "clients.hpp"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <portolan/darwin_poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

std::string own_directory() {
  char path[4096];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  const std::string whole(path, length > 0 ? static_cast<size_t>(length) : 0);
  return whole.substr(0, whole.rfind('/'));
}

// What `portolan run --darwin-poll` does.
void use_profile(const std::string& profile) {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&portolan_poll_profile), &info) == 0) return;
  char path[4096];
  if (realpath(info.dli_fname, path) == nullptr) return;
  setenv("LD_PRELOAD", path, 1);
  setenv("PORTOLAN_DARWIN_POLL", profile.c_str(), 1);
}

class Daemon {
 public:
  explicit Daemon(const Setting& setting) {
    char directory[] = "/tmp/hangup-XXXXXX";
    if (mkdtemp(directory) == nullptr) fail("mkdtemp");
    directory_ = directory;
    socket_ = directory_ + "/socket";
    int out[2];
    if (pipe(out) != 0) fail("pipe");
    pid_ = fork();
    if (pid_ < 0) fail("fork");
    if (pid_ == 0) {
      dup2(out[1], STDOUT_FILENO);
      close(out[0]);
      close(out[1]);
      become(setting);
    }
    close(out[1]);
    lines_ = fdopen(out[0], "r");
    if (line() != "listens") throw std::runtime_error("the daemon does not start");
  }
  ~Daemon() {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
    std::fclose(lines_);
    unlink(socket_.c_str());
    rmdir(directory_.c_str());
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  const std::string& socket() const { return socket_; }
  std::string line() const {
    char text[128];
    if (std::fgets(text, sizeof text, lines_) == nullptr) throw std::runtime_error("the daemon is gone");
    std::string whole = text;
    while (!whole.empty() && whole.back() == '\n') whole.pop_back();
    return whole;
  }

 private:
  [[noreturn]] void become(const Setting& setting) const {
    const bool queue = setting.profile == "kqueue";
    if (!queue) use_profile(setting.profile);
    const std::string program = own_directory() + (queue ? "/hangup_daemon_kqueue" : "/hangup_daemon");
    const std::string descriptors = std::to_string(setting.descriptors),
                      limit = std::to_string(setting.limit);
    std::vector<const char*> words = {program.c_str(),     socket_.c_str(), "--descriptors",
                                      descriptors.c_str(), "--limit",       limit.c_str()};
    if (setting.late) words.push_back("--late");
    words.push_back(nullptr);
    execv(program.c_str(), const_cast<char* const*>(words.data()));
    std::perror(program.c_str());
    _exit(127);
  }

  std::string directory_, socket_;
  pid_t pid_ = -1;
  FILE* lines_ = nullptr;
};

// Connects, waits until the session listens, asks for something, is understood, and dies.
[[noreturn]] void live_and_die(const std::string& path) {
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "%s", path.c_str());
  const int session = socket(AF_UNIX, SOCK_STREAM, 0);
  char byte = '?';
  if (connect(session, reinterpret_cast<struct sockaddr*>(&address), sizeof address) != 0 ||
      read(session, &byte, 1) != 1 || write(session, "?", 1) != 1 || read(session, &byte, 1) != 1) {
    std::perror("hangup: a client");
    _exit(1);
  }
  kill(getpid(), SIGKILL);
  _exit(1);
}

pid_t start_client(const std::string& path) {
  const pid_t pid = fork();
  if (pid < 0) fail("fork");
  if (pid == 0) live_and_die(path);
  return pid;
}

void count(const std::string& line, Tally& tally) {
  char word[16] = {};
  int early = 0;
  if (std::sscanf(line.c_str(), "%15s %d", word, &early) != 2) throw std::runtime_error("strange: " + line);
  const std::string end = word;
  (end == "seen" ? tally.seen : end == "lost" ? tally.lost : tally.broken)++;
  if (early > 0) tally.early++;
}

void show_progress(const Setting& setting, const Tally& tally) {
  if (isatty(STDERR_FILENO) == 0) return;
  std::fprintf(stderr, "\r%s, %d: %d of %d, %d lost ", setting.profile.c_str(), setting.descriptors,
               tally.runs(), setting.runs, tally.lost);
  if (tally.runs() == setting.runs) std::fprintf(stderr, "\r%60s\r", "");
}

}  // namespace

Tally measure(const Setting& setting) {
  const Daemon daemon(setting);
  Tally tally;
  int started = 0;
  while (tally.runs() < setting.runs) {
    for (; started < setting.runs && started - tally.runs() < setting.at_once; started++)
      start_client(daemon.socket());
    count(daemon.line(), tally);
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    show_progress(setting, tally);
  }
  return tally;
}

void visit(const std::string& socket, int runs) {
  for (int run = 0; run < runs; run++) {
    int status = 0;
    waitpid(start_client(socket), &status, 0);
    if (!WIFSIGNALED(status)) throw std::runtime_error("a client was not served");
  }
}
