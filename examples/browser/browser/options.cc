// SPDX-License-Identifier: Apache-2.0
// The browser's command line.
#include "browser/options.h"

#include <cstdlib>

namespace browser {

const char kUsage[] =
    "usage: browser [--clean] [--seconds N] [--renderers N] [--unanswered] [--verbose]\n"
    "  --clean        release each thread port after use, so that nothing leaks\n"
    "  --seconds N    how long to browse (default 2)\n"
    "  --renderers N  how many renderer processes, 1 to 32 (default 2)\n"
    "  --unanswered   a second leak: each renderer leaves 12 paint requests unanswered\n"
    "  --verbose      write the log to the standard error stream\n";

namespace {

bool ToNumber(const std::string& text, double least, double most, double* number) {
  char* end = nullptr;
  *number = std::strtod(text.c_str(), &end);
  return !text.empty() && *end == '\0' && *number >= least && *number <= most;
}

}  // namespace

bool ParseOptions(const std::vector<std::string>& arguments, Options* options, std::string* problem) {
  for (size_t i = 0; i < arguments.size(); i++) {
    std::string name = arguments[i];
    std::string value;
    const size_t equals = name.find('=');
    const bool joined = equals != std::string::npos;
    if (joined) {
      value = name.substr(equals + 1);
      name.resize(equals);
    }
    const auto takes_value = [&] {
      if (!joined && i + 1 < arguments.size()) value = arguments[++i];
    };
    double number = 0;
    if (name == "--clean") {
      options->clean = true;
    } else if (name == "--unanswered") {
      options->unanswered = true;
    } else if (name == "--verbose") {
      options->verbose = true;
    } else if (name == "--help" || name == "-h") {
      options->help = true;
    } else if (name == "--seconds") {
      takes_value();
      if (!ToNumber(value, 0, 86400, &options->seconds)) {
        *problem = "--seconds needs a number";
        return false;
      }
    } else if (name == "--renderers") {
      takes_value();
      if (!ToNumber(value, 1, 32, &number)) {
        *problem = "--renderers needs a number from 1 to 32";
        return false;
      }
      options->renderers = static_cast<uint32_t>(number);
    } else {
      *problem = "what is " + arguments[i] + "?";
      return false;
    }
  }
  return true;
}

}  // namespace browser
