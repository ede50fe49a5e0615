// SPDX-License-Identifier: Apache-2.0
// One loading thread of a renderer.
#ifndef BROWSER_RENDERER_LOADER_H_
#define BROWSER_RENDERER_LOADER_H_

#include <cstdint>
#include <portolan/portolan.hpp>

#include "base/thread.h"

namespace renderer {

// Loads resources over `channel` until `quit`. False: something arrived damaged.
bool LoadUntil(const portolan::send_right& channel, uint32_t number, base::Flag* quit);

}  // namespace renderer

#endif  // BROWSER_RENDERER_LOADER_H_
