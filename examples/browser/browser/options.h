// SPDX-License-Identifier: Apache-2.0
// The browser's command line.
#ifndef BROWSER_BROWSER_OPTIONS_H_
#define BROWSER_BROWSER_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace browser {

struct Options {
  double seconds = 2;
  uint32_t renderers = 2;
  bool clean = false;       // give thread ports back
  bool unanswered = false;  // renderers leave some paint requests without an answer
  bool verbose = false;
  bool help = false;
};

// False: `problem` says what is wrong.
bool ParseOptions(const std::vector<std::string>& arguments, Options* options, std::string* problem);

// What the browser starts its renderer number `index` with.
std::vector<std::string> RendererArguments(const Options& options, const std::string& service,
                                           uint32_t index);

extern const char kUsage[];

}  // namespace browser

#endif  // BROWSER_BROWSER_OPTIONS_H_
