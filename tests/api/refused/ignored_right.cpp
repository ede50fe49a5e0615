// SPDX-License-Identifier: Apache-2.0
// REFUSED: nodiscard|ignoring return
#include <portolan/portolan.hpp>

using namespace portolan;
using give = message<1, none, send_right>;
using question = message<2, int>;
using told = message<3, int>;

void ignored() { thread_self(); }
