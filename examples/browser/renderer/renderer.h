// SPDX-License-Identifier: Apache-2.0
// A renderer process: loads resources through the browser and paints what the browser asks for.
#ifndef BROWSER_RENDERER_RENDERER_H_
#define BROWSER_RENDERER_RENDERER_H_

#include <cstdint>
#include <string>

namespace renderer {

struct Options {
  std::string service;      // where the browser is found
  uint32_t index = 0;       // tells the browser's renderers apart
  bool unanswered = false;  // leave some paint requests without an answer
};

// The whole life of the process. Returns its exit status.
int Run(const Options& options);

}  // namespace renderer

#endif  // BROWSER_RENDERER_RENDERER_H_
