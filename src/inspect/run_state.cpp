// SPDX-License-Identifier: Apache-2.0
#include "inspect/run_state.hpp"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

namespace portolan::inspect {

namespace {

RunState state_of(char letter) {
  switch (letter) {
    case 'R':
      return RunState::running;
    case 'S':
    case 'I':
      return RunState::sleeping;
    case 'D':
      return RunState::blocked;
    case 'T':
      return RunState::stopped;
    case 't':
      return RunState::traced;
    case 'Z':
    case 'X':
      return RunState::dead;
    default:
      return RunState::unknown;
  }
}

}  // namespace

ThreadLook look_at_thread(uint32_t pid, uint32_t tid) {
  ThreadLook look;
  if (tid == 0) return look;
  const std::string path = pid == 0
                               ? "/proc/" + std::to_string(tid) + "/status"
                               : "/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + "/status";
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    if (errno == ENOENT || errno == ESRCH) look.state = RunState::dead;
    return look;
  }
  char text[8192];
  size_t length = 0;
  ssize_t got = 0;
  while (length < sizeof text - 1 && (got = read(file, text + length, sizeof text - 1 - length)) > 0)
    length += static_cast<size_t>(got);
  if (got < 0 && errno == ESRCH) look.state = RunState::dead;
  close(file);
  text[length] = 0;
  // A name with a line feed is written with an escape: each line is one of Linux's own.
  if (const char* state = strstr(text, "\nState:\t")) look.state = state_of(state[8]);
  for (const char* key : {"\nvoluntary_ctxt_switches:\t", "\nnonvoluntary_ctxt_switches:\t"})
    if (const char* count = strstr(text, key)) look.switches += strtoull(count + strlen(key), nullptr, 10);
  return look;
}

const char* state_word(RunState state) {
  switch (state) {
    case RunState::running:
      return "running";
    case RunState::sleeping:
      return "sleeping";
    case RunState::blocked:
      return "blocked";
    case RunState::stopped:
      return "stopped";
    case RunState::traced:
      return "traced";
    case RunState::dead:
      return "dead";
    case RunState::unknown:
      break;
  }
  return "unknown";
}

}  // namespace portolan::inspect
