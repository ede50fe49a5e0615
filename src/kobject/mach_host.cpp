// SPDX-License-Identifier: Apache-2.0
// The mach_host subsystem: ids from 200 on. Ids that are missing have no call yet.
#include "kobject/call.hpp"

namespace portolan::kobject {

namespace {

kern_return_t page_size(Call& c) {
  c.out64(kPage);
  return KERN_SUCCESS;
}

constexpr Routine kRoutines[] = {{202, {}, {.words = 2}, page_size}};

}  // namespace

constinit const Subsystem kMachHost = {Object::host, KERN_INVALID_ARGUMENT, KERN_INVALID_ARGUMENT, kRoutines};

}  // namespace portolan::kobject
