// SPDX-License-Identifier: Apache-2.0
#include "launchd/file_keeper.hpp"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <thread>

#include "segment/futex.hpp"

namespace portolan::launchd {

namespace {

using files::Descriptor;
using ipc::FileAnswer;
using ipc::FilePort;
using ipc::FileRequest;

constexpr size_t kClientsMost = 64;
constexpr uint64_t kClientsTime = 5'000'000'000;  // to ask
constexpr uint64_t kPause = 100'000'000;
constexpr size_t kSpare = 64;  // descriptors that launchd needs for the rest of its work

// May wait: for a network, for a file system of a program's, for a socket that lingers.
void close_elsewhere(std::vector<Descriptor> files) {
  if (files.empty()) return;
  try {
    std::thread([files = std::move(files)]() mutable { files.clear(); }).detach();
  } catch (const std::system_error&) {  // no thread: they were closed here
  }
}
void close_elsewhere(Descriptor file) {
  if (!file) return;
  std::vector<Descriptor> one;
  one.push_back(std::move(file));
  close_elsewhere(std::move(one));
}

enum class Heard { nothing, rubbish, request };

// One packet, with room for one descriptor.
Heard hear(int socket, FileRequest& request, Descriptor& file) {
  iovec bytes{&request, sizeof request};
  alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = room;
  message.msg_controllen = sizeof room;
  const ssize_t count = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (count < 0) return errno == EAGAIN || errno == EINTR ? Heard::nothing : Heard::rubbish;
  for (const cmsghdr* head = CMSG_FIRSTHDR(&message); head != nullptr;
       head = CMSG_NXTHDR(&message, const_cast<cmsghdr*>(head))) {
    if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
    int fd = -1;
    memcpy(&fd, CMSG_DATA(head), sizeof fd);
    file.reset(fd);
  }
  return count == sizeof request && (message.msg_flags & MSG_TRUNC) == 0 ? Heard::request : Heard::rubbish;
}

// False: not now. A fresh connection has room for it.
bool tell(int socket, int error, int file) {
  const FileAnswer answer{error};
  iovec bytes{const_cast<FileAnswer*>(&answer), sizeof answer};
  alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  if (file >= 0) {
    message.msg_control = room;
    message.msg_controllen = sizeof room;
    cmsghdr* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof file);
    memcpy(CMSG_DATA(head), &file, sizeof file);
  }
  return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof answer;
}

bool is_trusted(int socket) {
  ucred peer{};
  socklen_t length = sizeof peer;
  return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
         (peer.uid == geteuid() || peer.uid == 0);
}

}  // namespace

bool FileKeeper::begin(Thread& self) {
  ipc::fileports_end(self);
  serves_ = true;
  return open();
}

bool FileKeeper::open() {
  sockaddr_un address{};
  Descriptor step;
  if (!files::socket_address(directory_.c_str(), files::kFilesSocket, address, step)) return false;
  Descriptor made(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made) return false;
  unlink(address.sun_path);  // a dead launchd's: we hold its lock
  const mode_t before = umask(077);
  const int bound = bind(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  umask(before);
  if (bound != 0 || chmod(address.sun_path, 0600) != 0 || listen(made.get(), SOMAXCONN) != 0) return false;
  socket_ = std::move(made);
  return true;
}

void FileKeeper::hang_up() {
  serves_ = false;
  socket_.reset();
  clients_.clear();
}

void FileKeeper::descriptors(std::vector<pollfd>& fds) {
  if (socket_ && monotonic_ns() >= pause_until_ns_) fds.push_back({socket_.get(), POLLIN, 0});
  for (const Client& client : clients_) fds.push_back({client.socket.get(), POLLIN, 0});
}

void FileKeeper::attend(Thread& self, const std::vector<pollfd>& fds) {
  bool knocks = false;
  for (const pollfd& ready : fds) {
    if (ready.revents == 0) continue;
    if (socket_ && ready.fd == socket_.get()) knocks = true;
    const auto client = std::find_if(clients_.begin(), clients_.end(),
                                     [&](const Client& one) { return one.socket.get() == ready.fd; });
    if (client == clients_.end()) continue;
    if (serve(self, *client)) clients_.erase(client);
  }
  if (knocks) accept_all(self);
  const uint64_t now = monotonic_ns();
  std::erase_if(clients_, [&](const Client& client) { return now - client.since_ns > kClientsTime; });
}

// As a rule the request is there already. Of those that have not asked, the one that has been there longest
// gives way.
void FileKeeper::accept_all(Thread& self) {
  for (size_t i = 0; i < kClientsMost; i++) {
    Descriptor made(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!made) {
      if (errno == EMFILE || errno == ENFILE) pause_until_ns_ = monotonic_ns() + kPause;
      return;
    }
    const bool trusted = is_trusted(made.get());
    Client client{std::move(made), monotonic_ns(), trusted};
    if (serve(self, client)) continue;
    if (clients_.size() == kClientsMost) clients_.erase(clients_.begin());
    clients_.push_back(std::move(client));
  }
}

// True: it is through, and goes.
bool FileKeeper::serve(Thread& self, const Client& client) {
  FileRequest request{};
  Descriptor file;
  const Heard heard = hear(client.socket.get(), request, file);
  if (heard == Heard::nothing) return false;
  int error = EINVAL, found = -1;
  if (heard == Heard::rubbish) {
    close_elsewhere(std::move(file));
    return true;
  }
  if (!client.trusted) {
    error = EPERM;
  } else if (request.domain != domain_) {
    error = EAGAIN;  // of a domain that was here before
  } else {
    const FilePort port{request.port, request.identity};
    if (request.operation == ipc::kFileKeep) error = keep(self, port, file);
    const auto known = kept_.find(request.identity);
    if (request.operation == ipc::kFileGet && known != kept_.end()) {
      error = 0;
      found = known->second.file.get();
    }
  }
  if (!tell(client.socket.get(), error, found) && found >= 0 && errno == ETOOMANYREFS)
    tell(client.socket.get(), EAGAIN, -1);
  close_elsewhere(std::move(file));
  return true;
}

// Its maker waits for the answer, and so has a right to it, unless the port was ended or its maker was.
int FileKeeper::keep(Thread& self, const FilePort& port, Descriptor& file) {
  if (!file || !has_room()) return ENFILE;
  if (!ipc::fileport_lives(self, port)) return ESRCH;
  kept_[port.identity] = {port, std::move(file)};
  return 0;
}

bool FileKeeper::has_room() const {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  return kept_.size() + kSpare < limit.rlim_cur;
}

void FileKeeper::sweep(Thread& self) {
  if (serves_ && !socket_) open();  // there may be a descriptor for it by now
  std::vector<Descriptor> gone;
  for (auto& [identity, kept] : kept_)
    if (!ipc::fileport_lives(self, kept.port)) gone.push_back(std::move(kept.file));
  std::erase_if(kept_, [](const auto& one) { return !one.second.file; });
  close_elsewhere(std::move(gone));
}

}  // namespace portolan::launchd
