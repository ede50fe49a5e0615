// SPDX-License-Identifier: Apache-2.0
// What a posix_spawnattr_t says about ports (bootstrap 12.4). It is kept in the room that the C library
// leaves at the structure's end and clears in posix_spawnattr_init: so a copy of the attributes has it, too.
// Only exception ports do not fit there: they are memory that posix_spawnattr_destroy frees.
#pragma once

#include <spawn.h>

#include "traps/process.hpp"

namespace portolan {

// Is there anything to be done for a child with these attributes?
bool spawn_ports_wanted(const posix_spawnattr_t* attributes);
// Sets the ports of the embryo, in a trap of its own. False: some right or port will not do.
bool spawn_ports_apply(const posix_spawnattr_t* attributes, const Embryo& embryo);

}  // namespace portolan
