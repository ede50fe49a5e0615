// SPDX-License-Identifier: Apache-2.0
// REFUSED: is used up by sending: std::move it
#include <portolan/portolan.hpp>

using namespace portolan;
using give = message<1, none, send_right>;
using question = message<2, int>;
using told = message<3, int>;

result<void> twice(const send_right& to, give& letter) { return send(to, letter); }
