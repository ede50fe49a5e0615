// SPDX-License-Identifier: Apache-2.0
// Keeps the files of file ports (ipc/fileport.hpp): one descriptor for each port that lives, under the port's
// identity. Tasks bring and fetch them over the socket DIRECTORY/files.sock, which is this user's and root's;
// a connection is for one request of a fixed size. Every read and write is one that does not wait, and
// closing a file, which may, is left to a thread: a slow or broken client stops nobody but itself.
//
// If we die here: Linux closes what was kept, since nobody else has it. The next launchd ends the ports.
#pragma once

#include <poll.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ipc/fileport.hpp"
#include "segment/domain_files.hpp"

namespace portolan::launchd {

class FileKeeper {
 public:
  FileKeeper(const Segment& segment, std::string directory)
      : domain_(segment.inode), directory_(std::move(directory)) {}
  ~FileKeeper() { hang_up(); }
  FileKeeper(const FileKeeper&) = delete;
  FileKeeper& operator=(const FileKeeper&) = delete;

  // Ends the ports whose files were the last launchd's, and opens the socket. False, with `errno`: nobody can
  // make a file port until a sweep can open it. To be called with launchd's lock.
  bool begin(Thread& self);
  // The domain is no longer this launchd's: the path is somebody else's.
  void hang_up();

  // For poll(), and what came of it.
  void descriptors(std::vector<pollfd>& fds);
  void attend(Thread& self, const std::vector<pollfd>& fds);
  // Closes the files whose port is gone.
  void sweep(Thread& self);

 private:
  struct Client {
    files::Descriptor socket;
    uint64_t since_ns = 0;
    bool trusted = false;
  };
  struct Kept {
    ipc::FilePort port;
    files::Descriptor file;
  };
  bool open();
  void accept_all(Thread& self);
  bool serve(Thread& self, const Client& client);
  int keep(Thread& self, const ipc::FilePort& port, files::Descriptor& file);
  bool has_room() const;

  uint64_t domain_;
  bool serves_ = false;
  std::string directory_;
  files::Descriptor socket_;
  uint64_t pause_until_ns_ = 0;  // no descriptor was free for another client
  std::vector<Client> clients_;  // that have not asked yet, oldest first
  std::map<uint64_t, Kept> kept_;
};

}  // namespace portolan::launchd
