// SPDX-License-Identifier: Apache-2.0
// Child processes.
#ifndef BROWSER_BROWSER_PROCESS_H_
#define BROWSER_BROWSER_PROCESS_H_

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace browser {

// The path of the program `name` that lies beside the program at `path`; just `name`, to be sought where
// shells seek, if that has no directory.
std::string Beside(const std::string& path, const std::string& name);

class Process {
 public:
  // Starts `program` with these arguments; ends this process if that cannot be done.
  Process(const std::string& program, const std::vector<std::string>& arguments);

  pid_t pid() const { return pid_; }

  // Waits until it has ended, by itself or, after that time, killed. True: with exit status 0.
  bool Wait(std::chrono::milliseconds longest);

 private:
  pid_t pid_ = -1;
};

}  // namespace browser

#endif  // BROWSER_BROWSER_PROCESS_H_
