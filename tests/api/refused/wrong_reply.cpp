// SPDX-License-Identifier: Apache-2.0
// REFUSED: no matching|cannot convert|could not convert|no viable
#include <portolan/portolan.hpp>

using namespace portolan;
using give = message<1, none, send_right>;
using question = message<2, int>;
using told = message<3, int>;

result<void> wrong(reply_to<told> reply) { return reply.answer(question{1}); }
