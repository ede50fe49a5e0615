// SPDX-License-Identifier: Apache-2.0
// One client's process in the daemon.
#pragma once

struct SessionOptions {
  bool with_wake_up = true;  // the monitor watches two descriptors, not one
  bool reads_late = false;   // the request lies there for a while before it is read
  int limit = 1000;          // milliseconds after the request, for the monitor to see that the client is gone
};

// Serves the client and says on standard output how it ended: "seen N" or "lost N", N times that the monitor
// woke for nothing. Does not return.
[[noreturn]] void serve(int client, const SessionOptions& options);
