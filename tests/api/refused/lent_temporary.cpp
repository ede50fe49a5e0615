// SPDX-License-Identifier: Apache-2.0
// REFUSED: deleted function
#include <portolan/portolan.hpp>

using namespace portolan;
using give = message<1, none, send_right>;
using question = message<2, int>;
using told = message<3, int>;

give dangling(const receive_right& port) { return give{copy_of(port.make_send().value())}; }
