// SPDX-License-Identifier: Apache-2.0
// REFUSED: a payload has numbers only, no pointers
#include <portolan/portolan.hpp>

using namespace portolan;
using give = message<1, none, send_right>;
using question = message<2, int>;
using told = message<3, int>;

struct bad {
  int count;
  const char* text;
};
result<void> pointer(const send_right& to) { return send(to, message<4, bad>{{1, "text"}}); }
