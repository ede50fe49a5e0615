// SPDX-License-Identifier: Apache-2.0
// Ports checks 125 to 128: file ports.
#include <fcntl.h>
#include <kern/ipc_kobject.h>
#include <poll.h>
#include <sys/fileport.h>
#include <unistd.h>

#include <cerrno>

#include "checks/words.hpp"

namespace checks {
namespace {

fileport_t port_of(int fd) {
  fileport_t port = FILEPORT_NULL;
  EXPECT_EQ(0, fileport_makeport(fd, &port)) << errno;
  return port;
}

// A file of six bytes, at offset 2.
int new_file() {
  char path[] = "/tmp/portolan-check-XXXXXX";
  const int fd = mkstemp(path);
  EXPECT_EQ(0, unlink(path));
  EXPECT_EQ(6, write(fd, "abcdef", 6));
  EXPECT_EQ(2, lseek(fd, 2, SEEK_SET));
  return fd;
}

natural_t kind_of(mach_port_t port) {
  natural_t kind = 0;
  mach_vm_address_t address = 0;
  EXPECT_CODE(KERN_SUCCESS, mach_port_kobject(mach_task_self(), port, &kind, &address));
  return kind;
}

int refused(mach_port_t port) {
  EXPECT_EQ(-1, fileport_makefd(port));
  return errno;
}

CHECK(Ports, P125_AFileOutlivesItsMakerInAMessage) {
  const mach_port_t queue = new_port_with_sends(1);
  Peer maker([](const Line& line) {
    const auto to = static_cast<mach_port_t>(line.hear());
    EXPECT_CODE(KERN_SUCCESS, send_rights(to, MACH_MSG_TYPE_COPY_SEND, 5,
                                          {{port_of(new_file()), MACH_MSG_TYPE_MOVE_SEND}}));
    line.tell(1);
    line.wait();
  });
  maker.line().tell(maker.give(queue, MACH_MSG_TYPE_COPY_SEND));
  EXPECT_EQ(1u, maker.line().hear());
  maker.end();

  Received message;
  ASSERT_EQ(MACH_MSG_SUCCESS, receive(message, queue));
  const fileport_t port = message.rights.port.name;
  const int one = fileport_makefd(port), other = fileport_makefd(port);
  EXPECT_GE(one, 0);
  EXPECT_GE(other, 0);
  EXPECT_NE(one, other);
  EXPECT_EQ(FD_CLOEXEC, fcntl(one, F_GETFD));
  EXPECT_EQ(FD_CLOEXEC, fcntl(other, F_GETFD));
  char bytes[2] = {};
  EXPECT_EQ(2, lseek(other, 0, SEEK_CUR));
  EXPECT_EQ(2, read(one, bytes, 2));
  EXPECT_EQ('c', bytes[0]);
  EXPECT_EQ(4, lseek(other, 0, SEEK_CUR));
}

CHECK(Ports, P126_TheLastRightLetsGoOfTheFile) {
  int ends[2];
  ASSERT_EQ(0, pipe(ends));
  const mach_port_t queue = new_port();
  EXPECT_CODE(KERN_SUCCESS,
              send_rights(queue, MACH_MSG_TYPE_MAKE_SEND, 5, {{port_of(ends[1]), MACH_MSG_TYPE_MOVE_SEND}}));
  close(ends[1]);
  pollfd reader{ends[0], POLLIN, 0};
  EXPECT_EQ(0, poll(&reader, 1, 50));
  drop_receive(queue);
  EXPECT_EQ(1, poll(&reader, 1, kPatience));
  char byte = 0;
  EXPECT_EQ(0, read(ends[0], &byte, 1));
}

CHECK(Ports, P127_WhatIsNoFileAndNoFilePort) {
  for (const mach_port_t name : {MACH_PORT_NULL, MACH_PORT_DEAD, mach_port_t{0x1234503}, new_port(),
                                 new_port_with_sends(1), new_dead_name(), mach_task_self()})
    EXPECT_EQ(EINVAL, refused(name)) << name;
  const natural_t before = space_of().iisb_table_inuse;
  const int fd = dup(0);
  close(fd);
  fileport_t port = FILEPORT_NULL;
  EXPECT_EQ(-1, fileport_makeport(fd, &port));
  EXPECT_EQ(EBADF, errno);
  EXPECT_EQ(FILEPORT_NULL, port);
  EXPECT_EQ(before, space_of().iisb_table_inuse);
}

CHECK(Ports, P128_EachCallMakesAPort) {
  const int fd = new_file();
  const fileport_t one = port_of(fd), other = port_of(fd);
  EXPECT_NE(one, other);
  for (const fileport_t port : {one, other}) {
    EXPECT_EQ(natural_t{IKOT_FILEPORT}, kind_of(port));
    EXPECT_EQ(1u, refs_of(port));
    drop_send(port);
    EXPECT_EQ(0u, type_of(port));
  }
  EXPECT_EQ(2, lseek(fd, 0, SEEK_CUR));
}

}  // namespace
}  // namespace checks
