// SPDX-License-Identifier: Apache-2.0
// REFUSED: a handler takes what its source tells, or nothing
#include <portolan/portolan.hpp>

using namespace portolan;

result<timer_source> handler(run_loop& loop) {
  return loop.every(std::chrono::seconds(1), [](const char*) {});
}
