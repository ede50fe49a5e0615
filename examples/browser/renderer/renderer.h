// SPDX-License-Identifier: Apache-2.0
// A renderer process: loads resources through the browser and paints what the browser asks for.
#ifndef BROWSER_RENDERER_RENDERER_H_
#define BROWSER_RENDERER_RENDERER_H_

#include "browser/options.h"

namespace renderer {

// The whole life of the process. Returns its exit status.
int Run(const browser::Options& options);

}  // namespace renderer

#endif  // BROWSER_RENDERER_RENDERER_H_
