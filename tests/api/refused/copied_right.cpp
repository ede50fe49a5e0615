// SPDX-License-Identifier: Apache-2.0
// REFUSED: deleted function|implicitly-deleted|implicitly deleted
#include <portolan/portolan.hpp>

using namespace portolan;
using give = message<1, none, send_right>;
using question = message<2, int>;
using told = message<3, int>;

send_right copied(const send_right& right) { return right; }
