// SPDX-License-Identifier: Apache-2.0
#include "checks/bootstrap_words.hpp"

#include <fcntl.h>
#include <portolan/spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sstream>

namespace checks {

mach_port_t check_in(const char* name, mach_port_t bp) {
  mach_port_t port = MACH_PORT_NULL;
  EXPECT_CODE(BOOTSTRAP_SUCCESS, bootstrap_check_in(bp, name, &port)) << name;
  return port;
}

mach_port_t look_up(const char* name, mach_port_t bp) {
  mach_port_t port = MACH_PORT_NULL;
  EXPECT_CODE(BOOTSTRAP_SUCCESS, bootstrap_look_up(bp, name, &port)) << name;
  return port;
}

mach_port_t subset_of(mach_port_t requestor, mach_port_t bp) {
  mach_port_t subset = MACH_PORT_NULL;
  EXPECT_CODE(BOOTSTRAP_SUCCESS, bootstrap_subset(bp, requestor, &subset));
  return subset;
}

kern_return_t check_in_code(const char* name, mach_port_t bp) {
  mach_port_t port = MACH_PORT_NULL;
  return bootstrap_check_in(bp, name, &port);
}

kern_return_t look_up_code(const char* name, mach_port_t bp) {
  mach_port_t port = MACH_PORT_NULL;
  const kern_return_t code = bootstrap_look_up(bp, name, &port);
  if (code == KERN_SUCCESS) drop_send(port);
  return code;
}

kern_return_t register_code(const char* name, mach_port_t port, mach_port_t bp) {
  return bootstrap_register(bp, const_cast<char*>(name), port);
}

bool leads_to(mach_port_t send, mach_port_t receive) {
  static mach_msg_id_t id = 7000;
  if (send_empty(send, MACH_MSG_TYPE_COPY_SEND, ++id) != MACH_MSG_SUCCESS) return false;
  return await_id(receive) == id;
}

Program::Program(How how, std::vector<std::string> arguments, mach_port_t bootstrap) {
  arguments.insert(arguments.begin(), PORTOLAN_TEST_PROGRAMS_DIR "/bootstrap_child");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) return;
  if (how == How::spawn) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    if (bootstrap != kNoPort) {
      EXPECT_EQ(0, posix_spawnattr_setspecialport_np(&attributes, bootstrap, TASK_BOOTSTRAP_PORT));
    }
    EXPECT_EQ(0, posix_spawn(&pid_, argv[0], &actions, &attributes, argv.data(), environ));
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
  } else {
    pid_ = fork();
    if (pid_ == 0) {
      dup2(in[0], 0);
      dup2(out[1], 1);
      execv(argv[0], argv.data());
      _exit(127);
    }
  }
  close(in[0]);
  close(out[1]);
  in_ = in[1];
  out_ = out[0];
}

Program::~Program() {
  if (in_ >= 0) status();
  close(out_);
}

std::vector<long> Program::line() {
  std::string text;
  for (char byte = 0; read(out_, &byte, 1) == 1 && byte != '\n';) text += byte;
  std::istringstream numbers(text);
  std::vector<long> read;
  for (long number; numbers >> number;) read.push_back(number);
  return read;
}

int Program::status() {
  close(in_);
  in_ = -1;
  int status = -1;
  EXPECT_EQ(pid_, waitpid(pid_, &status, 0));
  return status;
}

}  // namespace checks
