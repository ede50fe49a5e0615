// SPDX-License-Identifier: Apache-2.0
#include "launchd/control.hpp"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>

#include "launchd/ask.hpp"

namespace portolan::launchd {

namespace {

using files::Descriptor;

constexpr size_t kClientsMost = 128;  // of the socket
constexpr size_t kPiece = 64 << 10;
constexpr size_t kUnsentMost = 4u << 20;  // a client that asks and never reads is left

}  // namespace

bool Control::open() {
  sockaddr_un address{};
  Descriptor directory;
  if (!socket_address(path_, address, directory)) return false;
  Descriptor made(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made) return false;
  unlink(path_.c_str());  // a dead launchd's: we hold its lock
  const mode_t before = umask(077);
  const int bound = bind(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  umask(before);
  if (bound != 0 || chmod(path_.c_str(), 0600) != 0 || listen(made.get(), SOMAXCONN) != 0) return false;
  socket_ = std::move(made);
  return true;
}

void Control::close() {
  if (!socket_) return;
  unlink(path_.c_str());
  socket_.reset();
}

Descriptor Control::make_channel(const std::string& label, uint64_t& client) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return Descriptor();
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  client = ++last_;
  Client& made = clients_[client];
  made.descriptor.reset(ends[0]);
  made.label = label;
  return Descriptor(ends[1]);
}

void Control::drop(uint64_t client) { clients_.erase(client); }

bool Control::busy() const {
  return std::any_of(clients_.begin(), clients_.end(),
                     [](const auto& one) { return one.second.label.empty(); });
}

void Control::descriptors(std::vector<pollfd>& fds) const {
  if (socket_) fds.push_back({socket_.get(), POLLIN, 0});
  for (const auto& [number, client] : clients_)
    fds.push_back(
        {client.descriptor.get(), static_cast<short>(client.out.empty() ? POLLIN : POLLIN | POLLOUT), 0});
}

bool Control::may_ask(int descriptor, pid_t& pid) const {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return false;
  pid = peer.pid;
  return peer.uid == geteuid() || peer.uid == 0;
}

// The one that has been there longest gives way.
void Control::make_room() {
  const auto outside = [](const auto& one) { return one.second.label.empty(); };
  if (static_cast<size_t>(std::count_if(clients_.begin(), clients_.end(), outside)) < kClientsMost) return;
  clients_.erase(std::find_if(clients_.begin(), clients_.end(), outside));
}

void Control::accept_all() {
  for (;;) {
    Descriptor made(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!made) return;
    pid_t pid = 0;
    if (!may_ask(made.get(), pid)) continue;
    make_room();
    Client& client = clients_[++last_];
    client.descriptor = std::move(made);
    client.pid = pid;
  }
}

void Control::read_from(uint64_t number, Client& client, const Serve& serve) {
  char piece[kPiece];
  const ssize_t count = recv(client.descriptor.get(), piece, sizeof piece, 0);
  if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) client.broken = true;
  if (count <= 0) return;
  client.in.append(piece, static_cast<size_t>(count));
  const Asker asker{number, client.pid, client.label};
  for (;;) {
    Value request;
    const Framed framed = unframe(client.in, request);
    if (framed == Framed::broken) client.broken = true;
    if (framed != Framed::whole) return;
    serve(asker, request);
  }
}

void Control::write_to(Client& client) {
  while (!client.out.empty()) {
    iovec bytes{client.out.data(), client.out.size()};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int) * 64)] = {};
    const size_t passed = std::min<size_t>(client.passed.size(), 64);
    if (passed != 0) {
      message.msg_control = room;
      message.msg_controllen = CMSG_SPACE(sizeof(int) * passed);
      cmsghdr* head = CMSG_FIRSTHDR(&message);
      head->cmsg_level = SOL_SOCKET;
      head->cmsg_type = SCM_RIGHTS;
      head->cmsg_len = CMSG_LEN(sizeof(int) * passed);
      for (size_t i = 0; i < passed; i++) {
        const int fd = client.passed[i].get();
        memcpy(CMSG_DATA(head) + i * sizeof(int), &fd, sizeof fd);
      }
    }
    const ssize_t count = sendmsg(client.descriptor.get(), &message, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) break;
    if (count < 0) {
      client.broken = true;
      return;
    }
    client.passed.clear();
    client.out.erase(0, static_cast<size_t>(count));
  }
  if (client.out.size() > kUnsentMost + kFrameMax) client.broken = true;
}

void Control::answer(uint64_t number, const Value& value, const std::vector<int>& passed) {
  const auto found = clients_.find(number);
  if (found == clients_.end()) return;
  Client& client = found->second;
  for (const int fd : passed) client.passed.emplace_back(fcntl(fd, F_DUPFD_CLOEXEC, 3));
  client.out += frame(value);
  write_to(client);
}

void Control::attend(const std::vector<pollfd>& fds, const Serve& serve) {
  for (const pollfd& ready : fds) {
    if (ready.revents == 0) continue;
    if (socket_ && ready.fd == socket_.get()) {
      accept_all();
      continue;
    }
    const auto found = std::find_if(clients_.begin(), clients_.end(),
                                    [&](const auto& one) { return one.second.descriptor.get() == ready.fd; });
    if (found == clients_.end()) continue;
    if ((ready.revents & POLLOUT) != 0) write_to(found->second);
    if ((ready.revents & (POLLIN | POLLHUP | POLLERR)) != 0) read_from(found->first, found->second, serve);
  }
  std::erase_if(clients_, [](const auto& one) { return one.second.broken; });
}

}  // namespace portolan::launchd
