// SPDX-License-Identifier: Apache-2.0
// REFUSED: a part is a send_right
#include <portolan/portolan.hpp>

using namespace portolan;
using give = message<1, none, send_right>;
using question = message<2, int>;
using told = message<3, int>;

using odd = message<6, none, int>;
odd made;
