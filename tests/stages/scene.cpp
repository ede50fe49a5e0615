// SPDX-License-Identifier: Apache-2.0
#include "stages/scene.hpp"

#include <signal.h>
#include <unistd.h>

#include "ipc/fsck.hpp"
#include "ipc/objects.hpp"
#include "segment/domain.hpp"

namespace portolan::stages {

namespace {

constexpr double kPatience = 15000;  // milliseconds

std::string compare(const user::Census& before, const user::Census& after) {
  std::string text;
  for (size_t i = 0; i < before.size() && i < after.size(); i++)
    if (before[i] != after[i])
      text += (i + 1 == before.size() ? "; threads " : "; zone " + std::to_string(i) + " ") +
              std::to_string(before[i]) + " before, " + std::to_string(after[i]) + " now";
  return text;
}

}  // namespace

std::string lives_program() { return std::string(PORTOLAN_TEST_PROGRAMS_DIR) + "/lives"; }

bool visited(const user::Domain& domain) {
  user::Program visitor(domain, "lives", {"visits"});
  return visitor.wait() == 0;
}

Scene::Scene()
    : server_(std::make_unique<user::Program>(domain_, "lives", user::Program::Arguments{"serves"})) {
  if (server_->line() != "serves" || !visited(domain_)) {
    failure_ = "nobody serves";
    return;
  }
  // launchd is there, and has cleared up behind the visitors: one task and two threads are left, and as much
  // is in use for a while.
  unsigned same = 0;
  for (const double end = user::now_ms() + kPatience; same < 10 && user::now_ms() < end; usleep(5000)) {
    user::Census now = user::census(domain_);
    const bool alone = now.back() == 2 && now[ipc::kZoneTask] == 1;
    same = alone && now == before_ && launchd() != 0 ? same + 1 : 0;
    before_ = std::move(now);
  }
  if (same < 10) failure_ = "the domain does not come to rest";
}

pid_t Scene::launchd() const {
  DomainPlace place;
  DomainError error;
  Segment segment;
  if (!domain_place((path() + "/").c_str(), place, error) || !domain_open_readonly(place, segment, error))
    return 0;
  const uint32_t slot = segment.header().launchd.load();
  const pid_t pid =
      slot == 0 || segment.is_dead(slot) ? 0 : static_cast<pid_t>(segment.slot(slot).tid.load());
  domain_unmap(segment);
  return pid;
}

void Scene::hold() const { kill(server_->pid(), SIGSTOP); }
void Scene::release() const { kill(server_->pid(), SIGCONT); }

std::string Scene::wrong() {
  if (!visited(domain_)) return "a stranger cannot be served";
  user::Census now = user::census(domain_);
  for (const double end = user::now_ms() + kPatience; now != before_ && user::now_ms() < end; usleep(2000))
    now = user::census(domain_);
  if (now != before_) return "in use" + compare(before_, now);
  return unsound();
}

// fsck, from outside: what somebody is just changing is looked at again.
std::string Scene::unsound() const {
  DomainPlace place;
  DomainError error;
  Segment segment;
  if (!domain_place((path() + "/").c_str(), place, error) || !domain_open_readonly(place, segment, error))
    return error.message;
  std::string text;
  for (int i = 0; i < 20; i++) {
    text = ipc::fsck(segment).text();
    if (text.empty()) break;
    usleep(50000);
  }
  domain_unmap(segment);
  return text;
}

}  // namespace portolan::stages
