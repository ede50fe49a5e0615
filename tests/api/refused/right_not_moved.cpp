// SPDX-License-Identifier: Apache-2.0
// REFUSED: cannot be given as that part of the message
#include <portolan/portolan.hpp>

using namespace portolan;
using give = message<1, none, send_right>;
using question = message<2, int>;
using told = message<3, int>;

give kept(send_right& right) { return give{right}; }
