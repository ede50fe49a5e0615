// SPDX-License-Identifier: Apache-2.0
#include "api/api.hpp"

#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <span>

namespace api {

namespace {

mach_port_urefs_t references(mach_port_name_t name, mach_port_type_t type) {
  mach_port_urefs_t count = 0;
  const mach_port_right_t right =
      (type & MACH_PORT_TYPE_DEAD_NAME) != 0 ? MACH_PORT_RIGHT_DEAD_NAME : MACH_PORT_RIGHT_SEND;
  return mach_port_get_refs(mach_task_self(), name, right, &count) == KERN_SUCCESS ? count : 0;
}

}  // namespace

Census census() {
  mach_port_name_array_t names = nullptr;
  mach_port_type_array_t types = nullptr;
  mach_msg_type_number_t name_count = 0;
  mach_msg_type_number_t type_count = 0;
  EXPECT_EQ(KERN_SUCCESS, mach_port_names(mach_task_self(), &names, &name_count, &types, &type_count));
  Census all;
  for (mach_msg_type_number_t i = 0; i < name_count; i++) all[{types[i], references(names[i], types[i])}]++;
  vm_deallocate(mach_task_self(), reinterpret_cast<vm_address_t>(names), name_count * sizeof *names);
  vm_deallocate(mach_task_self(), reinterpret_cast<vm_address_t>(types), type_count * sizeof *types);
  return all;
}

// The port that replies come to is kept from call to call, and counts on both sides.
void Api::SetUp() {
  ASSERT_TRUE(detail::reply_port::of_this_thread().name());
  before_ = census();
}

void Api::TearDown() {
  ASSERT_TRUE(detail::reply_port::of_this_thread().name());
  EXPECT_EQ(before_, census()) << "kind and references of names, and how many";
}

Child::Child(const std::function<void()>& body) {
  std::fflush(nullptr);
  pid_ = fork();
  if (pid_ != 0) return;
  body();
  std::fflush(nullptr);
  _exit(testing::Test::HasFailure() ? 1 : 0);
}

Child::~Child() {
  if (!ended_) kill_hard();
}

void Child::kill_hard() {
  kill(pid_, SIGKILL);
  wait();
}

int Child::wait() {
  int status = -1;
  waitpid(pid_, &status, 0);
  ended_ = true;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string service_name() {
  static int count = 0;
  return "com.example.api." + std::to_string(getpid()) + "." + std::to_string(count++);
}

}  // namespace api
