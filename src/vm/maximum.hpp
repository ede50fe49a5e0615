// SPDX-License-Identifier: Apache-2.0
// The most access that a range may ever be given (tasks 5.2). Linux has no such thing for memory of one's
// own, so what was lowered is noted here, in a short table of the process. Rare: nearly always it is empty,
// and asking costs a load.
//
// One lock, tried for a while and never slept on: the child of a fork in the middle of a change would wait
// for ever.
#pragma once

#include <mach/vm_prot.h>
#include <stdint.h>

namespace portolan::vm {

// What every page of the range may be given.
vm_prot_t maximum_of(uintptr_t start, uintptr_t end);
// Lowers it, for good; false when the table is full.
bool maximum_lower(uintptr_t start, uintptr_t end, vm_prot_t maximum);
// The range is new memory, or none any more.
void maximum_forget(uintptr_t start, uintptr_t end);

}  // namespace portolan::vm
