// SPDX-License-Identifier: Apache-2.0
// REFUSED: a handler.s first parameter is the message
#include <portolan/portolan.hpp>

using namespace portolan;
using give = message<1, none, send_right>;
using question = message<2, int>;
using told = message<3, int>;

void handler(service& server) {
  server.on([](int) {});
}
