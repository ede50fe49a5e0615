// SPDX-License-Identifier: Apache-2.0
// A browser-like program, several processes and dozens of threads of it, that leaks thread ports: scenario 1.
//
//   browser [--clean] [--seconds N] [--renderers N] [--unanswered] [--verbose]
//
// Its last line says how many references it leaked; `portolan check browser` finds the same number and the
// place. Its messages are those of the C++ API, headers over the C calls: it would do the same on a Mac.
#include <cstdio>
#include <string>
#include <vector>

#include "base/logging.h"
#include "base/thread_id.h"
#include "browser/browser.h"
#include "browser/options.h"

int main(int argc, char** argv) {
  const std::string program = argv[0];
  browser::Options options;
  std::string problem;
  if (!browser::ParseOptions(std::vector<std::string>(argv + 1, argv + argc), &options, &problem)) {
    std::fprintf(stderr, "browser: %s\n%s", problem.c_str(), browser::kUsage);
    return 2;
  }
  if (options.help) {
    std::fputs(browser::kUsage, stdout);
    return 0;
  }
  logging::SetVerbose(options.verbose);
  if (options.clean) base::ReleaseThreadPorts();
  return browser::Browser(options).Run(program);
}
