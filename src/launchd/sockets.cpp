// SPDX-License-Identifier: Apache-2.0
#include "launchd/sockets.hpp"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

namespace portolan::launchd {

namespace {

std::string why(const SocketSpec& spec, const char* what) {
  return "Sockets." + spec.key + ": " + what + ": " + strerror(errno);
}

bool listens(const SocketSpec& spec) { return spec.type != SOCK_DGRAM; }

// A file that is there is taken away only if it is a socket of nobody else's kind: the last run's.
void clear_away(const std::string& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) unlink(path.c_str());
}

void open_unix(const SocketSpec& spec, std::vector<OpenSocket>& sockets, std::vector<std::string>& problems) {
  OpenSocket made;
  made.key = spec.key;
  std::string path = spec.path;
  if (!spec.secure_key.empty()) {
    made.directory = "/tmp/launchd-XXXXXX";
    if (mkdtemp(made.directory.data()) == nullptr) return problems.push_back(why(spec, "no directory"));
    path = made.directory + "/" + spec.key;
    made.variable = {spec.secure_key, path};
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return problems.push_back(why(spec, path.c_str()));
  }
  memcpy(address.sun_path, path.c_str(), path.size());
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  made.descriptor.reset(socket(AF_UNIX, spec.type | SOCK_CLOEXEC, 0));
  if (!made.descriptor) return problems.push_back(why(spec, "no socket"));
  if (!spec.passive) {
    if (connect(made.descriptor.get(), generic, sizeof address) != 0)
      return problems.push_back(why(spec, path.c_str()));
    sockets.push_back(std::move(made));
    return;
  }
  clear_away(path);
  const mode_t before = umask(077);
  const int bound = bind(made.descriptor.get(), generic, sizeof address);
  umask(before);
  if (bound != 0) return problems.push_back(why(spec, path.c_str()));
  made.path = path;
  if (spec.mode) chmod(path.c_str(), *spec.mode);
  if (listens(spec) && listen(made.descriptor.get(), SOMAXCONN) != 0)
    return problems.push_back(why(spec, "cannot listen"));
  sockets.push_back(std::move(made));
}

void open_address(const SocketSpec& spec, const addrinfo& address, std::vector<OpenSocket>& sockets,
                  std::vector<std::string>& problems) {
  OpenSocket made;
  made.key = spec.key;
  made.descriptor.reset(socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC, address.ai_protocol));
  if (!made.descriptor) return problems.push_back(why(spec, "no socket"));
  const int fd = made.descriptor.get(), one = 1;
  if (address.ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
  if (!spec.passive) {
    // Without waiting for the other side: the job finds out.
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    if (connect(fd, address.ai_addr, address.ai_addrlen) != 0 && errno != EINPROGRESS)
      return problems.push_back(why(spec, "cannot connect"));
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    sockets.push_back(std::move(made));
    return;
  }
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, address.ai_addr, address.ai_addrlen) != 0) return problems.push_back(why(spec, "cannot bind"));
  if (listens(spec) && listen(fd, SOMAXCONN) != 0) return problems.push_back(why(spec, "cannot listen"));
  sockets.push_back(std::move(made));
}

void open_network(const SocketSpec& spec, std::vector<OpenSocket>& sockets,
                  std::vector<std::string>& problems) {
  addrinfo hints{};
  hints.ai_family = spec.family;
  hints.ai_socktype = spec.type;
  hints.ai_protocol = spec.protocol;
  hints.ai_flags = AI_NUMERICHOST | (spec.passive ? AI_PASSIVE : 0);
  const bool local = same_letters(spec.node, "localhost");
  if (local) hints.ai_flags &= ~AI_PASSIVE;  // no node at all is the loopback then
  addrinfo* list = nullptr;
  const char* node = spec.node.empty() || local ? nullptr : spec.node.c_str();
  const int code = getaddrinfo(node, spec.service.c_str(), &hints, &list);
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, freeaddrinfo);
  if (code != 0)
    return problems.push_back("Sockets." + spec.key + ": " + spec.node + " " + spec.service + ": " +
                              gai_strerror(code) + " (an address has to be a number, or localhost)");
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next)
    open_address(spec, *one, sockets, problems);
}

}  // namespace

std::vector<OpenSocket> open_sockets(const JobSpec& job, std::vector<std::string>& problems) {
  std::vector<OpenSocket> sockets;
  for (const SocketSpec& spec : job.sockets) {
    if (!spec.path.empty() || !spec.secure_key.empty())
      open_unix(spec, sockets, problems);
    else
      open_network(spec, sockets, problems);
  }
  return sockets;
}

void close_sockets(std::vector<OpenSocket>& sockets) {
  for (OpenSocket& one : sockets) {
    if (!one.path.empty()) unlink(one.path.c_str());
    if (!one.directory.empty()) rmdir(one.directory.c_str());
  }
  sockets.clear();
}

}  // namespace portolan::launchd
