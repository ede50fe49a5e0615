// SPDX-License-Identifier: Apache-2.0
// Threads on pthreads.
#include "base/thread.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace base {

Thread::Thread(std::function<void()> body) : body_(std::move(body)) {
  const int error = pthread_create(&thread_, nullptr, &Thread::Main, this);
  if (error != 0) {
    std::fprintf(stderr, "browser: cannot start a thread: %s\n", std::strerror(error));
    std::_Exit(70);
  }
}

Thread::~Thread() { Join(); }

void Thread::Join() {
  if (!joined_) pthread_join(thread_, nullptr);
  joined_ = true;
}

void* Thread::Main(void* self) {
  static_cast<Thread*>(self)->body_();
  return nullptr;
}

void Flag::Set() {
  const std::lock_guard<std::mutex> guard(lock_);
  set_ = true;
  changed_.notify_all();
}

bool Flag::IsSet() {
  const std::lock_guard<std::mutex> guard(lock_);
  return set_;
}

bool Flag::Wait(std::chrono::milliseconds longest) {
  std::unique_lock<std::mutex> guard(lock_);
  return changed_.wait_for(guard, longest, [this] { return set_; });
}

}  // namespace base
