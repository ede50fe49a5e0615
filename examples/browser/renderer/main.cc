// SPDX-License-Identifier: Apache-2.0
// renderer --service=NAME --index=N [--unanswered]. The browser starts it; by hand it is of no use.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "renderer/renderer.h"

int main(int argc, char** argv) {
  renderer::Options options;
  for (int i = 1; i < argc; i++) {
    const std::string argument = argv[i];
    if (argument.compare(0, 10, "--service=") == 0) options.service = argument.substr(10);
    if (argument.compare(0, 8, "--index=") == 0) {
      options.index = static_cast<uint32_t>(std::strtoul(argument.c_str() + 8, nullptr, 10));
    }
    if (argument == "--unanswered") options.unanswered = true;
  }
  if (options.service.empty()) {
    std::fputs("renderer is started by browser\n", stderr);
    return 2;
  }
  return renderer::Run(options);
}
