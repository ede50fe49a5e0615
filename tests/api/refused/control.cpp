// SPDX-License-Identifier: Apache-2.0
#include <portolan/portolan.hpp>

using namespace portolan;
using give = message<1, none, send_right>;
using question = message<2, int>;
using told = message<3, int>;

result<void> control(const receive_right& port, send_right right, reply_to<told> reply) {
  const result<void> sent = send(port, give{std::move(right)});
  if (!sent) return sent;
  return reply.answer({1});
}
