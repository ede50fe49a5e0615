// SPDX-License-Identifier: Apache-2.0
// Keeping what a dead task left, for `portolan check`: a file in the domain's directory, written before the
// task is taken down, while the domain asks for it (kDomainCorpse).
#pragma once

#include "ipc/objects.hpp"
#include "segment/domain.hpp"

namespace portolan {

void corpses_directory(const DomainPlace& place);
// Reaper::corpse. What cannot be written is not kept.
void corpse_hook(Thread& self, Handle<ipc::Task> task);

}  // namespace portolan
