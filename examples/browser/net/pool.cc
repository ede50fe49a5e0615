// SPDX-License-Identifier: Apache-2.0
// Short-lived threads, reaped by those who start the next.
#include "net/pool.h"

#include <utility>

namespace net {

Pool::~Pool() { Finish(); }

void Pool::Start(std::function<void()> job) {
  std::list<std::unique_ptr<Worker>> done;  // joined without the lock
  auto worker = std::make_unique<Worker>();
  Worker* self = worker.get();
  worker->thread = std::make_unique<base::Thread>([self, job = std::move(job)] {
    job();
    self->done.Set();
  });
  {
    const std::lock_guard<std::mutex> guard(lock_);
    for (auto at = workers_.begin(); at != workers_.end();) {
      const auto next = std::next(at);
      if ((*at)->done.IsSet()) done.splice(done.end(), workers_, at);
      at = next;
    }
    workers_.push_back(std::move(worker));
    started_++;
  }
}

void Pool::Finish() {
  std::list<std::unique_ptr<Worker>> all;
  {
    const std::lock_guard<std::mutex> guard(lock_);
    all.swap(workers_);
  }
  all.clear();  // ~Thread joins
}

uint64_t Pool::Started() {
  const std::lock_guard<std::mutex> guard(lock_);
  return started_;
}

}  // namespace net
