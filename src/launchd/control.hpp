// SPDX-License-Identifier: Apache-2.0
// The way to launchd: the socket DIRECTORY/launchd.sock, for this user and root, and a private channel to
// each job that has services or sockets. Several clients at once; every read and write is one that does not
// wait, so that a slow or broken client stops nobody but itself. What takes long is answered later, by the
// client's number.
#pragma once

#include <poll.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "launchd/frame.hpp"
#include "segment/domain_files.hpp"

namespace portolan::launchd {

struct Asker {
  uint64_t client = 0;
  pid_t pid = 0;
  std::string label;  // of the job at the other end of a private channel; empty: a client of the socket
};

class Control {
 public:
  using Serve = std::function<void(const Asker&, const Value& request)>;

  explicit Control(std::string directory) : path_(std::move(directory) + "/" + kSocketName) {}
  ~Control() { close(); }
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  bool open();   // false, with `errno`
  void close();  // new clients find nobody
  bool is_open() const { return static_cast<bool>(socket_); }

  // A pair; the job's end is returned.
  files::Descriptor make_channel(const std::string& label, uint64_t& client);
  void drop(uint64_t client);
  bool known(uint64_t client) const { return clients_.count(client) != 0; }

  // For poll(), and what came of it.
  void descriptors(std::vector<pollfd>& fds) const;
  void attend(const std::vector<pollfd>& fds, const Serve& serve);
  // `passed` are copied.
  void answer(uint64_t client, const Value& value, const std::vector<int>& passed = {});

  // Somebody is there besides the jobs.
  bool busy() const;

 private:
  struct Client {
    files::Descriptor descriptor;
    pid_t pid = 0;
    std::string label;
    std::string in, out;
    std::vector<files::Descriptor> passed;  // with the next bytes of `out`
    bool broken = false;
  };
  void accept_all();
  void read_from(uint64_t number, Client& client, const Serve& serve);
  void write_to(Client& client);
  bool may_ask(int descriptor, pid_t& pid) const;
  void make_room();

  std::string path_;
  files::Descriptor socket_;
  std::map<uint64_t, Client> clients_;
  uint64_t last_ = 0;
};

}  // namespace portolan::launchd
