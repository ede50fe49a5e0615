// SPDX-License-Identifier: Apache-2.0
// One loading thread of a renderer.
#ifndef BROWSER_RENDERER_LOADER_H_
#define BROWSER_RENDERER_LOADER_H_

#include <mach/mach.h>

#include <cstdint>

#include "base/thread.h"

namespace renderer {

// Loads resources over `channel`, a send right of the caller's, until `quit`. False: something arrived
// damaged.
bool LoadUntil(mach_port_t channel, uint32_t number, base::Flag* quit);

}  // namespace renderer

#endif  // BROWSER_RENDERER_LOADER_H_
