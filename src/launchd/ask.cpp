// SPDX-License-Identifier: Apache-2.0
#include "launchd/ask.hpp"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

namespace portolan::launchd {

using files::Descriptor;

bool socket_address(const std::string& path, sockaddr_un& address, Descriptor& directory) {
  address = {};
  address.sun_family = AF_UNIX;
  std::string name = path;
  if (name.size() >= sizeof address.sun_path) {
    const size_t slash = path.find_last_of('/');
    directory.reset(::open(path.substr(0, slash).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    name = "/proc/self/fd/" + std::to_string(directory.get()) + path.substr(slash);
  }
  if (name.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return false;
  }
  memcpy(address.sun_path, name.c_str(), name.size());
  return true;
}

bool Connection::open(const std::string& directory) {
  sockaddr_un address{};
  Descriptor step;
  if (!socket_address(directory + "/" + kSocketName, address, step)) return false;
  Descriptor made(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!made || connect(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return false;
  socket_ = std::move(made);
  in_.clear();
  return true;
}

Connection::Outcome Connection::ask(const Value& request, Value& answer) {
  const std::string out = frame(request);
  for (size_t sent = 0; sent < out.size();) {
    const ssize_t count = send(socket_.get(), out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      socket_.reset();
      return Outcome::not_sent;
    }
    sent += static_cast<size_t>(count);
  }
  for (;;) {
    const Framed framed = unframe(in_, answer);
    if (framed == Framed::whole) return Outcome::answered;
    char piece[1 << 14];
    const ssize_t count = framed == Framed::more ? recv(socket_.get(), piece, sizeof piece, 0) : 0;
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      socket_.reset();
      return Outcome::no_answer;
    }
    in_.append(piece, static_cast<size_t>(count));
  }
}

}  // namespace portolan::launchd
