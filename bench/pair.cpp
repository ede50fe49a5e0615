// SPDX-License-Identifier: Apache-2.0
// Starting peers: fork and exec, so that each reads its domain from its own environment as it loads the
// library.
#include "pair.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>

extern char** environ;

namespace bench {

namespace {

constexpr int kPatience = 30000;  // milliseconds that a round may take

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

// Out of the way of the numbers that the peers use.
int high(int descriptor) {
  const int moved = fcntl(descriptor, F_DUPFD_CLOEXEC, 64);
  if (moved < 0) fail("fcntl");
  close(descriptor);
  return moved;
}

std::vector<std::string> environment(const Case& what, const std::string& domain) {
  std::vector<std::string> all;
  for (char** at = environ; *at != nullptr; at++) {
    if (std::strncmp(*at, "PORTOLAN_", 9) != 0) all.emplace_back(*at);
  }
  all.push_back("PORTOLAN_DOMAIN=" + domain);
  if (what.spin_off) all.emplace_back("PORTOLAN_SPIN=0");
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> all;
  for (std::string& string : strings) all.push_back(string.data());
  all.push_back(nullptr);
  return all;
}

pid_t start(const std::string& peer, std::vector<std::string> arguments, std::vector<std::string> variables,
            int control, int memory, int socket) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (control >= 0) posix_spawn_file_actions_adddup2(&actions, control, kControl);
  posix_spawn_file_actions_adddup2(&actions, memory, kMemory);
  posix_spawn_file_actions_adddup2(&actions, socket, kSocket);
  pid_t pid = -1;
  const int error = posix_spawn(&pid, peer.c_str(), &actions, nullptr, pointers(arguments).data(),
                                pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error("cannot start " + peer + ": " + std::strerror(error));
  return pid;
}

}  // namespace

PrivateDomain::PrivateDomain() {
  char name[] = "/dev/shm/portolan-bench-XXXXXX";
  if (mkdtemp(name) == nullptr) fail("mkdtemp");
  path_ = name;
}

PrivateDomain::~PrivateDomain() {
  // The domain's launchd goes with its last task and takes the domain along; give it a moment.
  for (int i = 0; i < 100 && access(path_.c_str(), F_OK) == 0; i++) usleep(10000);
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Pair::Pair(const Case& what, const std::string& peer, const PrivateDomain& domain, unsigned number) {
  int memory = memfd_create("portolan-bench", MFD_CLOEXEC);
  if (memory < 0 || ftruncate(memory, sizeof(Shared)) != 0) fail("memfd_create");
  memory = high(memory);
  void* mapped = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  if (mapped == MAP_FAILED) fail("mmap");
  shared_ = static_cast<Shared*>(mapped);
  int control[2];
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) != 0) fail("socketpair");
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) fail("socketpair");
  for (int* descriptor : {&control[0], &control[1], &sockets[0], &sockets[1]})
    *descriptor = high(*descriptor);

  const std::string service = "bench." + std::to_string(number);
  const auto arguments = [&](const char* role, int cpu) {
    std::vector<std::string> all = {peer, role, what.kind, what.shape, service};
    if (cpu >= 0) all.push_back(std::to_string(cpu));
    return all;
  };
  const std::vector<std::string> variables = environment(what, domain.path());
  server_ = start(peer, arguments("server", what.server_cpu), variables, -1, memory, sockets[0]);
  client_ = start(peer, arguments("client", what.client_cpu), variables, control[1], memory, sockets[1]);
  control_ = control[0];
  for (int descriptor : {memory, control[1], sockets[0], sockets[1]}) close(descriptor);
}

Pair::~Pair() {
  close(control_);
  for (pid_t pid : {client_, server_}) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  munmap(shared_, sizeof(Shared));
}

bool Pair::receive(Done& done) {
  pollfd ready{control_, POLLIN, 0};
  if (poll(&ready, 1, kPatience) != 1) return false;
  return read(control_, &done, sizeof done) == static_cast<ssize_t>(sizeof done);
}

bool Pair::ready() {
  Done done{};
  return receive(done);
}

bool Pair::run(const Command& command, std::vector<double>& samples) {
  if (send(control_, &command, sizeof command, MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof command))
    return false;
  Done done{};
  if (!receive(done)) return false;
  samples.insert(samples.end(), shared_->samples, shared_->samples + done.samples);
  return true;
}

}  // namespace bench
