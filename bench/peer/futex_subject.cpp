// SPDX-License-Identifier: Apache-2.0
// Two futex words in shared memory, no spinning: the floor of what costs a wake-up each way.
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "subject.hpp"

namespace bench {

namespace {

void post(std::atomic<uint32_t>& word, uint32_t value) {
  word.store(value, std::memory_order_release);
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

void wait(std::atomic<uint32_t>& word, uint32_t value) {
  for (;;) {
    const uint32_t now = word.load(std::memory_order_acquire);
    if (now == value) return;
    syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAIT, now, nullptr, nullptr, 0);
  }
}

class RoundTrip final : public Subject {
 public:
  explicit RoundTrip(Shared& shared) : shared_(shared) {}

  void serve() override {
    for (;;) {
      wait(shared_.to_server, ++turn_);
      std::memcpy(shared_.reply, shared_.request, kMessage);
      post(shared_.to_client, turn_);
    }
  }
  void iterate() override {
    std::memset(shared_.request, static_cast<int>(++turn_ & 0xff), kMessage);
    post(shared_.to_server, turn_);
    wait(shared_.to_client, turn_);
  }

 private:
  Shared& shared_;
  uint32_t turn_ = 0;
};

}  // namespace

std::unique_ptr<Subject> futex_subject(const std::string& measure, Shared& shared) {
  if (measure == "round-trip") return std::make_unique<RoundTrip>(shared);
  return nullptr;
}

}  // namespace bench
