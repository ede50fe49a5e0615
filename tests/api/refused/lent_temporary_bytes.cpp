// SPDX-License-Identifier: Apache-2.0
// REFUSED: deleted function
#include <portolan/portolan.hpp>

using namespace portolan;
using give = message<1, none, send_right>;
using question = message<2, int>;
using told = message<3, int>;

#include <string>
using bytes = message<5, none, ool_memory>;
bytes dangling() { return bytes{bytes_of(std::string("gone"))}; }
