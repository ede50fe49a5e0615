// SPDX-License-Identifier: Apache-2.0
// For the tests of the C++ API: this process is a task in a domain of its own (main.cpp), and every test has
// to leave as many names and user references as it found.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <map>
#include <portolan/portolan.hpp>
#include <string>
#include <utility>

namespace api {

using namespace portolan;
using namespace std::chrono_literals;

inline constexpr std::chrono::seconds kPatience{20};

// Kind of right and number of user references: how many names there are of each.
using Census = std::map<std::pair<mach_port_type_t, mach_port_urefs_t>, int>;
Census census();

class Api : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

 private:
  Census before_;
};

// A process of its own, made by fork, in which `body` runs. What the parent's objects own means nothing
// there.
class Child {
 public:
  explicit Child(const std::function<void()>& body);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  void kill_hard();
  // 0 if no expectation failed there.
  int wait();

 private:
  pid_t pid_ = -1;
  bool ended_ = false;
};

// A name that nobody else uses.
std::string service_name();

// Messages of the tests.
struct numbers {
  uint32_t a;
  uint32_t b;
};
using plain = message<100, numbers>;
using empty = message<101>;

}  // namespace api
