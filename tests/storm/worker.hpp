// SPDX-License-Identifier: Apache-2.0
// One process of the ring. Its server thread receives whatever comes, answers, and passes on what is to
// travel; its client thread sends messages, calls the next one and waits for the answer however long, hands
// out rights and waits until they are gone. Both may be killed after any instruction.
#pragma once

#include "storm/ledger.hpp"

namespace portolan::storm {

// Becomes the process at a place; never returns.
[[noreturn]] void work(Ledger& ledger, unsigned place, uint32_t life);

}  // namespace portolan::storm
