// SPDX-License-Identifier: Apache-2.0
// Two threads: the monitor, and this one, which reads the request with plain blocking calls and then works
// for a client that it does not listen to any more.
#include "session.hpp"

#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>

#include "monitor.hpp"

namespace {

using std::chrono::milliseconds;

std::mutex g_lock;
std::condition_variable g_interrupt;
bool g_interrupted = false;

void interrupt() {
  const std::lock_guard<std::mutex> lock(g_lock);
  g_interrupted = true;
  g_interrupt.notify_all();
}

// What the client asked for takes longer than anybody waits; only an interruption ends it.
bool work(milliseconds limit) {
  std::unique_lock<std::mutex> lock(g_lock);
  return g_interrupt.wait_for(lock, limit, [] { return g_interrupted; });
}

}  // namespace

void serve(int client, const SessionOptions& options) {
  Monitor monitor(client, options.with_wake_up, interrupt);
  std::thread watcher([&monitor] { monitor.run(); });
  while (!monitor.waits()) std::this_thread::yield();
  std::this_thread::sleep_for(milliseconds(1));
  char byte = '!';
  bool good = write(client, &byte, 1) == 1;  // ready
  if (options.reads_late) std::this_thread::sleep_for(milliseconds(20));
  good = good && read(client, &byte, 1) == 1;   // the request
  good = good && write(client, &byte, 1) == 1;  // understood
  const bool interrupted = work(milliseconds(options.limit));
  char line[64];
  const int length = std::snprintf(line, sizeof line, "%s %d\n",
                                   !good         ? "broken"
                                   : interrupted ? "seen"
                                                 : "lost",
                                   monitor.early_returns());
  if (write(STDOUT_FILENO, line, static_cast<size_t>(length)) != length) std::perror("hangup_daemon: report");
  monitor.stop();
  if (interrupted || options.with_wake_up) watcher.join();
  _exit(0);  // a monitor that cannot be told to end goes with its process
}
