// SPDX-License-Identifier: Apache-2.0
// REFUSED: nodiscard|ignoring return
#include <portolan/portolan.hpp>

using namespace portolan;

void ignored(run_loop& loop) {
  loop.after(std::chrono::seconds(1), [] {}).value();
}
