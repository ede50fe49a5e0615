// SPDX-License-Identifier: Apache-2.0
// Threads that are joined, and a flag to wait on.
#ifndef BROWSER_BASE_THREAD_H_
#define BROWSER_BASE_THREAD_H_

#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>

namespace base {

// Runs a function on a thread of its own. Join() before destruction.
class Thread {
 public:
  explicit Thread(std::function<void()> body);
  ~Thread();
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  void Join();

 private:
  static void* Main(void* self);

  std::function<void()> body_;
  pthread_t thread_{};
  bool joined_ = false;
};

// Set once, seen by everybody.
class Flag {
 public:
  void Set();
  bool IsSet();
  // Sleeps until the flag is set, at most so long. True: it is set.
  bool Wait(std::chrono::milliseconds longest);

 private:
  std::mutex lock_;
  std::condition_variable changed_;
  bool set_ = false;  // under the lock
};

}  // namespace base

#endif  // BROWSER_BASE_THREAD_H_
