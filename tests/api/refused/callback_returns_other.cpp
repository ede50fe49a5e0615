// SPDX-License-Identifier: Apache-2.0
// REFUSED: a callback returns nothing, bytes, or an optional of bytes
#include <portolan/portolan.hpp>

using namespace portolan;

result<local_message_port> callback(run_loop& loop) {
  return local_message_port::check_in(loop, "name", [](int32_t, const port_data&) { return 1; });
}
