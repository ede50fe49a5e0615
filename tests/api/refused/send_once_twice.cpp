// SPDX-License-Identifier: Apache-2.0
// REFUSED: send_once_right
#include <portolan/portolan.hpp>

using namespace portolan;
using give = message<1, none, send_right>;
using question = message<2, int>;
using told = message<3, int>;

result<void> twice(send_once_right& to) { return send(to, question{1}); }
