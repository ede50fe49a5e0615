// SPDX-License-Identifier: Apache-2.0
#include "checks/exception_words.hpp"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

namespace checks {

unsigned ActionLists::of(exception_mask_t type) const {
  for (unsigned i = 0; i < count && i < 32; i++)
    if ((masks[i] & type) != 0) return i;
  ADD_FAILURE() << "no entry for " << type;
  return 0;
}

ActionLists task_actions(exception_mask_t mask, task_t task) {
  ActionLists lists;
  EXPECT_CODE(KERN_SUCCESS, task_get_exception_ports(task, mask, lists.masks, &lists.count, lists.ports,
                                                     lists.behaviors, lists.flavors));
  return lists;
}

ActionLists thread_actions(thread_t thread, exception_mask_t mask) {
  ActionLists lists;
  EXPECT_CODE(KERN_SUCCESS, thread_get_exception_ports(thread, mask, lists.masks, &lists.count, lists.ports,
                                                       lists.behaviors, lists.flavors));
  return lists;
}

void set_task(exception_mask_t mask, mach_port_t port, exception_behavior_t behavior,
              thread_state_flavor_t flavor) {
  EXPECT_CODE(KERN_SUCCESS, task_set_exception_ports(mach_task_self(), mask, port, behavior, flavor));
}

namespace {

char g_program[] = PORTOLAN_TEST_PROGRAMS_DIR "/exception_child";
char* const g_arguments[] = {g_program, nullptr};

int status_of_child(pid_t pid) {
  int status = -1;
  EXPECT_EQ(pid, waitpid(pid, &status, 0));
  EXPECT_TRUE(WIFEXITED(status)) << status;
  return WEXITSTATUS(status);
}

}  // namespace

int spawn_teller(const std::function<void(posix_spawnattr_t&)>& prepare, int* code) {
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  prepare(attributes);
  pid_t pid = -1;
  const int failed = posix_spawn(&pid, g_program, nullptr, &attributes, g_arguments, environ);
  posix_spawnattr_destroy(&attributes);
  if (code != nullptr) *code = failed;
  return failed == 0 ? status_of_child(pid) : -1;
}

int exec_teller() {
  const pid_t pid = fork();
  if (pid == 0) {
    execv(g_program, g_arguments);
    _exit(127);
  }
  return status_of_child(pid);
}

Told told_at(mach_port_t port) {
  Received message{};
  EXPECT_CODE(MACH_MSG_SUCCESS, receive(message, port));
  uint32_t words[2];
  std::memcpy(words, message.room + sizeof message.header, sizeof words);
  return {message.header.msgh_id - 1000, words[0], static_cast<thread_state_flavor_t>(words[1])};
}

}  // namespace checks
