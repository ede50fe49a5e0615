// SPDX-License-Identifier: Apache-2.0
// A namespace of one's own: what is checked in inside is invisible outside, what is outside can be seen from
// inside, children are born into it, and it falls with the port that asked for it.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <portolan/portolan.hpp>
#include <string>

namespace {

using namespace std::chrono_literals;
using portolan::bootstrap::check_in;
using portolan::bootstrap::look_up;

using greeting = portolan::message<4000>;

bool all_good = true;

void say(const char* what, bool is_so, bool should_be) {
  std::printf("%-52s %s%s\n", what, is_so ? "yes" : "no", is_so == should_be ? "" : "  (unexpected)");
  std::fflush(stdout);
  all_good = all_good && is_so == should_be;
}

// Runs in the child, whose bootstrap_port is the subset. Lives until it is greeted.
int child(const std::string& outer_name, const std::string& inner_name) {
  const auto inner = check_in(inner_name.c_str()).value();
  say("child: finds what is outside", look_up(outer_name.c_str()).has_value(), true);
  say("child: is greeted through its name", portolan::receive<greeting>(inner, 20s).has_value(), true);
  return all_good ? 0 : 1;
}

}  // namespace

int main() {
  const std::string outer_name = "com.example.outside." + std::to_string(getpid());
  const std::string inner_name = "com.example.inside." + std::to_string(getpid());
  const mach_port_t root = bootstrap_port;
  const auto outer = check_in(outer_name.c_str()).value();

  // The subset lives as long as this port.
  auto requestor = portolan::receive_right::allocate().value();
  const auto subset = portolan::bootstrap::subset(requestor.make_send().value()).value();
  say("parent: the subset lies in the root", portolan::bootstrap::parent(subset.get()).value().get() == root,
      true);

  // From now on our children's bootstrap_port is the subset.
  if (task_set_bootstrap_port(mach_task_self(), subset.get()) != KERN_SUCCESS) return 1;
  std::fflush(stdout);
  const pid_t pid = fork();
  if (pid == 0) _exit(child(outer_name, inner_name));

  const auto inner = look_up(inner_name.c_str(), 20s, subset.get());
  say("parent: finds the child's name in the subset", inner.has_value(), true);
  say("parent: finds the child's name in the root", look_up(inner_name.c_str(), root).has_value(), false);
  if (inner) portolan::send(*inner, greeting{}, 20s).value();
  int status = 0;
  waitpid(pid, &status, 0);
  all_good = all_good && status == 0;

  requestor.reset();
  say("parent: the subset falls with its requestor", subset.is_dead(), true);
  return all_good ? 0 : 1;
}
